//! The endpoints, and how each is called.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::world::{Project, World};

/// An endpoint in one scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    /// The function.
    pub(crate) name: &'static str,
    /// The scenario.
    pub(crate) case: &'static str,
    /// Whether a call takes seconds.
    pub(crate) is_long: bool,
}

const fn endpoint(name: &'static str, case: &'static str) -> Endpoint {
    Endpoint { name, case, is_long: false }
}

const fn long(name: &'static str, case: &'static str) -> Endpoint {
    Endpoint { name, case, is_long: true }
}

/// In the order of the table. All calls are warm.
pub(crate) const ENDPOINTS: [Endpoint; 29] = [
    endpoint("get-access-token", "warm"),
    endpoint("check-connection-validity", "warm"),
    endpoint("get-connection-credentials", "warm"),
    endpoint("list-connections", "all of them"),
    endpoint("get-selected-project", "warm"),
    endpoint("select-project", "another one"),
    endpoint("get-projects", "120 projects"),
    endpoint("get-issue-details", "one issue"),
    endpoint("edit-issue", "its summary"),
    endpoint("create-ticket", "without a key"),
    endpoint("create-ticket", "with an Idempotency-Key"),
    endpoint("delete-issue", "one issue"),
    endpoint("transition-issue", "to a status"),
    endpoint("add-comment", "without a key"),
    endpoint("get-create-form", "120 fields, type by id"),
    endpoint("get-create-form", "120 fields, type by name"),
    endpoint("search-tickets", "1,000 tickets"),
    endpoint("get-boards-for-project", "60 boards"),
    endpoint("get-all-sprints-for-project", "60 boards"),
    endpoint("get-active-sprints-for-project", "60 boards"),
    endpoint("get-tickets-for-sprint", "430 tickets"),
    long("get-tickets-for-project", "10,000 tickets"),
    endpoint("connect-token", "a new one"),
    endpoint("initiate-oauth-flow", "a new flow"),
    endpoint("authorization-callback", "a consent"),
    endpoint("fetch-available-sites", "one site"),
    endpoint("finalize-connection", "the page"),
    endpoint("create-connection", "a reconnection"),
    endpoint("delete-connection", "its removal"),
];

/// The accounts and projects that the calls use.
pub(crate) struct Stage<'a> {
    pub(crate) world: &'a World,
    /// Issues to read, edit and delete.
    issues: Project,
    boards: Project,
    sprint: Project,
    tickets: Project,
    form: Project,
    requests: AtomicUsize,
    deleted: AtomicUsize,
}

/// Connected to the Harbour site.
pub(crate) const CONNECTED_USER: &str = "connected-user";
/// Connected to the site with 120 projects.
const KEEPER: &str = "keeper";
/// Runs through the flow repeatedly.
const NEWCOMER: &str = "newcomer";

/// The number of fields of the form that is measured.
const FORM_FIELDS: usize = 120;

/// The number of issues to read and edit, and of issues to delete.
const KEPT: usize = 1000;
const DOOMED: usize = 5000;

impl<'a> Stage<'a> {
    /// Connects the accounts and creates the projects.
    pub(crate) async fn set(world: &'a World) -> Result<Self> {
        for (account, site) in [(CONNECTED_USER, "harbour"), (KEEPER, "lighthouse"), (NEWCOMER, "harbour")] {
            world.account(account, site)?;
            world.connect(account, site).await?;
        }
        Ok(Self {
            world,
            issues: world.project("ONE", KEPT + DOOMED, 0, 0)?,
            boards: world.project("BOARDS", 10, 60, 2)?,
            // Every other issue is in the backlog.
            sprint: world.project("SPRINT", 860, 1, 1)?,
            tickets: world.project("TICKETS", 10_000, 0, 0)?,
            form: world.project_with_fields("FORM", FORM_FIELDS)?,
            requests: AtomicUsize::new(0),
            deleted: AtomicUsize::new(0),
        })
    }

