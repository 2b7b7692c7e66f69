//! The Jira sites that an access token can access, and its scopes there.

use std::time::Duration;

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Counter, count};
use base::oauth::NamedSite;
use base::tls::{SHORT_BODY, read_body};
use base::{deadline, retry};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::ids::SiteId;
use crate::scopes::is_lacking;
use crate::{DEFAULT_API_URL, http_client, lenient};

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#3-1-get-the-cloudid-for-your-site>
const RESOURCES: &str = "/oauth/token/accessible-resources";

/// Why the sites are unknown.
#[derive(Debug, thiserror::Error)]
pub enum SitesError {
    /// Atlassian rejected the access token: the consent was withdrawn.
    #[error("Atlassian does not accept the access token")]
    ConsentWithdrawn,
    /// The request timed out.
    #[error("Atlassian took too long to list the Jira sites")]
    TimedOut,
    /// Atlassian failed, or its response is not a list.
    #[error("{0}")]
    Failed(String),
}

type Result<T> = std::result::Result<T, SitesError>;

/// A Jira site.
#[derive(Debug, Clone)]
pub struct Site {
    /// The cloud id.
    pub id: SiteId,
    /// The name, if Atlassian lists one.
    pub name: Option<String>,
    /// The URL, `https://<name>.atlassian.net`.
    pub url: Option<String>,
    /// The URL of the site's avatar.
    pub avatar_url: Option<String>,
}

/// Lists the sites of an access token. Setting: `ATLASSIAN_API_URL`.
#[derive(Clone)]
pub struct Sites {
    http: reqwest::Client,
    resources: Url,
}

impl FromSettings for Sites {
    fn from_settings(settings: &Settings) -> std::result::Result<Self, SettingsError> {
        let mut resources = settings.service_url("ATLASSIAN_API_URL", Some(DEFAULT_API_URL))?;
        resources.set_path(RESOURCES);
        Ok(Self { http: http_client()?, resources })
    }
}

impl Sites {
    /// Lists the Jira sites that an access token can access, in Atlassian's order and without duplicates. Retried
    /// once after a lost response or a server error.
    pub async fn list(&self, access_token: &SecretString) -> Result<Vec<Site>> {
        let may_pass = |error: &SitesError| matches!(error, SitesError::Failed(_) | SitesError::TimedOut);
        retry::twice(|| self.resources(access_token), may_pass).await.map(jira_sites)
    }

    /// Returns the name and URL of a site, or neither if Atlassian does not list the site. Not retried.
    pub async fn named(&self, access_token: &SecretString, site: &str) -> Result<NamedSite> {
        Ok(self.resources(access_token).await?.named(site))
    }

    /// Whether a token lacks one of these scopes on a site, whatever the product; false if that cannot be determined.
    pub(crate) async fn lacks_scope(&self, scopes: &str, access_token: &SecretString, site: &str) -> bool {
        match self.resources(access_token).await {
            Ok(resources) => resources.scopes_of(site).is_some_and(|granted| is_lacking(scopes, &granted)),
            Err(error) => {
                tracing::warn!(cause = %error, "granted scopes unknown");
                false
            }
        }
    }

    async fn resources(&self, access_token: &SecretString) -> Result<Resources> {
        count(Counter::JiraRequests);
        let response = self
            .http
            .get(self.resources.clone())
            .timeout(deadline::at_most(ATTEMPT_TIMEOUT))
            .bearer_auth(access_token.expose_secret())
            .send()
            .await
            .map_err(transport_error)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(SitesError::ConsentWithdrawn),
            status => return Err(SitesError::Failed(format!("accessible-resources: {}", status.as_u16()))),
        }
        let body = read_body(response, SHORT_BODY).await.map_err(transport_error)?;
        lenient::from_slice(&body)
            .map_err(|error| SitesError::Failed(format!("accessible-resources: {error}")))
    }
}

fn transport_error(error: reqwest::Error) -> SitesError {
    if error.is_timeout() { SitesError::TimedOut } else { SitesError::Failed(chain(&error.without_url())) }
}

/// The entries of the list that can be parsed.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Resources(#[serde(deserialize_with = "lenient::objects")] Vec<Option<Resource>>);

/// An entry of the list. A site has one entry for each of its products, all with the same id.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resource {
    #[serde(deserialize_with = "lenient::id")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    url: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    avatar_url: Option<String>,
    scopes: Value,
}

impl Resources {
    /// Returns the scopes on a site; `None` if it is not listed or its scopes cannot be parsed.
    fn scopes_of(&self, site: &str) -> Option<Vec<String>> {
        let entries = self.0.iter().flatten().filter(|entry| entry.id.as_deref() == Some(site));
        let lists: Option<Vec<_>> = entries.map(|entry| entry.scopes.as_array()).collect();
        let scopes = lists.filter(|lists| !lists.is_empty())?.into_iter().flatten();
        Some(scopes.filter_map(|scope| scope.as_str().map(str::to_owned)).collect())
    }

