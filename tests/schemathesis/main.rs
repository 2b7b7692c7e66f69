//! Tests the running stack against `openapi.yaml`: schemathesis generates valid and invalid requests from it and checks
//! every response, with no 5xx and no undocumented status, header or field. Then it follows the document's links from
//! call to call. Its settings are in `schemathesis.toml`.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use juncture_tests::{Person, TestStack, repository, run_with_any_input};
use sandbox::NewProject;
use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

const PROGRAM: &str = ".local/venv-schemathesis/bin/schemathesis";

/// More issues than a run deletes.
const ISSUES: usize = 100;

/// Codes and states of each kind, which the run uses up.
const CODES: usize = 8;

/// The percentage of the document's links that a run must follow. Ids differ between runs, and the scenarios with them;
/// most runs follow three quarters: Hypothesis gives a run up once its long scenarios have used up their random data.
const FOLLOWED: usize = 60;

/// The number of links followed, and of all links: `API Links: 39 covered / 40 selected / 40 total`.
fn links(said: &str) -> Option<(usize, usize)> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("API Links:"))?;
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    Some((numbers.next()?, numbers.next_back()?))
}

/// Existing values, by parameter or field name.
async fn known(stack: &TestStack, person: &Person<'_>) -> Result<Value> {
    let key = "CONTRACT";
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
        "status": ["Done", "To Do"],
        "external_id": [person.external_id],
        "x-juncture-external-id": [person.external_id],
        "path": ["rest/api/3/serverInfo", "rest/api/3/priority", "rest/api/3/issue/CONTRACT-1", "rest/agile/1.0/board"],
        "expendable": expendable,
        "provider": ["jira"],
        "jira_project_id": [project, key],
        "board_id": board_ids,
        "sprint_id": sprints,
        "issue_id_or_key": issues,
        "issue_type_id": ["10001"],
        "assignee_account_id": [account.account_id],
        "connection_code": connection_codes,
        "state": states,
        "code": codes,
        "site_id": [stack.site_id("harbour")?],
    }))
}

/// Runs some phases of schemathesis. Returns its output.
async fn check(stack: &TestStack, phases: &str) -> Result<String> {
    let program = repository().join(PROGRAM);
    ensure!(program.exists(), "{PROGRAM} is missing: run `make setup-test`");
    let person = stack.connected_user().await?;
    let output = Command::new(program)
        .current_dir(repository().join("tests/schemathesis"))
        .args(["--config-file", "schemathesis.toml", "run", "--phases", phases, "../../openapi.yaml"])
        .env("JUNCTURE_TEST_URL", stack.url())
        .env("JUNCTURE_TEST_KEY", stack.secret_key())
        .env("JUNCTURE_TEST_KNOWN", known(stack, &person).await?.to_string())
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}");
    if !output.status.success() {
        bail!("schemathesis: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(said)
}

#[test]
fn the_running_stack_keeps_to_the_document() {
    run_with_any_input(async {
        let stack = TestStack::start(|_| ()).await?;
        check(&stack, "examples,coverage,fuzzing").await?;
        Ok(())
    });
}

#[test]
fn the_links_of_the_document_lead_from_call_to_call() {
    run_with_any_input(async {
        let stack = TestStack::start(|_| ()).await?;
        let said = check(&stack, "stateful").await?;
        let (followed, all) = links(&said).context("schemathesis does not say what links it followed")?;
        ensure!(all > 30 && followed * 100 >= all * FOLLOWED, "{followed} of {all} links were followed");
        Ok(())
    });
}
