//! The operator's commands, run against moto and the stack: create and update a stage's secret, rotate keys, re-seal
//! tokens.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base::crypto::{Binding, Sealer, random_key};
use futures_util::future::try_join_all;
use juncture_tests::{Person, binaries, run, secrets_manager};
use sandbox::{Class, GateSpec, When};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::refresh::assert_nothing_is_lost;
use crate::secrets::{Deployed, Mood, moody};
use crate::storage::strike;

const KEY: &str = "JUNCTURE_SECRET_KEY";
const SEALING: &str = "TOKEN_ENCRYPTION_KEY";
const PROGRESS: &str = "ROTATION_OF_TOKEN_ENCRYPTION_KEY";
const ROWS: &str =
    r#"select connection_id, refresh_token from "juncture-core".connection order by connection_id"#;

/// An operator's folder and environment, with moto in place of AWS.
struct Operator {
    folder: std::path::PathBuf,
    environment: BTreeMap<String, String>,
    stage: String,
}

impl Operator {
    async fn new() -> Result<Self> {
        let stage = format!("s{}", Uuid::new_v4().simple());
        let folder = binaries().join("juncture-test").join(&stage);
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, environment: secrets_manager().await?.environment(), stage })
    }

    fn of(deployed: &Deployed) -> Result<Self> {
        let stage = deployed.id.strip_prefix("juncture/").context("a stage")?.to_owned();
        let folder = binaries().join("juncture-test").join(format!("operator-{stage}"));
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, environment: deployed.manager.environment(), stage })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binaries().join("juncture-admin"));
        command.env_clear().envs(&self.environment).current_dir(&self.folder).kill_on_drop(true);
        command.args(words).args(["--stage", &self.stage]).stdin(Stdio::null());
        command
    }

    /// Runs a command. Returns whether it succeeded, and its output.
    async fn runs(&self, words: &[&str]) -> Result<(bool, String)> {
        let output = self.command(words).output().await.context("juncture-admin")?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// Runs a command that must succeed.
    async fn does(&self, words: &[&str]) -> Result<String> {
        let (succeeded, said) = self.runs(words).await?;
        ensure!(succeeded, "{words:?}: {said}");
        Ok(said)
    }

    fn write(&self, file: &str, settings: &[(&str, &str)]) -> Result<()> {
        let lines: Vec<String> = settings.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        Ok(std::fs::write(Path::new(&self.folder).join(file), lines.concat())?)
    }

    async fn secret(&self) -> Result<Value> {
        let text = secrets_manager().await?.get(&format!("juncture/{}", self.stage)).await?;
        Ok(serde_json::from_str(&text)?)
    }
}

const COMPLETE: [(&str, &str); 5] = [
    ("DATABASE_URL", "postgresql://u:hidden-password@ep-x.eu-central-1.aws.neon.tech/db?sslmode=require"),
    ("UPSTASH_REDIS_REST_URL", "https://hidden-host.upstash.io"),
    ("UPSTASH_REDIS_REST_TOKEN", "hidden-token"),
    ("DEFAULT_JIRA_CLIENT_ID", "hidden-id"),
    ("DEFAULT_JIRA_CLIENT_SECRET", "hidden-secret"),
];

#[test]
fn the_secret_is_created_once_and_then_updated() {
    run(async {
        let operator = Operator::new().await?;
        operator.write(".env", &COMPLETE)?;
        let said = operator.does(&["secrets"]).await?;
        assert!(said.contains(": created") && said.contains("arn:aws:secretsmanager:"), "{said}");
        let created = operator.secret().await?;
        for (name, value) in COMPLETE {
            assert_eq!(created[name], value);
        }
        // The generated values are valid.
        Sealer::from_keys(created[SEALING].as_str().context("a key")?)?;
        assert!(created[KEY].as_str().is_some_and(|key| key.len() > 40), "no key");
        let said_again = operator.does(&["secrets"]).await?;
        assert!(said_again.contains(": unchanged"), "{said_again}");
        assert_eq!(operator.secret().await?, created);
        // The stage's own file takes precedence; settings missing from it are kept.
        operator
            .write(&format!(".env.{}", operator.stage), &[("UPSTASH_REDIS_REST_TOKEN", "hidden-other")])?;
        let updated = operator.does(&["secrets"]).await?;
        assert!(updated.contains(": updated"), "{updated}");
        let mut expected = created.clone();
        expected["UPSTASH_REDIS_REST_TOKEN"] = json!("hidden-other");
        assert_eq!(operator.secret().await?, expected);
        for said in [said, said_again, updated] {
            assert!(!said.contains("hidden"), "{said}");
            for name in [KEY, SEALING] {
                assert!(!said.contains(created[name].as_str().context("a key")?), "{said}");
            }
        }
        Ok(())
    });
}

