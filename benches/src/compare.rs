//! What became better or worse since the last committed result.
//!
//! A figure with a spread has changed if its medians differ by more than both spreads together and by more than a
//! twentieth; a count has changed if it differs. Results from different machines are not compared.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::report::Report;

/// Medians closer than this count as equal.
const NOISE: f64 = 0.05;

/// A figure and its interquartile range.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figure {
    median: f64,
    width: f64,
}

/// The changes from one report to the next, one per line.
pub(crate) fn changes(before: &Report, after: &Report) -> Vec<String> {
    let (one, other) = (&before.machine, &after.machine);
    if (&one.processor, one.cores) != (&other.processor, other.cores) {
        return vec![format!(
            "not compared: the committed result is from {} cores of {}",
            one.cores, one.processor
        )];
    }
    let (before, after) = (figures(before), figures(after));
    let mut lines = Vec::new();
    for (name, new) in &after {
        let Some(old) = before.get(name) else { continue };
        let change = new.median - old.median;
        let noise = (old.median.abs() * NOISE).max(old.width + new.width);
        let has_spread = old.width + new.width > 0.0;
        if change == 0.0 || (change.abs() <= noise && (has_spread || !is_count(name))) {
            continue;
        }
        let is_better = (change < 0.0) != name.ends_with("calls_per_second");
        let verdict = if is_better { "better" } else { "worse " };
        lines.push(format!("{verdict} {name}: {} → {}", old.median, new.median));
    }
    lines.sort();
    lines
}

fn is_count(name: &str) -> bool {
    ["redis_requests", "redis_commands", "postgres_statements", "atlassian_calls", "chain"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn figures(report: &Report) -> BTreeMap<String, Figure> {
    let mut found = BTreeMap::new();
    let report = serde_json::to_value(report).unwrap_or_default();
    for part in ["endpoints", "functions", "cpu", "throughput", "cold", "growth"] {
        collect(part, &report[part], &mut found);
    }
    // Parameters of the benchmark, not results.
    found.retain(|name, _| !["runs", "size", "callers"].iter().any(|end| name.ends_with(end)));
    found
}

/// Names every figure by its path in the report; list entries are identified by name or size.
fn collect(name: &str, value: &Value, found: &mut BTreeMap<String, Figure>) {
    match value {
        Value::Number(number) => {
            let median = number.as_f64().unwrap_or_default();
            found.insert(name.to_owned(), Figure { median, width: 0.0 });
        }
        Value::Array(entries) => {
            for entry in entries {
                let label = entry["name"].as_str().map(str::to_owned);
                let label = label.unwrap_or_else(|| entry["size"].to_string());
                collect(&format!("{name} / {label}"), entry, found);
            }
        }
        Value::Object(fields) => {
            let field = |name: &str| fields.get(name).and_then(Value::as_f64);
            match (field("low"), field("median"), field("high")) {
                (Some(low), Some(median), Some(high)) => {
                    found.insert(name.to_owned(), Figure { median, width: high - low });
                }
                _ => fields
                    .iter()
                    .for_each(|(field, value)| collect(&format!("{name} / {field}"), value, found)),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CpuFigures, EndpointFigures, Machine, Throughput};
    use crate::stats::Spread;

    fn spread(median: f64) -> Spread {
        Spread { low: median - 0.1, median, high: median + 0.1 }
    }

    fn report(latency: f64, redis_requests: usize, calls: f64) -> Report {
        Report {
            mode: "full".to_owned(),
            date: String::new(),
            commit: String::new(),
            machine: Machine { processor: "x".to_owned(), cores: 2, memory_gib: 8.0, load: 0.0 },
            endpoints: vec![EndpointFigures {
                name: "a".to_owned(),
                runs: latency as usize,
                redis_requests,
                redis_commands: Some(1),
                postgres_statements: 0,
                atlassian_calls: 0,
                chain: 1,
                latency_ms: spread(latency),
                p99_ms: 1.0,
                own_share_ms: spread(1.0),
                stand_ins_ms: 0.0,
                user_cpu_ms: 1.0,
                peak_mib: 10.0,
            }],
            functions: Vec::new(),
            cpu: CpuFigures { token_ms: spread(1.0), empty_ms: spread(1.0), ratio: spread(1.0) },
            throughput: Throughput { callers: 16, calls_per_second: spread(calls) },
            cold: Vec::new(),
            growth: Vec::new(),
        }
    }

    #[test]
    fn a_difference_within_the_spread_is_no_change() {
        assert_eq!(changes(&report(7.0, 1, 100.0), &report(7.2, 1, 104.0)), Vec::<String>::new());
    }

    #[test]
    fn a_count_is_exact_and_more_calls_a_second_are_better() {
        let found = changes(&report(7.0, 1, 100.0), &report(9.0, 2, 200.0));
        let expected = [
            "better throughput / calls_per_second: 100 → 200",
            "worse  endpoints / a / latency_ms: 7 → 9",
            "worse  endpoints / a / redis_requests: 1 → 2",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn other_machines_are_not_compared() {
        let mut other = report(1.0, 1, 1.0);
        other.machine.cores = 4;
        assert!(changes(&report(9.0, 1, 1.0), &other)[0].starts_with("not compared"));
    }
}
