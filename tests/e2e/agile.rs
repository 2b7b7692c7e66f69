//! Boards and sprints.

use anyhow::{Context, Result};
use juncture_tests::{Answer, Person, TestStack, run};
use sandbox::{Class, Fault, NewProject, Rule};
use serde_json::{Value, json};

const BOARDS: &str = "get-boards-for-project";
const ALL: &str = "get-all-sprints-for-project";
const ACTIVE: &str = "get-active-sprints-for-project";

async fn call(stack: &TestStack, person: &Person<'_>, call: &str, more: &[(&str, &str)]) -> Result<Answer> {
    let query = [&[("external_id", person.external_id.as_str())], more].concat();
    stack.backend(&format!("jira/{call}"), &query).await
}

const SHIP: (&str, &str) = ("jira_project_id", "10000");

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().into_iter().flatten().filter_map(|entry| entry["id"].as_i64()).collect()
}

#[test]
fn all_kinds_of_boards_are_listed_and_private_ones_without_details() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let answer = call(stack, &person, BOARDS, &[SHIP]).await?.json(200);
        let expected = json!({
            "boards": [
                { "id": 1, "name": "Voyages", "type": "scrum" },
                { "id": 2, "name": "Repairs", "type": "kanban" },
                { "id": 4, "name": "All voyages", "type": "scrum" },
                { "id": 3, "name": null, "type": null },
            ],
            "total": 4,
            "next_cursor": null,
        });
        assert_eq!(answer, expected);
        Ok(())
    });
}

#[test]
fn sprints_are_listed_with_each_of_their_boards_and_counted_once() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = person.jira_requests().len();
        let answer = call(stack, &person, ALL, &[SHIP]).await?.json(200);
        // The boards, and the sprints of the two boards that support and show them.
        assert_eq!(person.jira_requests().len() - before, 3);
        let [voyages, repairs, all, private] = [0, 1, 2, 3].map(|index| &answer["boards"][index]);
        assert_eq!((&voyages["board_id"], &voyages["board_name"]), (&json!(1), &json!("Voyages")));
        assert_eq!(ids(&voyages["sprints"]), [501, 502, 503]);
        assert_eq!(ids(&voyages["active_sprints"]), [502]);
        assert_eq!((&repairs["board_type"], &repairs["sprints"]), (&json!("kanban"), &json!([])));
        assert_eq!(ids(&all["sprints"]), [502, 503]);
        assert_eq!((&private["board_name"], &private["sprints"]), (&json!(null), &json!([])));
        assert_eq!(answer["total_sprints"], 3);
        let future = &voyages["sprints"][2];
        for absent in ["startDate", "endDate", "completeDate", "goal"] {
            assert_eq!(future[absent], json!(null));
        }
        let active = &voyages["active_sprints"][0];
        assert_eq!((&active["goal"], &active["state"]), (&json!("Deliver the grain"), &json!("active")));
        assert!(active["startDate"].as_str().is_some_and(|at| at.ends_with(".000Z")), "{active}");

        let answer = call(stack, &person, ACTIVE, &[SHIP]).await?.json(200);
        let expected = |id: u64, name: Option<&str>, kind: Option<&str>, sprints: Value| json!({ "board_id": id, "board_name": name, "board_type": kind, "active_sprints": sprints });
        let boards = json!([
            expected(1, Some("Voyages"), Some("scrum"), json!([active])),
            expected(2, Some("Repairs"), Some("kanban"), json!([])),
            expected(4, Some("All voyages"), Some("scrum"), json!([active])),
            expected(3, None, None, json!([])),
        ]);
        assert_eq!(answer, json!({ "boards": boards, "next_cursor": null }));
        Ok(())
    });
}

#[test]
fn boards_without_details_break_nothing() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        // Boards without names and types, on a page without size and total. The second is a kanban board, the third is
        // private.
        let page =
            json!({ "values": [{ "id": 1 }, { "id": 2 }, { "id": 3, "isPrivate": true }], "isLast": true });
        let rule = Rule::new(Class::Jira, Fault::Status { status: 200, body: Some(page) });
        stack.atlassian().inject(rule.account(&person.account).path("1.0/board?").times(1));
        let answer = call(stack, &person, ALL, &[SHIP]).await?.json(200);
        let boards = answer["boards"].as_array().context("no boards")?;
        let sprints: Vec<_> = boards.iter().map(|board| ids(&board["sprints"])).collect();
        assert_eq!(sprints, [vec![501, 502, 503], vec![], vec![]]);
        assert!(boards.iter().all(|board| board["board_name"].is_null() && board["board_type"].is_null()));
        Ok(())
    });
}

