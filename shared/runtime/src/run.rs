//! The runner for an HTTP function: loads the settings, then runs every invocation under its deadline. Each gets a
//! response and one completion line whatever happens, and no cause ever reaches the caller.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base::config::{FromSettings, Settings};
use base::counters::{self, Identity, RequestMetrics};
use base::deadline;
use futures_util::FutureExt as _;
use http::Method;
use http::header::RETRY_AFTER;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Adapter, LambdaEvent, RequestExt, Service, lambda_runtime, service_fn};

use super::added::Added;
use super::bounds::{self, BodyKind};
use super::reloading_app::ReloadingApp;
use super::{Request, Response, bearer_token, compress, gateway_event, respond};
use crate::error::{ErrorAnswer, RequestError};
use crate::telemetry::{self, Completion, Failure, Kind};

/// What a request handler returns, boxed.
type Handled<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

/// A handler whose future has no type of its own: the runner is compiled for an app and not for its future as well.
type Handler<A, E> = Box<dyn Fn(Arc<A>, Request) -> Handled<E> + Send + Sync>;

fn boxed<A, E, F>(handler: fn(Arc<A>, Request) -> F) -> Handler<A, E>
where
    A: 'static,
    F: Future<Output = Result<Response, E>> + Send + 'static,
{
    Box::new(move |app, request| Box::pin(handler(app, request)))
}

/// Runs a function of the API. Errors are returned as JSON, `{"error": "…", "code": "…", "request_id": "…"}`.
pub fn serve<A, E, F>(handler: fn(Arc<A>, Request) -> F) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
    E: ErrorAnswer,
    F: Future<Output = Result<Response, E>> + Send + 'static,
{
    start(boxed(handler), render_json, Settings::from_environment(), Kind::Request, BodyKind::Fields)
}

/// Like [`serve`], for a function that accepts files of up to [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES); see
/// [`upload`](crate::upload).
pub fn serve_uploads<A, E, F>(handler: fn(Arc<A>, Request) -> F) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
    E: ErrorAnswer,
    F: Future<Output = Result<Response, E>> + Send + 'static,
{
    start(boxed(handler), render_json, Settings::from_environment(), Kind::Request, BodyKind::File)
}

/// Like [`serve`], for a function that passes on bodies of up to [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES); see
/// [`passed_on`](crate::passed_on).
pub fn serve_proxy<A, E, F>(handler: fn(Arc<A>, Request) -> F) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
    E: ErrorAnswer,
    F: Future<Output = Result<Response, E>> + Send + 'static,
{
    start(boxed(handler), render_json, Settings::from_environment(), Kind::Request, BodyKind::Any)
}

/// Runs a function that serves pages. Errors are rendered by `render`, which gets the request id, and the app unless
/// its settings could not be loaded.
pub fn serve_pages<A, E, F>(
    handler: fn(Arc<A>, Request) -> F,
    render: fn(Option<&A>, &E, &str) -> Response,
) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
    E: ErrorAnswer,
    F: Future<Output = Result<Response, E>> + Send + 'static,
{
    start(boxed(handler), render, Settings::from_environment(), Kind::Request, BodyKind::Fields)
}

/// Like [`serve`], for a function called by a monitor: its requests do not count in the metrics.
pub fn serve_probe<A, E, F>(handler: fn(Arc<A>, Request) -> F) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
    E: ErrorAnswer,
    F: Future<Output = Result<Response, E>> + Send + 'static,
{
    start(boxed(handler), render_json, Settings::from_environment(), Kind::Probe, BodyKind::Fields)
}

/// Runs a liveness probe. It needs no settings and depends on no other service.
pub fn serve_liveness<E, F>(handler: fn(Arc<()>, Request) -> F) -> ExitCode
where
    E: ErrorAnswer,
    F: Future<Output = Result<Response, E>> + Send + 'static,
{
    start(boxed(handler), render_json, Settings::default(), Kind::Probe, BodyKind::Fields)
}

fn render_json<A, E: ErrorAnswer>(_: Option<&A>, error: &E, request_id: &str) -> Response {
    respond::json::<RequestError>(error.status(), &error.body(request_id)).unwrap_or_default()
}

