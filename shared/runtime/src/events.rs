//! The runner for a function that is not an HTTP endpoint: it is invoked by an event, for example on a schedule, and
//! returns a value.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use base::config::{FromSettings, Settings};
use base::counters::{self, Identity, RequestMetrics};
use base::deadline;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use serde_json::Value;

use crate::error::ErrorAnswer;
use crate::reloading_app::ReloadingApp;
use crate::run::run_app;
use crate::telemetry::{self, Completion, Kind};

/// What an event handler returns, boxed.
type HandledEvent<E> = Pin<Box<dyn Future<Output = Result<Value, E>> + Send>>;

/// Runs an event handler: loads the settings at startup, then runs every invocation under its deadline and writes one
/// completion line, with the status that an HTTP request would have. A failure is reported to Lambda with its
/// message, but not its cause.
pub fn serve_events<A, E, F>(handler: fn(Arc<A>, Value) -> F) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
    E: ErrorAnswer,
    F: Future<Output = Result<Value, E>> + Send + 'static,
{
    run_app(Settings::from_environment(), async |current: ReloadingApp<A>| {
        let (current, is_cold) = (Arc::new(current), AtomicBool::new(true));
        let answer = move |event: LambdaEvent<Value>| {
            let cold_start = is_cold.swap(false, Ordering::Relaxed);
            let deadline = deadline::from_lambda(event.context.deadline);
            let current = Arc::clone(&current);
            // Boxed, because the nested future types get too deep for the compiler.
            let work: HandledEvent<E> =
                Box::pin(async move { handler(current.app().await?, event.payload).await });
            run(event.context.request_id, cold_start, deadline::scope(deadline, work))
        };
        lambda_runtime::run(lambda_runtime::service_fn(answer)).await
    })
}

async fn run<E: ErrorAnswer>(
    request_id: String,
    cold_start: bool,
    work: impl Future<Output = Result<Value, E>>,
) -> Result<Value, Failure<E>> {
    let started = Instant::now();
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let metrics =
        Arc::new(RequestMetrics::new(Identity { request: request_id, function, ..Identity::default() }));
    let outcome = counters::scope(Arc::clone(&metrics), work).await;
    Completion {
        status: outcome.as_ref().map_or_else(|error| error.status().as_u16(), |_| 200),
        duration_ms: started.elapsed().as_secs_f64() * 1000.0,
        cold_start,
        failure: outcome.as_ref().err().map(|error| telemetry::Failure {
            code: error.code(),
            error: error.message(),
            cause: error.cause().unwrap_or_default(),
            is_no_fault: error.is_no_fault(),
        }),
        metrics: &metrics,
        kind: Kind::Run,
    }
    .write();
    outcome.map_err(Failure)
}

/// What Lambda sees of an error: the message, never the cause.
struct Failure<E>(E);

impl<E: ErrorAnswer> std::fmt::Debug for Failure<E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}: {}", self.0.status().as_u16(), self.0.code(), self.0.message())
    }
}

impl<E: ErrorAnswer> From<Failure<E>> for lambda_runtime::Diagnostic {
    fn from(Failure(error): Failure<E>) -> Self {
        Self { error_type: error.code().to_owned(), error_message: error.message().to_owned() }
    }
}
