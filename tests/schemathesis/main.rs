//! Tests the running stack against `openapi.yaml`: schemathesis generates valid and invalid requests from it and checks
//! every response, with no 5xx and no undocumented status, header or field. Then it follows the document's links from
//! call to call. Its settings are in `schemathesis.toml`.

mod document;
mod report;

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use juncture_tests::{Person, TestStack, binaries, repository, run_with_any_input};
use reqwest::Method;
use sandbox::NewProject;
use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use crate::report::Report;

const PROGRAM: &str = ".local/venv-schemathesis/bin/schemathesis";

/// More issues than a run deletes.
const ISSUES: usize = 100;

/// Issues with two comments, worklogs and changes each, so that these lists have a second part: the newest, which a
/// search finds first.
const DISCUSSED: usize = 15;

/// Codes and states of each kind, which the run uses up.
const CODES: usize = 8;

/// The percentage of the document's links that are followed.
const FOLLOWED: usize = 90;

/// The most runs over the links, each with another seed; two or three are mostly enough. A single long run is no use:
/// Hypothesis repeats the start of an earlier scenario with variations, and gives up if Jira's state has changed
/// meanwhile, and the responses with it.
const ROUNDS: u64 = 6;

/// The operations that no link leads to; the other test sees that they accept a request.
const WITHOUT_LINKS: [&str; 2] = [
    "POST /api/frontend/oauth/get-authorization-uri",
    "POST /finalize-connection/{provider}/{connection_code}",
];

/// The proxy passes on no writes unless `JIRA_PROXY_ALLOW` says so, and what it passes on is Jira's to answer:
/// `e2e/proxy.rs` tests them.
const PROXY: &str = "/api/backend/jira/proxy/{path}";

/// Existing values, by parameter or field name.
async fn known(stack: &TestStack, person: &Person<'_>, key: &str) -> Result<Value> {
    let new = NewProject { key: key.to_owned(), issues: ISSUES, boards: 2, sprints_per_board: 3 };
    let project =
        stack.atlassian().create_project("harbour", &new).map_err(anyhow::Error::msg)?.id.to_string();
    let selection = person.body(json!({ "jira_project_id": project }));
    stack.backend_post("jira/select-project", &selection).await?.json(200);
    let of_project = [("external_id", person.external_id.as_str()), ("jira_project_id", project.as_str())];
    let boards = stack.backend("jira/get-all-sprints-for-project", &of_project).await?.json(200);
    let sprints: Vec<String> = boards["boards"]
        .as_array()
        .context("no boards")?
        .iter()
        .flat_map(|board| board["sprints"].as_array().into_iter().flatten())
        .map(|sprint| sprint["id"].to_string())
        .collect();
    ensure!(!sprints.is_empty(), "the project has no sprints: {boards}");
    let board_ids = boards["boards"].as_array().into_iter().flatten().map(|board| &board["board_id"]);
    let board_ids: Vec<String> = board_ids.map(Value::to_string).collect();
    let issues: Vec<String> = (1..=ISSUES).map(|number| format!("{key}-{number}")).collect();
    let accounts = stack.atlassian().accounts();
    let account = accounts.iter().find(|account| account.key == person.account).context("no account")?;
    let mut connection_codes = Vec::new();
    let (mut states, mut codes) = (Vec::new(), Vec::new());
    for _ in 0..CODES {
        connection_codes.push(person.connection_code().await?);
        let callback = Url::parse(&person.consent().await?)?;
        let query: HashMap<_, _> = callback.query_pairs().into_owned().collect();
        states.push(query.get("state").context("no state")?.clone());
        codes.push(query.get("code").context("no code")?.clone());
    }
    let mut expendable = Vec::new();
    for _ in 0..CODES {
        let other = stack.person(&["harbour"])?;
        other.connect("harbour").await?;
        expendable.push(other.external_id);
    }
    let mut limited = Vec::new();
    for _ in 0..2 {
        let other = stack.connected_user().await?;
        limited.push(other.external_id);
    }
    let (mut comments, mut worklogs) = (vec!["1".to_owned(); ISSUES], vec!["1".to_owned(); ISSUES]);
    for (place, issue) in issues.iter().enumerate().skip(ISSUES - DISCUSSED) {
        for number in 1..=2 {
            let fields = json!({ "issue_id_or_key": issue, "body": format!("Comment {number}") });
            let added = person.write(Method::POST, "add-comment", fields).await?.json(201);
            comments[place] = added["comment"]["id"].as_str().context("no id")?.to_owned();
            let fields = json!({ "issue_id_or_key": issue, "time_spent": "PT1H" });
            let added = person.write(Method::POST, "add-worklog", fields).await?.json(201);
            worklogs[place] = added["worklog"]["id"].as_str().context("no id")?.to_owned();
            let fields = json!({ "issue_id_or_key": issue, "summary": format!("Load crate {number}") });
            person.write(Method::PUT, "edit-issue", fields).await?.json(200);
        }
    }
    let mut others = issues.clone();
    others.rotate_left(1);
    Ok(json!({
        "from": issues,
        "to": others,
        "relation": ["blocks", "is blocked by", "relates to"],
        "time_spent": ["PT1H", "PT30M"],
        "file_name": ["a.txt"],
        "body": ["Some **text**"],
        "jql": [format!("project = {key}")],
        "query": ["team"],
        "name": ["Voyage"],
        "summary": ["Read the tide table"],
        "goal": ["Read the tide table"],
        "status": ["Done", "To Do"],
        "external_id": [person.external_id],
        "x-juncture-external-id": [person.external_id],
        "path": [
            "rest/api/3/serverInfo",
            "rest/api/3/priority",
            format!("rest/api/3/issue/{key}-1"),
            "rest/agile/1.0/board",
        ],
        "expendable": expendable,
        "limited": limited,
        "allowed_projects": [[project], "selected", null],
        "provider": ["jira"],
        "jira_project_id": [project, key],
        "board_id": board_ids,
        "sprint_id": sprints,
        "issue_id_or_key": issues,
        "comment_id": comments,
        "worklog_id": worklogs,
        "issue_type_id": ["10001"],
        "assignee_account_id": [account.account_id],
        "connection_code": connection_codes,
        "state": states,
        "code": codes,
        "site_id": [stack.site_id("harbour")?],
    }))
}

