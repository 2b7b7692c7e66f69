//! The issues of projects and sprints.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use juncture_tests::{Answer, Person, TestStack, run};
use sandbox::{Class, Fault, Rule};
use serde_json::{Value, json};

const CALL: &str = "jira/get-tickets-for-project";

async fn tickets(
    stack: &TestStack,
    person: &Person<'_>,
    project: &str,
    more: &[(&str, &str)],
) -> Result<Answer> {
    let query = [("external_id", person.external_id.as_str()), ("jira_project_id", project)];
    stack.backend(CALL, &[&query, more].concat()).await
}

fn keys(answer: &Value) -> Vec<String> {
    let tickets = answer["tickets"].as_array().cloned().unwrap_or_default();
    tickets.iter().filter_map(|ticket| ticket["key"].as_str()).map(str::to_owned).collect()
}

/// The issue keys of a generated project, newest first.
fn newest_first(key: &str, count: usize) -> Vec<String> {
    (1..=count).rev().map(|number| format!("{key}-{number}")).collect()
}

#[test]
fn up_to_a_hundred_issues_cost_one_round_trip() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for (key, count) in [("NONE", 0), ("ONE", 1), ("FULL", 100)] {
            let id = stack.project(key, count)?;
            let before = person.jira_requests().len();
            let answer = tickets(stack, &person, &id, &[]).await?.json(200);
            assert_eq!(keys(&answer), newest_first(key, count));
            assert_eq!(answer["total"], count);
            assert_eq!((&answer["sprint"], &answer["next_cursor"]), (&json!(null), &json!(null)));
            assert_eq!(person.jira_requests().len() - before, 1);
        }
        Ok(())
    });
}

#[test]
fn an_issue_has_the_fields_of_the_contract_and_more() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let answer = tickets(stack, &person, "SHIP", &[]).await?.json(200);
        let find = |summary: &str| {
            let tickets = answer["tickets"].as_array()?;
            tickets.iter().find(|ticket| ticket["summary"] == summary).cloned()
        };
        let grain = find("Load the grain").context("no grain")?;
        let epic = find("Autumn trade").context("no epic")?;
        let sam = stack
            .atlassian()
            .accounts()
            .into_iter()
            .find(|account| account.key == "sam")
            .context("no Sam")?;
        assert_eq!(
            grain,
            json!({
                "id": grain["id"], "key": grain["key"], "url": grain["url"], "summary": "Load the grain",
                "description": "Before noon:\n\n- [x] Open the hatch\n- [ ] Lower the crane",
                "status": "In Progress", "status_id": "3", "status_category": "indeterminate", "assignee": "Sam Single-Site", "reporter": grain["reporter"],
                "assignee_account_id": sam.account_id, "reporter_account_id": grain["reporter_account_id"],
                "priority": "Highest", "priority_id": "1", "issue_type": "Story", "issue_type_id": "10004",
                "labels": [], "parent": epic["key"], "parent_id": epic["id"],
                "created": grain["created"], "updated": grain["updated"],
            })
        );
        assert!(grain["created"].as_str().is_some_and(|at| at.ends_with(".123Z")), "{grain}");
        let letter = find("Letter without a sender").context("no letter")?;
        for absent in [
            "description",
            "assignee",
            "assignee_account_id",
            "reporter",
            "reporter_account_id",
            "priority",
            "priority_id",
            "parent",
            "parent_id",
        ] {
            assert_eq!(letter[absent], json!(null), "{absent}");
        }
        Ok(())
    });
}

#[test]
fn larger_projects_are_listed_completely_and_in_order() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["lighthouse"])?;
        person.connect("lighthouse").await?;
        let projects = person.projects().await?.json(200);
        let (id, key) = (projects["projects"][0]["id"].clone(), projects["projects"][0]["key"].clone());
        let (id, key) = (id.as_str().context("no id")?, key.as_str().context("no key")?);
        for name in [id, key] {
            let before = person.jira_requests().len();
            let answer = tickets(stack, &person, name, &[]).await?.json(200);
            assert_eq!(keys(&answer), newest_first(key, 230));
            // One page of issues, one page of ids, and the rest in batches of a hundred.
            assert_eq!(person.jira_requests().len() - before, 4);
        }
        Ok(())
    });
}

