//! Access to Jira through a connection: a site, with access tokens that are renewed when Jira rejects them.

use std::sync::{Arc, Mutex, PoisonError};

use atlassian::{BoxError, JiraSite, ProjectId, Reach, TokenSource};
use base::oauth::GrantedScopes;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

use super::shared_quotas::{self, SharedQuotas};
use crate::connections::{ConnectionKey, Session, Tokens};
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::IdempotencyKey;
use crate::provider::NamedSite;

/// Opens the Jira sites of connections.
pub struct Jira {
    api: atlassian::Jira,
    tokens: Tokens,
    quotas: Arc<SharedQuotas>,
}

impl Jira {
    pub(crate) fn new(api: atlassian::Jira, tokens: Tokens, quotas: SharedQuotas) -> Self {
        let quotas = Arc::new(quotas);
        Self { api: api.with_notices(Arc::<SharedQuotas>::clone(&quotas)), tokens, quotas }
    }

    /// Opens the site of a connection for a request that writes, or that asks what a write takes.
    ///
    /// # Errors
    /// Those of [`Tokens::session`]; 403 with `needs_reauthorization` if the connection has no site.
    pub async fn site<'a>(&'a self, key: &'a ConnectionKey) -> Result<ConnectedSite<'a>> {
        let (session, quotas) = self.tokens.session_and(key, self.quotas.key()).await?;
        self.open(key, session, quotas.as_deref())
    }

    /// Like [`Self::site`], for a request that only reads: what is left of a quota when little is left is not for it.
    pub async fn site_for_reading<'a>(&'a self, key: &'a ConnectionKey) -> Result<ConnectedSite<'a>> {
        let site = self.site(key).await?;
        Ok(ConnectedSite { jira: site.jira.for_reading(), ..site })
    }

    /// Like [`Self::site_for_reading`], for a search, which then also finds issues recently created through the
    /// connection.
    pub async fn site_for_search<'a>(&'a self, key: &'a ConnectionKey) -> Result<ConnectedSite<'a>> {
        let (session, quotas, recent_issues) = self.tokens.session_for_search(key, self.quotas.key()).await?;
        let site = self.open(key, session, quotas.as_deref())?;
        Ok(ConnectedSite { jira: site.jira.for_reading(), recent_issues, ..site })
    }

    fn open<'a>(
        &'a self,
        key: &'a ConnectionKey,
        session: Session,
        quotas: Option<&str>,
    ) -> Result<ConnectedSite<'a>> {
        let Some(site_id) = session.site_id.clone() else {
            return Err(Error::needs_reauthorization().because("the connection has no Jira site"));
        };
        let reach = session
            .allowed_projects
            .as_ref()
            .map_or(Reach::Everything, |allowed| Reach::Projects(allowed.ids(session.project_id.as_deref())));
        let session = Mutex::new(Arc::new(session));
        let connection = Arc::new(OpenConnection { tokens: &self.tokens, key, session });
        let jira = self.api.site(&site_id, reach, Arc::<OpenConnection<'a>>::clone(&connection))?;
        let jira = jira.knowing(shared_quotas::decode(quotas, &site_id));
        Ok(ConnectedSite { jira, connection, recent_issues: Vec::new() })
    }
}

/// A Jira site, accessed through a connection.
pub struct ConnectedSite<'a> {
    pub(super) jira: JiraSite<'a>,
    pub(super) connection: Arc<OpenConnection<'a>>,
    /// Ids of issues recently created through the connection; empty unless opened for a search.
    recent_issues: Vec<String>,
}

impl ConnectedSite<'_> {
    /// The selected project of the connection, if there is one.
    pub fn selected_project(&self) -> Option<String> {
        self.session().project_id.clone()
    }

    /// Returns the given project, or the selected one.
    ///
    /// # Errors
    /// 400 `No project selected and no project ID provided`.
    pub fn project_or_selected(&self, named: Option<ProjectId>) -> Result<ProjectId> {
        if let Some(project) = named {
            return Ok(project);
        }
        let selected = self.selected_project().ok_or_else(|| {
            Error::new(ErrorCode::NoProject, "No project selected and no project ID provided")
        })?;
        Ok(ProjectId::parse(&selected)?)
    }

    /// Whether the connection is limited to some projects of the site.
    pub fn is_limited(&self) -> bool {
        self.jira.is_limited()
    }

    /// The idempotency key of a request to this site through this connection.
    pub(super) fn idempotency_key(&self, sent: &str) -> IdempotencyKey {
        let session = self.session();
        IdempotencyKey::new(&session.connection_id, session.site_id.as_deref(), sent)
    }

    /// Remembers a new issue by its id, so the next searches find it.
    pub(super) async fn remember_issue(&self, issue_id: &str) {
        self.connection.tokens.remember_issue(self.connection.key, issue_id).await;
    }

    /// Ids that a search has to name explicitly, because Jira's index may not contain them yet
    /// (<https://developer.atlassian.com/cloud/jira/platform/search-and-reconcile/>).
    pub(super) fn recent_issues(&self) -> Vec<u64> {
        self.recent_issues.iter().filter_map(|id| id.parse().ok()).collect()
    }

    pub(super) fn session(&self) -> Arc<Session> {
        self.connection.session()
    }
}

/// An open connection, for the duration of a request.
pub(super) struct OpenConnection<'a> {
    tokens: &'a Tokens,
    key: &'a ConnectionKey,
    session: Mutex<Arc<Session>>,
}

impl OpenConnection<'_> {
    fn session(&self) -> Arc<Session> {
        // The lock is only held for a clone, which does not panic.
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// See [`Tokens::look_up_site`].
    pub(super) async fn look_up_site(
        &self,
        session: &Session,
        ask: impl Future<Output = Result<NamedSite>>,
    ) -> Result<NamedSite> {
        self.tokens.look_up_site(self.key, session, ask).await
    }
}

impl TokenSource for OpenConnection<'_> {
    fn token(&self) -> SecretString {
        self.session().access_token.value.clone()
    }

    fn granted_scopes(&self) -> Option<GrantedScopes> {
        self.session().granted_scopes.clone()
    }

    fn renew<'a>(&'a self, rejected: &'a SecretString) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let session = self.session();
            // A concurrent call has already renewed it.
            if session.access_token.value.expose_secret() != rejected.expose_secret() {
                return Ok(());
            }
            let renewed = self.tokens.session_after_rejection(self.key, &session.access_token).await?;
            *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(renewed);
            Ok(())
        })
    }
}
