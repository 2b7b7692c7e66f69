//! Functions that die at every point at which they speak to somebody: before the n-th thing that they send has
//! left, and right after it has.

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
use super::lane::Surroundings;

/// The endpoints that write something.
const ENDPOINTS: [Endpoint; 5] = [
    Endpoint::AuthorizationCallback,
    Endpoint::CreateConnection,
    Endpoint::GetAccessToken,
    Endpoint::SelectProject,
    Endpoint::CreateTicket,
];

/// How many processes are killed at once.
const LANES: usize = 12;

/// Rows that belong to nothing.
const ORPHANS: &str = r#"
    select count(*) from "juncture-core".connection c
    where not exists (select from "juncture-core".connection_external_map m where m.connection_id = c.connection_id)
        or not exists (select from "juncture-core".jira_connection j where j.connection_id = c.connection_id)"#;

/// Whether what the process was about to send still leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Lost,
    Sent,
}

/// Counts what a function sends, and kills it at a certain number.
#[derive(Default)]
struct Assassin {
    sent: AtomicUsize,
    /// 0 lets everybody live.
    at: AtomicUsize,
    gateway: OnceLock<Gateway>,
}

impl Assassin {
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

    /// Kills at the `at`-th thing that is sent from now on.
    fn aim(&self, at: usize) {
        self.at.store(at, Ordering::SeqCst);
        self.sent.store(0, Ordering::SeqCst);
    }
}

/// A gateway whose functions reach everything through proxies.
struct Scene<'a> {
    around: &'a Surroundings,
    assassin: Arc<Assassin>,
    _proxies: Vec<Proxy>,
}

impl<'a> Scene<'a> {
    async fn new(around: &'a Surroundings, last: Last) -> Result<Self> {
        let assassin = Arc::new(Assassin::default());
        let (mut proxies, mut settings) = (Vec::new(), Vec::new());
        for dependency in Dependency::ALL {
            let target = dependency.address(around.bed())?;
            let proxy = Proxy::start(target, assassin.watcher(last)).await?;
            settings.push(dependency.setting(around.bed(), proxy.port())?);
            proxies.push(proxy);
        }
        let gateway = around.gateway(settings).await?;
        ensure!(assassin.gateway.set(gateway).is_ok(), "one gateway");
        Ok(Self { around, assassin, _proxies: proxies })
    }

    async fn send(&self, prepared: &Prepared) -> Result<Answer> {
        let gateway = self.assassin.gateway.get().context("a gateway")?;
        let url = format!("http://{}", gateway.address());
        self.around.bed().send(prepared.to(self.around.bed(), &url)).await
    }
}

async fn tenant(around: &Surroundings, endpoint: Endpoint) -> Result<Tenant<'_>> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let key = format!("KILL{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    match endpoint {
        // Nothing is there yet that could be left half-written.
        Endpoint::AuthorizationCallback | Endpoint::CreateConnection => {
            Tenant::unconnected(around.bed(), &key).await
        }
        _ => Tenant::new(around.bed(), &key).await,
    }
}

/// How many things a request makes its function send.
async fn count(around: &Surroundings, endpoint: Endpoint) -> Result<usize> {
    let scene = Scene::new(around, Last::Sent).await?;
    let prepared = tenant(around, endpoint).await?.prepare(endpoint).await?;
    scene.assassin.aim(0);
    let answer = scene.send(&prepared).await?;
    ensure!(endpoint.is_well(answer.status), "{endpoint:?}: {answer:?}");
    Ok(scene.assassin.sent.load(Ordering::SeqCst))
}

/// Kills a function at one point, and finds everything in order.
async fn strike(around: &Surroundings, endpoint: Endpoint, last: Last, at: usize) -> Result<()> {
    let scene = Scene::new(around, last).await?;
    let tenant = tenant(around, endpoint).await?;
    let prepared = tenant.prepare(endpoint).await?;
    scene.assassin.aim(at);
    let answer = scene.send(&prepared).await?;
    let is_killed = answer.status == 502 && !answer.body.contains("request_id");
    ensure!(is_killed || endpoint.is_well(answer.status), "the killed one answered {answer:?}");
    scene.assassin.aim(0);

    let orphans: i64 = around.bed().database().await?.query_one(ORPHANS, &[]).await?.get(0);
    ensure!(orphans == 0, "{orphans} rows belong to nothing");
    // The product repeats its request, as it was told to.
    let gateway = scene.assassin.gateway.get().context("a gateway")?;
    let again = super::lane::repeat(&prepared, around.bed(), gateway).await?;
    ensure!(endpoint.is_well(again.status), "the repeated request was answered {again:?}");
    if again.status == 410 {
        let anew = scene.send(&tenant.prepare(endpoint).await?).await?;
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

/// Kills every writing endpoint at every point.
pub(crate) async fn everywhere(around: &Surroundings) -> Result<()> {
    let mut points = Vec::new();
    for endpoint in ENDPOINTS {
        let count = count(around, endpoint).await?;
        ensure!(count > 1, "{endpoint:?} speaks to nobody");
        println!("{}: killed at {count} points, before and after", endpoint.name());
        points.extend((1..=count).flat_map(|at| [(endpoint, Last::Lost, at), (endpoint, Last::Sent, at)]));
    }
    // Those that take longest first: what became of a ticket is certain only after a while.
    points.reverse();
    let strikes = points.into_iter().map(async |(endpoint, last, at)| {
        strike(around, endpoint, last, at).await.with_context(|| format!("{endpoint:?}, {last:?}, {at}"))
    });
    stream::iter(strikes).buffer_unordered(LANES).try_collect().await
}
