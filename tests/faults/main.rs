//! What a caller gets when a server fails that Juncture needs, for each endpoint and each server, with a proxy between
//! the real functions and the real servers. The results are in `docs/faults.md`, which `make faults` writes;
//! `make test` checks a few of its rows.

mod answers;
mod dependency;
mod endpoint;
mod killed;
mod scenario;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use juncture_tests::run;
use strum::VariantArray as _;

use self::dependency::Dependency;
use self::endpoint::Endpoint;
use self::scenario::{Environment, Row};

/// How many scenarios run at once. They spend most of their time waiting.
const CONCURRENT: usize = 24;

/// Set this to run every endpoint and to write the page.
const ALL: &str = "JUNCTURE_TEST_FAULTS";

/// Set this to a file name to record every response in full, to compare with `diff` before and after a change.
const RECORD: &str = "JUNCTURE_TEST_FAULTS_RECORD";

/// Results by endpoint and server.
type Table = BTreeMap<(Endpoint, Dependency), Row>;

async fn measure(env: &Environment, endpoints: &[Endpoint]) -> Result<Table> {
    let pairs = Dependency::ALL.into_iter().rev().flat_map(|dependency| {
        let needs = move |endpoint: &&Endpoint| endpoint.needs().contains(&dependency);
        endpoints.iter().filter(needs).map(move |endpoint| (*endpoint, dependency))
    });
    let scenarios = pairs.enumerate().map(async |(number, (endpoint, dependency))| {
        let row = scenario::run(env, endpoint, dependency, number).await;
        row.map(|row| ((endpoint, dependency), row)).with_context(|| format!("{endpoint:?} {dependency:?}"))
    });
    let table: Table = stream::iter(scenarios).buffer_unordered(CONCURRENT).try_collect().await?;
    let wrong: Vec<String> = table
        .iter()
        .flat_map(|(place, row)| row.iter().map(move |(fault, told)| (place, fault, told)))
        .filter(|(_, _, told)| told.starts_with(scenario::WRONG))
        .map(|((endpoint, dependency), fault, told)| {
            format!("\n{endpoint:?}, {dependency:?} {fault:?}: {told}")
        })
        .collect();
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.concat());
    env.assert_no_redirect_was_followed().await?;
    Ok(table)
}

#[test]
fn every_fault_is_answered_as_the_table_says() {
    run(async {
        let is_all = std::env::var_os(ALL).is_some();
        let endpoints = if is_all { Endpoint::VARIANTS } else { &Endpoint::FEW };
        let env = Environment::start().await?;
        let table = measure(&env, endpoints).await?;
        if let Some(file) = std::env::var_os(RECORD) {
            env.answers().write(Path::new(&file))?;
        }
        if is_all {
            table::write(&table)?
        } else {
            table::compare(&table)?
        }
        env.stop().await
    });
}

#[test]
fn a_process_may_die_at_any_point() {
    run(async {
        let env = Environment::start().await?;
        killed::everywhere(&env).await?;
        env.stop().await
    });
}
