//! Counters, the request log, and violations.

use std::collections::BTreeMap;

use serde::Serialize;

use super::point::Class;

/// The counters of one class of endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests received.
    pub received: u64,
    /// Requests that got a response, whatever its status.
    pub answered: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// The maximum number of requests in flight at once.
    pub max_in_flight: u64,
}

/// A logged request, without codes and tokens.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// Position in the order of arrival, starting at 0.
    pub number: u64,
    /// The group of endpoints.
    pub class: Class,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, only for Jira requests: elsewhere it may contain secrets.
    pub query: Option<String>,
    /// The headers, without `Authorization`; repeated ones are joined.
    pub headers: BTreeMap<String, String>,
    /// The key of the account that the code or token belongs to.
    pub account: Option<String>,
    /// The status of the response; `None` while in flight, or if there was none.
    pub status: Option<u16>,
}

/// A request that Jira would refuse because of how the app is written.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// The key of the account that the token belongs to.
    pub account: Option<String>,
    /// The method.
    pub method: String,
    /// The path below `/ex/jira/{cloudId}`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}
