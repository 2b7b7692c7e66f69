//! Authentication: a backend with a secret key, or a browser. The caller determines which project an external id
//! belongs to.

use std::sync::Arc;

use base::config::{Settings, SettingsError};
use base::crypto::{secrets_are_equal, sha256_hex};
use runtime::{Request, bearer_token};
use serde::Deserialize;
use stores::upstash::Upstash;

use crate::connections::{ConnectionKey, ExternalId};
use crate::error::Result;
use crate::provider::ProviderId;
use crate::rate_limit::WrongKeys;

/// The secret keys for the backend API. Settings: `JUNCTURE_SECRET_KEY` and `JUNCTURE_SECRET_KEY_SHA256`, each a
/// comma-separated list, of keys or of their SHA-256 digests in hex, and those of the rate limit for wrong keys.
pub struct SecretKeys {
    /// Their digests, in lowercase hex.
    digests: Vec<String>,
    wrong: WrongKeys,
}

impl SecretKeys {
    pub(crate) fn new(settings: &Settings, redis: Option<Arc<Upstash>>) -> Result<Self, SettingsError> {
        const KEYS: &str = "JUNCTURE_SECRET_KEY";
        const DIGESTS: &str = "JUNCTURE_SECRET_KEY_SHA256";
        let (keys, given) = (list(settings, KEYS), list(settings, DIGESTS));
        if !given.iter().all(|digest| is_digest(digest)) {
            let reason =
                "must be SHA-256 digests, each of 64 hexadecimal digits, separated by commas".to_owned();
            return Err(SettingsError::Invalid { name: DIGESTS, reason });
        }
        let digests = keys.iter().map(|key| sha256_hex(key.as_bytes()));
        let digests: Vec<_> = digests.chain(given.iter().map(|digest| digest.to_ascii_lowercase())).collect();
        if digests.is_empty() {
            return Err(SettingsError::Missing { name: KEYS });
        }
        Ok(Self { digests, wrong: WrongKeys::new(settings, redis)? })
    }

    /// Authorizes a request whose bearer token is one of the keys. A valid key is accepted regardless of how many wrong
    /// keys came before, so nobody can lock out a server that shares their IP address.
    ///
    /// # Errors
    /// 401 `Invalid secret key` if the key is missing or wrong, 429 after too many wrong keys.
    pub async fn authorize(&self, request: &Request) -> Result<BackendCaller> {
        if self.are_known_to(request) { Ok(BackendCaller(())) } else { Err(self.wrong.refuse(request).await) }
    }

    fn are_known_to(&self, request: &Request) -> bool {
        // Compares every key, so the timing does not reveal which one was close.
        bearer_token(request).is_some_and(|given| {
            let given = sha256_hex(given.as_bytes());
            self.digests.iter().fold(false, |known, digest| secrets_are_equal(digest, &given) | known)
        })
    }
}

/// The entries of a comma-separated setting.
fn list(settings: &Settings, name: &str) -> Vec<String> {
    let text = settings.optional(name).unwrap_or_default();
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How a request identifies a connection.
#[derive(Debug, Deserialize)]
#[serde(expecting = "external_id or provider")]
pub struct NamedConnection {
    /// The product's own id of the end user.
    pub external_id: String,
    /// The provider's name.
    pub provider: String,
}

/// A backend that presented a secret key, and may therefore use the whole backend API. Only [`SecretKeys::authorize`]
/// creates one.
///
/// In core mode there is one product, and an external id is unique within it. In cloud mode the secret key will
/// identify the project that the external ids belong to.
pub struct BackendCaller(());

impl BackendCaller {
    /// Returns the key of the connection this caller refers to, or 400 if the provider is unknown or the external id is
    /// invalid.
    pub fn connection_key(&self, provider: &str, external_id: &str) -> Result<ConnectionKey> {
        named(provider, external_id)
    }
}

/// A browser, which is not authenticated.
pub struct BrowserCaller(());

impl BrowserCaller {
    /// Returns the browser that starts a flow. In core mode nothing is verified: `x-juncture-public-key`, which
    /// identifies a project in cloud mode, is accepted and ignored.
    pub fn of(_request: &Request) -> Self {
        Self(())
    }

    /// Returns the key of the connection this caller wants to create, or 400 as [`BackendCaller::connection_key`] does.
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
    fn a_key_may_be_given_by_its_digest() {
        let digest = sha256_hex(b"hashed-key").to_ascii_uppercase();
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            SecretKeys::new(&Settings::from_pairs(pairs), None)
        };
        let alone = of(&[("JUNCTURE_SECRET_KEY_SHA256", &digest)]).unwrap();
        assert!(alone.are_known_to(&request("Bearer hashed-key")));
        assert!(!alone.are_known_to(&request(&format!("Bearer {digest}"))), "the digest is not a key");
        let both =
            of(&[("JUNCTURE_SECRET_KEY", "clear-key"), ("JUNCTURE_SECRET_KEY_SHA256", &digest)]).unwrap();
        assert!(
            both.are_known_to(&request("Bearer hashed-key"))
                && both.are_known_to(&request("Bearer clear-key"))
        );
        let error = of(&[("JUNCTURE_SECRET_KEY_SHA256", "hashed-key")]).err().unwrap().to_string();
        assert!(error.contains("64 hexadecimal digits") && !error.contains("hashed-key"), "{error}");
    }

    #[test]
    fn an_empty_list_of_keys_is_a_missing_setting() {
        let pairs = [("JUNCTURE_SECRET_KEY".to_owned(), " , ".to_owned())];
        assert!(SecretKeys::new(&Settings::from_pairs(pairs), None).is_err());
    }
}
