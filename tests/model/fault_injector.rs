//! Injects faults, one after another, while the workers run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use juncture_local::upstash;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbox::{Class, Fault, Rule};

use super::world::World;

/// Injects faults until told to stop, then removes them.
pub(crate) async fn run(world: &World, random: &mut Rng, stop: &AtomicBool) -> Result<()> {
    let outcome = async {
        while !stop.load(Ordering::SeqCst) {
            inject(world, random).await?;
            tokio::time::sleep(Duration::from_millis(random.u64(20..250))).await;
        }
        Ok(())
    }
    .await;
    recover(world).await?;
    outcome
}

async fn inject(world: &World, random: &mut Rng) -> Result<()> {
    let while_it_lasts = Duration::from_millis(random.u64(20..300));
    let times = random.u32(1..3);
    let front = world.stack.front().faults();
    let server_error = || Fault::Status { status: 503, body: None };
    match random.u32(..130) {
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
        58..64 => world.stack.atlassian().inject(Rule::new(Class::Token, server_error()).times(times)),
        64..72 => {
            world.stack.atlassian().inject(Rule::new(Class::Token, server_error()).after().times(times))
        }
        72..80 => world.stack.atlassian().inject(Rule::new(Class::Token, Fault::Drop).after().times(times)),
        80..82 => world.stack.atlassian().inject(Rule::new(Class::Token, Fault::Hang).after().times(1)),
        82..88 => {
            let slow = Fault::Latency { millis: random.u64(10..1_000) };
            world.stack.atlassian().inject(Rule::new(Class::Token, slow).times(times));
        }
        88..92 => world.stack.atlassian().inject(Rule::new(Class::Resources, Fault::Drop).times(times)),
        92..95 => world.stack.atlassian().inject(Rule::new(Class::Jira, server_error()).times(times)),
        95..100 => {
            let database = world.stack.database().await?;
            const HANG_UP: &str = "select pg_terminate_backend(pid) from pg_stat_activity
                where application_name = 'juncture' and datname = current_database() and random() < 0.5";
            database.execute(HANG_UP, &[]).await?;
        }
        _ => {
            let fault = match random.u32(..10) {
                0..4 => server_error(),
                4..8 => Fault::Drop,
                8 => Fault::MalformedJson,
                _ => Fault::TruncatedBody,
            };
            let rule = Rule::new(Class::Jira, fault).path("POST").times(times);
            world.stack.atlassian().inject(if random.bool() { rule.after() } else { rule });
        }
    }
    Ok(())
}

/// Kills one of the function processes that are handling a request, if there are any.
fn kill_one(world: &World, random: &mut Rng) {
    let instances = world.stack.gateway().instances();
    let busy: Vec<_> = instances.iter().filter(|instance| instance.busy).collect();
    let Some(victim) = random.choice(busy) else { return };
    if let Ok(pid) = i32::try_from(victim.pid) {
        // It may have exited in the meantime.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Removes all faults, and waits until the database is idle.
async fn recover(world: &World) -> Result<()> {
    world.stack.atlassian().clear_faults();
    let front = world.stack.front().faults();
    front.set(None);
    front.set_latency(Duration::ZERO);
    // A statement sent by a killed function may still be running.
    const WORKING: &str = "select count(*) from pg_stat_activity
        where application_name = 'juncture' and datname = current_database() and state <> 'idle'";
    let database = world.stack.database().await?;
    while database.query_one(WORKING, &[]).await?.get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
