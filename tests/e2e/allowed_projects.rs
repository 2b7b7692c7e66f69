//! Connections that are limited to some projects: what they may still do, and attacks on every route.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use sandbox::NewProject;
use serde_json::{Map, Value, json};

use crate::openapi::{Operation, operations};

const NOT_ALLOWED: &str =
    "The connection is limited to some of the site's projects, and this is outside of them";

/// A project with things of each kind.
struct Things {
    project: String,
    key: String,
    board: u64,
    sprint: u64,
    issue: String,
    issue_id: String,
    other: String,
    comment: String,
    worklog: String,
    attachment: String,
    link: String,
}

fn text(answer: &Value, pointer: &str) -> Result<String> {
    let found = answer.pointer(pointer).with_context(|| format!("no {pointer} in {answer}"))?;
    Ok(found.as_str().context("no text")?.to_owned())
}

/// Creates a project with a board and a sprint. Returns its id and theirs.
fn project(stack: &TestStack, key: &str) -> Result<(String, u64, u64)> {
    let new = NewProject { key: key.to_owned(), issues: 0, boards: 1, sprints_per_board: 1 };
    let made = stack.atlassian().create_project("harbour", &new).map_err(anyhow::Error::msg)?;
    Ok((made.id.to_string(), made.boards[0], made.sprints[0]))
}

/// Creates things of each kind in a project, with this word in every text.
async fn things(person: &Person<'_>, (key, made): (&str, &(String, u64, u64)), word: &str) -> Result<Things> {
    let (project, board, sprint) = made.clone();
    let [issue, other] = [person.task(&project, word).await?, person.task(&project, word).await?];
    let of = |mut fields: Value| {
        fields["issue_id_or_key"] = json!(issue);
        fields
    };
    let comment = person.write(Method::POST, "add-comment", of(json!({ "body": word }))).await?.json(201);
    let worked = of(json!({ "time_spent": "PT1H", "comment": word }));
    let worked = person.write(Method::POST, "add-worklog", worked).await?.json(201);
    let attached = person.attach(&issue, &format!("{word}.txt"), "text/plain", b"x").await?.json(201);
    let link = json!({ "from": issue, "relation": "blocks", "to": other });
    let linked = person.write(Method::POST, "link-issues", link).await?.json(201);
    let moved = json!({ "issues": [issue], "sprint_id": sprint });
    person.write(Method::POST, "move-issues", moved).await?.json(200);
    let issue_id = text(&person.details(&issue).await?.json(200), "/issue/id")?;
    Ok(Things {
        key: key.to_owned(),
        comment: text(&comment, "/comment/id")?,
        worklog: text(&worked, "/worklog/id")?,
        attachment: text(&attached, "/attachment/id")?,
        link: text(&linked, "/link/id")?,
        project,
        board,
        sprint,
        issue,
        issue_id,
        other,
    })
}

/// A person without limits, whose new issues are found at once.
async fn owner(stack: &TestStack) -> Result<Person<'_>> {
    let owner = stack.connected_user().await?;
    let mut settings = stack.atlassian().settings(None);
    settings.search_lag = 0;
    stack.atlassian().set_settings(Some(&owner.account), settings);
    Ok(owner)
}

async fn limit(person: &Person<'_>, allowed: Value) -> Result<Value> {
    let fields = json!({ "allowed_projects": allowed });
    Ok(person.write(Method::POST, "set-allowed-projects", fields).await?.json(200))
}

