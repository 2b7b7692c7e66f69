//! The migrations, which are compiled in, and how they are applied: in order, once each, under a lock, recorded in the
//! table `"juncture-core".migration`.

use std::collections::BTreeMap;
use std::time::Duration;

use base::chain;
use base::crypto::sha256_hex;
use stores::postgres::{Postgres, within_budget};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

use crate::error;

/// A file of the folder `migrations`.
pub struct Migration {
    /// The file name without its extension; migrations are applied in the order of their names.
    pub name: &'static str,
    /// The file's SQL.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(Migration { name: $name, sql: include_str!(concat!("../../../migrations/", $name, ".sql")) }),+]
    };
}

/// Every migration, in order.
pub const ALL: &[Migration] = migrations![
    "0001_core",
    "0002_versions_and_access_tokens",
    "0003_refreshed_at",
    "0004_account",
    "0005_doubt",
    "0006_granted_scopes",
    "0007_site_address",
    "0008_allowed_projects"
];

/// Applies the pending migrations in one transaction, all or nothing, and returns their names. Running it again does
/// nothing.
///
/// Each statement times out on the server after `limit`, so none keeps running after the caller has given up. The lock
/// is scoped to the transaction, so this also works through a pooler in transaction mode. Fails if a migration was
/// changed after it was applied.
///
/// Every time, `functions_role` is granted what the functions need: to read and write the tables. It need not be able
/// to create or change any.
pub async fn apply(
    postgres: &Postgres,
    limit: Option<Duration>,
    functions_role: Option<&str>,
) -> Result<Vec<&'static str>, MigrationError> {
    const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('juncture migrations', 0))";
    const TABLE: &str = r#"
        create schema if not exists "juncture-core";
        create table if not exists "juncture-core".migration (
            name text primary key,
            checksum text not null,
            applied_at timestamptz not null default now()
        )"#;
    const APPLIED: &str = r#"select checksum from "juncture-core".migration where name = $1"#;
    const RECORD: &str = r#"insert into "juncture-core".migration (name, checksum) values ($1, $2)"#;

    let failed = |during: &str| {
        let during = during.to_owned();
        move |error: tokio_postgres::Error| MigrationError(format!("{during}: {}", chain(&error)))
    };
    let mut client = postgres.connection().await.map_err(|error| MigrationError(error.to_string()))?;
    let transaction = client.transaction().await.map_err(failed("begin"))?;
    if let Some(limit) = limit {
        // Zero would mean no limit.
        let limit = format!("set local statement_timeout = {}", limit.as_millis().max(1));
        transaction.batch_execute(&limit).await.map_err(failed("begin"))?;
    }
    transaction.batch_execute(LOCK).await.map_err(failed("lock"))?;
    transaction.batch_execute(TABLE).await.map_err(failed("the table of migrations"))?;
    let mut applied = Vec::new();
    for Migration { name, sql } in ALL {
        let checksum = sha256_hex(sql.as_bytes());
        let known =
            transaction.query_typed_opt(APPLIED, &[(name, Type::TEXT)]).await.map_err(failed(name))?;
        match known.map(|row| row.get::<_, String>(0)) {
            Some(known) if known == checksum => continue,
            Some(_) => {
                return Err(MigrationError(format!(
                    "{name} was changed after it had been applied: put it back and write a new migration"
                )));
            }
            None => {}
        }
        transaction.batch_execute(sql).await.map_err(failed(name))?;
        let record: [(&(dyn ToSql + Sync), Type); 2] = [(name, Type::TEXT), (&checksum, Type::TEXT)];
        transaction.execute_typed(RECORD, &record).await.map_err(failed(name))?;
        applied.push(*name);
    }
    if let Some(role) = functions_role {
        let grants = grants_to(role);
        transaction.batch_execute(&grants).await.map_err(failed("granting access to the functions' role"))?;
    }
    transaction.commit().await.map_err(failed("commit"))?;
    Ok(applied)
}

/// The statements that grant a role what the functions need. The migrations' own table can only be read.
fn grants_to(role: &str) -> String {
    let role = format!("\"{}\"", role.replace('"', "\"\""));
    format!(
        r#"
        grant usage on schema "juncture-core" to {role};
        grant select on all tables in schema "juncture-core" to {role};
        grant usage on all sequences in schema "juncture-core" to {role};
        do $$
        declare writable record;
        begin
            for writable in
                select tablename from pg_catalog.pg_tables
                where schemaname = 'juncture-core' and tablename <> 'migration'
            loop
                execute format('grant insert, update, delete on "juncture-core".%I to {role}', writable.tablename);
            end loop;
        end
        $$;"#
    )
}

/// How the database differs from the compiled-in migrations. A database that is ahead does not differ: a deployment
/// migrates before its code serves requests.
#[derive(Debug, Default)]
pub struct Status {
    /// Migrations that have not been applied.
    pub missing: Vec<&'static str>,
    /// Migrations that were changed after they were applied.
    pub changed: Vec<&'static str>,
}

/// Compares the database with the compiled-in migrations, without changing anything.
pub async fn status(postgres: &Postgres) -> error::Result<Status> {
    const APPLIED: &str = r#"select name, checksum from "juncture-core".migration"#;
    let client = postgres.connection().await?;
    let applied = within_budget(async {
        match client.query_typed(APPLIED, &[]).await {
            // No migration was ever applied.
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
            outcome => outcome,
        }
    });
    let applied: BTreeMap<String, String> =
        applied.await?.iter().map(|row| (row.get(0), row.get(1))).collect();
    client.release();
    let mut status = Status::default();
    for Migration { name, sql } in ALL {
        match applied.get(*name) {
            None => status.missing.push(name),
            Some(checksum) if *checksum != sha256_hex(sql.as_bytes()) => status.changed.push(name),
            Some(_) => {}
        }
    }
    Ok(status)
}

/// Why migrating failed. Never contains the connection string.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MigrationError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_compiled_in_and_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let compiled_in: Vec<String> =
            ALL.iter().map(|migration| format!("{}.sql", migration.name)).collect();
        assert_eq!(files, compiled_in);
    }
}
