//! A stage's secret in Secrets Manager.

use anyhow::{Context, Result, anyhow, ensure};
use base::chain;
use base::config::Values;
use runtime::secrets::{Access, Client, SecretsError, get};
use uuid::Uuid;

pub(crate) struct Secret {
    id: String,
    region: String,
    client: Client,
}

impl Secret {
    pub(crate) fn new(id: String, access: Access) -> Result<Self> {
        let region = access.region.clone();
        Ok(Self { id, region, client: access.client().context("the AWS client")? })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Reads the secret; `None` if it does not exist.
    pub(crate) async fn read(&self) -> Result<Option<Values>> {
        match self.existing().await {
            Ok(values) => Ok(Some(values)),
            Err(SecretsError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the secret, which must exist.
    pub(crate) async fn existing(&self) -> Result<Values, SecretsError> {
        get(&self.client, &self.id, &self.region).await
    }

    /// Creates the secret and returns its ARN.
    pub(crate) async fn create(&self, values: &Values) -> Result<String> {
        ensure!(
            !self.id.starts_with("arn:"),
            "there is no secret {} in {}, and an ARN cannot create one: set JunctureSecretsId in samconfig.toml to a name",
            self.id,
            self.region
        );
        let call = self
            .client
            .create_secret()
            .name(&self.id)
            .description("The settings of Juncture")
            // Makes retries of this call idempotent, so that a lost response does not create a second version.
            .client_request_token(Uuid::new_v4().to_string())
            .secret_string(serde_json::to_string_pretty(values)?);
        let answer = call.send().await.map_err(|error| anyhow!(chain(&error)));
        let answer = answer.with_context(|| format!("the secret {} cannot be created", self.id))?;
        Ok(answer.arn().unwrap_or_default().to_owned())
    }

    /// Adds a new version of the secret and returns its ARN.
    pub(crate) async fn replace(&self, values: &Values) -> Result<String> {
        let call = self
            .client
            .put_secret_value()
            .secret_id(&self.id)
            .client_request_token(Uuid::new_v4().to_string())
            .secret_string(serde_json::to_string_pretty(values)?);
        let answer = call.send().await.map_err(|error| anyhow!(chain(&error)));
        let answer = answer.with_context(|| format!("the secret {} cannot be changed", self.id))?;
        Ok(answer.arn().unwrap_or_default().to_owned())
    }

    /// Its ARN.
    pub(crate) async fn arn(&self) -> Result<String> {
        let answer = self.client.describe_secret().secret_id(&self.id).send().await;
        let answer = answer.map_err(|error| anyhow!(chain(&error)));
        let answer = answer.with_context(|| format!("the secret {} cannot be described", self.id))?;
        Ok(answer.arn().unwrap_or_default().to_owned())
    }
}
