//! Writes the tables in the documentation from a result.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::report::Report;
use crate::targets;

const DOCUMENT: &str = "docs/performance.md";
/// Only the text between these two lines is replaced.
const BEGIN: &str = "<!-- figures: written by make bench -->\n";
const END: &str = "<!-- end of figures -->";

/// Writes the figures of a report into the document.
pub(crate) fn write(report: &Report) -> Result<()> {
    let path = Path::new(DOCUMENT);
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    std::fs::write(path, replaced(&text, &tables(report))?)
        .with_context(|| format!("cannot write {DOCUMENT}"))
}

fn replaced(text: &str, tables: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{DOCUMENT} has no {BEGIN:?}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{DOCUMENT} has no {END:?}"))?;
    Ok(format!("{before}{BEGIN}{tables}{END}{after}"))
}

fn tables(report: &Report) -> String {
    let Report { mode, date, commit, machine, .. } = report;
    let mut lines = vec![
        format!("A {mode} run of {date} at `{commit}`, load {} on {} cores.", machine.load, machine.cores),
        String::new(),
        "| what | at most | found | |".to_owned(),
        "| --- | ---: | ---: | --- |".to_owned(),
    ];
    for target in targets::of(report) {
        let verdict = if target.is_met() { "" } else { "**missed**" };
        let found = (target.found * 100.0).round() / 100.0;
        lines.push(format!("| {} | {} | {found} | {verdict} |", target.what, target.most));
    }
    lines.extend(["", "| a new sandbox | chain | ms |", "| --- | ---: | ---: |"].map(str::to_owned));
    for cold in &report.cold {
        let spread = cold.latency_ms;
        let range = format!("{:.0} ({:.0} to {:.0})", spread.median, spread.low, spread.high);
        lines.push(format!("| {} | {} | {range} |", cold.name, cold.chain));
    }
    let cpu = &report.cpu;
    lines.push(String::new());
    lines.push(format!(
        "User CPU of a warm `get-access-token`: {:.3} ms; of the empty function: {:.3} ms. {:.0} calls a second from \
         {} callers.",
        cpu.token_ms.median, cpu.empty_ms.median, report.throughput.calls_per_second.median, report.throughput.callers
    ));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("before\n{BEGIN}old\n{END}\nafter\n");
        let new = replaced(&text, "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}new\n{END}\nafter\n"));
        assert!(replaced("no marks", "").is_err());
    }
}
