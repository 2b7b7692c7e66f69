//! The completion line, which says how a request ended. It also carries the request's metrics, in the embedded metric
//! format of `CloudWatch`: the fields listed in `_aws` are metrics.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write as _;

use base::counters::{Counter, RequestMetrics};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The metrics' namespace.
pub const NAMESPACE: &str = "Juncture";

/// The only dimension of the metrics: the name of the deployed stack. Each value of a second dimension, such as the
/// function, would be billed as another set of metrics. The log answers questions about one function or error code,
/// because every line has these as fields.
pub const DIMENSION: &str = "stack";

/// The setting with the stack's name.
const STACK: &str = "JUNCTURE_STACK";

/// Metrics besides the counters. The first two are in every request's line, the others only when not zero.
const REQUESTS: &str = "requests";
const DURATION: &str = "duration_ms";
const CLIENT_ERRORS: &str = "client_errors";
const SERVER_ERRORS: &str = "server_errors";
const COLD_STARTS: &str = "cold_starts";

/// Returns the names of all metrics.
pub fn metric_names() -> impl Iterator<Item = &'static str> {
    [REQUESTS, DURATION, CLIENT_ERRORS, SERVER_ERRORS, COLD_STARTS]
        .into_iter()
        .chain(Counter::ALL.iter().copied().map(Counter::name))
}

/// What a completion line is about. All lines have the same fields; the kind decides which of them are metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request.
    Request,
    /// A scheduled run. Events in it are metrics. Its duration and round trips are not: it can take a quarter of an
    /// hour and thousands of round trips, which would drown out those of requests.
    Run,
    /// A monitor's probe. It has no metrics, because it would dilute the error rate.
    Probe,
}

/// How a request ended.
#[derive(Debug)]
pub struct Completion<'a> {
    /// The HTTP status.
    pub status: u16,
    /// How long the function took, in milliseconds.
    pub duration_ms: f64,
    /// Whether it was the sandbox's first invocation.
    pub cold_start: bool,
    /// Why it failed, if it did.
    pub failure: Option<Failure<'a>>,
    /// The request's identity and counts.
    pub metrics: &'a RequestMetrics,
    /// What kind of invocation it was.
    pub kind: Kind,
}

/// Why a request failed.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The machine-readable code.
    pub code: &'static str,
    /// The message that the caller got.
    pub error: &'a str,
    /// The cause, for the log only.
    pub cause: String,
    /// Whether this is expected in spite of its 5xx status.
    pub is_no_fault: bool,
}

impl Completion<'_> {
    /// Writes the line to standard output regardless of the log level, because the metrics depend on it.
    pub fn write(&self) {
        let mut line = Vec::with_capacity(1024);
        if serde_json::to_writer(&mut line, self).is_err() {
            return;
        }
        line.push(b'\n');
        // If standard output is closed, there is nowhere to report it.
        let _ = std::io::stdout().lock().write_all(&line);
    }

    fn message(&self) -> &'static str {
        match &self.failure {
            _ if self.is_server_error() => "request failed",
            Some(_) => "request refused",
            None => "request completed",
        }
    }

    /// A rejected prefetch has a 5xx status but is not an error.
    fn is_server_error(&self) -> bool {
        self.status >= 500 && self.failure.as_ref().is_none_or(|failure| !failure.is_no_fault)
    }

    /// Returns the counters and their values, without the duration.
    fn counts(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let events = [
            (CLIENT_ERRORS, (400..500).contains(&self.status)),
            (SERVER_ERRORS, self.is_server_error()),
            (COLD_STARTS, self.cold_start),
        ];
        let metrics = Counter::ALL.iter().copied().map(|count| (count, self.metrics.of(count)));
        std::iter::once((REQUESTS, 1))
            .chain(events.into_iter().filter(|(_, happened)| *happened).map(|(name, _)| (name, 1)))
            .chain(
                metrics
                    .filter(|(count, times)| *times > 0 || count.is_round_trip())
                    .map(|(count, times)| (count.name(), times)),
            )
    }

    /// Returns the fields that are metrics.
    fn metrics(&self) -> Vec<Metric> {
        let count = |name| Metric { name, unit: "Count" };
        match self.kind {
            Kind::Request => {
                let counts = self.counts().map(|(name, _)| count(name));
                counts.chain([Metric { name: DURATION, unit: "Milliseconds" }]).collect()
            }
            Kind::Run => {
                let counts = |it: &Counter| !it.is_round_trip() && self.metrics.of(*it) > 0;
                Counter::ALL.iter().copied().filter(counts).map(|it| count(it.name())).collect()
            }
            Kind::Probe => Vec::new(),
        }
    }
}

impl Serialize for Completion<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let now = OffsetDateTime::now_utc();
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("timestamp", &now.format(&Rfc3339).map_err(serde::ser::Error::custom)?)?;
        line.serialize_entry("level", if self.is_server_error() { "ERROR" } else { "INFO" })?;
        line.serialize_entry("message", self.message())?;
        let identity = self.metrics.identity();
        line.serialize_entry("request_id", &identity.request)?;
        line.serialize_entry("gateway_request_id", &identity.gateway)?;
        line.serialize_entry("function", &identity.function)?;
        line.serialize_entry("route", &identity.route)?;
        line.serialize_entry("status", &self.status)?;
        line.serialize_entry(DURATION, &self.duration_ms)?;
        line.serialize_entry("cold_start", &self.cold_start)?;
        if let Some(failure) = &self.failure {
            line.serialize_entry("code", failure.code)?;
            line.serialize_entry("error", failure.error)?;
            if !failure.cause.is_empty() {
                line.serialize_entry("cause", &failure.cause)?;
            }
        }
        for (name, times) in self.counts() {
            line.serialize_entry(name, &times)?;
        }
        let metrics = self.metrics();
        if !metrics.is_empty() {
            line.serialize_entry(DIMENSION, &stack())?;
            let timestamp = (now.unix_timestamp_nanos() / 1_000_000) as i64;
            let directive = Directive { namespace: NAMESPACE, dimensions: [[DIMENSION]], metrics };
            line.serialize_entry("_aws", &Metadata { timestamp, cloud_watch_metrics: [directive] })?;
        }
        line.end()
    }
}

