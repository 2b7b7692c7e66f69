//! Static properties of a provider.

use std::time::Duration;

/// The static properties of one provider.
pub struct ProviderInfo {
    /// The name shown to people, and the `Display` of [`ProviderId`](super::ProviderId): `Jira`.
    pub name: &'static str,
    /// The company whose accounts people sign in with: `Atlassian`.
    pub vendor: &'static str,
    /// The setting with the redirect URI of the provider's OAuth app.
    pub redirect_uri_setting: &'static str,
    /// Domain suffixes of the hosts that serve pictures of sites. Pictures from other hosts are not shown.
    pub image_domains: &'static [&'static str],
    /// How long a consent lasts; refreshing its tokens does not extend it.
    pub consent_lifetime: Duration,
    /// The number of days after which an unused refresh token expires.
    pub idle_days: u32,
    /// The table with the sites of its connections.
    pub sites: SiteTable,
}

/// The SQL for a provider's own table, which has one row per connection: the chosen site and the selected project.
/// Column names differ between providers, parameters do not. All but `chosen` and `set_name` run while the row of
/// `connection` is locked.
pub struct SiteTable {
    /// Selects all rows, as `connection_id`, `site_id`, `site_name`, `site_url`, `project_id` and `allowed_projects` (ids,
    /// or `{selected}`; null if the connection is not limited to any). Name and URL are null if unknown.
    pub chosen: &'static str,
    /// Inserts or updates the row of a connection (`$1`) with a site (`$2`), its name (`$3`) and its URL (`$4`). If the
    /// site changes, the selected project is cleared: project ids mean nothing on another site.
    pub save: &'static str,
    /// Sets the name (`$3`) and the URL (`$4`) of the site (`$2`) of a connection (`$1`), if that is still its site and
    /// there is no URL yet.
    pub set_name: &'static str,
    /// Sets the selected project (`$2`) of a connection (`$1`) and returns its `connection_id`.
    pub select_project: &'static str,
    /// Sets the allowed projects (`$2`) of a connection (`$1`), which mean nothing on another site than its present one,
    /// and returns its `connection_id`.
    pub allow_projects: &'static str,
}
