//! Targets for the figures.

use crate::report::{EndpointFigures, Report};

/// A figure and its upper limit.
#[derive(Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) found: f64,
    pub(crate) most: f64,
}

impl Target {
    pub(crate) fn is_met(&self) -> bool {
        self.found <= self.most
    }
}

/// Reads a figure of an endpoint.
type Figure = fn(&EndpointFigures) -> f64;

const REDIS: (&str, Figure) = ("Redis requests", |endpoint| endpoint.redis_requests as f64);
const POSTGRES: (&str, Figure) = ("statements", |endpoint| endpoint.postgres_statements as f64);
const CALLS: (&str, Figure) = ("Jira calls", |endpoint| endpoint.atlassian_calls as f64);
const CHAIN: (&str, Figure) = ("chain", |endpoint| endpoint.chain as f64);
/// Every Jira endpoint makes one Redis request before it calls Jira, which is part of its chain.
const JIRA_CHAIN: (&str, Figure) = ("chain of Jira calls", |endpoint| endpoint.chain as f64 - 1.0);
const OWN_SHARE: (&str, Figure) = ("own share, ms", |endpoint| endpoint.own_share_ms.median);
const LATENCY: (&str, Figure) = ("latency, ms", |endpoint| endpoint.latency_ms.median);
const MEMORY: (&str, Figure) = ("peak memory, MiB", |endpoint| endpoint.peak_mib);

const ENDPOINTS: [(&str, (&str, Figure), f64); 37] = [
    ("get-access-token", REDIS, 1.0),
    ("get-access-token", POSTGRES, 0.0),
    ("get-access-token", OWN_SHARE, 1.0),
    ("get-access-token", MEMORY, 12.0),
    ("check-connection-validity", REDIS, 1.0),
    ("check-connection-validity", CHAIN, 2.0),
    ("check-connection-validity", MEMORY, 12.0),
    ("get-selected-project", REDIS, 1.0),
    ("get-selected-project", CHAIN, 2.0),
    ("get-selected-project", MEMORY, 12.0),
    ("get-connection-credentials", REDIS, 1.0),
    ("get-connection-credentials", CHAIN, 2.0),
    ("get-connection-credentials", MEMORY, 12.0),
    ("get-projects", REDIS, 1.0),
    ("get-projects", JIRA_CHAIN, 2.0),
    ("get-issue-details", REDIS, 1.0),
    ("get-issue-details", CALLS, 1.0),
    ("edit-issue", REDIS, 1.0),
    ("edit-issue", CALLS, 1.0),
    ("create-ticket, without", CALLS, 2.0),
    ("create-ticket, with an", CALLS, 2.0),
    ("delete-issue", REDIS, 1.0),
    ("transition-issue", JIRA_CHAIN, 2.0),
    ("add-comment", CALLS, 1.0),
    ("get-create-form, 120 fields, type by id", CALLS, 1.0),
    ("get-create-form, 120 fields, type by name", CALLS, 2.0),
    ("search-tickets", REDIS, 1.0),
    // Those of get-tickets-for-project for as many, and one for the parser.
    ("search-tickets", CALLS, 12.0),
    ("get-boards-for-project", REDIS, 1.0),
    ("get-all-sprints-for-project", REDIS, 1.0),
    ("get-active-sprints-for-project", REDIS, 1.0),
    ("get-active-sprints-for-project", LATENCY, 900.0),
    ("get-tickets-for-sprint", REDIS, 1.0),
    ("get-tickets-for-sprint", JIRA_CHAIN, 3.0),
    ("get-tickets-for-project", REDIS, 1.0),
    ("get-tickets-for-project", LATENCY, 1600.0),
    ("get-tickets-for-project", MEMORY, 64.0),
];

/// All targets, with the figures found.
pub(crate) fn of(report: &Report) -> Vec<Target> {
    let mut targets = Vec::new();
    for (name, (what, figure), most) in ENDPOINTS {
        for endpoint in report.endpoints.iter().filter(|endpoint| endpoint.name.starts_with(name)) {
            targets.push(Target {
                what: format!("{}: {what}", endpoint.name),
                found: figure(endpoint),
                most,
            });
        }
    }
    let functions = || report.functions.iter().filter(|function| function.name != crate::starts::EMPTY);
    let worst =
        |figure: fn(&crate::report::FunctionFigures) -> f64| functions().map(figure).fold(0.0, f64::max);
    for (what, found, most) in [
        ("largest binary, MB", worst(|function| function.binary_mb), 7.0),
        ("largest zip, MB", worst(|function| function.zip_mb), 3.2),
        ("slowest start, × empty", worst(|function| function.start_ratio.median), 1.5),
        ("user CPU of get-access-token, × empty", report.cpu.ratio.median, 2.0),
    ] {
        targets.push(Target { what: what.to_owned(), found, most });
    }
    targets
}
