//! Random tokens that look like Atlassian's: long JWTs that are opaque to clients.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

const HEADER: &str = r#"{"typ":"JWT","alg":"RS256","kid":"sandbox"}"#;

/// An authorization code, about 750 characters.
pub(crate) fn code() -> String {
    token(256)
}

/// A refresh token, about 1 KB.
pub(crate) fn refresh_token() -> String {
    token(512)
}

/// An access token, about 1.8 KB.
pub(crate) fn access_token() -> String {
    token(1024)
}

fn token(payload: usize) -> String {
    let parts = [HEADER.as_bytes().to_vec(), random(payload), random(256)];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

fn random(length: usize) -> Vec<u8> {
    std::iter::repeat_with(Uuid::new_v4).flat_map(Uuid::into_bytes).take(length).collect()
}
