//! The Jira sites that a consent reaches, and the row that remembers which one was chosen.

use std::time::Duration;

use base::chain;
use base::config::{FromSettings, Settings, SettingsError};
use base::counters::{Count, count};
use base::deadline;
use base::tls::{SHORT_BODY, http_client, read_body};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};
use url::Url;
use uuid::Uuid;

use super::{DEFAULT_API_URL, NamedSite};
use crate::error::{Error, Result};
use crate::lenient;
use crate::provider::{BoxFuture, ExtendTransaction};

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#3-1-get-the-cloudid-for-your-site>
pub(super) const RESOURCES: &str = "/oauth/token/accessible-resources";

/// A cloud id: what names a Jira site in the API's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteId(String);

impl SiteId {
    /// Reads a cloud id.
    ///
    /// # Errors
    /// 400 when the text cannot be one.
    pub fn parse(text: &str) -> Result<Self> {
        let is_plausible = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plausible {
            return Err(Error::bad_request(
                "site_id is not a Jira site id: send one that fetch-available-sites lists",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as Atlassian writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SiteId {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        Self::parse(&text).map_err(|_| "not a site id")
    }
}

impl From<SiteId> for String {
    fn from(id: SiteId) -> Self {
        id.0
    }
}

/// A Jira site, as `fetch-available-sites` lists it.
#[derive(Debug, Clone, Serialize)]
pub struct Site {
    /// The cloud id.
    #[serde(rename = "site_id")]
    pub id: SiteId,
    /// The site's name, if Atlassian tells one.
    #[serde(rename = "site_name")]
    pub name: Option<String>,
    /// Its address, `https://<name>.atlassian.net`.
    pub url: Option<String>,
    /// A picture of it.
    pub avatar_url: Option<String>,
}

/// Lists sites. Setting: `ATLASSIAN_API_URL`.
pub struct Sites {
    http: reqwest::Client,
    resources: Url,
}

impl FromSettings for Sites {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "ATLASSIAN_API_URL";
        let mut resources = settings.service_url(name, Some(DEFAULT_API_URL))?;
        resources.set_path(RESOURCES);
        let http =
            http_client().map_err(|error| SettingsError::Invalid { name, reason: error.to_string() })?;
        Ok(Self { http, resources })
    }
}

impl Sites {
    /// The Jira sites that an access token reaches, each once, in Atlassian's order.
    ///
    /// A lost answer or a failing server is asked once more.
    ///
    /// # Errors
    /// 410 when the token is not valid any more, 502 or 504 when Atlassian fails.
    pub async fn list(&self, access_token: &SecretString) -> Result<Vec<Site>> {
        match self.request(access_token).await {
            Err(error)
                if error.status().is_server_error() && !deadline::at_most(ATTEMPT_TIMEOUT).is_zero() =>
            {
                self.request(access_token).await
            }
            outcome => outcome,
        }
    }

    async fn request(&self, access_token: &SecretString) -> Result<Vec<Site>> {
        resources(&self.http, self.resources.clone(), access_token).await.map(jira_sites)
    }
}

/// The scopes that a token has on a site, of all its products; `None` when the list does not tell.
///
/// # Errors
/// As [`Sites::list`].
pub(crate) async fn granted_scopes(
    http: &reqwest::Client,
    mut api: Url,
    access_token: &SecretString,
    site: &str,
) -> Result<Option<Vec<String>>> {
    api.set_path(RESOURCES);
    Ok(resources(http, api, access_token).await?.scopes_of(site))
}

pub(super) async fn resources(
    http: &reqwest::Client,
    url: Url,
    access_token: &SecretString,
) -> Result<Resources> {
    count(Count::JiraRequests);
    let response = http
        .get(url)
        .timeout(deadline::at_most(ATTEMPT_TIMEOUT))
        .bearer_auth(access_token.expose_secret())
        .send()
        .await
        .map_err(transport_error)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => {
            return Err(Error::gone(
                "consent_withdrawn",
                "Atlassian does not accept this consent any more. Start connecting again.",
            ));
        }
        status => {
            return Err(Error::provider_failed(FAILED, format!("accessible-resources: {}", status.as_u16())));
        }
    }
    let body = read_body(response, SHORT_BODY).await.map_err(transport_error)?;
    lenient::from_slice(&body)
        .map_err(|error| Error::provider_failed(FAILED, format!("accessible-resources: {error}")))
}

const FAILED: &str = "Atlassian cannot list the Jira sites at the moment. Try again shortly.";

fn transport_error(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::timed_out("Atlassian took too long to list the Jira sites. Try again.");
    }
    Error::provider_failed(FAILED, chain(&error.without_url()))
}

/// The list, as far as it can be read.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Resources(#[serde(deserialize_with = "lenient::objects")] Vec<Option<Resource>>);

/// An entry of the list. One site stands in it once for each of its products, under the same id.
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
    /// The scopes on a site; `None` when it is not listed, or its scopes cannot be read.
    fn scopes_of(&self, site: &str) -> Option<Vec<String>> {
        let entries = self.0.iter().flatten().filter(|entry| entry.id.as_deref() == Some(site));
        let lists: Option<Vec<_>> = entries.map(|entry| entry.scopes.as_array()).collect();
        let scopes = lists.filter(|lists| !lists.is_empty())?.into_iter().flatten();
        Some(scopes.filter_map(|scope| scope.as_str().map(str::to_owned)).collect())
    }

