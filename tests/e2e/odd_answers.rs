//! Responses of Atlassian with one unexpected value, and responses of something in between, such as a proxy.

use anyhow::{Context, Result};
use juncture_tests::{CREATE, Person, TestStack, run};
use sandbox::{Class, Fault, Rule};
use serde_json::{Value, json};

/// Values of every JSON type, for a place where another type is expected.
fn odd_values() -> [Value; 5] {
    [json!(null), json!(7.5), json!(true), json!([null]), json!({ "odd": [1] })]
}

fn answers(body: Value) -> Fault {
    Fault::Status { status: 200, body: Some(body) }
}

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Fault::Reply { status, headers, body: body.to_owned() }
}

async fn list(stack: &TestStack, person: &Person<'_>, call: &str, more: &[(&str, &str)]) -> Result<Value> {
    let query = [&[("external_id", person.external_id.as_str())], more].concat();
    Ok(stack.backend(&format!("jira/{call}"), &query).await?.json(200))
}

fn keys(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|entry| entry["key"].as_str().unwrap_or("none")).collect()
}

#[test]
fn an_unexpected_value_loses_no_issue() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let fine = json!({ "id": "2", "key": "SHIP-2", "fields": { "summary": "Fine", "labels": ["a"] } });
        for odd in odd_values() {
            let all_odd = json!({
                "summary": odd, "description": odd, "status": odd, "assignee": odd, "reporter": odd, "priority": odd,
                "issuetype": odd, "labels": odd, "parent": odd, "created": odd, "updated": odd,
            });
            let issues = json!([
                { "id": "1", "key": "SHIP-1", "fields": all_odd },
                { "id": "3", "key": odd, "fields": odd },
                odd,
                fine,
            ]);
            let page = json!({ "issues": issues, "isLast": true });
            let count = if odd.is_object() { 4 } else { 3 };
            let project = [("jira_project_id", "SHIP")];
            stack.atlassian().inject(person.trouble("search/jql", answers(page.clone())).times(1));
            let flat = list(stack, &person, "get-tickets-for-project", &project).await?;
            assert_eq!(flat["total"], count, "{odd}: {flat}");
            let (first, last) = (&flat["tickets"][0], &flat["tickets"][count - 1]);
            assert_eq!(
                (&first["id"], &first["summary"], &first["labels"]),
                (&json!("1"), &json!(null), &json!([]))
            );
            assert_eq!((&last["summary"], &last["labels"]), (&json!("Fine"), &json!(["a"])));
            assert_eq!(flat["tickets"][1]["key"], json!(null));
            stack.atlassian().inject(person.trouble("search/jql", answers(page)).times(1));
            let nested = list(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "502")]).await?;
            assert_eq!(nested["total"], count, "{odd}: {nested}");
            assert_eq!(nested["tickets"][0]["fields"]["summary"], json!(null));
            assert_eq!(nested["tickets"][count - 1]["fields"]["labels"], json!(["a"]));
        }
        Ok(())
    });
}

#[test]
fn an_unexpected_value_loses_no_issue_of_a_long_list() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let id = stack.project("ODDLONG", 102)?;
        let whole = list(stack, &person, "get-tickets-for-project", &[("jira_project_id", &id)]).await?;
        let odd = json!({ "id": whole["tickets"][100]["id"], "fields": { "labels": [null], "status": 7 } });
        let nameless = json!({ "fields": null });
        let bulk = json!({ "issues": [null, odd, nameless], "issueErrors": null });
        stack.atlassian().inject(person.trouble("bulkfetch", answers(bulk)).times(1));
        let list = list(stack, &person, "get-tickets-for-project", &[("jira_project_id", &id)]).await?;
        assert_eq!(list["total"], 102);
        assert_eq!(list["tickets"][100]["id"], whole["tickets"][100]["id"]);
        assert_eq!(list["tickets"][101]["id"], json!(null));
        Ok(())
    });
}

