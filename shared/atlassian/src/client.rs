//! Authorised calls to Jira, within the invocation's deadline, retried only where that is safe.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Counter, count};
use base::deadline;
use base::oauth::{GrantedScopes, NamedSite};
use base::tls::read_body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::Url;

use crate::budget::{Budget, ExhaustedQuotas, QuotaNotices, Target};
use crate::call::{Answer, Body, Call, CallError};
use crate::error::{BoxError, JiraError};
use crate::oauth::{Sites, SitesError};
use crate::reach::{Limits, NOTHING, Reach, Subject};
use crate::response::JiraErrorResponse;
use crate::scopes::is_surely_lacking;
use crate::{DEFAULT_API_URL, http_client, lenient};

/// Timeout of one attempt. A slow search page takes seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many calls of one invocation may be in flight at once.
pub(crate) const IN_FLIGHT: usize = 10;

/// The maximum number of attempts for a call.
const ATTEMPTS: u32 = 3;

/// Response size limit in bytes. A hundred issues with long descriptions are a few megabytes.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

pub(crate) type Result<T> = std::result::Result<T, JiraError>;

/// The source of a connection's access tokens.
pub trait TokenSource: Send + Sync {
    /// Returns the current access token.
    fn token(&self) -> SecretString;

    /// Returns the scopes that were granted with the token, if they are known.
    fn granted_scopes(&self) -> Option<GrantedScopes>;

    /// Replaces a token that Jira has rejected, after which [`Self::token`] returns the new one. Several calls in
    /// flight may request this with the same rejected token.
    fn renew<'a>(&'a self, rejected: &'a SecretString) -> BoxFuture<'a, std::result::Result<(), BoxError>>;
}

/// Jira Cloud. Settings: `ATLASSIAN_API_URL`, `JIRA_QUOTA_FOR_WRITES`.
pub struct Jira {
    http: reqwest::Client,
    api: Url,
    sites: Sites,
    budget: Budget,
    notices: Option<Arc<dyn QuotaNotices>>,
}

impl FromSettings for Jira {
    fn from_settings(settings: &Settings) -> std::result::Result<Self, SettingsError> {
        let api = settings.service_url("ATLASSIAN_API_URL", Some(DEFAULT_API_URL))?;
        Ok(Self {
            sites: Sites::from_settings(settings)?,
            http: http_client()?,
            api,
            budget: Budget::from_settings(settings)?,
            notices: None,
        })
    }
}

impl Jira {
    /// Tells `notices` about each quota that is found exhausted.
    pub fn with_notices(self, notices: Arc<dyn QuotaNotices>) -> Self {
        Self { notices: Some(notices), ..self }
    }

    /// Prepares calls to the site with this cloud id, which stay within the connection's reach.
    pub fn site<'a>(
        &'a self,
        id: &str,
        reach: Reach,
        tokens: Arc<dyn TokenSource + 'a>,
    ) -> Result<JiraSite<'a>> {
        let mut base = self.api.clone();
        base.path_segments_mut()
            .map_err(|()| JiraError::BadAddress("ATLASSIAN_API_URL has no path"))?
            .pop_if_empty()
            .extend(["ex", "jira", id]);
        Ok(JiraSite {
            jira: self,
            id: id.to_owned(),
            base,
            tokens,
            limits: Limits::new(reach),
            in_flight: Semaphore::new(IN_FLIGHT),
            is_reading: false,
            exhausted: ExhaustedQuotas::default(),
        })
    }
}

/// One Jira site, called with the tokens of one connection.
pub struct JiraSite<'a> {
    jira: &'a Jira,
    id: String,
    base: Url,
    tokens: Arc<dyn TokenSource + 'a>,
    /// Which projects the connection may touch.
    pub(crate) limits: Limits,
    /// Limits calls to [`IN_FLIGHT`]; further calls wait in order.
    in_flight: Semaphore,
    /// Whether the request only reads. Its calls are not made if little is left of a quota.
    is_reading: bool,
    /// What other instances have found.
    exhausted: ExhaustedQuotas,
}

