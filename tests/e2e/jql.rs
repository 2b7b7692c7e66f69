//! Searches with the caller's JQL.

use anyhow::{Context, Result};
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use sandbox::Fault;
use serde_json::{Value, json};

const PARSE: &str = "jql/parse";

async fn search(person: &Person<'_>, fields: Value) -> Result<Answer> {
    person.write(Method::POST, "search-tickets", fields).await
}

async fn count(person: &Person<'_>, jql: &str) -> Result<Answer> {
    person.write(Method::POST, "count-tickets", json!({ "jql": jql })).await
}

fn keys(answer: &Value) -> Vec<String> {
    let tickets = answer["tickets"].as_array().cloned().unwrap_or_default();
    tickets.iter().filter_map(|ticket| ticket["key"].as_str()).map(str::to_owned).collect()
}

/// The last segments of the paths that Jira was called with since there were `before` requests.
fn calls(person: &Person<'_>, before: usize) -> Vec<String> {
    let requests = person.jira_requests();
    requests[before..].iter().map(|r| r.path.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_query_finds_tickets_in_its_order() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let listed = person.read("get-tickets-for-project", &[("jira_project_id", "SHIP")]).await?.json(200);
        for (jql, expected) in [
            ("project = SHIP AND sprint in openSprints() AND issuetype = Bug", &["SHIP-5"][..]),
            ("key in (SHIP-3, SHIP-1) ORDER BY key ASC", &["SHIP-1", "SHIP-3"]),
            (" key in (SHIP-3, SHIP-1) ORDER BY key DESC ", &["SHIP-3", "SHIP-1"]),
            ("key in (\r\n\tSHIP-3,\r\n\tSHIP-1\r\n)\nORDER BY key ASC\n", &["SHIP-1", "SHIP-3"]),
            ("project = SHIP AND labels in (leak, season) AND NOT (status = \"In Progress\")", &["SHIP-5"]),
            ("key = SHIP-1 AND labels = nowhere", &[]),
        ] {
            let before = person.jira_requests().len();
            let found = search(&person, json!({ "jql": jql })).await?.json(200);
            assert_eq!(keys(&found), expected, "{jql}");
            assert_eq!((&found["total"], &found["next_cursor"]), (&json!(expected.len()), &json!(null)));
            assert_eq!(calls(&person, before), ["parse", "jql"], "{jql}");
            let before = person.jira_requests().len();
            assert_eq!(count(&person, jql).await?.json(200), json!({ "count": expected.len() }), "{jql}");
            assert_eq!(calls(&person, before), ["parse", "approximate-count"], "{jql}");
        }
        let found =
            search(&person, json!({ "jql": "project = SHIP ORDER BY created DESC, key DESC" })).await?;
        assert_eq!(found.json(200)["tickets"], listed["tickets"], "as get-tickets-for-project lists them");
        let adf = json!({ "jql": "key = SHIP-2", "description_format": "adf" });
        assert_eq!(search(&person, adf).await?.json(200)["tickets"][0]["description"]["type"], "doc");
        Ok(())
    });
}

#[test]
fn further_fields_are_returned_as_people_read_them() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("EXTRA", 120)?;
        let fields =
            json!(["customfield_10016", "customfield_10031", "fixVersions", "duedate", "customfield_99999"]);
        let grain = json!({ "jql": "key = SHIP-2", "fields": fields });
        let found = search(&person, grain).await?.json(200);
        let expected = json!({
            "customfield_10016": 5.0, "customfield_10031": "Major", "fixVersions": ["2.0"], "duedate": null,
            "customfield_99999": null,
        });
        assert_eq!(found["tickets"][0]["fields"], expected);
        assert_eq!(found["tickets"][0]["summary"], "Load the grain");
        // The same if the tickets are fetched by their ids.
        let many = json!({ "jql": format!("project = {project}"), "fields": ["duedate"], "limit": 500 });
        let found = search(&person, many).await?.json(200);
        let tickets = found["tickets"].as_array().context("no tickets")?;
        assert_eq!(tickets.len(), 120);
        assert!(
            tickets.iter().all(|ticket| ticket["fields"].as_object().is_some_and(|fields| fields.len() == 1))
        );
        Ok(())
    });
}

