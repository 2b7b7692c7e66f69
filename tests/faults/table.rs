//! Writes and checks the page with the results, `docs/faults.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use juncture_tests::repository;
use strum::VariantArray as _;

use super::Table;
use super::dependency::{Dependency, Fault};

fn page() -> PathBuf {
    repository().join("docs/faults.md")
}

/// The cells of one row, formatted for the page.
fn cells(row: &super::Row) -> String {
    Fault::VARIANTS.iter().fold(String::new(), |mut line, fault| {
        let told = row.get(fault).map_or("–", String::as_str);
        let _ = write!(line, " {told} |");
        line
    })
}

/// Replaces the tables on the page. Endpoints with the same results share a row.
pub(crate) fn write(table: &Table) -> Result<()> {
    let page = page();
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let (head, _) = text.split_once("<!-- table -->\n").context("the page has no place for the table")?;
    let mut new = format!("{head}<!-- table -->\n");
    for dependency in Dependency::ALL {
        let mut rows: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for ((endpoint, of), row) in table.iter().filter(|((_, of), _)| *of == dependency) {
            debug_assert_eq!(*of, dependency);
            rows.entry(cells(row)).or_default().push(endpoint.name());
        }
        let names: String = Fault::VARIANTS.iter().map(|fault| format!(" {} |", fault.name())).collect();
        write!(
            new,
            "\n## {}\n\n| |{names}\n|{}\n",
            dependency.name(),
            " --- |".repeat(Fault::VARIANTS.len() + 1)
        )?;
        let mut rows: Vec<(Vec<&str>, String)> =
            rows.into_iter().map(|(cells, names)| (names, cells)).collect();
        rows.sort();
        for (names, cells) in rows {
            writeln!(new, "| {} |{cells}", names.join(", "))?;
        }
    }
    Ok(fs::write(page, new)?)
}

/// Fails if the page differs from the results.
pub(crate) fn compare(table: &Table) -> Result<()> {
    let text = fs::read_to_string(page())?;
    for ((endpoint, dependency), row) in table {
        let section = format!("## {}\n", dependency.name());
        let section = text.split_once(&section).with_context(|| format!("no section {section}"))?.1;
        let section = section.split("\n## ").next().unwrap_or_default();
        let is_its = |line: &&str| {
            let names = line.trim_start_matches("| ").split(" |").next().unwrap_or_default();
            names.split(", ").any(|name| name == endpoint.name())
        };
        let line = section.lines().find(is_its).with_context(|| format!("{endpoint:?} {dependency:?}"))?;
        ensure!(
            line.ends_with(&format!("|{}", cells(row))),
            "{endpoint:?} with {dependency:?} answers\n  {}\nand docs/faults.md says\n  {line}\n`make faults` writes \
             it anew.",
            cells(row)
        );
    }
    Ok(())
}
