//! A model check with random schedules: many workers concurrently connect, reconnect, use, select, revoke and
//! disconnect the same few external ids, through the real functions, against a real Postgres and Redis. Afterwards
//! there must be an order of the operations that explains every answer (`linear.rs`), and everything stored must have
//! been issued by the sandbox of Atlassian (`invariants.rs`). Each worker also writes to an issue of its own
//! (`issues.rs`), where everything must have been done once (`issue_invariants.rs`).
//!
//! `make model` runs more operations than `make test`; see `SEED`, `OPERATIONS` (per mode) and `MODE` (`strict`,
//! `lenient`, `faulty`). A seed determines each worker's operations and the sequence of faults. Their interleaving
//! depends on the machine, so a seed reproduces a race only sometimes.

mod fault_injector;
mod history;
mod invariants;
mod issue_invariants;
mod issues;
mod linear;
mod schedule;
mod work;
mod world;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use fastrand::Rng;
use futures_util::future::join_all;
use juncture_tests::run;
use sandbox::{Class, Fault, Rule};

use self::issues::OwnIssue;
use self::schedule::Schedule;
use self::world::{Mode, World};

const WORKERS: usize = 10;
const SUBJECTS: usize = 3;

/// After this many operations, the workers pause and everything is checked.
const ROUND: usize = 200;

/// The operations per mode in `make test`.
const DEFAULT_OPERATIONS: usize = 200;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn check(mode: Mode) {
    let wanted = setting("MODE", String::new());
    if !wanted.is_empty() && !format!("{mode:?}").eq_ignore_ascii_case(&wanted) {
        return;
    }
    let (seed, operations) = (setting("SEED", 1), setting("OPERATIONS", DEFAULT_OPERATIONS));
    run(async {
        let world = World::start(mode, SUBJECTS).await?;
        let outcome = rounds(&world, seed, operations).await;
        if let Err(error) = outcome {
            for subject in &world.subjects {
                eprintln!("{}:\n{}", subject.external_id, subject.history);
            }
            bail!("seed {seed}, {mode:?}: {error:#}");
        }
        world.stack.stop().await
    });
}

async fn rounds(world: &World, seed: u64, operations: usize) -> Result<()> {
    let since = Instant::now();
    let mut schedules: Vec<Schedule> =
        (0..WORKERS).map(|worker| Schedule::new(seed, worker, SUBJECTS)).collect();
    let mut random = Rng::with_seed(seed);
    let mut states = vec![None; SUBJECTS];
    states.push(invariants::state(world, world.writer()).await?);
    let writer = world.writer().external_id.as_str();
    let mut issues = Vec::new();
    for worker in 0..WORKERS {
        issues.push(OwnIssue::new(&world.stack, writer, worker).await?);
    }
    let mut done = 0;
    while done < operations {
        let round = ROUND.min(operations - done);
        work(world, &mut schedules, &mut issues, &mut random, round).await?;
        done += round;
        let wrong = world.wrong();
        if !wrong.is_empty() {
            bail!("after {done} operations:\n{}", wrong.join("\n"));
        }
        let checked = issue_invariants::check(world, &mut issues).await;
        checked.with_context(|| format!("after {done} operations"))?;
        for (subject, state) in world.subjects.iter().zip(&mut states) {
            let checked = invariants::check(world, subject, state).await;
            *state = checked.with_context(|| format!("after {done} operations: {}", subject.external_id))?;
            subject.history.clear();
        }
    }
    let families = world.stack.atlassian().families();
    let refreshes: u64 = families.iter().map(|family| family.refreshes).sum();
    let created: Vec<_> = issues.iter().flat_map(|own| &own.entries).collect();
    let doubted = created.iter().filter(|entry| entry.may_exist).count();
    println!(
        "{:?}, seed {seed}: {done} operations in {} s held; {} consents, {refreshes} refreshes, {} things created \
         in issues, {doubted} of them once unconfirmed, {} calls to Jira",
        world.mode,
        since.elapsed().as_secs(),
        families.len(),
        created.len(),
        world.stack.atlassian().counters(Class::Jira).received,
    );
    Ok(())
}

fn slow(random: &mut Rng) -> Fault {
    Fault::Latency { millis: random.u64(..60) }
}

/// Runs one round: all workers at once and, in [`Mode::Faulty`], the fault injector alongside.
async fn work(
    world: &World,
    schedules: &mut [Schedule],
    issues: &mut [OwnIssue],
    random: &mut Rng,
    operations: usize,
) -> Result<()> {
    // Latency at the token endpoint gives other workers time to interfere.
    world.stack.atlassian().clear_faults();
    for rule in [Rule::new(Class::Token, slow(random)), Rule::new(Class::Token, slow(random)).after()] {
        world.stack.atlassian().inject(rule);
    }
    let left = AtomicUsize::new(operations);
    let stop = AtomicBool::new(false);
    let workers = async {
        let working = schedules.iter_mut().zip(issues);
        join_all(working.map(|(schedule, own)| work::work(world, schedule, own, &left))).await;
        stop.store(true, Ordering::SeqCst);
    };
    if world.mode != Mode::Faulty {
        workers.await;
        return Ok(());
    }
    world.is_faulty.store(true, Ordering::SeqCst);
    let ((), injected) = tokio::join!(workers, fault_injector::run(world, random, &stop));
    world.is_faulty.store(false, Ordering::SeqCst);
    injected
}

#[test]
fn with_tokens_that_are_good_for_one_exchange() {
    check(Mode::Strict);
}

#[test]
fn with_tokens_as_atlassian_rotates_them() {
    check(Mode::Lenient);
}

#[test]
fn with_processes_killed_and_everything_else_failing_now_and_then() {
    check(Mode::Faulty);
}
