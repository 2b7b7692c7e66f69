//! The results of a benchmark run.

use serde::{Deserialize, Serialize};

use crate::stats::Spread;

/// The whole result, as stored in `benches/results/`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// `full` or `quick`; figures of a quick run are rough.
    pub(crate) mode: String,
    /// RFC 3339.
    pub(crate) date: String,
    /// The commit that was checked out; ends in `-dirty` if there were uncommitted changes.
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) endpoints: Vec<EndpointFigures>,
    pub(crate) functions: Vec<FunctionFigures>,
    pub(crate) cpu: CpuFigures,
    pub(crate) throughput: Throughput,
    pub(crate) cold: Vec<ColdFigures>,
    pub(crate) growth: Vec<GrowthFigures>,
}

/// The machine of the run.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    /// Load average of the minute before; above the number of cores the figures are not reliable.
    pub(crate) load: f64,
}

/// A warm endpoint with simulated latencies.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EndpointFigures {
    /// The function and the scenario.
    pub(crate) name: String,
    pub(crate) runs: usize,
    pub(crate) redis_requests: usize,
    /// The commands in those requests, because Upstash charges per command. Missing in older reports.
    #[serde(default)]
    pub(crate) redis_commands: Option<usize>,
    pub(crate) postgres_statements: usize,
    pub(crate) atlassian_calls: usize,
    /// The longest chain of dependent round trips.
    pub(crate) chain: usize,
    pub(crate) latency_ms: Spread,
    /// The maximum if there are fewer than a hundred runs.
    pub(crate) p99_ms: f64,
    /// Latency minus the simulated delays along the longest chain.
    pub(crate) own_share_ms: Spread,
    /// The part of our own share that was spent in the stand-ins for upstreams.
    pub(crate) stand_ins_ms: f64,
    /// User CPU time of the function per call, without latencies.
    pub(crate) user_cpu_ms: f64,
    pub(crate) peak_mib: f64,
}

/// A function as deployed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FunctionFigures {
    pub(crate) name: String,
    pub(crate) binary_mb: f64,
    /// Compressed at the highest level.
    pub(crate) zip_mb: f64,
    /// From exec to the first poll for an invocation.
    pub(crate) start_ms: Spread,
    /// The ratio to the empty function's start time, per round.
    pub(crate) start_ratio: Spread,
}

/// `get-access-token`, compared with an empty function that returns the same bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CpuFigures {
    pub(crate) token_ms: Spread,
    pub(crate) empty_ms: Spread,
    pub(crate) ratio: Spread,
}

/// `get-access-token` with sixteen concurrent callers, without latencies.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Throughput {
    pub(crate) callers: usize,
    pub(crate) calls_per_second: Spread,
}

/// The first call of a new sandbox, including its start.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ColdFigures {
    pub(crate) name: String,
    pub(crate) chain: usize,
    pub(crate) latency_ms: Spread,
}

/// How cost grows with size.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GrowthFigures {
    /// `get-tickets-for-project` or `get-active-sprints-for-project`.
    pub(crate) name: String,
    /// The unit of the horizontal axis.
    pub(crate) unit: String,
    pub(crate) points: Vec<GrowthPoint>,
}

/// One size.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GrowthPoint {
    pub(crate) size: usize,
    pub(crate) latency_ms: Spread,
    pub(crate) peak_mib: f64,
    pub(crate) atlassian_calls: usize,
    pub(crate) answer_kb: f64,
}
