//! Sealing: encryption of what is stored, bound to what it is for.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::{CryptoError, random_bytes, sha256_hex};
use crate::config::{FromSettings, Settings, SettingsError};

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

    /// Whether it was never sealed. A text of an unknown format was sealed by a newer version.
    pub fn is_clear_text(&self) -> bool {
        matches!(Parsed::of(&self.0), Ok(None))
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

/// The format of a sealed value. They differ in what the value is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SealFormat {
    /// `v1:…`
    #[default]
    V1,
    /// `v2:…`
    V2,
}

impl SealFormat {
    /// The prefix of sealed values, and the value of `TOKEN_SEAL_FORMAT`.
    fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|format| format.name() == name)
    }
}

/// What a sealed value is for: its associated data in each format. It opens only with the same binding, so it cannot
/// be used in another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    v1: String,
    v2: String,
}

impl Binding {
    /// Binds a value to one text in the first format, and to a list of texts in the second. No two lists give the same
    /// associated data.
    pub fn new(v1: impl Into<String>, v2: &[&str]) -> Self {
        // Each part with its length, as in a netstring.
        let v2 = v2.iter().map(|part| format!("{}:{part},", part.len())).collect();
        Self { v1: v1.into(), v2 }
    }

    fn aad(&self, format: SealFormat) -> Aad<&[u8]> {
        Aad::from(match format {
            SealFormat::V1 => self.v1.as_bytes(),
            SealFormat::V2 => self.v2.as_bytes(),
        })
    }
}

/// Encrypts tokens with AES-256-GCM before they are stored.
///
/// A sealed value has the form `<format>:<key id>:<base64 of nonce and ciphertext>` and is bound to what it is for
/// ([`Binding`]). The first key encrypts; all keys decrypt, in every format.
#[derive(Clone)]
pub struct Sealer {
    keys: Arc<[Key]>,
    format: SealFormat,
    accepts_clear_text: bool,
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
        Ok(Self { keys: keys.into(), format: SealFormat::default(), accepts_clear_text: true })
    }

    /// Returns a sealer with the same keys that writes this format.
    #[must_use]
    pub fn with_format(self, format: SealFormat) -> Self {
        Self { format, ..self }
    }

    /// Returns a sealer with the same keys for which [`Self::open_stored`] accepts clear text, or does not.
    #[must_use]
    pub fn accepting_clear_text(self, accepts_clear_text: bool) -> Self {
        Self { accepts_clear_text, ..self }
    }

    /// The format in which it seals.
    pub fn format(&self) -> SealFormat {
        self.format
    }

    /// Returns a sealer with keys derived from these for one purpose (HKDF with SHA-256). Neither sealer can decrypt
    /// what the other encrypted.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        Self { keys: self.keys.iter().filter_map(|key| key.derived(purpose)).collect(), ..*self }
    }

    /// Encrypts a text and binds it.
    pub fn seal(&self, plaintext: &str, binding: &Binding) -> Result<Sealed, CryptoError> {
        let Some(key) = self.keys.first() else { return Err(CryptoError::NoKey) };
        let nonce: [u8; NONCE_LEN] = random_bytes()?;
        let mut buffer = plaintext.as_bytes().to_vec();
        key.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                binding.aad(self.format),
                &mut buffer,
            )
            .map_err(|_| CryptoError::EncryptionFailed)?;
        let mut framed = nonce.to_vec();
        framed.append(&mut buffer);
        Ok(Sealed(format!("{}:{}:{}", self.format.name(), key.id, STANDARD.encode(framed))))
    }

    /// Decrypts a text.
    ///
    /// Fails if it is not sealed, its format or key is unknown, it was modified, or it is bound to something else.
    pub fn open(&self, sealed: &str, binding: &Binding) -> Result<SecretString, CryptoError> {
        let Parsed { format, key_id, encoded } = Parsed::of(sealed)?.ok_or(CryptoError::NotSealed)?;
        let key = self.keys.iter().find(|key| key.id == key_id).ok_or(CryptoError::UnknownKey)?;
        let framed = STANDARD.decode(encoded).map_err(|_| CryptoError::DecryptionFailed)?;
        let (nonce, ciphertext) = framed.split_at_checked(NONCE_LEN).ok_or(CryptoError::DecryptionFailed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CryptoError::DecryptionFailed)?;
        let mut buffer = ciphertext.to_vec();
        let plaintext = key
            .key
            .open_in_place(nonce, binding.aad(format), &mut buffer)
            .map_err(|_| CryptoError::DecryptionFailed)?;
        let plaintext = std::str::from_utf8(plaintext).map_err(|_| CryptoError::DecryptionFailed)?;
        Ok(SecretString::from(plaintext))
    }

    /// Like [`Self::open`], for a column in which the TypeScript Juncture may have left clear text. That is returned
    /// unchanged, unless a setting ends it; the next write seals it.
    pub fn open_stored(&self, stored: &Sealed, binding: &Binding) -> Result<SecretString, CryptoError> {
        if self.accepts_clear_text && stored.is_clear_text() {
            return Ok(SecretString::from(stored.as_str()));
        }
        self.open(stored.as_str(), binding)
    }

    /// Encrypts a stored value again with the first key in this sealer's format, or for the first time if it is clear
    /// text. Returns `None` if it already has both.
    pub fn reseal(&self, stored: &Sealed, binding: &Binding) -> Result<Option<Sealed>, CryptoError> {
        let first = self.keys.first().ok_or(CryptoError::NoKey)?;
        if let Some(parsed) = Parsed::of(stored.as_str())?
            && (parsed.key_id, parsed.format) == (first.id.as_str(), self.format)
        {
            return Ok(None);
        }
        let plaintext = self.open_stored(stored, binding)?;
        self.seal(plaintext.expose_secret(), binding).map(Some)
    }
}

