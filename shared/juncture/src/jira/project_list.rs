//! What the calls that list something of a project are asked with.

use atlassian::ProjectId;
use base::crypto::Sealer;
use runtime::{Query, Request};
use serde::de::DeserializeOwned;

use super::description::DescriptionFormat;
use super::site::{ConnectedSite, Jira};
use crate::callers::SecretKeys;
use crate::connections::ConnectionKey;
use crate::error::Result;
use crate::paging::{PageRequest, Paging};
use crate::provider::ProviderId;

/// A request for a list of a project's boards, sprints or tickets: `external_id`, and if they are given,
/// `jira_project_id`, `limit` and `cursor`.
pub struct ProjectList {
    address: ConnectionKey,
    query: Query,
    /// The project, if the caller names one.
    named: Option<ProjectId>,
}

impl ProjectList {
    /// Reads a request of a caller who has the secret key.
    ///
    /// # Errors
    /// 401 without the key (429 after many tries), 400 when a parameter is missing or malformed.
    pub async fn of(keys: &SecretKeys, request: &Request) -> Result<Self> {
        let caller = keys.authorize(request).await?;
        let query = Query::of(request)?;
        let [external_id] = query.required(["external_id"])?;
        let named = query.optional("jira_project_id").map(ProjectId::parse).transpose()?;
        let address = caller.connection_key(ProviderId::Jira.as_str(), external_id)?;
        Ok(Self { address, query, named })
    }

    /// The form that descriptions are asked for in.
    ///
    /// # Errors
    /// As [`DescriptionFormat::of`].
    pub fn description_format(&self) -> Result<DescriptionFormat> {
        DescriptionFormat::of(&self.query)
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
        let part = paging.part(&self.query)?;
        Ok((paging, part))
    }
}
