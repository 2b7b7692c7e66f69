//! The private servers, running for real.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use juncture_local::ports::free_port;
use juncture_local::reaper::{Reaper, is_alive};
use juncture_local::services::pgbouncer::{self, PgBouncer};
use juncture_local::services::postgres::{self, Postgres};
use juncture_local::services::redis::{self as private_redis, Redis};
use juncture_local::services::{account, tls::Authority};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A folder that only its owner can enter, and a reaper.
struct Place {
    folder: tempfile::TempDir,
    reaper: Arc<Reaper>,
}

impl Place {
    fn new() -> Self {
        let mode = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(mode).tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_juncture-local"));
        Self { folder, reaper: Arc::new(Reaper::start(program, None).unwrap()) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn postgres(&self) -> postgres::Options {
        postgres::Options {
            data: self.path("postgres"),
            log: self.path("postgres.log"),
            port: free_port().unwrap(),
            password: "secret-1".to_owned(),
            durable: false,
            tls: None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.reaper.close().unwrap();
        account::remove(&self.path("postgres")).unwrap();
        account::remove(&self.path("pgbouncer")).unwrap();
    }
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Connects as a client that trusts only `authority`.
async fn connect_tls(url: &str, authority: &Path) -> Result<Client, tokio_postgres::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let url = url.split("&sslrootcert=").next().unwrap();
    let (client, connection) = tokio_postgres::connect(url, MakeRustlsConnect::new(config)).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn postgres_keeps_its_data_across_a_restart_and_survives_a_kill() {
    let place = Place::new();
    let postgres = Postgres::start(place.postgres(), &place.reaper).await.unwrap();
    let client = connect(postgres.url()).await.unwrap();
    client.batch_execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)").await.unwrap();
    assert!(postgres.version().starts_with(|c: char| c.is_ascii_digit()), "{}", postgres.version());
    let first = i32::try_from(postgres.pid()).unwrap();
    postgres.stop().await.unwrap();
    assert!(!is_alive(first));

    // Killed: its pid file is left behind.
    let postgres = Postgres::start(place.postgres(), &place.reaper).await.unwrap();
    let killed = nix::unistd::Pid::from_raw(i32::try_from(postgres.pid()).unwrap());
    nix::sys::signal::kill(killed, nix::sys::signal::Signal::SIGKILL).unwrap();
    // The process is gone only once its parent, this process, has reaped it.
    postgres.stop().await.unwrap();

    let postgres = Postgres::start(place.postgres(), &place.reaper).await.unwrap();
    let client = connect(postgres.url()).await.unwrap();
    let row = client.query_one("SELECT n FROM kept", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_of_an_earlier_run_is_stopped_first() {
    let place = Place::new();
    let former = Postgres::start(place.postgres(), &place.reaper).await.unwrap();
    let now = Postgres::start(place.postgres(), &place.reaper).await.unwrap();
    assert!(!is_alive(i32::try_from(former.pid()).unwrap()));
    connect(now.url()).await.unwrap();
}

#[tokio::test]
async fn a_pid_that_was_reused_is_no_obstacle() {
    let place = Place::new();
    Postgres::start(place.postgres(), &place.reaper).await.unwrap().stop().await.unwrap();
    let file = place.path("postgres").join("data/postmaster.pid");
    std::fs::write(&file, format!("{}\n", std::process::id())).unwrap();
    let postgres = Postgres::start(place.postgres(), &place.reaper).await.unwrap();
    connect(postgres.url()).await.unwrap();
}

#[tokio::test]
async fn postgres_requires_the_password() {
    let place = Place::new();
    let options = place.postgres();
    let postgres = Postgres::start(options.clone(), &place.reaper).await.unwrap();
    let wrong = postgres.url().replace("secret-1", "secret-2");
    let error = connect(&wrong).await.unwrap_err();
    assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::INVALID_PASSWORD));
    postgres.stop().await.unwrap();

    // A password that does not match the data directory is reported at start.
    let other = postgres::Options { password: "secret-2".to_owned(), ..options };
    let error = format!("{:#}", Postgres::start(other, &place.reaper).await.unwrap_err());
    assert!(error.contains("make reset") && !error.contains("secret-2"), "{error}");
}

#[tokio::test]
async fn postgres_can_require_tls() {
    let place = Place::new();
    let authority = Arc::new(Authority::create(&place.path("tls")).unwrap());
    let options = postgres::Options { tls: Some(Arc::clone(&authority)), ..place.postgres() };
    let postgres = Postgres::start(options, &place.reaper).await.unwrap();

    let client = connect_tls(postgres.url(), authority.certificate()).await.unwrap();
    let row =
        client.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));

    let clear = postgres.url().split("?").next().unwrap().to_owned() + "?sslmode=disable";
    assert!(connect(&clear).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_reported_with_the_servers_own_error() {
    let place = Place::new();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = postgres::Options { port: held.local_addr().unwrap().port(), ..place.postgres() };
    let error = format!("{:#}", Postgres::start(options, &place.reaper).await.unwrap_err());
    assert!(error.contains("Address already in use"), "{error}");
}

#[tokio::test]
async fn pgbouncer_pools_by_transaction_and_requires_tls() {
    let place = Place::new();
    let authority = Arc::new(Authority::create(&place.path("tls")).unwrap());
    let postgres = Postgres::start(place.postgres(), &place.reaper).await.unwrap();
    postgres.create_functions_role().await.unwrap();
    postgres.create_functions_role().await.unwrap();
    let options = pgbouncer::Options {
        folder: place.path("pgbouncer"),
        log: place.path("pgbouncer.log"),
        port: free_port().unwrap(),
        authority: Arc::clone(&authority),
    };
    let pooler = PgBouncer::start(options, &postgres, &place.reaper).await.unwrap();
    assert!(pooler.url().contains("sslmode=require&sslrootcert=/"));

    // Two clients in succession get the same server process, because the pool is by transaction.
    let backend = async |client: &Client| {
        let rows = client.simple_query("SELECT pg_backend_pid()").await.unwrap();
        let found = rows.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        found.unwrap()
    };
    let one = connect_tls(pooler.url(), authority.certificate()).await.unwrap();
    let two = connect_tls(pooler.url(), authority.certificate()).await.unwrap();
    assert_eq!(backend(&one).await, backend(&two).await);

    let clear = pooler.url().split("?").next().unwrap().to_owned() + "?sslmode=disable";
    assert!(connect(&clear).await.is_err());
    let stranger = Authority::create(&place.path("stranger")).unwrap();
    assert!(connect_tls(pooler.url(), stranger.certificate()).await.is_err());
    pooler.stop().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn redis_keeps_its_data_only_if_it_is_durable() {
    for durable in [true, false] {
        let place = Place::new();
        let options = || private_redis::Options {
            data: place.path("redis"),
            log: place.path("redis.log"),
            port: free_port().unwrap(),
            password: "secret".to_owned(),
            durable,
        };
        let server = Redis::start(options(), &place.reaper).await.unwrap();
        let connect =
            async |url: &str| redis::Client::open(url).unwrap().get_multiplexed_async_connection().await;
        let mut connection = connect(server.url()).await.unwrap();
        redis::cmd("SET").arg("key").arg("value").exec_async(&mut connection).await.unwrap();
        let mut stranger = connect(&server.url().replace(":secret@", "")).await.unwrap();
        let refused = redis::cmd("GET").arg("key").exec_async(&mut stranger).await;
        assert!(refused.unwrap_err().to_string().contains("NOAUTH"));
        server.stop().await.unwrap();

        let server = Redis::start(options(), &place.reaper).await.unwrap();
        let mut connection = connect(server.url()).await.unwrap();
        let kept: Option<String> = redis::cmd("GET").arg("key").query_async(&mut connection).await.unwrap();
        assert_eq!(kept.as_deref(), durable.then_some("value"));
        server.stop().await.unwrap();
    }
}
