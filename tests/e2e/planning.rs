//! Boards, backlogs, and planning sprints.

use anyhow::{Context, Result};
use juncture_tests::{Person, TestStack, run};
use reqwest::Method;
use sandbox::{CreatedProject, Fault, NewProject};
use serde_json::{Value, json};

const CREATE: &str = "POST /ex";

/// A project with one scrum board, without sprints.
fn project(stack: &TestStack, key: &str, issues: usize) -> Result<CreatedProject> {
    let new = NewProject { key: key.to_owned(), issues, boards: 1, sprints_per_board: 0 };
    stack.atlassian().create_project("harbour", &new).map_err(anyhow::Error::msg)
}

async fn sprint(person: &Person<'_>, board: u64, name: &str) -> Result<Value> {
    let fields = json!({ "board_id": board, "name": name });
    Ok(person.write(Method::POST, "create-sprint", fields).await?.json(201)["sprint"].clone())
}

async fn change(person: &Person<'_>, sprint: &Value, mut fields: Value) -> Result<juncture_tests::Answer> {
    fields["sprint_id"] = sprint["id"].clone();
    person.write(Method::PUT, "edit-sprint", fields).await
}

async fn moved(person: &Person<'_>, fields: Value) -> Result<Value> {
    Ok(person.write(Method::POST, "move-issues", fields).await?.json(200))
}

/// The keys of a board's backlog, without the project's.
async fn backlog(person: &Person<'_>, board: u64) -> Result<Vec<u32>> {
    let list = person.read("get-backlog", &[("board_id", &board.to_string())]).await?.json(200);
    let keys = list["tickets"].as_array().into_iter().flatten().filter_map(|ticket| ticket["key"].as_str());
    Ok(keys.filter_map(|key| key.rsplit_once('-')?.1.parse().ok()).collect())
}

fn answers(status: u16, body: Value) -> Fault {
    Fault::Status { status, body: Some(body) }
}

#[test]
fn a_board_has_its_columns_and_its_estimation_field() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let board = person.read("get-board", &[("board_id", "1")]).await?.json(200);
        let column = |name: &str, status: &str, is_done: bool| json!({ "name": name, "status_ids": [status], "min": null, "max": null, "is_done": is_done });
        let expected = json!({
            "board": { "id": 1, "name": "Voyages", "type": "scrum", "project_id": "10000", "project_key": "SHIP" },
            "columns": [
                column("To Do", "10000", false),
                column("In Progress", "3", false),
                column("Done", "10001", true),
            ],
            "estimation": {
                "type": "field", "field_id": "customfield_10016", "field_name": "Story point estimate",
            },
            "ranking_field_id": "customfield_10019",
        });
        assert_eq!(board, expected);
        assert_eq!(person.jira_requests().len(), 1);
        let kanban = person.read("get-board", &[("board_id", "2")]).await?.json(200);
        assert_eq!(
            (&kanban["columns"][0]["status_ids"], &kanban["columns"][2]["max"]),
            (&json!([]), &json!(5))
        );
        assert_eq!(kanban["estimation"]["type"], json!(null));

        for (id, status, said) in [
            ("99", 404, "Board not found"),
            ("x", 400, "board_id is not a Jira board id: send a number that get-boards-for-project lists"),
            ("", 400, "Missing board_id"),
        ] {
            for call in ["get-board", "get-backlog"] {
                assert_eq!(
                    person.read(call, &[("board_id", id)]).await?.refusal(status),
                    said,
                    "{call} {id}"
                );
            }
        }
        let odd = json!({ "id": 1, "name": 7, "location": [], "columnConfig": { "columns": [null, { "statuses": 7 }] } });
        stack.atlassian().inject(person.trouble("configuration", answers(200, odd)).times(1));
        let board = person.read("get-board", &[("board_id", "1")]).await?.json(200);
        assert_eq!((&board["board"]["id"], &board["board"]["name"]), (&json!(1), &json!(null)));
        assert_eq!(board["columns"].as_array().map(Vec::len), Some(1));
        for fault in [Fault::MalformedJson, answers(200, json!({}))] {
            stack.atlassian().inject(person.trouble("configuration", fault).times(1));
            let answer = person.read("get-board", &[("board_id", "1")]).await?;
            assert_eq!(answer.refusal(502), "Failed to fetch Jira board");
        }
        Ok(())
    });
}

