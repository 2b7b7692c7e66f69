//! The Lambda Runtime API of one instance, on its own port:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// Lambda's payload limit in both directions: 6 MB plus some room for the envelope
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub(super) const MAX_PAYLOAD: usize = 6 * 1024 * 1024 + 100;

/// Extra time for an instance to start and to deliver its reply, on top of the invocation's timeout.
const GRACE: Duration = Duration::from_secs(30);

/// An event to be handled by an instance.
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
    pub(super) timeout: Duration,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// The instance's reply: the bytes it returned, or the error it reported.
pub type Reply = Result<Bytes, String>;

/// The server side of the Runtime API.
pub struct Endpoint {
    /// Queues an invocation until the instance polls for it.
    pub(super) invocations: mpsc::Sender<Invocation>,
    /// True once the instance has polled for its first invocation, which means that it is initialised.
    pub(super) ready: watch::Receiver<bool>,
    /// `host:port`, the value of `AWS_LAMBDA_RUNTIME_API`.
    pub address: String,
    server: AbortHandle,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Runtime {
    function_arn: String,
    queue: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    /// The invocation that the instance is handling.
    current: Mutex<Option<(String, oneshot::Sender<Reply>)>>,
    ready: watch::Sender<bool>,
    /// Called when the instance reports an initialisation error.
    init_error: Box<dyn Fn(&str) + Send + Sync>,
}

impl Endpoint {
    /// Opens the endpoint for a new instance. `init_error` receives the reason if its initialisation fails.
    pub async fn open(
        function_arn: String,
        init_error: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (invocations, queue) = mpsc::channel(1);
        let (ready_sender, ready) = watch::channel(false);
        let runtime = Arc::new(Runtime {
            function_arn,
            queue: tokio::sync::Mutex::new(queue),
            current: Mutex::new(None),
            ready: ready_sender,
            init_error: Box::new(init_error),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error_reported))
            .with_state(runtime);
        // The responses are small and awaited; Nagle's algorithm would delay them.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await }).abort_handle();
        Ok(Self { invocations, ready, address, server })
    }

    /// Sends one event to an instance that was started by other means, and waits for its reply: the `timeout` that
    /// the instance is given, plus a grace period.
    pub async fn invoke(&self, payload: Bytes, timeout: Duration) -> Result<Reply> {
        let (reply, replied) = oneshot::channel();
        let (request_id, trace_id) = (Uuid::new_v4().to_string(), "Root=1-00000000-local".to_owned());
        self.invocations.send(Invocation { request_id, trace_id, payload, timeout, reply }).await?;
        Ok(tokio::time::timeout(timeout + GRACE, replied).await.context("no reply")??)
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Endpoint").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response<Body> {
    runtime.ready.send_replace(true);
    let Some(invocation) = runtime.queue.lock().await.recv().await else {
        return refusal(StatusCode::GONE, "Gone", "the sandbox is closed");
    };
    // The timeout starts here: what came before was initialisation, which Lambda times separately.
    let deadline = SystemTime::now() + invocation.timeout;
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let response = Response::builder()
        .header("Content-Type", "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", &invocation.request_id)
        .header("Lambda-Runtime-Deadline-Ms", deadline.to_string())
        .header("Lambda-Runtime-Trace-Id", &invocation.trace_id)
        .header("Lambda-Runtime-Invoked-Function-Arn", &runtime.function_arn)
        .body(Body::from(invocation.payload));
    *runtime.current() = Some((invocation.request_id, invocation.reply));
    response.unwrap_or_else(|_| refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal", "not a header"))
}

async fn response(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>, body: Body) -> Response<Body> {
    match to_bytes(body, MAX_PAYLOAD).await {
        Ok(bytes) => runtime.finish(&id, Ok(bytes)),
        Err(_) => {
            let message = format!("Exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes).");
            runtime.finish(&id, Err(message.clone()));
            refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
    }
}

async fn error(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>, body: Bytes) -> Response<Body> {
    runtime.finish(&id, Err(error_message(&body)))
}

async fn init_error_reported(State(runtime): State<Arc<Runtime>>, body: Bytes) -> (StatusCode, Json<Value>) {
    (runtime.init_error)(&error_message(&body));
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" })))
}

fn error_message(body: &[u8]) -> String {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| error[name].as_str().unwrap_or("unknown").to_owned();
    format!("{}: {}", field("errorType"), field("errorMessage"))
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let body = json!({ "errorType": kind, "errorMessage": message }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
}

impl Runtime {
    fn current(&self) -> std::sync::MutexGuard<'_, Option<(String, oneshot::Sender<Reply>)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, id: &str, reply: Reply) -> Response<Body> {
        let Some((_, sender)) = self.current().take_if(|(current, _)| current == id) else {
            return refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        };
        // The receiver is gone if the invocation has timed out.
        drop(sender.send(reply));
        let mut response = Response::new(Body::from(r#"{"status":"OK"}"#));
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }
}
