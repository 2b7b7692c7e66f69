//! The invariants, checked while no operation is running.

use anyhow::{Context as _, Result, ensure};
use base::crypto::Binding;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::history::{Connection, View};
use super::linear::{self, State};
use super::work::Step;
use super::world::{Mode, Subject, World};

/// The worker number of these checks.
pub(crate) const REFEREE: usize = 99;

/// Orphaned rows, and external ids without exactly one connection.
const ORPHANS: &str = r#"
    select
        (select count(*) from "juncture-core".connection c
            where 1 <> (select count(*) from "juncture-core".connection_external_map m
                where m.connection_id = c.connection_id)
            or 1 <> (select count(*) from "juncture-core".jira_connection j
                where j.connection_id = c.connection_id))
        + (select count(*) from "juncture-core".connection_external_map m
            where not exists (select from "juncture-core".connection c where c.connection_id = m.connection_id))
        + (select count(*) from "juncture-core".jira_connection j
            where not exists (select from "juncture-core".connection c where c.connection_id = j.connection_id))"#;

const ROW: &str = r#"
    select c.connection_id::text, c.version, c.refresh_token, c.invalid_refresh_token, c.access_token,
        j.jira_site_id, j.selected_jira_project_id
    from "juncture-core".connection_external_map m
    join "juncture-core".connection c using (connection_id)
    join "juncture-core".jira_connection j using (connection_id)
    where m.external_id = $1 and m.provider = 'jira'"#;

/// A connection as stored in Postgres.
struct Stored {
    id: String,
    version: i64,
    refresh_token: String,
    access_token: Option<String>,
    known: Connection,
}

/// The state of a connection, as stored.
pub(crate) async fn state(world: &World, subject: &Subject) -> Result<State> {
    let database = world.stack.database().await?;
    Ok(stored(world, &database, subject).await?.map(|stored| stored.known))
}

/// Checks all invariants. Returns the state in which the next round starts.
pub(crate) async fn check(world: &World, subject: &Subject, initial: &State) -> Result<State> {
    let database = world.stack.database().await?;
    let orphans: i64 = database.query_one(ORPHANS, &[]).await?.get(0);
    ensure!(orphans == 0, "{orphans} rows belong to nothing, or not to one connection");
    cache_agrees(world, subject, &stored(world, &database, subject).await?, false).await?;

    // The history ends with a read through every endpoint.
    let look = Step { world, subject, worker: REFEREE };
    look.validity().await?;
    look.credentials().await?;
    look.selected().await?;
    look.token().await?;
    look.projects().await?;
    let revoked_at = |family| subject.history.revoked_at(family);
    let records = subject.history.records();
    for view in [View::Row, View::Session] {
        linear::check(&records, view, initial, &revoked_at).map_err(anyhow::Error::msg)?;
    }

    let Some(before) = stored(world, &database, subject).await? else { return Ok(None) };
    let is_good = world.stack.atlassian().accepts_refresh_token(&before.refresh_token);
    let family = before.known.family;
    if !is_good {
        ensure!(
            revoked_at(family).is_some(),
            "the refresh token of family {family} is lost: nobody revoked it"
        );
    } else if world.mode != Mode::Faulty {
        newest(world, &before)?;
    }
    ensure!(!(before.known.is_invalid && is_good), "family {family} is marked invalid, and is not");

    // Forces the next call to refresh.
    for account in &subject.accounts {
        world.stack.atlassian().expire_access_tokens(Some(account));
    }
    look.projects().await?;
    look.token().await?;
    let after = stored(world, &database, subject).await?.context("the connection is gone")?;
    ensure!(after.known.family == family, "a refresh changed the family");
    ensure!(after.known.is_invalid != is_good, "a refresh left family {family} {:?}", after.known);
    if is_good {
        newest(world, &after)?;
        ensure!(before.refresh_token != after.refresh_token, "nothing was refreshed");
    }
    cache_agrees(world, subject, &Some(Stored { ..after }), true).await?;
    Ok(stored(world, &database, subject).await?.map(|stored| stored.known))
}

fn newest(world: &World, stored: &Stored) -> Result<()> {
    let newest = world.stack.atlassian().newest_of(stored.known.family);
    ensure!(
        newest.as_deref() == Some(&stored.refresh_token),
        "the stored refresh token is not the newest one"
    );
    Ok(())
}

async fn stored(
    world: &World,
    database: &tokio_postgres::Client,
    subject: &Subject,
) -> Result<Option<Stored>> {
    let row = database.query_opt(ROW, &[&subject.external_id]).await?;
    row.map(|row| read(world, &row)).transpose()
}

fn opened(world: &World, id: &str, sealed: &str) -> Result<String> {
    Ok(world.sealer.open(sealed, &Binding::new(id, &[]))?.expose_secret().to_owned())
}

fn read(world: &World, row: &Row) -> Result<Stored> {
    let id: String = row.get(0);
    let sealed: String = row.get(2);
    let refresh_token = opened(world, &id, &sealed)?;
    let access_token: Option<String> = row.get(4);
    let family = world.family(&refresh_token).context("the sandbox never issued the stored token")?.id;
    Ok(Stored {
        version: row.get(1),
        refresh_token,
        access_token: access_token.map(|sealed| opened(world, &id, &sealed)).transpose()?,
        known: Connection { family, site: row.get(5), project: row.get(6), is_invalid: row.get(3) },
        id,
    })
}

/// Checks that the cache agrees with the row. The access token may be missing from the cache.
async fn cache_agrees(
    world: &World,
    subject: &Subject,
    stored: &Option<Stored>,
    is_fresh: bool,
) -> Result<()> {
    let entry = match world.stack.redis(&["GET", &subject.cache_key()]).await? {
        redis::Value::BulkString(bytes) => serde_json::from_slice(&bytes)?,
        _ => Value::Null,
    };
    let Some(stored) = stored else {
        ensure!(entry["id"].is_null(), "a connection is cached that does not exist: {entry}");
        return Ok(());
    };
    // A barrier, so the row has to be read.
    if entry.is_null() || entry["id"].is_null() {
        ensure!(!is_fresh || !entry.is_null(), "nothing is cached");
        return Ok(());
    }
    let mut expected = json!({
        "id": stored.id,
        "jira_site_id": stored.known.site,
        "jira_project_id": stored.known.project,
    });
    // While Redis is unavailable a refresh continues without it, and a rejected token may stay cached until it expires
    // or is rejected again.
    let may_be_older = world.mode == Mode::Faulty && !is_fresh;
    if !may_be_older {
        expected["v"] = stored.version.into();
        expected["invalid"] = stored.known.is_invalid.into();
    }
    for (name, value) in expected.as_object().into_iter().flatten() {
        ensure!(entry[name] == *value, "the cache says {name} = {}, the row says {value}", entry[name]);
    }
    let cached = entry["access_token"]["sealed"].as_str();
    let cached = cached.map(|sealed| opened(world, &stored.id, sealed)).transpose()?;
    ensure!(
        may_be_older || cached == stored.access_token || (cached.is_none() && !is_fresh),
        "another access token is cached than is stored"
    );
    Ok(())
}
