//! Handles requests as an HTTP API does, by invoking the functions.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::timeout;
use uuid::Uuid;

use super::cors::Cors;
use super::event::{Incoming, event};
use super::instance::Failure;
use super::pool::{Pool, Shared};
use super::response;
use super::route::Router;
use super::runtime_api::MAX_PAYLOAD;

/// Limits of an HTTP API, in bytes: the request body, and the request line plus headers
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
const MAX_BODY: usize = 10 * 1024 * 1024;
const MAX_HEAD: usize = 10_240;
/// How long an HTTP API waits for a function; the function may keep running.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The state of a gateway.
pub(super) struct Api {
    pub(super) router: Router,
    pub(super) cors: Option<Cors>,
    pub(super) pools: BTreeMap<String, Pool>,
    pub(super) shared: Arc<Shared>,
    pub(super) port: u16,
}

pub(super) async fn serve(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (request, body) = request.into_parts();
    // Read to the end even if the request is refused: a client that is still sending would not see the response.
    let body = match read(body).await {
        Ok(body) => body,
        Err(_) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
    };
    if head_size(&request) > MAX_HEAD {
        return message(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
    }
    let preflight = api.cors.as_ref().and_then(|cors| cors.preflight(&request.method, &request.headers));
    if let Some(headers) = preflight {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.headers_mut() = headers;
        return response;
    }
    let found = api.router.find(request.method.as_str(), request.uri.path());
    let pool = found.as_ref().and_then(|(route, _)| api.pools.get_key_value(&route.function));
    let (Some((route, path_parameters)), Some((function, _))) = (&found, pool) else {
        return message(StatusCode::NOT_FOUND, "Not Found");
    };
    let Some(body) = body else {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long");
    };

    let request_id = Uuid::new_v4().to_string();
    let now = OffsetDateTime::now_utc();
    let trace_id = new_trace_id(now);
    let event = event(&Incoming {
        request: &request,
        body: &body,
        peer,
        port: api.port,
        route_key: &route.key,
        path_parameters,
        request_id: &request_id,
        trace_id: &trace_id,
        now,
    });
    let event = Bytes::from(event.to_string());
    if event.len() > MAX_PAYLOAD {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long");
    }

    // In its own task: Lambda completes an invocation even after the client has disconnected.
    let (invoked, name, id) = (api.clone(), function.clone(), request_id.clone());
    let work = tokio::spawn(async move { invoked.invoke(&name, &id, &trace_id, event).await });
    let mut response = match timeout(INTEGRATION_TIMEOUT, work).await {
        Ok(response) => response.unwrap_or_else(|_| internal_error(StatusCode::BAD_GATEWAY)),
        Err(_) => message(StatusCode::GATEWAY_TIMEOUT, "Service Unavailable"),
    };
    if let Some(cors) = &api.cors {
        cors.apply(&request.headers, response.headers_mut());
    }
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}

fn new_trace_id(now: OffsetDateTime) -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{}", now.unix_timestamp(), &random[..24])
}

impl Api {
    pub(super) async fn invoke_directly(&self, function: &str, event: &Value) -> Result<Value> {
        let pool = self.pools.get(function).with_context(|| format!("there is no function {function}"))?;
        let trace_id = new_trace_id(OffsetDateTime::now_utc());
        let payload = Bytes::from(event.to_string());
        match pool.invoke(&Uuid::new_v4().to_string(), &trace_id, payload).await {
            Ok(returned) => serde_json::from_slice(&returned).context("it did not return JSON"),
            Err(Failure::NotStarted(error)) => Err(error.context("it did not start")),
            Err(failure) => bail!("{function}: {failure:?}"),
        }
    }

    async fn invoke(&self, function: &str, request_id: &str, trace_id: &str, event: Bytes) -> Response<Body> {
        let Some(pool) = self.pools.get(function) else { return message(StatusCode::NOT_FOUND, "Not Found") };
        let log = |line: String| (self.shared.options.log)(function, &format!("{request_id} {line}"));
        let failure = match pool.invoke(request_id, trace_id, event).await {
            Ok(returned) => match response::response(&returned) {
                Ok(response) => return response,
                Err(error) => {
                    log(format!("returned a malformed response: {error:#}"));
                    return internal_error(StatusCode::BAD_GATEWAY);
                }
            },
            Err(failure) => failure,
        };
        match failure {
            Failure::TimedOut => {
                log(format!("Task timed out after {:.2} seconds", pool.function.timeout.as_secs_f64()));
                message(StatusCode::GATEWAY_TIMEOUT, "Service Unavailable")
            }
            Failure::Busy => {
                log(format!("all {} instances were busy", self.shared.options.max_instances));
                message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            Failure::Crashed | Failure::Untouched(_) => {
                log("the process exited before it responded".to_owned());
                internal_error(StatusCode::BAD_GATEWAY)
            }
            Failure::Reported(error) => {
                log(format!("reported {error}"));
                internal_error(StatusCode::BAD_GATEWAY)
            }
            Failure::NotStarted(error) => {
                log(format!("did not start: {error:#}"));
                internal_error(StatusCode::BAD_GATEWAY)
            }
        }
    }
}

/// Reads the body; `None` if it exceeds the limit of an HTTP API.
async fn read(mut body: Body) -> Result<Option<Bytes>, axum::Error> {
    let mut bytes = Vec::new();
    let mut fits = true;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        fits &= bytes.len() + data.len() <= MAX_BODY;
        if fits {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(fits.then(|| bytes.into()))
}

fn head_size(request: &Parts) -> usize {
    let target = request.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    request.method.as_str().len() + target + headers.sum::<usize>()
}

fn internal_error(status: StatusCode) -> Response<Body> {
    message(status, "Internal Server Error")
}

/// A response of the gateway itself.
fn message(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "message": text }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