#[test]
fn limits_are_set_and_read_back() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let read = async || Ok::<_, anyhow::Error>(person.read("get-allowed-projects", &[]).await?.json(200));
        assert_eq!(read().await?, json!({ "allowed_projects": null }));
        for allowed in [json!(["10000", "10001"]), json!([]), json!("selected"), json!(null)] {
            let expected = json!({ "success": true, "allowed_projects": allowed });
            assert_eq!(limit(&person, allowed.clone()).await?, expected);
            assert_eq!(read().await?, json!({ "allowed_projects": allowed }));
        }
        for (wrong, said) in [
            (json!(["SHIP"]), "allowed_projects must be a list of ids of projects"),
            (json!([10000]), "allowed_projects must be a list of ids of projects"),
            (json!("all"), "allowed_projects must be a list of ids of projects"),
            (json!(7), "allowed_projects must be a list of ids of projects"),
            (json!(""), "Missing allowed_projects"),
        ] {
            let fields = json!({ "allowed_projects": wrong });
            let answer = person.write(Method::POST, "set-allowed-projects", fields).await?;
            assert!(answer.refusal(400).starts_with(said), "{answer:?}");
        }
        // A misspelled or missing name must not remove the limits.
        limit(&person, json!(["10000"])).await?;
        let answer = person.write(Method::POST, "set-allowed-projects", json!({})).await?;
        assert_eq!(answer.refusal(400), "Missing allowed_projects");
        assert_eq!(read().await?, json!({ "allowed_projects": ["10000"] }));
        let stranger = stack.person(&["harbour"])?;
        for answer in [
            stranger.write(Method::POST, "set-allowed-projects", json!({ "allowed_projects": [] })).await?,
            stranger.read("get-allowed-projects", &[]).await?,
        ] {
            assert_eq!(answer.refusal(404), "Connection not found");
        }
        Ok(())
    });
}

#[test]
fn limits_hold_from_the_next_request_until_they_are_removed() {
    run(async {
        let stack = TestStack::shared().await?;
        let (inside, outside) = (stack.project("LIMITIN", 3)?, stack.project("LIMITOUT", 3)?);
        let person = stack.connected_user().await?;
        person.details("LIMITOUT-1").await?.json(200);
        limit(&person, json!([inside])).await?;
        assert_eq!(person.details("LIMITOUT-1").await?.refusal(403), NOT_ALLOWED);
        person.details("LIMITIN-1").await?.json(200);
        let select = async |project: &str| {
            person.write(Method::POST, "select-project", json!({ "jira_project_id": project })).await
        };
        assert_eq!(select(&outside).await?.refusal(403), "The connection is limited to other projects");
        select(&inside).await?.json(200);

        // The selected project alone, whichever it is.
        limit(&person, json!("selected")).await?;
        person.details("LIMITIN-1").await?.json(200);
        select(&outside).await?.json(200);
        person.details("LIMITOUT-1").await?.json(200);
        assert_eq!(person.details("LIMITIN-1").await?.refusal(403), NOT_ALLOWED);
        limit(&person, json!([])).await?;
        for issue in ["LIMITIN-1", "LIMITOUT-1"] {
            assert_eq!(person.details(issue).await?.refusal(403), NOT_ALLOWED);
        }
        let listed = person.projects().await?.json(200);
        assert_eq!((&listed["projects"], &listed["total"]), (&json!([]), &json!(0)));
        let search = json!({ "jql": "project = LIMITIN" });
        assert_eq!(person.write(Method::POST, "search-tickets", search).await?.refusal(403), NOT_ALLOWED);
        limit(&person, json!(null)).await?;
        person.details("LIMITIN-1").await?.json(200);
        Ok(())
    });
}

#[test]
fn a_limited_connection_hands_out_no_tokens() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for call in ["get-access-token", "get-connection-credentials"] {
            person.info(call).await?.json(200);
        }
        for allowed in [json!("selected"), json!(["10000"]), json!([])] {
            limit(&person, allowed).await?;
            for call in ["get-access-token", "get-connection-credentials"] {
                let answer = person.info(call).await?;
                assert!(answer.refusal(403).ends_with("so they are not handed out."), "{answer:?}");
                assert_eq!(answer.json(403)["code"], "project_not_allowed");
                assert!(!answer.json(403).to_string().contains("_token\""));
            }
        }
        limit(&person, json!(null)).await?;
        person.access_token().await?.json(200);
        Ok(())
    });
}

#[test]
fn limits_outlast_a_new_consent_and_mean_nothing_on_another_site() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour", "lighthouse"])?;
        person.connect("harbour").await?;
        let read = async || Ok::<_, anyhow::Error>(person.read("get-allowed-projects", &[]).await?.json(200));
        limit(&person, json!(["10000"])).await?;
        person.connect("harbour").await?;
        assert_eq!(read().await?, json!({ "allowed_projects": ["10000"] }));
        person.details("SHIP-1").await?.json(200);
        person.connect("lighthouse").await?;
        assert_eq!(read().await?, json!({ "allowed_projects": [] }));
        assert_eq!(person.projects().await?.json(200)["total"], 0);
        // What an older version writes when another site is chosen: it does not know the limits.
        const OLD: &str = r#"update "juncture-core".jira_connection set jira_site_id = $2
            where connection_id = $1"#;
        let id = person.connection_id().await?;
        stack.database().await?.execute(OLD, &[&id, &stack.site_id("harbour")?]).await?;
        person.forget_cached_connection().await?;
        person.details("SHIP-1").await?.json(200);
        limit(&person, json!("selected")).await?;
        person.connect("lighthouse").await?;
        assert_eq!(read().await?, json!({ "allowed_projects": "selected" }));
        assert_eq!(person.projects().await?.json(200)["total"], 0);
        Ok(())
    });
}