#[test]
fn text_cut_within_a_character_loses_no_issue() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let page = r#"{"issues":[{"id":"1","key":"SHIP-1","fields":{"summary":"Cut \ud83d"}},{"id":"2","key":"SHIP-2"}],"isLast":true}"#;
        let json = [("content-type", "application/json")];
        stack.atlassian().inject(person.trouble("search/jql", reply(200, &json, page)).times(1));
        let list = list(stack, &person, "get-tickets-for-project", &[("jira_project_id", "SHIP")]).await?;
        assert_eq!((&list["total"], &list["tickets"][0]["summary"]), (&json!(2), &json!("Cut \u{fffd}")));
        Ok(())
    });
}

#[test]
fn an_account_without_a_visible_name_is_not_null() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let fields = json!({ "assignee": { "accountId": "5:a", "displayName": null }, "reporter": null });
        let issue = json!({ "id": "1", "key": "SHIP-1", "fields": fields });
        let page = json!({ "issues": [issue], "isLast": true });
        stack.atlassian().inject(person.trouble("search/jql", answers(page)).times(1));
        let flat = list(stack, &person, "get-tickets-for-project", &[("jira_project_id", "SHIP")]).await?;
        let ticket = &flat["tickets"][0];
        assert_eq!((&ticket["assignee"], &ticket["assignee_account_id"]), (&json!(null), &json!("5:a")));
        assert_eq!((&ticket["reporter"], &ticket["reporter_account_id"]), (&json!(null), &json!(null)));
        stack.atlassian().inject(person.trouble("GET", answers(issue)).times(1));
        let details = person.details("SHIP-1").await?.json(200);
        let hidden =
            json!({ "accountId": "5:a", "displayName": null, "emailAddress": null, "avatarUrl": null });
        assert_eq!((&details["issue"]["assignee"], &details["issue"]["reporter"]), (&hidden, &json!(null)));
        Ok(())
    });
}

#[test]
fn an_unexpected_value_loses_no_project_board_sprint_or_issue() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let ship = [("jira_project_id", "SHIP")];
        for odd in odd_values() {
            let once = |path: &str, body: Value| {
                stack.atlassian().inject(person.trouble(path, answers(body)).times(1))
            };
            let project = json!({
                "id": "1", "key": "ODD", "name": odd, "projectTypeKey": odd, "style": odd, "isPrivate": [odd],
                "avatarUrls": odd, "projectCategory": odd, "lead": odd,
            });
            let page =
                json!({ "values": [project, { "id": "2", "key": "FINE" }], "isLast": true, "total": odd });
            once("project/search", page);
            let projects = list(stack, &person, "get-projects", &[]).await?;
            assert_eq!(keys(&projects["projects"]), ["ODD", "FINE"], "{odd}");
            assert_eq!(projects["projects"][0]["name"], json!(null));

            let board = json!({ "id": 7, "name": odd, "type": "kanban", "isPrivate": odd });
            let page =
                json!({ "values": [board, { "id": odd, "name": "Fine" }], "isLast": true, "total": odd });
            once("1.0/board?", page.clone());
            let boards = list(stack, &person, "get-boards-for-project", &ship).await?;
            assert_eq!(boards["boards"][0], json!({ "id": 7, "name": null, "type": "kanban" }));
            assert_eq!(boards["boards"][1], json!({ "id": null, "name": "Fine", "type": null }));
            once("1.0/board?", page);
            let boards = list(stack, &person, "get-active-sprints-for-project", &ship).await?;
            assert_eq!(boards["boards"].as_array().map(Vec::len), Some(2), "{boards}");

            let sprint = json!({ "id": 9, "name": odd, "state": "active", "startDate": odd, "goal": odd });
            let page = json!({ "values": [odd, sprint, { "id": 10, "name": "Fine" }], "isLast": true });
            once("board/1/sprint", page);
            let sprints = list(stack, &person, "get-all-sprints-for-project", &ship).await?;
            let of_first: Vec<_> = sprints["boards"][0]["sprints"].as_array().into_iter().flatten().collect();
            let ids: Vec<_> = of_first.iter().filter_map(|sprint| sprint["id"].as_i64()).collect();
            assert_eq!(ids, [9, 10], "{odd}: {sprints}");
            once("sprint/502", json!({ "id": odd, "name": "Fine", "state": odd, "endDate": odd }));
            let tickets = list(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "502")]).await?;
            assert_eq!((&tickets["sprint"]["id"], &tickets["sprint"]["name"]), (&json!(502), &json!("Fine")));

            once(
                "GET",
                json!({ "id": 1, "key": odd, "fields": { "summary": "Fine", "status": odd, "labels": odd } }),
            );
            let issue = person.details("SHIP-1").await?.json(200);
            assert_eq!((&issue["issue"]["id"], &issue["issue"]["summary"]), (&json!("1"), &json!("Fine")));
            once("GET", json!({ "id": "1", "key": "SHIP-1", "fields": odd, "properties": odd }));
            assert_eq!(person.details("SHIP-1").await?.json(200)["issue"]["summary"], json!(null));
        }
        Ok(())
    });
}