#[test]
fn results_are_always_paged() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let other = stack.connected_user().await?;
        let project = stack.project("MANY", 230)?;
        let jql = format!("project = {project} ORDER BY key ASC");
        let expected: Vec<String> = (1..=230).map(|number| format!("MANY-{number}")).collect();
        for limit in [json!(null), json!(70), json!(1000)] {
            let (mut found, mut body) = (Vec::new(), json!({ "jql": jql, "limit": limit }));
            loop {
                let before = person.jira_requests().len();
                let page = search(&person, body.clone()).await?.json(200);
                let is_first = found.is_empty();
                // Only the first page is parsed.
                let expected_calls: &[&str] = match (is_first, limit == 1000) {
                    (true, true) => &["parse", "jql", "bulkfetch", "bulkfetch", "bulkfetch"],
                    (true, false) => &["parse", "jql"],
                    (false, _) => &["jql"],
                };
                assert_eq!(calls(&person, before), expected_calls, "{limit}");
                found.extend(keys(&page));
                if page["next_cursor"].is_null() {
                    break;
                }
                body = json!({ "jql": jql, "cursor": page["next_cursor"] });
            }
            assert_eq!(found, expected, "{limit}");
        }
        let page =
            search(&person, json!({ "jql": jql, "limit": 10, "fields": ["duedate"] })).await?.json(200);
        let cursor = &page["next_cursor"];
        for (person, body) in [
            (&person, json!({ "jql": "project = SHIP", "fields": ["duedate"], "cursor": cursor })),
            (&person, json!({ "jql": jql, "cursor": cursor })),
            (&other, json!({ "jql": jql, "fields": ["duedate"], "cursor": cursor })),
            (&person, json!({ "jql": jql, "fields": ["duedate"], "cursor": "x" })),
        ] {
            let before = person.jira_requests().len();
            assert!(search(person, body).await?.refusal(400).contains("cursor"));
            assert_eq!(person.jira_requests().len(), before);
        }
        let rule = person.trouble("search/jql", Fault::Status { status: 400, body: None });
        stack.atlassian().inject(rule.times(1));
        let next = json!({ "jql": jql, "fields": ["duedate"], "cursor": cursor });
        assert!(search(&person, next.clone()).await?.refusal(400).contains("start again"));
        assert_eq!(keys(&search(&person, next).await?.json(200)), expected[10..20]);
        Ok(())
    });
}

#[test]
fn a_new_ticket_is_found_although_the_index_lags() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let mut settings = stack.atlassian().settings(None);
        settings.search_lag = 1000;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let project = stack.project("HIDDEN", 1)?;
        let fresh = person.task(&project, "Fresh").await?;
        let jql = format!("project = {project} AND summary ~ fresh");
        assert_eq!(keys(&search(&person, json!({ "jql": jql })).await?.json(200)), [fresh]);
        assert_eq!(count(&person, &jql).await?.json(200)["count"], 0, "as documented");
        Ok(())
    });
}

#[test]
fn wrong_queries_are_refused_with_jiras_reasons() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let both = async |jql: &str| {
            let refused = search(&person, json!({ "jql": jql })).await?.json(400);
            let counted = count(&person, jql).await?.json(400);
            assert_eq!((&refused["error"], &refused["code"]), (&counted["error"], &counted["code"]), "{jql}");
            assert_eq!(refused["details"], counted["details"], "{jql}");
            anyhow::Ok(refused)
        };
        for jql in [
            "project = SHIP)",
            "project = SHIP) OR (project != SHIP",
            "project = SHIP AND",
            "colour = red",
            "project = \"SHIP",
            "project = SHIP; key = SHIP-1",
            "project = SHIP ORDER BY colour",
            "text ~ \"*rope\"",
            "💥",
        ] {
            let before = person.jira_requests().len();
            let refused = both(jql).await?;
            assert_eq!(calls(&person, before), ["parse", "parse"], "{jql}");
            assert_eq!(refused["code"], "jira_refused", "{refused}");
            assert_eq!(refused["error"], "jql is not valid: details has Jira's reasons");
            assert!(refused["details"]["messages"][0].is_string(), "{refused}");
        }
        for jql in ["ORDER BY created", "order by key desc", " "] {
            let refused = both(jql).await?;
            assert_eq!(refused["code"], "invalid_request", "{refused}");
            assert!(refused["error"].as_str().is_some_and(|said| said.contains("bounded")), "{refused}");
        }
        // These pass the parser.
        let eight = "project = SHIP ORDER BY key, key, key, key, key, key, key, key";
        for jql in ["project = NOSUCH", "assignee = nobody", eight] {
            let refused = both(jql).await?;
            assert_eq!(refused["code"], "jira_refused", "{refused}");
            assert!(refused["error"].as_str().is_some_and(|said| said.contains("has to exist")), "{refused}");
            assert!(refused["details"]["messages"][0].is_string(), "{refused}");
        }
        Ok(())
    });
}

