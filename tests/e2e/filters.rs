//! Filters of `get-tickets-for-project`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use juncture_tests::{Person, TestStack, run};
use serde_json::{Value, json};

const CALL: &str = "get-tickets-for-project";

/// The tickets of a project that match filters. Costs one call of Jira.
async fn list(person: &Person<'_>, project: &str, filters: &[(&str, &str)]) -> Result<Vec<Value>> {
    let before = person.jira_requests().len();
    let answer = person.read(CALL, &[&[("jira_project_id", project)], filters].concat()).await?.json(200);
    assert_eq!(person.jira_requests().len() - before, 1, "{filters:?}");
    Ok(answer["tickets"].as_array().context("no tickets")?.clone())
}

fn keys(tickets: &[Value]) -> Vec<&str> {
    tickets.iter().filter_map(|ticket| ticket["key"].as_str()).collect()
}

fn has_label(ticket: &Value, label: &str) -> bool {
    ticket["labels"].as_array().is_some_and(|labels| labels.iter().any(|known| known == label))
}

#[test]
fn filters_find_what_they_say() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let all = list(&person, "SHIP", &[]).await?;
        let grain = all.iter().find(|ticket| ticket["summary"] == "Load the grain").context("no grain")?;
        let sam = grain["assignee_account_id"].as_str().context("no Sam")?;
        let updated =
            all.get(all.len() / 2).and_then(|ticket| ticket["updated"].as_str()).context("no time")?;
        let later = updated.replace(".123Z", ".124Z");
        let before = updated.replace(".123Z", "Z");
        type Expected<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
        let is = |field: &'static str, value: &'static str| -> Expected<'static> {
            Box::new(move |ticket| ticket[field] == value)
        };
        let since = |at: &'static str| -> Expected<'_> {
            Box::new(move |ticket| match at {
                "after" => ticket["updated"].as_str() > Some(updated),
                _ => ticket["updated"].as_str() >= Some(updated),
            })
        };
        let cases: Vec<(Vec<(&str, &str)>, Expected<'_>)> = vec![
            (vec![("status", "In Progress")], is("status", "In Progress")),
            (vec![("status", "in progress")], is("status", "In Progress")),
            (vec![("status", "10000")], is("status", "To Do")),
            (
                vec![("status", "\"To Do\", 10001")],
                Box::new(|ticket| ticket["status"] == "To Do" || ticket["status"] == "Done"),
            ),
            (vec![("status_category", "new")], is("status_category", "new")),
            (vec![("status_category", "indeterminate")], is("status_category", "indeterminate")),
            (vec![("status_category", "done")], is("status_category", "done")),
            (vec![("assignee_account_id", sam)], Box::new(|ticket| ticket["assignee_account_id"] == *sam)),
            (
                vec![("assignee_account_id", "none")],
                Box::new(|ticket| ticket["assignee_account_id"].is_null()),
            ),
            (vec![("labels", "leak")], Box::new(|ticket| has_label(ticket, "leak"))),
            (
                vec![("labels", "season,grain")],
                Box::new(|ticket| has_label(ticket, "season") && has_label(ticket, "grain")),
            ),
            (vec![("text", "grain load")], is("summary", "Load the grain")),
            (
                vec![("text", "(bilge) \"RAIN\"")],
                Box::new(|ticket| ticket["description"].to_string().contains("bilge")),
            ),
            (vec![("updated_since", updated)], since("from")),
            (vec![("updated_since", &before)], since("from")),
            (vec![("updated_since", &later)], since("after")),
            (
                vec![("status_category", "indeterminate"), ("assignee_account_id", sam), ("text", "grain")],
                is("summary", "Load the grain"),
            ),
        ];
        for (filters, expected) in cases {
            let expected: Vec<Value> = all.iter().filter(|ticket| expected(ticket)).cloned().collect();
            assert!(!expected.is_empty() && expected.len() < all.len(), "{filters:?}");
            assert_eq!(keys(&list(&person, "SHIP", &filters).await?), keys(&expected), "{filters:?}");
        }
        for nothing in
            [("text", "nowhere"), ("labels", "leak,season"), ("updated_since", "2999-01-01T00:00:00+14:00")]
        {
            assert_eq!(list(&person, "SHIP", &[nothing]).await?, Vec::<Value>::new(), "{nothing:?}");
        }
        let with_blanks = [("status", ""), ("labels", ""), ("text", ""), ("updated_since", "")];
        assert_eq!(list(&person, "SHIP", &with_blanks).await?, all);
        Ok(())
    });
}