#[test]
fn an_unexpected_value_loses_no_site() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let harbour = stack.site_id("harbour")?;
        let body = json!([
            null,
            { "id": harbour, "name": 7, "url": null, "avatarUrl": [], "scopes": [null, "read:jira-work"] },
            { "id": "other", "name": "Other", "url": "https://other.example.com", "scopes": ["read:jira-work"] },
        ]);
        let rule = || Rule::new(Class::Resources, answers(body.clone())).account(&person.account).times(1);
        stack.atlassian().inject(rule());
        let path = "/api/frontend/finalize-connection/jira/fetch-available-sites";
        let sites = stack.get(&format!("{path}?connection_code={code}")).await?.json(200);
        assert_eq!(
            sites["sites"][0],
            json!({ "site_id": harbour, "site_name": null, "url": null, "avatar_url": null })
        );
        assert_eq!(sites["sites"][1]["site_name"], "Other");
        stack.atlassian().inject(rule());
        let page = stack.get(&format!("/finalize-connection/jira/{code}")).await?;
        assert!(page.page(200).contains("Other") && page.body.contains(&harbour), "{}", page.body);
        Ok(())
    });
}

#[test]
fn a_response_confirms_a_create_if_it_has_an_id_or_a_key() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("ODDMADE", 0)?;
        let fields = json!({ "jira_project_id": project, "summary": "New", "issue_type_id": "10001" });
        let whole = person.create(fields.clone()).await?.json(201)["ticket"].clone();
        let id: u64 = whole["id"].as_str().context("no id")?.parse()?;
        for named in [json!({ "id": id, "key": null }), json!({ "key": whole["key"], "id": [] })] {
            stack.atlassian().inject(person.trouble(CREATE, answers(named)).times(1));
            assert_eq!(person.create(fields.clone()).await?.json(201)["ticket"], whole);
        }
        for nothing in [json!({}), json!([]), json!({ "id": null, "key": 7 })] {
            stack.atlassian().inject(person.trouble(CREATE, answers(nothing)).times(1));
            assert_eq!(person.create(fields.clone()).await?.json(502)["code"], "outcome_unknown");
        }
        Ok(())
    });
}

#[test]
fn an_unknown_project_is_recognised_in_every_language() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let fields = json!({ "jira_project_id": "SHIP", "summary": "New", "issue_type_id": "10001" });
        for (field, said) in [
            ("project", "valid project is required"),
            ("project", "Gib eine gültige Projekt-ID an"),
            ("issuetype", "有効な課題タイプを指定してください"),
        ] {
            let body = json!({ "errorMessages": null, "errors": { field: said } });
            let fault = Fault::Status { status: 400, body: Some(body) };
            stack.atlassian().inject(person.trouble(CREATE, fault).times(1));
            let missing = person.create(fields.clone()).await?.json(404);
            assert_eq!(missing["error"], "Project or issue type not found", "{said}");
            assert_eq!(missing["details"]["fields"][field], said);
        }
        for (body, messages) in [
            (json!({ "errorMessages": null, "errors": ["Nein"] }), json!(["Nein"])),
            (
                json!({ "errorMessages": ["valid project is required"], "errors": null }),
                json!(["valid project is required"]),
            ),
        ] {
            let fault = Fault::Status { status: 400, body: Some(body) };
            stack.atlassian().inject(person.trouble(CREATE, fault).times(1));
            assert_eq!(person.create(fields.clone()).await?.json(400)["details"]["messages"], messages);
        }
        Ok(())
    });
}