#[test]
fn what_functions_cannot_start_with_is_refused_before_it_is_stored() {
    run(async {
        let operator = Operator::new().await?;
        let (succeeded, said) = operator.runs(&["secrets"]).await?;
        assert!(!succeeded && said.contains("DATABASE_URL, UPSTASH_REDIS_REST_URL"), "{said}");
        for (name, value, expected) in [
            ("DATABASE_URL", "mysql://hidden@h/d", "the setting DATABASE_URL must look like"),
            (
                "DATABASE_URL",
                "postgres://hidden@localhost/d",
                "the setting DATABASE_URL is an address of this machine",
            ),
            (
                "UPSTASH_REDIS_REST_URL",
                "http://hidden.upstash.io",
                "the setting UPSTASH_REDIS_REST_URL must start with",
            ),
            (SEALING, "hidden-and-too-short", "the setting TOKEN_ENCRYPTION_KEY must be the base64"),
            ("SECRETS_MAX_AGE_SECONDS", "hidden", "the setting SECRETS_MAX_AGE_SECONDS must be"),
            (
                KEY,
                "hidden-and-short",
                "the setting JUNCTURE_SECRET_KEY holds a key of fewer than 32 characters",
            ),
        ] {
            operator.write(".env", &[&COMPLETE[..], &[(name, value)]].concat())?;
            let (succeeded, said) = operator.runs(&["secrets"]).await?;
            assert!(!succeeded && said.contains(expected) && !said.contains("hidden"), "{said}");
            assert!(operator.secret().await.is_err(), "it was stored");
        }
        // A key in an old file does not replace a newer one.
        operator.write(".env", &COMPLETE)?;
        operator.does(&["secrets"]).await?;
        let created = operator.secret().await?;
        for (name, value) in [(KEY, "hidden-key".to_owned()), (SEALING, random_key()?)] {
            operator.write(".env", &[&COMPLETE[..], &[(name, &value)]].concat())?;
            let (succeeded, said) = operator.runs(&["secrets"]).await?;
            assert!(!succeeded && said.contains(name) && !said.contains(&value), "{said}");
            assert_eq!(operator.secret().await?, created);
        }
        let nobody = Operator { environment: BTreeMap::new(), ..operator };
        let (succeeded, said) = nobody.runs(&["secrets"]).await?;
        assert!(!succeeded && said.contains("no AWS region"), "{said}");
        Ok(())
    });
}