fn start<A, E>(
    handler: Handler<A, E>,
    render: fn(Option<&A>, &E, &str) -> Response,
    settings: Settings,
    kind: Kind,
    body: BodyKind,
) -> ExitCode
where
    A: FromSettings + Send + Sync + 'static,
    E: ErrorAnswer,
{
    run_app(settings, async |current: ReloadingApp<A>| {
        let runner =
            Arc::new(Runner { current, handler, render, kind, body, is_cold: AtomicBool::new(true) });
        let service = service_fn(move |request| {
            let runner = Arc::clone(&runner);
            // Boxed, because the runtime moves the future, which is large.
            Box::pin(async move { Ok::<_, std::convert::Infallible>(runner.answer(request).await) })
        });
        let mut adapter = Adapter::from(service);
        let answer = move |mut event: LambdaEvent<LambdaRequest>| {
            gateway_event::prepare(&mut event.payload);
            adapter.call(event)
        };
        // Not `lambda_runtime::run`, which creates a span for every invocation that nothing reads.
        lambda_runtime::Runtime::new(service_fn(answer)).run().await
    })
}

/// Builds the app and runs the function for the lifetime of its sandbox.
pub(crate) fn run_app<A: FromSettings>(
    settings: Settings,
    run: impl AsyncFnOnce(ReloadingApp<A>) -> Result<(), lambda_http::Error>,
) -> ExitCode {
    telemetry::init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cannot_start(&error),
    };
    runtime.block_on(async {
        let current = match ReloadingApp::start(settings).await {
            Ok(current) => current,
            Err(error) => return cannot_start(&error),
        };
        match run(current).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => cannot_start(&*error),
        }
    })
}

/// Logs on one line why the function cannot start, and exits; Lambda reports the failed start.
fn cannot_start(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(cause = %base::chain(error), "function cannot start");
    ExitCode::FAILURE
}

struct Runner<A, E> {
    current: ReloadingApp<A>,
    handler: Handler<A, E>,
    render: fn(Option<&A>, &E, &str) -> Response,
    kind: Kind,
    body: BodyKind,
    is_cold: AtomicBool,
}

impl<A: FromSettings + Send + Sync + 'static, E: ErrorAnswer> Runner<A, E> {
    async fn answer(&self, request: Request) -> Response {
        let started = Instant::now();
        let (metrics, added) =
            (Arc::new(RequestMetrics::new(identity(&request))), Arc::new(Added::default()));
        let answer = async {
            let accepts_gzip = compress::accepts_gzip(request.headers());
            // Boxed, because the nested future types get too deep for the compiler when it optimizes.
            let outcome = Box::pin(self.handle(request)).await;
            let outcome = outcome.and_then(|response| Ok(compress::compress(response, accepts_gzip)?));
            let (mut response, error) = match outcome {
                Ok(response) => (response, None),
                Err(error) => (self.render(&error, &metrics.identity().request), Some(error)),
            };
            added.apply(&mut response);
            let failure = error.as_ref().map(|error| Failure {
                code: error.code(),
                error: error.message(),
                cause: error.cause().unwrap_or_default(),
                is_no_fault: error.is_no_fault(),
            });
            Completion {
                status: response.status().as_u16(),
                duration_ms: started.elapsed().as_secs_f64() * 1000.0,
                cold_start: self.is_cold.swap(false, Ordering::Relaxed),
                failure,
                metrics: &metrics,
                kind: self.kind,
            }
            .write();
            response
        };
        Arc::clone(&added).scope(counters::scope(Arc::clone(&metrics), answer)).await
    }

    /// Runs the handler under the invocation's deadline. If it fails in a way that newer settings may fix (a rotated
    /// key, client secret or password), reloads the secret. If the secret has changed and the request is safe to
    /// repeat, runs the handler once more with the new app.
    async fn handle(&self, request: Request) -> Result<Response, E> {
        bounds::check_for(&request, self.body)?;
        let deadline =
            deadline::from_lambda(request.lambda_context_ref().map_or(0, |context| context.deadline));
        deadline::scope(deadline, async {
            let app = self.current.app().await?;
            let again = self.current.may_change().then(|| request.clone());
            let outcome = self.run(Arc::clone(&app), request, deadline).await;
            let (Err(error), Some(again)) = (&outcome, again) else { return outcome };
            if !error.may_be_outdated() {
                return outcome;
            }
            match self.current.newer_than(&app).await {
                Some(newer) if may_be_repeated(&again, error) => self.run(newer, again, deadline).await,
                _ => outcome,
            }
        })
        .await
    }

    /// Runs the handler with a timeout, and turns a panic into an error, so it does not end the sandbox.
    async fn run(&self, app: Arc<A>, request: Request, deadline: Instant) -> Result<Response, E> {
        // Unwind safe: a panic can only leave the app inconsistent, and its locks are poisoned then.
        let work = AssertUnwindSafe((self.handler)(app, request)).catch_unwind();
        // Adapters give up at the deadline and say what they were waiting for; this timeout is for code that does
        // not.
        let limit = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(100);
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => {
                Err(RequestError::Internal(format!("the handler panicked: {}", words_of(&*panic))).into())
            }
            Err(_) => Err(RequestError::TimedOut.into()),
        }
    }

    fn render(&self, error: &E, request_id: &str) -> Response {
        let app = self.current.peek();
        let mut response = (self.render)(app.as_deref(), error, request_id);
        if let Some(seconds) = error.retry_after_seconds() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Returns the panic message.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}

