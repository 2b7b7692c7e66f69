//! The endpoints, and for each a request that needs every server: nothing is cached, and the access token has to be
//! refreshed.

use anyhow::{Context as _, Result};
use juncture_tests::{Person, TestStack};
use reqwest::{Method, RequestBuilder};
use sandbox::Decision;
use serde_json::{Value, json};
use strum::{IntoStaticStr, VariantArray};

use super::dependency::Dependency;

/// An endpoint, named after the last segment of its route. Connect tokens and `/health` are missing because they need
/// no server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Endpoint {
    InitiateOauthFlow,
    AuthorizationCallback,
    FetchAvailableSites,
    CreateConnection,
    #[strum(serialize = "finalize-connection (page)")]
    FinalizePage,
    #[strum(serialize = "finalize-connection (form)")]
    FinalizeForm,
    CheckConnectionValidity,
    GetConnectionCredentials,
    GetAccessToken,
    ListConnections,
    #[strum(serialize = "connection (DELETE)")]
    Disconnect,
    SelectProject,
    SetAllowedProjects,
    GetAllowedProjects,
    GetSelectedProject,
    SearchUsers,
    GetConnectedAccount,
    GetProjects,
    GetTicketsForProject,
    SearchTickets,
    CountTickets,
    GetBoardsForProject,
    GetBoard,
    GetBacklog,
    GetAllSprintsForProject,
    GetActiveSprintsForProject,
    CreateSprint,
    EditSprint,
    MoveIssues,
    GetTicketsForSprint,
    GetIssueDetails,
    GetTransitions,
    TransitionIssue,
    GetIssueTypes,
    GetCreateForm,
    GetEditForm,
    EditIssue,
    LinkIssues,
    UnlinkIssues,
    GetChangelog,
    CreateTicket,
    GetWorklogs,
    AddWorklog,
    DeleteWorklog,
    AddAttachment,
    GetAttachment,
    DeleteAttachment,
    DeleteIssue,
    GetComments,
    AddComment,
    EditComment,
    DeleteComment,
    Proxy,
    #[strum(serialize = "health/ready")]
    Ready,
}

use Endpoint::*;

impl Endpoint {
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }

    /// One of each kind, for `make test`.
    pub(crate) const FEW: [Self; 5] =
        [AuthorizationCallback, CreateConnection, GetAccessToken, SelectProject, GetProjects];

    /// The servers it needs, in the order of use.
    pub(crate) fn needs(self) -> &'static [Dependency] {
        use Dependency::*;
        match self {
            InitiateOauthFlow => &[Redis],
            AuthorizationCallback => &[Redis, Auth],
            FetchAvailableSites | FinalizePage | CreateConnection | FinalizeForm => &[Redis, Jira, Postgres],
            CheckConnectionValidity
            | GetConnectionCredentials
            | GetSelectedProject
            | GetAllowedProjects
            | ListConnections => &[Postgres],
            SelectProject | SetAllowedProjects | Disconnect => &[Postgres, Redis],
            GetAccessToken => &[Redis, Postgres, Auth],
            _ => &[Redis, Postgres, Auth, Jira],
        }
    }

    /// Whether its responses are pages for a browser.
    pub(crate) fn answers_with_page(self) -> bool {
        matches!(self, AuthorizationCallback | FinalizePage | FinalizeForm)
    }

    /// Whether a retry finds the state or code already used.
    fn is_single_use(self) -> bool {
        matches!(self, AuthorizationCallback | CreateConnection | FinalizeForm)
    }

    /// Whether a retry without the fault may get this status.
    pub(crate) fn is_expected_on_retry(self, status: u16) -> bool {
        match status {
            200..400 => true,
            410 => self.is_single_use(),
            // The first request already deleted it.
            404 => matches!(
                self,
                DeleteIssue | DeleteComment | UnlinkIssues | DeleteWorklog | DeleteAttachment | Disconnect
            ),
            // If it may have been created, that stays unknown for its key.
            502 => matches!(self, CreateSprint | AddAttachment),
            _ => false,
        }
    }
}

/// A request that can be sent twice.
pub(crate) struct Prepared {
    method: Method,
    path: String,
    body: Option<Value>,
    form: Option<String>,
    file: Option<String>,
    /// Sent as a header.
    external_id: Option<String>,
    is_backend: bool,
    idempotency_key: String,
}

