//! Encryption of tokens, random codes, digests and constant-time comparison, all based on ring.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::config::{FromSettings, Settings, SettingsError};

const VERSION: &str = "v1";

/// A text as a store holds it: sealed (encrypted), or clear text written by the TypeScript Juncture and not rewritten
/// since.
///
/// A token is either this or a [`SecretString`], never a plain string, so none is stored unencrypted. Like
/// [`SecretString`], it does not print its content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Wraps a text read from a store. It is not checked until [`Sealer::open`].
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Sealed> for String {
    fn from(Sealed(text): Sealed) -> Self {
        text
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sealed")
    }
}

/// Encrypts tokens with AES-256-GCM before they are stored.
///
/// A sealed value has the form `v1:<key id>:<base64 of nonce and ciphertext>` and is bound to its associated data
/// (such as the connection id), so it cannot be moved to another row. The first key encrypts; all keys decrypt.
#[derive(Clone)]
pub struct Sealer {
    keys: Arc<[Key]>,
}

struct Key {
    id: String,
    key: LessSafeKey,
    /// The root that keys for other purposes are derived from.
    root: Prk,
}

impl Sealer {
    /// Parses a comma-separated list of keys, each the base64 of 32 random bytes (`openssl rand -base64 32`). The
    /// error gives the position of a malformed key, never its value.
    pub fn from_keys(list: &str) -> Result<Self, CryptoError> {
        let keys: Vec<Key> = list
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .enumerate()
            .map(|(position, encoded)| {
                Key::parse(encoded).ok_or(CryptoError::BadKey { position: position + 1 })
            })
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(CryptoError::NoKey);
        }
        Ok(Self { keys: keys.into() })
    }

    /// Returns a sealer with keys derived from these for one purpose (HKDF with SHA-256). Neither sealer can decrypt
    /// what the other encrypted.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        Self { keys: self.keys.iter().filter_map(|key| key.derived(purpose)).collect() }
    }

    /// Encrypts a text and binds it to the associated data `aad`.
    pub fn seal(&self, plaintext: &str, aad: &str) -> Result<Sealed, CryptoError> {
        let Some(key) = self.keys.first() else { return Err(CryptoError::NoKey) };
        let nonce: [u8; NONCE_LEN] = random_bytes()?;
        let mut buffer = plaintext.as_bytes().to_vec();
        key.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad.as_bytes()),
                &mut buffer,
            )
            .map_err(|_| CryptoError::EncryptionFailed)?;
        let mut framed = nonce.to_vec();
        framed.append(&mut buffer);
        Ok(Sealed(format!("{VERSION}:{}:{}", key.id, STANDARD.encode(framed))))
    }

    /// Decrypts a stored text. A value that was never sealed (written by the TypeScript Juncture) is returned
    /// unchanged; its next write seals it.
    ///
    /// Fails if the key is not configured, the value was modified, or it is bound to other associated data.
    pub fn open(&self, stored: &Sealed, aad: &str) -> Result<SecretString, CryptoError> {
        if Self::parts(stored.as_str()).is_none() {
            return Ok(SecretString::from(stored.as_str()));
        }
        self.open_sealed(stored.as_str(), aad)
    }

    /// Decrypts a text that must be sealed: input from outside is never accepted as clear text. Otherwise like
    /// [`Self::open`].
    pub fn open_sealed(&self, sealed: &str, aad: &str) -> Result<SecretString, CryptoError> {
        let (key_id, encoded) = Self::parts(sealed).ok_or(CryptoError::DecryptionFailed)?;
        let key = self.keys.iter().find(|key| key.id == key_id).ok_or(CryptoError::UnknownKey)?;
        let framed = STANDARD.decode(encoded).map_err(|_| CryptoError::DecryptionFailed)?;
        let (nonce, ciphertext) = framed.split_at_checked(NONCE_LEN).ok_or(CryptoError::DecryptionFailed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CryptoError::DecryptionFailed)?;
        let mut buffer = ciphertext.to_vec();
        let plaintext = key
            .key
            .open_in_place(nonce, Aad::from(aad.as_bytes()), &mut buffer)
            .map_err(|_| CryptoError::DecryptionFailed)?;
        let plaintext = std::str::from_utf8(plaintext).map_err(|_| CryptoError::DecryptionFailed)?;
        Ok(SecretString::from(plaintext))
    }

    /// Encrypts a stored value again with the first key, or for the first time if it is clear text. Returns `None` if
    /// it already uses that key.
    pub fn reseal(&self, stored: &Sealed, aad: &str) -> Result<Option<Sealed>, CryptoError> {
        let first = self.keys.first().ok_or(CryptoError::NoKey)?;
        if Self::parts(stored.as_str()).is_some_and(|(key_id, _)| key_id == first.id) {
            return Ok(None);
        }
        let plaintext = self.open(stored, aad)?;
        self.seal(plaintext.expose_secret(), aad).map(Some)
    }

    fn parts(stored: &str) -> Option<(&str, &str)> {
        let (key_id, encoded) = stored.strip_prefix(VERSION)?.strip_prefix(':')?.split_once(':')?;
        let is_key_id = key_id.len() == KEY_ID_LENGTH && key_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_key_id.then_some((key_id, encoded))
    }
}