#[test]
fn a_backlog_is_listed_by_rank_whole_or_in_pages() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let made = project(stack, "BACKLOG", 240)?;
        let board = made.boards[0].to_string();
        let before = person.jira_requests().len();
        let whole = person.read("get-backlog", &[("board_id", &board)]).await?.json(200);
        // Two of three issues are not done: 100 and 60.
        assert_eq!((&whole["total"], &whole["next_cursor"]), (&json!(160), &json!(null)));
        assert_eq!(person.jira_requests().len() - before, 2);
        let tickets = whole["tickets"].as_array().context("no tickets")?;
        let first = &tickets[0];
        assert_eq!(
            (&first["key"], &first["fields"]["issuetype"]["name"]),
            (&json!("BACKLOG-1"), &json!("Task"))
        );
        assert_eq!(first["url"], "https://harbour.atlassian.net/browse/BACKLOG-1");
        let order = backlog(&person, made.boards[0]).await?;
        assert!(order.is_sorted(), "{order:?}");

        for (limit, sizes) in [("50", vec![50, 50, 50, 10]), ("150", vec![150, 10]), ("1000", vec![160])] {
            let (mut gathered, mut found, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
            loop {
                let mut more = vec![("board_id", board.as_str())];
                match &cursor {
                    Some(cursor) => more.push(("cursor", cursor)),
                    None => more.push(("limit", limit)),
                }
                let part = person.read("get-backlog", &more).await?.json(200);
                found.push(part["total"].as_u64().context("no total")?);
                gathered.extend(part["tickets"].as_array().cloned().context("no tickets")?);
                cursor = part["next_cursor"].as_str().map(str::to_owned);
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(&gathered, tickets, "{limit}");
            // The sandbox's pages shrink unannounced.
            assert_eq!(found.iter().sum::<u64>(), 160, "{limit}: {found:?}");
            assert!(found.len() >= sizes.len() && found[0] == sizes[0], "{limit}: {found:?}");
        }
        let part = person.read("get-backlog", &[("board_id", &board), ("limit", "5")]).await?.json(200);
        let cursor = part["next_cursor"].as_str().context("no cursor")?;
        person.read("get-backlog", &[("board_id", "1"), ("cursor", cursor)]).await?.refusal(400);
        let next = [("board_id", board.as_str()), ("cursor", cursor)];
        let expired = Fault::Status { status: 400, body: None };
        stack.atlassian().inject(person.trouble("backlog", expired).times(1));
        assert!(person.read("get-backlog", &next).await?.refusal(400).contains("start again"));
        assert_eq!(person.read("get-backlog", &next).await?.json(200)["tickets"][0], tickets[5]);
        let adf = [("board_id", board.as_str()), ("limit", "2"), ("description_format", "adf")];
        let adf = person.read("get-backlog", &adf).await?.json(200);
        assert_eq!(adf["tickets"][1]["fields"]["description"]["type"], "doc");
        let kanban = person.read("get-backlog", &[("board_id", "2")]).await?;
        assert!(kanban.refusal(400).contains("The board may have none"), "{kanban:?}");
        assert_eq!(kanban.json(400)["code"], "jira_refused");
        assert_eq!(kanban.json(400)["details"]["messages"][0], "The board does not have a backlog.");
        Ok(())
    });
}

#[test]
fn a_backlog_has_a_new_issue_and_ends_whatever_jira_answers() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let made = project(stack, "FRESH", 0)?;
        person.task(&made.id.to_string(), "Just created").await?;
        assert_eq!(backlog(&person, made.boards[0]).await?, [1]);

        let board = made.boards[0].to_string();
        let read = || person.read("get-backlog", &[]);
        assert_eq!(read().await?.refusal(400), "Missing board_id");
        let page = |issues: Value, token: Value| json!({ "issues": issues, "isLast": false, "nextPageToken": token });
        let issue =
            json!([{ "id": "1", "key": "FRESH-1", "fields": { "summary": 7, "labels": ["a", 7] } }, null, 7]);
        // The token repeats, so the list ends.
        stack.atlassian().inject(person.trouble("backlog", answers(200, page(issue, json!("same")))));
        let list = person.read("get-backlog", &[("board_id", &board)]).await?.json(200);
        assert_eq!((&list["total"], &list["tickets"][0]["fields"]["labels"]), (&json!(1), &json!(["a"])));
        stack.atlassian().clear_faults_of(&person.account);
        for fault in [Fault::MalformedJson, answers(200, json!({ "issues": null })), answers(500, json!({}))]
        {
            stack.atlassian().inject(person.trouble("backlog", fault));
            let answer = person.read("get-backlog", &[("board_id", &board)]).await?;
            assert_eq!(answer.refusal(502), "Failed to fetch Jira backlog");
            stack.atlassian().clear_faults_of(&person.account);
        }
        stack.atlassian().inject(person.trouble("backlog", Fault::Drop).times(2));
        assert_eq!(backlog(&person, made.boards[0]).await?, [1]);
        Ok(())
    });
}

