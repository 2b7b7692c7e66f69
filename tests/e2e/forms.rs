//! Forms: what the fields of an issue take, and values for them.

use anyhow::{Context, Result};
use juncture_tests::{Person, TestStack, run};
use reqwest::Method;
use sandbox::{Fault, ProjectShape};
use serde_json::{Value, json};

/// A field of each kind: its id and name, its kind, a value that a caller sends, and how the issue shows it.
fn kinds(account: &str) -> Vec<(&'static str, &'static str, &'static str, Value, Value)> {
    vec![
        ("customfield_10030", "Berth", "text", json!("Pier 4"), json!("Pier 4")),
        ("customfield_10040", "Notes", "rich_text", json!("**dry**"), json!("**dry**")),
        (
            "customfield_10041",
            "Manual",
            "url",
            json!("https://example.com/a"),
            json!("https://example.com/a"),
        ),
        ("customfield_10016", "Story point estimate", "number", json!(2.5), json!(2.5)),
        ("customfield_10032", "Inspected", "date", json!("2026-11-30"), json!("2026-11-30")),
        (
            "customfield_10043",
            "Sails at",
            "date_time",
            json!("2026-11-30T10:00:00+01:00"),
            json!("2026-11-30T09:00:00.000+0000"),
        ),
        ("customfield_10031", "Severity", "choice", json!("major"), json!("Major")),
        ("customfield_10044", "Side", "choice", json!("Port"), json!("Port")),
        ("customfield_10045", "Hazards", "choices", json!(["Fog", "Fire"]), json!(["Fog", "Fire"])),
        ("customfield_10046", "Cargo", "choices", json!(["Tea"]), json!(["Tea"])),
        ("customfield_10047", "Place", "cascade", json!("Hull > Keel"), json!("Hull > Keel")),
        ("customfield_10048", "Pilot", "user", json!(account), json!("Sam Single-Site")),
        ("customfield_10049", "Crew", "users", json!([account]), json!(["Sam Single-Site"])),
        ("customfield_10050", "Watch", "group", json!("crew"), json!("crew")),
        ("customfield_10051", "Watches", "groups", json!(["crew", "officers"]), json!(["crew", "officers"])),
        ("customfield_10052", "Tags", "labels", json!(["a", "b"]), json!(["a", "b"])),
        ("customfield_10053", "Refit", "choice", json!("2.0"), json!("2.0")),
        ("customfield_10054", "Refits", "choices", json!(["1.0", "2.0"]), json!(["1.0", "2.0"])),
        ("customfield_10055", "Squad", "team", json!("36885b3c-1bf0"), json!("Squad one")),
        ("customfield_10056", "Assets", "other", json!([{ "objectId": "7" }]), json!([{ "objectId": "7" }])),
        ("customfield_10020", "Sprint", "sprint", json!(502), json!(["Voyage 2"])),
    ]
}

fn account(stack: &TestStack, key: &str) -> Result<String> {
    let accounts = stack.atlassian().accounts();
    let account = accounts.into_iter().find(|account| account.key == key);
    Ok(account.context("no such account")?.account_id)
}

async fn create_form(person: &Person<'_>, project: &str, more: (&str, &str)) -> Result<Value> {
    Ok(person.read("get-create-form", &[("jira_project_id", project), more]).await?.json(200))
}

fn field<'a>(form: &'a Value, id: &str) -> &'a Value {
    let fields = form["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    fields.iter().find(|field| field["id"] == id).unwrap_or(&Value::Null)
}

fn custom(details: &Value, id: &str) -> Value {
    details["issue"]["customFields"][id].clone()
}