#[test]
fn an_entry_that_an_older_version_has_cached_is_not_trusted() {
    run(async {
        let stack = TestStack::shared().await?;
        stack.project("LIMITOLD", 1)?;
        let person = stack.connected_user().await?;
        limit(&person, json!(["10000"])).await?;
        let cached = stack.redis(&["GET", &person.cache_key()]).await?;
        let redis::Value::BulkString(cached) = cached else { anyhow::bail!("{cached:?}") };
        let mut entry: Map<String, Value> = serde_json::from_slice(&cached)?;
        assert_eq!(entry.remove("allowed_projects"), Some(json!(["10000"])));
        let entry = serde_json::to_string(&entry)?;
        stack.redis(&["SET", &person.cache_key(), &entry]).await?;
        assert_eq!(person.details("LIMITOLD-1").await?.refusal(403), NOT_ALLOWED);
        Ok(())
    });
}

#[test]
fn answers_leave_out_what_is_elsewhere() {
    run(async {
        let stack = TestStack::shared().await?;
        let owner = owner(stack).await?;
        let (inside, outside) = (project(stack, "SHOWIN")?, project(stack, "SHOWOUT")?);
        let near = things(&owner, ("SHOWIN", &inside), "near").await?;
        let far = things(&owner, ("SHOWOUT", &outside), "elsewhere").await?;
        let link = json!({ "from": near.issue, "relation": "is blocked by", "to": far.issue });
        let linked = owner.write(Method::POST, "link-issues", link).await?.json(201);
        let epic =
            json!({ "jira_project_id": far.project, "summary": "elsewhere", "issue_type_id": "10000" });
        let epic = text(&owner.create(epic).await?.json(201), "/ticket/key")?;
        owner.edit(&near.issue, json!({ "parent": epic })).await?.json(200);
        // An issue that has moved is found by its former key, and is where it is now.
        let seen = owner.details(&near.issue).await?.json(200)["issue"].clone();
        assert!(seen.to_string().contains("SHOWOUT"), "{seen}");

        let person = stack.connected_user().await?;
        limit(&person, json!([near.project])).await?;
        let before = person.jira_requests().len();
        let seen = person.details(&near.issue).await?.json(200)["issue"].clone();
        // The issue's project, the issue, the keys of the projects.
        assert_eq!(person.jira_requests().len() - before, 3);
        assert_eq!((&seen["parent"], seen["links"].as_array().map(Vec::len)), (&json!(null), Some(1)));
        let jql = json!({ "jql": "project in (SHOWIN, SHOWOUT) ORDER BY key", "fields": ["issuelinks", "subtasks"], "limit": 1000 });
        let searches = [
            person.write(Method::POST, "search-tickets", json!({ "jql": "ORDER BY key" })).await?.json(200),
            person.read("get-tickets-for-project", &[("jira_project_id", &near.project)]).await?.json(200),
            person
                .read("get-tickets-for-sprint", &[("sprint_id", &near.sprint.to_string())])
                .await?
                .json(200),
            person.read("get-backlog", &[("board_id", &near.board.to_string())]).await?.json(200),
            person.read("get-changelog", &[("issue_id_or_key", &near.issue)]).await?.json(200),
            person.read("get-projects", &[]).await?.json(200),
            person.read("get-board", &[("board_id", &near.board.to_string())]).await?.json(200),
            person.read("get-boards-for-project", &[("jira_project_id", &near.project)]).await?.json(200),
            person
                .read("get-all-sprints-for-project", &[("jira_project_id", &near.project)])
                .await?
                .json(200),
            person.read("get-edit-form", &[("issue_id_or_key", &near.issue)]).await?.json(200),
            person.write(Method::POST, "search-tickets", jql).await?.json(200),
            seen,
        ];
        for answer in &searches {
            let said = answer.to_string();
            assert!(!said.contains("SHOWOUT") && !said.contains("elsewhere"), "{said}");
        }
        let keys = |answer: &Value| answer["tickets"].as_array().map_or(0, Vec::len);
        assert_eq!((keys(&searches[0]), keys(&searches[1]), keys(&searches[2])), (2, 2, 1));
        assert_eq!(searches[5]["projects"][0]["key"], "SHOWIN");
        assert_eq!(searches[7]["boards"].as_array().map(Vec::len), Some(1));
        let count = json!({ "jql": "project in (SHOWIN, SHOWOUT)" });
        assert_eq!(person.write(Method::POST, "count-tickets", count).await?.json(200)["count"], 2);
        // A link to another project is outside as a whole.
        let unlink = json!({ "link_id": linked["link"]["id"] });
        let answer = person.write(Method::DELETE, "unlink-issues", unlink).await?;
        assert_eq!(answer.refusal(403), NOT_ALLOWED);
        Ok(())
    });
}

