//! PgBouncer in transaction mode with TLS required from clients, as in Neon's pooler
//! (<https://neon.com/docs/connect/connection-pooling>). Used by tests.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::account::Account;
use super::postgres::{FUNCTIONS_ROLE, NAME, Postgres, with_database};
use super::process::Process;
use super::tls::Authority;
use crate::reaper::Reaper;

/// Options of a private PgBouncer.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of its configuration, which is rewritten at each start.
    pub folder: PathBuf,
    /// File that its output is appended to.
    pub log: PathBuf,
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Signs its certificate.
    pub authority: Arc<Authority>,
}

/// A running PgBouncer, and one of the databases behind it.
#[derive(Debug)]
pub struct PgBouncer {
    process: Arc<Process>,
    url: String,
}

impl PgBouncer {
    /// Starts it in front of `postgres`, a server without TLS, and returns once it accepts connections.
    pub async fn start(options: Options, postgres: &Postgres, reaper: &Arc<Reaper>) -> Result<Self> {
        let program = find().context("PgBouncer is not installed: `make setup-test` installs it")?;
        let account = Account::choose(&options.folder)?;
        let home = account.settle(&options.folder)?;
        let (certificate, key) = options.authority.certify(account, &home)?;
        let users = home.join("users.txt");
        account.write(&users, &format!("\"{FUNCTIONS_ROLE}\" \"{}\"\n", postgres.password()))?;
        let file = home.join("pgbouncer.ini");
        account.write(
            &file,
            &format!(
                "[databases]\n\
                 * = host=127.0.0.1 port={server}\n\
                 [pgbouncer]\n\
                 listen_addr = 127.0.0.1\n\
                 listen_port = {port}\n\
                 unix_socket_dir =\n\
                 auth_type = scram-sha-256\n\
                 auth_file = {users}\n\
                 pool_mode = transaction\n\
                 default_pool_size = 40\n\
                 max_client_conn = 1000\n\
                 client_tls_sslmode = require\n\
                 client_tls_cert_file = {certificate}\n\
                 client_tls_key_file = {key}\n",
                server = postgres.port(),
                port = options.port,
                users = users.display(),
                certificate = certificate.display(),
                key = key.display(),
            ),
        )?;
        let mut command = account.command(&program);
        command.arg(&file);
        // SIGTERM is an immediate shutdown: https://www.pgbouncer.org/usage.html#signals
        let mut process = Process::spawn("PgBouncer", command, Signal::SIGTERM, &options.log, reaper)?;
        process
            .ready(async || {
                let connect = TcpStream::connect(("127.0.0.1", options.port));
                Ok(timeout(Duration::from_secs(1), connect).await.is_ok_and(|result| result.is_ok()))
            })
            .await?;
        let url = format!(
            "postgres://{FUNCTIONS_ROLE}:{}@localhost:{}/{NAME}?sslmode=require&sslrootcert={}",
            postgres.password(),
            options.port,
            options.authority.certificate().display(),
        );
        Ok(Self { process: Arc::new(process), url })
    }

    /// The same pooler for another database of the server.
    pub fn to_database(&self, name: &str) -> Self {
        Self { process: Arc::clone(&self.process), url: with_database(&self.url, name) }
    }

    /// URL of the database through the pooler, for the functions, with `sslmode=require` and the CA certificate in
    /// `sslrootcert`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Disconnects all clients and stops PgBouncer, unless another handle still uses it.
    pub async fn stop(self) -> Result<()> {
        self.process.release().await
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // Debian installs it in a folder that is only in root's PATH.
        .chain(["/usr/sbin", "/opt/homebrew/bin", "/usr/local/bin"].map(PathBuf::from))
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
}