    /// A request to an endpoint. Calls that work only once per object get a new object each time.
    pub(crate) async fn request(&self, endpoint: Endpoint) -> Result<RequestBuilder> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let issue = format!("{}-{}", self.issues.key, number % KEPT + 1);
        let get = |account: &str, query: &str| self.get(endpoint.name, account, query);
        let send = |method: Method, body: Value| {
            let path = format!("/api/backend/jira/{}", endpoint.name);
            self.world.request(method, &path).json(&body)
        };
        let project = |project: &Project| get(CONNECTED_USER, &format!("jira_project_id={}", project.id));
        Ok(match endpoint.name {
            "get-access-token"
            | "check-connection-validity"
            | "get-connection-credentials"
            | "list-connections" => get(CONNECTED_USER, "provider=jira"),
            "get-selected-project" => get(CONNECTED_USER, ""),
            "select-project" => {
                let project = ["10000", "10001"][number % 2];
                send(Method::POST, json!({ "external_id": CONNECTED_USER, "jira_project_id": project }))
            }
            "get-projects" => get(KEEPER, ""),
            "get-issue-details" => get(CONNECTED_USER, &format!("issue_id_or_key={issue}")),
            "edit-issue" => {
                let summary = format!("Item {number}");
                let body =
                    json!({ "external_id": CONNECTED_USER, "issue_id_or_key": issue, "summary": summary });
                send(Method::PUT, body)
            }
            "create-ticket" => {
                let (project, kind) = (&self.issues.id, "10001");
                let body = json!({ "external_id": CONNECTED_USER, "jira_project_id": project,
                    "summary": format!("Item {number}"), "issue_type_id": kind });
                let request = send(Method::POST, body);
                let is_plain = endpoint.case == "without a key";
                if is_plain { request } else { request.header("idempotency-key", format!("key-{number}")) }
            }
            "delete-issue" => {
                let number = self.deleted.fetch_add(1, Ordering::Relaxed);
                let issue = format!("{}-{}", self.issues.key, KEPT + number + 1);
                send(Method::DELETE, json!({ "external_id": CONNECTED_USER, "issue_id_or_key": issue }))
            }
            "transition-issue" => {
                let status = ["In Progress", "To Do"][number / KEPT % 2];
                let body =
                    json!({ "external_id": CONNECTED_USER, "issue_id_or_key": issue, "status": status });
                send(Method::POST, body)
            }
            "add-comment" => {
                let body = json!({ "external_id": CONNECTED_USER, "issue_id_or_key": issue,
                    "body": format!("Comment **{number}**") });
                send(Method::POST, body)
            }
            "get-create-form" => {
                let by_name = endpoint.case.ends_with("name");
                let kind = if by_name { "issue_type=Task" } else { "issue_type_id=10001" };
                get(CONNECTED_USER, &format!("jira_project_id={}&{kind}", self.form.id))
                    .header("accept-encoding", "gzip")
            }
            "search-tickets" => {
                let jql = format!("project = {} ORDER BY created DESC", self.tickets.key);
                let body = json!({ "external_id": CONNECTED_USER, "jql": jql, "limit": 1000 });
                send(Method::POST, body).header("accept-encoding", "gzip")
            }
            "get-tickets-for-sprint" => {
                let sprint = self.sprint.sprints.first().context("no sprint")?;
                get(CONNECTED_USER, &format!("sprint_id={sprint}"))
            }
            "get-tickets-for-project" => project(&self.tickets).header("accept-encoding", "gzip"),
            _ if endpoint.case == "60 boards" => project(&self.boards),
            _ => self.flow(endpoint).await?,
        })
    }

    /// A request of the OAuth flow, after performing all steps before it.
    async fn flow(&self, endpoint: Endpoint) -> Result<RequestBuilder> {
        const FINALIZE: &str = "/api/frontend/finalize-connection/jira";
        let world = self.world;
        Ok(match endpoint.name {
            "connect-token" => world
                .request(Method::POST, "/api/backend/connect-token")
                .json(&json!({ "provider": "jira", "external_id": NEWCOMER })),
            "initiate-oauth-flow" => world
                .request(Method::POST, "/api/frontend/oauth/initiate-oauth-flow")
                .json(&json!({ "provider": "jira", "external_id": NEWCOMER })),
            "authorization-callback" => {
                world.request(Method::GET, &world.consent(NEWCOMER, "harbour").await?)
            }
            "fetch-available-sites" => {
                let code = world.connection_code(NEWCOMER, "harbour").await?;
                let path = format!("{FINALIZE}/fetch-available-sites?connection_code={code}");
                world.request(Method::GET, &path)
            }
            "finalize-connection" => {
                let code = world.connection_code(NEWCOMER, "harbour").await?;
                world.request(Method::GET, &format!("/finalize-connection/jira/{code}"))
            }
            "delete-connection" => {
                world.connect(NEWCOMER, "harbour").await?;
                let path = "/api/backend/connection-info/connection";
                world
                    .request(Method::DELETE, path)
                    .json(&json!({ "external_id": NEWCOMER, "provider": "jira" }))
            }
            "create-connection" => {
                let code = world.connection_code(NEWCOMER, "harbour").await?;
                let body = json!({ "connection_code": code, "site_id": world.site_id("harbour")? });
                world.request(Method::POST, &format!("{FINALIZE}/create-connection")).json(&body)
            }
            name => anyhow::bail!("no call is defined for {name}"),
        })
    }

    fn get(&self, name: &str, account: &str, query: &str) -> RequestBuilder {
        self.world.request(Method::GET, &path_of(name, account, query))
    }
}

/// The path of a read through the backend API.
pub(crate) fn path_of(name: &str, account: &str, query: &str) -> String {
    let group = if query.starts_with("provider=") { "connection-info" } else { "jira" };
    format!("/api/backend/{group}/{name}?external_id={account}&{query}")
}
