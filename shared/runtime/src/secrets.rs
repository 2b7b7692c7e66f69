//! Reading settings from one JSON secret in AWS Secrets Manager.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use base::chain;
use base::config::{Settings, SettingsError, Values};
use base::tls::http_client;
use futures_util::future::BoxFuture;

pub use aws_sdk_secretsmanager::Client;

/// Timeout for reading the secret at startup; Lambda allows ten seconds for it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>).
pub(crate) const START_LIMIT: Duration = Duration::from_secs(7);

/// Loads the environment and, if `JUNCTURE_SECRETS_ID` is set, the secret with that id, which supplies the settings
/// that the environment lacks. Reads the secret once; functions that have to follow changes use [`crate::serve`].
pub async fn load() -> Result<Settings, LoadError> {
    let environment = Settings::from_environment();
    let secret = match environment.secret_id() {
        Some(id) => read(&id, START_LIMIT).await?,
        None => Values::new(),
    };
    Ok(environment.with_secret(&secret)?)
}

/// Reads a secret that is a flat JSON object of strings, `{"DATABASE_URL": "…", …}`, within `limit`. Errors name the
/// secret but never its content.
///
/// Each read creates a client: reads are minutes apart, so a connection would not stay open in between. Boxed, so
/// that it is compiled here and not again in every function.
pub fn read(secret_id: &str, limit: Duration) -> BoxFuture<'_, Result<Values, SecretsError>> {
    Box::pin(async move {
        let access = Access::from_environment()?.of(secret_id);
        let region = access.region.clone();
        let client = access.client()?;
        tokio::time::timeout(limit, get(&client, secret_id, &region)).await.map_err(|_| {
            SecretsError::Other(format!(
                "the secret {secret_id} cannot be read: Secrets Manager did not answer within {} s",
                limit.as_secs_f32()
            ))
        })?
    })
}

/// Reads a secret with the given client. `region` is for error messages.
pub async fn get(client: &Client, secret_id: &str, region: &str) -> Result<Values, SecretsError> {
    let answer = client.get_secret_value().secret_id(secret_id).send().await.map_err(|error| {
        let cause = chain(&error);
        match error.code() {
            Some("ResourceNotFoundException") => SecretsError::NotFound(format!(
                "there is no secret {secret_id} in {region}: make it with `make secrets`, or correct its name or region"
            )),
            // If a policy allows reading only certain secrets, IAM also denies access to secrets that do not exist.
            Some("AccessDeniedException") => SecretsError::AccessDenied(format!(
                "the secret {secret_id} cannot be read: {cause}; or there is no such secret in {region}: make it with \
                 `make secrets`"
            )),
            _ => SecretsError::Other(format!("the secret {secret_id} cannot be read: {cause}")),
        }
    })?;
    parse(secret_id, answer.secret_string())
}

/// Parses the text of a secret. Errors give the position in the text, never its content.
pub fn parse(secret_id: &str, text: Option<&str>) -> Result<Values, SecretsError> {
    let text = text.ok_or_else(|| {
        SecretsError::Other(format!("the secret {secret_id} is binary; store a JSON object of strings"))
    })?;
    serde_json::from_str(text).map_err(|error| {
        // The position is safe to show, the text around it is not.
        SecretsError::Other(format!(
            "the secret {secret_id} is not a flat JSON object of strings (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

/// How to reach Secrets Manager.
pub struct Access {
    /// The region of the secret, for example `eu-central-1`.
    pub region: String,
    /// The credentials of the caller.
    pub credentials: Credentials,
    /// The endpoint, if it is not AWS's own.
    pub endpoint: Option<String>,
}

impl Access {
    /// Reads the region, credentials and endpoint from the environment variables that Lambda sets
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>). A function needs nothing else of
    /// the AWS credential chain, so nothing else is loaded.
    pub fn from_environment() -> Result<Self, SecretsError> {
        let required = |name: &'static str| {
            variable(name)
                .ok_or_else(|| SecretsError::Other(format!("{name} is not set; Secrets Manager needs it")))
        };
        Ok(Self {
            region: required("AWS_REGION")?,
            credentials: Credentials::from_keys(
                required("AWS_ACCESS_KEY_ID")?,
                required("AWS_SECRET_ACCESS_KEY")?,
                variable("AWS_SESSION_TOKEN"),
            ),
            endpoint: endpoint(),
        })
    }

    /// Adapts the region to a secret: an ARN contains its own.
    #[must_use]
    pub fn of(mut self, secret_id: &str) -> Self {
        if let ["arn", _, "secretsmanager", region, _, "secret", _] =
            *secret_id.split(':').collect::<Vec<_>>()
        {
            self.region = region.to_owned();
        }
        self
    }

    /// Creates a client with an operation timeout of seven seconds.
    pub fn client(self) -> Result<Client, SecretsError> {
        let http = http_client().map_err(|error| SecretsError::Other(error.to_string()))?;
        let connector = SharedHttpConnector::new(ReqwestConnector(http));
        let mut config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region))
            .credentials_provider(self.credentials)
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(Duration::from_secs(2))
                    .operation_timeout(START_LIMIT)
                    .build(),
            );
        if let Some(endpoint) = self.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Client::from_conf(config.build()))
    }
}

/// Returns the endpoint of Secrets Manager if it is not AWS's own, from the environment variables that all AWS SDKs
/// read.
pub fn endpoint() -> Option<String> {
    variable("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| variable("AWS_ENDPOINT_URL"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Connects the AWS SDK to the HTTP client that all crates share: one TLS stack, one set of root certificates, and a
/// smaller binary.
#[derive(Debug, Clone)]
struct ReqwestConnector(reqwest::Client);

impl HttpConnector for ReqwestConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = body.bytes().map(<[u8]>::to_vec).unwrap_or_default();
            let request = ::http::Request::from_parts(parts, body)
                .try_into()
                .map_err(|error: reqwest::Error| ConnectorError::user(error.into()))?;
            let answer = client.execute(request).await.map_err(connector_error)?;
            let mut response = ::http::Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                *headers = answer.headers().clone();
            }
            let body = SdkBody::from(answer.bytes().await.map_err(connector_error)?);
            let response = response.body(body).map_err(|error| ConnectorError::other(error.into(), None))?;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn connector_error(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

/// Why the secret could not be read, with the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// Access is denied. IAM also says so for a secret that does not exist, and for a role created only seconds ago.
    #[error("{0}")]
    AccessDenied(String),
    /// The secret does not exist in this region.
    #[error("{0}")]
    NotFound(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why the settings could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A setting is missing or malformed.
    #[error("{0}")]
    Settings(SettingsError),
    /// The secret named by `JUNCTURE_SECRETS_ID` could not be read.
    #[error("the setting JUNCTURE_SECRETS_ID: {0}")]
    Secret(SecretsError),
}

impl From<SettingsError> for LoadError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<SecretsError> for LoadError {
    fn from(error: SecretsError) -> Self {
        Self::Secret(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_determines_the_region() {
        for (id, expected) in [
            ("juncture/prod", "us-east-1"),
            ("arn:aws:secretsmanager:eu-central-1:123456789012:secret:juncture/prod-AbCdEf", "eu-central-1"),
            ("arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:x-AbCdEf", "us-gov-west-1"),
            ("arn:aws:ssm:eu-central-1:123456789012:parameter/x", "us-east-1"),
        ] {
            let credentials = Credentials::from_keys("id", "key", None);
            let access = Access { region: "us-east-1".to_owned(), credentials, endpoint: None };
            assert_eq!(access.of(id).region, expected, "{id}");
        }
    }
}
