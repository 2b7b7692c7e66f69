//! Settings that can be changed while the sandbox is running, for one account or as the default for all.

use std::collections::BTreeSet;
use std::time::Duration;

/// How the token endpoint and Jira behave. The defaults are Atlassian's
/// (<https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Reuse interval: how long a rotated refresh token may be exchanged again. Zero means never.
    pub leeway: Duration,
    /// Lifetime of an access token.
    pub access_token_lifetime: Duration,
    /// Whether a refresh returns a new refresh token. If not, the old one stays valid.
    pub rotation: bool,
    /// Which of the two known errors a refresh token that is not accepted gets.
    pub refusal: Refusal,
    /// Scopes that are not granted even if the app requests them.
    pub withheld_scopes: BTreeSet<String>,
    /// How many searches miss an issue that this account has just created, unless they reconcile it.
    pub search_lag: u32,
    /// Whether the account is read-only: creating, editing and deleting issues is a 403.
    pub read_only: bool,
    /// How many comments an issue may have.
    pub max_comments: usize,
    /// Whether customers see the comments that are meant to be internal. Jira promises that they do not.
    pub internal_comments_are_public: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            leeway: Duration::from_secs(10 * 60),
            access_token_lifetime: Duration::from_secs(3600),
            rotation: true,
            refusal: Refusal::InvalidGrant,
            withheld_scopes: BTreeSet::new(),
            search_lag: 2,
            read_only: false,
            max_comments: 5000,
            internal_comments_are_public: false,
        }
    }
}

/// The error for a refresh token that is not accepted; the status is 403 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As documented: `invalid_grant`, "Unknown or invalid refresh token."
    InvalidGrant,
    /// As often observed: `unauthorized_client`, "`refresh_token` is invalid".
    UnauthorizedClient,
}