#[test]
fn a_query_cannot_leave_its_parentheses() {
    run(async {
        let stack = TestStack::shared().await?;
        let inside = stack.project("JQLIN", 3)?;
        stack.project("JQLOUT", 3)?;
        let person = stack.connected_user().await?;
        limit(&person, json!([inside])).await?;
        let search =
            async |jql: &str| person.write(Method::POST, "search-tickets", json!({ "jql": jql })).await;
        for (jql, found) in [
            ("project = JQLOUT", 0),
            ("project = JQLIN OR project = JQLOUT", 3),
            ("project = JQLOUT OR project = JQLIN ORDER BY key", 3),
            ("NOT project = JQLIN", 0),
            ("project != JQLIN ORDER BY key DESC", 0),
            ("ORDER BY key", 3),
            ("summary ~ \"order by\" OR project = JQLOUT", 0),
        ] {
            let answer = search(jql).await?.json(200);
            assert_eq!(answer["total"], found, "{jql}: {answer}");
        }
        for jql in [
            "project = JQLIN) OR (project = JQLOUT",
            "key = JQLIN-1) OR project = JQLOUT ORDER BY (key",
            "project = JQLIN ORDER BY key) OR (project = JQLOUT",
            "project = JQLIN ORDER BY key OR project = JQLOUT",
            "\") OR (project = JQLOUT",
            "') OR (project = JQLOUT",
        ] {
            let answer = search(jql).await?;
            assert_eq!(answer.json(400)["code"], "jira_refused", "{jql}: {answer:?}");
        }
        let parses = |requests: &[sandbox::LoggedRequest]| {
            requests.iter().filter(|request| request.path.ends_with("/jql/parse")).count()
        };
        // The query and the limited one are checked in one call, on each page.
        let before = parses(&person.jira_requests());
        let page = json!({ "jql": "project in (JQLIN, JQLOUT) ORDER BY key", "limit": 2 });
        let first = person.write(Method::POST, "search-tickets", page.clone()).await?.json(200);
        let mut next = page;
        next["cursor"] = first["next_cursor"].clone();
        let second = person.write(Method::POST, "search-tickets", next).await?.json(200);
        assert_eq!((&first["total"], &second["total"]), (&json!(2), &json!(1)));
        assert_eq!(parses(&person.jira_requests()) - before, 2);
        Ok(())
    });
}

/// What a name in a request stands for, if it names something in Jira that is in a project.
fn place(name: &str, things: &Things) -> Vec<Value> {
    match name {
        "issue_id_or_key" | "issue_key" => vec![json!(things.issue), json!(things.issue_id)],
        "from" | "before" | "after" | "parent" => vec![json!(things.issue)],
        "to" => vec![json!(things.other)],
        "issues" => vec![json!([things.other])],
        "jira_project_id" => vec![json!(things.project), json!(things.key)],
        "board_id" => vec![json!(things.board)],
        "sprint_id" => vec![json!(things.sprint)],
        "comment_id" => vec![json!(things.comment)],
        "worklog_id" => vec![json!(things.worklog)],
        "attachment_id" => vec![json!(things.attachment)],
        "link_id" => vec![json!(things.link)],
        "jql" => vec![json!(format!("key = {}", things.issue)), json!(format!("project = {}", things.key))],
        "fields" => {
            vec![json!({ "parent": { "key": things.issue } }), json!({ "parent": { "id": things.issue_id } })]
        }
        _ => Vec::new(),
    }
}

