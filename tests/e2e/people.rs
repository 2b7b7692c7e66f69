//! `search-users` and `get-connected-account`.

use anyhow::Result;
use juncture_tests::{Person, TestStack, run};
use sandbox::{Class, Fault, Rule};
use serde_json::{Value, json};

const SAM: &str = "5b10a2844c20165700ede002";

async fn find(person: &Person<'_>, more: &[(&str, &str)]) -> Result<Value> {
    Ok(person.read("search-users", more).await?.json(200))
}

#[test]
fn people_are_found_wherever_they_can_be_assigned() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let id = person.details("SHIP-1").await?.json(200)["issue"]["id"].clone();
        let id = id.as_str().unwrap_or_default();
        for place in [
            vec![("jira_project_id", "10000")],
            vec![("jira_project_id", "ship")],
            vec![("issue_id_or_key", "ship-1")],
            vec![("issue_id_or_key", id)],
            vec![],
        ] {
            let before = person.jira_requests().len();
            // The sandbox also has an app, and a former employee, with a name that begins like this.
            let found = find(&person, &[&[("query", "Sa")], &place[..]].concat()).await?;
            assert_eq!(person.jira_requests().len() - before, 1);
            let users = found["users"].as_array().cloned().unwrap_or_default();
            let names: Vec<_> = users.iter().map(|user| user["display_name"].as_str()).collect();
            assert!(names.contains(&Some("Sam Single-Site")), "{place:?}: {found}");
            assert!(!names.iter().flatten().any(|name| name.starts_with("Sand")), "{place:?}: {found}");
            assert_eq!(found["total"], users.len());
            let sam = users.iter().find(|user| user["account_id"] == SAM);
            assert!(
                sam.is_some_and(|sam| sam["avatar_url"].as_str().is_some_and(|url| url.starts_with("http")))
            );
            assert!(sam.is_some_and(|sam| sam.as_object().is_some_and(|sam| sam.len() == 3)), "{found}");
        }
        assert_eq!(find(&person, &[("query", "Nobody")]).await?, json!({ "users": [], "total": 0 }));
        Ok(())
    });
}

#[test]
fn a_limit_bounds_the_list_and_not_what_jira_is_asked_for() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let app =
            |id: usize| json!({ "accountId": format!("app-{id}"), "accountType": "app", "active": true });
        let human = |id: usize| json!({ "accountId": format!("{id}"), "accountType": "atlassian", "displayName": null });
        let mut accounts: Vec<Value> = (0..20).map(app).collect();
        accounts.extend((0..30).map(human));
        accounts.extend([json!(null), json!(7), json!({ "accountId": [] })]);
        for (limit, expected) in [(None, 20), (Some("1"), 1), (Some("50"), 30)] {
            for (line, body) in [
                ("assignable/search", json!(accounts)),
                ("user/picker", json!({ "users": accounts, "total": 900, "header": 7 })),
            ] {
                let answer = Fault::Status { status: 200, body: Some(body) };
                stack.atlassian().inject(person.trouble(line, answer).times(1));
                let mut query = vec![("query", "a")];
                query.extend(limit.map(|limit| ("limit", limit)));
                if line.starts_with("assignable") {
                    query.push(("jira_project_id", "SHIP"));
                }
                let found = find(&person, &query).await?;
                assert_eq!(found["total"], expected, "{line}");
                let first = json!({ "account_id": "0", "display_name": null, "avatar_url": null });
                assert_eq!(found["users"][0], first, "{line}");
            }
        }
        let asked: Vec<_> =
            person.jira_requests().into_iter().filter(|r| r.path.contains("/user/")).collect();
        assert_eq!(asked.len(), 6);
        Ok(())
    });
}

