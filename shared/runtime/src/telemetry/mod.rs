//! Structured logs and metrics: one JSON object per line, as `CloudWatch` expects it.

mod completion;
mod lines;

pub use completion::{Completion, DIMENSION, Failure, Kind, NAMESPACE, metric_names};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

/// Installs the subscriber that writes JSON lines.
///
/// Each line has an RFC 3339 `timestamp`; without one, Lambda's JSON log format would treat it as INFO regardless of
/// its level (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>). The log level
/// comes from `AWS_LAMBDA_LOG_LEVEL`, then `RUST_LOG`, and defaults to INFO. It is a level, or levels by module
/// (`info,hyper=debug`). A full `EnvFilter` would add a regex engine to every binary.
pub fn init() {
    let filter = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find_map(|value| value.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let subscriber = tracing_subscriber::registry().with(filter).with(lines::Lines);
    // Fails only in tests that have installed a subscriber already, which they then keep.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