#[test]
fn pages_add_up_to_the_whole_list() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let id = stack.project("PARTS", 430)?;
        for limit in ["40", "150", "1000"] {
            let mut gathered = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                // A cursor keeps its limit.
                let more = match &cursor {
                    Some(cursor) => vec![("cursor", cursor.as_str())],
                    None => vec![("limit", limit)],
                };
                let part = tickets(stack, &person, &id, &more).await?.json(200);
                assert_eq!(part["total"], keys(&part).len());
                assert!(keys(&part).len() <= limit.parse()?);
                gathered.extend(keys(&part));
                cursor = part["next_cursor"].as_str().map(str::to_owned);
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(gathered, newest_first("PARTS", 430), "{limit}");
        }
        Ok(())
    });
}

#[test]
fn a_cursor_is_valid_for_its_own_list_only() {
    run(async {
        let stack = TestStack::shared().await?;
        let (person, other) = (stack.connected_user().await?, stack.connected_user().await?);
        let id = stack.project("CURSOR", 30)?;
        let part = tickets(stack, &person, &id, &[("limit", "10")]).await?.json(200);
        let cursor = part["next_cursor"].as_str().context("no cursor")?;
        let before = person.jira_requests().len();
        // A character of the ciphertext: after the version and the key id, before any padding.
        let mut forged = cursor.to_owned();
        let letter = if cursor.as_bytes()[100] == b'a' { "b" } else { "a" };
        forged.replace_range(100..101, letter);
        for nonsense in ["x", &forged, "djE6eDp5", "../..", "eyJsIjoxMCwicCI6MH0"] {
            let refusal = tickets(stack, &person, &id, &[("cursor", nonsense)]).await?.refusal(400);
            assert!(refusal.contains("cursor"), "{nonsense}: {refusal}");
        }
        tickets(stack, &person, "SHIP", &[("cursor", cursor)]).await?.refusal(400);
        tickets(stack, &other, &id, &[("cursor", cursor)]).await?.refusal(400);
        let query =
            [("external_id", person.external_id.as_str()), ("jira_project_id", &id), ("cursor", cursor)];
        stack.backend("jira/get-boards-for-project", &query).await?.refusal(400);
        for limit in ["0", "1001", "-1", "ten", "1e2", " 1"] {
            let refusal = tickets(stack, &person, &id, &[("limit", limit)]).await?.refusal(400);
            assert!(refusal.contains("limit"), "{limit}: {refusal}");
        }
        assert_eq!(person.jira_requests().len(), before);
        // A cursor that Jira no longer accepts is not mistaken for a missing project.
        let gone = json!({ "errorMessages": ["The nextPageToken is invalid or has expired."], "errors": {} });
        let rule = Rule::new(Class::Jira, Fault::Status { status: 400, body: Some(gone) });
        stack.atlassian().inject(rule.account(&person.account).times(1));
        let refusal = tickets(stack, &person, &id, &[("cursor", cursor)]).await?.refusal(400);
        assert!(refusal.contains("start again"), "{refusal}");
        tickets(stack, &person, &id, &[("cursor", cursor)]).await?.json(200);
        Ok(())
    });
}

