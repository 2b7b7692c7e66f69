//! Who calls, and with that, whose connections an external id names: a backend with a secret key, or a browser.

use std::sync::Arc;

use base::config::{Settings, SettingsError};
use base::crypto::secrets_are_equal;
use runtime::{Request, bearer_token};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use stores::upstash::Upstash;

use crate::connections::{ConnectionKey, ExternalId};
use crate::error::Result;
use crate::provider::ProviderId;
use crate::rate_limit::WrongKeys;

/// The keys that open the backend API. Settings: `JUNCTURE_SECRET_KEY`, several separated by commas while one
/// replaces another, and those of the limit of wrong keys.
pub struct SecretKeys {
    keys: Vec<SecretString>,
    wrong: WrongKeys,
}

impl SecretKeys {
    pub(crate) fn new(settings: &Settings, redis: Option<Arc<Upstash>>) -> Result<Self, SettingsError> {
        let name = "JUNCTURE_SECRET_KEY";
        let keys: Vec<SecretString> = settings
            .required(name)?
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(SecretString::from)
            .collect();
        if keys.is_empty() {
            return Err(SettingsError::Missing { name });
        }
        Ok(Self { keys, wrong: WrongKeys::new(settings, redis)? })
    }

    /// Lets a request in whose bearer token is one of the keys, however many wrong ones came before: nobody can
    /// lock out a server that calls from the same address.
    ///
    /// # Errors
    /// 401 `Invalid secret key`, for a missing key as for a wrong one; 429 for many of them.
    pub async fn authorize(&self, request: &Request) -> Result<BackendCaller> {
        if self.are_known_to(request) { Ok(BackendCaller(())) } else { Err(self.wrong.refuse(request).await) }
    }

    fn are_known_to(&self, request: &Request) -> bool {
        // Every key is compared, so that the time does not tell which one came close.
        bearer_token(request).is_some_and(|given| {
            self.keys.iter().fold(false, |known, key| secrets_are_equal(key.expose_secret(), given) | known)
        })
    }
}

/// What a request names a connection by.
#[derive(Debug, Deserialize)]
#[serde(expecting = "external_id or provider")]
pub struct NamedConnection {
    /// The product's own id of whoever is connected.
    pub external_id: String,
    /// The provider's name.
    pub provider: String,
}

/// A backend that has shown a secret key. [`SecretKeys::authorize`] alone makes one, so that whoever has one may do what the
/// backend API does.
///
/// In core mode there is one product, and an external id is unique within it. In cloud mode the key will name the project
/// that the external ids belong to.
pub struct BackendCaller(());

impl BackendCaller {
    /// The connection that this caller means.
    ///
    /// # Errors
    /// 400 when the provider or the external id is none.
    pub fn connection_key(&self, provider: &str, external_id: &str) -> Result<ConnectionKey> {
        named(provider, external_id)
    }
}

/// A browser, which has shown nothing.
pub struct BrowserCaller(());

impl BrowserCaller {
    /// The browser that begins a flow. It proves nothing in core mode: `x-juncture-public-key`, which names a
    /// project in cloud mode, is accepted and ignored.
    pub fn of(_request: &Request) -> Self {
        Self(())
    }

    /// The connection that this caller wants to make.
    ///
    /// # Errors
    /// As [`BackendCaller::connection_key`].
    pub fn connection_key(&self, provider: &str, external_id: &str) -> Result<ConnectionKey> {
        named(provider, external_id)
    }
}

fn named(provider: &str, external_id: &str) -> Result<ConnectionKey> {
    Ok(ConnectionKey::new(ProviderId::parse(provider)?, ExternalId::parse(external_id)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &str) -> SecretKeys {
        let pairs = [("JUNCTURE_SECRET_KEY".to_owned(), list.to_owned())];
        SecretKeys::new(&Settings::from_pairs(pairs), None).unwrap()
    }

    fn request(authorization: &str) -> Request {
        http::Request::builder().header("authorization", authorization).body(Default::default()).unwrap()
    }

    #[test]
    fn two_keys_are_valid_while_one_replaces_the_other() {
        let keys = keys("new-key, old-key");
        assert!(keys.are_known_to(&request("Bearer new-key")));
        assert!(keys.are_known_to(&request("Bearer old-key")));
        for wrong in ["Bearer new-key, old-key", "Bearer ", "Bearer new-ke", "Basic new-key", "new-key"] {
            assert!(!keys.are_known_to(&request(wrong)), "{wrong}");
        }
    }

    #[test]
    fn a_list_of_nothing_is_a_missing_key() {
        let pairs = [("JUNCTURE_SECRET_KEY".to_owned(), " , ".to_owned())];
        assert!(SecretKeys::new(&Settings::from_pairs(pairs), None).is_err());
    }
}