#[test]
fn a_sprint_is_created_started_and_completed() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let board = project(stack, "SPRINT", 2)?.boards[0];
        let fields = json!({
            "board_id": board.to_string(), "name": " Voyage 1 ", "goal": "Sail\nhome",
            "start_date": "2027-02-01T10:00:00+01:00", "end_date": null,
        });
        let created = person.write(Method::POST, "create-sprint", fields).await?.json(201);
        let sprint = created["sprint"].clone();
        let id = sprint["id"].clone();
        let expected = json!({ "sprint": {
            "id": id, "name": "Voyage 1", "state": "future", "startDate": "2027-02-01T09:00:00.000Z",
            "endDate": null, "completeDate": null, "goal": "Sail\nhome",
        } });
        assert_eq!(created, expected);
        assert_eq!(person.jira_requests().len(), 1);

        let refused = change(&person, &sprint, json!({ "state": "active" })).await?;
        assert!(refused.refusal(400).contains("starts if it has both dates"), "{refused:?}");
        let said = &refused.json(400)["details"]["messages"][0];
        assert_eq!(said, "The sprint needs a start date and an end date to be started.");
        change(&person, &sprint, json!({ "state": "closed" })).await?.refusal(400);
        let refused = change(&person, &sprint, json!({ "end_date": "2027-01-01T00:00:00Z" })).await?;
        assert!(refused.refusal(400).contains("It has to end after it starts"), "{refused:?}");
        let started = json!({ "state": "active", "end_date": "2027-02-15T09:00:00Z", "goal": "" });
        let active = change(&person, &sprint, started).await?.json(200)["sprint"].clone();
        assert_eq!((&active["state"], &active["goal"]), (&json!("active"), &json!(null)));
        assert_eq!((&active["id"], &active["startDate"]), (&id, &json!("2027-02-01T09:00:00.000Z")));

        let second = self::sprint(&person, board, "Voyage 2").await?;
        let dates = json!({ "state": "active", "start_date": "2027-02-01T09:00:00Z", "end_date": "2027-02-15T09:00:00Z" });
        let refused = change(&person, &second, dates).await?;
        assert!(refused.refusal(400).contains("no other active sprint"), "{refused:?}");

        let closed = change(&person, &sprint, json!({ "state": "closed" })).await?.json(200);
        assert!(closed["sprint"]["completeDate"].is_string(), "{closed}");
        let renamed = change(&person, &sprint, json!({ "name": "Done" })).await?.json(200);
        assert_eq!(renamed["sprint"]["name"], "Done");
        change(&person, &sprint, json!({ "end_date": "2027-02-16T09:00:00Z" })).await?.refusal(400);

        for (call, fields, status, said) in [
            ("edit-sprint", json!({ "sprint_id": 99_999, "name": "x" }), 404, "Sprint not found"),
            (
                "edit-sprint",
                json!({ "sprint_id": id, "state": null }),
                400,
                "Send at least one field to change",
            ),
            ("edit-sprint", json!({ "sprint_id": id, "state": "future" }), 400, "state must be active"),
            (
                "edit-sprint",
                json!({ "sprint_id": "a b", "name": "x" }),
                400,
                "sprint_id is not a Jira sprint id",
            ),
            ("edit-sprint", json!({ "sprint_id": -1, "name": "x" }), 400, "sprint_id must be a whole number"),
            ("create-sprint", json!({ "board_id": 99_999, "name": "x" }), 404, "Board not found"),
            ("create-sprint", json!({ "board_id": 2, "name": "x" }), 400, "The board has to support sprints"),
            ("create-sprint", json!({ "board_id": board, "name": "x".repeat(31) }), 400, "longer than 30"),
            (
                "create-sprint",
                json!({ "board_id": board, "name": "x", "start_date": "2027-02-01" }),
                400,
                "start_date must be a date and time",
            ),
        ] {
            let method = if call == "edit-sprint" { Method::PUT } else { Method::POST };
            let answer = person.write(method, call, fields.clone()).await?;
            assert!(answer.refusal(status).contains(said), "{fields}: {answer:?}");
        }
        Ok(())
    });
}