/// Runs some phases of schemathesis, on a new project, and adds what they did to a report.
async fn check(stack: &TestStack, phases: &str, seed: u64, report: &mut Report) -> Result<()> {
    let program = repository().join(PROGRAM);
    ensure!(program.exists(), "{PROGRAM} is missing: run `make setup-test`");
    let person = stack.connected_user().await?;
    let known = known(stack, &person, &format!("CONTRACT{seed}")).await?;
    let events =
        binaries().join("juncture-test").join(format!("{}-{phases}-{seed}.ndjson", std::process::id()));
    let output = Command::new(program)
        .current_dir(repository().join("tests/schemathesis"))
        .args(["--config-file", "schemathesis.toml", "run", "--phases", phases, "../../openapi.yaml"])
        .args(["--seed", &seed.to_string(), "--report-ndjson-path"])
        .arg(&events)
        .env("JUNCTURE_TEST_URL", stack.url())
        .env("JUNCTURE_TEST_KEY", stack.secret_key())
        .env("JUNCTURE_TEST_KNOWN", known.to_string())
        .kill_on_drop(true)
        .output()
        .await?;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        bail!("schemathesis: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    report.add(&std::fs::read_to_string(&events).context("schemathesis wrote no report")?)?;
    std::fs::remove_file(&events)?;
    Ok(())
}

#[test]
fn the_running_stack_keeps_to_the_document() {
    run_with_any_input(async {
        let stack = TestStack::start(|_| ()).await?;
        let mut report = Report::default();
        check(&stack, "examples,coverage,fuzzing", 1, &mut report).await?;
        for operation in WITHOUT_LINKS {
            ensure!(report.accepted.contains(operation), "{operation} refused every request");
        }
        Ok(())
    });
}

#[test]
fn the_links_of_the_document_lead_from_call_to_call() {
    run_with_any_input(async {
        let stack = TestStack::start(|_| ()).await?;
        let document::Document { links, mut writes } = document::read()?;
        writes.retain(|name| !WITHOUT_LINKS.contains(&name.as_str()) && !name.ends_with(PROXY));
        let mut report = Report::default();
        for seed in 1..=ROUNDS {
            check(&stack, "stateful", seed, &mut report).await?;
            let refused: Vec<_> = writes.difference(&report.accepted).collect();
            let missed: Vec<_> = links.difference(&report.followed).collect();
            let (followed, all) = (links.len() - missed.len(), links.len());
            if refused.is_empty() && followed * 100 >= all * FOLLOWED {
                break;
            }
            ensure!(
                seed < ROUNDS,
                "{followed} of {all} links were followed; these were not: {missed:#?}, and these operations refused \
                 every request: {refused:#?}"
            );
        }
        Ok(())
    });
}
