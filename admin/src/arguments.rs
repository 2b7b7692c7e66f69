//! Command-line arguments.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

pub(crate) const USAGE: &str = "\
usage: juncture-admin secrets  --stage STAGE [--file FILE]
       juncture-admin rotate   --stage STAGE --key NAME [--wait SECONDS]
       juncture-admin drop-old --stage STAGE --key NAME [--wait SECONDS]
       juncture-admin reseal   --stage STAGE
       juncture-admin check    --stage STAGE";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) command: String,
    /// The stage's name, as in samconfig.toml.
    pub(crate) stage: String,
    /// The settings file, if not the default one.
    pub(crate) file: Option<PathBuf>,
    /// The setting to rotate.
    pub(crate) key: Option<String>,
    /// Waits this long instead of the safe default.
    pub(crate) wait: Option<Duration>,
}

impl Arguments {
    /// Parses a command and its options. An option with an empty value, as `make` passes it, counts as absent.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut words = words.into_iter();
        let command = words.next().context(USAGE)?;
        let mut arguments = Self { command, stage: String::new(), file: None, key: None, wait: None };
        while let Some(option) = words.next() {
            let value = words.next().with_context(|| format!("{option} has no value\n{USAGE}"))?;
            if value.is_empty() {
                continue;
            }
            match option.as_str() {
                "--stage" => arguments.stage = value,
                "--file" => arguments.file = Some(value.into()),
                "--key" => arguments.key = Some(value),
                "--wait" => {
                    let seconds = value.parse().context("--wait takes a whole number of seconds")?;
                    arguments.wait = Some(Duration::from_secs(seconds));
                }
                _ => bail!("unknown option {option}\n{USAGE}"),
            }
        }
        let stage = &arguments.stage;
        ensure!(!stage.is_empty(), "which stage? For instance STAGE=staging, as in samconfig.toml");
        ensure!(
            stage.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
            "a stage's name has letters, digits, - and _ only"
        );
        Ok(arguments)
    }

    /// The name of the setting to rotate.
    pub(crate) fn key(&self) -> Result<&str> {
        self.key.as_deref().context("which setting? For instance KEY=JUNCTURE_SECRET_KEY")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments> {
        Arguments::parse(line.split(' ').map(|word| word.trim_matches('"').to_owned()))
    }

    #[test]
    fn the_arguments_of_make_are_parsed() {
        let arguments = parse(r#"rotate --stage prod --key A --wait """#).unwrap();
        assert_eq!((arguments.stage.as_str(), arguments.key().unwrap()), ("prod", "A"));
        assert_eq!(arguments.wait, None);
        assert_eq!(parse("drop-old --stage p --wait 0").unwrap().wait, Some(Duration::ZERO));
    }

    #[test]
    fn missing_or_wrong_arguments_are_reported() {
        for (line, expected) in [
            (r#"secrets --stage """#, "STAGE=staging"),
            ("secrets --stage a/b", "letters"),
            ("secrets --stage", "no value"),
            ("secrets --stag a", "unknown option"),
            ("rotate --stage a --wait soon", "whole number"),
        ] {
            let error = format!("{:#}", parse(line).unwrap_err());
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
