//! Calls of Jira that are passed on as they are.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::call::{Answer, Call};
use crate::client::{JiraSite, MAX_BODY_BYTES, Result};
use crate::error::JiraError;
use crate::ids::{IssueRef, ProjectId};
use crate::reach::Subject;
use crate::response::Refusal;

/// A call to pass on.
#[derive(Clone)]
pub struct Forward {
    /// The method.
    pub method: Method,
    /// The path below the site, by segment, decoded. No segment may be `.` or `..`.
    pub path: Vec<String>,
    /// The query parameters in their order, decoded.
    pub query: Vec<(String, String)>,
    /// All headers, except for those that the client sets itself, such as `Authorization`.
    pub headers: HeaderMap,
    /// The body; may be empty.
    pub body: Bytes,
}

/// Jira's response.
pub struct Forwarded {
    /// The status. Any except 401, also a redirect.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body; may be empty.
    pub body: Bytes,
    /// Whether the body is complete. The end of one that is far too long is left out.
    pub is_complete: bool,
}

impl Forwarded {
    fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, is_complete: body.len() < MAX_BODY_BYTES, body }
    }
}

impl JiraSite<'_> {
    /// Passes a call on, and returns Jira's response whatever its status. Redirects are not followed. A GET is retried
    /// like any read; other methods only after a 429 or a rejected token, which mean that nothing was done.
    ///
    /// # Errors
    /// If there is no response. A 401 is an error too, because it is about the access token.
    /// [`JiraError::Unconfirmed`] if the call may have taken effect anyway. [`JiraError::ProjectNotAllowed`] if the
    /// connection is limited to some projects and the call is not about an issue or a project inside them; what the
    /// response shows of others is left out.
    pub async fn forward(&self, call: &Forward) -> Result<Forwarded> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let query: Vec<(&str, &str)> =
            call.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let about = match subject(&path) {
            Some(subject) => vec![subject],
            None if self.is_limited() => return Err(JiraError::ProjectNotAllowed),
            None => Vec::new(),
        };
        let forward = Call::forward(about, call.method.clone(), &path, &call.headers, &call.body);
        match self.answer_with_headers(forward.with_query(&query)).await {
            Ok(Answer { status, headers, body }) => Ok(Forwarded::new(status, headers, body)),
            Err(error) => original(error),
        }
    }
}

/// The issue or the project that a path is below, named as Jira writes it. There are other paths at the same place, such
/// as `project/search`.
fn subject<'a>(path: &[&'a str]) -> Option<Subject<'a>> {
    let ["rest", "api", "3", kind, name, ..] = *path else { return None };
    match kind {
        "issue" => {
            IssueRef::parse(name).is_ok_and(|issue| issue.as_str() == name).then_some(Subject::Issue(name))
        }
        "project" => ProjectId::parse(name)
            .is_ok_and(|project| project.as_str() == name)
            .then_some(Subject::Project(name)),
        _ => None,
    }
}

/// The response that an error was made of.
fn original(error: JiraError) -> Result<Forwarded> {
    let is_confirmed = !matches!(error, JiraError::Unconfirmed(_));
    let cause = if let JiraError::Unconfirmed(cause) = error { *cause } else { error };
    match cause {
        JiraError::Refused { mut response, scopes } => match (response.refusal(), response.original.take()) {
            (Refusal::MissingScope | Refusal::Token, _) | (_, None) => {
                Err(JiraError::Refused { response, scopes })
            }
            (_, Some((headers, body))) => Ok(Forwarded::new(response.status, headers, body)),
        },
        cause => Err(if is_confirmed { cause } else { cause.unconfirmed() }),
    }
}
