//! The warm path without latencies: CPU time per call, and calls per second.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use juncture_local::gateway::Gateway;
use reqwest::Method;

use crate::endpoints::{CONNECTED_USER, path_of};
use crate::processes::user_cpu;
use crate::report::{CpuFigures, Throughput};
use crate::stats::Spread;
use crate::warm::process;
use crate::world::World;
use crate::{Effort, say};

const FUNCTION: &str = "get-access-token";
const CALLERS: usize = 16;

/// Compares the CPU time of a call with that of an empty function that returns the same bytes, in alternating rounds.
pub(crate) async fn cpu(world: &World, effort: Effort) -> Result<CpuFigures> {
    world.slow_down(false, Duration::ZERO);
    let path = path_of(FUNCTION, CONNECTED_USER, "provider=jira");
    let body = world.request(Method::GET, &path).send().await?.error_for_status()?.text().await?;
    let empty = world.empty_gateway(&body).await?;
    let same = world.request_to(&empty, Method::GET, &path).send().await?.text().await?;
    anyhow::ensure!(same == body, "the empty function returned {same:?}, not {body:?}");
    let empty_process = empty.instances().first().context("no process")?.pid;

    let (rounds, calls) = match effort {
        Effort::Full => (9, 3000),
        Effort::Quick => (3, 1500),
    };
    let (mut token, mut least, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        say(&format!("CPU time, round {round} of {rounds}"));
        let own = spent(world, &world.gateway, process(world, FUNCTION)?, &path, calls).await?;
        let bare = spent(world, &empty, empty_process, &path, calls).await?;
        token.push(own);
        least.push(bare);
        ratio.push(own / bare.max(f64::MIN_POSITIVE));
    }
    empty.shutdown().await;
    Ok(CpuFigures { token_ms: Spread::of(&token), empty_ms: Spread::of(&least), ratio: Spread::of(&ratio) })
}

/// Milliseconds of user CPU time per call, averaged over `calls`.
async fn spent(world: &World, gateway: &Gateway, process: u32, path: &str, calls: u32) -> Result<f64> {
    let before = user_cpu(process)?;
    for _ in 0..calls {
        world.call(world.request_to(gateway, Method::GET, path)).await?;
    }
    Ok((user_cpu(process)? - before).as_secs_f64() * 1e3 / f64::from(calls))
}

/// Measures the throughput with sixteen concurrent callers.
pub(crate) async fn throughput(world: &World, effort: Effort) -> Result<Throughput> {
    world.slow_down(false, Duration::ZERO);
    let (rounds, time) = match effort {
        Effort::Full => (5, Duration::from_secs(2)),
        Effort::Quick => (3, Duration::from_secs(1)),
    };
    round(world, Duration::from_millis(500)).await?;
    let mut figures = Vec::new();
    for number in 1..=rounds {
        say(&format!("throughput, round {number} of {rounds}"));
        figures.push(round(world, time).await?);
    }
    Ok(Throughput { callers: CALLERS, calls_per_second: Spread::of(&figures) })
}

async fn round(world: &World, time: Duration) -> Result<f64> {
    let (calls, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let path = path_of(FUNCTION, CONNECTED_USER, "provider=jira");
    let caller = async || {
        while !over.load(Ordering::Relaxed) {
            world.call(world.request(Method::GET, &path)).await?;
            calls.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    let begun = Instant::now();
    let all = try_join_all((0..CALLERS).map(|_| caller()));
    tokio::select! {
        outcome = all => drop(outcome?),
        () = tokio::time::sleep(time) => {}
    }
    over.store(true, Ordering::Relaxed);
    Ok(calls.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}
