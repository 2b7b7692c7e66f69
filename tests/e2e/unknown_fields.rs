//! Unknown fields in a JSON body are not silently ignored.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use juncture_tests::{TestStack, run};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::openapi::{Operation, operations};

/// The routes of the contract that take a JSON body.
const CONTRACT: [(&str, &str); 6] = [
    ("POST", "/api/frontend/oauth/initiate-oauth-flow"),
    ("POST", "/api/frontend/oauth/get-authorization-uri"),
    ("POST", "/api/frontend/finalize-connection/jira/create-connection"),
    ("POST", "/api/backend/jira/select-project"),
    ("PUT", "/api/backend/jira/edit-issue"),
    ("POST", "/api/backend/jira/create-ticket"),
];

/// A route that takes a JSON body, with its fields from `openapi.yaml`.
struct Route {
    method: Method,
    path: String,
    fields: BTreeSet<String>,
}

impl Route {
    fn is_in_contract(&self) -> bool {
        CONTRACT.contains(&(self.method.as_str(), self.path.as_str()))
    }
}

fn routes() -> Result<Vec<Route>> {
    let with_body = operations()?.into_iter().filter_map(|Operation { method, path, body, .. }| {
        Some(Route { method, path, fields: body?.fields.into_keys().collect() })
    });
    Ok(with_body.collect())
}

/// Sends every field of a route as null, and an unknown one.
async fn send(stack: &TestStack, route: &Route) -> Result<(u16, Value)> {
    let mut body: Map<String, Value> = route.fields.iter().map(|name| (name.clone(), Value::Null)).collect();
    body.insert("colour".to_owned(), json!(["a"]));
    let request = stack.request(route.method.clone(), &route.path).bearer_auth(stack.secret_key());
    let answer = stack.send(request.json(&body)).await?;
    Ok((answer.status, answer.json(answer.status)))
}

fn complaint(route: &Route) -> String {
    let name = route.path.rsplit('/').next().unwrap_or_default();
    // An older name of the same function.
    let name = if name == "get-authorization-uri" { "initiate-oauth-flow" } else { name };
    format!("colour is not a field of {name}")
}

#[test]
fn every_route_names_unknown_fields() {
    run(async {
        let stack = TestStack::shared().await?;
        let routes = routes()?;
        assert_eq!(routes.iter().filter(|route| route.is_in_contract()).count(), CONTRACT.len());
        assert!(routes.len() > CONTRACT.len());
        for route in &routes {
            let (status, answer) = send(stack, route).await?;
            assert_eq!(status, 400, "{}: {answer}", route.path);
            if route.is_in_contract() {
                assert_eq!(answer["warnings"], json!([complaint(route)]), "{}: {answer}", route.path);
                assert!(!answer["error"].to_string().contains("colour"), "{}: {answer}", route.path);
            } else {
                assert!(answer.get("warnings").is_none(), "{}: {answer}", route.path);
                let said = answer["error"].as_str().unwrap_or_default();
                assert!(said.starts_with(&complaint(route)), "{}: {answer}", route.path);
            }
        }
        Ok(())
    });
}

#[test]
fn the_setting_refuses_everywhere_and_the_document_has_every_field() {
    run(async {
        let stack = TestStack::start(|options| options.settings.set("UNKNOWN_FIELDS", "refuse")).await?;
        for route in routes()? {
            let (status, answer) = send(&stack, &route).await?;
            assert_eq!(status, 400, "{}: {answer}", route.path);
            assert!(answer.get("warnings").is_none(), "{}: {answer}", route.path);
            let said = answer["error"].as_str().unwrap_or_default();
            let (complaint_said, fields) = said.split_once(". Its fields are: ").context(said.to_owned())?;
            assert_eq!(complaint_said, complaint(&route), "{}", route.path);
            assert_eq!(fields.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), route.fields);
        }
        Ok(())
    });
}

#[test]
fn the_setting_warns_everywhere() {
    run(async {
        let stack = TestStack::start(|options| options.settings.set("UNKNOWN_FIELDS", "warn")).await?;
        for route in routes()? {
            let (_, answer) = send(&stack, &route).await?;
            assert_eq!(answer["warnings"], json!([complaint(&route)]), "{}: {answer}", route.path);
        }
        let body = json!({ "external_id": "a", "provider": "jira", "nickname": "b" });
        let issued = stack.backend_post("connect-token", &body).await?.json(200);
        assert_eq!(issued["warnings"], json!(["nickname is not a field of connect-token"]));
        assert!(issued["connect_token"].is_string(), "{issued}");
        Ok(())
    });
}

#[test]
fn routes_of_the_contract_behave_as_before() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let project = stack.project("WARNED", 0)?;
        let selection =
            person.body(json!({ "jira_project_id": project, "project_key": "WARNED", "Jira_project_id": 1 }));
        let selected = stack.backend_post("jira/select-project", &selection).await?.json(200);
        let warnings =
            ["Jira_project_id", "project_key"].map(|name| format!("{name} is not a field of select-project"));
        assert_eq!(selected, json!({ "success": true, "warnings": warnings }));

        let fields = json!({ "summary": "Warned", "issue_type_id": "10001", "colour": ["a"] });
        let body = person.body(fields);
        let create =
            || person.jira(Method::POST, "create-ticket").header("idempotency-key", "warned").json(&body);
        let created = stack.send(create()).await?.json(201);
        assert_eq!(created["ticket"]["key"], "WARNED-1", "{created}");
        assert_eq!(created["warnings"], json!(["colour is not a field of create-ticket"]));
        assert_eq!(
            stack.send(create()).await?.json(201),
            created,
            "a repetition is answered as the first was"
        );

        let edit =
            person.body(json!({ "issue_id_or_key": "WARNED-1", "summary": "Edited", "story_points": 5 }));
        let edited = stack.send(person.jira(Method::PUT, "edit-issue").json(&edit)).await?.json(200);
        assert_eq!(edited["issue"]["summary"], "Edited", "{edited}");
        assert_eq!(edited["warnings"], json!(["story_points is not a field of edit-issue"]));

        let known = person.body(json!({ "issue_id_or_key": "WARNED-1", "summary": "Again" }));
        let edited = stack.send(person.jira(Method::PUT, "edit-issue").json(&known)).await?.json(200);
        assert!(edited.get("warnings").is_none(), "{edited}");

        let deletion = person.body(json!({ "issue_id_or_key": "WARNED-1", "delete_sub_tasks": true }));
        let refused =
            stack.send(person.jira(Method::DELETE, "delete-issue").json(&deletion)).await?.refusal(400);
        assert_eq!(
            refused,
            "delete_sub_tasks is not a field of delete-issue. Its fields are: external_id, issue_id_or_key, \
             delete_subtasks"
        );
        assert_eq!(person.details("WARNED-1").await?.json(200)["issue"]["summary"], "Again");
        Ok(())
    });
}
