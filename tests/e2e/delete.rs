//! `delete-issue`.

use anyhow::{Context, Result};
use juncture_tests::{Person, TestStack, run};
use reqwest::Method;
use sandbox::Fault;
use serde_json::{Value, json};

/// Creates an issue with a subtask directly in Jira, because Juncture cannot create subtasks.
async fn with_subtask(stack: &TestStack, person: &Person<'_>, project: &str) -> Result<String> {
    let key = person.task(project, "Parent").await?;
    let token = person.access_token().await?.json(200);
    let token = token["access_token"].as_str().context("a token")?.to_owned();
    let url = format!("{}/ex/jira/{}/rest/api/3/issue", stack.atlassian().url(), stack.site_id("harbour")?);
    let fields = json!({ "project": { "id": project }, "issuetype": { "id": "10003" }, "summary": "Part",
        "parent": { "key": key } });
    stack
        .send(stack.request(Method::POST, &url).bearer_auth(token).json(&json!({ "fields": fields })))
        .await?
        .json(201);
    Ok(key)
}

#[test]
fn an_issue_is_deleted_by_query_or_body() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("DELETED", 0)?;
        let key = person.task(&project, "By query").await?;
        assert_eq!(person.delete(&key, &[]).await?.json(200), json!({ "success": true }));
        assert_eq!(person.details(&key).await?.refusal(404), "Issue not found");
        assert_eq!(person.delete(&key, &[]).await?.refusal(404), "Issue not found");
        let key = person.task(&project, "By body").await?;
        let body = person.body(json!({ "issue_id_or_key": key }));
        let by_body = |body: &Value| stack.send(person.jira(Method::DELETE, "delete-issue").json(body));
        assert_eq!(by_body(&body).await?.json(200), json!({ "success": true }));
        assert_eq!(by_body(&body).await?.refusal(404), "Issue not found");
        Ok(())
    });
}

#[test]
fn subtasks_are_deleted_only_on_request() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("PARTED", 0)?;
        let key = with_subtask(stack, &person, &project).await?;
        for more in [vec![], vec![("delete_subtasks", "false")]] {
            let refused = person.delete(&key, &more).await?.json(400);
            assert!(
                refused["error"].as_str().is_some_and(|text| text.contains("delete_subtasks")),
                "{refused}"
            );
            assert!(refused["details"]["messages"][0].is_string(), "{refused}");
        }
        person.delete(&key, &[("delete_subtasks", "true")]).await?.json(200);
        let key = with_subtask(stack, &person, &project).await?;
        let body = person.body(json!({ "issue_id_or_key": key, "delete_subtasks": true }));
        stack.send(person.jira(Method::DELETE, "delete-issue").json(&body)).await?.json(200);
        assert_eq!(person.details(&key).await?.refusal(404), "Issue not found");
        Ok(())
    });
}

#[test]
fn every_error_has_its_message() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("KEPT", 0)?, "Keep me").await?;
        let call = |request: reqwest::RequestBuilder| stack.send(request);
        for (query, said) in [
            ("", "Missing external_id"),
            ("?external_id=x", "Missing issue_id_or_key"),
            ("?external_id=x&issue_id_or_key=../1", "issue_id_or_key"),
            ("?external_id=x&issue_id_or_key=A-1&issue_id_or_key=A-2", "more than once"),
            ("?external_id=x&issue_id_or_key=A-1&delete_subtasks=maybe", "true or false"),
        ] {
            let refusal =
                call(person.jira(Method::DELETE, &format!("delete-issue{query}"))).await?.refusal(400);
            assert!(refusal.contains(said), "{query}: {refusal}");
        }
        for (body, said) in [
            (json!({}), "Missing external_id"),
            (json!({ "external_id": "x" }), "Missing issue_id_or_key"),
            (json!({ "external_id": "x", "issue_id_or_key": 1 }), "string"),
            (
                json!({ "external_id": "x", "issue_id_or_key": "A-1", "delete_subtasks": "yes" }),
                "true or false",
            ),
            (json!([]), "JSON object"),
        ] {
            let refusal = call(person.jira(Method::DELETE, "delete-issue").json(&body)).await?.refusal(400);
            assert!(refusal.contains(said), "{body}: {refusal}");
        }
        stack.atlassian().inject(person.trouble("DELETE", Fault::Status { status: 500, body: None }));
        let before = person.jira_requests().len();
        assert_eq!(person.delete(&key, &[]).await?.refusal(502), "Failed to delete Jira issue");
        assert_eq!(person.jira_requests().len() - before, 1);
        stack.atlassian().clear_faults_of(&person.account);
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let forbidden = person.delete(&key, &[]).await?.json(403);
        assert!(forbidden.get("needs_reauthorization").is_none(), "{forbidden}");
        Ok(())
    });
}
