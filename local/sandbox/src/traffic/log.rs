//! Counters, the log of requests, and violations.

use serde::Serialize;

use super::point::Class;

/// Counts of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived.
    pub received: u64,
    /// Requests that were answered, with whatever status.
    pub answered: u64,
    /// Requests under way now.
    pub in_flight: u64,
    /// The most that were ever under way at once.
    pub max_in_flight: u64,
}

/// A request in the log, without codes and tokens.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// Position in the order of arrival, from 0.
    pub number: u64,
    /// The group of endpoints.
    pub class: Class,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, of Jira requests only: elsewhere it may hold secrets.
    pub query: Option<String>,
    /// The key of the account whose code or token came along.
    pub account: Option<String>,
    /// The status answered; `null` while under way, or when there was no answer.
    pub status: Option<u16>,
}

/// A request that Jira would refuse because of how the app is written.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// The key of the account whose token came along.
    pub account: Option<String>,
    /// The method.
    pub method: String,
    /// The path below `/ex/jira/{cloudId}`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}