#[test]
fn every_kind_of_required_field_is_created_and_edited() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let kinds = kinds(&account(stack, "sam")?);
        let required: Vec<String> = kinds.iter().map(|(id, ..)| (*id).to_owned()).collect();
        let project = stack.shaped_project("KINDS", ProjectShape { required, ..ProjectShape::default() })?;
        let form = create_form(&person, &project, ("issue_type_id", "10001")).await?;
        for (id, name, kind, ..) in &kinds {
            let field = field(&form, id);
            assert_eq!((&field["name"], &field["type"]), (&json!(name), &json!(kind)), "{id}");
            assert_eq!((&field["required"], &field["must_ask"]), (&json!(true), &json!(true)), "{id}");
        }
        let body = |fields: Value| json!({ "jira_project_id": project, "summary": "All kinds", "issue_type_id": "10001", "fields": fields });
        // Each of them alone is missed by Jira, with its id.
        let refused = person.create(body(json!({ "Berth": "Pier 4" }))).await?.json(400);
        assert_eq!(refused["details"]["fields"].as_object().map(serde_json::Map::len), Some(kinds.len() - 1));
        assert_eq!(refused["details"]["names"]["customfield_10031"], "Severity");
        let values: Value =
            kinds.iter().map(|(id, _, _, value, _)| ((*id).to_owned(), value.clone())).collect();
        let created = person.create(body(values)).await?.json(201);
        let key = created["ticket"]["key"].as_str().context("no key")?.to_owned();
        let details = person.details(&key).await?.json(200);
        for (id, _, _, _, shown) in &kinds {
            assert_eq!(custom(&details, id), *shown, "{id}");
        }
        // By name, one after the other; and Jira misses a required value that is cleared.
        for (id, name, _, value, shown) in &kinds {
            let edited = person.edit(&key, json!({ "fields": { *name: value } })).await?;
            assert_eq!(edited.json(200)["success"], true, "{name}");
            let cleared = person.edit(&key, json!({ "fields": { *id: null } })).await?.json(400);
            assert!(cleared["details"]["fields"][*id].is_string(), "{name}: {cleared}");
            assert_eq!(custom(&person.details(&key).await?.json(200), id), *shown, "{name}");
        }
        Ok(())
    });
}

#[test]
fn required_fields_of_the_system_are_created_and_edited_by_their_names() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let sam = account(stack, "sam")?;
        let fields = [
            ("environment", "Environment", "rich_text", json!("**dry**")),
            ("security", "Security Level", "choice", json!("officers only")),
            ("priority", "Priority", "choice", json!("High")),
            ("components", "Components", "choices", json!(["Hull"])),
            ("versions", "Affects versions", "choices", json!(["1.0"])),
            ("fixVersions", "Fix versions", "choices", json!(["2.0"])),
            ("labels", "Labels", "labels", json!(["a"])),
            ("duedate", "Due date", "date", json!("2026-11-30")),
            ("assignee", "Assignee", "user", json!(sam)),
        ];
        let required = fields.iter().map(|(id, ..)| (*id).to_owned()).collect();
        let project = stack.shaped_project("SYSTEM", ProjectShape { required, ..ProjectShape::default() })?;
        let form = create_form(&person, &project, ("issue_type_id", "10001")).await?;
        for (id, name, kind, _) in &fields {
            let field = field(&form, id);
            assert_eq!((&field["name"], &field["type"]), (&json!(name), &json!(kind)), "{id}");
        }
        assert_eq!(field(&form, "summary")["must_ask"], true);
        assert!(form["json_schema"]["properties"].get("summary").is_none(), "it has a field of its own");
        let mut values: serde_json::Map<String, Value> =
            fields.iter().map(|(_, name, _, value)| ((*name).to_owned(), value.clone())).collect();
        values.insert("Time tracking".to_owned(), json!({ "originalEstimate": "1d 4h" }));
        let body = json!({ "jira_project_id": project, "summary": "System", "issue_type_id": "10001", "fields": values });
        let key = person.create(body).await?.json(201)["ticket"]["key"].clone();
        let key = key.as_str().context("no key")?;
        let issue = person.details(key).await?.json(200)["issue"].clone();
        assert_eq!((&issue["affectedVersions"], &issue["labels"]), (&json!(["1.0"]), &json!(["a"])));
        for (id, name, _, value) in &fields {
            person.edit(key, json!({ "fields": { *name: value } })).await?.json(200);
            let cleared = person.edit(key, json!({ "fields": { *name: null } })).await?.json(400);
            assert_eq!(cleared["details"]["names"][*id], *name, "{cleared}");
        }
        // Where they are not required, null clears them.
        let key = person.task(&stack.project("SYSTEMOPT", 0)?, "Optional").await?;
        for (_, name, _, value) in &fields {
            for value in [value, &Value::Null] {
                person.edit(&key, json!({ "fields": { *name: value } })).await?.json(200);
            }
        }
        let issue = person.details(&key).await?.json(200)["issue"].clone();
        assert_eq!((&issue["components"], &issue["assignee"]), (&json!([]), &Value::Null));
        Ok(())
    });
}

