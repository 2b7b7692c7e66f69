//! Settings: from the environment, and behind it from one secret of AWS Secrets Manager.
//!
//! Each concern reads its own few settings through [`FromSettings`], so that a function requires only what it
//! uses and a missing one fails at start, by name. The names are listed in `.env.example`.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::tls::is_safe_for_credentials;

/// Names and values of settings, as a secret holds them.
pub type Values = BTreeMap<String, String>;

/// The settings of one sandbox. An empty value counts as absent: a template passes empty defaults.
#[derive(Default)]
pub struct Settings {
    environment: Values,
    secret: Values,
}

impl Settings {
    /// The environment alone.
    pub fn from_environment() -> Self {
        Self::from_pairs(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Settings from given pairs, for tests and tools.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { environment: pairs.into_iter().collect(), secret: Values::new() }
    }

    /// The secret behind these settings, if there is one: `JUNCTURE_SECRETS_ID`.
    pub fn secret_id(&self) -> Option<String> {
        self.optional("JUNCTURE_SECRETS_ID")
    }

    /// The same environment with these values of the secret behind it.
    ///
    /// # Errors
    /// When `CLOUD_MODE` asks for what is not built yet, or is no flag.
    pub fn with_secret(&self, secret: &Values) -> Result<Self, SettingsError> {
        let settings = Self { environment: self.environment.clone(), secret: secret.clone() };
        if settings.flag("CLOUD_MODE", false)? {
            return Err(SettingsError::CloudMode);
        }
        Ok(settings)
    }

    /// A setting that may be absent.
    pub fn optional(&self, name: &str) -> Option<String> {
        let present = |values: &Values| {
            values.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        present(&self.environment).or_else(|| present(&self.secret))
    }

    /// A setting without which the function cannot work.
    ///
    /// # Errors
    /// When it is absent or empty.
    pub fn required(&self, name: &'static str) -> Result<String, SettingsError> {
        self.optional(name).ok_or(SettingsError::Missing { name })
    }

    /// A number of seconds, with its default.
    ///
    /// # Errors
    /// When it is present and no whole number.
    pub fn seconds(&self, name: &'static str, default: Duration) -> Result<Duration, SettingsError> {
        let Some(value) = self.optional(name) else { return Ok(default) };
        let invalid =
            || SettingsError::Invalid { name, reason: "must be a whole number of seconds".to_owned() };
        value.parse().map(Duration::from_secs).map_err(|_| invalid())
    }

    /// A required setting that must not be shown.
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn secret(&self, name: &'static str) -> Result<SecretString, SettingsError> {
        self.required(name).map(SecretString::from)
    }

    /// A setting that is `true` or `false`, or another usual word for that, in letters of any case.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, name: &'static str, absent: bool) -> Result<bool, SettingsError> {
        let Some(value) = self.optional(name) else { return Ok(absent) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(SettingsError::Invalid { name, reason: "must be true or false".to_owned() }),
        }
    }

    /// A required `http(s)` address.
    ///
    /// # Errors
    /// When it is absent or no such address.
    pub fn url(&self, name: &'static str) -> Result<Url, SettingsError> {
        parse_url(name, &self.required(name)?)
    }

    /// An `http(s)` address that may be absent.
    ///
    /// # Errors
    /// When it is present and no such address.
    pub fn optional_url(&self, name: &'static str) -> Result<Option<Url>, SettingsError> {
        self.optional(name).map(|value| parse_url(name, &value)).transpose()
    }

    /// An address that codes travel to and that may be absent: `https`, or this very machine.
    ///
    /// # Errors
    /// As [`Self::service_url`].
    pub fn optional_service_url(&self, name: &'static str) -> Result<Option<Url>, SettingsError> {
        self.optional(name).map(|_| self.service_url(name, None)).transpose()
    }

    /// The address of a service that is sent credentials, with its default: `https`, or this very machine.
    ///
    /// # Errors
    /// When it is no address or would carry credentials in clear text over a network.
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

/// One concern that is set up from the settings.
pub trait FromSettings: Sized {
    /// Reads what it needs, and nothing else.
    ///
    /// # Errors
    /// When a setting is missing or malformed.
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError>;
}

impl FromSettings for () {
    fn from_settings(_: &Settings) -> Result<Self, SettingsError> {
        Ok(())
    }
}

/// Why a function cannot start. Never carries a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A required setting is absent or empty.
    #[error(
        "the setting {name} is missing: set it in the environment or in the secret named by JUNCTURE_SECRETS_ID"
    )]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A setting does not have the form it must have.
    #[error("the setting {name} {reason}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// What is wrong with it, to be read after the name.
        reason: String,
    },
    /// Cloud mode is not built yet.
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
    fn flags_take_the_usual_words_and_refuse_the_rest() {
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