impl Prepared {
    /// Builds the request to a gateway at `url`.
    pub(crate) fn to(&self, stack: &TestStack, url: &str) -> RequestBuilder {
        let mut request = stack.request(self.method.clone(), &format!("{url}{}", self.path));
        if self.is_backend {
            // The header makes creating idempotent; other endpoints ignore it.
            request =
                request.bearer_auth(stack.secret_key()).header("idempotency-key", &self.idempotency_key);
        }
        if let Some(external_id) = &self.external_id {
            request = request.header("x-juncture-external-id", external_id);
        }
        match (&self.body, &self.form, &self.file) {
            (Some(body), ..) => request.json(body),
            (None, Some(form), _) => {
                request.header("content-type", "application/x-www-form-urlencoded").body(form.clone())
            }
            (None, None, Some(file)) => request.header("content-type", "text/plain").body(file.clone()),
            (None, None, None) => request,
        }
    }
}

/// A user with a connection and a project of their own.
pub(crate) struct Tenant<'a> {
    pub(crate) stack: &'a TestStack,
    pub(crate) person: Person<'a>,
    /// The id of an empty project.
    pub(crate) project: String,
}

impl<'a> Tenant<'a> {
    pub(crate) async fn new(stack: &'a TestStack, key: &str) -> Result<Self> {
        Ok(Self { stack, person: stack.connected_user().await?, project: stack.project(key, 0)? })
    }

    /// Like [`Self::new`], not connected yet.
    pub(crate) async fn unconnected(stack: &'a TestStack, key: &str) -> Result<Self> {
        Ok(Self { stack, person: stack.person(&["harbour"])?, project: stack.project(key, 0)? })
    }