#[test]
fn a_new_issue_is_found_although_the_index_lags() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let mut settings = stack.atlassian().settings(None);
        settings.search_lag = 1000;
        stack.atlassian().set_settings(Some(&person.account), settings);
        for (key, count) in [("LAG", 20), ("LONGLAG", 150)] {
            let id = stack.project(key, count)?;
            let fresh = person.task(&id, "Fresh").await?;
            // A token that Jira rejects does not lose the cursor either.
            stack.atlassian().expire_access_tokens(Some(&person.account));
            let found = keys(&tickets(stack, &person, &id, &[]).await?.json(200));
            assert_eq!(found.len(), count + 1);
            assert_eq!(found.first(), Some(&fresh));
            let part = tickets(stack, &person, &id, &[("limit", "10")]).await?.json(200);
            assert_eq!(keys(&part), found[..10]);
            // Every page sends the same `reconcileIssues`, whatever is created in between.
            person.task(&id, "Fresher").await?;
            let cursor = part["next_cursor"].as_str().context("no cursor")?;
            let part = tickets(stack, &person, &id, &[("cursor", cursor)]).await?.json(200);
            assert_eq!(keys(&part), found[10..20]);
        }
        Ok(())
    });
}

#[test]
fn issues_that_jira_omits_are_gone_and_unreadable_ones_are_retried() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let id = stack.project("HOLES", 150)?;
        let whole = tickets(stack, &person, &id, &[]).await?.json(200);
        let answers = |body: Value| {
            let fault = Fault::Status { status: 200, body: Some(body) };
            Rule::new(Class::Jira, fault).account(&person.account).path("bulkfetch").times(1)
        };
        stack.atlassian().inject(answers(json!({ "issues": [], "issueErrors": [] })));
        let answer = tickets(stack, &person, &id, &[]).await?.json(200);
        assert_eq!(keys(&answer), newest_first("HOLES", 150)[..100]);
        let failed = json!({ "id": whole["tickets"][120]["id"], "errorMessage": "try again" });
        stack.atlassian().inject(answers(json!({ "issues": [], "issueErrors": [failed] })));
        let answer = tickets(stack, &person, &id, &[]).await?.json(200);
        assert_eq!(keys(&answer).len(), 101);
        for _ in 0..2 {
            stack.atlassian().inject(answers(json!({ "issues": [], "issueErrors": [failed] })));
        }
        assert_eq!(tickets(stack, &person, &id, &[]).await?.refusal(502), "Failed to fetch Jira tickets");
        Ok(())
    });
}

#[test]
fn a_repeated_page_token_ends_the_search() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let page = json!({ "issues": [{ "id": "1" }], "isLast": false, "nextPageToken": "again" });
        let rule = Rule::new(Class::Jira, Fault::Status { status: 200, body: Some(page) });
        stack.atlassian().inject(rule.account(&person.account).path("search/jql"));
        let before = person.jira_requests().len();
        assert_eq!(tickets(stack, &person, "SHIP", &[]).await?.json(200)["total"], 1);
        assert_eq!(person.jira_requests().len() - before, 3);
        stack.atlassian().clear_faults_of(&person.account);
        Ok(())
    });
}

fn page_of(issues: &[&str], next: Option<&str>) -> Fault {
    let issues: Vec<Value> =
        issues.iter().map(|key| json!({ "id": key.replace("SHIP-", ""), "key": key })).collect();
    let page = json!({ "issues": issues, "isLast": next.is_none(), "nextPageToken": next });
    Fault::Status { status: 200, body: Some(page) }
}

