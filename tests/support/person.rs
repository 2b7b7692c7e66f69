//! A person who connects their Jira to a product.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sandbox::{Consent, Decision, NewAccount};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::stack::TestStack;

/// A person with an Atlassian account, and the product's external id for them.
pub struct Person<'a> {
    pub(crate) stack: &'a TestStack,
    /// The key of the account in the sandbox.
    pub account: String,
    /// The product's id for the person.
    pub external_id: String,
    sites: Vec<String>,
    /// Whether a cache entry has been found under [`Self::cache_key`].
    was_cached: AtomicBool,
}

impl TestStack {
    /// A new person, not connected yet, whose account is a member of these sites of the sandbox.
    pub fn person(&self, sites: &[&str]) -> Result<Person<'_>> {
        let name = uuid::Uuid::new_v4().to_string();
        let sites: Vec<String> = sites.iter().map(|site| (*site).to_owned()).collect();
        let account = NewAccount { key: name.clone(), name: None, sites: sites.iter().cloned().collect() };
        self.atlassian().create_account(account).map_err(anyhow::Error::msg)?;
        Ok(Person {
            stack: self,
            account: name.clone(),
            external_id: format!("user/{name}"),
            sites,
            was_cached: AtomicBool::new(false),
        })
    }

    /// Like [`Self::connected_user`], with refresh tokens that can be exchanged only once: Atlassian's leeway of ten
    /// minutes is off.
    pub async fn strict_person(&self) -> Result<Person<'_>> {
        let person = self.person(&["harbour"])?;
        let mut settings = self.atlassian().settings(None);
        settings.leeway = Duration::ZERO;
        self.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        Ok(person)
    }

    /// The cloud id of a site of the sandbox.
    pub fn site_id(&self, key: &str) -> Result<String> {
        let site = self.atlassian().sites().into_iter().find(|site| site.key == key);
        Ok(site.context("no such site")?.cloud_id)
    }
}

impl Person<'_> {
    /// This account with the external id of a workspace of the demo product.
    pub fn in_workspace(self, workspace: &str) -> Self {
        Self { external_id: workspace.to_owned(), ..self }
    }

    /// This account with the external id of another person.
    pub fn with_external_id_of(self, other: &Person<'_>) -> Self {
        Self { external_id: other.external_id.clone(), ..self }
    }

    /// Clicks "Connect Jira". Returns the URL of the consent page.
    pub async fn begin(&self) -> Result<String> {
        let body = json!({ "provider": "jira", "external_id": self.external_id });
        let answer = self.stack.post("/api/frontend/oauth/initiate-oauth-flow", &body).await?.json(200);
        Ok(answer["authorization_uri"].as_str().context("no address")?.to_owned())
    }

    /// Accepts or declines on the consent page. Returns the URL of the callback.
    pub fn decide(&self, authorize_url: &str, decision: Decision) -> Result<String> {
        let consent = Consent {
            authorize_url: authorize_url.to_owned(),
            account: self.account.clone(),
            sites: self.sites.clone(),
            decision,
        };
        self.stack.atlassian().consent(&consent).map_err(anyhow::Error::msg)
    }

    /// Starts a flow and consents. Returns the URL of the callback, not visited yet.
    pub async fn consent(&self) -> Result<String> {
        self.decide(&self.begin().await?, Decision::Accept)
    }

    /// Starts a flow, consents and visits the callback. Returns the connection code.
    pub async fn connection_code(&self) -> Result<String> {
        let answer = self.stack.get(&self.consent().await?).await?;
        ensure!(answer.status == 303, "{answer:?}");
        Ok(answer.header("location").rsplit('/').next().context("no code")?.to_owned())
    }

    /// `create-connection` with a connection code and a site.
    pub async fn create_connection(&self, code: &str, site: &str) -> Result<Answer> {
        let body = json!({ "connection_code": code, "site_id": self.stack.site_id(site)? });
        self.stack.post("/api/frontend/finalize-connection/jira/create-connection", &body).await
    }

    /// Runs the whole flow and chooses this site.
    pub async fn connect(&self, site: &str) -> Result<()> {
        let code = self.connection_code().await?;
        let answer = self.create_connection(&code, site).await?;
        ensure!(answer.json(200)["success"] == true, "{answer:?}");
        Ok(())
    }

    /// Calls the backend API below `connection-info`.
    pub async fn info(&self, call: &str) -> Result<Answer> {
        let query = [("external_id", self.external_id.as_str()), ("provider", "jira")];
        self.stack.backend(&format!("connection-info/{call}"), &query).await
    }

    /// `get-access-token`.
    pub async fn access_token(&self) -> Result<Answer> {
        self.info("get-access-token").await
    }

    /// `check-connection-validity`, as JSON.
    pub async fn validity(&self) -> Result<Value> {
        Ok(self.info("check-connection-validity").await?.json(200))
    }

    /// Removes the connection.
    pub async fn disconnect(&self) -> Result<Answer> {
        let body = json!({ "external_id": self.external_id, "provider": "jira" });
        self.stack.send(self.stack.disconnection("").json(&body)).await
    }

    /// `get-projects`.
    pub async fn projects(&self) -> Result<Answer> {
        self.stack.backend("jira/get-projects", &[("external_id", &self.external_id)]).await
    }

    /// The connection's id in the database.
    pub async fn connection_id(&self) -> Result<uuid::Uuid> {
        const ID: &str =
            r#"select connection_id from "juncture-core".connection_external_map where external_id = $1"#;
        Ok(self.stack.database().await?.query_one(ID, &[&self.external_id]).await?.get(0))
    }

    /// Removes the access token from the row and from the cache, so that the next call has to refresh.
    pub async fn forget_access_token(&self) -> Result<()> {
        const FORGET: &str = r#"update "juncture-core".connection
            set access_token = null, access_token_expires_at = null where connection_id = $1"#;
        let id = self.connection_id().await?;
        self.stack.database().await?.execute(FORGET, &[&id]).await?;
        self.forget_cached_connection().await
    }

    /// Makes the connection one of a version that did not store the granted scopes.
    pub async fn forget_granted_scopes(&self) -> Result<()> {
        const FORGET: &str =
            r#"update "juncture-core".connection set granted_scopes = null where connection_id = $1"#;
        let id = self.connection_id().await?;
        self.stack.database().await?.execute(FORGET, &[&id]).await?;
        self.forget_cached_connection().await
    }

    /// The Redis key of the cached connection.
    pub fn cache_key(&self) -> String {
        format!("juncture:connection:1:jira:{}", self.external_id)
    }

    /// Removes the connection from the cache. It has to be there the first time, which proves that the key is right;
    /// later calls may find nothing.
    pub async fn forget_cached_connection(&self) -> Result<()> {
        let deleted = self.stack.redis(&["DEL", &self.cache_key()]).await?;
        let was_cached = self.was_cached.fetch_or(deleted == redis::Value::Int(1), Ordering::SeqCst);
        ensure!(was_cached || deleted == redis::Value::Int(1), "nothing is cached as {}", self.cache_key());
        Ok(())
    }
}