/// Serializes a secret in clear text, for content that is sealed right away.
pub fn for_the_sealer<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

/// The parts of a sealed value.
struct Parsed<'a> {
    format: SealFormat,
    key_id: &'a str,
    encoded: &'a str,
}

impl<'a> Parsed<'a> {
    /// Parses a value; `None` if it is clear text. Whatever begins like a sealed value is never clear text.
    fn of(stored: &'a str) -> Result<Option<Self>, CryptoError> {
        let Some((version, rest)) = stored.split_once(':').filter(|(version, _)| is_version(version)) else {
            return Ok(None);
        };
        let format = SealFormat::parse(version).ok_or(CryptoError::UnknownFormat)?;
        let (key_id, encoded) = rest
            .split_once(':')
            .filter(|(key_id, _)| key_id.len() == KEY_ID_LENGTH)
            .ok_or(CryptoError::DecryptionFailed)?;
        Ok(Some(Self { format, key_id, encoded }))
    }
}

/// Whether a text is `v` and a number.
fn is_version(text: &str) -> bool {
    text.strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl FromSettings for Sealer {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "TOKEN_ENCRYPTION_KEY";
        let invalid = |error: CryptoError| SettingsError::Invalid {
            name,
            reason: format!("must be the base64 of 32 random bytes: {error}"),
        };
        let sealer = Self::from_keys(&settings.required(name)?).map_err(invalid)?;
        let name = "TOKEN_SEAL_FORMAT";
        let format = match settings.optional(name) {
            None => SealFormat::default(),
            Some(given) => SealFormat::parse(&given)
                .ok_or_else(|| SettingsError::Invalid { name, reason: "must be v1 or v2".to_owned() })?,
        };
        let accepts_clear_text = settings.flag("ACCEPT_CLEAR_TEXT_TOKENS", true)?;
        Ok(sealer.with_format(format).accepting_clear_text(accepts_clear_text))
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

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const SECOND: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn sealer(keys: &str) -> Sealer {
        Sealer::from_keys(keys).unwrap()
    }

    fn binding(id: &str, column: &str) -> Binding {
        Binding::new(id, &["core", id, column])
    }

    fn open(sealer: &Sealer, sealed: &Sealed, binding: &Binding) -> Result<String, CryptoError> {
        sealer.open(sealed.as_str(), binding).map(|text| text.expose_secret().to_owned())
    }

    #[test]
    fn a_sealed_token_opens_only_where_it_belongs() {
        let [one, other] = ["1", "2"].map(|id| binding(id, "token"));
        for format in [SealFormat::V1, SealFormat::V2] {
            let sealer = sealer(FIRST).with_format(format);
            let sealed = sealer.seal("refresh me", &one).unwrap();
            assert!(sealed.as_str().starts_with(format.name()) && !sealed.as_str().contains("refresh"));
            assert_eq!(format!("{sealed:?}"), "Sealed");
            assert_eq!(open(&sealer, &sealed, &one).unwrap(), "refresh me");
            assert_eq!(open(&sealer, &sealed, &other), Err(CryptoError::DecryptionFailed));
            assert_ne!(sealed, sealer.seal("refresh me", &one).unwrap(), "nonces repeat");
            // The format is not part of the ciphertext, but another one is bound to other data.
            let swapped =
                sealed.as_str().replacen(['1', '2'], if format == SealFormat::V1 { "2" } else { "1" }, 1);
            assert_eq!(sealer.open(&swapped, &one).err(), Some(CryptoError::DecryptionFailed));
        }
    }

    #[test]
    fn the_second_format_is_bound_to_every_part() {
        let [old, new] = [SealFormat::V1, SealFormat::V2].map(|format| sealer(FIRST).with_format(format));
        let (here, there) = (binding("1", "access_token"), binding("1", "refresh_token"));
        assert!(open(&old, &old.seal("x", &here).unwrap(), &there).is_ok());
        assert!(open(&old, &new.seal("x", &here).unwrap(), &there).is_err());
        assert!(open(&old, &new.seal("x", &here).unwrap(), &here).is_ok(), "each format opens both");
        assert!(open(&new, &old.seal("x", &here).unwrap(), &here).is_ok(), "each format opens both");
        let joined = Binding::new("x", &["a,b"]);
        assert!(open(&new, &new.seal("x", &joined).unwrap(), &Binding::new("x", &["a", "b"])).is_err());
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (sealer, binding) = (sealer(FIRST), binding("c", "token"));
        let sealed = sealer.seal("token", &binding).unwrap().as_str().to_owned();
        let start = "v1:".len() + KEY_ID_LENGTH + 1;
        for position in start..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed != sealed {
                assert!(sealer.open(&changed, &binding).is_err(), "byte {position} can be changed");
            }
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let binding = binding("c", "token");
        let old = sealer(FIRST).seal("token", &binding).unwrap();
        let rotated = sealer(&format!("{SECOND}, {FIRST}"));
        assert_eq!(open(&rotated, &old, &binding).unwrap(), "token");
        let new = rotated.seal("token", &binding).unwrap();
        assert_eq!(open(&sealer(FIRST), &new, &binding), Err(CryptoError::UnknownKey));
    }

    #[test]
    fn a_value_is_resealed_once() {
        let binding = binding("c", "token");
        let (old, new) = (sealer(FIRST), sealer(SECOND));
        let rotated = sealer(&format!("{SECOND},{FIRST}"));
        for stored in [old.seal("token", &binding).unwrap(), Sealed("token".to_owned())] {
            let resealed = rotated.reseal(&stored, &binding).unwrap().unwrap();
            assert_eq!(open(&new, &resealed, &binding).unwrap(), "token");
            assert_eq!(rotated.reseal(&resealed, &binding), Ok(None));
            assert!(new.reseal(&old.seal("token", &binding).unwrap(), &binding).is_err());
            // Another format is written anew too, in both directions.
            let second = new.clone().with_format(SealFormat::V2);
            let moved = second.reseal(&resealed, &binding).unwrap().unwrap();
            assert_eq!(second.reseal(&moved, &binding), Ok(None));
            assert!(new.reseal(&moved, &binding).unwrap().unwrap().as_str().starts_with("v1:"));
        }
    }

    #[test]
    fn clear_text_from_the_typescript_version_is_read_where_it_may_be() {
        let binding = binding("c", "token");
        let strict = sealer(FIRST).accepting_clear_text(false);
        for legacy in ["eyJhbGciOiJIUzI1NiJ9.e30.x", "", "version:1", "v:1", "v1", "va:b:c"] {
            let stored = Sealed(legacy.to_owned());
            let opened = sealer(FIRST).open_stored(&stored, &binding).unwrap();
            assert_eq!(opened.expose_secret(), legacy);
            assert_eq!(open(&sealer(FIRST), &stored, &binding), Err(CryptoError::NotSealed));
            assert_eq!(strict.open_stored(&stored, &binding).err(), Some(CryptoError::NotSealed));
            assert_eq!(strict.reseal(&stored, &binding), Err(CryptoError::NotSealed));
        }
    }

    #[test]
    fn what_a_newer_version_sealed_is_never_clear_text() {
        let binding = binding("c", "token");
        for (stored, error) in [
            ("v3:00000000:AAAA", CryptoError::UnknownFormat),
            ("v10:whatever", CryptoError::UnknownFormat),
            ("v1:not-a-key-id:text", CryptoError::DecryptionFailed),
            ("v2:whatever", CryptoError::DecryptionFailed),
        ] {
            let stored = Sealed(stored.to_owned());
            assert_eq!(
                sealer(FIRST).open_stored(&stored, &binding).err(),
                Some(error),
                "{}",
                stored.as_str()
            );
            assert_eq!(sealer(FIRST).reseal(&stored, &binding), Err(error));
            assert!(!stored.is_clear_text());
        }
    }

    #[test]
    fn keys_are_named_by_position_when_they_are_wrong() {
        assert_eq!(Sealer::from_keys(" , ").err(), Some(CryptoError::NoKey));
        let short = Sealer::from_keys(&format!("{FIRST},c2hvcnQ=")).err();
        assert_eq!(short, Some(CryptoError::BadKey { position: 2 }));
    }
}