    /// Builds a request for a user with nothing cached.
    pub(crate) async fn prepare(&self, endpoint: Endpoint) -> Result<Prepared> {
        let person = &self.person;
        if endpoint == Disconnect {
            // The previous request removed it.
            person.connect("harbour").await?;
        }
        let mut prepared = Prepared {
            method: Method::GET,
            path: String::new(),
            body: None,
            form: None,
            file: None,
            external_id: None,
            is_backend: !endpoint.answers_with_page(),
            idempotency_key: uuid::Uuid::new_v4().to_string(),
        };
        let site = self.stack.site_id("harbour")?;
        let mut query: Vec<(&str, String)> = vec![("external_id", person.external_id.clone())];
        match endpoint {
            InitiateOauthFlow => {
                prepared.path = "/api/frontend/oauth/initiate-oauth-flow".to_owned();
                prepared.method = Method::POST;
                prepared.body = Some(json!({ "provider": "jira", "external_id": person.external_id }));
                return Ok(prepared);
            }
            AuthorizationCallback => {
                let callback = person.decide(&person.begin().await?, Decision::Accept)?;
                prepared.path = callback.replacen(&self.stack.url(), "", 1);
                return Ok(prepared);
            }
            FetchAvailableSites | CreateConnection | FinalizePage | FinalizeForm => {
                let code = person.connection_code().await?;
                let finalize = "/api/frontend/finalize-connection/jira";
                prepared.path = match endpoint {
                    FetchAvailableSites => format!("{finalize}/fetch-available-sites?connection_code={code}"),
                    CreateConnection => format!("{finalize}/create-connection"),
                    _ => format!("/finalize-connection/jira/{code}"),
                };
                if endpoint == CreateConnection {
                    prepared.body = Some(json!({ "connection_code": code, "site_id": site }));
                    prepared.method = Method::POST;
                } else if endpoint == FinalizeForm {
                    prepared.form = Some(format!("site_id={site}"));
                    prepared.method = Method::POST;
                }
                return Ok(prepared);
            }
            ListConnections | Ready => {
                let folder = if endpoint == Ready { "" } else { "api/backend/connection-info/" };
                prepared.path = format!("/{folder}{}", endpoint.name());
                return Ok(prepared);
            }
            CheckConnectionValidity | GetConnectionCredentials | GetAccessToken => {
                query.push(("provider", "jira".to_owned()));
            }
            Disconnect => {
                prepared.method = Method::DELETE;
                query.push(("provider", "jira".to_owned()));
            }
            SelectProject => {
                prepared.method = Method::POST;
                prepared.body = Some(person.body(json!({ "jira_project_id": self.project })));
            }
            SetAllowedProjects => {
                prepared.method = Method::POST;
                prepared.body = Some(person.body(json!({ "allowed_projects": [self.project] })));
            }
            GetTicketsForProject
            | GetBoardsForProject
            | GetAllSprintsForProject
            | GetActiveSprintsForProject => query.push(("jira_project_id", "10000".to_owned())),
            SearchTickets | CountTickets => {
                prepared.method = Method::POST;
                prepared.body = Some(person.body(json!({ "jql": "project = SHIP" })));
            }
            GetTicketsForSprint => query.push(("sprint_id", "501".to_owned())),
            GetIssueDetails | GetTransitions | GetEditForm | GetChangelog | GetWorklogs => {
                query.push(("issue_id_or_key", "SHIP-1".to_owned()));
            }
            TransitionIssue => {
                prepared.method = Method::POST;
                let issue = person.task(&self.project, "To be moved").await?;
                prepared.body = Some(person.body(json!({ "issue_id_or_key": issue, "status": "Done" })));
            }
            GetIssueTypes => query.push(("jira_project_id", "10000".to_owned())),
            GetCreateForm => {
                query.push(("jira_project_id", "10000".to_owned()));
                query.push(("issue_type_id", "10001".to_owned()));
            }
            SearchUsers => query.push(("query", "sam".to_owned())),
            GetBoard | GetBacklog => query.push(("board_id", "1".to_owned())),
            CreateSprint => {
                prepared.method = Method::POST;
                prepared.body = Some(person.body(json!({ "board_id": 1, "name": "Once" })));
            }
            EditSprint => {
                prepared.method = Method::PUT;
                prepared.body = Some(person.body(json!({ "sprint_id": 503, "goal": "Changed" })));
            }
            MoveIssues => {
                let issue = person.task(&self.project, "To be moved").await?;
                prepared.method = Method::POST;
                prepared.body = Some(person.body(json!({ "issues": [issue], "after": "SHIP-1" })));
            }
            EditIssue | DeleteIssue => {
                let issue = person.task(&self.project, "To be changed").await?;
                if endpoint == DeleteIssue {
                    prepared.method = Method::DELETE;
                    query.push(("issue_id_or_key", issue));
                } else {
                    prepared.method = Method::PUT;
                    let change = json!({ "issue_id_or_key": issue, "summary": "Changed" });
                    prepared.body = Some(person.body(change));
                }
            }
            LinkIssues | UnlinkIssues => {
                let from = person.task(&self.project, "Linked from").await?;
                let to = person.task(&self.project, "Linked to").await?;
                let link = json!({ "from": from, "relation": "blocks", "to": to });
                prepared.method = Method::POST;
                if endpoint == UnlinkIssues {
                    person.write(Method::POST, "link-issues", link.clone()).await?.json(201);
                    prepared.method = Method::DELETE;
                }
                prepared.body = Some(person.body(link));
            }
            CreateTicket => {
                prepared.method = Method::POST;
                let fields =
                    json!({ "jira_project_id": self.project, "summary": "Once", "issue_type_id": "10001" });
                prepared.body = Some(person.body(fields));
            }
            GetComments => query.push(("issue_id_or_key", "SHIP-1".to_owned())),
            AddComment | EditComment | DeleteComment => {
                let issue = person.task(&self.project, "To be discussed").await?;
                let text = json!({ "issue_id_or_key": issue, "body": "To be changed" });
                if endpoint == AddComment {
                    prepared.method = Method::POST;
                    prepared.body = Some(person.body(text));
                } else {
                    let added = person.write(Method::POST, "add-comment", text).await?.json(201);
                    let id = added["comment"]["id"].as_str().context("no id")?.to_owned();
                    if endpoint == DeleteComment {
                        prepared.method = Method::DELETE;
                        query.extend([("issue_id_or_key", issue), ("comment_id", id)]);
                    } else {
                        prepared.method = Method::PUT;
                        let change = json!({ "issue_id_or_key": issue, "comment_id": id, "body": "Changed" });
                        prepared.body = Some(person.body(change));
                    }
                }
            }
            AddWorklog => {
                prepared.method = Method::POST;
                let issue = person.task(&self.project, "To be worked on").await?;
                prepared.body = Some(person.body(json!({ "issue_id_or_key": issue, "time_spent": "PT1H" })));
            }
            DeleteWorklog => {
                let issue = person.task(&self.project, "Worked on").await?;
                let fields = json!({ "issue_id_or_key": issue, "time_spent": "PT1H" });
                let added = person.write(Method::POST, "add-worklog", fields).await?.json(201);
                let worklog = added["worklog"]["id"].as_str().context("no worklog")?.to_owned();
                prepared.method = Method::DELETE;
                query.extend([("issue_id_or_key", issue), ("worklog_id", worklog)]);
            }
            AddAttachment => {
                prepared.method = Method::POST;
                let issue = person.task(&self.project, "To be illustrated").await?;
                query.extend([("issue_id_or_key", issue), ("file_name", "a.txt".to_owned())]);
                prepared.file = Some("content".to_owned());
            }
            GetAttachment | DeleteAttachment => {
                let issue = person.task(&self.project, "Illustrated").await?;
                let attached = person.attach(&issue, "a.txt", "text/plain", b"content").await?.json(201);
                let attachment = attached["attachment"]["id"].as_str().context("no attachment")?.to_owned();
                if endpoint == DeleteAttachment {
                    prepared.method = Method::DELETE;
                }
                query.push(("attachment_id", attachment));
            }
            Proxy => {
                prepared.path = "/api/backend/jira/proxy/rest/api/3/priority".to_owned();
                prepared.external_id = Some(person.external_id.clone());
                person.forget_access_token().await?;
                return Ok(prepared);
            }
            GetSelectedProject | GetAllowedProjects | GetProjects | GetConnectedAccount => {}
        }
        prepared.path = match endpoint {
            Disconnect => "/api/backend/connection-info/connection".to_owned(),
            CheckConnectionValidity | GetConnectionCredentials | GetAccessToken => {
                format!("/api/backend/connection-info/{}", endpoint.name())
            }
            _ => format!("/api/backend/jira/{}", endpoint.name()),
        };
        if prepared.body.is_none() {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            prepared.path = format!("{}?{query}", prepared.path);
        }
        person.forget_access_token().await?;
        Ok(prepared)
    }