#[test]
fn optional_fields_can_be_cleared() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("CLEARED", 0)?, "Full").await?;
        let kinds = kinds(&account(stack, "sam")?);
        let fields = |value: &dyn Fn(&Value) -> Value| -> Value {
            kinds.iter().map(|(id, _, _, given, _)| ((*id).to_owned(), value(given))).collect()
        };
        person.edit(&key, json!({ "fields": fields(&Value::clone) })).await?.json(200);
        let details = person.details(&key).await?.json(200);
        assert_eq!(
            details["issue"]["customFields"].as_object().map(serde_json::Map::len),
            Some(kinds.len() + 1)
        );
        person.edit(&key, json!({ "fields": fields(&|_| Value::Null) })).await?.json(200);
        let details = person.details(&key).await?.json(200);
        // The rank is always there.
        assert_eq!(
            details["issue"]["customFields"].as_object().map(serde_json::Map::len),
            Some(1),
            "{details}"
        );
        Ok(())
    });
}

#[test]
fn a_value_that_does_not_fit_is_refused_before_jira_gets_it() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("MISFIT", 0)?, "Misfit").await?;
        let before = person.jira_requests().len();
        let wrong = [
            (json!({ "Berth": 7 }), "fields: \"Berth\" must be a string of one line"),
            (json!({ "Notes": ["a"] }), "fields: \"Notes\" must be a string of Markdown"),
            (json!({ "Notes": "a".repeat(32_768) }), "fields: \"Notes\" is 32768 characters long"),
            (json!({ "Manual": "example" }), "must be an absolute URL"),
            (json!({ "customfield_10016": "3" }), "fields: \"customfield_10016\" must be a number"),
            (json!({ "Inspected": "30/11/2026" }), "must be a date, such as 2026-11-30"),
            (json!({ "Sails at": "2026-11-30" }), "must be a date and time with an offset"),
            (json!({ "Severity": "Huge" }), "cannot be \"Huge\"; it must be one of: Minor, Major, Critical"),
            (json!({ "Severity": "Worse than the worst" }), "cannot be \"Worse than the worst\""),
            (json!({ "Hazards": "Fog" }), "must be a list of allowed values"),
            (json!({ "Place": "Hull > Mast" }), "must be one of: Hull, Hull > Keel, Hull > Bow"),
            (json!({ "Pilot": "a b" }), "must be the account id of a user"),
            (json!({ "Tags": ["a b"] }), "must be a list of strings without spaces"),
            (json!({ "Sprint": "Voyage 2" }), "must be the id of a sprint, a number"),
            (json!({ "Squad": { "id": "x" } }), "must be the id of a team"),
            (json!({ "Twin": "a" }), "Use one of their ids: customfield_10058, customfield_10059"),
            (json!({ "Captain's note": "a" }), "\"Captain's note\" is not a field of this form"),
            (json!({ "Colour": "red" }), "\"Colour\" is not a field of this form, by id or by name"),
            (json!({ "Severity": "Major", "customfield_10031": "Minor" }), "is given twice"),
        ];
        for (fields, said) in &wrong {
            let refused = person.edit(&key, json!({ "fields": fields })).await?.refusal(400);
            assert!(refused.contains(said), "{fields}: {refused}");
        }
        let twice = json!({ "summary": "a", "fields": { "Summary": "b" } });
        assert!(person.edit(&key, twice).await?.refusal(400).contains("given outside of fields"));
        // One read of the form each, and no write.
        let sent = person.jira_requests().split_off(before);
        assert_eq!(sent.len(), wrong.len() + 1);
        assert!(sent.iter().all(|request| request.path.ends_with("/editmeta")), "{sent:?}");
        Ok(())
    });
}

