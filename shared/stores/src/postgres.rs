//! Postgres for a Lambda: a pool of one connection, opened on first use.
//!
//! All statements use `query_typed` and its variants: one round trip and no named prepared statement, which is what a
//! pooler in transaction mode (Neon's `PgBouncer`) requires.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Counter, count};
use base::deadline;
use base::tls::client_config;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Timeouts,
};
use futures_util::future::BoxFuture;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

/// The setting with the database's connection string.
const DATABASE_URL: &str = "DATABASE_URL";
/// The setting with a connection string that bypasses the pooler.
const DATABASE_DIRECT_URL: &str = "DATABASE_DIRECT_URL";

/// Connect timeout. A suspended Neon database needs a few hundred milliseconds to wake up
/// (<https://neon.com/docs/connect/connection-latency>).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// A connection idle for longer than this is probed before use: the sandbox may have been frozen, or the pooler may
/// have closed the connection.
const TRUSTED_IDLE: Duration = Duration::from_secs(10);

/// Timeout of that probe, after which a new connection is opened instead.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The pooled connection, checked out for one unit of work.
///
/// It returns to the pool only through [`Self::release`], after the work succeeded. If it is dropped in any other way
/// (after an error, at a deadline, because its future was cancelled), it may be broken or left with a running
/// statement or an open transaction, so it is closed.
pub struct Connection {
    /// `Some` until the connection is released or closed.
    object: Option<Object>,
}

impl Connection {
    /// Returns the connection to the pool after the work on it succeeded.
    pub fn release(mut self) {
        drop(self.object.take());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        match &self.object {
            Some(object) => object,
            None => unreachable!("a connection that was given back is gone"),
        }
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        match &mut self.object {
            Some(object) => object,
            None => unreachable!("a connection that was given back is gone"),
        }
    }
}

/// The database. Setting: `DATABASE_URL`.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
}

impl FromSettings for Postgres {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Self::lazily(DATABASE_URL, &settings.required(DATABASE_URL)?)
    }
}

impl Postgres {
    /// Connects without the pooler, for migrations. Settings: `DATABASE_DIRECT_URL`, or `DATABASE_URL` with the host
    /// of Neon's pooler replaced by the host of the database.
    pub fn direct(settings: &Settings) -> Result<Self, SettingsError> {
        match settings.optional(DATABASE_DIRECT_URL) {
            Some(url) => Self::lazily(DATABASE_DIRECT_URL, &url),
            None => Self::lazily(DATABASE_URL, &past_the_pooler(&settings.required(DATABASE_URL)?)),
        }
    }

    /// Creates a pool from `database_url`, the value of `setting`, in the format of Neon and libpq. Does not connect
    /// yet.
    ///
    /// Certificates are always verified, so `sslmode=require`, `verify-ca` and `verify-full` are equivalent;
    /// `sslmode=disable` is accepted for localhost only. `sslrootcert` names a PEM file to trust in addition to
    /// Mozilla's roots. Errors never quote the connection string, which contains a password.
    fn lazily(setting: &'static str, database_url: &str) -> Result<Self, SettingsError> {
        let invalid = |reason: String| SettingsError::Invalid { name: setting, reason };
        let (mut config, root_certificates) = parse(database_url).map_err(invalid)?;
        config.connect_timeout(CONNECT_TIMEOUT).application_name("juncture");
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if config.get_ssl_mode() == SslMode::Disable {
            Manager::from_config(config, NoTls, manager_config)
        } else {
            let tls =
                client_config(root_certificates.as_deref()).map_err(|error| invalid(error.to_string()))?;
            Manager::from_config(config, MakeRustlsConnect::new(tls), manager_config)
        };
        let pool = Pool::builder(manager)
            .max_size(1)
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .pre_recycle(Hook::async_fn(|client, metrics| Box::pin(probe(client, metrics.last_used()))))
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self { pool })
    }

    /// Checks out the connection, opening or replacing it if necessary, within the time left. Boxed, so that it is
    /// compiled here and not again in every function.
    pub fn connection(&self) -> BoxFuture<'_, Result<Connection, PostgresError>> {
        Box::pin(async move {
            let limit = Some(deadline::at_most(CONNECT_TIMEOUT + PROBE_TIMEOUT));
            let timeouts = Timeouts { wait: limit, create: limit, recycle: limit };
            let object = self.pool.timeout_get(&timeouts).await.map_err(|error| match error {
                PoolError::Backend(error) => failed(&error),
                error => PostgresError::Unavailable(chain(&error)),
            })?;
            Ok(Connection { object: Some(object) })
        })
    }

    /// Like [`Self::connection`], but always probes it first and replaces a dead one: here a failure loses nothing.
    pub async fn live_connection(&self) -> Result<Connection, PostgresError> {
        let connection = self.connection().await?;
        if within_budget(connection.batch_execute("")).await.is_ok() {
            return Ok(connection);
        }
        drop(connection);
        self.connection().await
    }

    /// Checks that the database responds.
    pub async fn ping(&self) -> Result<(), PostgresError> {
        let connection = self.connection().await?;
        within_budget(connection.batch_execute("")).await?;
        connection.release();
        Ok(())
    }
}