#[test]
fn pages_without_is_last_are_followed_to_an_empty_one() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let page =
            json!({ "values": [{ "id": 1, "name": "A", "type": "kanban" }], "total": 1, "maxResults": 50 });
        let rule = Rule::new(Class::Jira, Fault::Status { status: 200, body: Some(page) });
        stack.atlassian().inject(rule.account(&person.account).path("startAt=0").times(1));
        let answer = call(stack, &person, BOARDS, &[SHIP]).await?.json(200);
        // The second page is the sandbox's, unchanged.
        assert_eq!(ids(&answer["boards"]), [1, 2, 4, 3]);
        Ok(())
    });
}

#[test]
fn sixty_boards_are_read_in_parallel_and_in_pages() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        let new = NewProject { key: "FLEET".to_owned(), issues: 10, boards: 60, sprints_per_board: 60 };
        let made = stack.atlassian().create_project("harbour", &new).map_err(anyhow::Error::msg)?;
        let id = made.id.to_string();
        let project = ("jira_project_id", id.as_str());
        stack.atlassian().inject(Rule::new(Class::Jira, Fault::Latency { millis: 20 }));

        let boards = call(&stack, &person, BOARDS, &[project]).await?.json(200);
        assert_eq!(ids(&boards["boards"]), made.boards.iter().map(|id| *id as i64).collect::<Vec<_>>());
        let whole = call(&stack, &person, ALL, &[project]).await?.json(200);
        assert_eq!(whole["total_sprints"], 3600);
        let all: Vec<i64> = whole["boards"]
            .as_array()
            .context("no boards")?
            .iter()
            .flat_map(|board| ids(&board["sprints"]))
            .collect();
        assert_eq!(all.len(), 3600);
        assert_eq!(stack.atlassian().counters(Class::Jira).max_in_flight, 10);
        let before = person.jira_requests().len();
        let active = call(&stack, &person, ACTIVE, &[project]).await?.json(200);
        assert_eq!(person.jira_requests().len() - before, 62);
        let active = active["boards"].as_array().cloned().context("no boards")?;
        assert!(active.iter().all(|board| ids(&board["active_sprints"]).len() == 1));

        // Each of our pages costs its own pages of boards, and the sprints of its boards.
        for (name, limit, whole, cost) in [
            (BOARDS, "25", &boards["boards"], vec![1, 1, 1]),
            (BOARDS, "55", &boards["boards"], vec![2, 1]),
            (ALL, "25", &whole["boards"], vec![51, 51, 21]),
            (ACTIVE, "20", &json!(active), vec![21, 21, 21]),
        ] {
            let mut gathered = Vec::new();
            let mut costs = Vec::new();
            let mut more = vec![project, ("limit", limit)];
            let mut cursor;
            loop {
                let before = person.jira_requests().len();
                let part = call(&stack, &person, name, &more).await?.json(200);
                costs.push(person.jira_requests().len() - before);
                gathered.extend(part["boards"].as_array().cloned().context("no boards")?);
                let Some(next) = part["next_cursor"].as_str() else { break };
                cursor = next.to_owned();
                more = vec![project, ("cursor", cursor.as_str())];
            }
            assert_eq!(&Value::from(gathered), whole, "{name}");
            assert_eq!(costs, cost, "{name} by {limit}");
        }
        stack.stop().await
    });
}

