//! Atlassian's token endpoint.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

use super::DEFAULT_AUTH_URL;
use crate::config::{FromSettings, Settings, SettingsError};
use crate::deadline;
use crate::error::chain;
use crate::provider::{BoxFuture, Grant, TokenEndpoint, TokenError};
use crate::telemetry::{Count, count};
use crate::tls::{SHORT_BODY, http_client, read_body};

/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is kept back of an invocation for storing the new tokens: they must not be lost to a slow answer.
const STORING_RESERVE: Duration = Duration::from_secs(2);

/// Atlassian ends a consent after this, however often it was refreshed.
pub const CONSENT_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Settings: `DEFAULT_JIRA_CLIENT_ID`, `DEFAULT_JIRA_CLIENT_SECRET`, `ATLASSIAN_AUTH_URL`.
pub struct JiraTokenEndpoint {
    http: reqwest::Client,
    token: Url,
    client_id: String,
    client_secret: SecretString,
}

impl FromSettings for JiraTokenEndpoint {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "ATLASSIAN_AUTH_URL";
        let mut token = settings.service_url(name, Some(DEFAULT_AUTH_URL))?;
        token.set_path("/oauth/token");
        Ok(Self {
            http: http_client()
                .map_err(|error| SettingsError::Invalid { name, reason: error.to_string() })?,
            token,
            client_id: settings.required("DEFAULT_JIRA_CLIENT_ID")?,
            client_secret: settings.secret("DEFAULT_JIRA_CLIENT_SECRET")?,
        })
    }
}

impl TokenEndpoint for JiraTokenEndpoint {
    fn exchange_code<'a>(
        &'a self,
        redirect_uri: &'a str,
        code: &'a str,
    ) -> BoxFuture<'a, Result<Grant, TokenError>> {
        // A code is good for one exchange, so this is sent once.
        Box::pin(async move {
            self.request(&json!({
                "grant_type": "authorization_code",
                "client_id": self.client_id,
                "client_secret": self.client_secret.expose_secret(),
                "code": code,
                "redirect_uri": redirect_uri,
            }))
            .await
        })
    }

    /// Sent again at once when the answer is lost or the server fails: within the ten minutes of its reuse
    /// interval Atlassian accepts the same refresh token again.
    fn refresh<'a>(&'a self, refresh_token: &'a SecretString) -> BoxFuture<'a, Result<Grant, TokenError>> {
        Box::pin(async move {
            let body = json!({
                "grant_type": "refresh_token",
                "client_id": self.client_id,
                "client_secret": self.client_secret.expose_secret(),
                "refresh_token": refresh_token.expose_secret(),
            });
            match self.request(&body).await {
                Err(TokenError::Failed(_) | TokenError::TimedOut) => self.request(&body).await,
                outcome => outcome,
            }
        })
    }
}

impl JiraTokenEndpoint {
    async fn request(&self, body: &Value) -> Result<Grant, TokenError> {
        let budget = deadline::remaining().saturating_sub(STORING_RESERVE);
        if budget.is_zero() {
            return Err(TokenError::TimedOut);
        }
        count(Count::TokenRequests);
        let response = self
            .http
            .post(self.token.clone())
            .timeout(ATTEMPT_TIMEOUT.min(budget))
            .json(body)
            .send()
            .await
            .map_err(transport_error)?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let body = read_body(response, SHORT_BODY).await.map_err(transport_error)?;
        if status.is_success() {
            return grant(&body);
        }
        Err(refusal(status, retry_after, &body))
    }
}

/// How long a server asks to be left alone.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn transport_error(error: reqwest::Error) -> TokenError {
    if error.is_timeout() { TokenError::TimedOut } else { TokenError::Failed(chain(&error.without_url())) }
}

pub(super) fn grant(body: &[u8]) -> Result<Grant, TokenError> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: SecretString,
        refresh_token: Option<SecretString>,
        expires_in: Option<u32>,
    }
    // The error of the decoder could quote a token.
    let answer: Answer = serde_json::from_slice(body)
        .ok()
        .filter(|answer: &Answer| !answer.access_token.expose_secret().is_empty())
        .ok_or_else(|| TokenError::Failed("the answer has no access token".to_owned()))?;
    let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(3600).into());
    Ok(Grant {
        access_token: answer.access_token,
        // Whole seconds, as every store keeps them: all callers are told the same.
        expires_at: OffsetDateTime::now_utc().truncate_to_second() + lifetime,
        refresh_token: answer.refresh_token.filter(|token| !token.expose_secret().is_empty()),
    })
}

/// Tells errors apart by their `error` code, not by the status, which has varied.
pub(super) fn refusal(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> TokenError {
    #[derive(Deserialize)]
    struct Answer {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    let Ok(Answer { error, error_description }) = serde_json::from_slice(body) else {
        return match status {
            StatusCode::TOO_MANY_REQUESTS => TokenError::Limited { retry_after },
            status => TokenError::Failed(format!("status {} without an OAuth error", status.as_u16())),
        };
    };
    let described = format!("{error}: {error_description}");
    match error.as_str() {
        "invalid_grant" | "unauthorized_client" => TokenError::Rejected(described),
        "access_denied" | "invalid_client" | "invalid_request" | "unsupported_grant_type" => {
            TokenError::Misconfigured(described)
        }
        _ if status == StatusCode::TOO_MANY_REQUESTS => TokenError::Limited { retry_after },
        _ => TokenError::Failed(described),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> &'static str {
        match refusal(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()) {
            TokenError::Rejected(_) => "rejected",
            TokenError::Misconfigured(_) => "misconfigured",
            TokenError::Limited { .. } => "limited",
            TokenError::Failed(_) => "failed",
            TokenError::TimedOut => "timed out",
        }
    }

    #[test]
    fn refusals_are_told_apart_by_their_code() {
        let documented =
            r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#;
        let observed = r#"{"error":"unauthorized_client","error_description":"refresh_token is invalid"}"#;
        let ours = r#"{"error":"access_denied","error_description":"Unauthorized"}"#;
        for status in [400, 401, 403] {
            assert_eq!(kind(status, documented), "rejected");
            assert_eq!(kind(status, observed), "rejected");
            assert_eq!(kind(status, ours), "misconfigured");
        }
        assert_eq!(kind(503, "<html>"), "failed");
        assert_eq!(kind(403, "<html>"), "failed");
        assert_eq!(kind(429, ""), "limited");
        assert_eq!(kind(500, r#"{"error":"server_error"}"#), "failed");
    }

    #[test]
    fn an_answer_without_a_refresh_token_keeps_the_old_one() {
        let grant = grant(br#"{"access_token":"a","expires_in":3600,"token_type":"Bearer"}"#).ok().unwrap();
        assert!(grant.refresh_token.is_none());
        for without in [&br#"{"refresh_token":"secret-value"}"#[..], br#"{"access_token":""}"#] {
            assert!(super::grant(without).is_err());
        }
    }
}
