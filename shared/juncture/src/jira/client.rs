//! Calls to Jira through a connection: authorised, within the invocation's time, repeated only where that is safe.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::chain;
use base::config::{Settings, SettingsError};
use base::counters::{Count, count};
use base::deadline;
use base::tls::{http_client, read_body};
use bytes::Bytes;
use http::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

use super::failure::Failure;
use super::ids::ProjectId;
use crate::connections::{ConnectionKey, Session, Tokens};
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::lenient;
use crate::provider::jira::granted_scopes;

const DEFAULT_API_URL: &str = "https://api.atlassian.com";

/// How long one call may take; a slow page of a search takes seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many calls of one invocation are in flight at once.
pub(super) const IN_FLIGHT: usize = 10;

/// How often a call is sent at the most.
const ATTEMPTS: u32 = 3;

/// More than an answer ever holds, in bytes: a hundred tickets with long descriptions are a few megabytes.
const LONGEST_BODY: usize = 16 * 1024 * 1024;

/// Jira. Settings: those of [`Tokens`], and `ATLASSIAN_API_URL`.
pub struct Jira {
    pub(super) http: reqwest::Client,
    pub(super) api: Url,
    pub(super) tokens: Tokens,
}

impl Jira {
    pub(crate) fn new(settings: &Settings, tokens: Tokens) -> Result<Self, SettingsError> {
        let name = "ATLASSIAN_API_URL";
        Ok(Self {
            http: http_client()
                .map_err(|error| SettingsError::Invalid { name, reason: error.to_string() })?,
            api: settings.service_url(name, Some(DEFAULT_API_URL))?,
            tokens,
        })
    }

    /// The site of a connection, ready for calls.
    ///
    /// # Errors
    /// As [`Tokens::session`]; 403 with `needs_reauthorization` if the connection has no site.
    pub async fn site<'a>(&'a self, address: &'a ConnectionKey) -> Result<JiraSite<'a>> {
        self.open(address, self.tokens.session(address).await?, Vec::new())
    }

    /// As [`Self::site`], for a search, which finds the issues that were made through the connection lately.
    ///
    /// # Errors
    /// As [`Self::site`].
    pub async fn site_for_search<'a>(&'a self, address: &'a ConnectionKey) -> Result<JiraSite<'a>> {
        let (session, recent_issues) = self.tokens.session_for_search(address).await?;
        self.open(address, session, recent_issues)
    }

    fn open<'a>(
        &'a self,
        address: &'a ConnectionKey,
        session: Session,
        recent_issues: Vec<String>,
    ) -> Result<JiraSite<'a>> {
        let Some(site_id) = &session.jira_site_id else {
            return Err(Error::needs_reauthorization().because("the connection has no Jira site"));
        };
        let mut base = self.api.clone();
        base.path_segments_mut()
            .map_err(|()| Error::internal("ATLASSIAN_API_URL has no path"))?
            .pop_if_empty()
            .extend(["ex", "jira", site_id]);
        let in_flight = Semaphore::new(IN_FLIGHT);
        let session = Mutex::new(Arc::new(session));
        Ok(JiraSite { jira: self, address, base, session, recent_issues, in_flight })
    }
}

/// One Jira site, reached through one connection.
pub struct JiraSite<'a> {
    pub(super) jira: &'a Jira,
    pub(super) address: &'a ConnectionKey,
    base: Url,
    session: Mutex<Arc<Session>>,
    /// Ids of the issues that were made through the connection lately; none unless it was opened for a search.
    pub(super) recent_issues: Vec<String>,
    /// Whoever calls has one of [`IN_FLIGHT`] places; who comes later waits, in order.
    in_flight: Semaphore,
}

/// A call of Jira's API.
pub(super) struct Call<'a> {
    /// The method.
    pub(super) method: Method,
    /// The path below the site, one segment each; segments are encoded.
    pub(super) path: &'a [&'a str],
    /// The query.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// The body, sent as JSON.
    pub(super) body: Option<&'a Value>,
    /// The scopes that Jira asks for, named to the caller when they are missing.
    pub(super) scopes: &'static str,
    /// Whether sending it twice is harmless: reads are, a create is not.
    pub(super) repeatable: bool,
}

