//! Extracts values from a request's headers and path.

use http::header::AUTHORIZATION;
use lambda_http::RequestExt;

use super::Request;
use crate::error::RequestError;

/// Returns the bearer token of the `Authorization` header, if there is one. The scheme is case-insensitive (RFC 9110,
/// section 11.1).
pub fn bearer_token(request: &Request) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Returns the `Idempotency-Key` header, if there is one, which identifies a request and its retries
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>). Rejects a key that is empty, longer
/// than 255 characters or not visible ASCII.
pub fn idempotency_key(request: &Request) -> Result<Option<&str>, RequestError> {
    let Some(header) = request.headers().get("idempotency-key") else { return Ok(None) };
    let is_fine =
        |key: &&str| key.len() <= 255 && !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
    let key = header.to_str().ok().filter(is_fine).ok_or_else(|| {
        RequestError::malformed("Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID")
    })?;
    Ok(Some(key))
}

/// Returns a decoded path parameter of the route; empty if there is none.
pub fn path_parameter(request: &Request, name: &str) -> String {
    request.path_parameters_ref().and_then(|parameters| parameters.first(name)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    #[test]
    fn the_bearer_scheme_is_case_insensitive() {
        let token = |header: &str| {
            let request = http::Request::builder().header(AUTHORIZATION, header).body(Body::Empty).unwrap();
            bearer_token(&request).map(str::to_owned)
        };
        assert_eq!(token("Bearer key").as_deref(), Some("key"));
        assert_eq!(token("bearer key").as_deref(), Some("key"));
        assert_eq!(token("Basic key"), None);
        assert_eq!(token("Bearer "), None);
    }
}
