//! Jira through a connection: a site, with access tokens that are renewed where Jira rejects them.

use std::sync::{Arc, Mutex, PoisonError};

use atlassian::oauth::NamedSite;
use atlassian::{BoxError, JiraSite, ProjectId, TokenSource};
use base::config::{FromSettings, Settings, SettingsError};
use futures_util::future::BoxFuture;
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};

use crate::connection::{Address, OnceKey, Session, Tokens};
use crate::error::{Error, Result};

/// Jira for connections. Settings: those of [`Tokens`] and of [`atlassian::Jira`].
pub struct Jira {
    api: atlassian::Jira,
    tokens: Tokens,
}

impl FromSettings for Jira {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { api: atlassian::Jira::from_settings(settings)?, tokens: Tokens::from_settings(settings)? })
    }
}

impl Jira {
    /// The site of a connection, ready for calls.
    ///
    /// # Errors
    /// As [`Tokens::session`]; 403 with `needs_reauthorization` if the connection has no site.
    pub async fn site<'a>(&'a self, address: &'a Address) -> Result<ConnectedSite<'a>> {
        self.open(address, self.tokens.session(address).await?, Vec::new())
    }

    /// As [`Self::site`], for a search, which finds the issues that were made through the connection lately.
    ///
    /// # Errors
    /// As [`Self::site`].
    pub async fn site_for_search<'a>(&'a self, address: &'a Address) -> Result<ConnectedSite<'a>> {
        let (session, recent_issues) = self.tokens.session_for_search(address).await?;
        self.open(address, session, recent_issues)
    }

    fn open<'a>(
        &'a self,
        address: &'a Address,
        session: Session,
        recent_issues: Vec<String>,
    ) -> Result<ConnectedSite<'a>> {
        let Some(site_id) = session.jira_site_id.clone() else {
            return Err(Error::needs_reauthorization().because("the connection has no Jira site"));
        };
        let session = Mutex::new(Arc::new(session));
        let connection = Arc::new(OpenConnection { tokens: &self.tokens, address, session });
        let jira = self.api.site(&site_id, Arc::<OpenConnection<'a>>::clone(&connection))?;
        Ok(ConnectedSite { jira, connection, recent_issues })
    }
}

/// One Jira site, reached through one connection.
pub struct ConnectedSite<'a> {
    pub(super) jira: JiraSite<'a>,
    pub(super) connection: Arc<OpenConnection<'a>>,
    /// Ids of the issues that were made through the connection lately; none unless it was opened for a search.
    recent_issues: Vec<String>,
}

impl ConnectedSite<'_> {
    /// The selected project of the connection, if one is selected.
    pub fn selected_project(&self) -> Option<String> {
        self.session().jira_project_id.clone()
    }

    /// The project that a caller names, or else the selected one.
    ///
    /// # Errors
    /// 400 `No project selected and no project ID provided`.
    pub fn project_or_selected(&self, named: Option<ProjectId>) -> Result<ProjectId> {
        if let Some(project) = named {
            return Ok(project);
        }
        let selected = self.selected_project().ok_or_else(|| {
            Error::new(
                StatusCode::BAD_REQUEST,
                "no_project",
                "No project selected and no project ID provided",
            )
        })?;
        Ok(ProjectId::parse(&selected)?)
    }

    /// Names a request of this connection to this site by its `Idempotency-Key`.
    pub(super) fn once_key(&self, idempotency_key: &str) -> OnceKey {
        let session = self.session();
        OnceKey::new(&session.connection_id, session.jira_site_id.as_deref(), idempotency_key)
    }

    /// Remembers an issue that was just made, by its id, so that the next searches find it.
    pub(super) async fn remember_issue(&self, issue_id: &str) {
        self.connection.tokens.remember_issue(self.connection.address, issue_id).await;
    }

    /// Ids that a search has to be told of, because Jira's index may not know them yet.
    pub(super) fn recent_issues(&self) -> Vec<u64> {
        self.recent_issues.iter().filter_map(|id| id.parse().ok()).collect()
    }

    pub(super) fn session(&self) -> Arc<Session> {
        self.connection.session()
    }
}

/// A connection while a request works with it.
pub(super) struct OpenConnection<'a> {
    tokens: &'a Tokens,
    address: &'a Address,
    session: Mutex<Arc<Session>>,
}

impl OpenConnection<'_> {
    fn session(&self) -> Arc<Session> {
        // The lock is held for the length of a clone; nobody panics meanwhile.
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As [`Tokens::learn_site`].
    pub(super) async fn learn_site(
        &self,
        session: &Session,
        ask: impl Future<Output = Result<NamedSite>>,
    ) -> Result<NamedSite> {
        self.tokens.learn_site(self.address, session, ask).await
    }
}

impl TokenSource for OpenConnection<'_> {
    fn token(&self) -> SecretString {
        self.session().access_token.value.clone()
    }

    fn renew<'a>(&'a self, rejected: &'a SecretString) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let session = self.session();
            // Another call in flight was quicker.
            if session.access_token.value.expose_secret() != rejected.expose_secret() {
                return Ok(());
            }
            let renewed = self.tokens.session_after_rejection(self.address, &session.access_token).await?;
            *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(renewed);
            Ok(())
        })
    }
}