/// A value for any other name.
fn plain(name: &str) -> Option<Value> {
    let value = match name {
        "summary" | "body" | "name" | "query" => json!("x"),
        "issue_type_id" => json!("10001"),
        "status" => json!("In Progress"),
        "time_spent" => json!("PT1M"),
        "relation" => json!("blocks"),
        "backlog" => json!(true),
        "goal" => json!("x"),
        "file_name" => json!("x.txt"),
        _ => return None,
    };
    Some(value)
}

/// The names that a request needs besides those that are always required, if it has this one.
fn companions(call: &str, name: &str) -> &'static [&'static str] {
    match (call, name) {
        ("transition-issue", _) => &["status"],
        ("edit-issue", "issue_id_or_key") => &["summary"],
        ("edit-sprint", _) => &["goal"],
        ("get-create-form", _) => &["issue_type_id"],
        ("create-ticket", _) => &["jira_project_id"],
        ("add-attachment", _) => &["file_name"],
        ("search-users", _) => &["query"],
        ("get-attachment" | "delete-attachment", _) => &["issue_id_or_key", "attachment_id"],
        ("delete-worklog", _) => &["issue_id_or_key", "worklog_id"],
        ("delete-comment", _) => &["issue_id_or_key", "comment_id"],
        ("move-issues", "board_id") => &["issues", "backlog"],
        ("move-issues", "issues") => &["issues", "backlog"],
        ("move-issues", _) => &["issues"],
        ("unlink-issues", "from" | "to") | ("link-issues", _) => &["from", "relation", "to"],
        _ => &[],
    }
}

/// Names that stand for nothing in a project, but for a person, a value or an option.
const HARMLESS: [&str; 52] = [
    "adjust_estimate",
    "allowed_projects",
    "assignee_account_id",
    "backlog",
    "body",
    "body_format",
    "comment",
    "components",
    "content",
    "cursor",
    "delete_subtasks",
    "description",
    "description_format",
    "due_date",
    "end_date",
    "expected_updated",
    "external_id",
    "file_name",
    "fix_versions",
    "goal",
    "increase_by",
    "internal",
    "issue_type",
    "issue_type_id",
    "labels",
    "limit",
    "link_type_id",
    "name",
    "new_estimate",
    "notify",
    "on_loss",
    "order",
    "priority_id",
    "query",
    "reduce_by",
    "relation",
    "reporter_account_id",
    "resolution",
    "start_date",
    "started",
    "started_after",
    "started_before",
    "state",
    "status",
    "status_category",
    "status_id",
    "summary",
    "text",
    "time_spent",
    "transition_id",
    "updated_since",
    "visibility",
];

/// Calls that name a project without touching it in Jira.
const ABOUT_THE_CONNECTION: [&str; 4] =
    ["select-project", "get-selected-project", "set-allowed-projects", "get-allowed-projects"];