impl FromSettings for Sealer {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "TOKEN_ENCRYPTION_KEY";
        let invalid = |error: CryptoError| SettingsError::Invalid {
            name,
            reason: format!("must be the base64 of 32 random bytes: {error}"),
        };
        Self::from_keys(&settings.required(name)?).map_err(invalid)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

const KEY_ID_LENGTH: usize = 8;

impl Key {
    fn parse(encoded: &str) -> Option<Self> {
        let bytes = STANDARD.decode(encoded).ok()?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).ok()?;
        let id = sha256_hex(&bytes).chars().take(KEY_ID_LENGTH).collect();
        let root = Salt::new(HKDF_SHA256, b"juncture").extract(&bytes);
        Some(Self { id, key: LessSafeKey::new(key), root })
    }

    fn derived(&self, purpose: &str) -> Option<Self> {
        let (info, below) = ([purpose.as_bytes()], [purpose.as_bytes(), b"/".as_slice()]);
        let key: UnboundKey = self.root.expand(&info, &AES_256_GCM).ok()?.into();
        let root = self.root.expand(&below, HKDF_SHA256).ok()?;
        Some(Self { id: self.id.clone(), key: LessSafeKey::new(key), root: root.into() })
    }
}

/// Generates a key for [`Sealer::from_keys`].
pub fn random_key() -> Result<String, CryptoError> {
    Ok(STANDARD.encode(random_bytes::<32>()?))
}

/// Generates a URL-safe, unguessable code with 256 bits of entropy: `<prefix>_<43 characters>`.
pub fn random_code(prefix: &str) -> Result<String, CryptoError> {
    Ok(format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()?)))
}

/// Whether a text has the format of a [`random_code`] with this prefix.
pub fn is_code(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).is_some_and(|code| {
        code.len() == 43
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// Returns the SHA-256 digest in lowercase hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares two secrets in constant time, without leaking their lengths.
pub fn secrets_are_equal(left: &str, right: &str) -> bool {
    let (left, right) = (digest(&SHA256, left.as_bytes()), digest(&SHA256, right.as_bytes()));
    left.as_ref().ct_eq(right.as_ref()).into()
}

fn random_bytes<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| CryptoError::NoRandomness)?;
    Ok(bytes)
}

