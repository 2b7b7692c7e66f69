//! What the calls that list something of a project are asked with.

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

/// A request for a list of a project's boards, sprints or tickets: `external_id`, and if they are given,
/// `jira_project_id`, `limit` and `cursor`.
pub struct ProjectList {
    address: ConnectionKey,
    /// The project, if the caller names one.
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
    /// Reads a request of a caller who has the secret key.
    ///
    /// # Errors
    /// 401 without the key (429 after many tries), 400 when a parameter is missing or malformed.
    pub async fn of(keys: &SecretKeys, request: &Request) -> Result<Self> {
        let caller = keys.authorize(request).await?;
        let (query, page): (Query, PageQuery) = runtime::query(request)?;
        let Query { external_id, jira_project_id, description_format } = query;
        let named = jira_project_id.as_deref().map(ProjectId::parse).transpose()?;
        let address = caller.connection_key(ProviderId::Jira.as_str(), &external_id)?;
        Ok(Self { address, named, description_format, page })
    }

    /// The form that descriptions are asked for in.
    ///
    /// # Errors
    /// As [`DescriptionFormat::parse`].
    pub fn description_format(&self) -> Result<DescriptionFormat> {
        DescriptionFormat::parse(self.description_format.as_deref())
    }

    /// The connection's site, and the project: the named one, or else the selected one.
    ///
    /// # Errors
    /// As [`Jira::site`] and [`ConnectedSite::project_or_selected`].
    pub async fn open<'a>(&'a self, jira: &'a Jira) -> Result<(ConnectedSite<'a>, ProjectId)> {
        self.with_project(jira.site(&self.address).await?)
    }

    /// As [`Self::open`], for a search.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_for_search<'a>(&'a self, jira: &'a Jira) -> Result<(ConnectedSite<'a>, ProjectId)> {
        self.with_project(jira.site_for_search(&self.address).await?)
    }

    fn with_project<'a>(&self, site: ConnectedSite<'a>) -> Result<(ConnectedSite<'a>, ProjectId)> {
        let project = site.project_or_selected(self.named.clone())?;
        Ok((site, project))
    }

    /// The parts of the list that `call` gives for a project, and which one is asked for; none for the whole list.
    ///
    /// # Errors
    /// As [`Paging::part`].
    pub fn part<'a, P: DeserializeOwned>(
        &self,
        sealer: &'a Sealer,
        call: &str,
        project: &ProjectId,
    ) -> Result<(Paging<'a>, Option<PageRequest<P>>)> {
        let paging = Paging::new(sealer, call, &self.address, project.as_str());
        let part = paging.part(&self.page)?;
        Ok((paging, part))
    }
}
