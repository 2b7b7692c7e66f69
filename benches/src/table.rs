//! The report as text.

use std::fmt::Write as _;

use crate::report::Report;
use crate::stats::Spread;
use crate::targets;

/// The summary printed after a run.
pub(crate) fn render(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "{} run of {} at {}, {} cores of {}, {} GiB, load {}\n",
        report.mode,
        report.date,
        report.commit,
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.load
    );
    // Writing to a String cannot fail.
    let _ = endpoints(&mut text, report).and_then(|()| rest(&mut text, report));
    text
}

fn spread(spread: Spread) -> String {
    format!("{:.2} [{:.2}–{:.2}]", spread.median, spread.low, spread.high)
}

fn endpoints(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        text,
        "\n{:<50} {:>5} {:>5} {:>5} {:>5} {:>5} {:>26} {:>8} {:>22} {:>8} {:>8} {:>6}",
        "warm endpoint",
        "Redis",
        "cmds",
        "SQL",
        "Jira",
        "chain",
        "latency ms",
        "p99 ms",
        "own share ms",
        "stand-in",
        "CPU ms",
        "MiB"
    )?;
    for endpoint in &report.endpoints {
        writeln!(
            text,
            "{:<50} {:>5} {:>5} {:>5} {:>5} {:>5} {:>26} {:>8.1} {:>22} {:>8.2} {:>8.2} {:>6.1}",
            endpoint.name,
            endpoint.redis_requests,
            endpoint.redis_commands.unwrap_or_default(),
            endpoint.postgres_statements,
            endpoint.atlassian_calls,
            endpoint.chain,
            spread(endpoint.latency_ms),
            endpoint.p99_ms,
            spread(endpoint.own_share_ms),
            endpoint.stand_ins_ms,
            endpoint.user_cpu_ms,
            endpoint.peak_mib
        )?;
    }
    Ok(())
}

fn rest(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        text,
        "\n{:<32} {:>9} {:>7} {:>22} {:>20}",
        "function", "binary MB", "zip MB", "start ms", "ratio"
    )?;
    for function in &report.functions {
        writeln!(
            text,
            "{:<32} {:>9.2} {:>7.2} {:>22} {:>20}",
            function.name,
            function.binary_mb,
            function.zip_mb,
            spread(function.start_ms),
            spread(function.start_ratio)
        )?;
    }
    writeln!(
        text,
        "\nuser CPU of a warm get-access-token {} ms, of the empty function {} ms, ratio {}",
        spread(report.cpu.token_ms),
        spread(report.cpu.empty_ms),
        spread(report.cpu.ratio)
    )?;
    let throughput = &report.throughput;
    writeln!(
        text,
        "{} callers of get-access-token: {} calls a second",
        throughput.callers,
        spread(throughput.calls_per_second)
    )?;
    for cold in &report.cold {
        writeln!(text, "{}: {} ms, chain {}", cold.name, spread(cold.latency_ms), cold.chain)?;
    }
    for growth in &report.growth {
        writeln!(
            text,
            "\n{:<32} {:>26} {:>8} {:>8} {:>10}",
            growth.name, "latency ms", "MiB", "calls", "answer kB"
        )?;
        for point in &growth.points {
            writeln!(
                text,
                "{:<32} {:>26} {:>8.1} {:>8} {:>10.1}",
                format!("{} {}", point.size, growth.unit),
                spread(point.latency_ms),
                point.peak_mib,
                point.atlassian_calls,
                point.answer_kb
            )?;
        }
    }
    writeln!(text, "\ntargets")?;
    for target in targets::of(report) {
        let verdict = if target.is_met() { "ok  " } else { "MISS" };
        writeln!(text, "{verdict} {:<64} {:>9.2} of at most {}", target.what, target.found, target.most)?;
    }
    Ok(())
}