impl<'a> Call<'a> {
    /// A read by GET.
    pub(super) fn get(path: &'a [&'a str], query: &'a [(&'a str, &'a str)], scopes: &'static str) -> Self {
        Self { method: Method::GET, path, query, body: None, scopes, repeatable: true }
    }

    /// A read by POST: a search, say, whose parameters are too long for an address.
    pub(super) fn query(path: &'a [&'a str], body: &'a Value, scopes: &'static str) -> Self {
        Self { method: Method::POST, path, query: &[], body: Some(body), scopes, repeatable: true }
    }

    /// Marks the error of a call that may have had its effect all the same, with the code `outcome_unknown`.
    fn in_doubt(&self, error: Error) -> Error {
        if self.repeatable { error } else { error.with_code("outcome_unknown") }
    }
}

impl JiraSite<'_> {
    /// The selected project of the connection, if one is selected.
    pub fn selected_project(&self) -> Option<String> {
        self.session().jira_project_id.clone()
    }

    /// The project that a caller names, or else the selected one.
    ///
    /// # Errors
    /// 400 `No project selected and no project ID provided`.
    pub fn project_or_selected(&self, named: Option<ProjectId>) -> Result<ProjectId> {
        if let Some(project) = named {
            return Ok(project);
        }
        let selected = self.selected_project().ok_or_else(|| {
            Error::new(
                StatusCode::BAD_REQUEST,
                "no_project",
                "No project selected and no project ID provided",
            )
        })?;
        ProjectId::parse(&selected)
    }

    /// Names a request of this connection to this site by its `Idempotency-Key`.
    pub(super) fn once_key(&self, idempotency_key: &str) -> IdempotencyKey {
        let session = self.session();
        IdempotencyKey::new(&session.connection_id, session.jira_site_id.as_deref(), idempotency_key)
    }

    /// Remembers an issue that was just made, by its id, so that the next searches find it.
    pub(super) async fn remember_issue(&self, issue_id: &str) {
        self.jira.tokens.remember_issue(self.address, issue_id).await;
    }

    /// Makes a call and reads its JSON answer.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T> {
        let body = self.answer(call).await?;
        lenient::from_slice(&body)
            .map_err(|error| Error::provider_failed("Jira gave an answer that cannot be read", error))
    }

    /// Makes a call and gives its answer as it came, which may be empty.
    ///
    /// A 401 for an expired or revoked access token is followed by one refresh and one retry. A 429 says that
    /// nothing was done, so it is tried again while there is time, whatever the call; 5xx and broken connections
    /// only if repeating is harmless.
    pub(super) async fn answer(&self, call: Call<'_>) -> Result<Bytes> {
        let url = self.url(&call)?;
        let mut attempt = 0;
        let mut has_refreshed = false;
        loop {
            attempt += 1;
            let session = self.session();
            let wait = match self.send(&call, url.clone(), &session).await {
                Ok(body) => return Ok(body),
                Err(Fault::Refused(failure)) if failure.is_stale_token() && !has_refreshed => {
                    has_refreshed = true;
                    attempt -= 1;
                    self.renew(&session).await?;
                    continue;
                }
                // A new token is refused as well.
                Err(Fault::Refused(mut failure)) if failure.is_stale_token() => {
                    failure.lacks_scope = self.lacks_scope(call.scopes).await;
                    return Err(failure.into_error(call.scopes));
                }
                Err(Fault::Refused(failure)) => {
                    let may_repeat = call.repeatable || failure.status == StatusCode::TOO_MANY_REQUESTS;
                    match failure.retry_in(attempt) {
                        Some(wait) if may_repeat && attempt < ATTEMPTS && wait < deadline::remaining() => {
                            wait
                        }
                        _ if failure.status.is_server_error() => {
                            return Err(call.in_doubt(failure.into_error(call.scopes)));
                        }
                        _ => return Err(failure.into_error(call.scopes)),
                    }
                }
                Err(Fault::Unsent(_) | Fault::Broken(_))
                    if call.repeatable && attempt < ATTEMPTS && !deadline::remaining().is_zero() =>
                {
                    Duration::ZERO
                }
                Err(Fault::Unsent(error)) => return Err(error),
                Err(Fault::Broken(error)) => return Err(call.in_doubt(error)),
            };
            tokio::time::sleep(wait).await;
        }
    }

    fn url(&self, call: &Call<'_>) -> Result<Url> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| Error::internal("the address has no path"))?.extend(call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        Ok(url)
    }

    async fn send(&self, call: &Call<'_>, url: Url, session: &Session) -> std::result::Result<Bytes, Fault> {
        let _place =
            self.in_flight.acquire().await.map_err(|closed| Fault::Broken(Error::internal(closed)))?;
        let mut request = self
            .jira
            .http
            .request(call.method.clone(), url)
            .timeout(deadline::at_most(ATTEMPT_TIMEOUT))
            .bearer_auth(session.access_token.value.expose_secret());
        if let Some(body) = call.body {
            request = request.json(body);
        }
        count(Count::JiraRequests);
        let response = request.send().await.map_err(Fault::broken)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, LONGEST_BODY).await.map_err(Fault::broken)?;
        if status.is_success() {
            return Ok(body);
        }
        let failure = Failure::read(status, &headers, &body);
        if status == StatusCode::TOO_MANY_REQUESTS {
            count(if failure.is_quota() { Count::JiraQuotaExhausted } else { Count::JiraRateLimited });
        }
        Err(Fault::Refused(failure))
    }

    /// Replaces the session whose token Jira has rejected; of several calls in flight, one does.
    async fn renew(&self, rejected: &Arc<Session>) -> Result<()> {
        if !Arc::ptr_eq(&self.session(), rejected) {
            return Ok(());
        }
        let renewed = self.jira.tokens.session_after_rejection(self.address, &rejected.access_token).await?;
        if let Ok(mut session) = self.session.lock() {
            *session = Arc::new(renewed);
        }
        Ok(())
    }

    /// Whether the consent lacks one of these scopes, by Atlassian's own list of them; not when that cannot be told.
    async fn lacks_scope(&self, scopes: &str) -> bool {
        let session = self.session();
        let (Jira { http, api, .. }, token) = (self.jira, &session.access_token.value);
        let Some(site) = &session.jira_site_id else { return false };
        match granted_scopes(http, api.clone(), token, site).await {
            Ok(granted) => granted.is_some_and(|granted| is_lacking(scopes, &granted)),
            Err(error) => {
                tracing::warn!(cause = %error, "it is not known whether a scope is missing");
                false
            }
        }
    }

    pub(super) fn session(&self) -> Arc<Session> {
        // The lock is held for the length of a clone; nobody panics meanwhile.
        self.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Whether one of the scopes that a call needs (`a and b`) is not among those that are granted. In place of a classic
/// scope such as `read:jira-work`, an app may have granular ones, of which which are enough is not known here
/// (<https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>).
fn is_lacking(needed: &str, granted: &[String]) -> bool {
    let is_granular = |verb: &str| {
        let issues = format!("{verb}:issue");
        granted.iter().any(|scope| scope.starts_with(&issues) && scope.ends_with(":jira"))
    };
    let is_there = |scope: &str| {
        granted.iter().any(|known| known == scope)
            || match scope.strip_suffix(":jira-work") {
                Some("write") => is_granular("write") || is_granular("delete"),
                Some(verb) => is_granular(verb),
                None => false,
            }
    };
    !needed.split(" and ").all(is_there)
}

/// Why a call gave nothing.
enum Fault {
    /// Jira answered with a refusal.
    Refused(Failure),
    /// Jira was not reached, so nothing was done.
    Unsent(Error),
    /// There is no whole answer.
    Broken(Error),
}

impl Fault {
    fn broken(error: reqwest::Error) -> Self {
        let (is_timeout, is_unsent) = (error.is_timeout(), error.is_connect());
        let cause = chain(&error.without_url());
        let fault = if is_unsent { Self::Unsent } else { Self::Broken };
        fault(if is_timeout {
            Error::timed_out("Jira did not answer in time. Try again.").because(cause)
        } else {
            Error::provider_failed("Jira cannot be reached at the moment", cause)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_lacking;

    #[test]
    fn a_scope_is_lacking_when_neither_it_nor_finer_ones_are_granted() {
        let lacking = |needed: &str, granted: &str| {
            let granted: Vec<String> = granted.split_whitespace().map(str::to_owned).collect();
            is_lacking(needed, &granted)
        };
        let boards = "read:board-scope:jira-software and read:project:jira";
        assert!(lacking("read:jira-work", "write:jira-work read:project:jira"));
        assert!(lacking("write:jira-work", "read:jira-work read:issue:jira"));
        assert!(lacking(boards, "read:board-scope:jira-software read:jira-work"));
        assert!(lacking("read:jira-work", ""));
        assert!(!lacking("read:jira-work", "read:jira-work"));
        assert!(!lacking("read:jira-work", "read:issue-details:jira"));
        assert!(!lacking("write:jira-work", "delete:issue:jira"));
        assert!(!lacking(boards, "read:project:jira read:board-scope:jira-software"));
    }
}
