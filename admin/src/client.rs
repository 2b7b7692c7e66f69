//! The AWS SDK's client of Secrets Manager.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use juncture::secrets::Access;
use juncture::tls::http_client;

/// A client, which gives up after seven seconds.
pub(crate) fn client(access: Access) -> Result<Client> {
    let connector = SharedHttpConnector::new(ReqwestConnector(http_client()?));
    let mut config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(access.region))
        .credentials_provider(access.credentials)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(Duration::from_secs(2))
                .operation_timeout(Duration::from_secs(7))
                .build(),
        );
    if let Some(endpoint) = access.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}

/// Lets the AWS SDK speak through the HTTP client that the rest of the crate uses: one TLS stack, one set of
/// roots.
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
