//! The Atlassian sandbox, over HTTP.
#![cfg(test)]

mod agile;
mod api;
mod attachments;
mod consent;
mod control;
mod faults;
mod issues;
mod jira;
mod restart;
mod rotation;
mod search;
mod strict;
mod support;
mod worklogs;