#[test]
fn an_empty_page_does_not_end_a_search() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let inject = |fault: Fault| stack.atlassian().inject(person.trouble("search/jql", fault).times(1));
        // The only page, behind two empty ones: as a whole list, and with both ways of paging.
        for limit in [None, Some("10"), Some("500")] {
            inject(page_of(&[], Some("one")));
            inject(page_of(&[], Some("one")));
            inject(page_of(&["SHIP-1"], None));
            let bulk = json!({ "issues": [{ "id": "1", "key": "SHIP-1" }] });
            let rule = person.trouble("bulkfetch", Fault::Status { status: 200, body: Some(bulk) });
            stack.atlassian().inject(rule.times(1));
            let more: Vec<_> = limit.iter().map(|limit| ("limit", *limit)).collect();
            let before = person.jira_requests().len();
            let answer = tickets(stack, &person, "SHIP", &more).await?.json(200);
            assert_eq!((keys(&answer), &answer["next_cursor"]), (vec!["SHIP-1".to_owned()], &json!(null)));
            let sent = if limit == Some("500") { 4 } else { 3 };
            assert_eq!(person.jira_requests().len() - before, sent, "{limit:?}");
            stack.atlassian().clear_faults_of(&person.account);
        }
        // The same between pages of ids.
        inject(page_of(&["SHIP-3"], Some("more")));
        inject(page_of(&["SHIP-3"], Some("empty")));
        inject(page_of(&[], Some("last")));
        inject(page_of(&["SHIP-2"], None));
        let bulk = json!({ "issues": [{ "id": "2", "key": "SHIP-2" }] });
        stack
            .atlassian()
            .inject(person.trouble("bulkfetch", Fault::Status { status: 200, body: Some(bulk) }).times(1));
        assert_eq!(keys(&tickets(stack, &person, "SHIP", &[]).await?.json(200)), ["SHIP-3", "SHIP-2"]);
        // No issues at all.
        inject(page_of(&[], None));
        assert_eq!(tickets(stack, &person, "SHIP", &[]).await?.json(200)["total"], 0);
        Ok(())
    });
}

#[test]
fn empty_pages_without_an_end_are_an_error() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        stack.atlassian().inject(person.trouble("search/jql", page_of(&[], Some("again"))));
        for more in [&[][..], &[("limit", "10")], &[("limit", "500")]] {
            let before = person.jira_requests().len();
            let refused = tickets(stack, &person, "SHIP", more).await?.json(502);
            assert_eq!(refused["code"], "search_unfinished");
            assert!(
                refused["error"].as_str().is_some_and(|error| error.contains("empty pages")),
                "{refused}"
            );
            assert_eq!(person.jira_requests().len() - before, 20);
        }
        stack.atlassian().clear_faults_of(&person.account);
        Ok(())
    });
}

#[test]
fn a_project_key_is_accepted_in_any_case() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let whole = tickets(stack, &person, "SHIP", &[]).await?.json(200);
        for key in ["ship", "Ship", "sHIP"] {
            assert_eq!(tickets(stack, &person, key, &[]).await?.json(200), whole);
            for call in
                ["get-boards-for-project", "get-all-sprints-for-project", "get-active-sprints-for-project"]
            {
                let query = [("external_id", person.external_id.as_str()), ("jira_project_id", key)];
                stack.backend(&format!("jira/{call}"), &query).await?.json(200);
            }
        }
        // The cursor works with either case.
        let part = tickets(stack, &person, "SHIP", &[("limit", "2")]).await?.json(200);
        let cursor = part["next_cursor"].as_str().context("no cursor")?;
        tickets(stack, &person, "ship", &[("cursor", cursor)]).await?.json(200);
        stack.project("CASED", 0)?;
        assert_eq!(person.task("cased", "In lower case").await?, "CASED-1");
        Ok(())
    });
}

#[test]
fn the_selected_project_is_the_default() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let id = stack.project("CHOSEN", 3)?;
        for call in [
            CALL,
            "jira/get-boards-for-project",
            "jira/get-all-sprints-for-project",
            "jira/get-active-sprints-for-project",
        ] {
            let refusal = stack.backend(call, &[("external_id", &person.external_id)]).await?.refusal(400);
            assert_eq!(refusal, "No project selected and no project ID provided", "{call}");
        }
        let body = json!({ "external_id": person.external_id, "jira_project_id": id });
        stack.backend_post("jira/select-project", &body).await?.json(200);
        let answer = stack.backend(CALL, &[("external_id", &person.external_id)]).await?.json(200);
        assert_eq!(keys(&answer), newest_first("CHOSEN", 3));
        for (unknown, sentence) in [("999999", "Project not found"), ("NOSUCH", "Project not found")] {
            assert_eq!(tickets(stack, &person, unknown, &[]).await?.refusal(404), sentence);
            assert_eq!(tickets(stack, &person, unknown, &[("limit", "5")]).await?.refusal(404), sentence);
        }
        Ok(())
    });
}

