//! How many idle connections one stage can keep alive (`make idle-capacity`): 200,000 connections are due, and the real
//! function refreshes them with a real Postgres and Redis and a shortened timeout. Also measures its statements and its
//! memory.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base::crypto::{Binding, Sealer};
use futures_util::future::{Either, select};
use juncture_tests::{TestStack, run, template_with_shorter_runs};
use sandbox::{Class, Fault, Rule};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

const FUNCTION: &str = "RefreshIdleConnections";
const DUE: usize = 200_000;

/// The shortened timeout in seconds, and how much of it the function leaves unused.
const SHORT_TIME: u64 = 150;
const UNUSED: f64 = 30.4;

/// All connections must be refreshed within these days: from 60, when they become due, to 75, when an alarm fires.
const DAYS: f64 = 15.0;

/// The assumed latency of Atlassian's token endpoint.
const LATENCY: f64 = 0.3;

/// The memory limit for the function in KiB: half of the template's.
const MEMORY: u64 = 128 * 1024;

#[test]
#[ignore = "runs for minutes: make idle-capacity"]
fn two_hundred_thousand_idle_connections_are_kept_alive() {
    run(async {
        let (template, time) = template_with_shorter_runs(SHORT_TIME)?;
        let stack = TestStack::start(|options| {
            options.template = template;
            // All connections share the same token, which is exchanged again and again.
            options.atlassian.leeway = Duration::from_secs(24 * 60 * 60);
            options.settings.set("AWS_LAMBDA_LOG_LEVEL", "info");
        })
        .await?;
        fill(&stack).await?;
        let (find, count) = statements(&stack).await?;
        println!("Postgres, {DUE} due: a page in {find:.1} ms, the count in {count:.1} ms");

        let at_once = measure(&stack).await?;
        println!("without Atlassian's latency: {at_once}");
        let latency = Fault::Latency { millis: (LATENCY * 1000.0) as u64 };
        stack.atlassian().inject(Rule::new(Class::Token, latency));
        let delayed = measure(&stack).await?;
        println!("with {LATENCY} s at the token endpoint: {delayed}");

        let a_run = (time as f64 - UNUSED) / delayed.seconds_each();
        let days = DUE as f64 / a_run / 24.0;
        println!("a run of {time} s an hour: {a_run:.0} each, all {DUE} in {days:.1} days");
        println!("in the 30 days between 60 and 90: {:.0}", a_run * 24.0 * 30.0);
        ensure!(days < DAYS, "they are not refreshed in time");
        ensure!(at_once.memory.max(delayed.memory) < MEMORY, "the function needs more than {MEMORY} KiB");
        stack.stop().await
    });
}

/// The result of one run.
struct Measured {
    refreshed: u64,
    seconds: f64,
    /// The peak resident memory, in KiB.
    memory: u64,
    report: Value,
}

impl Measured {
    fn seconds_each(&self) -> f64 {
        self.seconds / self.refreshed as f64
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} in {:.1} s, {:.1} ms each, {:.1} a second; {} KiB at the most; {}",
            self.refreshed,
            self.seconds,
            self.seconds_each() * 1000.0,
            1.0 / self.seconds_each(),
            self.memory,
            self.report
        )
    }
}

/// Measures one run, sampling its memory.
async fn measure(stack: &TestStack) -> Result<Measured> {
    let since = Instant::now();
    let (event, mut memory) = (json!({}), 0);
    let mut invocation = Box::pin(stack.gateway().invoke(FUNCTION, &event));
    let report = loop {
        match select(invocation, Box::pin(tokio::time::sleep(Duration::from_millis(500)))).await {
            Either::Left((report, _)) => break report?,
            Either::Right(((), still)) => invocation = still,
        }
        memory = memory.max(resident(stack));
    };
    let refreshed =
        report["refreshed"].as_u64().filter(|refreshed| *refreshed > 0).context("none refreshed")?;
    ensure!(report["stopped"] == "timed_out" && report["died"] == 0 && report["failed"] == 0, "{report}");
    Ok(Measured { refreshed, seconds: since.elapsed().as_secs_f64(), memory, report })
}

