//! Kills functions at every point of their traffic: before the n-th chunk they send is forwarded, and right after.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use juncture_local::gateway::Gateway;
use juncture_tests::Answer;
use juncture_tests::proxy::{Proxy, Watcher};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::dependency::Dependency;
use super::endpoint::{Endpoint, Prepared, Tenant};
use super::scenario::Environment;

/// The endpoints that write something.
const ENDPOINTS: [Endpoint; 5] = [
    Endpoint::AuthorizationCallback,
    Endpoint::CreateConnection,
    Endpoint::GetAccessToken,
    Endpoint::SelectProject,
    Endpoint::CreateTicket,
];

/// How many kills run at once.
const CONCURRENT: usize = 12;

/// Connections without an external id or without their Jira row.
const ORPHANS: &str = r#"
    select count(*) from "juncture-core".connection c
    where not exists (select from "juncture-core".connection_external_map m where m.connection_id = c.connection_id)
        or not exists (select from "juncture-core".jira_connection j where j.connection_id = c.connection_id)"#;

/// Whether the last chunk is still forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Lost,
    Sent,
}

/// Counts the chunks that a function sends, and kills it at one of them.
#[derive(Default)]
struct Killer {
    sent: AtomicUsize,
    /// The number of the fatal chunk; 0 for none.
    at: AtomicUsize,
    gateway: OnceLock<Gateway>,
}

impl Killer {
    fn watcher(self: &Arc<Self>, last: Last) -> Watcher {
        let this = Arc::clone(self);
        Arc::new(move |_| {
            if this.sent.fetch_add(1, Ordering::SeqCst) + 1 != this.at.load(Ordering::SeqCst) {
                return true;
            }
            let instances = this.gateway.get().map(Gateway::instances).unwrap_or_default();
            for busy in instances.into_iter().filter(|instance| instance.busy) {
                if let Ok(pid) = i32::try_from(busy.pid) {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
            }
            last == Last::Sent
        })
    }

    /// Resets the count, and kills at the `at`-th chunk from now on.
    fn arm(&self, at: usize) {
        self.at.store(at, Ordering::SeqCst);
        self.sent.store(0, Ordering::SeqCst);
    }
}

/// A gateway whose functions reach all servers through proxies.
struct ProxiedGateway<'a> {
    env: &'a Environment,
    killer: Arc<Killer>,
    _proxies: Vec<Proxy>,
}

impl<'a> ProxiedGateway<'a> {
    async fn new(env: &'a Environment, last: Last) -> Result<Self> {
        let killer = Arc::new(Killer::default());
        let (mut proxies, mut settings) = (Vec::new(), Vec::new());
        for dependency in Dependency::ALL {
            let target = dependency.address(env.stack())?;
            let proxy = Proxy::start(target, killer.watcher(last)).await?;
            settings.push(dependency.setting(env.stack(), proxy.port())?);
            proxies.push(proxy);
        }
        let gateway = env.gateway(settings).await?;
        ensure!(killer.gateway.set(gateway).is_ok(), "one gateway");
        Ok(Self { env, killer, _proxies: proxies })
    }

    async fn send(&self, prepared: &Prepared) -> Result<Answer> {
        let gateway = self.killer.gateway.get().context("a gateway")?;
        let url = format!("http://{}", gateway.address());
        self.env.stack().send(prepared.to(self.env.stack(), &url)).await
    }
}

async fn tenant(env: &Environment, endpoint: Endpoint) -> Result<Tenant<'_>> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let key = format!("KILL{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    match endpoint {
        // There must be no connection yet.
        Endpoint::AuthorizationCallback | Endpoint::CreateConnection => {
            Tenant::unconnected(env.stack(), &key).await
        }
        _ => env.tenant(&key).await,
    }
}

/// The number of chunks that a function sends for one request.
async fn count(env: &Environment, endpoint: Endpoint) -> Result<usize> {
    let proxied = ProxiedGateway::new(env, Last::Sent).await?;
    let prepared = tenant(env, endpoint).await?.prepare(endpoint).await?;
    proxied.killer.arm(0);
    let answer = proxied.send(&prepared).await?;
    ensure!(endpoint.is_expected_on_retry(answer.status), "{endpoint:?}: {answer:?}");
    Ok(proxied.killer.sent.load(Ordering::SeqCst))
}

/// Kills a function at one point, then checks that nothing is lost or half-written.
async fn strike(env: &Environment, endpoint: Endpoint, last: Last, at: usize) -> Result<()> {
    let proxied = ProxiedGateway::new(env, last).await?;
    let tenant = tenant(env, endpoint).await?;
    let prepared = tenant.prepare(endpoint).await?;
    proxied.killer.arm(at);
    let answer = proxied.send(&prepared).await?;
    let is_killed = answer.status == 502 && !answer.body.contains("request_id");
    ensure!(
        is_killed || endpoint.is_expected_on_retry(answer.status),
        "the killed function answered {answer:?}"
    );
    proxied.killer.arm(0);

    let orphans: i64 = env.stack().database().await?.query_one(ORPHANS, &[]).await?.get(0);
    ensure!(orphans == 0, "{orphans} connections are half-written");
    // The product retries, as the response says.
    let gateway = proxied.killer.gateway.get().context("a gateway")?;
    let again = super::scenario::repeat(&prepared, env.stack(), gateway).await?;
    ensure!(endpoint.is_expected_on_retry(again.status), "the retry was answered {again:?}");
    if again.status == 410 {
        let anew = proxied.send(&tenant.prepare(endpoint).await?).await?;
        ensure!((200..400).contains(&anew.status), "anew: {anew:?}");
    }
    if endpoint != Endpoint::AuthorizationCallback {
        tenant.assert_nothing_is_lost().await?;
    }
    if endpoint == Endpoint::CreateTicket {
        let tickets = tenant.tickets().await?;
        ensure!(tickets == 1, "there are {tickets} tickets");
    }
    Ok(())
}

/// Kills every endpoint that writes, at every point.
pub(crate) async fn everywhere(env: &Environment) -> Result<()> {
    let mut points = Vec::new();
    for endpoint in ENDPOINTS {
        let count = count(env, endpoint).await?;
        ensure!(count > 1, "{endpoint:?} sends nothing");
        println!("{}: killed at {count} points, before and after", endpoint.name());
        points.extend((1..=count).flat_map(|at| [(endpoint, Last::Lost, at), (endpoint, Last::Sent, at)]));
    }
    // Creating issues first: it takes longest, because the outcome takes a while to be known.
    points.reverse();
    let strikes = points.into_iter().map(async |(endpoint, last, at)| {
        strike(env, endpoint, last, at).await.with_context(|| format!("{endpoint:?}, {last:?}, {at}"))
    });
    stream::iter(strikes).buffer_unordered(CONCURRENT).try_collect().await
}
