//! A private certificate authority, for servers that are reached over TLS as their hosted counterparts are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::account::Account;

/// A certificate authority whose key lives only in memory; its certificate is written to a file.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    certificate: PathBuf,
}

impl Authority {
    /// Creates one and writes its certificate to `folder`.
    pub fn create(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Juncture's local authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        fs::create_dir_all(folder)?;
        let certificate = folder.join("ca.pem");
        fs::write(&certificate, issuer.pem())
            .with_context(|| format!("cannot write {}", certificate.display()))?;
        Ok(Self { issuer, certificate })
    }

    /// Path of the authority's certificate, which clients must trust.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Creates a certificate for `localhost` and writes it and its key to `folder`, readable for the server's
    /// account. Returns both paths.
    pub fn certify(&self, account: Account, folder: &Path) -> Result<(PathBuf, PathBuf)> {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let paths = (folder.join("server.pem"), folder.join("server.key"));
        account.write(&paths.0, &certificate.pem())?;
        account.write(&paths.1, &key.serialize_pem())?;
        Ok(paths)
    }
}
