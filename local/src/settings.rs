//! The settings of a run, read from `.env`: mainly which hosted services replace the local ones.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use crate::ports::{Part, Ports};

/// Settings from `.env` and the environment.
#[derive(Clone, Default)]
pub struct Settings {
    /// The ports that the stack listens on.
    pub ports: Ports,
    /// Every non-empty setting in `.env` except the ports, passed to the functions as it is.
    values: BTreeMap<String, String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("ports", &self.ports).field("values", &self.values.keys()).finish()
    }
}

impl Settings {
    /// Reads the file at `path`, if there is one. The environment may set ports and takes precedence for them;
    /// everything else is read only from the file, so that another project's `DATABASE_URL` is never used.
    pub fn load(path: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut values = if path.exists() { read_file(path)? } else { BTreeMap::new() };
        values.retain(|_, value| !value.trim().is_empty());
        let ports = Ports::from_settings(|name| {
            environment(name).filter(|value| !value.is_empty()).or_else(|| values.get(name).cloned())
        })?;
        for part in Part::ALL {
            values.remove(part.variable());
        }
        Self { ports, values }.checked().with_context(|| path.display().to_string())
    }

    /// Default settings on the given ports.
    pub fn on(ports: Ports) -> Self {
        Self { ports, values: BTreeMap::new() }
    }

    /// Adds a setting, as a line in `.env` would.
    pub fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    /// The value of a setting, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// All settings for the functions.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a hosted database replaces the private PostgreSQL.
    pub fn hosted_database(&self) -> bool {
        self.get("DATABASE_URL").is_some()
    }

    /// Whether Upstash replaces the private Redis and its REST front.
    pub fn hosted_redis(&self) -> bool {
        self.get("UPSTASH_REDIS_REST_URL").is_some()
    }

    /// Whether Atlassian itself replaces the sandbox.
    pub fn real_atlassian(&self) -> bool {
        self.get("DEFAULT_JIRA_CLIENT_ID").is_some()
    }

    fn checked(self) -> Result<Self> {
        for (one, other, what) in [
            ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "the local Redis"),
            ("DEFAULT_JIRA_CLIENT_ID", "DEFAULT_JIRA_CLIENT_SECRET", "the sandbox of Atlassian"),
        ] {
            let (present, absent) = match (self.get(one), self.get(other)) {
                (Some(_), None) => (one, other),
                (None, Some(_)) => (other, one),
                _ => continue,
            };
            bail!("{present} is set, but {absent} is not: add {absent}, or remove {present} to use {what}");
        }
        Ok(self)
    }
}

/// Reads a file of `NAME=value` lines; the last value of a name wins. Errors give the position, never the content.
pub fn read_file(path: &Path) -> Result<BTreeMap<String, String>> {
    let lines = dotenvy::from_path_iter(path).map_err(|_| anyhow!("cannot read {}", path.display()))?;
    lines
        .enumerate()
        .map(|(i, line)| {
            // The library's error quotes the line, which may contain a secret.
            line.map_err(|_| {
                anyhow!(
                    "{}: setting number {} cannot be parsed: quote values that contain spaces or #",
                    path.display(),
                    i + 1
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn load(text: &str) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, text).unwrap();
        Settings::load(&path, |name| (name == "JUNCTURE_REDIS_PORT").then(|| "9005".to_owned()))
    }

    #[test]
    fn without_a_file_everything_is_local() {
        let settings = Settings::load(Path::new("/nonexistent/.env"), |_| None).unwrap();
        assert_eq!(settings.ports, Ports::default());
        assert!(!settings.hosted_database() && !settings.hosted_redis() && !settings.real_atlassian());
    }

    #[test]
    fn ports_come_from_both_and_the_environment_wins() {
        let settings = load("JUNCTURE_PORT=9000\nJUNCTURE_REDIS_PORT=9999\nCLOUD_MODE=false\n").unwrap();
        assert_eq!(settings.ports.of(Part::Gateway), 9000);
        assert_eq!(settings.ports.of(Part::Redis), 9005);
        assert_eq!(settings.values().collect::<Vec<_>>(), [("CLOUD_MODE", "false")]);
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        let settings = load("DATABASE_URL=\nUPSTASH_REDIS_REST_URL=\"\"\n").unwrap();
        assert!(!settings.hosted_database() && !settings.hosted_redis());
    }

    #[test]
    fn half_a_pair_is_refused_and_the_missing_half_is_named() {
        for (text, expected) in [
            ("UPSTASH_REDIS_REST_URL=https://x.example", "add UPSTASH_REDIS_REST_TOKEN"),
            ("UPSTASH_REDIS_REST_TOKEN=t", "add UPSTASH_REDIS_REST_URL"),
            ("DEFAULT_JIRA_CLIENT_ID=i", "add DEFAULT_JIRA_CLIENT_SECRET"),
            ("DEFAULT_JIRA_CLIENT_SECRET=s", "add DEFAULT_JIRA_CLIENT_ID"),
        ] {
            let error = format!("{:#}", load(text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(load("DEFAULT_JIRA_CLIENT_ID=i\nDEFAULT_JIRA_CLIENT_SECRET=s").unwrap().real_atlassian());
    }

    #[test]
    fn neither_errors_nor_debug_output_show_a_value() {
        let error = format!("{:#}", load("A=1\nDATABASE_URL=hidden value\n").unwrap_err());
        assert!(error.contains("setting number 2") && !error.contains("hidden"), "{error}");
        let settings = load("DATABASE_URL=hidden\n").unwrap();
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
