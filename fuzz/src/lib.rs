//! Limits on the memory and time that an input may cost, for all parsers.

use std::sync::Once;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Maximum memory of a run, in bytes, and the additional memory per byte of the input. A run checks all properties,
/// so it needs several times what a request does (`shared/adf/tests/memory.rs`).
const MEMORY: usize = 32 * 1024 * 1024;
const MEMORY_PER_BYTE: usize = 16 * 1024;

/// Maximum CPU time, likewise. Instrumented code is some twenty times slower than deployed code.
const TIME: Duration = Duration::from_secs(1);
const TIME_PER_BYTE: Duration = Duration::from_micros(500);

/// Runs a parser on an input, and panics if it exceeds the limits.
pub fn check(parser: fn(&[u8]), data: &[u8]) {
    // The first run initialises shared state such as the schema.
    static WARM: Once = Once::new();
    WARM.call_once(|| parser(b""));
    let (memory_before, time_before) = (ALLOCATOR.current_usage(), time());
    ALLOCATOR.reset_peak_usage();
    parser(data);
    let memory = ALLOCATOR.peak_usage().saturating_sub(memory_before);
    let time = time().saturating_sub(time_before);
    assert!(
        memory <= MEMORY + MEMORY_PER_BYTE * data.len(),
        "{} bytes take {memory} bytes of memory",
        data.len()
    );
    assert!(time <= TIME + TIME_PER_BYTE * data.len() as u32, "{} bytes take {time:?}", data.len());
}

fn time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}