#[test]
fn settings_that_belong_elsewhere_are_named() {
    run(async {
        let operator = Operator::new().await?;
        let others =
            [("RATE_LIMIT_PER_IP", "hidden"), ("UPSTASH_REDIS_TOKEN", "hidden"), ("JUNCTURE_PORT", "1")];
        operator.write(".env", &[&COMPLETE[..], &others].concat())?;
        let said = operator.does(&["secrets"]).await?;
        assert!(
            said.contains(r#"the template's parameter RateLimitPerIp: set "RateLimitPerIp=…""#),
            "{said}"
        );
        assert!(said.contains("UPSTASH_REDIS_TOKEN              is no setting of Juncture"), "{said}");
        assert!(!said.contains("hidden") && !said.contains("JUNCTURE_PORT"), "{said}");
        assert!(operator.secret().await?.get("RATE_LIMIT_PER_IP").is_none());
        operator.write(".env", &[&COMPLETE[..], &[("CLOUD_MODE", "on")]].concat())?;
        let (succeeded, said) = operator.runs(&["secrets"]).await?;
        assert!(!succeeded && said.contains("CLOUD_MODE=true is not supported yet"), "{said}");
        Ok(())
    });
}

/// Writes the folder's samconfig.toml.
fn stage_is(operator: &Operator, parameters: &str) -> Result<()> {
    let text = format!("version = 0.1\n[{}.deploy.parameters]\n{parameters}\n", operator.stage);
    Ok(std::fs::write(operator.folder.join("samconfig.toml"), text)?)
}

#[test]
fn every_command_goes_where_the_stage_is_deployed() {
    run(async {
        let operator = Operator::new().await?;
        operator.write(".env", &COMPLETE)?;
        // The environment sets a different region.
        let name = format!("juncture/{}/of-its-own", operator.stage);
        let overrides = format!(r#"parameter_overrides = ["JunctureSecretsId={name}"]"#);
        stage_is(&operator, &format!("region = \"eu-west-3\"\n{overrides}"))?;
        let said = operator.does(&["secrets"]).await?;
        assert!(said.contains(&format!("Secret {name} in eu-west-3")), "{said}");
        let arn = said.split_whitespace().find(|word| word.starts_with("arn:aws:secretsmanager:eu-west-3:"));
        let arn = arn.with_context(|| said.clone())?;
        assert!(operator.secret().await.is_err(), "there is one in the environment's region");
        operator.does(&["rotate", "--key", KEY]).await?;
        operator.does(&["check"]).await?;

        // Without it, the environment's region is used, except for an ARN, which has its own region.
        stage_is(&operator, &overrides)?;
        let (succeeded, said) = operator.runs(&["check"]).await?;
        assert!(!succeeded && said.contains("There is no such secret: make it with `make secrets"), "{said}");
        stage_is(&operator, &format!(r#"parameter_overrides = "JunctureSecretsId={arn}""#))?;
        let said = operator.does(&["check"]).await?;
        assert!(said.contains(&format!("Secret {arn} in eu-west-3")), "{said}");
        operator.does(&["drop-old", "--key", KEY]).await?;

        // A function does the same.
        let output = Command::new(binaries().join("migrate"))
            .env_clear()
            .envs(&operator.environment)
            .env("JUNCTURE_SECRETS_ID", arn)
            // Takes precedence over the secret's value, and is reported only after the secret was read.
            .env("DATABASE_URL", "mysql://h/d")
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("the setting DATABASE_URL must look like"), "{said}");

        stage_is(&operator, "")?;
        let (succeeded, said) = operator.runs(&["secrets"]).await?;
        assert!(!succeeded && said.contains("\"JunctureSecretsId=juncture/"), "{said}");
        Ok(())
    });
}

#[test]
fn a_secret_is_checked_before_a_deployment() {
    run(async {
        let operator = Operator::new().await?;
        let (succeeded, said) = operator.runs(&["check"]).await?;
        let mend = format!("`make secrets STAGE={}`", operator.stage);
        assert!(!succeeded && said.contains(&mend), "{said}");
        operator.write(".env", &COMPLETE)?;
        operator.does(&["secrets"]).await?;
        assert!(operator.does(&["check"]).await?.contains("functions can start"));
        let id = format!("juncture/{}", operator.stage);
        let text = json!({ "DATABASE_URL": "mysql://hidden@h/d" }).to_string();
        secrets_manager().await?.put(&id, &text).await?;
        let (succeeded, said) = operator.runs(&["check"]).await?;
        assert!(!succeeded && said.contains(&mend) && !said.contains("hidden"), "{said}");
        assert!(
            said.contains("DATABASE_URL must look like") && said.contains("JUNCTURE_SECRET_KEY is missing"),
            "{said}"
        );
        // The deployer needs no permission to read it.
        let (mood, endpoint) = moody().await?;
        mood.send_replace(Mood::Deny);
        let mut stranger = operator;
        stranger.environment.insert("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), endpoint);
        let said = stranger.does(&["check"]).await?;
        assert!(
            said.contains("Not checked") && said.contains("or there is no such secret in us-east-1"),
            "{said}"
        );
        Ok(())
    });
}

#[test]
fn a_secret_key_is_rotated() {
    run(async {
        let deployed = Deployed::start("1").await?;
        let operator = Operator::of(&deployed)?;
        let old = deployed.values().await?[KEY].as_str().context("a key")?.to_owned();
        deployed.with_key(&old).await?.json(200);
        let said = operator.does(&["rotate", "--key", KEY]).await?;
        let keys = deployed.values().await?[KEY].as_str().context("keys")?.to_owned();
        let (new, kept) = keys.split_once(',').context("two keys")?;
        assert_eq!(kept, old);
        assert!(!said.contains(new) && !said.contains(kept) && said.contains("make drop-old"), "{said}");
        let (succeeded, said) = operator.runs(&["rotate", "--key", KEY]).await?;
        assert!(!succeeded && said.contains("Two keys are valid already"), "{said}");
        deployed.eventually_with_key(new, 200).await?;
        deployed.with_key(&old).await?.json(200);
        operator.does(&["drop-old", "--key", KEY]).await?;
        deployed.eventually_with_key(&old, 401).await?;
        deployed.with_key(new).await?.json(200);
        deployed.stack.stop().await
    });
}

/// Refreshes in a loop until `stop`; every call must succeed.
async fn refresh_all_the_time(
    person: &Person<'_>,
    stop: &tokio::sync::watch::Receiver<bool>,
) -> Result<usize> {
    let mut calls = 0;
    while !*stop.borrow() {
        person.forget_access_token().await?;
        let answer = person.access_token().await?;
        ensure!(answer.status == 200, "{}", answer.body);
        calls += 1;
    }
    Ok(calls)
}

#[test]
fn the_encryption_key_is_rotated_while_callers_refresh() {
    run(async {
        let deployed = Deployed::start("1").await?;
        let (stack, operator) = (&deployed.stack, Operator::of(&deployed)?);
        let people = try_join_all((0..3).map(|_| stack.strict_person())).await?;
        let old = deployed.values().await?[SEALING].as_str().context("a key")?.to_owned();
        let (succeeded, said) = operator.runs(&["drop-old", "--key", SEALING]).await?;
        assert!(!succeeded && said.contains("has no old key"), "{said}");
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let rotation = async {
            let said = operator.does(&["rotate", "--key", SEALING, "--wait", "8"]).await;
            stop.send_replace(true);
            said
        };
        let calls = try_join_all(people.iter().map(|person| refresh_all_the_time(person, &stopped)));
        let (said, calls) = tokio::join!(rotation, calls);
        let (said, calls) = (said?, calls?);
        assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");
        let values = deployed.values().await?;
        assert!(values[PROGRESS].as_str().is_some_and(|it| it.starts_with("resealed")), "{said}");
        let keys = values[SEALING].as_str().context("keys")?.to_owned();
        let (new, kept) = keys.split_once(',').context("two keys")?;
        assert!(kept == old && !said.contains(new) && !said.contains(&old), "{said}");
        // A second run reports the same and does nothing.
        let said = operator.does(&["rotate", "--key", SEALING]).await?;
        assert!(said.contains("make drop-old"), "{said}");
        let (succeeded, said) = operator.runs(&["drop-old", "--key", SEALING]).await?;
        assert!(!succeeded && said.contains("Nothing was changed: until"), "{said}");
        operator.does(&["drop-old", "--key", SEALING, "--wait", "0"]).await?;
        let values = deployed.values().await?;
        assert_eq!((values[SEALING].as_str(), values.get(PROGRESS)), (Some(new), None));
        let alone = Sealer::from_keys(new)?;
        for row in stack.database().await?.query(ROWS, &[]).await? {
            let (id, stored): (Uuid, String) = (row.get(0), row.get(1));
            alone.open(&stored, &Binding::new(id.to_string(), &[]))?;
        }
        deployed.restart().await?;
        for person in &people {
            person.access_token().await?.json(200);
            person.forget_access_token().await?;
            person.access_token().await?.json(200);
            assert_nothing_is_lost(stack, person).await?;
        }
        deployed.stack.stop().await
    });
}

#[test]
fn a_refresh_keeps_its_tokens_if_the_row_is_resealed_meanwhile() {
    run(async {
        let deployed = Deployed::start("1").await?;
        let (stack, operator) = (&deployed.stack, Operator::of(&deployed)?);
        let person = stack.strict_person().await?;
        let old = deployed.values().await?[SEALING].as_str().context("a key")?.to_owned();
        deployed.set(SEALING, &format!("{},{old}", random_key()?)).await?;
        deployed.restart().await?;
        person.forget_access_token().await?;
        let gate = stack.atlassian().hold(GateSpec {
            class: Class::Token,
            account: Some(person.account.clone()),
            when: When::After,
        });
        let resealed = async {
            gate.arrived().await;
            // The old refresh token is used up but still in the row.
            let said = operator.does(&["reseal"]).await;
            gate.release();
            said
        };
        let (answer, said) = tokio::join!(person.access_token(), resealed);
        assert!(said?.contains("1 re-sealed"));
        answer?.json(200);
        assert_nothing_is_lost(stack, &person).await?;
        deployed.stack.stop().await
    });
}

#[test]
fn resealing_continues_after_it_was_killed() {
    run(async {
        const LOCK: i64 = 4711;
        let deployed = Deployed::start("3600").await?;
        let (stack, operator) = (&deployed.stack, Operator::of(&deployed)?);
        let old = deployed.values().await?[SEALING].as_str().context("a key")?.to_owned();
        let new = random_key()?;
        let (before, after) = (Sealer::from_keys(&old)?, Sealer::from_keys(&new)?);
        let database = stack.database().await?;
        let insert = r#"
            with made as (
                insert into "juncture-core".connection (connection_id, refresh_token, expires_at)
                values ($1, $2, now() + interval '1 day')
            )
            insert into "juncture-core".connection_external_map (external_id, provider, connection_id)
            values ('user/' || $1, 'jira', $1)"#;
        for number in 1..=250u128 {
            let id = Uuid::from_u128(number);
            // Some are in clear text, from the TypeScript version.
            let stored = if number % 50 == 0 {
                "legacy".to_owned()
            } else {
                before.seal("token", &Binding::new(id.to_string(), &[]))?.as_str().to_owned()
            };
            database.execute(insert, &[&id, &stored]).await?;
        }
        deployed.set(SEALING, &format!("{new},{old}")).await?;
        // The second batch waits at a row until the lock is released.
        database
            .batch_execute(&format!(
                r#"create function pause() returns trigger language plpgsql as $$ begin
                       perform pg_advisory_xact_lock({LOCK}); return new; end $$;
                   create trigger pause before update on "juncture-core".connection for each row
                       when (new.connection_id = '{}') execute function pause();
                   select pg_advisory_lock({LOCK})"#,
                Uuid::from_u128(150)
            ))
            .await?;
        let mut child: Child = operator.command(&["reseal"]).spawn()?;
        let stuck = async {
            let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted
                and database = (select oid from pg_database where datname = current_database())";
            while database.query_one(waiting, &[]).await?.get::<_, i64>(0) == 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(Duration::from_secs(60), stuck).await??;
        child.kill().await?;
        database.execute("select pg_advisory_unlock($1)", &[&LOCK]).await?;
        let sealed_anew = async || {
            let rows = database.query(ROWS, &[]).await?;
            let opens = |row: &&tokio_postgres::Row| {
                after.open(row.get(1), &Binding::new(row.get::<_, Uuid>(0).to_string(), &[])).is_ok()
            };
            anyhow::Ok((rows.iter().filter(opens).count(), rows.len()))
        };
        database.batch_execute(r#"drop trigger pause on "juncture-core".connection"#).await?;
        let (done, all) = sealed_anew().await?;
        assert!((100..all).contains(&done), "{done} of {all}");
        let said = operator.does(&["reseal"]).await?;
        assert!(said.contains(&format!("{} re-sealed", all - done)), "{said}");
        assert_eq!(sealed_anew().await?, (all, all));
        deployed.stack.stop().await
    });
}

#[test]
fn the_seal_format_is_changed_and_changed_back() {
    run(async {
        let deployed = Deployed::start("3600").await?;
        let (stack, operator) = (&deployed.stack, Operator::of(&deployed)?);
        let people = try_join_all((0..3).map(|_| stack.strict_person())).await?;
        let formats = async || {
            let rows = stack.database().await?.query(ROWS, &[]).await?;
            let format =
                |row: &tokio_postgres::Row| row.get::<_, String>(1).split(':').next().map(str::to_owned);
            anyhow::Ok(rows.iter().filter_map(format).collect::<Vec<_>>())
        };
        for format in ["v2", "v1"] {
            deployed.set("TOKEN_SEAL_FORMAT", format).await?;
            deployed.restart().await?;
            // Whatever is cached or stored in the other format is read, and written anew when it is refreshed.
            people[0].access_token().await?.json(200);
            people[0].forget_access_token().await?;
            people[0].access_token().await?.json(200);
            assert_eq!(formats().await?.iter().filter(|it| *it == format).count(), 1);
            let said = operator.does(&["reseal"]).await?;
            assert!(said.contains("2 re-sealed"), "{said}");
            assert_eq!(formats().await?, [format; 3]);
            for person in &people {
                person.access_token().await?.json(200);
                assert_nothing_is_lost(stack, person).await?;
            }
        }
        deployed.stack.stop().await
    });
}

#[test]
fn a_secret_key_is_kept_as_a_digest() {
    run(async {
        const DIGEST: &str = "JUNCTURE_SECRET_KEY_SHA256";
        let deployed = Deployed::start("1").await?;
        let operator = Operator::of(&deployed)?;
        let old = deployed.values().await?[KEY].as_str().context("a key")?.to_owned();
        let said = operator.does(&["rotate", "--key", DIGEST]).await?;
        let new = said.lines().find_map(|line| line.trim().strip_prefix("sk_")).context("a key")?;
        let new = format!("sk_{new}");
        assert!(said.contains(&format!("make drop-old STAGE={} KEY={KEY}", operator.stage)), "{said}");
        assert!(!deployed.values().await?.to_string().contains(&new), "the key itself is kept");
        deployed.eventually_with_key(&new, 200).await?;
        deployed.with_key(&old).await?.json(200);
        operator.does(&["drop-old", "--key", KEY]).await?;
        deployed.eventually_with_key(&old, 401).await?;
        deployed.with_key(&new).await?.json(200);
        // The next one is a digest too.
        let (succeeded, said) = operator.runs(&["rotate", "--key", KEY]).await?;
        assert!(!succeeded && said.contains(&format!("KEY={DIGEST}")), "{said}");
        let said = operator.does(&["rotate", "--key", DIGEST]).await?;
        assert!(said.contains(&format!("make drop-old STAGE={} KEY={DIGEST}", operator.stage)), "{said}");
        operator.does(&["drop-old", "--key", DIGEST]).await?;
        deployed.eventually_with_key(&new, 401).await?;
        deployed.stack.stop().await
    });
}

#[test]
fn tokens_stashed_in_redis_are_resealed() {
    run(async {
        let deployed = Deployed::start("1").await?;
        let (stack, operator) = (&deployed.stack, Operator::of(&deployed)?);
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        let database = stack.database().await?;
        strike(&database).await?;
        person.access_token().await?.refusal(503);
        database.batch_execute(r#"drop trigger strike on "juncture-core".connection"#).await?;
        let old = deployed.values().await?[SEALING].as_str().context("a key")?.to_owned();
        let new = random_key()?;
        deployed.set(SEALING, &format!("{new},{old}")).await?;
        let said = operator.does(&["reseal"]).await?;
        assert!(said.contains("1 uncommitted in Redis"), "{said}");
        // The connection that was locked works without the old key, too.
        deployed.set(SEALING, &new).await?;
        deployed.restart().await?;
        person.access_token().await?.json(200);
        assert_nothing_is_lost(stack, &person).await?;
        deployed.stack.stop().await
    });
}
