//! Mixed traffic for minutes (`make soak MINUTES=10`): no errors, and no growth of any function's memory or open files,
//! or of the connections to Postgres and Redis.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use futures_util::future::try_join_all;
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use serde_json::json;

const WORKERS: usize = 6;
const PEOPLE: usize = 12;
const PAUSE: Duration = Duration::from_secs(2);

/// How much an instance's memory may grow from the second quarter to the last: allocator noise.
const MORE_MEMORY: f64 = 1.1;

/// One sample of all measurements.
#[derive(Debug)]
struct Sample {
    at: Duration,
    /// By process id.
    instances: BTreeMap<u32, Instance>,
    /// Connections from functions to Postgres.
    postgres: i64,
    /// Connections to Redis.
    redis: usize,
}

#[derive(Clone, Debug)]
struct Instance {
    function: String,
    /// Resident, in KiB.
    memory: u64,
    files: usize,
}

#[test]
#[ignore = "runs for minutes: make soak"]
fn nothing_grows() {
    run(async {
        let minutes: f64 = std::env::var("MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(10.0);
        let length = Duration::from_secs_f64(minutes * 60.0);
        let stack = TestStack::start(|options| {
            // The connections to its servers are counted, so it needs its own.
            options.servers = None;
            // Tokens expire and are refreshed during the test.
            options.atlassian.access_token_lifetime = Duration::from_secs(100);
        })
        .await?;
        let mut people = Vec::new();
        for _ in 0..PEOPLE {
            people.push(stack.connected_user().await?);
        }
        let project = stack.project("SOAK", 150)?;
        let (since, requests) = (Instant::now(), AtomicU64::new(0));
        let work = (0..WORKERS).map(async |worker| {
            let mut random = Rng::with_seed(worker as u64);
            while since.elapsed() < length {
                // Workers do not share a person; concurrent calls for one are tested by the model check.
                let person = &people[random.usize(..PEOPLE / WORKERS) * WORKERS + worker];
                step(&stack, person, &project, &mut random, &requests).await?;
            }
            anyhow::Ok(())
        });
        let watch = async {
            let mut samples = Vec::new();
            while since.elapsed() < length {
                samples.push(look(&stack, since.elapsed()).await?);
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(samples)
        };
        let (_, samples) = tokio::try_join!(try_join_all(work), watch)?;
        println!("{} requests in {} s, no error", requests.load(Ordering::SeqCst), since.elapsed().as_secs());
        judge(&samples, length)?;
        stack.stop().await
    });
}

/// One call that a product would make.
async fn step(
    stack: &TestStack,
    person: &Person<'_>,
    project: &str,
    random: &mut Rng,
    requests: &AtomicU64,
) -> Result<()> {
    let id = person.external_id.as_str();
    let get = async |call: &str, more: &[(&str, &str)]| {
        stack.backend(&format!("jira/{call}"), &[&[("external_id", id)], more].concat()).await
    };
    let done: Vec<Answer> = match random.u32(..100) {
        0..35 => vec![person.access_token().await?],
        35..45 => vec![person.info("check-connection-validity").await?],
        45..48 => vec![person.info("get-connection-credentials").await?],
        48..58 => vec![get("get-projects", &[]).await?],
        58..66 => vec![get("get-tickets-for-project", &[("jira_project_id", project)]).await?],
        66..72 => vec![get("get-boards-for-project", &[("jira_project_id", "10000")]).await?],
        72..76 => vec![get("get-all-sprints-for-project", &[("jira_project_id", "10000")]).await?],
        76..82 => vec![get("get-issue-details", &[("issue_id_or_key", "SHIP-1")]).await?],
        82..87 => {
            let body = person.body(json!({ "jira_project_id": "10001" }));
            vec![
                stack.backend_post("jira/select-project", &body).await?,
                get("get-selected-project", &[]).await?,
            ]
        }
        87..95 => {
            let key = person.task(project, "Soaked").await?;
            let edited = person.edit(&key, json!({ "summary": "Wrung" })).await?;
            let path = format!("delete-issue?external_id={}&issue_id_or_key={key}", id.replace('/', "%2F"));
            vec![edited, stack.send(person.jira(Method::DELETE, &path)).await?]
        }
        95..98 => {
            stack.atlassian().expire_access_tokens(Some(&person.account));
            vec![get("get-projects", &[]).await?]
        }
        _ => {
            person.connect("harbour").await?;
            vec![]
        }
    };
    for answer in &done {
        ensure!((200..300).contains(&answer.status), "{answer:?}");
    }
    requests.fetch_add(done.len().max(1) as u64, Ordering::SeqCst);
    Ok(())
}

async fn look(stack: &TestStack, at: Duration) -> Result<Sample> {
    let mut instances = BTreeMap::new();
    for instance in stack.gateway().instances() {
        let folder = format!("/proc/{}", instance.pid);
        // It may have exited in the meantime.
        let Ok(status) = fs::read_to_string(format!("{folder}/status")) else { continue };
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let Some(memory) = memory.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()) else {
            continue;
        };
        let files = fs::read_dir(format!("{folder}/fd")).map(Iterator::count).unwrap_or_default();
        instances.insert(instance.pid, Instance { function: instance.function, memory, files });
    }
    const CONNECTIONS: &str = "select count(*) from pg_stat_activity where application_name = 'juncture'";
    let postgres = stack.database().await?.query_one(CONNECTIONS, &[]).await?.get(0);
    let clients = format!("{:?}", stack.redis(&["CLIENT", "LIST"]).await?);
    Ok(Sample { at, instances, postgres, redis: clients.matches("laddr=").count() })
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Compares the last quarter with the second, when everything is warm.
fn judge(samples: &[Sample], length: Duration) -> Result<()> {
    let part = |from: f64, to: f64| {
        samples.iter().filter(move |sample| (length.mul_f64(from)..length.mul_f64(to)).contains(&sample.at))
    };
    let mut pids: Vec<u32> = part(0.25, 0.5).flat_map(|sample| sample.instances.keys().copied()).collect();
    pids.sort_unstable();
    pids.dedup();
    let mut wrong = Vec::new();
    println!(
        "function, process: KiB resident and open files, in the second quarter of the time and in the last"
    );
    for pid in pids {
        let of = |from, to| -> Vec<&Instance> {
            part(from, to).filter_map(|sample| sample.instances.get(&pid)).collect()
        };
        let (early, late) = (of(0.25, 0.5), of(0.75, 1.0));
        // Idle instances are stopped.
        if late.is_empty() {
            continue;
        }
        let memory = |of: &[&Instance]| median(of.iter().map(|instance| instance.memory).collect());
        let files = |of: &[&Instance]| of.iter().map(|instance| instance.files).max().unwrap_or_default();
        let function = &late[0].function;
        let line = format!(
            "{function} {pid}: {} → {} KiB, {} → {} files",
            memory(&early),
            memory(&late),
            files(&early),
            files(&late)
        );
        println!("{line}");
        if memory(&late) as f64 > memory(&early) as f64 * MORE_MEMORY || files(&late) > files(&early) + 2 {
            wrong.push(line);
        }
    }
    let most = samples.iter().map(|sample| sample.postgres).max().unwrap_or_default();
    let instances = samples.iter().map(|sample| sample.instances.len()).max().unwrap_or_default();
    println!("Postgres: {most} connections at the most, of {instances} instances with a pool of one");
    let redis = |from, to| part(from, to).map(|sample| sample.redis).max().unwrap_or_default();
    println!("Redis: {} → {} connections", redis(0.25, 0.5), redis(0.75, 1.0));
    ensure!(most <= instances as i64, "more connections to Postgres than instances");
    ensure!(redis(0.75, 1.0) <= redis(0.25, 0.5) + 1, "connections to Redis pile up");
    ensure!(wrong.is_empty(), "these have grown:\n{}", wrong.join("\n"));
    samples.last().context("no sample").map(drop)
}
