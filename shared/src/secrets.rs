//! One JSON secret of AWS Secrets Manager.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::secret_value;
use aws_credential_types::Credentials;

/// What a secret holds: names and values of settings.
pub type Values = BTreeMap<String, String>;

/// Reads a secret whose value is one flat JSON object of strings, `{"DATABASE_URL": "…", …}`, within `limit`.
///
/// # Errors
/// When the secret cannot be read or is not such an object; the text names the secret, never its content.
pub async fn read(secret_id: &str, limit: Duration) -> Result<Values, SecretsError> {
    let Access { region, credentials, endpoint } = Access::from_environment()?;
    let cannot = |cause: String| SecretsError(format!("the secret {secret_id} cannot be read: {cause}"));
    // The domain of AWS in China is another one: https://docs.aws.amazon.com/general/latest/gr/asm.html
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint = endpoint.unwrap_or_else(|| format!("https://secretsmanager.{region}.{domain}"));
    let call = secret_value::get(&region, &credentials, &endpoint, secret_id);
    let text = tokio::time::timeout(limit, call)
        .await
        .map_err(|_| cannot(format!("Secrets Manager did not answer within {} s", limit.as_secs_f32())))?
        .map_err(cannot)?;
    parse(secret_id, text.as_deref())
}

/// Reads the text of a secret as [`Values`].
///
/// # Errors
/// When it is not one flat JSON object of strings; says where, never what.
pub fn parse(secret_id: &str, text: Option<&str>) -> Result<Values, SecretsError> {
    let text = text.ok_or_else(|| {
        SecretsError(format!("the secret {secret_id} is binary; store a JSON object of strings"))
    })?;
    serde_json::from_str(text).map_err(|error| {
        // The position is safe to tell, the text around it is not.
        SecretsError(format!(
            "the secret {secret_id} is not a flat JSON object of strings (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

/// How Secrets Manager is reached.
pub struct Access {
    /// The region of the secret, `eu-central-1` for instance.
    pub region: String,
    /// Who asks.
    pub credentials: Credentials,
    /// Another place than AWS's own.
    pub endpoint: Option<String>,
}

impl Access {
    /// Region, credentials and endpoint as the environment has them, where Lambda puts them
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>): nothing else of the AWS
    /// credential chain is needed in a function, so nothing else is loaded.
    ///
    /// # Errors
    /// When one is missing, by name.
    pub fn from_environment() -> Result<Self, SecretsError> {
        let required = |name: &'static str| {
            variable(name).ok_or_else(|| SecretsError(format!("{name} is not set; Secrets Manager needs it")))
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
}

/// Another place of Secrets Manager than AWS's own, from the variables that every AWS SDK reads.
pub fn endpoint() -> Option<String> {
    variable("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| variable("AWS_ENDPOINT_URL"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The secret cannot be had.
#[derive(Debug)]
pub struct SecretsError(String);

impl std::fmt::Display for SecretsError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SecretsError {}
