//! The product's backend as a client of Juncture's backend API.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::form::Form;
use super::problem::Problem;
use super::workspace::Workspace;

/// What the page may know about a connection; contains no token.
#[derive(Debug, Default, Serialize)]
pub(super) struct Connection {
    state: State,
    /// When the access token expires, RFC 3339.
    token_expires_at: Option<String>,
    /// Name and URL of the Jira site, if Juncture knows them.
    site_name: Option<String>,
    site_url: Option<String>,
    /// The error, as a sentence.
    problem: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    #[default]
    NotConnected,
    Connected,
    ReconnectNeeded,
    Unavailable,
}

pub(super) struct Juncture {
    http: Client,
    url: String,
    secret_key: String,
}

#[derive(Deserialize)]
struct Validity {
    exists: bool,
    is_expired: bool,
    is_invalid: bool,
    site_name: Option<String>,
    site_url: Option<String>,
}

#[derive(Deserialize)]
struct AccessToken {
    expires_at: String,
}

impl Juncture {
    pub(super) fn new(url: &str, secret_key: String) -> anyhow::Result<Self> {
        // Best effort: another part of the process may already have installed a provider, and either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), secret_key })
    }

    /// The state of a workspace's connection; an error becomes a state of its own.
    pub(super) async fn connection(&self, workspace: &Workspace) -> Connection {
        self.ask_for_connection(workspace).await.unwrap_or_else(|problem| Connection {
            state: State::Unavailable,
            problem: Some(problem.sentence),
            ..Connection::default()
        })
    }

    async fn ask_for_connection(&self, workspace: &Workspace) -> Result<Connection, Problem> {
        let query = [("provider", "jira")];
        let path = "connection-info/check-connection-validity";
        let validity: Validity = read(self.get(path, workspace, &query).await?).await?;
        let known = |state| Connection {
            state,
            site_name: validity.site_name.clone(),
            site_url: validity.site_url.clone(),
            ..Connection::default()
        };
        if validity.is_invalid || validity.is_expired {
            return Ok(known(State::ReconnectNeeded));
        }
        if !validity.exists {
            return Ok(Connection::default());
        }
        let response = self.get("connection-info/get-access-token", workspace, &query).await?;
        if response.status() == StatusCode::FORBIDDEN {
            return Ok(known(State::ReconnectNeeded));
        }
        let connected = known(State::Connected);
        Ok(match read::<AccessToken>(response).await {
            Ok(token) => Connection { token_expires_at: Some(token.expires_at), ..connected },
            Err(problem) => Connection { problem: Some(problem.sentence), ..connected },
        })
    }

    /// Creates a single-use token for the visitor's browser to connect this workspace and return to `return_url`.
    pub(super) async fn connect_token(
        &self,
        workspace: &Workspace,
        return_url: &str,
    ) -> Result<Value, Problem> {
        let url = format!("{}/api/backend/connect-token", self.url);
        let body = json!({
            "external_id": workspace.as_str(),
            "provider": "jira",
            "return_url": return_url,
            // A product with user accounts would also name the signed-in user: "Acme, ada@acme.example".
            "display_name": format!("Workspace {}", workspace.as_str()),
        });
        read(self.send(self.http.post(url).json(&body)).await?).await
    }

    /// Removes a workspace's connection.
    pub(super) async fn disconnect(&self, workspace: &Workspace) -> Result<Value, Problem> {
        let url = format!("{}/api/backend/connection-info/connection", self.url);
        let body = json!({ "external_id": workspace.as_str(), "provider": "jira" });
        read(self.send(self.http.delete(url).json(&body)).await?).await
    }

    /// Sends a query to `/api/backend/jira/{call}`.
    pub(super) async fn jira(
        &self,
        call: &str,
        workspace: &Workspace,
        query: &[(&str, &str)],
    ) -> Result<Value, Problem> {
        read(self.get(&format!("jira/{call}"), workspace, query).await?).await
    }

    /// Sends a body, with the workspace added, to `/api/backend/jira/{call}`. With an `idempotency_key`, the call is
    /// safe to retry.
    pub(super) async fn tell_jira(
        &self,
        method: Method,
        call: &str,
        workspace: &Workspace,
        mut body: Value,
        idempotency_key: Option<&str>,
    ) -> Result<Value, Problem> {
        body["external_id"] = workspace.as_str().into();
        let mut request =
            self.http.request(method, format!("{}/api/backend/jira/{call}", self.url)).json(&body);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        read(self.send(request).await?).await
    }

    /// Like [`Self::tell_jira`] with POST, for a form that creates something: sent twice, it has one effect.
    pub(super) async fn add_once(
        &self,
        call: &str,
        workspace: &Workspace,
        body: Value,
        form: &Form,
    ) -> Result<Value, Problem> {
        let key = form.key(call, &[body.to_string().as_bytes()]);
        self.tell_jira(Method::POST, call, workspace, body, Some(&key)).await
    }

    /// Sends a file to `add-attachment`.
    pub(super) async fn attach(
        &self,
        workspace: &Workspace,
        query: &[(&str, &str)],
        content_type: &str,
        content: Bytes,
        idempotency_key: &str,
    ) -> Result<Value, Problem> {
        let url = self.of_workspace("jira/add-attachment", workspace, query);
        let request = self.http.post(url).header(CONTENT_TYPE, content_type).body(content);
        read(self.send(request.header("Idempotency-Key", idempotency_key)).await?).await
    }

    async fn get(
        &self,
        path: &str,
        workspace: &Workspace,
        query: &[(&str, &str)],
    ) -> Result<Response, Problem> {
        self.send(self.http.get(self.of_workspace(path, workspace, query))).await
    }

    /// The URL of a call with its query, to which the workspace is added.
    fn of_workspace(&self, path: &str, workspace: &Workspace, query: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("external_id", workspace.as_str())
            .extend_pairs(query)
            .finish();
        format!("{}/api/backend/{path}?{query}", self.url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Problem> {
        request
            .bearer_auth(&self.secret_key)
            .send()
            .await
            .map_err(|_| Problem::new(StatusCode::BAD_GATEWAY, "Juncture can't be reached. Is it running?"))
    }
}

async fn read<T: for<'de> Deserialize<'de>>(response: Response) -> Result<T, Problem> {
    let status = response.status();
    if !status.is_success() {
        return Err(Problem::told(status, &response.json().await.unwrap_or_default()));
    }
    response
        .json()
        .await
        .map_err(|_| Problem::new(StatusCode::BAD_GATEWAY, "Juncture's answer could not be read."))
}