fn resident(stack: &TestStack) -> u64 {
    let of_it = |instance: &juncture_local::gateway::InstanceInfo| instance.function == FUNCTION;
    let instance = stack.gateway().instances().into_iter().find(of_it);
    let status = instance.and_then(|it| fs::read_to_string(format!("/proc/{}/status", it.pid)).ok());
    let line = status.as_deref().unwrap_or_default().lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// Copies one person's connection until 200,000 are due, last used 60 to 75 days ago, each with its own sealed token.
async fn fill(stack: &TestStack) -> Result<()> {
    const COPIES: &str = r#"
        with new as (
            select * from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as new (id, token, since)
        ), copied as (
            insert into "juncture-core".connection (connection_id, refresh_token, expires_at, refreshed_at)
            select id, token, now() + interval '200 days', since from new
        ), mapped as (
            insert into "juncture-core".connection_external_map (external_id, provider, connection_id)
            select 'user/' || id, 'jira', id from new
        )
        insert into "juncture-core".jira_connection (connection_id, jira_site_id) select id, $4 from new"#;
    let since = Instant::now();
    let person = stack.person(&["harbour"])?;
    person.connect("harbour").await?;
    let token = stack.atlassian().newest_refresh_token(&person.account).context("no token")?;
    let sealer = Sealer::from_keys(stack.environment().get("TOKEN_ENCRYPTION_KEY").context("no key")?)?;
    let (site, database) = (stack.site_id("harbour")?, stack.database().await?);
    let latest = OffsetDateTime::now_utc() - time::Duration::days(60);
    let apart = time::Duration::days(15) / DUE as f64;
    for part in 0..DUE / 10_000 {
        let ids: Vec<Uuid> = (0..10_000).map(|_| Uuid::new_v4()).collect();
        let seal =
            |id: &Uuid| Ok(sealer.seal(&token, &Binding::new(id.to_string(), &[]))?.as_str().to_owned());
        let tokens: Vec<String> = ids.iter().map(seal).collect::<Result<_>>()?;
        let last_used: Vec<OffsetDateTime> =
            (0..10_000).map(|number| latest - apart * f64::from(part as u32 * 10_000 + number + 1)).collect();
        database.execute(COPIES, &[&ids, &tokens, &last_used, &site]).await?;
    }
    // Autovacuum would have done this over the 60 days.
    database.batch_execute("vacuum analyze").await?;
    println!("{DUE} connections made in {:.1} s", since.elapsed().as_secs_f64());
    Ok(())
}

/// The duration of the function's two statements in Postgres, in milliseconds.
async fn statements(stack: &TestStack) -> Result<(f64, f64)> {
    const DUE: &str = r#"from "juncture-core".connection c
        join "juncture-core".connection_external_map m using (connection_id)
        where not c.invalid_refresh_token and c.expires_at > now() and c.refreshed_at < now() - interval '60 days'"#;
    let database = stack.database().await?;
    let page = format!(
        "prepare page (timestamptz, uuid) as select c.connection_id, c.refreshed_at, m.external_id, m.provider::text
        {DUE} and ($1 is null or (c.refreshed_at, c.connection_id) > ($1, $2))
        order by c.refreshed_at, c.connection_id limit 100"
    );
    database.batch_execute(&page).await?;
    let explain = async |statement: &str| {
        let rows = database.query(&format!("explain (analyze, buffers) {statement}"), &[]).await?;
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        println!("{statement}\n{}\n", lines.join("\n"));
        let time = lines.iter().find_map(|line| line.strip_prefix("Execution Time: ")).context("no time")?;
        anyhow::Ok(time.trim_end_matches(" ms").parse()?)
    };
    // The median.
    let find = explain("execute page (now() - interval '67 days', gen_random_uuid())").await?;
    Ok((find, explain(&format!("select count(*), min(c.refreshed_at) {DUE}")).await?))
}
