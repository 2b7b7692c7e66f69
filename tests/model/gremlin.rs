//! Faults, one after another, while the workers work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use juncture_local::atlassian::{Class, Fault, Rule};
use juncture_local::upstash;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::world::World;

/// Torments the stack until it is told to stop, and heals it then.
pub(crate) async fn torment(world: &World, random: &mut Rng, stop: &AtomicBool) -> Result<()> {
    let outcome = async {
        while !stop.load(Ordering::SeqCst) {
            strike(world, random).await?;
            tokio::time::sleep(Duration::from_millis(random.u64(20..250))).await;
        }
        Ok(())
    }
    .await;
    heal(world).await?;
    outcome
}

async fn strike(world: &World, random: &mut Rng) -> Result<()> {
    let while_it_lasts = Duration::from_millis(random.u64(20..300));
    let times = random.u32(1..3);
    let front = world.bed.stack.front().context("a front")?.faults();
    let server_error = || Fault::Status { status: 503, body: None };
    match random.u32(..100) {
        0..30 => kill_one(world, random),
        30..50 => {
            let fault = match random.u32(..10) {
                0..4 => upstash::Fault::Refuse,
                4..6 => upstash::Fault::Status(500),
                6..9 => upstash::Fault::LoseAnswer,
                _ => upstash::Fault::Hang,
            };
            front.set(Some(fault));
            tokio::time::sleep(while_it_lasts).await;
            front.set(None);
        }
        50..58 => {
            front.set_latency(Duration::from_millis(random.u64(5..150)));
            tokio::time::sleep(while_it_lasts).await;
            front.set_latency(Duration::ZERO);
        }
        58..64 => world.bed.atlassian().inject(Rule::new(Class::Token, server_error()).times(times)),
        64..72 => world.bed.atlassian().inject(Rule::new(Class::Token, server_error()).after().times(times)),
        72..80 => world.bed.atlassian().inject(Rule::new(Class::Token, Fault::Drop).after().times(times)),
        80..82 => world.bed.atlassian().inject(Rule::new(Class::Token, Fault::Hang).after().times(1)),
        82..88 => {
            let slow = Fault::Latency { millis: random.u64(10..1_000) };
            world.bed.atlassian().inject(Rule::new(Class::Token, slow).times(times));
        }
        88..92 => world.bed.atlassian().inject(Rule::new(Class::Resources, Fault::Drop).times(times)),
        92..95 => world.bed.atlassian().inject(Rule::new(Class::Jira, server_error()).times(times)),
        _ => {
            let database = world.bed.database().await?;
            const HANG_UP: &str = "select pg_terminate_backend(pid) from pg_stat_activity
                where application_name = 'juncture' and random() < 0.5";
            database.execute(HANG_UP, &[]).await?;
        }
    }
    Ok(())
}

/// Kills a process of a function, one that works if there is one.
fn kill_one(world: &World, random: &mut Rng) {
    let instances = world.bed.stack.gateway().instances();
    let busy: Vec<_> = instances.iter().filter(|instance| instance.busy).collect();
    let Some(victim) = random.choice(busy) else { return };
    if let Ok(pid) = i32::try_from(victim.pid) {
        // It may have ended by itself meanwhile.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Ends every fault, and waits until nobody works on anything.
async fn heal(world: &World) -> Result<()> {
    world.bed.atlassian().clear_faults();
    let front = world.bed.stack.front().context("a front")?.faults();
    front.set(None);
    front.set_latency(Duration::ZERO);
    // What a killed function has sent to the database is still carried out.
    const WORKING: &str = "select count(*) from pg_stat_activity
        where application_name = 'juncture' and state <> 'idle'";
    let database = world.bed.database().await?;
    while database.query_one(WORKING, &[]).await?.get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
