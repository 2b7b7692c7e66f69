//! A proxy between a function and a server, to make the server fail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use juncture_local::ports::free_port;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// How the proxy treats connections.
#[derive(Clone, Default)]
pub enum Mode {
    /// Forwards them.
    #[default]
    Forward,
    /// The port is closed.
    Refused,
    /// Forwards the request and half of the first chunk of the response, then resets the connection.
    Reset,
    /// Like [`Self::Reset`] for Postgres: forwards the login, and resets at the response to the first statement.
    ResetStatement,
    /// Accepts connections and never responds.
    Hanging,
    /// Delays every chunk of a response.
    Slow(Duration),
    /// Responds to everything with these bytes, without contacting the server.
    Answer(Vec<u8>),
    /// Responds with these bytes, then spaces without end.
    Endless(Vec<u8>),
    /// Completes a TLS handshake with this certificate, without contacting the server.
    Tls(Arc<rustls::ServerConfig>),
}

/// Called with each chunk that a client sends. On `false` the chunk is dropped and the connection closed.
pub type Watcher = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// A running proxy. Dropping it closes its port and all connections.
pub struct Proxy {
    port: u16,
    changes: mpsc::Sender<(Mode, oneshot::Sender<()>)>,
    server: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Proxy {
    /// Listens on a free port for connections to `target`.
    pub async fn start(target: SocketAddr, watcher: Watcher) -> Result<Self> {
        // A port that nobody else takes while the mode is `Refused`.
        let port = free_port()?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let (changes, received) = mpsc::channel(1);
        let server = tokio::spawn(async move {
            if let Err(error) = serve(listener, target, received, watcher).await {
                panic!("the proxy of {target}: {error:#}");
            }
        });
        Ok(Self { port, changes, server })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the mode and resets all open connections. The mode is in effect when this returns.
    pub async fn set(&self, mode: Mode) -> Result<()> {
        let (done, confirmed) = oneshot::channel();
        self.changes.send((mode, done)).await.ok().context("the proxy is gone")?;
        confirmed.await.context("the proxy is gone")
    }
}

async fn serve(
    listener: TcpListener,
    target: SocketAddr,
    mut changes: mpsc::Receiver<(Mode, oneshot::Sender<()>)>,
    watcher: Watcher,
) -> Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(listener);
    let mut mode = Mode::Forward;
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            change = changes.recv() => {
                let Some((wanted, done)) = change else { return Ok(()) };
                connections.shutdown().await;
                mode = wanted;
                if matches!(mode, Mode::Refused) {
                    listener = None;
                } else if listener.is_none() {
                    listener = Some(TcpListener::bind(address).await?);
                }
                // After a failed test, nobody is waiting.
                let _ = done.send(());
            }
            accepted = next => {
                let (client, _) = accepted?;
                client.set_nodelay(true)?;
                // Every connection ends with a reset.
                client.set_zero_linger()?;
                connections.spawn(connect(client, target, mode.clone(), Arc::clone(&watcher)));
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Handles one connection. Errors are expected.
async fn connect(client: TcpStream, target: SocketAddr, mode: Mode, watcher: Watcher) {
    let _ = match mode {
        Mode::Answer(bytes) => answer(client, &bytes, false).await,
        Mode::Endless(bytes) => answer(client, &bytes, true).await,
        Mode::Hanging => drain(client).await,
        Mode::Tls(config) => shake_hands(client, config).await,
        mode => forward(client, target, mode, watcher).await,
    };
}

async fn drain(mut client: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    while client.read(&mut buffer).await? > 0 {}
    Ok(())
}

async fn answer(mut client: TcpStream, bytes: &[u8], is_endless: bool) -> std::io::Result<()> {
    let mut buffer = vec![b' '; 64 * 1024];
    if client.read(&mut buffer).await? == 0 {
        return Ok(());
    }
    client.write_all(bytes).await?;
    buffer.fill(b' ');
    if is_endless {
        loop {
            client.write_all(&buffer).await?;
            // About the speed of a network, and leaves CPU time to others.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    client.shutdown().await?;
    drain(client).await
}

async fn shake_hands(mut client: TcpStream, config: Arc<rustls::ServerConfig>) -> std::io::Result<()> {
    let mut first = [0; 8];
    client.peek(&mut first).await?;
    // https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
    if first == [0, 0, 0, 8, 4, 210, 22, 47] {
        client.read_exact(&mut first).await?;
        client.write_all(b"S").await?;
    }
    let mut inside = TlsAcceptor::from(config).accept(client).await?;
    let mut buffer = [0; 1024];
    while inside.read(&mut buffer).await? > 0 {}
    Ok(())
}

async fn forward(client: TcpStream, target: SocketAddr, mode: Mode, watcher: Watcher) -> std::io::Result<()> {
    let server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let is_cut = std::sync::atomic::AtomicBool::new(false);
    let cut = || is_cut.load(std::sync::atomic::Ordering::SeqCst);
    let there = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_client.read(&mut buffer).await?;
            if length == 0 {
                return to_server.shutdown().await;
            }
            if !watcher(&buffer[..length]) {
                return Ok(());
            }
            // A `Parse` message or a simple query. (A password message starts with `p`.)
            let is_statement = matches!(buffer.first(), Some(b'P' | b'Q'));
            if matches!(mode, Mode::ResetStatement) && is_statement {
                is_cut.store(true, std::sync::atomic::Ordering::SeqCst);
            }
            to_server.write_all(&buffer[..length]).await?;
        }
    };
    let back = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_server.read(&mut buffer).await?;
            if length == 0 {
                return to_client.shutdown().await;
            }
            match &mode {
                Mode::Reset => return to_client.write_all(&buffer[..length / 2]).await,
                Mode::ResetStatement if cut() => return Ok(()),
                Mode::Slow(delay) => tokio::time::sleep(*delay).await,
                _ => {}
            }
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    tokio::select! {
        ended = there => ended,
        ended = back => ended,
    }
}
