//! The one call of AWS Secrets Manager that functions make, signed by AWS's own library and sent by the client that
//! everything else uses: the whole SDK would be a quarter of every binary.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningInstructions, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::error::chain;
use crate::tls::{SHORT_BODY, http_client, read_body};

/// How long one attempt may take, and how often it is made at the most.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 3;

/// The wait before the second attempt; the next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What says which call this is; signed with the rest.
const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "secretsmanager.GetSecretValue")];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    secret_string: Option<String>,
}

/// `{"__type": "…#ResourceNotFoundException", "message": "…"}`, in either spelling.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

/// Asks for the text of a secret; none when it is binary. Repeats what a throttled, failing or unreachable service
/// may answer next time.
///
/// # Errors
/// What Secrets Manager or the network said; never what the secret holds.
pub(crate) async fn get(
    region: &str,
    credentials: &Credentials,
    endpoint: &str,
    secret_id: &str,
) -> Result<Option<String>, String> {
    let mut attempt = 1;
    loop {
        match try_to_get(region, credentials, endpoint, secret_id).await {
            Ok(text) => return Ok(text),
            Err(Fault { is_passing: true, .. }) if attempt < ATTEMPTS => {
                tokio::time::sleep(FIRST_PAUSE * attempt).await;
                attempt += 1;
            }
            Err(fault) => return Err(fault.cause),
        }
    }
}

struct Fault {
    cause: String,
    is_passing: bool,
}

impl Fault {
    fn ours(error: impl std::fmt::Display) -> Self {
        Self { cause: error.to_string(), is_passing: false }
    }

    fn broken(error: reqwest::Error) -> Self {
        Self { cause: chain(&error.without_url()), is_passing: true }
    }
}

async fn try_to_get(
    region: &str,
    credentials: &Credentials,
    endpoint: &str,
    secret_id: &str,
) -> Result<Option<String>, Fault> {
    let body = json!({ "SecretId": secret_id }).to_string();
    let mut request = http_client().map_err(Fault::ours)?.post(endpoint).timeout(ATTEMPT_TIMEOUT);
    for (name, value) in signature(region, credentials, endpoint, &body)?.headers() {
        request = request.header(name, value);
    }
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    let response = request.body(body).send().await.map_err(Fault::broken)?;
    let status = response.status();
    let body = read_body(response, SHORT_BODY).await.map_err(Fault::broken)?;
    if status.is_success() {
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| Fault::ours("no JSON answer"))?;
        return Ok(answer.secret_string);
    }
    let refusal =
        serde_json::from_slice(&body).unwrap_or(Refusal { kind: String::new(), message: String::new() });
    let kind = refusal.kind.rsplit('#').next().unwrap_or_default().to_owned();
    let is_throttled = status == StatusCode::TOO_MANY_REQUESTS || kind == "ThrottlingException";
    Err(Fault {
        cause: format!("status {}: {kind} {}", status.as_u16(), refusal.message),
        is_passing: is_throttled || status.is_server_error(),
    })
}

/// The headers that prove who asks (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>).
fn signature(
    region: &str,
    credentials: &Credentials,
    endpoint: &str,
    body: &str,
) -> Result<SigningInstructions, Fault> {
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("secretsmanager")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(Fault::ours)?
        .into();
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", endpoint, HEADERS.into_iter(), body).map_err(Fault::ours)?;
    Ok(sign(request, &parameters).map_err(Fault::ours)?.into_parts().0)
}