/// Sends a request with these values.
async fn send(
    person: &Person<'_>,
    operation: &Operation,
    values: &BTreeMap<String, Value>,
) -> Result<Answer> {
    let call = operation.path.rsplit('/').next().context("no name")?;
    let is_upload = call == "add-attachment";
    if operation.body.is_some() && !is_upload {
        return person.write(operation.method.clone(), call, json!(values)).await;
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let query: Vec<(&str, String)> =
        values.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if is_upload {
        let issue = values.get("issue_id_or_key").and_then(Value::as_str).context("no issue")?;
        return person.attach(issue, "x.txt", "text/plain", b"x").await;
    }
    person.query(operation.method.clone(), call, &query).await
}

/// Everything that can be seen of the things in a project.
async fn state(person: &Person<'_>, things: &Things) -> Result<Vec<Value>> {
    let mut seen = Vec::new();
    for issue in [&things.issue, &things.other] {
        for call in ["get-issue-details", "get-comments", "get-worklogs", "get-changelog"] {
            seen.push(person.read(call, &[("issue_id_or_key", issue)]).await?.json(200));
        }
    }
    for (call, name, value) in [
        ("get-tickets-for-project", "jira_project_id", things.project.clone()),
        ("get-all-sprints-for-project", "jira_project_id", things.project.clone()),
        ("get-tickets-for-sprint", "sprint_id", things.sprint.to_string()),
        ("get-backlog", "board_id", things.board.to_string()),
    ] {
        seen.push(person.read(call, &[(name, &value)]).await?.json(200));
    }
    Ok(seen)
}

#[test]
fn no_route_reaches_another_project() {
    run(async {
        let stack = TestStack::shared().await?;
        let owner = owner(stack).await?;
        let (inside, outside) = (project(stack, "REACHIN")?, project(stack, "REACHOUT")?);
        let far = things(&owner, ("REACHOUT", &outside), "elsewhere").await?;
        let person = stack.connected_user().await?;
        limit(&person, json!([inside.0])).await?;
        let untouched = state(&owner, &far).await?;
        let mut attacks = 0;
        for operation in operations()? {
            let Some(call) = operation.path.strip_prefix("/api/backend/jira/") else { continue };
            // `proxy` has a test of its own.
            if ABOUT_THE_CONNECTION.contains(&call) || call.starts_with("proxy/") {
                continue;
            }
            let body = operation.body.as_ref();
            let names = body.map(|body| body.fields.keys()).into_iter().flatten();
            let names: Vec<&String> =
                if body.is_some() { names.collect() } else { operation.query.keys().collect() };
            let required = body.and_then(|body| body.required.clone()).unwrap_or_default();
            let required = operation
                .query
                .iter()
                .filter(|(_, is_required)| **is_required)
                .map(|(name, _)| name.clone())
                .chain(required);
            let required: Vec<String> = required.collect();
            for name in names {
                let is_list = call == "search-tickets" && name == "fields";
                let targets = if is_list { Vec::new() } else { place(name, &far) };
                assert!(
                    is_list || !targets.is_empty() || HARMLESS.contains(&name.as_str()),
                    "{call}: what does {name} stand for?"
                );
                if targets.is_empty() {
                    continue;
                }
                let near = things(&person, ("REACHIN", &inside), "near").await?;
                let first = |name: &str| place(name, &near).into_iter().next().or_else(|| plain(name));
                let needed =
                    required.iter().map(String::as_str).chain(companions(call, name).iter().copied());
                let base: BTreeMap<String, Value> = needed
                    .filter(|needed| *needed != "external_id")
                    .map(|needed| {
                        Ok((needed.to_owned(), first(needed).with_context(|| format!("{call}: {needed}"))?))
                    })
                    .collect::<Result<_>>()?;
                for target in targets {
                    let mut attack = base.clone();
                    attack.insert(name.clone(), target);
                    let answer = send(&person, &operation, &attack).await?;
                    let said = answer.json(answer.status).to_string();
                    let what = format!("{call} {attack:?}: {said}");
                    // A search finds nothing; a comment of another issue, or a link that is left out, does not exist. Everything
                    // else is refused.
                    let is_search = name == "jql";
                    let is_of_an_issue = ["comment_id", "worklog_id"].contains(&name.as_str())
                        || (call == "unlink-issues" && name == "to");
                    let expected = if is_search {
                        200
                    } else if is_of_an_issue {
                        404
                    } else {
                        403
                    };
                    // The form refuses a field that it does not have before its value is looked at.
                    let is_unknown = name == "fields" && answer.status == 400;
                    assert!(answer.status == expected || is_unknown, "{what}");
                    assert!(answer.status != 403 || said.contains("\"project_not_allowed\""), "{what}");
                    assert!(!said.contains("REACHOUT") && !said.contains("elsewhere"), "{what}");
                    attacks += 1;
                }
                // The same request inside is not refused, so the attack was refused for its target.
                if let Some(target) = place(name, &near)
                    .into_iter()
                    .next()
                    .filter(|_| !is_list && name != "parent" && name != "fields")
                {
                    let mut fine = base.clone();
                    fine.insert(name.clone(), target);
                    let answer = send(&person, &operation, &fine).await?;
                    assert!(answer.status < 300, "{call} {fine:?}: {answer:?}");
                }
            }
            assert_eq!(state(&owner, &far).await?, untouched, "{call} has changed something");
        }
        assert!(attacks > 50, "{attacks}");
        Ok(())
    });
}