#[test]
fn plain_fields_need_no_form() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("PLAIN", 0)?;
        let epic = json!({ "jira_project_id": project, "summary": "Epic", "issue_type_id": "10000" });
        let epic = person.create(epic).await?.json(201)["ticket"]["key"].clone();
        let (sam, ada) = (account(stack, "sam")?, account(stack, "ada")?);
        let fields = json!({
            "jira_project_id": project, "summary": "Plain", "issue_type_id": "10001",
            "labels": ["b", "a"], "components": ["Hull"], "fix_versions": [format!("{project}1")],
            "due_date": "2026-11-30", "parent": epic, "reporter_account_id": sam,
        });
        let before = person.jira_requests().len();
        let key =
            person.create(fields).await?.json(201)["ticket"]["key"].as_str().context("no key")?.to_owned();
        assert_eq!(person.jira_requests().len() - before, 2, "the create, and the read of the response");
        let issue = person.details(&key).await?.json(200)["issue"].clone();
        assert_eq!(issue["labels"], json!(["a", "b"]));
        assert_eq!((&issue["components"], &issue["fixVersions"]), (&json!(["Hull"]), &json!(["2.0"])));
        assert_eq!(issue["reporter"]["accountId"], json!(sam));
        let before = person.jira_requests().len();
        let edit = json!({ "labels": [], "components": ["Rigging"], "fix_versions": null, "due_date": null,
            "parent": null, "reporter_account_id": ada });
        person.edit(&key, edit).await?.json(200);
        assert_eq!(person.jira_requests().len() - before, 1);
        let issue = person.details(&key).await?.json(200)["issue"].clone();
        assert_eq!((&issue["labels"], &issue["fixVersions"]), (&json!([]), &json!([])));
        assert_eq!(
            (&issue["components"], &issue["reporter"]["accountId"]),
            (&json!(["Rigging"]), &json!(ada))
        );
        let before = person.jira_requests().len();
        for (fields, said) in [
            (json!({ "labels": ["a b"] }), "labels must be a list of strings without spaces"),
            (json!({ "labels": "a" }), "labels must be a list"),
            (json!({ "components": [7] }), "components must be a list of names or ids"),
            (json!({ "fix_versions": [""] }), "fix_versions must be a list"),
            (json!({ "due_date": "2026-02-30" }), "due_date must be a date"),
            (json!({ "parent": "PLAIN" }), "parent must be the id or key of an issue"),
            (
                json!({ "reporter_account_id": 7 }),
                "reporter_account_id must be the id of an Atlassian account",
            ),
            (json!({ "fields": ["a"] }), "fields must be an object"),
        ] {
            let refused = person.edit(&key, fields).await?.refusal(400);
            assert!(refused.contains(said), "{refused}");
        }
        assert_eq!(person.jira_requests().len(), before);
        Ok(())
    });
}

#[test]
fn a_form_is_read_to_its_last_page() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let last = ProjectShape::extra_field(449);
        let shape =
            ProjectShape { required: vec![last.clone()], extra_fields: 450, ..ProjectShape::default() };
        let project = stack.shaped_project("PAGES", shape)?;
        let before = person.jira_requests().len();
        let form = create_form(&person, &project, ("issue_type_id", "10001")).await?;
        assert_eq!(person.jira_requests().len() - before, 3);
        assert_eq!(field(&form, &last)["must_ask"], true);
        assert!(form["json_schema"]["required"].as_array().context("no list")?.contains(&json!(last)));
        // 120 fields are one page, and one more call finds the type by its name.
        let shape = ProjectShape { extra_fields: 80, ..ProjectShape::default() };
        let project = stack.shaped_project("ONEPAGE", shape)?;
        let before = person.jira_requests().len();
        let by_id = create_form(&person, &project, ("issue_type_id", "10001")).await?;
        assert_eq!(person.jira_requests().len() - before, 1);
        let by_name = create_form(&person, &project, ("issue_type", " task")).await?;
        assert_eq!(person.jira_requests().len() - before, 3);
        assert_eq!(by_id, by_name);
        for absent in ["project", "issuetype", "attachment", "customfield_10019", "customfield_10057"] {
            assert!(field(&by_id, absent).is_null(), "{absent}");
        }
        assert_eq!(field(&by_id, "reporter")["must_ask"], false);
        assert_eq!(field(&by_id, "priority")["default_value"], "Medium");
        assert_eq!(field(&by_id, "parent")["searched_with"], "search-tickets");
        Ok(())
    });
}