/// Why a database call failed, with the message of Postgres or of the connection.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The database is unreachable, overloaded or too slow; a retry may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The database rejected our statement, data or login; a retry does not help.
    #[error("{0}")]
    Refused(String),
}

impl PostgresError {
    /// Whether a retry may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Classifies a failed statement or connection by its SQLSTATE: unavailable, or refused because of an error on our
/// side, such as a migration that was never run.
///
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub fn failed(error: &tokio_postgres::Error) -> PostgresError {
    let class = error.code().map_or("", |code| code.code().get(..2).unwrap_or_default());
    match class {
        // Syntax errors and missing tables, authentication, unknown database or schema, invalid data, constraint
        // violations.
        "42" | "28" | "3D" | "3F" | "22" | "23" => PostgresError::Refused(chain(error)),
        _ => PostgresError::Unavailable(chain(error)),
    }
}

/// Runs a database call, counted as one statement, within the time left.
pub async fn within_budget<T>(
    call: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, PostgresError> {
    count(Counter::PostgresStatements);
    match tokio::time::timeout(deadline::remaining(), call).await {
        Ok(outcome) => outcome.map_err(|error| failed(&error)),
        Err(_) => Err(PostgresError::Unavailable("no answer within the invocation's time".to_owned())),
    }
}

/// Runs the first statement of a transaction, and limits the rest of the transaction on the server to the time left:
/// by statement timeout and by idle timeout. If this process is frozen, or disappears without closing the connection,
/// the server ends the transaction and releases its locks.
///
/// Both are sent together, so setting the timeouts costs no extra round trip. The timeouts apply to this transaction
/// only, because the pooler hands the server connection to other clients afterwards.
///
/// <https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT>
pub async fn bounded<T, E: From<PostgresError>>(
    transaction: &Transaction<'_>,
    first: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let left = deadline::remaining().as_millis().max(1);
    let bounds = format!(
        "set local statement_timeout = {left}; set local idle_in_transaction_session_timeout = {left}"
    );
    let bounds = async { transaction.batch_execute(&bounds).await.map_err(|error| E::from(failed(&error))) };
    // Polled, and therefore sent, in this order.
    let ((), first) = futures_util::future::try_join(bounds, first).await?;
    Ok(first)
}

async fn probe(client: &deadpool_postgres::ClientWrapper, idle: Duration) -> Result<(), HookError> {
    if idle < TRUSTED_IDLE {
        return Ok(());
    }
    count(Counter::PostgresStatements);
    match tokio::time::timeout(PROBE_TIMEOUT, client.simple_query("")).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(HookError::Backend(error)),
        Err(_) => Err(HookError::message("the connection died while it was idle")),
    }
}

/// Removes Neon's pooler from a connection string: its host name is that of the database's endpoint with the suffix
/// `-pooler` (<https://neon.com/docs/connect/connection-pooling>). Any other host is left unchanged.
fn past_the_pooler(database_url: &str) -> String {
    let Ok(mut url) = Url::parse(database_url) else { return database_url.to_owned() };
    let direct = url.host_str().and_then(|host| {
        let (endpoint, domain) = host.split_once('.')?;
        let endpoint = endpoint.strip_suffix("-pooler")?;
        domain.ends_with(".neon.tech").then(|| format!("{endpoint}.{domain}"))
    });
    match direct {
        Some(host) if url.set_host(Some(&host)).is_ok() => url.into(),
        _ => database_url.to_owned(),
    }
}

/// Splits a connection string into the part that tokio-postgres supports and the root certificate file, which it does
/// not. The error is worded to follow the setting's name.
fn parse(database_url: &str) -> Result<(tokio_postgres::Config, Option<String>), String> {
    let malformed = || "must look like postgresql://user:password@host/database?sslmode=require".to_owned();
    let mut url = Url::parse(database_url).map_err(|_| malformed())?;
    if !matches!(url.scheme(), "postgres" | "postgresql") || url.host_str().is_none_or(str::is_empty) {
        return Err(malformed());
    }
    let mut root_certificates = None;
    let mut ssl_mode = if is_loopback(&url) { "disable" } else { "require" }.to_owned();
    let mut kept = Vec::new();
    for (name, value) in url.query_pairs().into_owned() {
        match name.as_str() {
            "sslrootcert" if value == "system" => {}
            "sslrootcert" => root_certificates = Some(value),
            "sslmode" => ssl_mode = value,
            _ => kept.push((name, value)),
        }
    }
    // Every TLS mode verifies certificates; tokio-postgres knows only the weaker mode names.
    let ssl_mode = match ssl_mode.as_str() {
        "require" | "verify-ca" | "verify-full" => "require",
        "disable" if is_loopback(&url) => "disable",
        "disable" => {
            return Err("has sslmode=disable, which is for a database on this machine only".to_owned());
        }
        _ => return Err("has an unknown sslmode: use require or verify-full".to_owned()),
    };
    kept.push(("sslmode".to_owned(), ssl_mode.to_owned()));
    url.query_pairs_mut().clear().extend_pairs(kept);
    // The parser's own error would quote the connection string.
    let config = url.as_str().parse().map_err(|_: tokio_postgres::Error| {
        "has a parameter that is unknown, or a part that is malformed".to_owned()
    })?;
    Ok((config, root_certificates))
}

fn is_loopback(url: &Url) -> bool {
    // For schemes it does not know, the URL standard does not parse the host, so it is compared as text.
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssl_mode(url: &str) -> SslMode {
        parse(url).unwrap().0.get_ssl_mode()
    }

    #[test]
    fn connection_strings_are_parsed_as_neon_writes_them() {
        let neon = "postgresql://u:p@ep-x-pooler.eu-central-1.aws.neon.tech/db?sslmode=require&channel_binding=require";
        assert_eq!(ssl_mode(neon), SslMode::Require);
        assert_eq!(ssl_mode("postgres://u:p@db.example.com/db"), SslMode::Require);
        assert_eq!(ssl_mode("postgres://u:p@db.example.com/db?sslmode=verify-full"), SslMode::Require);
        assert_eq!(ssl_mode("postgres://u:p@127.0.0.1:8004/db?sslmode=disable"), SslMode::Disable);
        assert_eq!(ssl_mode("postgres://u:p@localhost/db"), SslMode::Disable);
        let (_, roots) = parse("postgres://u:p@h/db?sslrootcert=/etc/ca.pem&sslmode=verify-ca").unwrap();
        assert_eq!(roots.as_deref(), Some("/etc/ca.pem"));
    }

    #[test]
    fn a_malformed_string_is_refused_without_being_repeated() {
        for url in [
            "postgres://u:hunter2@db.example.com/db?sslmode=disable",
            "mysql://u:hunter2@h/db",
            "hunter2",
            "postgres://u:hunter2@h/db?sslmode=maybe",
            "postgres://u:hunter2@h/db?hunter2option=1",
        ] {
            let error = Postgres::lazily(DATABASE_URL, url).map(|_| ()).unwrap_err().to_string();
            assert!(error.starts_with("the setting DATABASE_URL "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn migrations_bypass_neons_pooler() {
        for (url, expected) in [
            (
                "postgresql://u:p@ep-x-1-pooler.eu-central-1.aws.neon.tech/db?sslmode=require",
                "postgresql://u:p@ep-x-1.eu-central-1.aws.neon.tech/db?sslmode=require",
            ),
            (
                "postgresql://u:p@ep-x-1.aws.neon.tech:5432/db",
                "postgresql://u:p@ep-x-1.aws.neon.tech:5432/db",
            ),
            ("postgresql://u:p@db-pooler.example.com/db", "postgresql://u:p@db-pooler.example.com/db"),
            ("not an address", "not an address"),
        ] {
            assert_eq!(past_the_pooler(url), expected);
        }
        let settings = |direct: &str| {
            Settings::from_pairs([
                ("DATABASE_URL".to_owned(), "postgresql://u:p@ep-x-pooler.c.neon.tech/db".to_owned()),
                ("DATABASE_DIRECT_URL".to_owned(), direct.to_owned()),
            ])
        };
        assert!(Postgres::direct(&settings("")).is_ok());
        let error = Postgres::direct(&settings("hunter2")).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with("the setting DATABASE_DIRECT_URL "), "{error}");
    }
}
