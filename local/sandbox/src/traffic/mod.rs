//! Active faults and gates, and what was observed: counters, the request log, violations.

pub(crate) mod faults;
pub(crate) mod gates;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod point;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;

use faults::Rule;
use gates::GateState;
use log::{Counters, LoggedRequest, Violation};
use point::{Class, When};

/// Maximum length of the log. Older requests are dropped from it, but not from the counters.
const LOG_LENGTH: usize = 10_000;

/// Called with each violation as it happens.
pub(crate) type ViolationSink = Box<dyn Fn(&Violation) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) rules: Vec<Rule>,
    pub(crate) gates: Vec<Arc<GateState>>,
    pub(crate) counters: BTreeMap<Class, Counters>,
    pub(crate) log: VecDeque<LoggedRequest>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) on_violation: Option<ViolationSink>,
    received: u64,
}

impl Traffic {
    /// Logs a request and returns its number.
    pub(crate) fn begin(&mut self, class: Class, request: &Request, account: Option<String>) -> u64 {
        let counters = self.counters.entry(class).or_default();
        counters.received += 1;
        counters.in_flight += 1;
        counters.max_in_flight = counters.max_in_flight.max(counters.in_flight);
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        let number = self.received;
        self.received += 1;
        let query = request.uri().query().filter(|_| class == Class::Jira);
        self.log.push_back(LoggedRequest {
            number,
            class,
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: query.map(str::to_owned),
            headers: headers_of(request),
            account,
            status: None,
        });
        number
    }

    pub(crate) fn end(&mut self, class: Class, number: u64, status: Option<StatusCode>) {
        let counters = self.counters.entry(class).or_default();
        counters.in_flight -= 1;
        counters.answered += u64::from(status.is_some());
        if let Some(entry) = self.log.iter_mut().rev().find(|entry| entry.number == number) {
            entry.status = status.map(|status| status.as_u16());
        }
    }

    pub(crate) fn record(&mut self, violation: Violation) {
        if let Some(on_violation) = &self.on_violation {
            on_violation(&violation);
        }
        self.violations.push(violation);
    }

    /// Finds a gate that holds a request at this point.
    pub(crate) fn gate(&mut self, class: Class, account: Option<&str>, when: When) -> Option<Arc<GateState>> {
        self.gates.iter().find(|gate| gate.claim(class, account, when)).cloned()
    }
}

/// The headers of a request, without its token.
fn headers_of(request: &Request) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != AUTHORIZATION) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let append = |all: &mut String| *all = format!("{all}, {value}");
        headers.entry(name.to_string()).and_modify(append).or_insert_with(|| value.to_string());
    }
    headers
}
