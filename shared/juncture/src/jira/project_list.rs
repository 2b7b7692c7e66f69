//! The parameters of endpoints that list something of a project.

use atlassian::ProjectId;
use base::crypto::Sealer;
use runtime::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::description::DescriptionFormat;
use super::site::{ConnectedSite, Jira};
use crate::callers::SecretKeys;
use crate::connections::ConnectionKey;
use crate::error::Result;
use crate::paging::{PageQuery, PageRequest, Paging};
use crate::provider::ProviderId;

/// A request for a list of a project's boards, sprints or issues: `external_id` and, optionally, `jira_project_id`,
/// `limit` and `cursor`.
pub struct ProjectList {
    key: ConnectionKey,
    /// The project, if the caller gave one.
    named: Option<ProjectId>,
    description_format: Option<String>,
    page: PageQuery,
}

#[derive(Deserialize)]
struct Query {
    external_id: String,
    jira_project_id: Option<String>,
    description_format: Option<String>,
}

impl ProjectList {
    /// Authorizes a request and parses its parameters.
    ///
    /// # Errors
    /// 401 without a valid secret key (429 after too many attempts), 400 if a parameter is missing or malformed.
    pub async fn of(keys: &SecretKeys, request: &Request) -> Result<Self> {
        let caller = keys.authorize(request).await?;
        let (query, page): (Query, PageQuery) = runtime::query(request)?;
        let Query { external_id, jira_project_id, description_format } = query;
        let named = jira_project_id.as_deref().map(ProjectId::parse).transpose()?;
        let key = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
        Ok(Self { key, named, description_format, page })
    }

    /// The requested format of descriptions, parsed by [`DescriptionFormat::parse`].
    pub fn description_format(&self) -> Result<DescriptionFormat> {
        DescriptionFormat::parse(self.description_format.as_deref())
    }

    /// Opens the connection's site, and returns it with the project: the given one, or the selected one.
    ///
    /// # Errors
    /// Those of [`Jira::site_for_reading`] and [`ConnectedSite::project_or_selected`].
    pub async fn open<'a>(&'a self, jira: &'a Jira) -> Result<(ConnectedSite<'a>, ProjectId)> {
        self.with_project(jira.site_for_reading(&self.key).await?)
    }

    /// Like [`Self::open`], for a search.
    pub async fn open_for_search<'a>(&'a self, jira: &'a Jira) -> Result<(ConnectedSite<'a>, ProjectId)> {
        self.with_project(jira.site_for_search(&self.key).await?)
    }

    fn with_project<'a>(&self, site: ConnectedSite<'a>) -> Result<(ConnectedSite<'a>, ProjectId)> {
        let project = site.project_or_selected(self.named.clone())?;
        Ok((site, project))
    }

    /// Returns the pagination of the list that `call` returns for a project, and the requested page; `None` for the
    /// whole list.
    pub fn part<'a, P: DeserializeOwned>(
        &self,
        sealer: &'a Sealer,
        call: &str,
        project: &ProjectId,
    ) -> Result<(Paging<'a>, Option<PageRequest<P>>)> {
        self.part_of(sealer, call, project.as_str())
    }

    /// Like [`Self::part`], for a list that is identified by more than its project.
    pub fn part_of<'a, P: DeserializeOwned>(
        &self,
        sealer: &'a Sealer,
        call: &str,
        list: &str,
    ) -> Result<(Paging<'a>, Option<PageRequest<P>>)> {
        let paging = Paging::new(sealer, call, &self.key, list);
        let part = paging.part(&self.page)?;
        Ok((paging, part))
    }
}