#[test]
fn a_sprint_whose_creation_is_unknown_stays_unknown_for_its_key() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let board = project(stack, "ONCESPRINT", 0)?.boards[0];
        let creates = || {
            let is_create = |path: &str| path.ends_with("/1.0/sprint");
            person.jira_requests().iter().filter(|request| is_create(&request.path)).count()
        };
        let fields = |name: &str| json!({ "board_id": board, "name": name });
        let first = person.write_once("a", "create-sprint", fields("One")).await?.json(201);
        assert_eq!(person.write_once("a", "create-sprint", fields("One")).await?.json(201), first);
        assert_eq!(creates(), 1);
        person.write_once("a", "create-sprint", fields("Two")).await?.refusal(422);

        stack.atlassian().inject(person.trouble("sprint HTTP", Fault::Drop).after().times(1));
        for _ in 0..2 {
            let answer = person.write_once("b", "create-sprint", fields("Two")).await?;
            let said = answer.refusal(502);
            assert!(
                said.contains("Jira did not confirm it, so the sprint may exist, and Juncture cannot"),
                "{said}"
            );
            assert_eq!(
                (&answer.json(502)["code"], answer.header("retry-after")),
                (&json!("outcome_unknown"), "")
            );
            assert_eq!(creates(), 2);
        }
        person.write_once("c", "create-sprint", fields("Three")).await?.json(201);
        stack.atlassian().inject(person.trouble("sprint HTTP", Fault::MalformedJson).times(1));
        let answer = person.write(Method::POST, "create-sprint", fields("Four")).await?;
        assert!(answer.refusal(502).ends_with("Look for it before you create it again."), "{answer:?}");
        // After a 429 nothing was done.
        let limited = Fault::RateLimited { retry_after: Some(0), reason: None };
        stack.atlassian().inject(person.trouble("sprint HTTP", limited).times(1));
        let before = creates();
        person.write(Method::POST, "create-sprint", fields("Five")).await?.json(201);
        assert_eq!(creates() - before, 2);
        Ok(())
    });
}

#[test]
fn only_a_change_of_the_state_is_sent_once() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let board = project(stack, "CHANGED", 0)?.boards[0];
        let sprint = sprint(&person, board, "One").await?;
        stack.atlassian().inject(person.trouble(CREATE, Fault::Drop).after().times(1));
        let dates = json!({ "start_date": "2027-02-01T09:00:00Z", "end_date": "2027-02-15T09:00:00Z" });
        change(&person, &sprint, dates).await?.json(200);
        stack.atlassian().inject(person.trouble(CREATE, Fault::Drop).after().times(1));
        let before = person.jira_requests().len();
        let answer = change(&person, &sprint, json!({ "state": "active" })).await?;
        assert_eq!(
            (answer.refusal(502).as_str(), person.jira_requests().len() - before),
            ("Failed to edit Jira sprint", 1)
        );
        assert_eq!(answer.json(502)["code"], "outcome_unknown");
        // It was started.
        change(&person, &sprint, json!({ "state": "closed" })).await?.json(200);
        Ok(())
    });
}

