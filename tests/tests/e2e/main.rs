//! The end-to-end tests: real functions behind the gateway, a real Postgres and Redis, a sandbox of Atlassian.

mod admin;
mod agile;
mod bad_input;
mod connect_token;
mod connection_info;
mod create;
mod delete;
mod deployment;
mod disconnect;
mod edit;
mod flow;
mod health;
mod idle;
mod issue;
mod list_connections;
mod logs;
mod metrics;
mod migrations;
mod once;
mod page;
mod projects;
mod refresh;
mod secrets;
mod settings;
mod storage;
mod tickets;
