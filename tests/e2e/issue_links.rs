//! `link-issues`, `unlink-issues`, and the links in `get-issue-details`.

use anyhow::{Context, Result};
use juncture_tests::{Person, TestStack, run};
use reqwest::Method;
use sandbox::Fault;
use serde_json::{Value, json};

/// The end of the request line of Jira's request to create a link.
const LINK: &str = "/issueLink HTTP";

/// The sandbox's types, with the words for each direction.
const TYPES: [(&str, &str, &str, &str); 4] = [
    ("10000", "Blocks", "blocks", "is blocked by"),
    ("10001", "Cloners", "clones", "is cloned by"),
    ("10002", "Duplicate", "duplicates", "is duplicated by"),
    ("10003", "Relates", "relates to", "relates to"),
];

fn says(from: &str, relation: &str, to: &str) -> Value {
    json!({ "from": from, "relation": relation, "to": to })
}

async fn link(person: &Person<'_>, from: &str, relation: &str, to: &str) -> Result<Value> {
    let linked = person.write(Method::POST, "link-issues", says(from, relation, to)).await?;
    Ok(linked.json(201)["link"].take())
}

async fn unlink(person: &Person<'_>, fields: Value) -> Result<juncture_tests::Answer> {
    person.write(Method::DELETE, "unlink-issues", fields).await
}

async fn links(person: &Person<'_>, issue: &str) -> Result<Vec<Value>> {
    let mut details = person.details(issue).await?.json(200);
    Ok(serde_json::from_value(details["issue"]["links"].take())?)
}

/// The relation and the other issue of each link.
async fn relations(person: &Person<'_>, issue: &str) -> Result<Vec<(String, String)>> {
    let text = |link: &Value, name: &str| link[name].as_str().unwrap_or("none").to_owned();
    Ok(links(person, issue).await?.iter().map(|link| (text(link, "relation"), text(link, "key"))).collect())
}

async fn pair(person: &Person<'_>, project: &str) -> Result<[String; 2]> {
    Ok([person.task(project, "One").await?, person.task(project, "Other").await?])
}

fn link_posts(person: &Person<'_>) -> usize {
    let is_post = |path: &str| path.ends_with("/issueLink");
    person.jira_requests().iter().filter(|r| r.method == "POST" && is_post(&r.path)).count()
}

#[test]
fn a_relation_reads_at_both_ends_as_it_was_said() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("LINKS", 0)?;
        for (id, name, outward, inward) in TYPES {
            for (said, opposite) in [(outward, inward), (inward, outward)] {
                let [from, to] = pair(&person, &project).await?;
                let before = person.jira_requests().len();
                let made = link(&person, &from, &said.to_uppercase(), &to).await?;
                assert_eq!(person.jira_requests().len() - before, 3);
                let link_id = made["id"].as_str().context("no id")?;
                let expected = json!({ "id": link_id, "type": name, "type_id": id, "relation": said,
                    "from": from, "to": to });
                assert_eq!(made, expected);
                assert_eq!(relations(&person, &from).await?, [(said.to_owned(), to.clone())]);
                assert_eq!(relations(&person, &to).await?, [(opposite.to_owned(), from.clone())]);

                // It is removed by what it says at either end.
                let (one, words, other) =
                    if said == outward { (&from, said, &to) } else { (&to, opposite, &from) };
                let before = person.jira_requests().len();
                unlink(&person, says(one, words, other)).await?.json(200);
                assert_eq!(person.jira_requests().len() - before, 2);
                assert!(links(&person, &from).await?.is_empty() && links(&person, &to).await?.is_empty());
            }
        }
        Ok(())
    });
}

#[test]
fn the_direction_is_jiras() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let [from, to] = pair(&person, &stack.project("LINKDIR", 0)?).await?;
        let made = link(&person, &from, "is blocked by", &to).await?;
        // Asked of Jira itself: `to` blocks `from`.
        let token = person.access_token().await?.json(200);
        let token = token["access_token"].as_str().context("a token")?.to_owned();
        let (url, site) = (stack.atlassian().url(), stack.site_id("harbour")?);
        let id = made["id"].as_str().context("no id")?;
        let url = format!("{url}/ex/jira/{site}/rest/api/3/issueLink/{id}");
        let link = stack.send(stack.request(Method::GET, &url).bearer_auth(token)).await?.json(200);
        assert_eq!(link["type"]["outward"], "blocks");
        assert_eq!((&link["inwardIssue"]["key"], &link["outwardIssue"]["key"]), (&json!(to), &json!(from)));
        Ok(())
    });
}