#[test]
fn issues_move_to_a_sprint_the_backlog_or_a_position_with_one_call() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let made = project(stack, "MOVED", 0)?;
        let (id, board) = (made.id.to_string(), made.boards[0]);
        for number in 1..=5 {
            person.task(&id, &format!("Task {number}")).await?;
        }
        let sprint = sprint(&person, board, "One").await?;
        let all = json!({ "success": true, "moved": 2, "failed": [] });
        let before = person.jira_requests().len();
        let fields = json!({ "issues": ["MOVED-4", "moved-5"], "before": "MOVED-2" });
        assert_eq!(moved(&person, fields).await?, all);
        assert_eq!(person.jira_requests().len() - before, 1);
        assert_eq!(backlog(&person, board).await?, [1, 4, 5, 2, 3]);
        let fields = json!({ "issues": ["MOVED-1", "MOVED-4"], "after": "MOVED-3", "sprint_id": null });
        assert_eq!(moved(&person, fields).await?, all);
        assert_eq!(backlog(&person, board).await?, [5, 2, 3, 1, 4]);

        let before = person.jira_requests().len();
        let fields =
            json!({ "issues": ["MOVED-2", "MOVED-3"], "sprint_id": sprint["id"], "before": "MOVED-5" });
        assert_eq!(moved(&person, fields).await?, all);
        assert_eq!(person.jira_requests().len() - before, 1);
        assert_eq!(backlog(&person, board).await?, [5, 1, 4]);
        let fields = json!({ "issues": ["MOVED-2", "MOVED-3"], "backlog": true });
        assert_eq!(moved(&person, fields).await?, all);
        assert_eq!(backlog(&person, board).await?, [2, 3, 5, 1, 4]);
        let fields = json!({ "issues": ["MOVED-5", "MOVED-3"], "backlog": true, "board_id": board, "after": "MOVED-4" });
        // A lost response: the same call again changes nothing.
        stack.atlassian().inject(person.trouble("/backlog/", Fault::Drop).after().times(1));
        assert_eq!(moved(&person, fields).await?, all);
        assert_eq!(backlog(&person, board).await?, [2, 1, 4, 5, 3]);

        for (fields, status, said) in [
            (json!({ "issues": ["MOVED-1"], "sprint_id": 501 }), 400, "Only active and future sprints"),
            (json!({ "issues": ["MOVED-1"], "sprint_id": 99_999 }), 404, "Sprint or issue not found"),
            (
                json!({ "issues": ["MOVED-1", "MOVED-99"], "sprint_id": sprint["id"] }),
                400,
                "all issues have to exist",
            ),
            (json!({ "issues": ["MOVED-1"], "after": "MOVED-99" }), 400, "Jira refused to rank the issues"),
            (
                json!({ "issues": ["MOVED-1"], "backlog": true, "board_id": 99_999 }),
                404,
                "Board or issue not found",
            ),
            (json!({ "issues": ["MOVED-1"] }), 400, "Say where to move the issues"),
            (json!({ "sprint_id": 1 }), 400, "Missing issues"),
            (json!({ "issues": [true], "sprint_id": 1 }), 400, "issues must be a list of 1 to 200"),
            (json!({ "issues": ["MOVED-1"], "backlog": "yes" }), 400, "must be true or false"),
        ] {
            let answer = person.write(Method::POST, "move-issues", fields.clone()).await?;
            assert!(answer.refusal(status).contains(said), "{fields}: {answer:?}");
        }
        stack.atlassian().inject(person.trouble("rank", answers(200, json!({ "ok": true }))).times(1));
        let fields = json!({ "issues": ["MOVED-1"], "after": "MOVED-2" });
        let answer = person.write(Method::POST, "move-issues", fields).await?;
        assert_eq!(answer.json(502)["code"], "outcome_unknown");
        let mut settings = stack.atlassian().settings(None);
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let fields = json!({ "issues": ["MOVED-1"], "backlog": true });
        let answer = person.write(Method::POST, "move-issues", fields).await?;
        assert_eq!(answer.refusal(403), "The connected Jira account is not allowed to do this");
        Ok(())
    });
}

