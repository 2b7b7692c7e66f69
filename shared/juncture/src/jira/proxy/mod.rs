//! Calls of Jira that are passed on with a connection's token.

mod headers;
mod path;
mod rules;

use atlassian::{Forward, JiraError};
use http::{Method, StatusCode};
use lambda_http::Body;
use runtime::{Request, RequestError, Response, accepts_gzip, compress, passed_on, path_parameter};
use url::form_urlencoded;

pub use self::path::ProxyPath;
pub use self::rules::ProxyRules;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};

/// The name of the route's parameter with the path.
const PATH: &str = "path";

/// A call of Jira to pass on.
pub struct ProxyCall {
    /// The external id of the connection whose token it gets.
    pub external_id: String,
    /// The path on the site.
    pub path: ProxyPath,
    /// What Jira gets.
    pub forward: Forward,
    accepts_gzip: bool,
}

impl ProxyCall {
    /// Whether the call only reads.
    pub fn is_read(&self) -> bool {
        self.forward.method == Method::GET
    }

    /// Reads the call from a request, and checks whether it may be passed on.
    ///
    /// # Errors
    /// 400 if it is malformed, 403 `proxy_not_allowed`.
    pub fn of(request: Request, rules: &ProxyRules) -> Result<Self> {
        let external_id = headers::external_id(request.headers())?;
        let path = ProxyPath::parse(&path_parameter(&request, PATH))?;
        rules.check(request.method(), &path)?;
        let query = query(request.uri().query().unwrap_or_default())?;
        let accepts_gzip = accepts_gzip(request.headers());
        let headers = headers::of_request(request.headers());
        let (parts, body) = request.into_parts();
        let body = match body {
            Body::Text(text) => text.into(),
            Body::Binary(bytes) => bytes.into(),
            _ => Default::default(),
        };
        let forward = Forward { method: parts.method, path: path.segments().to_vec(), query, headers, body };
        if forward.method == Method::GET && !forward.body.is_empty() {
            return Err(Error::bad_request("A GET has no body: send it without one"));
        }
        Ok(Self { external_id, path, forward, accepts_gzip })
    }
}

/// Parses a query. Parameters may be repeated.
fn query(raw: &str) -> Result<Vec<(String, String)>> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(raw.as_bytes()).into_owned().collect();
    // Invalid UTF-8 has become U+FFFD.
    if pairs.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}')) {
        return Err(Error::bad_request("A query parameter is not valid UTF-8"));
    }
    Ok(pairs)
}

impl ConnectedSite<'_> {
    /// Passes a call on. One call. The response is Jira's, whatever its status, and says so in `x-juncture-upstream`.
    ///
    /// # Errors
    /// `missing_scope`; 413 `answer_too_large` if Lambda cannot send the response; `outcome_unknown` if there is no
    /// response to a write.
    pub async fn pass_on(&self, call: ProxyCall) -> Result<Response> {
        let ProxyCall { forward, accepts_gzip, .. } = call;
        let answer = self.jira.forward(&forward).await.map_err(failed)?;
        let status = answer.status;
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), "an error of Jira was passed on");
        }
        if !answer.is_complete {
            return Err(too_large(status));
        }
        let response = passed_on(status, headers::of_response(&answer.headers), answer.body);
        compress(response, accepts_gzip).map_err(|error| match error {
            RequestError::AnswerTooLarge => too_large(status),
            other => other.into(),
        })
    }
}

fn failed(error: JiraError) -> Error {
    let error = Error::from(error);
    match error.code() {
        ErrorCode::MissingScope => error.with_message(
            "The connection lacks a scope that this call needs; Atlassian's documentation of the call names it. Add it \
             to DEFAULT_JIRA_SCOPES and to the Jira app, then let the end user connect again.",
        ),
        ErrorCode::OutcomeUnknown => error.with_message(
            "Jira did not confirm the call, which may have taken effect. Read what it changes before you repeat it.",
        ),
        _ => error,
    }
}

fn too_large(status: StatusCode) -> Error {
    Error::new(
        ErrorCode::AnswerTooLarge,
        format!(
            "Jira responded with {}, and with more than the 6 MB that AWS Lambda lets through. For JSON, accept gzip \
             ('Accept-Encoding: gzip'); or ask for less, for example with maxResults, fields or Range.",
            status.as_u16()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_its_order_and_what_is_repeated() {
        let pairs = query("b=2&a=%26%3D%2B+x&b=1&c&%C3%A9=%25").unwrap();
        let expected = [("b", "2"), ("a", "&=+ x"), ("b", "1"), ("c", ""), ("é", "%")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(query("").unwrap().is_empty());
        assert!(query("a=%ff").is_err());
    }
}
