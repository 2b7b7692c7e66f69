//! `make secrets`: determines the contents of the secret from the settings file, the current secret, and the operator.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use base::config::Values;
use base::crypto::{random_code, random_key};

use crate::arguments::Arguments;
use crate::secret::Secret;
use crate::{ask, check, elsewhere};

/// The setting with the keys that a backend authenticates with.
pub(crate) const SECRET_KEY: &str = "JUNCTURE_SECRET_KEY";
/// The setting with the digests of such keys, in place of the keys.
pub(crate) const SECRET_KEY_SHA256: &str = "JUNCTURE_SECRET_KEY_SHA256";
/// The setting with the keys that tokens are sealed with.
pub(crate) const ENCRYPTION_KEY: &str = "TOKEN_ENCRYPTION_KEY";

/// Settings that are copied from the file, in display order.
pub(crate) const SETTINGS: [&str; 21] = [
    "DATABASE_URL",
    "DATABASE_DIRECT_URL",
    "DATABASE_FUNCTIONS_ROLE",
    "UPSTASH_REDIS_REST_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "DEFAULT_JIRA_CLIENT_ID",
    "DEFAULT_JIRA_CLIENT_SECRET",
    "DEFAULT_JIRA_SCOPES",
    "DEFAULT_JIRA_REDIRECT_URI",
    "DEFAULT_JIRA_SITE_REDIRECT_URI",
    "JUNCTURE_FRONTEND_URL",
    "ATLASSIAN_AUTH_URL",
    "ATLASSIAN_API_URL",
    // Before the keys, because no key is generated if there is the digest of one.
    SECRET_KEY_SHA256,
    SECRET_KEY,
    ENCRYPTION_KEY,
    "TOKEN_SEAL_FORMAT",
    "ACCEPT_CLEAR_TEXT_TOKENS",
    "SECRETS_MAX_AGE_SECONDS",
    "SECRETS_KEEP_SECONDS",
    "CLOUD_MODE",
];

/// Settings without which no API function can run, and which have no default.
const REQUIRED: [&str; 5] = [
    "DATABASE_URL",
    "UPSTASH_REDIS_REST_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "DEFAULT_JIRA_CLIENT_ID",
    "DEFAULT_JIRA_CLIENT_SECRET",
];

/// Creates or updates the secret. Prints names, never values.
pub(crate) async fn carry_out(secret: &Secret, arguments: &Arguments) -> Result<()> {
    let file = settings_file(arguments);
    let given = match &file {
        Some(path) => read_file(path)?,
        None => Values::new(),
    };
    let known = secret.read().await?;
    match &file {
        Some(path) => println!("Settings from {}", path.display()),
        None => println!("There is no file .env.{} and no .env", arguments.stage),
    }
    for (name, place) in elsewhere::belongs(&given) {
        println!("  {name:<32} {place}");
    }
    let plan = Plan::make(given, known.clone().unwrap_or_default())?;
    check::deployable(&plan.values)?;
    for (name, what) in &plan.report {
        println!("  {name:<32} {what}");
    }
    let (what, arn) = match &known {
        None => ("created", secret.create(&plan.values).await?),
        Some(known) if *known == plan.values => ("unchanged", secret.arn().await?),
        Some(_) => ("updated", secret.replace(&plan.values).await?),
    };
    println!("{}: {what}\n{arn}", secret.id());
    if what == "updated" {
        println!("Deployed functions pick it up by themselves within minutes.");
    }
    if plan.report.iter().any(|(_, what)| *what == GENERATED) {
        println!(
            "Read what was generated with: aws secretsmanager get-secret-value --secret-id {} \
             --query SecretString --output text",
            secret.id()
        );
    }
    Ok(())
}

const GENERATED: &str = "generated";

struct Plan {
    values: Values,
    report: Vec<(&'static str, &'static str)>,
}

