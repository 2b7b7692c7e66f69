//! Re-seals every stored token and reports progress.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use base::config::{Settings, Values};
use juncture::error::Error;
use juncture::operations::{Reseal, Resealed};
use juncture::parts::Parts;

/// How often progress is reported.
const TELL: Duration = Duration::from_secs(2);

/// Pause before the next pass, for rows that were being written.
const REST: Duration = Duration::from_millis(500);

/// Runs passes over all connections until everything is sealed with the first key. If it is interrupted, the next
/// run resumes, because it skips what is already re-sealed.
pub(crate) async fn until_clean(values: &Values) -> Result<()> {
    let reseal = Parts::of(&Settings::default().with_secret(values)?).reseal()?;
    loop {
        let done = pass(&reseal).await.map_err(explain)?;
        println!(
            "  {} connections checked: {} re-sealed, {} uncommitted in Redis, {} being written",
            done.seen, done.rows, done.stashes, done.contested
        );
        if !done.unreadable.is_empty() {
            println!(
                "  none of the keys opens the refresh tokens of these connections, which have to be connected again:"
            );
            done.unreadable.iter().for_each(|id| println!("    {id}"));
        }
        if done.rows + done.stashes + done.contested == 0 {
            println!("  everything that can be opened is sealed with the first key");
            return Ok(());
        }
        if done.contested > 0 {
            tokio::time::sleep(REST).await;
        }
    }
}

async fn pass(reseal: &Reseal) -> Result<Resealed, Error> {
    let total = reseal.count().await?;
    let mut done = Resealed::default();
    let mut told = Instant::now();
    let mut last = None;
    loop {
        let (batch, next) = reseal.batch(last).await?;
        done.add(batch);
        if next.is_none() {
            return Ok(done);
        }
        last = next;
        if told.elapsed() > TELL {
            told = Instant::now();
            println!("  {} of {total} checked, {} re-sealed", done.seen, done.rows);
        }
    }
}

fn explain(error: Error) -> anyhow::Error {
    let cause = error.cause_chain().unwrap_or_default();
    anyhow!("{} ({cause})\nWhat was re-sealed stays re-sealed: run the same command again.", error.message())
}
