//! What can be set while the sandbox runs, for everybody or for one account.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How the token endpoint and Jira behave. Durations are seconds in JSON.
///
/// The defaults are Atlassian's
/// (<https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Reuse interval: for how long a rotated refresh token may be exchanged again. Zero: never.
    #[serde(with = "seconds")]
    pub leeway: Duration,
    /// Lifetime of an access token.
    #[serde(with = "seconds")]
    pub access_token_lifetime: Duration,
    /// Lifetime of an authorization code.
    #[serde(with = "seconds")]
    pub code_lifetime: Duration,
    /// A refresh token that is not used for this long expires.
    #[serde(with = "seconds")]
    pub refresh_token_inactivity: Duration,
    /// Nothing that descends from one consent is refreshed after this long.
    #[serde(with = "seconds")]
    pub family_lifetime: Duration,
    /// Whether the reuse of a refresh token after the leeway revokes its whole family.
    pub reuse_revokes_family: bool,
    /// Whether a refresh answers with a new refresh token. If not, the old one stays good.
    pub rotation: bool,
    /// Whether exchanging the code of a new consent ends the account's earlier families. Sources disagree on
    /// what Atlassian does.
    pub consent_replaces_families: bool,
    /// Which of the two refusals seen in the wild answers a refresh token that is not accepted.
    pub refusal: Refusal,
    /// Scopes that a consent does not grant though they were asked for.
    pub withheld_scopes: BTreeSet<String>,
    /// How many searches miss an issue that this account has just made, unless they reconcile it.
    pub search_lag: u32,
    /// Whether Jira lets the account look only: creating, editing and deleting issues is refused with 403.
    pub read_only: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            leeway: Duration::from_secs(10 * 60),
            access_token_lifetime: Duration::from_secs(3600),
            code_lifetime: Duration::from_secs(5 * 60),
            refresh_token_inactivity: 90 * DAY,
            family_lifetime: 365 * DAY,
            reuse_revokes_family: true,
            rotation: true,
            consent_replaces_families: false,
            refusal: Refusal::InvalidGrant,
            withheld_scopes: BTreeSet::new(),
            search_lag: 2,
            read_only: false,
        }
    }
}

/// The answer to a refresh token that is not accepted; the status is 403 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// As documented: `invalid_grant`, "Unknown or invalid refresh token."
    InvalidGrant,
    /// As often observed: `unauthorized_client`, "`refresh_token` is invalid".
    UnauthorizedClient,
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}
