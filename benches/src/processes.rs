//! Process statistics from the kernel (Linux, `man 5 proc`).

use std::time::Duration;

use anyhow::{Context as _, Result};

/// `USER_HZ`, the same on all architectures of Lambda.
const TICKS_PER_SECOND: u64 = 100;

/// The peak memory of a process, in MiB.
pub(crate) fn peak_memory(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = kib.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// The user CPU time of a process, at the resolution of the kernel's tick.
pub(crate) fn user_cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The process name may contain anything, even parentheses; after it come plain fields, starting with the third.
    let fields = stat.rsplit_once(") ").context("no name")?.1;
    let ticks: u64 = fields.split(' ').nth(14 - 3).context("no utime")?.parse()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}
