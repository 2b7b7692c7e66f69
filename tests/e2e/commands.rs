//! The Redis commands of a warm call, because Upstash bills by the command.

use anyhow::Result;
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use serde_json::json;

/// Makes a call twice. Returns the number of Redis commands and requests of the second.
async fn warm<F: Future<Output = Result<Answer>>>(
    stack: &TestStack,
    call: impl Fn() -> F,
) -> Result<(u64, u64)> {
    call().await?.json(200);
    let counts = stack.front().faults();
    let before = (counts.commands(), counts.requests());
    call().await?.json(200);
    Ok((counts.commands() - before.0, counts.requests() - before.1))
}

fn query<'a>(person: &'a Person<'_>, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("external_id", person.external_id.as_str())], more].concat()
}

#[test]
fn a_warm_call_is_one_command_and_a_search_two() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        // The project with boards and sprints.
        let project = "10000";
        let key = person.task(project, "Counted").await?;
        let selection = person.body(json!({ "jira_project_id": project }));
        stack.backend_post("jira/select-project", &selection).await?.json(200);

        let file = person.attach(&key, "counted.txt", "text/plain", b"One, two").await?.json(201);
        let attached = file["attachment"]["id"].as_str().unwrap_or_default().to_owned();

        for (route, more) in [
            ("connection-info/get-access-token", vec![("provider", "jira")]),
            ("jira/get-projects", vec![]),
            ("jira/get-issue-details", vec![("issue_id_or_key", key.as_str())]),
            ("jira/get-boards-for-project", vec![]),
            ("jira/get-all-sprints-for-project", vec![]),
            ("jira/get-active-sprints-for-project", vec![]),
            ("jira/get-transitions", vec![("issue_id_or_key", key.as_str())]),
            ("jira/get-comments", vec![("issue_id_or_key", key.as_str())]),
            ("jira/get-worklogs", vec![("issue_id_or_key", key.as_str())]),
            ("jira/get-changelog", vec![("issue_id_or_key", key.as_str())]),
            ("jira/get-edit-form", vec![("issue_id_or_key", key.as_str())]),
            ("jira/get-issue-types", vec![("jira_project_id", project)]),
            ("jira/get-create-form", vec![("jira_project_id", project), ("issue_type_id", "10001")]),
            ("jira/get-board", vec![("board_id", "1")]),
            ("jira/get-attachment", vec![("attachment_id", attached.as_str())]),
            ("jira/search-users", vec![("query", "a")]),
            ("jira/get-connected-account", vec![]),
        ] {
            let query = query(&person, &more);
            assert_eq!(warm(&stack, || stack.backend(route, &query)).await?, (1, 1), "{route}");
        }
        let body = person.body(json!({ "issue_id_or_key": key, "summary": "Edited" }));
        let edit = || stack.send(person.jira(Method::PUT, "edit-issue").json(&body));
        assert_eq!(warm(&stack, edit).await?, (1, 1), "edit-issue");

        let query = query(&person, &[]);
        let search = || stack.backend("jira/get-tickets-for-project", &query);
        assert_eq!(warm(&stack, search).await?, (2, 1), "get-tickets-for-project");
        let boards = stack.backend("jira/get-all-sprints-for-project", &query).await?.json(200);
        let sprint = boards["boards"][0]["sprints"][0]["id"].to_string();
        let query = self::query(&person, &[("sprint_id", sprint.as_str())]);
        let search = || stack.backend("jira/get-tickets-for-sprint", &query);
        assert_eq!(warm(&stack, search).await?, (2, 1), "get-tickets-for-sprint");
        let query = self::query(&person, &[("board_id", "1")]);
        let search = || stack.backend("jira/get-backlog", &query);
        assert_eq!(warm(&stack, search).await?, (2, 1), "get-backlog");
        let jql = person.body(json!({ "jql": "project = SHIP" }));
        for route in ["search-tickets", "count-tickets"] {
            let search = || stack.send(person.jira(Method::POST, route).json(&jql));
            let commands = if route == "search-tickets" { 2 } else { 1 };
            assert_eq!(warm(&stack, search).await?, (commands, 1), "{route}");
        }
        Ok(())
    });
}
