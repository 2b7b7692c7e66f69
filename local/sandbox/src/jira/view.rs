//! A site as seen by one account.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::refusal::Refusal;
use crate::gateway::{self, ApiError, authenticate, scope_does_not_match};
use crate::shared::Shared;
use crate::world::directory::{Account, Project, Site};
use crate::world::settings::Settings;
use crate::world::tracker::Tracker;
use crate::world::tracker::issue::Issue;

/// The scopes that an endpoint requires: either the classic ones, or all of the granular ones, or none at all. See
/// <https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>.
pub(super) struct Scopes {
    pub(super) classic: &'static [&'static str],
    pub(super) granular: &'static [&'static str],
}

impl Scopes {
    fn allowed_by(&self, granted: &BTreeSet<String>) -> bool {
        let has_all =
            |scopes: &[&str]| !scopes.is_empty() && scopes.iter().all(|&scope| granted.contains(scope));
        let is_open = self.classic.is_empty() && self.granular.is_empty();
        is_open || has_all(self.classic) || has_all(self.granular)
    }
}

/// A site as seen by one account.
pub(super) struct View {
    pub(super) site: Site,
    pub(super) account: Account,
    pub(super) accounts: Vec<Account>,
    pub(super) settings: Settings,
    /// What the token was granted.
    pub(super) scopes: BTreeSet<String>,
    pub(super) tracker: Arc<RwLock<Tracker>>,
    pub(super) now: OffsetDateTime,
    pub(super) origin: String,
}

impl View {
    /// Authorises a request as the gateway does, checking the token, then the site, then the scopes.
    pub(super) fn open(
        shared: &Shared,
        headers: &HeaderMap,
        cloud_id: &str,
        scopes: &Scopes,
    ) -> Result<Self, ApiError> {
        let session = authenticate(shared, headers)?;
        let world = shared.world();
        let hidden = || gateway::error(StatusCode::NOT_FOUND, "Not Found");
        let granted = world.grants.get(&session.account).ok_or_else(hidden)?;
        let site = world
            .sites
            .iter()
            .find(|site| site.cloud_id == cloud_id && site.jira && granted.sites.contains(&site.key))
            .ok_or_else(hidden)?;
        if !scopes.allowed_by(&session.scopes) {
            return Err(scope_does_not_match());
        }
        Ok(Self {
            site: site.clone(),
            account: world.account(&session.account).ok_or_else(hidden)?.clone(),
            accounts: world.accounts.clone(),
            settings: world.settings(Some(&session.account)).clone(),
            scopes: session.scopes,
            tracker: Arc::clone(world.trackers.get(&site.key).ok_or_else(hidden)?),
            now: world.now(),
            origin: shared.url.clone(),
        })
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Tracker> {
        self.tracker.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Tracker> {
        self.tracker.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// An absolute URL of this site's REST API.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}/ex/jira/{}/rest/api/3/{path}", self.origin, self.site.cloud_id)
    }

    pub(super) fn agile_link(&self, path: &str) -> String {
        format!("{}/ex/jira/{}/rest/agile/1.0/{path}", self.origin, self.site.cloud_id)
    }

    pub(super) fn avatars(&self, key: &str) -> Value {
        let url = format!("{}/avatars/{key}", self.origin);
        json!({ "16x16": url, "24x24": url, "32x32": url, "48x48": url })
    }

    /// Finds a project by id or exact key.
    pub(super) fn project(&self, id_or_key: &str) -> Option<&Project> {
        let wanted = |project: &&Project| project.key == id_or_key || project.id.to_string() == id_or_key;
        self.site.projects.iter().find(wanted)
    }

    /// Finds an issue by id or key; a hidden issue is a 404 too.
    pub(super) fn issue<'t>(&self, tracker: &'t Tracker, name: &str) -> Result<&'t Issue, Refusal> {
        tracker.find(&self.site.projects, name).ok_or_else(|| {
            let text = "Issue does not exist or you do not have permission to see it.";
            Refusal::plain(StatusCode::NOT_FOUND, text)
        })
    }

    /// The key of an issue.
    pub(super) fn key(&self, issue: &Issue) -> String {
        let project = self.site.projects.iter().find(|project| project.id == issue.project);
        format!("{}-{}", project.map_or("", |project| &project.key), issue.number)
    }

    /// An issue's project, as embedded in the issue.
    pub(super) fn project_of(&self, issue: &Issue) -> Value {
        let Some(project) = self.site.projects.iter().find(|project| project.id == issue.project) else {
            return Value::Null;
        };
        json!({
            "self": self.link(&format!("project/{}", project.id)),
            "id": project.id.to_string(),
            "key": project.key,
            "name": project.name,
            "projectTypeKey": project.type_key,
            "simplified": project.team_managed,
            "avatarUrls": self.avatars(&project.key),
        })
    }

    /// A user. Most hide their e-mail address; those with the older, shorter ids do not.
    pub(super) fn user(&self, key: &str) -> Value {
        let Some(account) = self.accounts.iter().find(|account| account.key == key) else {
            return Value::Null;
        };
        let mut user = json!({
            "self": self.link(&format!("user?accountId={}", account.account_id)),
            "accountId": account.account_id,
            "accountType": "atlassian",
            "displayName": account.name,
            "active": true,
            "avatarUrls": self.avatars(&account.key),
            "timeZone": "Europe/London",
        });
        if !account.account_id.contains(':') {
            user["emailAddress"] = account.email().into();
        }
        user
    }
}
