//! Encryption of tokens, random codes, digests and constant-time comparison, all based on ring.

mod sealer;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

pub use sealer::{Binding, SealFormat, Sealed, Sealer, for_the_sealer};

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
    /// The text is not sealed.
    #[error("the value is not sealed")]
    NotSealed,
    /// The value has a format of a newer version of Juncture.
    #[error("the value was sealed by a newer version of Juncture")]
    UnknownFormat,
    /// The value was modified, or is bound to something else.
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
