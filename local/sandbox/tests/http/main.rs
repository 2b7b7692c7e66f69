//! The Atlassian sandbox, over HTTP.
#![cfg(test)]

mod agile;
mod api;
mod attachments;
mod changelog;
mod comments;
mod consent;
mod control;
mod faults;
mod issue_links;
mod issues;
mod jira;
mod limits;
mod planning;
mod restart;
mod rotation;
mod search;
mod site;
mod strict;
mod support;
mod users;
mod worklogs;
