//! The Atlassian sandbox, over HTTP.
#![cfg(test)]

mod agile;
mod api;
mod consent;
mod control;
mod faults;
mod issues;
mod jira;
mod planning;
mod restart;
mod rotation;
mod search;
mod strict;
mod support;
