//! The one TLS configuration and the one HTTP client builder of the crate: rustls with ring and Mozilla's
//! roots compiled in, so that a cold start reads no certificate files.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;

/// A client configuration that trusts Mozilla's roots and, when given, the certificates of one PEM file.
///
/// # Errors
/// When the PEM file cannot be read or holds no usable certificate, or ring lacks a protocol version.
pub fn client_config(extra_roots: Option<&str>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra_roots {
        let unusable =
            |error: String| TlsError(format!("the root certificates in {path} are unusable: {error}"));
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// The HTTP client of this sandbox: one for all upstreams, because building one costs a cold start a part of a
/// millisecond, and clones share their connections.
///
/// It follows no redirect (a token must not travel to where a response points), reads no proxy settings, and
/// drops idle connections early: a frozen sandbox wakes up with sockets that the other side has closed.
///
/// # Errors
/// As [`client_config`].
pub fn http_client() -> Result<reqwest::Client, TlsError> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(client_config(None)?)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(2))
        .pool_idle_timeout(Duration::from_secs(20))
        .user_agent(concat!("juncture/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| TlsError(crate::chain(&error)))?;
    Ok(CLIENT.get_or_init(|| client).clone())
}

/// More than a short answer ever holds, in bytes.
pub const SHORT_BODY: usize = 2 * 1024 * 1024;

/// Reads an answer's body, and of one that is longer than `limit` bytes only so much: one that does not end fills
/// neither the memory nor the invocation's time, and is no JSON any more.
///
/// # Errors
/// When the connection breaks off or time is up.
pub async fn read_body(mut response: reqwest::Response, limit: usize) -> reqwest::Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(part) = response.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > limit {
            tracing::warn!(host = response.url().host_str(), limit, "an answer was too long and was cut off");
            body.truncate(limit);
            break;
        }
    }
    Ok(body.freeze())
}

/// Whether credentials may be sent to this address: over TLS, or over anything to this very machine.
pub fn is_safe_for_credentials(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(domain)) => domain == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS: {0}")]
pub struct TlsError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_travel_in_clear_text_only_on_this_machine() {
        let safe = |text: &str| is_safe_for_credentials(&Url::parse(text).unwrap());
        assert!(safe("https://api.atlassian.com"));
        assert!(safe("http://127.0.0.1:8003") && safe("http://localhost:1") && safe("http://[::1]:1"));
        assert!(!safe("http://api.atlassian.com") && !safe("http://127.0.0.1.example.com"));
        assert!(!safe("ftp://localhost"));
    }
}
