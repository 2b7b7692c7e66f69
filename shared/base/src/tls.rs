//! The TLS configuration and the HTTP client that all crates share: rustls with ring, and Mozilla's root certificates
//! compiled in, so a cold start reads no certificate files.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;

/// Returns a TLS client configuration that trusts Mozilla's roots and, if given, the certificates in a PEM file.
/// Fails if the file cannot be read or contains an unusable certificate.
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

/// Returns this sandbox's HTTP client. It is built once and shared by all upstreams: building it takes a fraction of
/// a millisecond of a cold start, and clones share a connection pool.
///
/// It follows no redirects (a response must not decide where a token goes), ignores proxy settings, and drops idle
/// connections early, because a sandbox that was frozen wakes up with sockets that the peer has closed.
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

/// The maximum size of a response that is expected to be short, in bytes.
pub const SHORT_BODY: usize = 2 * 1024 * 1024;

/// Reads a response body, truncating it after `limit` bytes so an endless one exhausts neither memory nor the time
/// left. Truncated JSON fails to parse.
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

/// Whether credentials may be sent to this URL: over TLS, or unencrypted to localhost only.
pub fn is_safe_for_credentials(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(domain)) => domain == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// TLS could not be set up.
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
