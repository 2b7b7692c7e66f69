//! A sandbox with an app, and a client that behaves like the app.

use std::path::PathBuf;
use std::sync::Once;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use sandbox::{Consent, Decision, Handle, Options, Sandbox, Settings, openapi_file};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

pub(crate) const CALLBACK: &str = "http://localhost:8000/callback/jira";
pub(crate) const ALL_SCOPES: &str = "read:jira-work read:jira-user read:me offline_access";
pub(crate) const READ_WRITE: &str = "read:jira-work write:jira-work read:jira-user offline_access";
pub(crate) const AGILE_SCOPES: &str = "read:jira-work write:jira-work read:jira-user offline_access \
    read:board-scope:jira-software read:project:jira read:sprint:jira-software read:issue-details:jira \
    read:jql:jira";

pub(crate) const HARBOUR: &str = "11223344-a1b2-4b33-8c44-000000000001";
pub(crate) const LIGHTHOUSE: &str = "11223344-a1b2-4b33-8c44-000000000002";
pub(crate) const LIBRARY: &str = "11223344-a1b2-4b33-8c44-000000000003";

pub(crate) struct App {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: Client,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::try_start(settings, None).await.unwrap()
    }

    /// A sandbox that validates requests only against its own rules.
    pub(crate) async fn without_openapi() -> Self {
        Self::with_openapi(None).await.unwrap()
    }

    pub(crate) async fn with_openapi(openapi: Option<PathBuf>) -> anyhow::Result<Self> {
        Self::launch(Settings::default(), None, openapi).await
    }

    pub(crate) async fn try_start(settings: Settings, state_file: Option<PathBuf>) -> anyhow::Result<Self> {
        Self::launch(settings, state_file, openapi_file()).await
    }

    async fn launch(
        settings: Settings,
        state_file: Option<PathBuf>,
        openapi: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options {
            client_id: "app".to_owned(),
            client_secret: "app-secret".to_owned(),
            redirect_uris: vec![CALLBACK.to_owned(), "http://localhost:8000".to_owned()],
            settings,
            state_file,
            openapi,
        };
        Ok(Self { sandbox: Sandbox::start(listener, options).await?, http: client() })
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.sandbox.handle()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.url())
    }

    /// A valid authorize URL except for the parameters in `changes`; an empty value removes a parameter.
    pub(crate) fn authorize_url(&self, changes: &[(&str, &str)]) -> String {
        let mut parameters = vec![
            ("audience", "api.atlassian.com"),
            ("client_id", "app"),
            ("scope", ALL_SCOPES),
            ("redirect_uri", CALLBACK),
            ("state", "state-1"),
            ("response_type", "code"),
            ("prompt", "consent"),
        ];
        for (name, value) in changes {
            parameters.retain(|(known, _)| known != name);
            parameters.push((name, value));
        }
        parameters.retain(|(_, value)| !value.is_empty());
        Url::parse_with_params(&self.url("/authorize"), parameters).unwrap().into()
    }

    /// Consents without a browser and returns the code.
    pub(crate) fn code(&self, account: &str, sites: &[&str], scopes: &str) -> String {
        let redirect = self.handle().consent(&Consent {
            authorize_url: self.authorize_url(&[("scope", scopes)]),
            account: account.to_owned(),
            sites: sites.iter().map(|&site| site.to_owned()).collect(),
            decision: Decision::Accept,
        });
        parameter(&redirect.unwrap(), "code").unwrap()
    }

    /// Consents and exchanges the code.
    pub(crate) async fn connect(&self, account: &str, sites: &[&str], scopes: &str) -> Tokens {
        let (status, body) = self.exchange(&self.code(account, sites, scopes)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        Tokens::new(&body)
    }

    pub(crate) async fn exchange(&self, code: &str) -> (StatusCode, Value) {
        self.token(&json!({
            "grant_type": "authorization_code", "client_id": "app", "client_secret": "app-secret",
            "code": code, "redirect_uri": CALLBACK,
        }))
        .await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> (StatusCode, Value) {
        self.token(&refresh_body(refresh_token)).await
    }

    /// Refreshes, and expects success.
    pub(crate) async fn rotate(&self, refresh_token: &str) -> Tokens {
        let (status, body) = self.refresh(refresh_token).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        Tokens::new(&body)
    }

    pub(crate) async fn token(&self, body: &Value) -> (StatusCode, Value) {
        let response = self.http.post(self.url("/oauth/token")).json(body).send().await.unwrap();
        read(response).await
    }

    pub(crate) async fn get(&self, path: &str, access_token: &str) -> (StatusCode, Value) {
        let request = self.http.get(self.url(path)).bearer_auth(access_token);
        read(request.send().await.unwrap()).await
    }

    pub(crate) async fn jira(&self, site: &str, path: &str, access_token: &str) -> (StatusCode, Value) {
        self.get(&format!("/ex/jira/{site}/rest/api/3/{path}"), access_token).await
    }

    pub(crate) async fn agile(&self, site: &str, path: &str, access_token: &str) -> (StatusCode, Value) {
        self.get(&format!("/ex/jira/{site}/rest/agile/1.0/{path}"), access_token).await
    }

    /// Searches with POST.
    pub(crate) async fn search(&self, site: &str, body: Value, access_token: &str) -> (StatusCode, Value) {
        let url = self.url(&format!("/ex/jira/{site}/rest/api/3/search/jql"));
        read(self.http.post(url).bearer_auth(access_token).json(&body).send().await.unwrap()).await
    }

    /// Sends a request to Jira's platform API; `null` means no body.
    pub(crate) async fn send(
        &self,
        method: &str,
        site: &str,
        path: &str,
        body: Value,
        tokens: &Tokens,
    ) -> (StatusCode, Value) {
        let url = self.url(&format!("/ex/jira/{site}/rest/api/3/{path}"));
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(&tokens.access);
        let request = if body.is_null() { request } else { request.json(&body) };
        read(request.send().await.unwrap()).await
    }

    /// The problems of all recorded violations.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.handle().violations().into_iter().map(|violation| violation.problem).collect()
    }
}

pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    fn new(body: &Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

pub(crate) fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder().redirect(Policy::none()).build().unwrap()
}

pub(crate) fn refresh_body(refresh_token: &str) -> Value {
    json!({
        "grant_type": "refresh_token", "client_id": "app", "client_secret": "app-secret",
        "refresh_token": refresh_token,
    })
}

pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