/// The metadata that turns fields of the line into metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// Milliseconds since the Unix epoch.
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

/// Returns the name of the stack this sandbox belongs to.
fn stack() -> String {
    std::env::var(STACK).ok().filter(|stack| !stack.is_empty()).unwrap_or_else(|| "local".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base::counters::{Identity, count, record, scope};
    use serde_json::{Value, json};

    use super::*;

    fn line(status: u16, metrics: &RequestMetrics, failure: Option<Failure<'_>>, kind: Kind) -> Value {
        let completion =
            Completion { status, duration_ms: 12.5, cold_start: status == 200, failure, metrics, kind };
        serde_json::to_value(&completion).unwrap()
    }

    /// Returns the metrics in a line by name, as `CloudWatch` extracts them.
    fn logged_metrics(line: &Value) -> Vec<(String, f64)> {
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 1);
        assert_eq!(directives[0]["Namespace"], NAMESPACE);
        assert_eq!(directives[0]["Dimensions"], json!([[DIMENSION]]));
        assert!(line[DIMENSION].is_string(), "the dimension is a field of the line");
        let defined = directives[0]["Metrics"].as_array().unwrap();
        let value = |metric: &Value| {
            let name = metric["Name"].as_str().unwrap().to_owned();
            let value = line[&name].as_f64().unwrap_or_else(|| panic!("{name} is not a number in {line}"));
            (name, value)
        };
        defined.iter().map(value).collect()
    }

    #[tokio::test]
    async fn counters_are_fields_and_metrics() {
        let metrics = Arc::new(RequestMetrics::default());
        let work = async {
            count(Counter::RedisRequests);
            count(Counter::JiraQuotaExhausted);
        };
        scope(Arc::clone(&metrics), work).await;
        let line = line(200, &metrics, None, Kind::Request);
        assert_eq!(
            logged_metrics(&line).iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>(),
            [
                ("requests", 1.0),
                ("cold_starts", 1.0),
                ("redis_requests", 1.0),
                ("postgres_statements", 0.0),
                ("jira_requests", 0.0),
                ("token_requests", 0.0),
                ("jira_quota_exhausted", 1.0),
                ("duration_ms", 12.5),
            ]
        );
        let timestamp = line["_aws"]["Timestamp"].as_i64().unwrap();
        let written = OffsetDateTime::parse(line["timestamp"].as_str().unwrap(), &Rfc3339).unwrap();
        assert_eq!(timestamp, (written.unix_timestamp_nanos() / 1_000_000) as i64, "milliseconds");
    }

    #[tokio::test]
    async fn only_events_of_a_run_are_metrics() {
        let metrics = Arc::new(RequestMetrics::default());
        let nothing = line(200, &metrics, None, Kind::Run);
        assert!(nothing["_aws"].is_null(), "{nothing}");
        let work = async {
            count(Counter::TokenRequests);
            record(Counter::IdleConnectionsDue, 7);
        };
        scope(Arc::clone(&metrics), work).await;
        let line = line(200, &metrics, None, Kind::Run);
        assert_eq!(logged_metrics(&line), [("idle_connections_due".to_owned(), 7.0)]);
        assert_eq!((&line["requests"], &line["token_requests"]), (&json!(1), &json!(1)), "still fields");
    }

    #[test]
    fn errors_are_metrics_by_class_and_fields_by_code() {
        let failure = |code| Some(Failure { code, error: "No.", cause: String::new(), is_no_fault: false });
        let refused = line(404, &RequestMetrics::default(), failure("connection_not_found"), Kind::Request);
        assert_eq!((&refused["level"], &refused["message"]), (&json!("INFO"), &json!("request refused")));
        assert_eq!(refused["code"], "connection_not_found");
        assert!(logged_metrics(&refused).contains(&("client_errors".to_owned(), 1.0)));
        let failed = line(503, &RequestMetrics::default(), failure("storage_unavailable"), Kind::Request);
        assert_eq!((&failed["level"], &failed["message"]), (&json!("ERROR"), &json!("request failed")));
        assert!(logged_metrics(&failed).contains(&("server_errors".to_owned(), 1.0)));
        assert!(failed["cause"].is_null() && failed["client_errors"].is_null());
    }

    #[test]
    fn metric_names_are_unique_and_complete() {
        let names: Vec<_> = metric_names().collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        for status in [200, 404, 503] {
            for (name, _) in logged_metrics(&line(status, &RequestMetrics::default(), None, Kind::Request)) {
                assert!(names.contains(&name.as_str()), "{name}");
            }
        }
    }

    #[test]
    fn a_probe_is_logged_but_has_no_metrics() {
        let identity = Identity { request: "r-1".to_owned(), ..Identity::default() };
        let line = line(200, &RequestMetrics::new(identity), None, Kind::Probe);
        assert!(line["_aws"].is_null() && line[DIMENSION].is_null(), "{line}");
        assert_eq!((&line["status"], &line["request_id"]), (&json!(200), &json!("r-1")));
    }
}
