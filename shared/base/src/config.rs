//! Settings, read from environment variables and, as a fallback, from one secret in AWS Secrets Manager.
//!
//! Each component reads only its own settings, through [`FromSettings`], so a function requires only what it uses,
//! and a missing setting fails at startup, by name. All names are listed in `.env.example`.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::tls::is_safe_for_credentials;

/// Setting names and values, as stored in a secret.
pub type Values = BTreeMap<String, String>;

/// The settings of one sandbox. An empty value counts as absent, because the template passes empty defaults.
#[derive(Default)]
pub struct Settings {
    environment: Values,
    secret: Values,
}

impl Settings {
    /// Reads the environment only.
    pub fn from_environment() -> Self {
        Self::from_pairs(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Builds settings from name-value pairs, for tests and tools.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { environment: pairs.into_iter().collect(), secret: Values::new() }
    }

    /// Returns the id of the secret that supplements the environment (`JUNCTURE_SECRETS_ID`), if set.
    pub fn secret_id(&self) -> Option<String> {
        self.optional("JUNCTURE_SECRETS_ID")
    }

    /// Returns the same environment, supplemented by the values of a secret. The environment takes precedence.
    ///
    /// Fails if `CLOUD_MODE` is set to true, which is not supported yet, or is not a boolean.
    pub fn with_secret(&self, secret: &Values) -> Result<Self, SettingsError> {
        let settings = Self { environment: self.environment.clone(), secret: secret.clone() };
        if settings.flag("CLOUD_MODE", false)? {
            return Err(SettingsError::CloudMode);
        }
        Ok(settings)
    }

    /// Returns an optional setting.
    pub fn optional(&self, name: &str) -> Option<String> {
        let present = |values: &Values| {
            values.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        present(&self.environment).or_else(|| present(&self.secret))
    }

    /// Returns a required setting; fails if it is absent or empty.
    pub fn required(&self, name: &'static str) -> Result<String, SettingsError> {
        self.optional(name).ok_or(SettingsError::Missing { name })
    }

    /// Parses a setting as a whole number of seconds; an absent one gives `default`.
    pub fn seconds(&self, name: &'static str, default: Duration) -> Result<Duration, SettingsError> {
        let Some(value) = self.optional(name) else { return Ok(default) };
        let invalid =
            || SettingsError::Invalid { name, reason: "must be a whole number of seconds".to_owned() };
        value.parse().map(Duration::from_secs).map_err(|_| invalid())
    }

    /// Returns a required setting as a secret.
    pub fn secret(&self, name: &'static str) -> Result<SecretString, SettingsError> {
        self.required(name).map(SecretString::from)
    }

    /// Parses a boolean setting: `true`, `yes`, `on`, `1` or `false`, `no`, `off`, `0`, case-insensitive. An absent
    /// one gives `absent`; anything else is an error.
    pub fn flag(&self, name: &'static str, absent: bool) -> Result<bool, SettingsError> {
        let Some(value) = self.optional(name) else { return Ok(absent) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(SettingsError::Invalid { name, reason: "must be true or false".to_owned() }),
        }
    }

    /// Parses a required `http(s)` URL.
    pub fn url(&self, name: &'static str) -> Result<Url, SettingsError> {
        parse_url(name, &self.required(name)?)
    }

    /// Parses an optional `http(s)` URL.
    pub fn optional_url(&self, name: &'static str) -> Result<Option<Url>, SettingsError> {
        self.optional(name).map(|value| parse_url(name, &value)).transpose()
    }

    /// Parses an optional URL that receives codes, under the same rules as [`Self::service_url`].
    pub fn optional_service_url(&self, name: &'static str) -> Result<Option<Url>, SettingsError> {
        self.optional(name).map(|_| self.service_url(name, None)).transpose()
    }

    /// Parses the URL of a service that receives credentials; an absent one gives `default`.
    ///
    /// Fails unless the URL is `https`, or `http` on localhost, so credentials never cross a network in clear text.
    pub fn service_url(&self, name: &'static str, default: Option<&str>) -> Result<Url, SettingsError> {
        let value = match (self.optional(name), default) {
            (Some(value), _) => value,
            (None, Some(default)) => default.to_owned(),
            (None, None) => return Err(SettingsError::Missing { name }),
        };
        let url = parse_url(name, &value)?;
        if !is_safe_for_credentials(&url) {
            let reason = "must start with https:// (http:// is for this machine only)".to_owned();
            return Err(SettingsError::Invalid { name, reason });
        }
        Ok(url)
    }
}

fn parse_url(name: &'static str, value: &str) -> Result<Url, SettingsError> {
    let invalid = |reason: String| SettingsError::Invalid { name, reason };
    let url = Url::parse(value).map_err(|error| invalid(format!("is not an address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid("must be an http:// or https:// address".to_owned()));
    }
    Ok(url)
}

/// A component that is configured from the settings.
pub trait FromSettings: Sized {
    /// Reads the settings it needs, and no others.
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError>;
}

impl FromSettings for () {
    fn from_settings(_: &Settings) -> Result<Self, SettingsError> {
        Ok(())
    }
}

/// Why a function cannot start. Contains setting names, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A required setting is absent or empty.
    #[error(
        "the setting {name} is missing: set it in the environment or in the secret named by JUNCTURE_SECRETS_ID"
    )]
    Missing {
        /// The setting's name.
        name: &'static str,
    },
    /// A setting is malformed.
    #[error("the setting {name} {reason}")]
    Invalid {
        /// The setting's name.
        name: &'static str,
        /// What is wrong with it, worded to follow the name.
        reason: String,
    },
    /// Cloud mode is not supported yet.
    #[error(
        "CLOUD_MODE=true is not supported yet: leave CLOUD_MODE out or set it to false to run Juncture for one product"
    )]
    CloudMode,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let error = settings(&[("DATABASE_URL", "  ")]).required("DATABASE_URL").unwrap_err();
        assert!(error.to_string().contains("DATABASE_URL is missing"), "{error}");
    }

    #[test]
    fn the_secret_supplies_what_the_environment_lacks() {
        let secret =
            [("A", "secret"), ("B", "secret")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = settings(&[("A", "environment"), ("B", "")]).with_secret(&secret.into()).unwrap();
        assert_eq!(settings.optional("A").as_deref(), Some("environment"));
        assert_eq!(settings.optional("B").as_deref(), Some("secret"));
    }

    #[test]
    fn flags_accept_the_usual_words_and_reject_the_rest() {
        let flag = |value: &str| settings(&[("FLAG", value)]).flag("FLAG", true);
        for word in ["true", "TRUE", "Yes", "on", "1", "", " "] {
            assert_eq!(flag(word), Ok(true), "{word}");
        }
        for word in ["false", "False", "no", "OFF", "0", " false "] {
            assert_eq!(flag(word), Ok(false), "{word}");
        }
        for word in ["ture", "2", "null", "enabled"] {
            let error = flag(word).unwrap_err().to_string();
            assert!(error.contains("FLAG must be true or false") && !error.contains(word), "{error}");
        }
    }

    #[test]
    fn credentials_are_not_sent_in_clear_text() {
        let settings = settings(&[("REMOTE", "http://example.com"), ("LOCAL", "http://localhost:8003")]);
        assert!(settings.service_url("REMOTE", None).unwrap_err().to_string().contains("https://"));
        assert!(settings.service_url("LOCAL", None).is_ok());
        assert!(settings.service_url("ABSENT", Some("https://api.atlassian.com")).is_ok());
        assert_eq!(
            settings.service_url("ABSENT", None).unwrap_err(),
            SettingsError::Missing { name: "ABSENT" }
        );
    }
}