#[test]
fn filtered_lists_are_paged_and_their_cursors_are_their_own() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let id = stack.project("SIFTED", 130)?;
        let ship = [("jira_project_id", id.as_str()), ("status_category", "new")];
        let whole = person.read(CALL, &ship).await?.json(200);
        let expected = keys(whole["tickets"].as_array().context("no tickets")?);
        assert!(expected.len() > 30 && expected.len() < 130, "{}", expected.len());
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = match &cursor {
                Some(cursor) => ("cursor", cursor.as_str()),
                None => ("limit", "12"),
            };
            let part = person.read(CALL, &[&ship[..], &[page]].concat()).await?.json(200);
            found.extend(
                keys(part["tickets"].as_array().context("no tickets")?).into_iter().map(str::to_owned),
            );
            let Some(next) = part["next_cursor"].as_str() else { break };
            cursor = Some(next.to_owned());
        }
        assert_eq!(found, expected);

        let cursor = cursor.context("only one page")?;
        for others in [&[][..], &[("status_category", "done")], &[("status_category", "new"), ("text", "a")]]
        {
            let query = [&[("jira_project_id", id.as_str()), ("cursor", &cursor)][..], others].concat();
            let refusal = person.read(CALL, &query).await?.refusal(400);
            assert!(refusal.contains("cursor"), "{refusal}");
        }
        Ok(())
    });
}

#[test]
fn a_new_issue_is_found_if_it_matches() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let mut settings = stack.atlassian().settings(None);
        settings.search_lag = 1000;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let id = stack.project("SIEVE", 3)?;
        let fresh = person.task(&id, "Fresh paint").await?;
        assert_eq!(
            keys(&list(&person, &id, &[("text", "fresh paint"), ("status", "To Do")]).await?),
            [fresh]
        );
        assert_eq!(
            list(&person, &id, &[("text", "fresh"), ("status_category", "done")]).await?,
            Vec::<Value>::new()
        );
        Ok(())
    });
}

#[test]
fn what_jira_does_not_know_is_refused() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for filter in [
            ("status", "Nowhere"),
            ("status", "3,99999"),
            ("assignee_account_id", "5b10a2844c20165700ede21g"),
        ] {
            let refused = person.read(CALL, &[("jira_project_id", "SHIP"), filter]).await?.json(400);
            assert_eq!(refused["code"], "jira_refused", "{refused}");
            let reason = refused["details"]["messages"][0].as_str().context("no reason")?;
            assert!(reason.contains(filter.1.rsplit(',').next().unwrap_or_default()), "{refused}");
        }
        let unknown = [("jira_project_id", "NOSUCH"), ("text", "rope")];
        assert_eq!(person.read(CALL, &unknown).await?.refusal(404), "Project not found");
        let before = person.jira_requests().len();
        for (name, value) in [
            ("status", "a,,b"),
            ("status_category", "Done"),
            ("assignee_account_id", "Ada Admin"),
            ("updated_since", "2024-01-02"),
            ("updated_since", "9999999999999"),
            ("labels", "two words"),
            ("text", "?!*"),
            ("text", "a\nb"),
        ] {
            person.read(CALL, &[("jira_project_id", "SHIP"), (name, value)]).await?.refusal(400);
        }
        assert_eq!(person.jira_requests().len(), before);
        Ok(())
    });
}

/// The sandbox records JQL that Jira could not parse, which fails the test.
#[test]
fn no_text_becomes_a_part_of_the_query() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let all: BTreeSet<String> =
            keys(&list(&person, "SHIP", &[]).await?).into_iter().map(str::to_owned).collect();
        for text in [
            "\" OR project != \"x",
            "x\" OR key is not EMPTY ORDER BY key \"",
            "\\",
            "\\\"",
            "x\\\" OR 1=1",
            "') OR ('",
            "EMPTY",
            "currentUser()",
            "x AND",
            "AND",
            "*",
            "*a",
            "?a",
            "a~0.5",
            "[a TO b]",
            "title:(a",
            "-a +b !c",
            "\u{fdd0}a\u{ffff}",
            "a\u{2028}b",
            "a\u{202e}b",
            "💥",
            "%2e%2e",
        ] {
            for name in ["status", "labels", "text", "assignee_account_id"] {
                let answer = person.read(CALL, &[("jira_project_id", "SHIP"), (name, text)]).await?;
                match answer.status {
                    200 => {
                        let body = answer.json(200);
                        let found = keys(body["tickets"].as_array().context("no tickets")?);
                        assert!(found.len() < all.len(), "{name}={text}: {found:?}");
                    }
                    status => assert_eq!(status, 400, "{name}={text}"),
                }
            }
        }
        let words = [("jira_project_id", "SHIP"), ("text", "NOT (bilge* AND \"rain\")")];
        assert_eq!(person.read(CALL, &words).await?.json(200)["tickets"], json!([]));
        Ok(())
    });
}