#[test]
fn a_project_without_boards_is_not_a_missing_project() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let new = NewProject { key: "NOBOARD".to_owned(), issues: 1, boards: 0, sprints_per_board: 0 };
        stack.atlassian().create_project("harbour", &new).map_err(anyhow::Error::msg)?;
        for name in [BOARDS, ALL, ACTIVE] {
            for more in [vec![], vec![("limit", "5")]] {
                let of = |project| [vec![("jira_project_id", project)], more.clone()].concat();
                let refusal = call(stack, &person, name, &of("NOBOARD")).await?.refusal(404);
                assert_eq!(refusal, "No agile boards found for this project", "{name}");
                let refusal = call(stack, &person, name, &of("NOSUCH")).await?.refusal(404);
                assert_eq!(refusal, "Project not found", "{name}");
            }
        }
        Ok(())
    });
}

#[test]
fn the_issues_of_a_sprint_come_with_the_sprint() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let answer = call(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "502")]).await?.json(200);
        assert_eq!(
            (&answer["sprint"]["name"], &answer["sprint"]["completeDate"]),
            (&json!("Voyage 2"), &json!(null))
        );
        let tickets = answer["tickets"].as_array().context("no tickets")?;
        let summaries: Vec<_> =
            tickets.iter().filter_map(|ticket| ticket["fields"]["summary"].as_str()).collect();
        assert_eq!(
            summaries,
            ["The forward hatch leaks", "Sweep the hold", "Weigh the sacks", "Load the grain"]
        );
        assert_eq!(answer["total"], 4);
        let fields = &tickets[3]["fields"];
        assert_eq!(fields["description"], "Before noon:\n\n- [x] Open the hatch\n- [ ] Lower the crane");
        assert_eq!(fields["status"]["statusCategory"]["key"], "indeterminate");
        assert!(fields["status"]["id"].is_string() && fields["status"]["statusCategory"]["id"].is_number());
        assert_eq!(fields["assignee"]["displayName"], "Sam Single-Site");
        assert!(fields["reporter"]["accountId"].is_string() && fields["priority"]["id"].is_string());
        assert_eq!(fields["issuetype"]["name"], "Story");
        assert!(fields["parent"]["key"].is_string());
        // Two calls in parallel, neither to an endpoint that Jira has removed.
        assert_eq!(person.jira_requests().len(), 2);

        let closed = call(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "501")]).await?.json(200);
        assert!(closed["sprint"]["completeDate"].is_string());
        let part =
            call(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "502"), ("limit", "3")]).await?;
        let part = part.json(200);
        assert_eq!(part["total"], 3);
        let cursor = part["next_cursor"].as_str().context("no cursor")?;
        let rest =
            call(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "502"), ("cursor", cursor)])
                .await?;
        assert_eq!(rest.json(200)["tickets"][0], tickets[3]);
        call(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "501"), ("cursor", cursor)])
            .await?
            .refusal(400);

        let refusal =
            call(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "99999")]).await?.refusal(404);
        assert_eq!(refusal, "Sprint not found");
        let refusal = call(stack, &person, "get-tickets-for-sprint", &[]).await?.refusal(400);
        assert_eq!(refusal, "Missing sprint_id");
        Ok(())
    });
}

#[test]
fn each_endpoint_has_its_own_message_for_a_failing_jira() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for (name, sentence) in [
            (BOARDS, "Failed to fetch Jira boards"),
            (ALL, "Failed to fetch Jira sprints"),
            (ACTIVE, "Failed to fetch active Jira sprints"),
            ("get-tickets-for-sprint", "Failed to fetch Jira tickets for sprint"),
        ] {
            for fault in [Fault::MalformedJson, Fault::Status { status: 200, body: None }] {
                stack.atlassian().inject(Rule::new(Class::Jira, fault).account(&person.account).times(1));
                let answer = call(stack, &person, name, &[SHIP, ("sprint_id", "502")]).await?;
                assert_eq!(answer.refusal(502), sentence);
                stack.atlassian().clear_faults_of(&person.account);
            }
            // For one of several lists of sprints.
            let limited = Fault::RateLimited { retry_after: Some(900), reason: None };
            let path = if name == BOARDS { "board" } else { "sprint" };
            stack
                .atlassian()
                .inject(Rule::new(Class::Jira, limited).account(&person.account).path(path).times(1));
            let answer = call(stack, &person, name, &[SHIP, ("sprint_id", "502")]).await?;
            assert!(answer.refusal(429).contains("Retry-After"));
            assert_eq!(answer.header("retry-after"), "900");
        }
        Ok(())
    });
}
