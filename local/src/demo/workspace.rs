//! The visitor's workspace, stored in a cookie.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use super::problem::Problem;

const COOKIE_NAME: &str = "lantern_workspace";

/// A workspace's name, and the `external_id` of its connection.
pub(super) struct Workspace(String);

impl Workspace {
    /// `None` unless the name consists of 1 to 64 letters, digits, hyphens or underscores.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        ((1..=64).contains(&name.len()) && name.bytes().all(is_fine)).then(|| Self(name.to_owned()))
    }

    /// The workspace of a first visit: the `external_id` in the README's first calls.
    pub(super) fn first() -> Self {
        Self("demo".to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The `Set-Cookie` header that stores it.
    pub(super) fn cookie(&self) -> String {
        format!("{COOKIE_NAME}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", self.0)
    }

    /// Read only from the cookie, as a real product would read it from the session.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get(COOKIE)?.to_str().ok()?.split(';');
        let mut values = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        values.find_map(|(name, value)| (name == COOKIE_NAME).then(|| Self::parse(value)).flatten())
    }
}

impl<S: Sync> FromRequestParts<S> for Workspace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers).ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST, "Open the page first: it chooses a workspace.")
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Workspace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}