#[test]
fn the_details_have_the_linked_issue() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let [from, to] = pair(&person, &stack.project("LINKPAIR", 0)?).await?;
        let made = link(&person, &from, "blocks", &to).await?;
        let before = person.jira_requests().len();
        let [link] = &links(&person, &from).await?[..] else { anyhow::bail!("not one link") };
        assert_eq!(person.jira_requests().len() - before, 1);
        let other = person.details(&to).await?.json(200)["issue"].take();
        let expected = json!({
            "id": made["id"], "relation": "blocks", "type": "Blocks", "typeId": "10000", "key": to,
            "issueId": other["id"], "url": other["url"], "summary": "Other", "status": "To Do",
            "statusId": "10000", "statusCategory": "new",
        });
        assert_eq!(link, &expected);
        Ok(())
    });
}

#[test]
fn a_duplicate_gets_the_existing_link() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let [from, to] = pair(&person, &stack.project("LINKDUP", 0)?).await?;
        let first = link(&person, &from, "blocks", &to).await?;
        let id = |details: Value| details["issue"]["id"].as_str().unwrap_or_default().to_owned();
        let from_id = id(person.details(&from).await?.json(200));
        let to_id = id(person.details(&to).await?.json(200));
        assert_eq!(link(&person, &from.to_lowercase(), "Blocks", &to_id).await?, first);
        assert_eq!(link(&person, &from_id, "blocks", &to).await?, first);
        let reversed = link(&person, &to, "is blocked by", &from).await?;
        assert_eq!((&reversed["id"], &reversed["from"]), (&first["id"], &json!(to)));
        assert_eq!(links(&person, &from).await?.len(), 1);
        let related = link(&person, &from, "relates to", &to).await?;
        assert_ne!(related["id"], first["id"]);
        assert_eq!(links(&person, &to).await?.len(), 2);
        Ok(())
    });
}

#[test]
fn a_link_is_removed_once() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = &stack.connected_user().await?;
        let [from, to] = pair(person, &stack.project("UNLINK", 0)?).await?;
        let made = link(person, &from, "blocks", &to).await?;
        let by_id = [("link_id", made["id"].as_str().context("no id")?)];
        let before = person.jira_requests().len();
        let removed = person.query(Method::DELETE, "unlink-issues", &by_id).await?.json(200);
        assert_eq!(removed, json!({ "success": true }));
        assert_eq!(person.jira_requests().len() - before, 1);
        let again = person.query(Method::DELETE, "unlink-issues", &by_id).await?.json(404);
        assert_eq!(again["code"], "jira_not_found");
        link(person, &from, "relates to", &to).await?;
        for (from, relation, to) in [(&from, "blocks", &to), (&from, "nonsense", &to)] {
            let refused = unlink(person, says(from, relation, to)).await?.json(404);
            assert!(refused["error"].as_str().is_some_and(|said| said.contains("not linked like this")));
            assert_eq!(refused["code"], "jira_not_found");
        }
        // Words that are the same in both directions are said of either issue.
        unlink(person, says(&to, "Relates to", &from)).await?.json(200);
        link(person, &from, "RELATES", &to).await?;
        unlink(person, says(&to, "relates", &from)).await?.json(200);
        assert!(links(person, &from).await?.is_empty());
        Ok(())
    });
}

#[test]
fn words_of_several_types_need_the_type() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let [from, to] = pair(&person, &stack.project("LINKTYPE", 0)?).await?;
        let types = json!({ "issueLinkTypes": [
            { "id": "10000", "name": "Blocks", "outward": "blocks", "inward": "is blocked by" },
            null,
            { "id": 10002, "name": "Stops", "outward": "is stopped by", "inward": "Blocks", "odd": [] },
            { "id": null, "name": 7, "outward": [], "inward": "blocks" },
        ] });
        stack.atlassian().inject(
            person.trouble("issueLinkType", Fault::Status { status: 200, body: Some(types) }).times(4),
        );
        let before = link_posts(&person);
        let several = person.write(Method::POST, "link-issues", says(&from, "blocks", &to)).await?;
        assert!(several.refusal(400).contains("link_type_id"), "{several:?}");
        let both = json!([{ "id": "10000", "name": "Blocks" }, { "id": "10002", "name": "Stops" }]);
        assert_eq!(several.json(400)["details"]["link_types"], both);
        let unknown = person.write(Method::POST, "link-issues", says(&from, "hinders", &to)).await?;
        assert!(unknown.refusal(400).contains("not known on this site"), "{unknown:?}");
        let words = json!(["blocks", "is blocked by", "is stopped by", "Blocks"]);
        assert_eq!(unknown.json(400)["details"]["relations"], words);
        let mut wanted = says(&from, "blocks", &to);
        wanted["link_type_id"] = "99".into();
        let other = person.write(Method::POST, "link-issues", wanted.clone()).await?;
        assert!(other.refusal(400).contains("link_type_id is not known"));
        assert_eq!(link_posts(&person), before);
        wanted["link_type_id"] = "10000".into();
        let made = person.write(Method::POST, "link-issues", wanted).await?.json(201);
        assert_eq!(made["link"]["type"], "Blocks");
        Ok(())
    });
}