impl Plan {
    /// Values that are not in the file stay as they are in the secret. The two keys are never replaced: whatever
    /// depends on them would be lost, and an old file must not bring back a key that was dropped.
    fn make(given: Values, mut values: Values) -> Result<Self> {
        let mut report = Vec::new();
        let mut missing = Vec::new();
        for name in SETTINGS {
            let is_key = matches!(name, SECRET_KEY | SECRET_KEY_SHA256 | ENCRYPTION_KEY);
            let given = given.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
            let known = values.get(name).map(String::as_str).filter(|value| !value.trim().is_empty());
            let (what, value) = match (given, known) {
                (Some(given), Some(known)) if given == known => ("unchanged", None),
                (Some(_), Some(_)) if is_key => bail!(
                    "Nothing was changed: {name} in the file differs from the one in the secret. Take it out of \
                     the file to keep the secret's; `make rotate` replaces it without losing anything."
                ),
                (Some(given), Some(_)) => ("changed", Some(given.to_owned())),
                (Some(given), None) => ("new", Some(given.to_owned())),
                (None, Some(_)) => ("kept", None),
                (None, None) => match name {
                    SECRET_KEY if values.contains_key(SECRET_KEY_SHA256) => continue,
                    SECRET_KEY => (GENERATED, Some(random_code("sk")?)),
                    ENCRYPTION_KEY => (GENERATED, Some(random_key()?)),
                    _ if !REQUIRED.contains(&name) => continue,
                    _ if ask::can_ask() => ("new", Some(ask::for_value(name)?)),
                    _ => {
                        missing.push(name);
                        continue;
                    }
                },
            };
            report.push((name, what));
            if let Some(value) = value {
                values.insert(name.to_owned(), value);
            }
        }
        if !missing.is_empty() {
            bail!(
                "Nothing was changed: {} missing. Add to the file, or run this in a terminal to be asked.",
                missing.join(", ")
            );
        }
        Ok(Self { values, report })
    }
}

/// The stage's own file if there is one, otherwise `.env`.
fn settings_file(arguments: &Arguments) -> Option<PathBuf> {
    let usual = [format!(".env.{}", arguments.stage), ".env".to_owned()];
    let usual = || usual.iter().map(PathBuf::from).find(|path| path.exists());
    arguments.file.clone().or_else(usual)
}

/// Reads a file of `NAME=value` lines. Errors give the position, never the content.
fn read_file(path: &Path) -> Result<Values> {
    let lines = dotenvy::from_path_iter(path).map_err(|_| anyhow!("cannot read {}", path.display()))?;
    lines
        .enumerate()
        .map(|(number, line)| {
            // The library's error quotes the line, which may contain a secret.
            line.ok().with_context(|| {
                format!(
                    "{}: setting number {} cannot be parsed: quote values that contain spaces or #",
                    path.display(),
                    number + 1
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn complete() -> Values {
        REQUIRED.iter().map(|name| ((*name).to_owned(), "value".to_owned())).collect()
    }

    #[test]
    fn the_keys_are_generated_once() {
        let first = Plan::make(complete(), Values::new()).unwrap();
        assert!(first.report.contains(&(SECRET_KEY, GENERATED)));
        let second = Plan::make(complete(), first.values.clone()).unwrap();
        assert_eq!(first.values, second.values);
        assert!(second.report.contains(&(ENCRYPTION_KEY, "kept")));
    }

    #[test]
    fn no_key_is_generated_beside_a_digest() {
        let mut given = complete();
        given.insert(SECRET_KEY_SHA256.to_owned(), "digest".to_owned());
        let plan = Plan::make(given, Values::new()).unwrap();
        assert!(!plan.values.contains_key(SECRET_KEY));
        let plan = Plan::make(complete(), plan.values).unwrap();
        assert!(!plan.values.contains_key(SECRET_KEY));
    }

    #[test]
    fn a_key_is_never_replaced() {
        for key in [SECRET_KEY, SECRET_KEY_SHA256, ENCRYPTION_KEY] {
            let mut given = complete();
            given.insert(key.to_owned(), "hidden-new".to_owned());
            let known = values(&[(key, "hidden-old")]);
            let error = Plan::make(given, known).err().unwrap().to_string();
            assert!(error.contains(key) && !error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn what_the_file_lacks_is_kept_and_unknown_names_stay() {
        let known = values(&[("DATABASE_URL", "known"), ("OTHER", "stays")]);
        let mut given = complete();
        given.remove("DATABASE_URL");
        given.insert("JUNCTURE_PORT".to_owned(), "9000".to_owned());
        let plan = Plan::make(given, known).unwrap();
        assert_eq!(plan.values["DATABASE_URL"], "known");
        assert_eq!(plan.values["OTHER"], "stays");
        assert!(!plan.values.contains_key("JUNCTURE_PORT"));
    }
}
