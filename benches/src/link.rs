//! The simulated network between a function and an upstream: a proxy that delays every request by the latency of
//! the network and records each round trip.
//!
//! It works below HTTP and Postgres alike, because in both only one side sends at a time: whatever the client sends
//! after a response is the next request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::journal::{Journal, Trip, Upstream};
use crate::statements::Statements;

/// A running link. Dropping it closes its port.
pub(crate) struct Link {
    pub(crate) port: u16,
    weather: Arc<Weather>,
    server: AbortHandle,
}

/// The simulated conditions of a link.
struct Weather {
    upstream: Upstream,
    port: u16,
    /// Microseconds per request, or per Postgres statement.
    latency: AtomicU64,
    /// Microseconds per new connection, for a TLS handshake.
    handshake: AtomicU64,
    journal: Arc<Journal>,
}

impl Link {
    /// Opens a link to a local server on `port`.
    pub(crate) async fn open(upstream: Upstream, port: u16, journal: &Arc<Journal>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let weather = Arc::new(Weather {
            upstream,
            port,
            latency: AtomicU64::new(0),
            handshake: AtomicU64::new(0),
            journal: Arc::clone(journal),
        });
        let (own, passing) = (listener.local_addr()?.port(), Arc::clone(&weather));
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let weather = Arc::clone(&passing);
                // A broken connection concerns only the client.
                tokio::spawn(async move { drop(weather.carry(client).await) });
            }
        });
        Ok(Self { port: own, weather, server: server.abort_handle() })
    }

    /// Delays every request by `latency` from now on, and every new connection by `handshake`.
    pub(crate) fn set(&self, latency: Duration, handshake: Duration) {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.weather.latency.store(micros(latency), Ordering::Relaxed);
        self.weather.handshake.store(micros(handshake), Ordering::Relaxed);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Weather {
    async fn carry(&self, mut client: TcpStream) -> std::io::Result<()> {
        let handshake = micros(&self.handshake);
        let (connected, readable) =
            tokio::join!(TcpStream::connect(("127.0.0.1", self.port)), first_bytes(&client, handshake));
        let (mut upstream, mut first) = (connected?, Some(readable?));
        client.set_nodelay(true)?;
        upstream.set_nodelay(true)?;
        let (mut request, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        let mut statements = Statements::default();
        // The request without a response yet, and the trip whose response is being sent.
        let mut open: Option<Trip> = None;
        let mut number = None;
        loop {
            tokio::select! {
                read = client.read(&mut request) => {
                    let Some(piece) = request.get(..read?).filter(|piece| !piece.is_empty()) else {
                        return Ok(());
                    };
                    let is_postgres = self.upstream == Upstream::Postgres;
                    let count = if is_postgres { statements.count(piece) } else { 0 };
                    number = None;
                    if open.is_none() {
                        let start = first.take().unwrap_or_else(Instant::now);
                        let hold = micros(&self.latency) * u32::try_from(count.max(1)).unwrap_or(u32::MAX);
                        rest(hold).await;
                        let end = Instant::now();
                        let held = end.saturating_duration_since(start);
                        open = Some(Trip { upstream: self.upstream, start, end, held, statements: 0 });
                    }
                    if let Some(trip) = &mut open {
                        trip.statements += count;
                    }
                    upstream.write_all(piece).await?;
                }
                read = upstream.read(&mut answer) => {
                    let Some(piece) = answer.get(..read?).filter(|piece| !piece.is_empty()) else {
                        return Ok(());
                    };
                    // Recorded before it is sent, so that whoever has the response finds it in the journal.
                    match open.take() {
                        Some(trip) => number = Some(self.journal.begin(Trip { end: Instant::now(), ..trip })),
                        None => number.into_iter().for_each(|number| self.journal.extend(number)),
                    }
                    client.write_all(piece).await?;
                }
            }
        }
    }
}

/// Waits for a connection's first bytes and the end of its handshake. Returns when the bytes arrived.
async fn first_bytes(client: &TcpStream, handshake: Duration) -> std::io::Result<Instant> {
    let came = async {
        client.readable().await?;
        Ok(Instant::now())
    };
    let (came, ()) = tokio::join!(came, rest(handshake));
    came
}

fn micros(atomic: &AtomicU64) -> Duration {
    Duration::from_micros(atomic.load(Ordering::Relaxed))
}

/// Sleeps on a blocking thread: tokio's timer rounds up to the next millisecond, half of a statement's latency.
async fn rest(duration: Duration) {
    if duration.is_zero() {
        return;
    }
    let until = Instant::now() + duration;
    let sleep = move || std::thread::sleep(until.saturating_duration_since(Instant::now()));
    if tokio::task::spawn_blocking(sleep).await.is_err() {
        tokio::time::sleep(duration).await;
    }
}