    /// What a site is called and where it is, as the first of its entries say that tell.
    pub(super) fn named(&self, site: &str) -> NamedSite {
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
    /// Whether it is Jira's. Its scopes read `read:jira-work`, `read:project:jira`, `read:sprint:jira-software`.
    /// Where no list of scopes can be read it may be: one that is not a person can pass over, one that is missing
    /// they cannot choose.
    fn is_jira(&self) -> bool {
        let is_jiras = |scope: &Value| scope.as_str().is_some_and(|scope| scope.contains("jira"));
        self.scopes.as_array().is_none_or(|scopes| scopes.iter().any(is_jiras))
    }
}

pub(super) fn jira_sites(Resources(resources): Resources) -> Vec<Site> {
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

/// The site that a person chose: the row in `jira_connection`.
pub struct ChosenSite(pub Site);

impl ExtendTransaction for ChosenSite {
    /// A selected project stays selected only if the site stays the same: project ids mean nothing elsewhere.
    fn extend<'a>(
        &'a self,
        transaction: &'a Transaction<'_>,
        connection_id: &'a Uuid,
    ) -> BoxFuture<'a, Result<(), tokio_postgres::Error>> {
        const UPSERT: &str = r#"
            insert into "juncture-core".jira_connection as known
                (connection_id, jira_site_id, jira_site_name, jira_site_url, jira_site_named)
            values ($1, $2, $3, $4, $2)
            on conflict (connection_id) do update set
                jira_site_id = excluded.jira_site_id,
                jira_site_name = excluded.jira_site_name,
                jira_site_url = excluded.jira_site_url,
                jira_site_named = excluded.jira_site_named,
                selected_jira_project_id =
                    case when known.jira_site_id = excluded.jira_site_id then known.selected_jira_project_id end,
                last_updated = now()"#;
        Box::pin(async move {
            let Site { id, name, url, .. } = &self.0;
            let (site, named) = (id.as_str(), NamedSite::new(name.as_deref(), url.as_deref()));
            let row: [(&(dyn ToSql + Sync), Type); 4] = [
                (connection_id, Type::UUID),
                (&site, Type::TEXT),
                (&named.name, Type::TEXT),
                (&named.url, Type::TEXT),
            ];
            transaction.execute_typed(UPSERT, &row).await?;
            Ok(())
        })
    }
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
            assert!(serde_json::from_str::<Resources>(no_list).is_err(), "an empty list is made of none");
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
    fn a_site_is_named_by_the_first_of_its_entries_that_tell() {
        let list = r#"[null,{"id":"b","name":"Other","url":"https://b.atlassian.net"},
            {"id":"a","name":7,"url":"http://a.atlassian.net"},{"id":"a","name":"A","url":"https://a.atlassian.net"}]"#;
        let resources: Resources = serde_json::from_str(list).unwrap();
        let named = NamedSite::new(Some("A"), Some("https://a.atlassian.net"));
        assert_eq!((resources.named("a"), resources.named("c")), (named, NamedSite::default()));
    }

    #[test]
    fn a_site_id_cannot_climb_out_of_a_path() {
        assert!(SiteId::parse("11223344-a1b2-3b33-c444-def123456789").is_ok());
        for bad in ["", "../admin", "a/b", "a b", "a%2fb", &"x".repeat(65)] {
            assert!(SiteId::parse(bad).is_err(), "{bad}");
        }
    }
}
