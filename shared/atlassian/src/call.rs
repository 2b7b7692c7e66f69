//! A call to Jira's API, its response, and why it failed.

use base::chain;
use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::budget::Withheld;
use crate::error::JiraError;
use crate::reach::Subject;
use crate::response::JiraErrorResponse;

/// A call to Jira's API.
pub(crate) struct Call<'a> {
    /// What it is about. A connection that is limited to some projects makes it only if all of that is inside.
    pub(crate) about: Vec<Subject<'a>>,
    /// The HTTP method.
    pub(crate) method: Method,
    /// The path below the site, by segment. Segments are percent-encoded.
    pub(crate) path: &'a [&'a str],
    /// The query parameters.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// The body, if there is one.
    pub(crate) body: Option<Body<'a>>,
    /// The scopes that the call requires, named to the caller if one is missing.
    pub(crate) scopes: &'static str,
    /// Whether the call is a read although its method is POST.
    pub(crate) is_query: bool,
    /// Whether the call is safe to repeat: a read is, a create is not.
    pub(crate) repeatable: bool,
    /// Whether it succeeds with a redirect, which is returned and never followed: the token is for Jira only.
    pub(crate) redirects: bool,
}

/// The body of a call.
#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    Json(&'a Value),
    /// A form (`multipart/form-data`) with files, built in advance.
    Form {
        content_type: &'a str,
        content: &'a Bytes,
    },
    /// The content of a call that is passed on, which may be empty, and all headers of that call.
    Forwarded {
        headers: &'a HeaderMap,
        content: &'a Bytes,
    },
}

/// A successful response.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// May be empty.
    pub(crate) body: Bytes,
}

impl<'a> Call<'a> {
    /// A read with GET.
    pub(crate) fn get(
        about: impl Into<Vec<Subject<'a>>>,
        path: &'a [&'a str],
        query: &'a [(&'a str, &'a str)],
        scopes: &'static str,
    ) -> Self {
        Self { query, ..Self::write(about, Method::GET, path, None, scopes) }.repeatable()
    }

    /// A read with POST, such as a search with parameters that are too long for a URL.
    pub(crate) fn query(
        about: impl Into<Vec<Subject<'a>>>,
        path: &'a [&'a str],
        body: &'a Value,
        scopes: &'static str,
    ) -> Self {
        Self { is_query: true, ..Self::write(about, Method::POST, path, Some(body), scopes) }.repeatable()
    }

    /// A write, which is sent again only after a 429 or a rejected token, unless it is [`Self::repeatable`].
    pub(crate) fn write(
        about: impl Into<Vec<Subject<'a>>>,
        method: Method,
        path: &'a [&'a str],
        body: Option<&'a Value>,
        scopes: &'static str,
    ) -> Self {
        let body = body.map(Body::Json);
        let (about, is_query, repeatable, redirects) = (about.into(), false, false, false);
        Self { about, method, path, query: &[], body, scopes, is_query, repeatable, redirects }
    }

    /// An upload of files with POST, which is sent again like a write.
    pub(crate) fn upload(
        about: impl Into<Vec<Subject<'a>>>,
        path: &'a [&'a str],
        content_type: &'a str,
        content: &'a Bytes,
        scopes: &'static str,
    ) -> Self {
        let body = Some(Body::Form { content_type, content });
        Self { body, ..Self::write(about, Method::POST, path, None, scopes) }
    }

    /// A call that is passed on. A GET is a read, anything else is sent again like a write. Its scopes are not known.
    pub(crate) fn forward(
        about: impl Into<Vec<Subject<'a>>>,
        method: Method,
        path: &'a [&'a str],
        headers: &'a HeaderMap,
        content: &'a Bytes,
    ) -> Self {
        let repeatable = method == Method::GET;
        let body = Some(Body::Forwarded { headers, content });
        Self { body, repeatable, ..Self::write(about, method, path, None, "") }
    }

    /// Adds query parameters.
    pub(crate) fn with_query(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }

    /// Marks a write whose repetition has no further effect.
    pub(crate) fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// Marks a read that succeeds with a redirect.
    pub(crate) fn redirected(self) -> Self {
        Self { redirects: true, ..self }
    }

    /// Marks the error of a call that may have taken effect anyway.
    pub(crate) fn in_doubt(&self, error: JiraError) -> JiraError {
        if self.repeatable { error } else { error.unconfirmed() }
    }
}

/// Why a call failed, and whether it may have taken effect.
pub(crate) enum CallError {
    /// Jira responded with an error.
    Refused(JiraErrorResponse),
    /// The connection failed, so nothing was done.
    Unsent(JiraError),
    /// A rate limit is known, so nothing was sent.
    Withheld(Withheld),
    /// The response is missing or incomplete.
    Broken(JiraError),
}

impl CallError {
    pub(crate) fn broken(error: reqwest::Error) -> Self {
        let (is_timeout, is_unsent) = (error.is_timeout(), error.is_connect());
        let cause = chain(&error.without_url());
        let error = if is_timeout { JiraError::TimedOut(cause) } else { JiraError::Unreachable(cause) };
        if is_unsent { Self::Unsent(error) } else { Self::Broken(error) }
    }
}
