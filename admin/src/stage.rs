//! Reads a stage's configuration from `samconfig.toml` as `sam deploy --config-env STAGE` does, so that a stage's
//! secret and stack do not end up in different places.

use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

/// Beside the template, where SAM also looks for it.
const FILE: &str = "samconfig.toml";
const PARAMETER: &str = "JunctureSecretsId";

/// A stage's configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    /// Name or ARN of the secret.
    pub(crate) secret: String,
}

impl Stage {
    /// Reads the stage's sections. A stage without any is not deployed yet and gets the default secret.
    pub(crate) fn read(name: &str) -> Result<Self> {
        let text = match Path::new(FILE).exists() {
            true => std::fs::read_to_string(FILE).context(FILE)?,
            false => String::new(),
        };
        Self::parse(name, &text).context(FILE)
    }

    /// A command's section takes precedence over that of all commands, and a stage inherits nothing from `default`:
    /// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html>,
    /// and `SamConfig.get_all` in SAM's `samcli/lib/config/samconfig.py`.
    fn parse(name: &str, text: &str) -> Result<Self> {
        let file: Table = text.parse()?;
        let sections = ["deploy", "global"].map(|command| file.get(name)?.get(command)?.get("parameters"));
        let value = |key: &str| sections.iter().flatten().find_map(|section| section.get(key));
        let text = |key: &str| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            value(key)
                .map(|it| text(it).with_context(|| format!("{key} of {name} must be a string")))
                .transpose()
        };
        let secret = match value("parameter_overrides").and_then(secret_of) {
            Some(id) => id,
            None if sections == [None, None] => format!("juncture/{name}"),
            // The template's default is the secret of one stage, which another would share by mistake.
            None => {
                let missing = format!("\"{PARAMETER}=juncture/{name}\"");
                anyhow::bail!("add {missing} to parameter_overrides in [{name}.deploy.parameters]")
            }
        };
        Ok(Self { region: text("region")?, profile: text("profile")?, secret })
    }
}

/// Finds the secret in any form of `parameter_overrides`; the last value wins, as for SAM.
fn secret_of(overrides: &Value) -> Option<String> {
    match overrides {
        Value::Array(parts) => parts.iter().rev().find_map(secret_of),
        Value::Table(parts) => Some(parts.get(PARAMETER)?.as_str()?.to_owned()),
        Value::String(text) => text.split_whitespace().rev().find_map(|word| {
            let word = word.strip_prefix("ParameterKey=").unwrap_or(word);
            let id = word.strip_prefix(PARAMETER)?;
            let id = id.strip_prefix(",ParameterValue=").or_else(|| id.strip_prefix('='))?;
            Some(id.trim_matches(['"', '\'']).to_owned())
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(overrides: &str) -> Result<String> {
        let text = format!("[prod.deploy.parameters]\nparameter_overrides = {overrides}");
        Stage::parse("prod", &text).map(|stage| stage.secret)
    }

    #[test]
    fn the_command_comes_before_all_commands_and_default_gives_nothing() {
        let text = r#"
            [default.global.parameters]
            region = "us-east-1"
            [prod.global.parameters]
            region = "eu-west-1"
            profile = "company"
            [prod.deploy.parameters]
            region = "eu-central-1"
            parameter_overrides = ["JunctureSecretsId=juncture/live"]
        "#;
        let expected = Stage {
            region: Some("eu-central-1".to_owned()),
            profile: Some("company".to_owned()),
            secret: "juncture/live".to_owned(),
        };
        assert_eq!(Stage::parse("prod", text).unwrap(), expected);
        let unknown = Stage { secret: "juncture/staging".to_owned(), ..Stage::default() };
        assert_eq!(Stage::parse("staging", text).unwrap(), unknown);
        assert_eq!(Stage::parse("staging", "").unwrap(), unknown);
    }

    #[test]
    fn the_secret_is_found_in_every_form_that_sam_takes() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:juncture/live-AbCdEf";
        for overrides in [
            format!(r#"["LogLevel=DEBUG", "JunctureSecretsId={arn}"]"#),
            format!(r#""LogLevel=DEBUG JunctureSecretsId='{arn}'""#),
            format!(
                r#""ParameterKey=JunctureSecretsId,ParameterValue={arn} ParameterKey=LogLevel,ParameterValue=INFO""#
            ),
            format!(r#"{{ JunctureSecretsId = "{arn}", LogLevel = "DEBUG" }}"#),
            format!(r#"["JunctureSecretsId=old", [{{ JunctureSecretsId = "{arn}" }}]]"#),
        ] {
            assert_eq!(secret(&overrides).unwrap(), arn, "{overrides}");
        }
    }

    #[test]
    fn a_stage_that_names_no_secret_is_told_what_to_add() {
        for overrides in [r#"["LogLevel=DEBUG"]"#, r#"["JunctureSecretsIdentity=x"]"#, "[]"] {
            let error = secret(overrides).unwrap_err().to_string();
            assert!(error.contains(r#""JunctureSecretsId=juncture/prod""#), "{error}");
        }
        let error = Stage::parse("prod", "[prod.deploy.parameters]\nregion = 1").unwrap_err().to_string();
        assert!(error.contains("JunctureSecretsId"), "{error}");
    }

    #[test]
    fn the_stages_of_this_repository_have_their_secrets() {
        for name in ["staging", "prod"] {
            let stage = Stage::parse(name, include_str!("../../samconfig.toml")).unwrap();
            assert_eq!(stage.secret, format!("juncture/{name}"));
        }
    }
}
