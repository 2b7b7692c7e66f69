//! `make rotate` and `make drop-old`: replace a key without a failed call in between.
//!
//! The progress of an encryption key rotation is stored in the secret itself, so that running the command again
//! resumes it on any machine.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base::config::Settings;
use base::config::Values;
use base::crypto::{random_code, random_key, sha256_hex};
use juncture::operations::Reseal;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arguments::Arguments;
use crate::plan::{ENCRYPTION_KEY, SECRET_KEY, SECRET_KEY_SHA256};
use crate::secret::Secret;
use crate::{ask, check, reseal};

/// Where the progress is stored; functions do not read it.
const PROGRESS: &str = "ROTATION_OF_TOKEN_ENCRYPTION_KEY";

/// Added to the maximum age of a function's copy of the secret: covers the longest request and one failed read.
const MARGIN: Duration = Duration::from_secs(60);

/// Like [`MARGIN`], for functions that seal and open tokens. These include `RefreshIdleConnections`, which runs for
/// up to a quarter of an hour with the settings it started with.
const MARGIN_OF_RUNS: Duration = Duration::from_secs(16 * 60);

/// How far a rotation of the encryption key has progressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The new key can open; the old one still seals.
    Announced,
    /// The new key seals.
    Sealing,
    /// Everything stored is sealed with the new key.
    Resealed,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Sealing => "sealing",
            Self::Resealed => "resealed",
        }
    }
}

/// Starts replacing a setting. For the encryption key, continues until the old key can be dropped.
pub(crate) async fn rotate(secret: &Secret, arguments: &Arguments) -> Result<()> {
    let name = arguments.key()?;
    let values = secret.existing().await?;
    match name {
        ENCRYPTION_KEY => rotate_encryption_key(secret, arguments, values).await,
        SECRET_KEY | SECRET_KEY_SHA256 => add_secret_key(secret, arguments, name, values).await,
        _ => replace(secret, name, values).await,
    }
}

/// Completes a rotation: keeps the first key and drops the others. If digests have taken the place of secret keys, drops
/// all of those.
pub(crate) async fn drop_old(secret: &Secret, arguments: &Arguments) -> Result<()> {
    let name = arguments.key()?;
    ensure!(
        matches!(name, ENCRYPTION_KEY | SECRET_KEY | SECRET_KEY_SHA256),
        "only {SECRET_KEY}, {SECRET_KEY_SHA256} and {ENCRYPTION_KEY} keep an old key"
    );
    let mut values = secret.existing().await?;
    let keys = keys(&values, name);
    let is_succeeded = name == SECRET_KEY && values.contains_key(SECRET_KEY_SHA256);
    ensure!(keys.len() > 1 || (is_succeeded && !keys.is_empty()), "{name} has no old key");
    if name == ENCRYPTION_KEY {
        let Some((Phase::Resealed, since)) = phase(&values)? else {
            bail!(
                "Nothing was changed: tokens are still sealed with the old key. Run {} first.",
                again(arguments)
            );
        };
        let safe = since + arguments.wait.unwrap_or(Reseal::REDIS_SETTLES);
        ensure!(
            safe <= OffsetDateTime::now_utc(),
            "Nothing was changed: until {} UTC, Redis may hold answers to requests with an Idempotency-Key that only \
             the old key opens. Run this again then; or now, with WAIT=0, if the old key has leaked: repetitions of \
             such requests fail, and people who are just connecting have to begin again.",
            clock(safe)
        );
        reseal::until_clean(&values).await?;
        values.remove(PROGRESS);
    }
    if is_succeeded {
        values.remove(name);
    } else {
        values.insert(name.to_owned(), keys[0].clone());
    }
    check::readable(&values)?;
    secret.replace(&values).await?;
    println!(
        "{name}: the old key was dropped; functions stop using it within {} s",
        spread(&values, arguments, MARGIN)?.as_secs()
    );
    Ok(())
}

async fn rotate_encryption_key(secret: &Secret, arguments: &Arguments, mut values: Values) -> Result<()> {
    loop {
        let mut keys = keys(&values, ENCRYPTION_KEY);
        match phase(&values)? {
            None if keys.len() == 1 => {
                // After the old one: no function may seal with the new key before every function can open with it.
                keys.push(random_key()?);
                note(&mut values, Phase::Announced);
                println!(
                    "1. A new key was generated; the old one seals until every function has the new one"
                );
            }
            None => {
                note(&mut values, Phase::Sealing);
                println!("2. There are several keys: the first one is assumed to be the new one");
            }
            Some((Phase::Announced, since)) => {
                wait(since, spread(&values, arguments, MARGIN_OF_RUNS)?, "every function has the new key")
                    .await;
                keys.rotate_right(1);
                note(&mut values, Phase::Sealing);
                println!("2. The new key now seals");
            }
            Some((Phase::Sealing, since)) => {
                wait(
                    since,
                    spread(&values, arguments, MARGIN_OF_RUNS)?,
                    "every function seals with the new key",
                )
                .await;
                println!("3. Re-sealing stored tokens");
                reseal::until_clean(&values).await?;
                note(&mut values, Phase::Resealed);
            }
            Some((Phase::Resealed, since)) => {
                let safe = since + arguments.wait.unwrap_or(Reseal::REDIS_SETTLES);
                println!(
                    "4. After {} UTC, drop the old key: make drop-old STAGE={} KEY={ENCRYPTION_KEY}",
                    clock(safe),
                    arguments.stage
                );
                return Ok(());
            }
        }
        values.insert(ENCRYPTION_KEY.to_owned(), keys.join(","));
        check::readable(&values)?;
        secret.replace(&values).await?;
    }
}

