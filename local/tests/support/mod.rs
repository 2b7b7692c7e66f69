//! What the tests of the gateway and of the Upstash front share.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

pub(crate) mod stack;

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// How long a test waits for a condition.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Sends one request on its own connection.
pub(crate) async fn send(
    address: SocketAddr,
    request: hyper::http::request::Builder,
    body: impl Into<Bytes>,
) -> hyper::Result<Response<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request: Request<Full<Bytes>> = request.body(Full::new(body.into())).unwrap();
    let host = HeaderValue::from_str(&address.to_string()).unwrap();
    request.headers_mut().entry(HOST).or_insert(host);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(parts, body))
}

/// A listener on a free port.
pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap()
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never happened: {what}"));
}