    /// Must hold after a connection was removed.
    pub(crate) async fn assert_nothing_is_left(&self) -> Result<()> {
        self.person.info("get-connection-credentials").await?.refusal(404);
        self.person.access_token().await?.refusal(401);
        Ok(())
    }

    /// Must hold after any fault: Atlassian accepts the stored refresh token, and the connection is valid.
    pub(crate) async fn assert_nothing_is_lost(&self) -> Result<()> {
        let credentials = self.person.info("get-connection-credentials").await?.json(200);
        let stored = credentials["refresh_token"].as_str().context("no token")?;
        anyhow::ensure!(self.stack.atlassian().accepts_refresh_token(stored), "the refresh token is lost");
        anyhow::ensure!(credentials["is_invalid"] == false, "the connection is marked invalid");
        self.person.access_token().await?.json(200);
        Ok(())
    }

    /// Must hold after the connection was limited to the project, which is then undone.
    pub(crate) async fn assert_limits_are_stored(&self) -> Result<()> {
        let stored = self.person.read("get-allowed-projects", &[]).await?.json(200);
        anyhow::ensure!(stored["allowed_projects"] == json!([self.project]), "{stored}");
        // A limited connection's tokens are not returned.
        let unlimited = json!({ "allowed_projects": null });
        self.person.write(Method::POST, "set-allowed-projects", unlimited).await?.json(200);
        self.assert_nothing_is_lost().await
    }

    /// The number of issues in the project.
    pub(crate) async fn tickets(&self) -> Result<u64> {
        let query =
            [("external_id", self.person.external_id.as_str()), ("jira_project_id", self.project.as_str())];
        let list = self.stack.backend("jira/get-tickets-for-project", &query).await?.json(200);
        list["total"].as_u64().context("no total")
    }
}
