//! A proxy between a function and a server that it needs, which makes the server look ill.

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

/// What is wrong with the server.
#[derive(Clone, Default)]
pub enum Illness {
    /// Nothing.
    #[default]
    None,
    /// Nobody listens.
    Refused,
    /// The request arrives, half of the first answer comes back, then the connection is reset.
    Reset,
    /// As [`Self::Reset`] for Postgres: who logs in may do so, and the first statement gets no answer.
    ResetStatement,
    /// The connection is taken, and nothing is ever answered.
    Hanging,
    /// Every piece of an answer comes later.
    Slow(Duration),
    /// These bytes are the answer to everything; the server itself is not asked.
    Answer(Vec<u8>),
    /// These bytes, and then spaces without end.
    Endless(Vec<u8>),
    /// TLS with this certificate; the server itself is not asked.
    Tls(Arc<rustls::ServerConfig>),
}

/// Is shown each piece that a client sends; one that it takes (`false`) never reaches the server, and the connection
/// ends.
pub type Watcher = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// A running proxy; dropping it closes its port and every connection.
pub struct Proxy {
    port: u16,
    orders: mpsc::Sender<(Illness, oneshot::Sender<()>)>,
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
        // One that nobody else takes while it is not listened on.
        let port = free_port()?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let (orders, received) = mpsc::channel(1);
        let server = tokio::spawn(async move {
            if let Err(error) = serve(listener, target, received, watcher).await {
                panic!("the proxy of {target}: {error:#}");
            }
        });
        Ok(Self { port, orders, server })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes the server ill, or well again. Every connection there is breaks off; when this returns, it holds.
    pub async fn set(&self, illness: Illness) -> Result<()> {
        let (done, heard) = oneshot::channel();
        self.orders.send((illness, done)).await.ok().context("the proxy is gone")?;
        heard.await.context("the proxy is gone")
    }
}

async fn serve(
    listener: TcpListener,
    target: SocketAddr,
    mut orders: mpsc::Receiver<(Illness, oneshot::Sender<()>)>,
    watcher: Watcher,
) -> Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(listener);
    let mut illness = Illness::None;
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
            order = orders.recv() => {
                let Some((wanted, done)) = order else { return Ok(()) };
                connections.shutdown().await;
                illness = wanted;
                if matches!(illness, Illness::Refused) {
                    listener = None;
                } else if listener.is_none() {
                    listener = Some(TcpListener::bind(address).await?);
                }
                // Nobody waits for it any more when a test has failed.
                let _ = done.send(());
            }
            accepted = next => {
                let (client, _) = accepted?;
                client.set_nodelay(true)?;
                // However it ends, it ends with a reset.
                client.set_zero_linger()?;
                connections.spawn(connect(client, target, illness.clone(), Arc::clone(&watcher)));
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One connection; that it breaks is what it is there for.
async fn connect(client: TcpStream, target: SocketAddr, illness: Illness, watcher: Watcher) {
    let _ = match illness {
        Illness::Answer(bytes) => answer(client, &bytes, false).await,
        Illness::Endless(bytes) => answer(client, &bytes, true).await,
        Illness::Hanging => drain(client).await,
        Illness::Tls(config) => shake_hands(client, config).await,
        illness => forward(client, target, illness, watcher).await,
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
            // At the speed of a network, so that the others get on too.
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

async fn forward(
    client: TcpStream,
    target: SocketAddr,
    illness: Illness,
    watcher: Watcher,
) -> std::io::Result<()> {
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
            // Parse, or a simple query; a password begins with a small p.
            let is_statement = matches!(buffer.first(), Some(b'P' | b'Q'));
            if matches!(illness, Illness::ResetStatement) && is_statement {
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
            match &illness {
                Illness::Reset => return to_client.write_all(&buffer[..length / 2]).await,
                Illness::ResetStatement if cut() => return Ok(()),
                Illness::Slow(delay) => tokio::time::sleep(*delay).await,
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
