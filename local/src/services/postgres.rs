//! A private PostgreSQL: the installed server on its own port with its own data directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::account::Account;
use super::process::Process;
use super::tls::Authority;
use crate::reaper::{Reaper, is_alive};

/// Name of the database and of its owner.
pub const NAME: &str = "juncture";

/// Name of the role that the functions use. It may read and write the tables, and change nothing about them.
pub const FUNCTIONS_ROLE: &str = "juncture_functions";

/// Options of a private PostgreSQL.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the data, created at the first start and reused afterwards.
    pub data: PathBuf,
    /// File that the server's output is appended to.
    pub log: PathBuf,
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Password of the user `juncture`. Letters, digits, `-` and `_` only, because it becomes part of a URL. Takes
    /// effect when the data directory is created.
    pub password: String,
    /// Whether the data must survive a crash of the machine. Tests do without, which is faster.
    pub durable: bool,
    /// The CA that signs the server's certificate; if set, the server requires TLS.
    pub tls: Option<Arc<Authority>>,
}

/// A database of a running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    process: Arc<Process>,
    url: String,
    version: String,
    port: u16,
    password: String,
}

impl Postgres {
    /// Starts the server and returns once it accepts connections.
    pub async fn start(options: Options, reaper: &Arc<Reaper>) -> Result<Self> {
        check_password(&options.password)?;
        let account = Account::choose(&options.data)?;
        let home = account.settle(&options.data)?;
        let data = home.join("data");
        stop_leftover(&data).await?;
        let programs = Programs::find(&data)?;
        if !data.exists() {
            initialize(&programs, account, &home, &options, reaper).await?;
        }

        let host = if options.tls.is_some() { "hostssl" } else { "host" };
        account.write(&data.join("pg_hba.conf"), &format!("{host} all all 127.0.0.1/32 scram-sha-256\n"))?;

        let mut command = programs.command(account, "postgres");
        command.arg("-D").arg(&data).arg("-p").arg(options.port.to_string());
        // TCP only: the path of a Unix socket is limited to about a hundred characters, too short for some projects.
        let mut settings = vec!["listen_addresses=127.0.0.1", "unix_socket_directories="];
        if options.durable {
            settings.push("max_connections=200");
        } else {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
            // Many test stacks may share the server.
            settings.push("max_connections=1000");
        }
        for setting in settings {
            command.args(["-c", setting]);
        }
        let mut url =
            format!("postgres://{NAME}:{}@localhost:{}/{NAME}?sslmode=", options.password, options.port);
        match &options.tls {
            None => url.push_str("disable"),
            Some(authority) => {
                let (certificate, key) = authority.certify(account, &home)?;
                command.arg("-c").arg("ssl=on");
                command.arg("-c").arg(format!("ssl_cert_file={}", certificate.display()));
                command.arg("-c").arg(format!("ssl_key_file={}", key.display()));
                url.push_str(&format!("require&sslrootcert={}", authority.certificate().display()));
            }
        }
        // SIGINT is PostgreSQL's "fast shutdown":
        // https://www.postgresql.org/docs/current/server-shutdown.html
        let mut process = Process::spawn("PostgreSQL", command, Signal::SIGINT, &options.log, reaper)?;
        process.ready(async || answers(options.port, &options.password).await).await?;
        Ok(Self {
            process: Arc::new(process),
            url,
            version: programs.version,
            port: options.port,
            password: options.password,
        })
    }

    /// Creates a database on the same server, as a copy of `template` or empty. Does not work for a server that
    /// requires TLS.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
        tokio::spawn(connection);
        let template = template.unwrap_or("template1");
        client
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await
            .with_context(|| format!("cannot create the database {name}"))?;
        Ok(Self {
            process: Arc::clone(&self.process),
            url: with_database(&self.url, name),
            version: self.version.clone(),
            port: self.port,
            password: self.password.clone(),
        })
    }

    /// Creates the role [`FUNCTIONS_ROLE`] unless it exists, with the same password as the owner's. Does not work for a
    /// server that requires TLS.
    pub async fn create_functions_role(&self) -> Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
        tokio::spawn(connection);
        let create = format!(
            "do $$ begin create role {FUNCTIONS_ROLE} login password '{}'; \
             exception when duplicate_object then null; end $$",
            self.password
        );
        client.batch_execute(&create).await.context("cannot create the functions' role")
    }

    /// URL of the database for its owner, with user, password and `sslmode`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// URL of the database for the functions, once their role exists.
    pub fn functions_url(&self) -> String {
        self.url.replacen(&format!("//{NAME}:"), &format!("//{FUNCTIONS_ROLE}:"), 1)
    }

    /// The server's version, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Password of the user `juncture`.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Disconnects all clients, shuts down cleanly, and exits, unless another handle still uses the server.
    pub async fn stop(self) -> Result<()> {
        self.process.release().await
    }
}

/// The URL of another database of the same server.
pub(super) fn with_database(url: &str, name: &str) -> String {
    url.replacen(&format!("/{NAME}?"), &format!("/{name}?"), 1)
}