impl JiraSite<'_> {
    /// Says that the request only reads, so that it leaves what is left of a quota to writes.
    pub fn for_reading(self) -> Self {
        Self { is_reading: true, ..self }
    }

    /// Takes over what other instances have found.
    pub fn knowing(self, exhausted: ExhaustedQuotas) -> Self {
        Self { exhausted, ..self }
    }

    /// Makes a call and parses its JSON response.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T> {
        let body = self.answer(call).await?;
        parsed(&body)
    }

    /// Reads with GET from a path of Atlassian's API outside the site.
    pub(crate) async fn call_api<T: DeserializeOwned>(&self, path: &str, scopes: &'static str) -> Result<T> {
        let mut url = self.jira.api.clone();
        url.set_path(path);
        let body = self.answer_from(url, Call::get(NOTHING, &[], &[], scopes)).await?.body;
        parsed(&body)
    }

    /// Makes a call and returns the response body unparsed; it may be empty.
    ///
    /// If a scope is known not to have been granted, the call is not made. A 401 for an expired or revoked access token
    /// is followed by one token renewal and one retry. A 429 means that nothing was done, so any call is retried while
    /// there is time; after a 5xx or a broken connection, only calls that are safe to repeat are.
    pub(crate) async fn answer(&self, call: Call<'_>) -> Result<Bytes> {
        Ok(self.answer_with_headers(call).await?.body)
    }

    /// Makes a call that Jira answers without a body. Any other response is not Jira's.
    pub(crate) async fn done(&self, call: Call<'_>) -> Result<()> {
        let is_repeatable = call.repeatable;
        if self.answer(call).await?.is_empty() {
            return Ok(());
        }
        let error = JiraError::Unreadable("a body where none is expected".to_owned());
        Err(if is_repeatable { error } else { error.unconfirmed() })
    }

    /// Like [`Self::answer`], with the headers of the response.
    ///
    /// Boxed, like [`Self::answer_from`], so that the futures of its many callers are small, and so that it is compiled
    /// here and not again in every function.
    pub(crate) fn answer_with_headers<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            if self.is_limited() {
                return self.limited_answer(call).await;
            }
            self.attempts(self.url(&call)?, call).await
        })
    }

    /// The answer for a connection that is limited to some projects. What a write of ours is answered with, unless it is
    /// safe to repeat, is no more than what was written.
    async fn limited_answer(&self, call: Call<'_>) -> Result<Answer> {
        self.check_reach(&call).await?;
        let is_forwarded = matches!(call.body, Some(Body::Forwarded { .. }));
        let is_repeatable = call.repeatable;
        let has_others = is_forwarded || is_repeatable && !matches!(call.about[..], [Subject::Attachment(_)]);
        let answer = self.answer_from(self.url(&call)?, call).await?;
        if !has_others {
            return Ok(answer);
        }
        let body = self.leave_out_others(answer.body, !is_forwarded).await;
        let body = body.map_err(|error| if is_repeatable { error } else { error.unconfirmed() })?;
        Ok(Answer { body, ..answer })
    }

    /// Makes a call that finds out where something is, whatever the connection's reach.
    pub(crate) async fn look_up<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T> {
        let body = self.answer_from(self.url(&call)?, call).await?.body;
        parsed(&body)
    }

    /// [`Self::answer_with_headers`], from this URL instead of the call's path and query.
    fn answer_from<'a>(&'a self, url: Url, call: Call<'a>) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(self.attempts(url, call))
    }

    /// Makes the attempts of a call.
    async fn attempts(&self, url: Url, call: Call<'_>) -> Result<Answer> {
        if self.tokens.granted_scopes().is_some_and(|granted| is_surely_lacking(call.scopes, &granted)) {
            return Err(JiraError::MissingScope(call.scopes));
        }
        let refused = |response: JiraErrorResponse| JiraError::Refused {
            response: Box::new(response),
            scopes: call.scopes,
        };
        let mut attempt = 0;
        let mut has_renewed = false;
        loop {
            attempt += 1;
            let token = self.tokens.token();
            let wait = match self.send(&call, url.clone(), &token).await {
                Ok(answer) => return Ok(answer),
                Err(CallError::Refused(response)) if response.is_stale_token() && !has_renewed => {
                    has_renewed = true;
                    attempt -= 1;
                    self.tokens.renew(&token).await.map_err(JiraError::Token)?;
                    continue;
                }
                // The renewed token is rejected as well.
                Err(CallError::Refused(mut response)) if response.is_stale_token() => {
                    response.lacks_scope = self.jira.sites.lacks_scope(call.scopes, &token, &self.id).await;
                    return Err(refused(response));
                }
                Err(CallError::Refused(response)) => {
                    let may_repeat = call.repeatable || response.status == StatusCode::TOO_MANY_REQUESTS;
                    match response.retry_in(attempt) {
                        Some(wait) if may_repeat && attempt < ATTEMPTS && wait < deadline::remaining() => {
                            wait
                        }
                        _ if response.status.is_server_error() => {
                            return Err(call.in_doubt(refused(response)));
                        }
                        _ => return Err(refused(response)),
                    }
                }
                Err(CallError::Unsent(_) | CallError::Broken(_))
                    if call.repeatable && attempt < ATTEMPTS && !deadline::remaining().is_zero() =>
                {
                    Duration::ZERO
                }
                Err(CallError::Unsent(error)) => return Err(error),
                Err(CallError::Withheld(withheld)) => return Err(JiraError::Withheld(withheld)),
                Err(CallError::Broken(error)) => return Err(call.in_doubt(error)),
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Returns the site's name and URL as Atlassian lists them.
    pub async fn named(&self) -> std::result::Result<NamedSite, SitesError> {
        self.jira.sites.named(&self.tokens.token(), &self.id).await
    }

    fn url(&self, call: &Call<'_>) -> Result<Url> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| JiraError::BadAddress("the address has no path"))?
            .extend(call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        Ok(url)
    }

    async fn send(
        &self,
        call: &Call<'_>,
        url: Url,
        token: &SecretString,
    ) -> std::result::Result<Answer, CallError> {
        let _place = self
            .in_flight
            .acquire()
            .await
            .map_err(|closed| CallError::Broken(JiraError::Unreachable(closed.to_string())))?;
        let target = self.target(call);
        self.jira.budget.admit(&target).await.map_err(CallError::Withheld)?;
        let mut request = self
            .jira
            .http
            .request(call.method.clone(), url)
            .timeout(deadline::at_most(ATTEMPT_TIMEOUT))
            .bearer_auth(token.expose_secret());
        match call.body {
            None => {}
            Some(Body::Json(body)) => request = request.json(body),
            // Without the second header, Jira takes it for a forged request
            // (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-attachments/>).
            Some(Body::Form { content_type, content }) => {
                request = request.header(CONTENT_TYPE, content_type).header("X-Atlassian-Token", "no-check");
                request = request.body(content.clone());
            }
            Some(Body::Forwarded { headers, content }) => {
                request = request.headers(headers.clone());
                if !content.is_empty() {
                    request = request.body(content.clone());
                }
            }
        }
        count(Counter::JiraRequests);
        let response = request.send().await.map_err(CallError::broken)?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.jira.budget.learn(&target, &headers, SystemTime::now());
        let body = read_body(response, MAX_BODY_BYTES).await.map_err(CallError::broken)?;
        if status.is_success() || (call.redirects && status == StatusCode::SEE_OTHER) {
            return Ok(Answer { status, headers, body });
        }
        let mut response = JiraErrorResponse::read(status, &headers, &body);
        response.original = Some((headers, body));
        if status == StatusCode::TOO_MANY_REQUESTS {
            count(if response.is_quota() { Counter::JiraQuotaExhausted } else { Counter::JiraRateLimited });
            let exhausted = self.jira.budget.learn_refusal(&target, &response, SystemTime::now());
            if let (Some((quota, until)), Some(notices)) = (exhausted, &self.jira.notices) {
                notices.tell(quota, &self.id, until).await;
            }
        }
        Err(CallError::Refused(response))
    }

    fn target<'a>(&'a self, call: &'a Call<'_>) -> Target<'a> {
        Target {
            site: &self.id,
            method: &call.method,
            path: call.path,
            is_reading: self.is_reading,
            exhausted: self.exhausted,
        }
    }
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    lenient::from_slice(body).map_err(|error| JiraError::Unreadable(error.to_string()))
}