/// Whether a failed request is safe to repeat: nothing was done, or it is a backend's GET, which changes nothing.
fn may_be_repeated(request: &Request, error: &impl ErrorAnswer) -> bool {
    error.nothing_was_done() || (request.method() == Method::GET && bearer_token(request).is_some())
}

/// Extracts what correlates the request's log lines.
fn identity(request: &Request) -> Identity {
    let context = request.lambda_context_ref();
    let (gateway, route) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(gateway)) => {
            (gateway.request_id.clone().unwrap_or_default(), gateway.route_key.clone().unwrap_or_default())
        }
        _ => Default::default(),
    };
    Identity {
        request: context.map(|context| context.request_id.clone()).unwrap_or_default(),
        gateway,
        function: std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
        route,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    /// An application error that records what it was created from.
    #[derive(Debug)]
    struct Told(RequestError);

    impl From<RequestError> for Told {
        fn from(error: RequestError) -> Self {
            Self(error)
        }
    }

    impl ErrorAnswer for Told {
        fn status(&self) -> StatusCode {
            StatusCode::INTERNAL_SERVER_ERROR
        }

        fn code(&self) -> &'static str {
            "told"
        }

        fn message(&self) -> &'static str {
            "No."
        }

        fn cause(&self) -> Option<String> {
            Some(self.0.to_string())
        }

        fn body(&self, _: &str) -> serde_json::Value {
            serde_json::json!({})
        }

        fn retry_after_seconds(&self) -> Option<u64> {
            None
        }

        fn may_be_outdated(&self) -> bool {
            false
        }

        fn nothing_was_done(&self) -> bool {
            false
        }

        fn is_no_fault(&self) -> bool {
            false
        }
    }

    async fn outcome_of<F>(handler: fn(Arc<()>, Request) -> F, time: Duration) -> RequestError
    where
        F: Future<Output = Result<Response, Told>> + Send + 'static,
    {
        let current = ReloadingApp::<()>::start(Settings::default()).await.unwrap();
        let is_cold = AtomicBool::new(true);
        let runner = Runner {
            current,
            handler: boxed(handler),
            render: render_json,
            kind: Kind::Request,
            body: BodyKind::Fields,
            is_cold,
        };
        let Told(error) =
            runner.run(Arc::new(()), Request::default(), Instant::now() + time).await.unwrap_err();
        error
    }

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message_for_the_log() {
        let minute = Duration::from_secs(60);
        let error = outcome_of(|_, _| async { panic!("no {}", "way") }, minute).await;
        assert!(
            matches!(&error, RequestError::Internal(cause) if cause == "the handler panicked: no way"),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_handler_that_never_ends_times_out() {
        let error = outcome_of(|_, _| std::future::pending(), Duration::ZERO).await;
        assert!(matches!(error, RequestError::TimedOut), "{error:?}");
    }
}