#[test]
fn a_rejected_fresh_token_is_an_error_of_jiras() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = stack.token_requests(&person.account);
        let refusal = json!({ "code": 401, "message": "Unauthorized" });
        let fault = Fault::Status { status: 401, body: Some(refusal) };
        stack.atlassian().inject(person.trouble("GET", fault).times(2));
        let answer = person.details("SHIP-1").await?.json(502);
        assert_eq!((&answer["code"], answer.get("needs_reauthorization")), (&json!("provider_failed"), None));
        assert_eq!(stack.token_requests(&person.account) - before, 1, "one renewal");
        assert_eq!(person.validity().await?["is_invalid"], false);
        person.access_token().await?.json(200);
        Ok(())
    });
}

#[test]
fn a_missing_scope_is_named_whatever_jiras_message() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        settings.withheld_scopes = ["read:jira-work".to_owned(), "read:issue-details:jira".to_owned()].into();
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        // An older row, on which the granted scopes are not known.
        person.forget_granted_scopes().await?;
        let refusal = json!({ "code": 401, "message": "Nicht autorisiert; der Bereich stimmt nicht" });
        stack
            .atlassian()
            .inject(person.trouble("GET", Fault::Status { status: 401, body: Some(refusal) }).times(2));
        let answer = person.details("SHIP-1").await?.json(403);
        assert_eq!((&answer["code"], answer.get("needs_reauthorization")), (&json!("missing_scope"), None));
        assert!(answer["error"].as_str().is_some_and(|error| error.contains("read:jira-work")), "{answer}");
        Ok(())
    });
}

#[test]
fn a_firewalls_page_is_not_a_missing_permission() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let html = [("content-type", "text/html; charset=UTF-8")];
        for fault in
            [reply(403, &html, "<!DOCTYPE html><title>Blocked</title>"), reply(403, &[], "error code: 1020")]
        {
            stack.atlassian().inject(person.trouble("GET", fault.clone()).times(1));
            assert_eq!(person.details("SHIP-1").await?.json(502)["code"], "provider_failed", "{fault:?}");
            // This rejection does not mean that the board has no sprints.
            stack.atlassian().inject(person.trouble("board/1/sprint", fault).times(1));
            let query = [("external_id", person.external_id.as_str()), ("jira_project_id", "SHIP")];
            stack.backend("jira/get-all-sprints-for-project", &query).await?.refusal(502);
        }
        stack.atlassian().inject(
            person.trouble("GET", reply(403, &[("content-type", "application/json")], "{}")).times(1),
        );
        assert_eq!(person.details("SHIP-1").await?.json(403)["code"], "jira_forbidden");
        Ok(())
    });
}

#[test]
fn rate_limits_are_reported_with_their_duration() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let at = |seconds: u64| std::time::SystemTime::now() + std::time::Duration::from_secs(seconds);
        let date = httpdate::fmt_http_date(at(600));
        let reset =
            time::OffsetDateTime::from(at(900)).format(&time::format_description::well_known::Rfc3339)?;
        for (headers, seconds) in [
            (vec![("retry-after", date.as_str())], 590..=600),
            (vec![("retry-after", "59.5")], 60..=60),
            (vec![("x-ratelimit-reset", reset.as_str())], 890..=900),
            (vec![("ratelimit-reason", "jira-cost-based"), ("retry-after", "600.5")], 601..=601),
        ] {
            stack.atlassian().inject(person.trouble("GET", reply(429, &headers, "")).times(1));
            let answer = person.details("SHIP-1").await?;
            answer.refusal(429);
            let told: u64 = answer.header("retry-after").parse()?;
            assert!(seconds.contains(&told), "{headers:?}: {told}");
        }
        // A fraction of a second is waited out.
        stack.atlassian().inject(person.trouble("GET", reply(429, &[("retry-after", "0.3")], "")).times(1));
        person.details("SHIP-1").await?.json(200);
        Ok(())
    });
}
