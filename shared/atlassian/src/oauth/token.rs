//! Atlassian's token endpoint.

use std::time::{Duration, SystemTime};

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Counter, count};
use base::oauth::{Grant, GrantedScopes, TokenEndpoint, TokenError};
use base::tls::{SHORT_BODY, read_body};
use base::wait;
use base::{deadline, retry};
use futures_util::future::BoxFuture;
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

use crate::{DEFAULT_AUTH_URL, http_client, lenient};

/// Timeout of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time reserved for storing new tokens, so that a slow response does not cause their loss.
const STORING_RESERVE: Duration = Duration::from_secs(2);

/// Access token lifetime in seconds if `expires_in` is missing or unreadable: Atlassian's usual hour. If the token
/// expires earlier, Jira responds with 401 and it is renewed.
const USUAL_LIFETIME: f64 = 3600.0;

/// The only error message from Atlassian that invalidates a connection: with `unauthorized_client`, it means that the
/// refresh token is dead (<https://github.com/raycast/extensions/issues/11836>). On its own, that code means that the
/// app may not request tokens (<https://www.rfc-editor.org/rfc/rfc6749#section-5.2>), which would affect every
/// connection.
const DEAD_TOKEN: &str = "refresh_token is invalid";

/// Atlassian ends a consent after this time, however often it was refreshed.
pub const CONSENT_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Atlassian's token endpoint. Settings: `DEFAULT_JIRA_CLIENT_ID`, `DEFAULT_JIRA_CLIENT_SECRET`,
/// `ATLASSIAN_AUTH_URL`.
pub struct JiraTokenEndpoint {
    http: reqwest::Client,
    token: Url,
    client_id: String,
    client_secret: SecretString,
}

impl FromSettings for JiraTokenEndpoint {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut token = settings.service_url("ATLASSIAN_AUTH_URL", Some(DEFAULT_AUTH_URL))?;
        token.set_path("/oauth/token");
        Ok(Self {
            http: http_client()?,
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
        // A code can be exchanged only once, so this is not retried.
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

    /// Retried once, immediately, after a lost response or a server error: Atlassian accepts the same refresh token
    /// again within its reuse interval of ten minutes.
    fn refresh<'a>(&'a self, refresh_token: &'a SecretString) -> BoxFuture<'a, Result<Grant, TokenError>> {
        Box::pin(async move {
            let body = json!({
                "grant_type": "refresh_token",
                "client_id": self.client_id,
                "client_secret": self.client_secret.expose_secret(),
                "refresh_token": refresh_token.expose_secret(),
            });
            let may_pass = |error: &TokenError| matches!(error, TokenError::Failed(_) | TokenError::TimedOut);
            retry::twice(|| self.request(&body), may_pass).await
        })
    }
}

impl JiraTokenEndpoint {
    async fn request(&self, body: &Value) -> Result<Grant, TokenError> {
        let budget = deadline::remaining().saturating_sub(STORING_RESERVE);
        if budget.is_zero() {
            return Err(TokenError::TimedOut);
        }
        count(Counter::TokenRequests);
        let response = self
            .http
            .post(self.token.clone())
            .timeout(ATTEMPT_TIMEOUT.min(budget))
            .json(body)
            .send()
            .await
            .map_err(transport_error)?;
        let status = response.status();
        let retry_after = wait::retry_after(response.headers(), SystemTime::now());
        let body = read_body(response, SHORT_BODY).await.map_err(transport_error)?;
        if status.is_success() {
            return grant(&body);
        }
        Err(refusal(status, retry_after, &body))
    }
}

fn transport_error(error: reqwest::Error) -> TokenError {
    if error.is_timeout() { TokenError::TimedOut } else { TokenError::Failed(chain(&error.without_url())) }
}

/// Parses a token response. A malformed field other than the access token must not fail it: the refresh token that
/// was exchanged has been used up.
pub fn grant(body: &[u8]) -> Result<Grant, TokenError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        #[serde(deserialize_with = "secret")]
        access_token: Option<SecretString>,
        #[serde(deserialize_with = "secret")]
        refresh_token: Option<SecretString>,
        #[serde(deserialize_with = "lenient::number")]
        expires_in: Option<f64>,
        #[serde(deserialize_with = "lenient::text")]
        scope: Option<String>,
    }
    let no_token = || TokenError::Failed("the answer has no access token".to_owned());
    // The decoder's error could quote a token.
    let answer: Answer = lenient::from_slice(body).map_err(|_| no_token())?;
    let seconds = answer.expires_in.filter(|seconds| *seconds >= 0.0).unwrap_or(USUAL_LIFETIME);
    // Whole seconds, as the stores keep them, so every caller gets the same expiry.
    let lifetime = Duration::from_secs(seconds.min(u32::MAX.into()) as u64);
    Ok(Grant {
        access_token: answer.access_token.ok_or_else(no_token)?,
        expires_at: OffsetDateTime::now_utc().truncate_to_second() + lifetime,
        refresh_token: answer.refresh_token,
        scopes: answer.scope.as_deref().and_then(GrantedScopes::parse),
    })
}

