//! Checks whether functions can start with given values, by running the code that the functions start with.

use anyhow::{Result, bail};
use base::config::{Settings, Values};
use juncture::parts::Parts;
use juncture::provider::{Consent, Providers};
use juncture::public_urls::PublicUrls;
use runtime::secrets::SecretsError;
use stores::postgres::Postgres;
use url::Url;

use crate::plan::SECRET_KEY;
use crate::secret::Secret;

/// Settings that are URLs; on AWS none of them can point to the operator's machine.
const ADDRESSES: [&str; 8] = [
    "DATABASE_URL",
    "DATABASE_DIRECT_URL",
    "UPSTASH_REDIS_REST_URL",
    "DEFAULT_JIRA_REDIRECT_URI",
    "DEFAULT_JIRA_SITE_REDIRECT_URI",
    "JUNCTURE_FRONTEND_URL",
    "ATLASSIAN_AUTH_URL",
    "ATLASSIAN_API_URL",
];

/// Minimum length of a backend API key; a shorter one is likely a word that can be guessed.
const SHORTEST_KEY: usize = 32;

/// Checks a stage's secret before its stack is deployed. If it cannot be read, the functions respond with a 503,
/// and the migrator makes the deployment roll back.
pub(crate) async fn before_deployment(secret: &Secret, stage: &str) -> Result<()> {
    let mend = format!("`make secrets STAGE={stage}`");
    match secret.existing().await {
        Ok(values) => match unreadable(&values) {
            wrong if wrong.is_empty() => println!("It exists, and functions can start with it."),
            wrong => {
                bail!(
                    "Functions cannot start with this secret; fix it with {mend}:\n  {}",
                    wrong.join("\n  ")
                )
            }
        },
        Err(SecretsError::NotFound(_)) => bail!("There is no such secret: make it with {mend}"),
        // Whoever deploys need not have permission to read it, and the migrator checks again.
        Err(error @ SecretsError::AccessDenied(_)) => eprintln!("Not checked, continuing: {error}"),
        Err(error) => bail!("{error}; fix it with {mend}"),
    }
    Ok(())
}

/// Fails with a list of everything wrong with these values; names the settings, never the values.
pub(crate) fn deployable(values: &Values) -> Result<()> {
    let mut wrong = unreadable(values);
    for name in ADDRESSES {
        let host = values.get(name).and_then(|value| Url::parse(value).ok()?.host_str().map(str::to_owned));
        if matches!(host.as_deref(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            wrong.push(format!(
                "the setting {name} is an address of this machine, which a function in AWS cannot reach"
            ));
        }
    }
    let keys = values.get(SECRET_KEY).map_or("", String::as_str).split(',').map(str::trim);
    if keys.filter(|key| !key.is_empty()).any(|key| key.chars().count() < SHORTEST_KEY) {
        wrong.push(format!(
            "the setting {SECRET_KEY} holds a key of fewer than {SHORTEST_KEY} characters, which can be guessed: leave \
             it out, and a good one is made"
        ));
    }
    fail(wrong)
}

/// Fails if a function could not start with these values.
pub(crate) fn readable(values: &Values) -> Result<()> {
    fail(unreadable(values))
}

fn fail(wrong: Vec<String>) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("Nothing was changed:\n  {}", wrong.join("\n  "));
}

fn unreadable(values: &Values) -> Vec<String> {
    let settings = match Settings::default().with_secret(values) {
        Ok(settings) => settings,
        Err(error) => return vec![error.to_string()],
    };
    let parts = Parts::of(&settings);
    let outcomes = [
        Postgres::direct(&settings).map(drop),
        parts.secret_keys().map(drop),
        parts.tokens().map(drop),
        parts.oauth_states().map(drop),
        parts.finalizer().map(drop),
        parts.connections().map(drop),
        parts.idempotency().map(drop),
        parts.read::<Providers<Box<dyn Consent>>>().map(drop),
        parts.product().map(drop),
        parts.read::<PublicUrls>().map(drop),
        settings.seconds("SECRETS_MAX_AGE_SECONDS", std::time::Duration::ZERO).map(drop),
        settings.seconds("SECRETS_KEEP_SECONDS", std::time::Duration::ZERO).map(drop),
    ];
    let mut wrong: Vec<String> = Vec::new();
    for text in outcomes.into_iter().filter_map(Result::err).map(|error| error.to_string()) {
        if !wrong.contains(&text) {
            wrong.push(text);
        }
    }
    wrong
}