#[test]
fn a_long_move_keeps_the_order_and_tells_what_was_not_moved() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let made = project(stack, "LONGMOVE", 180)?;
        let board = made.boards[0];
        let order = backlog(&person, board).await?;
        assert_eq!(order.len(), 120);
        let named =
            |numbers: &[u32]| numbers.iter().map(|number| format!("LONGMOVE-{number}")).collect::<Vec<_>>();
        // All but the last, in the opposite order, after the last.
        let (last, others) = order.split_last().context("no issues")?;
        let mut turned: Vec<u32> = others.to_vec();
        turned.reverse();
        let last_key = format!("LONGMOVE-{last}");
        let before = person.jira_requests().len();
        let fields = json!({ "issues": named(&turned), "after": last_key });
        assert_eq!(
            moved(&person, fields.clone()).await?,
            json!({ "success": true, "moved": 119, "failed": [] })
        );
        assert_eq!(person.jira_requests().len() - before, 3);
        assert_eq!(backlog(&person, board).await?, [&[*last], &turned[..]].concat());
        let fields = json!({ "issues": named(others), "before": last_key });
        assert_eq!(moved(&person, fields).await?["moved"], 119);
        assert_eq!(backlog(&person, board).await?, order);

        // Jira ranks all but the last two of the first fifty: the next ones follow those that were ranked.
        let entry = |number: u32, status: u16| {
            json!({ "issueId": 1, "issueKey": format!("LONGMOVE-{number}"), "status": status,
            "errors": if status == 200 { json!([]) } else { json!(["Try again later."]) } })
        };
        let entries: Vec<Value> = turned[..50]
            .iter()
            .enumerate()
            .map(|(at, key)| entry(*key, if at < 48 { 200 } else { 503 }))
            .collect();
        stack
            .atlassian()
            .inject(person.trouble("rank", answers(207, json!({ "entries": entries }))).times(1));
        let fields = json!({ "issues": named(&turned[..51]), "after": last_key });
        let answer = moved(&person, fields).await?;
        let failed = |number: u32| json!({ "issue": format!("LONGMOVE-{number}"), "error": "Try again later.", "code": "provider_failed" });
        let expected =
            json!({ "success": false, "moved": 49, "failed": [failed(turned[48]), failed(turned[49])] });
        assert_eq!(answer, expected);
        let now = backlog(&person, board).await?;
        let at = |number: u32| now.iter().position(|known| *known == number);
        assert_eq!(at(turned[50]), at(turned[47]).map(|at| at + 1), "{now:?}");

        // The second of three calls is refused.
        let sprint = sprint(&person, board, "Long").await?;
        let mut issues = named(&now);
        issues[60] = "LONGMOVE-999".to_owned();
        let fields = json!({ "issues": issues, "sprint_id": sprint["id"] });
        let answer = moved(&person, fields).await?;
        assert_eq!((&answer["success"], &answer["moved"]), (&json!(false), &json!(50)));
        let failed = answer["failed"].as_array().context("no failed")?;
        assert_eq!((failed.len(), &failed[10]["issue"]), (70, &json!("LONGMOVE-999")));
        assert!(failed[0]["error"].as_str().is_some_and(|said| said.starts_with("Jira refused to move")));
        assert_eq!(failed[69]["error"], "Not sent, because moving the issues before it failed");
        assert!(failed.iter().all(|failed| failed["code"] == "jira_refused"));
        assert_eq!(backlog(&person, board).await?.len(), 70);

        // The second of three calls is not confirmed, so only those of the third were certainly not moved.
        let rule = person.trouble("rank", answers(200, json!({ "ok": true })));
        stack.atlassian().inject(rule.skip(1).times(1));
        let fields = json!({ "issues": named(others), "before": last_key });
        let answer = moved(&person, fields).await?;
        assert_eq!(answer["moved"], 50);
        let failed = answer["failed"].as_array().context("no failed")?;
        let said = |at: usize| (failed[at]["error"].clone(), failed[at]["code"].clone());
        assert_eq!(failed.len(), 69);
        assert_eq!(said(49), (json!("Failed to move Jira issues"), json!("outcome_unknown")));
        let unsent = "Not sent, because moving the issues before it failed";
        assert_eq!(said(50), (json!(unsent), json!("provider_failed")));
        Ok(())
    });
}

#[test]
fn a_missing_scope_is_named_with_its_group() {
    run(async {
        let stack = TestStack::shared().await?;
        for (scope, group, method, call, fields) in [
            (
                "read:board-scope.admin:jira-software",
                "boards",
                Method::GET,
                "get-board?board_id=1",
                json!({}),
            ),
            ("read:jql:jira", "boards", Method::GET, "get-backlog?board_id=1", json!({})),
            (
                "write:sprint:jira-software",
                "planning",
                Method::POST,
                "create-sprint",
                json!({ "board_id": 1, "name": "x" }),
            ),
            (
                "write:board-scope:jira-software",
                "planning",
                Method::POST,
                "move-issues",
                json!({ "issues": ["SHIP-1"], "backlog": true }),
            ),
            (
                "write:issue:jira-software",
                "planning",
                Method::POST,
                "move-issues",
                json!({ "issues": ["SHIP-1"], "after": "SHIP-2" }),
            ),
        ] {
            let person = stack.person(&["harbour"])?;
            let mut settings = stack.atlassian().settings(None);
            settings.withheld_scopes.insert(scope.to_owned());
            stack.atlassian().set_settings(Some(&person.account), settings);
            person.connect("harbour").await?;
            let answer = match call.split_once("?board_id=") {
                Some((call, board)) => person.read(call, &[("board_id", board)]).await?,
                None => person.write(method, call, fields).await?,
            };
            let said = answer.refusal(403);
            assert!(
                said.contains(scope) && said.contains(&format!("{group} to JIRA_SCOPE_GROUPS")),
                "{said}"
            );
            assert_eq!(answer.json(403)["code"], "missing_scope");
        }
        Ok(())
    });
}
