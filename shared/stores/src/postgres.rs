//! Postgres from a Lambda: a pool of one, connected when it is first needed.
//!
//! Every statement goes through `query_typed` and its kin: one round trip and no named statement, which is what
//! a pooler in transaction mode (Neon's `PgBouncer`) asks for.

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
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

/// The setting that names the database.
const DATABASE_URL: &str = "DATABASE_URL";
/// The setting that names it past its pooler.
const DATABASE_DIRECT_URL: &str = "DATABASE_DIRECT_URL";

/// A connection must come about in this time; a Neon database that sleeps needs a few hundred milliseconds
/// (<https://neon.com/docs/connect/connection-latency>).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// After this much rest a connection is asked whether it still lives: the sandbox may have been frozen, the
/// pooler may have hung up.
const TRUSTED_IDLE: Duration = Duration::from_secs(10);

/// How long that question may take before a new connection is made instead.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The connection, for one piece of work.
///
/// It goes back to the pool by [`Self::release`] alone, when the work has ended well. Whatever ends otherwise (in an error,
/// at a deadline, because whoever waited for it has gone) may have left a broken connection, a statement that is still
/// under way or an open transaction: then the connection is closed. Nothing else decides that.
pub struct Connection {
    /// There until it is released or closed.
    object: Option<Object>,
}

impl Connection {
    /// Gives it back: the work on it has ended well.
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
    /// The database past its pooler, for migrations. Settings: `DATABASE_DIRECT_URL`, or `DATABASE_URL` with the
    /// host of Neon's pooler replaced by the one behind it.
    ///
    /// # Errors
    /// When a setting is missing or malformed.
    pub fn direct(settings: &Settings) -> Result<Self, SettingsError> {
        match settings.optional(DATABASE_DIRECT_URL) {
            Some(url) => Self::lazily(DATABASE_DIRECT_URL, &url),
            None => Self::lazily(DATABASE_URL, &past_the_pooler(&settings.required(DATABASE_URL)?)),
        }
    }

    /// A pool for a connection string as Neon and libpq write it, the value of `setting`; nothing is connected
    /// yet.
    ///
    /// Certificates are always checked, so that `sslmode=require`, `verify-ca` and `verify-full` mean the same;
    /// `sslmode=disable` is for this machine only. `sslrootcert` names a PEM file to trust besides Mozilla's
    /// roots.
    ///
    /// # Errors
    /// When the string is malformed. The error never repeats it: it holds a password.
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

    /// The connection, made or woken up if need be.
    ///
    /// # Errors
    /// When the database cannot be reached in what is left of the invocation.
    pub async fn connection(&self) -> Result<Connection, PostgresError> {
        let limit = Some(deadline::at_most(CONNECT_TIMEOUT + PROBE_TIMEOUT));
        let timeouts = Timeouts { wait: limit, create: limit, recycle: limit };
        let object = self.pool.timeout_get(&timeouts).await.map_err(|error| match error {
            PoolError::Backend(error) => failed(&error),
            error => PostgresError::Unavailable(chain(&error)),
        })?;
        Ok(Connection { object: Some(object) })
    }

    /// As [`Self::connection`], and asks whether it lives: a dead one shows here, where nothing is lost yet.
    ///
    /// # Errors
    /// As [`Self::connection`].
    pub async fn live_connection(&self) -> Result<Connection, PostgresError> {
        let connection = self.connection().await?;
        if within_budget(connection.batch_execute("")).await.is_ok() {
            return Ok(connection);
        }
        drop(connection);
        self.connection().await
    }

    /// Asks whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), PostgresError> {
        let connection = self.connection().await?;
        within_budget(connection.batch_execute("")).await?;
        connection.release();
        Ok(())
    }
}

/// Why Postgres gave nothing; each with what it, or the connection to it, said.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// It is away, overloaded or too slow; the same may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// It answered that something is wrong with us.
    #[error("{0}")]
    Refused(String),
}

impl PostgresError {
    /// Whether the same may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// What a failed statement or connection means: that the database is away or overloaded, or that it found something
/// wrong with us, for instance that it was never migrated.
///
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub fn failed(error: &tokio_postgres::Error) -> PostgresError {
    let class = error.code().map_or("", |code| code.code().get(..2).unwrap_or_default());
    match class {
        // Syntax and missing tables, access, authorization, unknown database, data that does not fit.
        "42" | "28" | "3D" | "3F" | "22" | "23" => PostgresError::Refused(chain(error)),
        _ => PostgresError::Unavailable(chain(error)),
    }
}

/// Runs a database call, which counts as one statement, within what is left of the invocation.
///
/// # Errors
/// When the database refuses, breaks off or does not answer in time.
pub async fn within_budget<T>(
    call: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, PostgresError> {
    count(Counter::PostgresStatements);
    match tokio::time::timeout(deadline::remaining(), call).await {
        Ok(outcome) => outcome.map_err(|error| failed(&error)),
        Err(_) => Err(PostgresError::Unavailable("no answer within the invocation's time".to_owned())),
    }
}

/// Runs the first statement of a transaction, and bounds on the server how long the others may take and may be
/// waited for: by what is left of the invocation. Whoever began the transaction may be frozen, or may have vanished
/// without closing the connection; then the server ends the transaction and, with it, its locks.
///
/// Both are sent at once, so that the bounds cost no round trip. They hold for the transaction alone, because a
/// pooler gives the server's connection to others afterwards.
///
/// <https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT>
///
/// # Errors
/// As the statement, which is through [`within_budget`].
pub async fn bounded<T, E: From<PostgresError>>(
    transaction: &Transaction<'_>,
    first: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let left = deadline::remaining().as_millis().max(1);
    let bounds = format!(
        "set local statement_timeout = {left}; set local idle_in_transaction_session_timeout = {left}"
    );
    let bounds = async { transaction.batch_execute(&bounds).await.map_err(|error| E::from(failed(&error))) };
    // Polled in this order, so sent in this order.
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

/// Neon's pooler is reached under the name of the database's endpoint with `-pooler` behind it
/// (<https://neon.com/docs/connect/connection-pooling>). Any other address stays as it is.
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

/// Splits a connection string into what tokio-postgres understands and the root certificates that it does not.
/// Says what is wrong with it, to be read after the name of the setting.
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
    // Certificates are checked in every mode that uses TLS; tokio-postgres knows only the weaker names.
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
    // The parser's own error would quote the string.
    let config = url.as_str().parse().map_err(|_: tokio_postgres::Error| {
        "has a parameter that is unknown, or a part that is malformed".to_owned()
    })?;
    Ok((config, root_certificates))
}

fn is_loopback(url: &Url) -> bool {
    // The URL standard leaves hosts of schemes it does not know as text.
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssl_mode(url: &str) -> SslMode {
        parse(url).unwrap().0.get_ssl_mode()
    }

    #[test]
    fn connection_strings_are_read_as_neon_writes_them() {
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
    fn migrations_go_past_neons_pooler() {
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