#[test]
fn of_links_with_the_same_words_the_wanted_one_is_removed() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let [from, to] = pair(&person, &stack.project("LINKSAME", 0)?).await?;
        let link = |id: &str, (type_id, inward): (&str, &str), end: &str, other: &str| {
            let kind = json!({ "id": type_id, "name": inward, "outward": "blocks", "inward": inward });
            json!({ "id": id, "type": kind, end: { "id": "7", "key": other } })
        };
        let (blocks, stops) = (("10000", "is blocked by"), ("10002", "is stopped by"));
        let issue = json!({ "id": "1", "key": from, "fields": { "issuelinks": [
            link("1", blocks, "outwardIssue", "SHIP-1"),
            link("2", stops, "inwardIssue", &to),
            link("3", blocks, "inwardIssue", &to),
            link("4", stops, "outwardIssue", &to),
            link("5", blocks, "outwardIssue", &to),
        ] } });
        let shown = Fault::Status { status: 200, body: Some(issue) };
        stack.atlassian().inject(person.trouble("?fields=issuelinks", shown));
        let before = person.jira_requests().len();
        let several = unlink(&person, says(&from, "blocks", &to)).await?;
        assert!(several.refusal(400).contains("link_type_id"), "{several:?}");
        let types =
            json!([{ "id": "10002", "name": "is stopped by" }, { "id": "10000", "name": "is blocked by" }]);
        assert_eq!(several.json(400)["details"]["link_types"], types);
        assert_eq!(person.jira_requests().len() - before, 1);
        for (relation, link_type_id, removed) in
            [("blocks", "10000", "5"), ("blocks", "10002", "4"), ("is stopped by", "", "2")]
        {
            let mut wanted = says(&from, relation, &to);
            wanted["link_type_id"] = link_type_id.into();
            // There is no such link in the sandbox.
            unlink(&person, wanted).await?.refusal(404);
            let last = person.jira_requests().pop().context("no request")?;
            assert_eq!(last.method, "DELETE");
            assert!(last.path.ends_with(&format!("/issueLink/{removed}")), "{}", last.path);
        }
        Ok(())
    });
}

#[test]
fn a_link_is_found_after_a_lost_response() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("LINKONCE", 0)?;
        for is_made in [true, false] {
            let [from, to] = pair(&person, &project).await?;
            let fault = person.trouble(LINK, Fault::Drop).times(1);
            stack.atlassian().inject(if is_made { fault.after() } else { fault });
            let before = link_posts(&person);
            let wanted = says(&from, "blocks", &to);
            let lost = person.write_once(&from, "link-issues", wanted.clone()).await?;
            assert!(lost.refusal(502).contains("same Idempotency-Key"), "{lost:?}");
            assert_eq!(lost.json(502)["code"], "outcome_unknown");
            let found = person.write_once(&from, "link-issues", wanted.clone()).await?.json(201);
            assert_eq!(link_posts(&person) - before, if is_made { 1 } else { 2 });
            let [shown] = &links(&person, &from).await?[..] else { anyhow::bail!("not one link") };
            assert_eq!((&shown["id"], &shown["relation"]), (&found["link"]["id"], &json!("blocks")));
            let sent = person.jira_requests().len();
            assert_eq!(person.write_once(&from, "link-issues", wanted).await?.json(201), found);
            assert_eq!(person.jira_requests().len(), sent);
            let other = person.write_once(&from, "link-issues", says(&from, "clones", &to)).await?;
            assert!(other.refusal(422).contains("another request"));
        }
        Ok(())
    });
}

#[test]
fn what_is_linked_is_answered_even_if_it_cannot_be_read() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let [from, to] = pair(&person, &stack.project("LINKREAD", 0)?).await?;
        let unreadable = [
            Fault::Status { status: 500, body: None },
            Fault::Status { status: 200, body: Some(json!({ "id": "1", "fields": { "issuelinks": 7 } })) },
        ];
        for fault in unreadable {
            stack.atlassian().inject(person.trouble("?fields=issuelinks", fault));
            let made = person.write(Method::POST, "link-issues", says(&from, "blocks", &to)).await?.json(201);
            let expected = json!({ "id": null, "type": "Blocks", "type_id": "10000", "relation": "blocks",
                "from": from, "to": to });
            assert_eq!(made["link"], expected);
            assert!(made["warning"].as_str().is_some_and(|said| said.contains("get-issue-details")));
            stack.atlassian().clear_faults_of(&person.account);
        }
        assert_eq!(links(&person, &from).await?.len(), 1);
        Ok(())
    });
}

