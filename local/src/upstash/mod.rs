//! Upstash's REST API in front of a private redis-server: <https://upstash.com/docs/redis/features/restapi>.
//!
//! `tests/upstash.rs` runs Upstash's own client against it.

mod command;
mod faults;
mod reply;

use std::fmt;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use self::command::{Batch, Refusal};
pub use self::faults::{Fault, Faults};
use self::reply::Encoding;

/// Upstash's limit for the size of a request, in bytes
/// (<https://upstash.com/docs/redis/troubleshooting/max_request_size_exceeded>).
const MAX_BODY: usize = 10 * 1024 * 1024;

/// A running front. Dropping it closes its port and all connections.
pub struct Front {
    address: SocketAddr,
    faults: Arc<Faults>,
    server: AbortHandle,
}

struct Service {
    redis: ConnectionManager,
    token: String,
    faults: Arc<Faults>,
    sync_token: AtomicU64,
}

/// The connection is closed without a response.
#[derive(Debug)]
struct Hangup;

impl Front {
    /// Serves the redis-server at `redis_url` on `listener`, to clients that send `token`. The connection to Redis
    /// is opened on demand, and reopened after it was lost.
    pub fn start(listener: TcpListener, redis_url: &str, token: &str) -> Result<Self> {
        let address = listener.local_addr()?;
        let client = Client::open(redis_url).context("not the URL of a redis-server")?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(Duration::from_secs(10)));
        let redis = ConnectionManager::new_lazy_with_config(client, config)?;
        let faults = Arc::new(Faults::default());
        let service = Arc::new(Service {
            redis,
            token: token.to_owned(),
            faults: faults.clone(),
            sync_token: AtomicU64::new(0),
        });
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    connections.spawn(service.clone().serve(stream));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, faults, server: server.abort_handle() })
    }

    /// The address that the front listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value of `UPSTASH_REDIS_REST_URL` for this front.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Fault injection and counters.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Front").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Service {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        // The responses are small and awaited; Nagle's algorithm would delay them.
        drop(stream.set_nodelay(true));
        let service = service_fn(|request| {
            let this = self.clone();
            async move { this.answer(request).await.map_err(|Hangup| std::io::Error::other("hangup")) }
        });
        // Ignored: a broken connection concerns only the client, and a hangup is deliberate.
        drop(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
        );
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Hangup> {
        let fault = self.faults.meet().await;
        match fault {
            Some(Fault::Refuse) => return Err(Hangup),
            Some(Fault::Hang) => pending::<()>().await,
            Some(Fault::Status(status)) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                return Ok(respond(status, &json!({ "error": format!("ERR injected fault {status}") })));
            }
            Some(Fault::LoseAnswer) | None => {}
        }
        let response = self.handle(request).await;
        if fault == Some(Fault::LoseAnswer) { Err(Hangup) } else { Ok(response) }
    }

    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        if ![Method::HEAD, Method::GET, Method::POST, Method::PUT].contains(&head.method) {
            return error(StatusCode::METHOD_NOT_ALLOWED, "ERR method not allowed");
        }
        let query = head.uri.query().unwrap_or_default();
        let bearer =
            head.headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let in_query = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "_token");
        let given = bearer.or(in_query.as_ref().map(|(_, token)| token.as_bytes())).unwrap_or_default();
        if !bool::from(given.ct_eq(self.token.as_bytes())) {
            return error(StatusCode::UNAUTHORIZED, "Unauthorized");
        }
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            return error(StatusCode::PAYLOAD_TOO_LARGE, "ERR max request size exceeded");
        };
        let batch = match Batch::parse(head.uri.path(), query, &body.to_bytes()) {
            Ok(batch) => batch,
            Err(message) => return error(StatusCode::BAD_REQUEST, &message),
        };
        let base64 = head.headers.get("upstash-encoding").is_some_and(|value| value == "base64");
        let encoding = if base64 { Encoding::Base64 } else { Encoding::Text };
        let mut response = match self.run(batch, encoding).await {
            Ok((status, body)) => respond(status, &body),
            // Redis is unreachable: respond as Upstash does during an outage.
            Err(cause) => error(StatusCode::INTERNAL_SERVER_ERROR, &format!("ERR {}", cause.category())),
        };
        // Opaque to clients, which send the last one back for read-your-writes consistency. With one server there
        // is nothing to wait for.
        let sync_token = self.sync_token.fetch_add(1, Ordering::Relaxed);
        response.headers_mut().insert("upstash-sync-token", HeaderValue::from(sync_token));
        response
    }

    async fn run(&self, batch: Batch, encoding: Encoding) -> redis::RedisResult<(StatusCode, Value)> {
        match batch {
            Batch::One(command) => {
                let mut replies = self.pipeline(vec![command], encoding).await?;
                let reply = replies.pop().unwrap_or_default();
                let failed = reply.get("error").is_some();
                Ok((if failed { StatusCode::BAD_REQUEST } else { StatusCode::OK }, reply))
            }
            Batch::Pipeline(commands) => {
                let replies = self.pipeline(commands, encoding).await?;
                Ok((StatusCode::OK, Value::Array(replies)))
            }
            Batch::Transaction(commands) => self.transaction(commands, encoding).await,
        }
    }

    /// Runs commands in one round trip. Each has its own result, including those that are refused.
    async fn pipeline(
        &self,
        commands: Vec<Result<redis::Cmd, Refusal>>,
        encoding: Encoding,
    ) -> redis::RedisResult<Vec<Value>> {
        let mut pipeline = redis::Pipeline::new();
        self.faults.count_commands(commands.iter().flatten().count());
        for command in commands.iter().flatten() {
            pipeline.add_command(command.clone());
        }
        let mut replies = self.send(&pipeline).await?.into_iter();
        let results = commands.into_iter().map(|command| match command {
            Ok(_) => reply::item(replies.next().unwrap_or(redis::Value::Nil), encoding),
            Err(Refusal(message)) => json!({ "error": message }),
        });
        Ok(results.collect())
    }

    /// Runs commands in MULTI and EXEC. One that cannot be queued discards the whole transaction.
    async fn transaction(
        &self,
        commands: Vec<Result<redis::Cmd, Refusal>>,
        encoding: Encoding,
    ) -> redis::RedisResult<(StatusCode, Value)> {
        let commands = match commands.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(commands) => commands,
            Err(Refusal(message)) => {
                let message = format!("EXECABORT Transaction discarded because of: {message}");
                return Ok((StatusCode::BAD_REQUEST, json!({ "error": message })));
            }
        };
        self.faults.count_commands(commands.len());
        let mut pipeline = redis::Pipeline::new();
        pipeline.cmd("MULTI");
        for command in commands {
            pipeline.add_command(command);
        }
        pipeline.cmd("EXEC");
        let mut replies = self.send(&pipeline).await?;
        let outcome = replies.pop().unwrap_or(redis::Value::Nil);
        Ok(match outcome {
            redis::Value::Array(results) => {
                let results = results.into_iter().map(|result| reply::item(result, encoding)).collect();
                (StatusCode::OK, Value::Array(results))
            }
            other => {
                // The error of the first command that could not be queued says more than EXEC's own.
                let cause = replies.iter().find_map(reply::error_text);
                let aborted = reply::error_text(&other).unwrap_or_else(|| "EXECABORT".to_owned());
                let message = cause.map_or(aborted.clone(), |cause| format!("{aborted} {cause}"));
                (StatusCode::BAD_REQUEST, json!({ "error": message }))
            }
        })
    }

    async fn send(&self, pipeline: &redis::Pipeline) -> redis::RedisResult<Vec<redis::Value>> {
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        // A clone shares the connection, and provides the `&mut self` that the method needs.
        self.redis.clone().send_packed_commands(pipeline, 0, pipeline.len()).await
    }
}

fn error(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    respond(status, &json!({ "error": message }))
}

fn respond(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
