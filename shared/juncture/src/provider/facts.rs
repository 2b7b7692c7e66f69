//! What is known of a provider without a request to it.

use std::time::Duration;

/// The facts about one provider.
pub struct Facts {
    /// Its name for people, which is also how [`ProviderId`](super::ProviderId) is displayed: `Jira`.
    pub name: &'static str,
    /// The company whose account people sign in with: `Atlassian`.
    pub vendor: &'static str,
    /// The setting with the redirect URI of the provider's OAuth app.
    pub redirect_uri_setting: &'static str,
    /// Domain suffixes of the hosts that serve pictures of sites. Pictures from other hosts are not shown.
    pub picture_domains: &'static [&'static str],
    /// How long a consent lasts, however often its tokens are refreshed.
    pub consent_lifetime: Duration,
    /// After how many days without use a refresh token expires.
    pub idle_days: u32,
    /// The table of the sites that its connections lead to.
    pub sites: SiteTable,
}

/// The SQL for a provider's own table, which has one row per connection: the chosen site and the selected project. Column
/// names differ between providers, parameters do not. The row of `connection` is locked before one of the writes is run.
pub struct SiteTable {
    /// Selects all rows, as `connection_id`, `site_id`, `site_name`, `site_url` and `project_id`. Name and URL are null
    /// if unknown.
    pub chosen: &'static str,
    /// Inserts or updates the row of a connection (`$1`) with a site (`$2`), its name (`$3`) and its URL (`$4`). If the
    /// site is another one than before, no project remains selected: project ids mean nothing on another site.
    pub save: &'static str,
    /// Sets the name (`$3`) and the URL (`$4`) of the site (`$2`) of a connection (`$1`), if it still leads to that site
    /// and has no URL.
    pub name: &'static str,
    /// Selects a project (`$2`) for a connection (`$1`) and returns its `connection_id`.
    pub select_project: &'static str,
}