#[test]
fn issue_types_are_those_of_the_project() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let types = person.read("get-issue-types", &[("jira_project_id", "SHIP")]).await?.json(200);
        assert_eq!(types["total"], 5);
        let subtask = &types["issue_types"][2];
        assert_eq!((&subtask["name"], &subtask["is_subtask"]), (&json!("Sub-task"), &json!(true)));
        assert_eq!((&subtask["id"], &subtask["hierarchy_level"]), (&json!("10003"), &json!(-1)));
        let unknown = person.read("get-issue-types", &[("jira_project_id", "NOWHERE")]).await?;
        assert_eq!(unknown.json(404)["code"], "project_not_found");
        let none = person.read("get-issue-types", &[]).await?;
        assert_eq!(none.refusal(400), "No project selected and no project ID provided");
        for (parameter, said) in [
            (("issue_type", "Taks"), "\"Taks\" is not an issue type of this project. It has: Task, Bug, "),
            (("issue_type_id", "Task"), "issue_type_id is not a Jira issue type id"),
            (("description", "x"), "Missing issue_type_id or issue_type"),
        ] {
            let answer = person.read("get-create-form", &[("jira_project_id", "SHIP"), parameter]).await?;
            assert!(answer.refusal(400).contains(said), "{answer:?}");
        }
        let unknown = [("jira_project_id", "SHIP"), ("issue_type_id", "99")];
        assert_eq!(person.read("get-create-form", &unknown).await?.json(404)["code"], "jira_not_found");
        Ok(())
    });
}

#[test]
fn an_edit_form_has_what_the_account_may_edit() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("EDITFORM", 0)?, "Form").await?;
        let form = person.read("get-edit-form", &[("issue_id_or_key", &key)]).await?.json(200);
        assert_eq!(field(&form, "customfield_10031")["type"], "choice");
        assert!(field(&form, "issuetype").is_null(), "it cannot be edited");
        assert_eq!(
            (&field(&form, "summary")["required"], &field(&form, "summary")["must_ask"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(form["json_schema"]["required"], json!([]));
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let form = person.read("get-edit-form", &[("issue_id_or_key", &key)]).await?.json(200);
        assert_eq!(form["fields"], json!([]));
        let edit = person.edit(&key, json!({ "fields": { "Severity": "Major" } })).await?;
        assert_eq!(edit.json(403)["code"], "jira_forbidden");
        let missing = person.read("get-edit-form", &[("issue_id_or_key", "SHIP-999999")]).await?;
        assert_eq!(missing.refusal(404), "Issue not found");
        Ok(())
    });
}

#[test]
fn a_form_with_unexpected_values_loses_only_those() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let odd = json!({ "fields": [
            null, 7, { "fieldId": 5 },
            { "fieldId": "customfield_1", "name": ["a"], "required": "yes", "operations": ["set"], "schema": "string",
              "allowedValues": [null, { "id": 7 }, { "value": "ok" }] },
            { "key": "customfield_2", "name": "Two", "operations": ["set"], "schema": { "type": "number" } },
        ] });
        let fault = Fault::Status { status: 200, body: Some(odd) };
        stack.atlassian().inject(person.trouble("createmeta", fault).times(1));
        let form = create_form(&person, "SHIP", ("issue_type_id", "10001")).await?;
        assert_eq!(form["fields"].as_array().map(Vec::len), Some(2), "{form}");
        assert_eq!(
            (&form["fields"][0]["name"], &form["fields"][0]["type"]),
            (&json!("customfield_1"), &json!("other"))
        );
        let allowed =
            json!([{ "id": null, "name": null }, { "id": "7", "name": null }, { "id": null, "name": "ok" }]);
        assert_eq!(form["fields"][0]["allowed_values"], allowed);
        assert_eq!(form["fields"][1]["type"], "number");
        stack.atlassian().inject(person.trouble("createmeta", Fault::MalformedJson).times(1));
        let answer = person
            .read("get-create-form", &[("jira_project_id", "SHIP"), ("issue_type_id", "10001")])
            .await?;
        assert_eq!(answer.refusal(502), "Failed to fetch Jira form");
        Ok(())
    });
}

