//! Structured logs and metrics: one JSON object a line, as `CloudWatch` reads them.

mod completion;
mod lines;

pub use completion::{Completion, DIMENSION, Failure, Kind, NAMESPACE, metric_names};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

/// Installs the subscriber that writes JSON lines.
///
/// Each line carries an RFC 3339 `timestamp`, without which Lambda's JSON log format would treat it as INFO
/// whatever its level (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>).
/// The level is `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else INFO; a level, or levels by module
/// (`info,hyper=debug`). What a full `EnvFilter` could do beyond that costs every binary a regex engine.
pub fn init() {
    let filter = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find_map(|value| value.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let subscriber = tracing_subscriber::registry().with(filter).with(lines::Lines);
    // Only a test can have installed another one before; it then keeps its own.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
