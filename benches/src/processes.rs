//! What the kernel knows of a process (Linux, `man 5 proc`).

use std::time::Duration;

use anyhow::{Context as _, Result};

/// `USER_HZ`, the same on every architecture that Lambda has.
const TICKS_PER_SECOND: u64 = 100;

/// The most memory that a process has had at once, in MiB.
pub(crate) fn peak_memory(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = kib.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// The CPU time that a process has spent in its own code, to the kernel's tick.
pub(crate) fn user_cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold anything, a parenthesis too; after it the fields are plain, from the third on.
    let fields = stat.rsplit_once(") ").context("no name")?.1;
    let ticks: u64 = fields.split(' ').nth(14 - 3).context("no utime")?.parse()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}