#[test]
fn a_text_field_keeps_what_markdown_cannot_represent() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("NOTES", 0)?, "Notes").await?;
        let red = json!([{ "type": "textColor", "attrs": { "color": "#ff5630" } }]);
        let paragraph = |content: Value| json!({ "type": "paragraph", "content": content });
        let document = json!({ "type": "doc", "version": 1, "content": [
            paragraph(json!([{ "type": "text", "text": "red", "marks": red }])),
            paragraph(json!([{ "type": "text", "text": "end" }])),
        ] });
        person.edit(&key, json!({ "fields": { "Notes": document } })).await?.json(200);
        let before = person.jira_requests().len();
        let edited = person.edit(&key, json!({ "fields": { "Notes": "red\n\nthe end" } })).await?.json(200);
        assert!(edited.get("lost").is_none(), "{edited}");
        assert_eq!(person.jira_requests().len() - before, 3, "the form, the stored text, the edit");
        let refused = person.edit(&key, json!({ "fields": { "Notes": "x" }, "on_loss": "refuse" })).await?;
        assert_eq!(refused.json(409)["details"]["lost"], json!([{ "kind": "textColor", "count": 1 }]));
        let written = person.write(
            Method::PUT,
            "edit-issue",
            json!({ "issue_id_or_key": key, "fields": { "Notes": "x" } }),
        );
        assert_eq!(written.await?.json(200)["lost"], json!([{ "kind": "textColor", "count": 1 }]));
        Ok(())
    });
}

#[test]
fn a_create_with_a_form_happens_once() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("FORMONCE", 0)?;
        let body = |severity: &str| {
            json!({ "jira_project_id": project, "summary": "Once", "issue_type_id": "10001",
            "fields": { "Severity": severity } })
        };
        // A value that does not fit leaves the key free.
        person.create_once("key", body("Huge")).await?.refusal(400);
        let first = person.create_once("key", body("Major")).await?.json(201);
        let before = person.jira_requests().len();
        assert_eq!(person.create_once("key", body("Major")).await?.json(201), first);
        assert_eq!(person.jira_requests().len(), before, "a replay needs no form");
        assert_eq!(person.creates(), 1);
        Ok(())
    });
}

#[test]
fn jiras_false_permission_error_about_a_sprint_is_a_missing_scope() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        settings.withheld_scopes = ["write:sprint:jira-software".to_owned()].into();
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        let key = person.task(&stack.project("NOSPRINT", 0)?, "Sprint").await?;
        let refused = person.edit(&key, json!({ "fields": { "Sprint": 502 } })).await?.json(403);
        assert_eq!(refused["code"], "missing_scope");
        let said = refused["error"].as_str().unwrap_or_default();
        assert!(
            said.contains("write:sprint:jira-software") && said.contains("planning to JIRA_SCOPE_GROUPS"),
            "{said}"
        );
        assert!(refused["details"]["fields"]["customfield_10020"].is_string(), "{refused}");
        assert_eq!(person.validity().await?["missing_scopes"], json!(["write:sprint:jira-software"]));
        // If it is not known what was granted, Jira's words stand.
        person.forget_granted_scopes().await?;
        let refused = person.edit(&key, json!({ "fields": { "Sprint": 502 } })).await?.json(400);
        assert_eq!(
            (&refused["code"], &refused["details"]["names"]["customfield_10020"]),
            (&json!("jira_refused"), &json!("Sprint"))
        );
        assert_eq!(person.validity().await?["missing_scopes"], Value::Null);
        Ok(())
    });
}