/// Passwords are put into URLs and configuration files unescaped.
pub(super) fn check_password(password: &str) -> Result<()> {
    if password.is_empty() || !password.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        bail!("the password of the local database may contain only letters, digits, - and _");
    }
    Ok(())
}

/// The installed programs of one PostgreSQL version.
#[derive(Debug)]
struct Programs {
    folder: PathBuf,
    version: String,
}

impl Programs {
    /// The version that created the data directory, or the first one found.
    fn find(data: &Path) -> Result<Self> {
        let mut found: Vec<Self> = candidates().into_iter().filter_map(Self::at).collect();
        let Ok(made_by) = fs::read_to_string(data.join("PG_VERSION")) else {
            if found.is_empty() {
                bail!("PostgreSQL is not installed: `make setup` installs it");
            }
            return Ok(found.swap_remove(0));
        };
        let major = made_by.trim();
        found
            .into_iter()
            .find(|programs| programs.version.split('.').next() == Some(major))
            .with_context(|| format!(
                "the data was created by PostgreSQL {major}, which is not installed: install it, or delete the data with `make reset`"
            ))
    }

    fn at(folder: PathBuf) -> Option<Self> {
        if !folder.join("initdb").exists() {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        // `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
        let version = text.split(") ").nth(1)?.split_whitespace().next()?.to_owned();
        Some(Self { folder, version })
    }

    fn command(&self, account: Account, program: &str) -> Command {
        let mut command = account.command(&self.folder.join(program));
        // The user's own PostgreSQL variables (PGDATA, PGPORT, …) must not apply here. On macOS the server refuses
        // to start without a valid locale.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
        command
    }
}

/// Folders that may contain the programs: PATH first, then the defaults of Debian and Homebrew, newest version first.
fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    for (parent, prefix) in
        [("/usr/lib/postgresql", ""), ("/opt/homebrew/opt", "postgresql"), ("/usr/local/opt", "postgresql")]
    {
        let mut versions: Vec<PathBuf> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
            .collect();
        versions.sort();
        folders.extend(versions.into_iter().rev().map(|version| version.join("bin")));
    }
    folders
}

/// Initialises the data directory under a temporary name, so that an interrupted start leaves nothing half done.
async fn initialize(
    programs: &Programs,
    account: Account,
    home: &Path,
    options: &Options,
    reaper: &Arc<Reaper>,
) -> Result<()> {
    let unfinished = home.join("unfinished");
    let password = home.join("password");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    account.write(&password, &options.password)?;
    let mut command = programs.command(account, "initdb");
    command.arg("-D").arg(&unfinished).arg("--pwfile").arg(&password);
    command.args(["-U", NAME, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    let made = Process::spawn("initdb", command, Signal::SIGTERM, &options.log, reaper)?.finish().await;
    fs::remove_file(&password)?;
    made?;

    let mut command = programs.command(account, "postgres");
    command.arg("--single").arg("-D").arg(&unfinished).arg("postgres");
    let mut single =
        Process::spawn_with("PostgreSQL", command, Stdio::piped(), Signal::SIGTERM, &options.log, reaper)?;
    if let Some(mut input) = single.input() {
        input.write_all(format!("CREATE DATABASE {NAME}\n").as_bytes()).await?;
    }
    single.finish().await?;
    fs::rename(&unfinished, home.join("data")).context("cannot rename the new data folder")
}

/// Whether the server accepts connections. If it requires TLS it rejects this one, which also counts as an answer.
async fn answers(port: u16, password: &str) -> Result<bool> {
    let attempt = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(port)
        .user(NAME)
        .password(password)
        .dbname(NAME)
        .connect_timeout(Duration::from_secs(5))
        .connect(NoTls)
        .await;
    match attempt {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::INVALID_PASSWORD) => bail!(
            "the private PostgreSQL rejects the password in secrets.env: restore it, or start over with `make reset`"
        ),
        Err(error) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => Ok(false),
        // Any other error in PostgreSQL's protocol means that the server is up.
        Err(error) => Ok(error.as_db_error().is_some()),
    }
}

/// Stops a server of an earlier run that still uses our data directory. If the pid in its file has been reused by
/// another process, that process is left alone, and the stale file is removed.
async fn stop_leftover(data: &Path) -> Result<()> {
    let file = data.join("postmaster.pid");
    let Some(pid) = fs::read_to_string(&file)
        .ok()
        .and_then(|text| text.lines().next().and_then(|line| line.trim().parse().ok()))
    else {
        return Ok(());
    };
    if !is_alive(pid) {
        return Ok(());
    }
    if !command_line(pid).contains(&*data.to_string_lossy()) {
        return fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()));
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    crate::reaper::send(pid, Signal::SIGINT);
    while is_alive(pid) {
        if Instant::now() > deadline {
            bail!("a PostgreSQL of an earlier run (process {pid}) does not stop");
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_else(|_| {
        let ps = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
        ps.map(|output| output.stdout).unwrap_or_default()
    });
    String::from_utf8_lossy(&bytes).into_owned()
}