/// Why a value cannot be encrypted or decrypted. Contains no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// No key is configured.
    #[error("no encryption key is given")]
    NoKey,
    /// The key at this position (counted from 1) is not the base64 of 32 bytes.
    #[error("encryption key {position} is not the base64 of 32 bytes")]
    BadKey {
        /// The position in the comma-separated list.
        position: usize,
    },
    /// The value was encrypted with a key that is no longer configured.
    #[error("the value was sealed with a key that is not configured")]
    UnknownKey,
    /// The value was modified, or is bound to other associated data.
    #[error("the sealed value was changed or belongs to something else")]
    DecryptionFailed,
    /// The text is too long to be encrypted.
    #[error("the text is too long to be sealed")]
    EncryptionFailed,
    /// The system could not provide random numbers.
    #[error("the system gave no random numbers")]
    NoRandomness,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const SECOND: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn a_sealed_token_opens_only_where_it_belongs() {
        let sealer = Sealer::from_keys(FIRST).unwrap();
        let sealed = sealer.seal("refresh me", "connection-1").unwrap();
        assert!(sealed.as_str().starts_with("v1:") && !sealed.as_str().contains("refresh"));
        assert_eq!(format!("{sealed:?}"), "Sealed");
        assert_eq!(sealer.open(&sealed, "connection-1").unwrap().expose_secret(), "refresh me");
        assert_eq!(sealer.open(&sealed, "connection-2").err(), Some(CryptoError::DecryptionFailed));
        assert_ne!(sealed, sealer.seal("refresh me", "connection-1").unwrap(), "nonces repeat");
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let sealer = Sealer::from_keys(FIRST).unwrap();
        let sealed = sealer.seal("token", "c").unwrap().as_str().to_owned();
        let start = "v1:".len() + KEY_ID_LENGTH + 1;
        for position in start..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed != sealed {
                assert!(sealer.open(&Sealed(changed), "c").is_err(), "byte {position} can be changed");
            }
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let old = Sealer::from_keys(FIRST).unwrap().seal("token", "c").unwrap();
        let rotated = Sealer::from_keys(&format!("{SECOND}, {FIRST}")).unwrap();
        assert_eq!(rotated.open(&old, "c").unwrap().expose_secret(), "token");
        let new = rotated.seal("token", "c").unwrap();
        assert_eq!(Sealer::from_keys(FIRST).unwrap().open(&new, "c").err(), Some(CryptoError::UnknownKey));
    }

    #[test]
    fn a_value_is_resealed_once() {
        let old = Sealer::from_keys(FIRST).unwrap();
        let rotated = Sealer::from_keys(&format!("{SECOND},{FIRST}")).unwrap();
        let new = Sealer::from_keys(SECOND).unwrap();
        for stored in [old.seal("token", "c").unwrap(), Sealed("token".to_owned())] {
            let resealed = rotated.reseal(&stored, "c").unwrap().unwrap();
            assert_eq!(new.open_sealed(resealed.as_str(), "c").unwrap().expose_secret(), "token");
            assert_eq!(rotated.reseal(&resealed, "c"), Ok(None));
            assert!(new.reseal(&old.seal("token", "c").unwrap(), "c").is_err());
        }
    }

    #[test]
    fn clear_text_from_the_typescript_version_is_read() {
        let sealer = Sealer::from_keys(FIRST).unwrap();
        for legacy in ["eyJhbGciOiJIUzI1NiJ9.e30.x", "v1:not-a-key-id:text", "v2:whatever", ""] {
            let stored = Sealed(legacy.to_owned());
            assert_eq!(sealer.open(&stored, "c").unwrap().expose_secret(), legacy);
        }
    }

    #[test]
    fn keys_are_named_by_position_when_they_are_wrong() {
        assert_eq!(Sealer::from_keys(" , ").err(), Some(CryptoError::NoKey));
        let short = Sealer::from_keys(&format!("{FIRST},c2hvcnQ=")).err();
        assert_eq!(short, Some(CryptoError::BadKey { position: 2 }));
    }

    #[test]
    fn codes_are_unguessable_and_tell_their_purpose() {
        let code = random_code("st").unwrap();
        assert!(is_code(&code, "st") && !is_code(&code, "cc"));
        assert_ne!(code, random_code("st").unwrap());
        assert!(!is_code("st_short", "st") && !is_code(&format!("{code}!"), "st"));
    }

    #[test]
    fn secrets_compare_by_content() {
        assert!(secrets_are_equal("key", "key"));
        assert!(!secrets_are_equal("key", "kez") && !secrets_are_equal("key", "keyy"));
    }
}
