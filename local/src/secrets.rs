//! The local stack's own keys and passwords: generated once, stored in a file that only its owner can read.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};

/// Local defaults for the settings that are secret.
#[derive(Clone)]
pub struct Secrets {
    /// `JUNCTURE_SECRET_KEY`: what a backend sends to authenticate to Juncture.
    pub secret_key: String,
    /// `TOKEN_ENCRYPTION_KEY`: base64 of 32 bytes.
    pub token_encryption_key: String,
    /// `UPSTASH_REDIS_REST_TOKEN`, and the password of the private Redis.
    pub upstash_token: String,
    /// Password of the private PostgreSQL.
    pub database_password: String,
    /// `DEFAULT_JIRA_CLIENT_SECRET` of the sandbox's app.
    pub jira_client_secret: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Generates new secrets without storing them.
    pub fn generate() -> Result<Self> {
        Ok(Self {
            secret_key: format!("sk_local_{}", URL_SAFE_NO_PAD.encode(random()?)),
            token_encryption_key: STANDARD.encode(random()?),
            upstash_token: URL_SAFE_NO_PAD.encode(random()?),
            database_password: URL_SAFE_NO_PAD.encode(random()?),
            jira_client_secret: URL_SAFE_NO_PAD.encode(random()?),
        })
    }

    /// Reads the file at `path`; generates and appends what it lacks.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        let mut secrets = Self::generate()?;
        let mut missing = Vec::new();
        let known = if path.exists() { crate::settings::read_file(path)? } else { Default::default() };
        for (name, value) in secrets.fields() {
            match known.get(name) {
                Some(kept) if !kept.is_empty() => *value = kept.clone(),
                _ => missing.push(format!("{name}={value}\n")),
            }
        }
        if !missing.is_empty() {
            add(path, &missing.concat()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(secrets)
    }

    fn fields(&mut self) -> [(&'static str, &mut String); 5] {
        [
            ("JUNCTURE_SECRET_KEY", &mut self.secret_key),
            ("TOKEN_ENCRYPTION_KEY", &mut self.token_encryption_key),
            ("UPSTASH_REDIS_REST_TOKEN", &mut self.upstash_token),
            ("DATABASE_PASSWORD", &mut self.database_password),
            ("DEFAULT_JIRA_CLIENT_SECRET", &mut self.jira_client_secret),
        ]
    }
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow!("the system's random number generator failed"))?;
    Ok(bytes)
}

fn add(path: &Path, lines: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?.write_all(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secrets_are_generated_once_and_readable_only_by_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".local/secrets.env");
        let mut first = Secrets::load_or_create(&path).unwrap();
        let mut second = Secrets::load_or_create(&path).unwrap();
        assert_eq!(first.fields(), second.fields());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(STANDARD.decode(&first.token_encryption_key).unwrap().len(), 32);
        assert_ne!(first.upstash_token, first.database_password);
        assert!(!format!("{first:?}").contains(&first.secret_key));
    }

    #[test]
    fn missing_secrets_are_added_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.env");
        fs::write(&path, "JUNCTURE_SECRET_KEY=mine\n").unwrap();
        let secrets = Secrets::load_or_create(&path).unwrap();
        assert_eq!(secrets.secret_key, "mine");
        assert_eq!(Secrets::load_or_create(&path).unwrap().upstash_token, secrets.upstash_token);
    }
}