    /// Returns the name and URL of a site, each from the first of its entries that has one.
    fn named(&self, site: &str) -> NamedSite {
        let entries = self.0.iter().flatten().filter(|entry| entry.id.as_deref() == Some(site));
        let told = entries.map(|entry| NamedSite::new(entry.name.as_deref(), entry.url.as_deref()));
        told.reduce(|known, other| NamedSite {
            name: known.name.or(other.name),
            url: known.url.or(other.url),
        })
        .unwrap_or_default()
    }
}

impl Resource {
    /// Whether the entry is for Jira. Jira's scopes look like `read:jira-work`, `read:project:jira` and
    /// `read:sprint:jira-software`. An entry whose scopes cannot be parsed counts as Jira: a person can ignore a site
    /// that does not belong in the list, but cannot choose one that is missing.
    fn is_jira(&self) -> bool {
        let is_jiras = |scope: &Value| scope.as_str().is_some_and(|scope| scope.contains("jira"));
        self.scopes.as_array().is_none_or(|scopes| scopes.iter().any(is_jiras))
    }
}

/// Extracts the Jira sites, without duplicates.
pub fn jira_sites(Resources(resources): Resources) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for resource in resources.into_iter().flatten() {
        let is_jira = resource.is_jira();
        let Some(id) = resource.id.and_then(|id| SiteId::parse(&id).ok()) else { continue };
        if is_jira && !sites.iter().any(|site| site.id == id) {
            sites.push(Site { id, name: resource.name, url: resource.url, avatar_url: resource.avatar_url });
        }
    }
    sites
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_jira_sites_are_listed_and_each_once() {
        let list = r#"[
            {"id":"a","name":"Wiki","url":"https://a.atlassian.net","scopes":["read:confluence-content.all"]},
            {"id":"b","name":"Both","url":"https://b.atlassian.net","scopes":["read:jira-work"]},
            {"id":"b","name":"Both","url":"https://b.atlassian.net","scopes":["search:confluence"]},
            {"id":"b","name":"Both","url":"https://b.atlassian.net","scopes":["read:sprint:jira-software"]},
            {"id":"../c","name":"Odd","scopes":["read:jira-work"]}
        ]"#;
        let sites = jira_sites(serde_json::from_str(list).unwrap());
        assert_eq!(sites.iter().map(|site| site.id.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn an_odd_value_costs_no_site() {
        let list = r#"[
            null, 7, "x", {}, {"id":null,"name":"None","scopes":["read:jira-work"]},
            {"id":"a","name":7,"url":[],"avatarUrl":{},"scopes":[null,"read:jira-work"]},
            {"id":"b","scopes":null},
            {"id":"c"},
            {"id":"d","scopes":[]},
            {"id":"e","name":"Fine","scopes":["read:jira-work"]}
        ]"#;
        let sites = jira_sites(serde_json::from_str(list).unwrap());
        assert_eq!(sites.iter().map(|site| site.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "e"]);
        let (a, e) = (&sites[0], &sites[3]);
        assert_eq!((&a.name, &a.url, &a.avatar_url), (&None, &None, &None));
        assert_eq!(e.name.as_deref(), Some("Fine"));
        for no_list in ["null", "{}", "7"] {
            assert!(serde_json::from_str::<Resources>(no_list).is_err(), "not a list");
        }
    }

    #[test]
    fn the_scopes_of_a_site_are_those_of_all_its_products() {
        let list = r#"[{"id":"a","scopes":["read:jira-work",null]},{"id":"b","scopes":["write:jira-work"]},
            {"id":"a","scopes":["search:confluence"]},{"id":"c","scopes":null},{"id":"d","scopes":[]}]"#;
        let resources: Resources = serde_json::from_str(list).unwrap();
        let of = |site: &str| resources.scopes_of(site);
        assert_eq!(of("a"), Some(vec!["read:jira-work".to_owned(), "search:confluence".to_owned()]));
        assert_eq!((of("c"), of("d"), of("e")), (None, Some(Vec::new()), None));
    }

    #[test]
    fn a_site_has_the_first_name_and_url_among_its_entries() {
        let list = r#"[null,{"id":"b","name":"Other","url":"https://b.atlassian.net"},
            {"id":"a","name":7,"url":"http://a.atlassian.net"},{"id":"a","name":"A","url":"https://a.atlassian.net"}]"#;
        let resources: Resources = serde_json::from_str(list).unwrap();
        let named = NamedSite::new(Some("A"), Some("https://a.atlassian.net"));
        assert_eq!((resources.named("a"), resources.named("c")), (named, NamedSite::default()));
    }
}
