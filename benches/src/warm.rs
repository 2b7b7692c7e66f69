//! Warm endpoints: the upstream requests of one call, and how long it takes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::endpoints::{ENDPOINTS, Endpoint, Stage};
use crate::journal::Upstream;
use crate::processes::{peak_memory, user_cpu};
use crate::report::EndpointFigures;
use crate::stats::{Spread, quantile, rounded};
use crate::world::{Answered, World};
use crate::{Effort, say};

/// Measures every endpoint.
pub(crate) async fn measure(stage: &Stage<'_>, effort: Effort) -> Result<Vec<EndpointFigures>> {
    let mut figures = Vec::new();
    for (index, endpoint) in ENDPOINTS.into_iter().enumerate() {
        say(&format!("{} of {}: {} ({})", index + 1, ENDPOINTS.len(), endpoint.name, endpoint.case));
        let found = one(stage, endpoint, effort).await;
        figures.push(found.with_context(|| format!("{} ({})", endpoint.name, endpoint.case))?);
    }
    Ok(figures)
}

async fn one(stage: &Stage<'_>, endpoint: Endpoint, effort: Effort) -> Result<EndpointFigures> {
    let world = stage.world;
    world.slow_down(false, Duration::ZERO);
    for _ in 0..3 {
        call(stage, endpoint).await?;
    }
    let user_cpu_ms = cpu(stage, endpoint, effort).await?;

    world.slow_down(true, Duration::ZERO);
    // Warms the caches, opens the connections, and runs the code paths of the slow network once.
    call(stage, endpoint).await?;
    let (least, most, time) = match (effort, endpoint.is_long) {
        (Effort::Full, false) => (7, 200, Duration::from_secs(5)),
        (Effort::Full, true) => (7, 7, Duration::ZERO),
        (Effort::Quick, false) => (3, 50, Duration::from_millis(900)),
        (Effort::Quick, true) => (2, 2, Duration::ZERO),
    };
    let begun = Instant::now();
    let mut answers = Vec::new();
    while answers.len() < least || (answers.len() < most && begun.elapsed() < time) {
        answers.push(call(stage, endpoint).await?);
    }
    let millis = |of: &dyn Fn(&Answered) -> Duration| -> Vec<f64> {
        answers.iter().map(|answer| of(answer).as_secs_f64() * 1e3).collect()
    };
    let latency = millis(&|answer| answer.latency);
    let own = millis(&|answer| answer.latency.saturating_sub(answer.trips.injected()));
    let beyond = millis(&|answer| answer.trips.waited().saturating_sub(answer.trips.injected()));
    let usual = |of: &dyn Fn(&Answered) -> usize| {
        let counts: Vec<f64> = answers.iter().map(|answer| of(answer) as f64).collect();
        quantile(&counts, 0.5) as usize
    };
    Ok(EndpointFigures {
        name: format!("{}, {}", endpoint.name, endpoint.case),
        runs: answers.len(),
        redis_requests: usual(&|answer| answer.trips.requests(Upstream::Redis)),
        redis_commands: Some(usual(&|answer| answer.commands)),
        postgres_statements: usual(&|answer| answer.trips.statements()),
        atlassian_calls: usual(&|answer| answer.trips.requests(Upstream::Atlassian)),
        chain: usual(&|answer| answer.trips.chain()),
        latency_ms: Spread::of(&latency),
        p99_ms: rounded(quantile(&latency, 0.99)),
        own_share_ms: Spread::of(&own),
        stand_ins_ms: rounded(quantile(&beyond, 0.5)),
        user_cpu_ms,
        peak_mib: rounded(peak_memory(process(world, endpoint.name)?)?),
    })
}

async fn call(stage: &Stage<'_>, endpoint: Endpoint) -> Result<Answered> {
    stage.world.call(stage.request(endpoint).await?).await
}

/// Milliseconds of user CPU time per call.
async fn cpu(stage: &Stage<'_>, endpoint: Endpoint, effort: Effort) -> Result<f64> {
    let (most, time) = match (effort, endpoint.is_long) {
        (Effort::Full, false) => (1000, Duration::from_secs(3)),
        (Effort::Quick, false) => (200, Duration::from_millis(600)),
        (_, true) => (5, Duration::from_secs(3)),
    };
    let process = process(stage.world, endpoint.name)?;
    let (begun, before) = (Instant::now(), user_cpu(process)?);
    let mut calls: u32 = 0;
    while calls < 2 || (calls < most && begun.elapsed() < time) {
        call(stage, endpoint).await?;
        calls += 1;
    }
    let spent = user_cpu(process)?.saturating_sub(before);
    Ok(rounded(spent.as_secs_f64() * 1e3 / f64::from(calls)))
}

/// The only process of a function that nobody else calls.
pub(crate) fn process(world: &World, function: &str) -> Result<u32> {
    world.processes(function)?.first().copied().context("no process")
}