#[test]
fn every_error_has_its_message() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = person.jira_requests().len();
        for (query, said) in [
            (vec![], "Missing query"),
            (vec![("query", "")], "Missing query"),
            (vec![("query", "a"), ("jira_project_id", "SHIP"), ("issue_id_or_key", "SHIP-1")], "Send either"),
            (vec![("query", "a"), ("jira_project_id", "../x")], "jira_project_id"),
            (vec![("query", "a"), ("issue_id_or_key", "SHIP")], "issue_id_or_key"),
            (vec![("query", "a"), ("limit", "51")], "from 1 to 50"),
            (vec![("query", "a\u{0}")], "query"),
        ] {
            let refused = person.read("search-users", &query).await?.refusal(400);
            assert!(refused.contains(said), "{query:?}: {refused}");
        }
        assert_eq!(person.jira_requests().len(), before);
        for place in [("jira_project_id", "NONE"), ("issue_id_or_key", "SHIP-999999")] {
            let missing = person.read("search-users", &[("query", "a"), place]).await?;
            assert_eq!(missing.refusal(404), "Project or issue not found");
        }
        for fault in [Fault::Status { status: 500, body: None }, Fault::MalformedJson] {
            stack.atlassian().inject(person.trouble("/user/", fault.clone()));
            let failed = person.read("search-users", &[("query", "a")]).await?.refusal(502);
            assert_eq!(failed, "Failed to search Jira users", "{fault:?}");
            stack.atlassian().clear_faults_of(&person.account);
        }
        // The limit that all apps on a site share.
        let limited = Fault::RateLimited { retry_after: Some(300), reason: None };
        stack.atlassian().inject(person.trouble("/user/", limited));
        let limited = person.read("search-users", &[("query", "a")]).await?;
        assert_eq!(limited.json(429)["code"], "jira_rate_limited");
        assert_eq!(limited.header("retry-after"), "300");
        Ok(())
    });
}

#[test]
fn a_consent_without_the_scope_is_told_what_to_add() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        settings.withheld_scopes.insert("read:jira-user".to_owned());
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        let refused = person.read("search-users", &[("query", "a")]).await?.json(403);
        assert_eq!(refused["code"], "missing_scope");
        let said = refused["error"].as_str().unwrap_or_default();
        assert!(said.contains("read:jira-user") && said.contains("people to JIRA_SCOPE_GROUPS"), "{said}");
        // This needs a default scope only.
        person.read("get-connected-account", &[]).await?.json(200);
        Ok(())
    });
}

#[test]
fn the_connected_account_is_the_persons() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let requests = || {
            let mut requests = stack.atlassian().requests();
            requests.retain(|request| request.account.as_deref() == Some(&person.account));
            requests
        };
        let before = requests().len();
        let account = person.read("get-connected-account", &[]).await?.json(200);
        assert_eq!(requests().len() - before, 1);
        let known = stack.atlassian().accounts().into_iter().find(|it| it.key == person.account);
        let known = known.ok_or_else(|| anyhow::anyhow!("no account"))?;
        let url = stack.atlassian().url();
        let expected = json!({
            "account_id": known.account_id, "display_name": known.name, "email_address": known.email(),
            "avatar_url": format!("{url}/avatars/{}", known.key), "time_zone": "Europe/London", "locale": "en-GB",
        });
        assert_eq!(account, expected);
        let trouble = |fault: Fault| Rule::new(Class::Profile, fault).account(&person.account);
        for odd in [json!(null), json!(7), json!({})] {
            let body =
                json!({ "account_id": "1", "name": odd, "email": odd, "picture": odd, "zoneinfo": odd });
            let answer = Fault::Status { status: 200, body: Some(body) };
            stack.atlassian().inject(trouble(answer).times(1));
            let account = person.read("get-connected-account", &[]).await?.json(200);
            let expected = json!({ "account_id": "1", "display_name": null, "email_address": null,
                "avatar_url": null, "time_zone": null, "locale": null });
            assert_eq!(account, expected, "{odd}");
        }
        stack.atlassian().inject(trouble(Fault::Drop).times(1));
        person.read("get-connected-account", &[]).await?.json(200);
        for fault in [
            Fault::Status { status: 500, body: None },
            Fault::Status { status: 200, body: Some(json!({ "name": "nobody" })) },
            Fault::MalformedJson,
        ] {
            stack.atlassian().inject(trouble(fault.clone()));
            let failed = person.read("get-connected-account", &[]).await?.refusal(502);
            assert_eq!(failed, "Failed to fetch the connected Atlassian account", "{fault:?}");
            stack.atlassian().clear_faults_of(&person.account);
        }
        // A token that was revoked is replaced, as for any call.
        person.forget_access_token().await?;
        person.read("get-connected-account", &[]).await?.json(200);
        stack.atlassian().revoke_grant(&person.account);
        let revoked = person.read("get-connected-account", &[]).await?.json(403);
        assert_eq!(revoked["needs_reauthorization"], true);
        Ok(())
    });
}
