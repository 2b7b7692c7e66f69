//! `make bench`: the round trips of every endpoint and the time that Juncture adds to them, the size and start time
//! of every function, and how cost grows with size. Prints tables and writes JSON and charts.

mod cold;
mod compare;
mod docs;
mod endpoints;
mod growth;
mod journal;
mod link;
mod load;
mod plot;
mod processes;
mod report;
mod starts;
mod statements;
mod stats;
mod table;
mod targets;
mod warm;
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::report::{Machine, Report};
use crate::stats::rounded;
use crate::world::{Paths, World};

/// How thorough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Enough runs for stable medians.
    Full,
    /// What fits into two minutes.
    Quick,
}

/// The folder of committed results.
const RESULTS: &str = "benches/results";

/// Shows the current step, overwriting the previous one.
pub(crate) fn say(what: &str) {
    eprint!("\r\x1b[K{what}");
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut effort = Effort::Full;
    let mut output = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => effort = Effort::Quick,
            "--output" => output = Some(PathBuf::from(arguments.next().context("--output needs a folder")?)),
            "--docs" => return docs::write(&committed().context("there is no committed result")?),
            _ => bail!("usage: juncture-benches [--quick] [--output <folder>] | --docs"),
        }
    }
    // Results of a quick run are rough, so they are not written to the repository.
    let binaries = std::env::current_exe()?.parent().context("no folder")?.to_owned();
    let is_kept = effort == Effort::Full && output.is_none();
    let output = output.unwrap_or_else(|| match effort {
        Effort::Full => RESULTS.into(),
        Effort::Quick => binaries.join("bench"),
    });
    let before = committed();
    let begun = Instant::now();
    let report = measure(Paths { template: "template.yaml".into(), binaries }, effort).await?;
    say("");
    print!("{}", table::render(&report));
    std::fs::create_dir_all(&output)?;
    let file = output.join("result.json");
    std::fs::write(&file, serde_json::to_string_pretty(&report)? + "\n")?;
    plot::draw(&report, &output)?;
    if is_kept {
        docs::write(&report)?;
    }
    println!("\n{} written after {} s", file.display(), begun.elapsed().as_secs());
    match before {
        None => println!("there is no committed result to compare with"),
        Some(before) => {
            println!("\nsince the {} run of {}, beyond noise", before.mode, before.commit);
            compare::changes(&before, &report).iter().for_each(|line| println!("{line}"));
        }
    }
    Ok(())
}

async fn measure(paths: Paths, effort: Effort) -> Result<Report> {
    // Before anything is started, because it measures the load.
    let machine = machine()?;
    say("starting the stack");
    let folder = tempfile::tempdir()?;
    let world = World::start(paths.clone(), folder.path()).await?;
    let functions = starts::measure(&paths.binaries, &world.functions(), world.environment(), effort).await?;
    let stage = endpoints::Stage::set(&world).await?;
    let report = Report {
        mode: if effort == Effort::Full { "full" } else { "quick" }.to_owned(),
        date: OffsetDateTime::now_utc().replace_nanosecond(0)?.format(&Rfc3339)?,
        commit: commit(),
        machine,
        functions,
        endpoints: warm::measure(&stage, effort).await?,
        cpu: load::cpu(&world, effort).await?,
        throughput: load::throughput(&world, effort).await?,
        cold: cold::measure(&world, effort).await?,
        growth: growth::measure(&world, effort).await?,
    };
    world.stop().await?;
    Ok(report)
}

fn machine() -> Result<Machine> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
    let (processors, memory, load) = (read("/proc/cpuinfo")?, read("/proc/meminfo")?, read("/proc/loadavg")?);
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let kib = value(&memory, "MemTotal").context("no MemTotal")?;
    let kib: f64 = kib.trim_end_matches(" kB").parse()?;
    Ok(Machine {
        processor: value(&processors, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: std::thread::available_parallelism()?.get(),
        memory_gib: rounded(kib / 1024.0 / 1024.0),
        load: load.split(' ').next().context("no load")?.parse()?,
    })
}

fn commit() -> String {
    let hash = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let is_dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some();
    if is_dirty { format!("{}-dirty", hash.trim()) } else { hash.trim().to_owned() }
}

/// The last committed result, if it has the current format.
fn committed() -> Option<Report> {
    let path = Path::new(RESULTS).join("result.json");
    serde_json::from_str(&git(&["show", &format!("HEAD:{}", path.display())])?).ok()
}

/// The output of a git command, if it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then_some(text)
}