#[test]
fn wrong_requests_do_not_reach_jira() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = person.jira_requests().len();
        let ship = "project = SHIP";
        for (body, status, said) in [
            (json!({}), 400, "Missing jql"),
            (json!({ "jql": null }), 400, "Missing jql"),
            (json!({ "jql": [ship] }), 400, "'jql' must be a string"),
            (json!({ "jql": "project = SHIP\u{0}" }), 400, "jql contains control characters"),
            (json!({ "jql": format!("key = {}", "A".repeat(10_240)) }), 413, "longer than"),
            (json!({ "jql": ship, "limit": 0 }), 400, "limit"),
            (json!({ "jql": ship, "limit": 1001 }), 400, "limit"),
            (json!({ "jql": ship, "limit": -1 }), 400, "limit"),
            (json!({ "jql": ship, "limit": 1.5 }), 400, "limit"),
            (json!({ "jql": ship, "limit": "10" }), 400, "limit"),
            (json!({ "jql": ship, "limit": 1e300 }), 400, "limit"),
            (json!({ "jql": ship, "fields": "duedate" }), 400, "fields"),
            (json!({ "jql": ship, "fields": ["*all"] }), 400, "fields"),
            (json!({ "jql": ship, "fields": ["summary"] }), 400, "further fields"),
            (json!({ "jql": ship, "cursor": 7 }), 400, "cursor"),
            (json!({ "jql": ship, "description_format": "html" }), 400, "description_format"),
            (json!({ "jql": ship, "max_results": 7 }), 400, "max_results is not a field of search-tickets"),
        ] {
            let refusal = search(&person, body.clone()).await?.refusal(status);
            assert!(refusal.contains(said), "{body}: {refusal}");
        }
        let refusal = person.write(Method::POST, "count-tickets", json!({ "jql": ship, "limit": 1 })).await?;
        assert!(refusal.refusal(400).contains("limit is not a field of count-tickets"));
        assert_eq!(person.jira_requests().len(), before);
        Ok(())
    });
}

#[test]
fn a_failing_jira_is_survived_or_reported() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let ship = json!({ "jql": "key = SHIP-1" });
        let inject = |line: &str, fault: Fault, times: u32| {
            stack.atlassian().inject(person.trouble(line, fault).times(times));
        };
        let limited =
            |wait| Fault::RateLimited { retry_after: Some(wait), reason: Some("jira-burst-based".into()) };
        for line in [PARSE, "search/jql"] {
            for fault in
                [Fault::Drop, Fault::TruncatedBody, Fault::Status { status: 503, body: None }, limited(1)]
            {
                inject(line, fault, 1);
                assert_eq!(keys(&search(&person, ship.clone()).await?.json(200)), ["SHIP-1"], "{line}");
            }
            inject(line, Fault::Status { status: 502, body: None }, 3);
            assert_eq!(search(&person, ship.clone()).await?.refusal(502), "Failed to search Jira tickets");
            inject(line, Fault::MalformedJson, 1);
            assert_eq!(search(&person, ship.clone()).await?.refusal(502), "Failed to search Jira tickets");
            inject(line, Fault::RateLimited { retry_after: Some(60), reason: None }, 1);
            let answer = search(&person, ship.clone()).await?;
            assert!(answer.refusal(429).contains("Retry-After"));
            assert_eq!(answer.header("retry-after"), "60");
        }
        let odd = |body: Value| Fault::Status { status: 200, body: Some(body) };
        for parsed in [json!({}), json!({ "queries": [] }), json!({ "queries": [7] }), json!([]), json!(null)]
        {
            inject(PARSE, odd(parsed), 1);
            assert_eq!(count(&person, "key = SHIP-1").await?.refusal(502), "Failed to count Jira tickets");
        }
        // Jira may describe a query in another way, or not at all: its search decides.
        for parsed in
            [json!({}), json!({ "structure": null, "errors": [] }), json!({ "structure": 7, "errors": 7 })]
        {
            inject(PARSE, odd(json!({ "queries": [parsed] })), 1);
            assert_eq!(count(&person, "key = SHIP-1").await?.json(200)["count"], 1);
        }
        for counted in [json!({}), json!({ "count": null }), json!({ "count": [1] }), json!([])] {
            inject("approximate-count", odd(counted), 1);
            assert_eq!(count(&person, "key = SHIP-1").await?.refusal(502), "Failed to count Jira tickets");
        }
        inject(
            "approximate-count",
            Fault::Status { status: 403, body: Some(json!({ "errorMessages": ["no"] })) },
            1,
        );
        assert_eq!(count(&person, "key = SHIP-1").await?.json(403)["code"], "jira_forbidden");
        Ok(())
    });
}

#[test]
fn a_missing_scope_is_named() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        let withheld = ["read:jira-work", "read:issue-details:jira", "read:jql:jira"];
        settings.withheld_scopes = withheld.map(str::to_owned).into();
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        for answer in
            [search(&person, json!({ "jql": "key = SHIP-1" })).await?, count(&person, "key = SHIP-1").await?]
        {
            let refused = answer.json(403);
            assert_eq!(refused["code"], "missing_scope", "{refused}");
            assert!(
                refused["error"].as_str().is_some_and(|said| said.contains("read:jira-work")),
                "{refused}"
            );
        }
        Ok(())
    });
}
