//! What a run of the benchmark found.

use serde::{Deserialize, Serialize};

use crate::stats::Spread;

/// Everything, as it is kept in `benches/results/`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// `full` or `quick`; figures of a quick run are rough.
    pub(crate) mode: String,
    /// RFC 3339.
    pub(crate) date: String,
    /// The commit that was checked out; `-dirty` when files had changed since.
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) endpoints: Vec<EndpointFigures>,
    pub(crate) functions: Vec<FunctionFigures>,
    pub(crate) cpu: CpuFigures,
    pub(crate) throughput: Throughput,
    pub(crate) cold: Vec<ColdFigures>,
    pub(crate) growth: Vec<GrowthFigures>,
}

/// Where it was measured.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    /// The load average of the minute before: above the number of cores nothing can be trusted.
    pub(crate) load: f64,
}

/// A warm endpoint with set latencies.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EndpointFigures {
    /// The function and the situation.
    pub(crate) name: String,
    pub(crate) runs: usize,
    pub(crate) redis_requests: usize,
    /// What those requests held: Upstash is paid by the command. Older reports do not have it.
    #[serde(default)]
    pub(crate) redis_commands: Option<usize>,
    pub(crate) postgres_statements: usize,
    pub(crate) atlassian_calls: usize,
    /// The longest chain of dependent round trips.
    pub(crate) chain: usize,
    pub(crate) latency_ms: Spread,
    /// The worst of the runs when there are fewer than a hundred.
    pub(crate) p99_ms: f64,
    /// Latency minus what the links held back along the longest chain.
    pub(crate) own_share_ms: Spread,
    /// The part of the own share that the stand-ins of the upstreams took.
    pub(crate) stand_ins_ms: f64,
    /// Time of the processor in the function's own code for one call, without latencies.
    pub(crate) user_cpu_ms: f64,
    pub(crate) peak_mib: f64,
}

/// A function as it is deployed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FunctionFigures {
    pub(crate) name: String,
    pub(crate) binary_mb: f64,
    /// Deflated as hard as possible.
    pub(crate) zip_mb: f64,
    /// From exec until it asks for its first invocation.
    pub(crate) start_ms: Spread,
    /// By how much that is longer than the empty function's, round by round.
    pub(crate) start_ratio: Spread,
}

/// `get-access-token` beside the empty function that answers the same bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CpuFigures {
    pub(crate) token_ms: Spread,
    pub(crate) empty_ms: Spread,
    pub(crate) ratio: Spread,
}

/// `get-access-token`, called by sixteen at once, without latencies.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Throughput {
    pub(crate) callers: usize,
    pub(crate) calls_per_second: Spread,
}

/// The first call of a new sandbox, its start included.
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
    /// What is counted on the horizontal axis.
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