/// Deserializes a token; an empty one becomes `None`.
fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(lenient::text(from)?.filter(|token| !token.is_empty()).map(SecretString::from))
}

/// Classifies an error by its `error` code and not by the status, which has varied.
pub fn refusal(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> TokenError {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        #[serde(deserialize_with = "lenient::text")]
        error: Option<String>,
        #[serde(deserialize_with = "lenient::text")]
        error_description: Option<String>,
    }
    let Answer { error, error_description } = lenient::from_slice(body).unwrap_or_default();
    let error_description = error_description.unwrap_or_default();
    let Some(error) = error else {
        return match status {
            StatusCode::TOO_MANY_REQUESTS => TokenError::Limited { retry_after },
            status => TokenError::Failed(format!("status {} without an OAuth error", status.as_u16())),
        };
    };
    let described = format!("{error}: {error_description}");
    match error.as_str() {
        "invalid_grant" => TokenError::Rejected(described),
        "unauthorized_client" if error_description == DEAD_TOKEN => TokenError::Rejected(described),
        "unauthorized_client" => TokenError::Doubted(described),
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
            TokenError::Doubted(_) => "doubted",
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
        for said in ["", "Refresh_token is invalid", "refresh_token is invalid.", "The app is suspended"] {
            let body = json!({ "error": "unauthorized_client", "error_description": said });
            assert_eq!(kind(403, &body.to_string()), "doubted", "{said}");
        }
        for odd in [json!(null), json!(7), json!(["refresh_token is invalid"])] {
            let body = json!({ "error": "unauthorized_client", "error_description": odd });
            assert_eq!(kind(403, &body.to_string()), "doubted", "{odd}");
            let body = json!({ "error": "invalid_grant", "error_description": odd });
            assert_eq!(kind(403, &body.to_string()), "rejected", "{odd}");
            assert_eq!(kind(403, &json!({ "error": odd }).to_string()), "failed", "{odd}");
        }
        assert_eq!(kind(403, r#"{"error":"unauthorized_client"}"#), "doubted");
        assert_eq!(kind(503, "<html>"), "failed");
        assert_eq!(kind(403, "<html>"), "failed");
        assert_eq!(kind(429, ""), "limited");
        assert_eq!(kind(500, r#"{"error":"server_error"}"#), "failed");
    }

    #[test]
    fn new_tokens_are_taken_whatever_is_said_of_their_lifetime() {
        let usual = Some(3600);
        for (said, seconds) in [
            (json!(7200), Some(7200)),
            (json!("7200"), Some(7200)),
            (json!(7200.0), Some(7200)),
            (json!(7199.9), Some(7199)),
            (json!("7199.9"), Some(7199)),
            (json!(" 7200 "), Some(7200)),
            (json!(0), Some(0)),
            (json!(u64::MAX), Some(i64::from(u32::MAX))),
            (json!(null), usual),
            (json!(-1), usual),
            (json!("an hour"), usual),
            (json!("NaN"), usual),
            (json!(true), usual),
            (json!([7200]), usual),
            (json!({ "seconds": 7200 }), usual),
        ] {
            let before = OffsetDateTime::now_utc().truncate_to_second();
            let body =
                json!({ "access_token": "a", "refresh_token": "r", "expires_in": said, "scope": said });
            let grant = grant(body.to_string().as_bytes()).ok().unwrap();
            assert_eq!(grant.refresh_token.unwrap().expose_secret(), "r", "{said}");
            let lasts = (grant.expires_at - before).whole_seconds();
            assert!(
                seconds.is_some_and(|seconds| (seconds..seconds + 60).contains(&lasts)),
                "{said}: {lasts}"
            );
        }
    }

    #[test]
    fn unreadable_scopes_lose_no_token() {
        let scopes = |said: Value| {
            let body = json!({ "access_token": "a", "scope": said }).to_string();
            grant(body.as_bytes()).ok().unwrap().scopes.map(|scopes| scopes.as_str().to_owned())
        };
        assert_eq!(scopes(json!("read:me offline_access")).as_deref(), Some("offline_access read:me"));
        for odd in [json!(null), json!(7), json!(["read:me"]), json!({}), json!("")] {
            assert_eq!(scopes(odd), None);
        }
    }

    #[test]
    fn an_answer_without_a_refresh_token_keeps_the_old_one() {
        let grant = grant(br#"{"access_token":"a","expires_in":3600,"token_type":"Bearer"}"#).ok().unwrap();
        assert!(grant.refresh_token.is_none());
        for odd in [
            &br#"{"access_token":"a","refresh_token":null}"#[..],
            br#"{"access_token":"a","refresh_token":7}"#,
        ] {
            assert!(super::grant(odd).ok().unwrap().refresh_token.is_none());
        }
        for without in [
            &br#"{"refresh_token":"secret-value"}"#[..],
            br#"{"access_token":""}"#,
            br#"{"access_token":7}"#,
            b"[]",
        ] {
            assert!(super::grant(without).is_err());
        }
    }
}