#[test]
fn bad_input_is_refused_before_jira_is_asked() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = person.jira_requests().len();
        for (body, said) in [
            (says("SHIP-1", "blocks", "../x"), "to is not a Jira issue"),
            (says("SHIP", "blocks", "SHIP-1"), "from is not a Jira issue"),
            (says("SHIP-1", "blocks", "ship-1"), "same issue"),
            (says("SHIP-1", "", "SHIP-2"), "Missing relation"),
            (says("SHIP-1", "  ", "SHIP-2"), "Missing relation"),
            (json!({ "from": "SHIP-1", "relation": "blocks" }), "Missing to"),
            (json!({ "from": "SHIP-1", "relation": 7, "to": "SHIP-2" }), "'relation' must be a string"),
            (json!({ "from": "SHIP-1", "relation": "b\u{0}", "to": "SHIP-2" }), "control characters"),
            (json!({ "from": "SHIP-1", "relation": "blocks", "to": "SHIP-2", "comment": "x" }), "comment"),
            (
                json!({ "from": "SHIP-1", "relation": "blocks", "to": "SHIP-2", "link_type_id": "x" }),
                "link_type_id",
            ),
        ] {
            let refused = person.write(Method::POST, "link-issues", body.clone()).await?.refusal(400);
            assert!(refused.contains(said), "{body}: {refused}");
        }
        for (body, said) in [
            (json!({}), "Missing link_id, or from, relation and to"),
            (json!({ "from": "SHIP-1", "to": "SHIP-2" }), "Missing link_id, or from, relation and to"),
            (json!({ "link_type_id": "1" }), "Missing link_id"),
            (json!({ "link_id": "1", "from": "SHIP-1" }), "either link_id"),
            (json!({ "link_id": "1/2" }), "link_id is not the id"),
            (says("SHIP-1", "blocks", "SHIP-1"), "same issue"),
        ] {
            let refused = unlink(&person, body.clone()).await?.refusal(400);
            assert!(refused.contains(said), "{body}: {refused}");
        }
        assert_eq!(person.jira_requests().len(), before);
        Ok(())
    });
}

#[test]
fn jiras_refusals_and_failures_have_their_messages() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let [from, to] = pair(&person, &stack.project("LINKNO", 0)?).await?;
        let link = |from: &str, to: &str| person.write(Method::POST, "link-issues", says(from, "blocks", to));
        let missing = link(&from, "SHIP-999999").await?.json(404);
        assert_eq!(missing["code"], "jira_not_found");
        assert!(missing["error"].as_str().is_some_and(|said| said.contains("switched off")), "{missing}");
        // The same issue, by id and by key: only Jira can tell.
        let id = person.details(&from).await?.json(200)["issue"]["id"].take();
        let same = link(&from, id.as_str().context("no id")?).await?.json(400);
        assert_eq!(same["code"], "jira_refused");
        assert!(same["details"]["messages"][0].is_string(), "{same}");

        // Linking is switched off.
        let off =
            Fault::Status { status: 404, body: Some(json!({ "errorMessages": ["off"], "errors": {} })) };
        stack.atlassian().inject(person.trouble("issueLinkType", off).times(1));
        assert!(link(&from, &to).await?.refusal(404).contains("switched off"));

        for fault in [Fault::Status { status: 500, body: None }, Fault::MalformedJson] {
            stack.atlassian().inject(person.trouble("issueLinkType", fault.clone()));
            assert_eq!(link(&from, &to).await?.refusal(502), "Failed to link Jira issues", "{fault:?}");
            stack.atlassian().clear_faults_of(&person.account);
        }
        stack.atlassian().inject(person.trouble(LINK, Fault::Status { status: 500, body: None }));
        let before = link_posts(&person);
        let unsure = link(&from, &to).await?.json(502);
        assert_eq!((&unsure["code"], link_posts(&person) - before), (&json!("outcome_unknown"), 1));
        stack.atlassian().clear_faults_of(&person.account);

        let limited =
            Fault::RateLimited { retry_after: Some(300), reason: Some("jira-per-issue-on-write".into()) };
        stack.atlassian().inject(person.trouble(LINK, limited).times(1));
        let limited = link(&from, &to).await?;
        assert_eq!(limited.json(429)["code"], "jira_rate_limited");
        assert_eq!(limited.header("retry-after"), "300");

        link(&from, &to).await?.json(201);
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        assert!(link(&from, &to).await?.refusal(404).contains("may not link"));
        unlink(&person, says(&from, "blocks", &to)).await?.refusal(404);
        stack.atlassian().inject(person.trouble("DELETE", Fault::Status { status: 500, body: None }));
        let before = person.jira_requests().len();
        let failed = unlink(&person, json!({ "link_id": "1" })).await?;
        assert_eq!(failed.refusal(502), "Failed to remove the link between Jira issues");
        assert_eq!(person.jira_requests().len() - before, 1);
        Ok(())
    });
}
