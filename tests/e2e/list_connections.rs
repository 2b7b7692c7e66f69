//! The list of connections.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use juncture_tests::{Answer, Person, TestStack, run};
use serde_json::Value;

const LIST: &str = "connection-info/list-connections";

async fn ids(stack: &TestStack, query: &[(&str, &str)]) -> Result<(Vec<String>, Option<String>)> {
    let list = stack.backend(LIST, query).await?.json(200);
    let ids = list["connections"].as_array().context("no list")?.iter();
    let ids = ids.map(|entry| entry["external_id"].as_str().unwrap_or_default().to_owned()).collect();
    Ok((ids, list["next_cursor"].as_str().map(str::to_owned)))
}

/// A connected person with this external id.
async fn connected<'a>(stack: &'a TestStack, external_id: &str) -> Result<Person<'a>> {
    let mut person = stack.person(&["harbour"])?;
    person.external_id = external_id.to_owned();
    person.connect("harbour").await?;
    Ok(person)
}

async fn set(stack: &TestStack, person: &Person<'_>, change: &str) -> Result<()> {
    let update = format!(r#"update "juncture-core".connection set {change} where connection_id = $1"#);
    stack.database().await?.execute(&update, &[&person.connection_id().await?]).await?;
    Ok(())
}

#[test]
fn every_connection_is_listed_once_with_its_state_and_no_token() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let nobody: Answer = stack.backend(LIST, &[]).await?;
        assert_eq!(nobody.json(200), serde_json::json!({ "connections": [], "next_cursor": null }));

        let names = ["a", "B", "ä", "org/1:user@example.com", "プロジェクト", "it's \"quoted\"", "a b"];
        let mut people = BTreeMap::new();
        for name in names {
            people.insert(name, connected(&stack, name).await?);
        }
        set(&stack, &people["a"], "invalid_refresh_token = true").await?;
        set(&stack, &people["B"], "expires_at = now() - interval '1 second'").await?;
        let selection = people["ä"].body(serde_json::json!({ "jira_project_id": "10000" }));
        stack.backend_post("jira/select-project", &selection).await?.json(200);

        let answer = stack.backend(LIST, &[]).await?;
        let whole = answer.json(200);
        assert!(!answer.body.contains("token") && !answer.body.contains("v1:"), "{}", answer.body);
        for entry in whole["connections"].as_array().context("no list")? {
            let name = entry["external_id"].as_str().context("no id")?;
            let person = &people[name];
            let state = if name == "a" {
                "invalid"
            } else if name == "B" {
                "expired"
            } else {
                "valid"
            };
            assert_eq!(entry["state"], state, "{name}");
            assert_eq!(entry["provider"], "jira");
            assert_eq!(entry["connection_id"], person.connection_id().await?.to_string());
            assert_eq!(entry["site_id"], stack.site_id("harbour")?);
            let selected = if name == "ä" { "10000".into() } else { Value::Null };
            assert_eq!(entry["selected_project_id"], selected);
            if name != "B" {
                let credentials = person.info("get-connection-credentials").await?.json(200);
                assert_eq!(entry["expires_at"], credentials["expires_at"]);
            }
        }
        let (whole, end) = ids(&stack, &[]).await?;
        assert_eq!((whole.len(), end), (names.len(), None));

        // Page by page while others come and go: each connection that stays is listed once.
        let (mut gathered, mut next) = ids(&stack, &[("limit", "2")]).await?;
        assert_eq!(gathered.len(), 2);
        let passed = connected(&stack, &format!("{} and more", gathered[0])).await?;
        while let Some(cursor) = next {
            let (part, following) = ids(&stack, &[("cursor", &cursor)]).await?;
            assert!((1..=2).contains(&part.len()));
            gathered.extend(part);
            next = following;
        }
        gathered.retain(|id| *id != passed.external_id);
        assert_eq!(gathered, whole);
        passed.disconnect().await?.json(200);

        assert_eq!(ids(&stack, &[("state", "invalid")]).await?.0, ["a"]);
        assert_eq!(ids(&stack, &[("state", "expired"), ("provider", "jira")]).await?.0, ["B"]);
        let (valid, next) = ids(&stack, &[("state", "valid"), ("limit", "2")]).await?;
        let cursor = next.context("a cursor")?;
        let rest = ids(&stack, &[("state", "valid"), ("cursor", &cursor), ("limit", "1000")]).await?.0;
        assert_eq!(valid.len() + rest.len(), names.len() - 2);
        let other = stack.backend(LIST, &[("state", "invalid"), ("cursor", &cursor)]).await?;
        assert!(other.refusal(400).contains("cursor does not belong to this list"));
        stack.stop().await
    });
}

#[test]
fn invalid_parameters_are_rejected() {
    run(async {
        let stack = TestStack::shared().await?;
        for (name, value, said) in [
            ("state", "alive", "state must be valid, invalid or expired"),
            ("state", "Valid", "state must be"),
            ("provider", "github", "Unknown provider"),
            ("limit", "0", "limit must be"),
            ("limit", "1001", "limit must be"),
            ("cursor", "x", "cursor does not belong to this list"),
            ("cursor", "' or '1'='1", "cursor does not belong to this list"),
        ] {
            let refusal = stack.backend(LIST, &[(name, value)]).await?.refusal(400);
            assert!(refusal.contains(said), "{name}={value}: {refusal}");
        }
        Ok(())
    });
}