/// Adds a key or, if `name` is [`SECRET_KEY_SHA256`], its digest. Then nothing keeps the key itself, so it is printed.
async fn add_secret_key(
    secret: &Secret,
    arguments: &Arguments,
    name: &str,
    mut values: Values,
) -> Result<()> {
    let mut keys = keys(&values, name);
    ensure!(
        keys.len() < 2,
        "Two keys are valid already. When nobody uses the old one any more: make drop-old STAGE={} KEY={name}",
        arguments.stage
    );
    ensure!(
        name != SECRET_KEY || !keys.is_empty(),
        "The secret holds digests of keys: make rotate STAGE={} KEY={SECRET_KEY_SHA256}",
        arguments.stage
    );
    let new = random_code("sk")?;
    let (entry, where_to_find) = if name == SECRET_KEY_SHA256 {
        (sha256_hex(new.as_bytes()), format!("which is not shown again:\n   {new}"))
    } else {
        let read = "aws secretsmanager get-secret-value --query SecretString --output text --secret-id";
        (new, format!("the first of {name} in\n   {read} {}", secret.id()))
    };
    // The first digest takes the place of the keys.
    let old = if keys.is_empty() { SECRET_KEY } else { name };
    keys.insert(0, entry);
    values.insert(name.to_owned(), keys.join(","));
    check::readable(&values)?;
    secret.replace(&values).await?;
    println!(
        "A new key is made; the old one stays valid. Now\n\
         1. give your backend the new key, {where_to_find}\n\
         2. when it uses the new one everywhere: make drop-old STAGE={} KEY={old}",
        arguments.stage
    );
    Ok(())
}

/// Any other setting: prompts for the new value.
async fn replace(secret: &Secret, name: &str, mut values: Values) -> Result<()> {
    ensure!(values.contains_key(name), "the secret has no {name}: add it with `make secrets`");
    values.insert(name.to_owned(), ask::for_value(name)?);
    check::readable(&values)?;
    secret.replace(&values).await?;
    println!("{name} was replaced; functions use it within minutes, or at once if the old value fails");
    Ok(())
}

fn keys(values: &Values, name: &str) -> Vec<String> {
    let list = values.get(name).map(String::as_str).unwrap_or_default();
    list.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

fn note(values: &mut Values, phase: Phase) {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    values.insert(PROGRESS.to_owned(), format!("{} since {now}", phase.name()));
}

fn phase(values: &Values) -> Result<Option<(Phase, OffsetDateTime)>> {
    let Some(noted) = values.get(PROGRESS) else { return Ok(None) };
    let read = || {
        let (name, since) = noted.split_once(" since ")?;
        let phase =
            [Phase::Announced, Phase::Sealing, Phase::Resealed].into_iter().find(|it| it.name() == name)?;
        Some((phase, OffsetDateTime::parse(since, &Rfc3339).ok()?))
    };
    read().map(Some).with_context(|| format!("{PROGRESS} in the secret was not written by this command"))
}

/// How long it takes until every function has the new version of the secret.
fn spread(values: &Values, arguments: &Arguments, margin: Duration) -> Result<Duration> {
    if let Some(wait) = arguments.wait {
        return Ok(wait);
    }
    let settings = Settings::default().with_secret(values)?;
    Ok(settings.seconds("SECRETS_MAX_AGE_SECONDS", runtime::SECRETS_MAX_AGE)? + margin)
}

async fn wait(since: OffsetDateTime, long: Duration, until: &str) {
    let end = since + long;
    let left = Duration::try_from(end - OffsetDateTime::now_utc()).unwrap_or_default();
    if left.is_zero() {
        return;
    }
    println!(
        "   waiting until {} UTC, when {until}; you can interrupt this and run the same command again later",
        clock(end)
    );
    tokio::time::sleep(left).await;
}

fn clock(time: OffsetDateTime) -> String {
    format!("{} {:02}:{:02}:{:02}", time.date(), time.hour(), time.minute(), time.second())
}

fn again(arguments: &Arguments) -> String {
    format!("`make rotate STAGE={} KEY={ENCRYPTION_KEY}`", arguments.stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_parsed_as_it_was_stored() {
        let mut values = Values::new();
        assert_eq!(phase(&values).unwrap(), None);
        for expected in [Phase::Announced, Phase::Sealing, Phase::Resealed] {
            note(&mut values, expected);
            let (phase, since) = phase(&values).unwrap().unwrap();
            assert_eq!(phase, expected);
            assert!((OffsetDateTime::now_utc() - since).whole_seconds() < 60);
        }
        values.insert(PROGRESS.to_owned(), "something else".to_owned());
        assert!(phase(&values).is_err());
    }
}