#[test]
fn injection_never_reaches_jira() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = person.jira_requests().len();
        let attempts = [
            "1 OR 1=1",
            "\"",
            "SHIP\" OR project != \"",
            "SHIP'--",
            "10000 ORDER BY key",
            "../../board",
            "10000)",
            "%2e%2e",
            "SHIP OR",
            "💥",
            "1e4",
            "-1",
            "10000\u{2028}",
            "*",
        ];
        let external_id = ("external_id", person.external_id.as_str());
        for attempt in attempts {
            for call in [
                CALL,
                "jira/get-boards-for-project",
                "jira/get-all-sprints-for-project",
                "jira/get-active-sprints-for-project",
            ] {
                let answer = stack.backend(call, &[external_id, ("jira_project_id", attempt)]).await?;
                assert!(answer.refusal(400).contains("jira_project_id"), "{call} {attempt}");
            }
            let answer =
                stack.backend("jira/get-tickets-for-sprint", &[external_id, ("sprint_id", attempt)]).await?;
            assert!(answer.refusal(400).contains("sprint_id"), "{attempt}");
        }
        assert_eq!(person.jira_requests().len(), before);
        Ok(())
    });
}

#[test]
fn a_failing_jira_is_survived_or_reported() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let id = stack.project("STORM", 230)?;
        let inject = |fault: Fault, path: &str, times: u32| {
            let rule = Rule::new(Class::Jira, fault).account(&person.account).path(path).times(times);
            stack.atlassian().inject(rule);
        };
        // Temporary failures are retried.
        for (fault, path) in [
            (Fault::Drop, "bulkfetch"),
            (Fault::TruncatedBody, "search/jql"),
            (Fault::Status { status: 503, body: None }, "search/jql"),
            (
                Fault::RateLimited { retry_after: Some(1), reason: Some("jira-burst-based".into()) },
                "bulkfetch",
            ),
            (Fault::RateLimited { retry_after: None, reason: None }, "search/jql"),
        ] {
            inject(fault, path, 1);
            let answer = tickets(stack, &person, &id, &[]).await?.json(200);
            assert_eq!(keys(&answer), newest_first("STORM", 230));
        }
        // Permanent failures are reported.
        for (fault, times) in [
            (Fault::Status { status: 502, body: None }, 3),
            (Fault::Status { status: 200, body: None }, 1),
            (Fault::Status { status: 200, body: Some(json!([])) }, 1),
            (Fault::MalformedJson, 1),
        ] {
            inject(fault, "search/jql", times);
            let refusal = tickets(stack, &person, &id, &[]).await?.refusal(502);
            assert_eq!(refusal, "Failed to fetch Jira tickets");
        }
        // A limit that lasts longer than the request is not waited for.
        inject(Fault::RateLimited { retry_after: Some(60), reason: None }, "search/jql", 1);
        let before = person.jira_requests().len();
        let answer = tickets(stack, &person, &id, &[]).await?;
        assert!(answer.refusal(429).contains("Retry-After"));
        assert_eq!(answer.header("retry-after"), "60");
        assert_eq!(person.jira_requests().len() - before, 1);
        Ok(())
    });
}

