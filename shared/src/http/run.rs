//! The runner of a function: settings once, then every invocation under its deadline, with an answer whatever
//! happens, one completion line, and no way for a cause to reach the caller.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::header::RETRY_AFTER;
use lambda_http::request::RequestContext;
use lambda_http::{RequestExt, service_fn};
use tracing::Instrument;

use super::{Request, Response, compress, respond};
use crate::config::{FromSettings, Settings};
use crate::deadline;
use crate::error::{Error, Result};
use crate::telemetry;

/// What a handler returns.
pub type Handled = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

/// Runs a function of the API: failures are answered as JSON, `{"error": "…", "code": "…", "request_id": "…"}`.
///
/// The handler is boxed so that the machinery around it is compiled once, not once per function.
pub fn serve<A>(handler: fn(Arc<A>, Request) -> Handled) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
{
    serve_pages(handler, |_, error, request_id| {
        respond::json(error.status(), &error.body(request_id)).unwrap_or_default()
    })
}

/// Runs a function that answers people: failures are rendered by `render`, which is given the request id.
pub fn serve_pages<A>(
    handler: fn(Arc<A>, Request) -> Handled,
    render: fn(&A, &Error, &str) -> Response,
) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
{
    telemetry::init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cannot_start(&error),
    };
    runtime.block_on(async {
        let settings = match Settings::load().await {
            Ok(settings) => settings,
            Err(error) => return cannot_start(&error),
        };
        let app = match A::from_settings(&settings) {
            Ok(app) => Arc::new(app),
            Err(error) => return cannot_start(&error),
        };
        let runner = Arc::new(Runner { app, handler, render, is_cold: AtomicBool::new(true) });
        let service = service_fn(move |request| {
            let runner = Arc::clone(&runner);
            async move { Ok::<_, std::convert::Infallible>(runner.answer(request).await) }
        });
        match lambda_http::run(service).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => cannot_start(&*error),
        }
    })
}

/// Says in one line why the function is of no use, and ends it: Lambda reports a failed start.
fn cannot_start(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(cause = %crate::error::chain(error), "the function cannot run");
    ExitCode::FAILURE
}

struct Runner<A> {
    app: Arc<A>,
    handler: fn(Arc<A>, Request) -> Handled,
    render: fn(&A, &Error, &str) -> Response,
    is_cold: AtomicBool,
}

impl<A: Send + Sync + 'static> Runner<A> {
    async fn answer(&self, request: Request) -> Response {
        let started = Instant::now();
        let id = Identity::of(&request);
        let span = tracing::info_span!(
            "request",
            request_id = %id.request,
            gateway_request_id = %id.gateway,
            function = %id.function,
            route = %id.route,
        );
        async {
            let accepts_gzip = compress::accepts_gzip(request.headers());
            let outcome = self.handle(request).await;
            let outcome = outcome.and_then(|response| compress::fit(response, accepts_gzip));
            let cold_start = self.is_cold.swap(false, Ordering::Relaxed);
            let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
            let (response, failure) = match outcome {
                Ok(response) => (response, None),
                Err(error) => (self.render(&error, &id.request), Some(error)),
            };
            log_completion(&id, &response, failure.as_ref(), duration_ms, cold_start);
            response
        }
        .instrument(span)
        .await
    }

    /// Runs the handler as a task of its own, so that a panic ends it and not the sandbox, and ends it when
    /// its time is up.
    async fn handle(&self, request: Request) -> Result<Response> {
        let deadline =
            deadline::from_lambda(request.lambda_context_ref().map_or(0, |context| context.deadline));
        let work = deadline::scope(deadline, (self.handler)(Arc::clone(&self.app), request));
        let mut task = tokio::spawn(work.in_current_span());
        // Adapters give up at the deadline and say what they waited for; this is for whoever does not.
        let limit = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(100);
        match tokio::time::timeout(limit, &mut task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(Error::internal(panic)),
            Err(_) => {
                task.abort();
                Err(Error::timed_out("The request took too long. Try again."))
            }
        }
    }

    fn render(&self, error: &Error, request_id: &str) -> Response {
        let mut response = (self.render)(&self.app, error, request_id);
        if let Some(seconds) = error.retry_after_seconds() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What ties the log lines of one request together.
struct Identity {
    request: String,
    gateway: String,
    function: String,
    route: String,
}

impl Identity {
    fn of(request: &Request) -> Self {
        let context = request.lambda_context_ref();
        let (gateway, route) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(gateway)) => (
                gateway.request_id.clone().unwrap_or_default(),
                gateway.route_key.clone().unwrap_or_default(),
            ),
            _ => Default::default(),
        };
        Self {
            request: context.map(|context| context.request_id.clone()).unwrap_or_default(),
            gateway,
            function: std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
            route,
        }
    }
}

/// The one line that says how a request ended.
fn log_completion(
    id: &Identity,
    response: &Response,
    error: Option<&Error>,
    duration_ms: f64,
    cold_start: bool,
) {
    let status = response.status().as_u16();
    let Some(error) = error else {
        tracing::info!(
            request_id = %id.request, function = %id.function, route = %id.route,
            status, duration_ms, cold_start, "request completed"
        );
        return;
    };
    let (code, cause) = (error.code(), error.cause_chain().unwrap_or_default());
    if error.status().is_server_error() {
        tracing::error!(
            request_id = %id.request, function = %id.function, route = %id.route,
            status, duration_ms, cold_start, code, error = error.message(), cause, "request failed"
        );
    } else {
        tracing::info!(
            request_id = %id.request, function = %id.function, route = %id.route,
            status, duration_ms, cold_start, code, error = error.message(), cause, "request refused"
        );
    }
}