#[test]
fn a_missing_scope_is_named() {
    run(async {
        let stack = TestStack::shared().await?;
        let calls: [(&str, &str, &[&str]); 5] = [
            (CALL, "read:jira-work", &["jira_project_id"]),
            ("jira/get-tickets-for-sprint", "read:sprint:jira-software", &["sprint_id"]),
            ("jira/get-boards-for-project", "read:board-scope:jira-software", &["jira_project_id"]),
            ("jira/get-all-sprints-for-project", "read:sprint:jira-software", &["jira_project_id"]),
            ("jira/get-active-sprints-for-project", "read:sprint:jira-software", &["jira_project_id"]),
        ];
        for (call, scope, parameter) in calls {
            let person = stack.person(&["harbour"])?;
            let mut settings = stack.atlassian().settings(None);
            settings.withheld_scopes = [scope.to_owned(), "read:issue-details:jira".to_owned()].into();
            stack.atlassian().set_settings(Some(&person.account), settings);
            person.connect("harbour").await?;
            let value = if parameter == ["sprint_id"] { "501" } else { "10000" };
            let query = [("external_id", person.external_id.as_str()), (parameter[0], value)];
            let before = stack.token_requests(&person.account);
            let refusal = stack.backend(call, &query).await?.json(403);
            assert_eq!(refusal["code"], "missing_scope", "{call}: {refusal}");
            assert!(refusal["error"].as_str().is_some_and(|text| text.contains(scope)), "{call}: {refusal}");
            assert!(refusal.get("needs_reauthorization").is_none(), "{refusal}");
            assert_eq!(stack.token_requests(&person.account), before);
        }
        Ok(())
    });
}

#[test]
fn responses_are_compressed_for_clients_that_accept_it() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let id = stack.project("SQUEEZE", 90)?;
        let plain = tickets(stack, &person, &id, &[]).await?;
        assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
        let path = format!("/api/backend/{CALL}?jira_project_id={id}&external_id={}", person.external_id);
        let (compressed, opened) = stack.get_compressed(&path).await?;
        assert_eq!(opened, plain.body);
        assert!(compressed * 4 < opened.len(), "{compressed} of {}", opened.len());
        Ok(())
    });
}

#[test]
fn ten_thousand_issues_are_read_with_ten_concurrent_calls() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        let id = stack.project("HUGE", 10_000)?;
        stack.atlassian().inject(Rule::new(Class::Jira, Fault::Latency { millis: 100 }));
        let path = format!("/api/backend/{CALL}?jira_project_id={id}&external_id={}", person.external_id);
        let (_, body) = stack.get_compressed(&path).await?;
        let answer: Value = serde_json::from_str(&body)?;
        assert_eq!(keys(&answer), newest_first("HUGE", 10_000));
        assert_eq!(answer["total"], 10_000);
        assert_eq!(stack.atlassian().counters(Class::Jira).max_in_flight, 10);
        let paths: BTreeSet<_> = person.jira_requests().into_iter().map(|request| request.path).collect();
        assert!(
            paths.iter().all(|path| path.ends_with("/search/jql") || path.ends_with("/issue/bulkfetch")),
            "{paths:?}"
        );

        // Twice as many do not fit uncompressed.
        let id = stack.project("VAST", 20_000)?;
        let answer = tickets(&stack, &person, &id, &[]).await?;
        let refusal = answer.refusal(413);
        assert!(refusal.contains("'limit'") && refusal.contains("'cursor'"), "{refusal}");
        assert_eq!(tickets(&stack, &person, &id, &[("limit", "1000")]).await?.json(200)["total"], 1000);
        stack.stop().await
    });
}

#[test]
fn a_list_that_takes_too_long_suggests_pagination() {
    run(async {
        let folder = juncture_tests::binaries().join("juncture-test");
        let template = std::fs::read_to_string(juncture_tests::repository().join("template.yaml"))?;
        std::fs::create_dir_all(&folder)?;
        let hurried = folder.join(format!("hurried-{}.yaml", std::process::id()));
        std::fs::write(&hurried, template.replace("Timeout: 29", "Timeout: 2"))?;
        let stack = TestStack::start(|options| options.template = hurried.clone()).await?;
        let person = stack.connected_user().await?;
        stack.atlassian().inject(Rule::new(Class::Jira, Fault::Hang));
        for call in [CALL, "jira/get-all-sprints-for-project"] {
            let query = [("external_id", person.external_id.as_str()), ("jira_project_id", "10000")];
            let refusal = stack.backend(call, &query).await?.refusal(504);
            assert!(refusal.contains("'limit'") && refusal.contains("'cursor'"), "{refusal}");
        }
        std::fs::remove_file(hurried)?;
        stack.stop().await
    });
}
