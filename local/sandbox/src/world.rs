//! What the sandbox knows: accounts, sites, grants and the tokens that came from them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::jira::tracker::{CreatedProject, NewProject, Tracker};
use super::seed::{self, Account, Project, Site};
use super::settings::Settings;
use super::tokens::Tokens;

pub(super) struct World {
    pub(super) accounts: Vec<Account>,
    pub(super) sites: Vec<Site>,
    /// By account key: an app has one grant per account.
    pub(super) grants: BTreeMap<String, Grant>,
    pub(super) tokens: Tokens,
    /// What the sites' Jiras hold, by site key.
    pub(super) trackers: BTreeMap<String, Arc<RwLock<Tracker>>>,
    settings: Settings,
    account_settings: HashMap<String, Settings>,
    clock_offset: Duration,
}

/// What one account allowed the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Key of the account.
    pub account: String,
    /// Keys of the sites; a further consent adds to them.
    pub sites: BTreeSet<String>,
    /// Scopes; a further consent replaces them.
    pub scopes: BTreeSet<String>,
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        let sites = seed::sites();
        let tracker = |site: &Site| {
            (site.key.clone(), Arc::new(RwLock::new(Tracker::seeded(&site.key, &site.projects))))
        };
        Self {
            accounts: seed::accounts(),
            trackers: sites.iter().map(tracker).collect(),
            sites,
            grants: BTreeMap::new(),
            tokens: Tokens::default(),
            settings,
            account_settings: HashMap::new(),
            clock_offset: Duration::ZERO,
        }
    }

    /// The sandbox's time: the machine's, moved forward by what tests asked for.
    pub(super) fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.clock_offset
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.clock_offset += by;
    }

    /// Finds an account by its key or its Atlassian account id.
    pub(super) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.key == name || account.account_id == name)
    }

    /// Finds a site by its key or its cloud id.
    pub(super) fn site(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.key == name || site.cloud_id == name)
    }

    /// Adds a project to a site. Refuses a site that does not exist, and a key that is taken or malformed.
    pub(super) fn create_project(&mut self, site: &str, new: &NewProject) -> Result<CreatedProject, String> {
        let site = self.sites.iter_mut().find(|known| known.key == site || known.cloud_id == site);
        let site = site.ok_or("there is no such site")?;
        let well_formed = new.key.starts_with(|c: char| c.is_ascii_uppercase())
            && new.key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !well_formed || site.projects.iter().any(|project| project.key == new.key) {
            return Err(format!("the key {:?} is taken or malformed", new.key));
        }
        let id = site.projects.iter().map(|project| project.id).max().unwrap_or(10_000) + 1;
        site.projects.push(Project::new(id, &new.key, &new.key));
        let tracker = self.trackers.entry(site.key.clone()).or_default();
        let mut tracker = tracker.write().unwrap_or_else(PoisonError::into_inner);
        Ok(tracker.generate(id, new))
    }

    /// The settings that hold for an account, or for everybody without settings of their own.
    pub(super) fn settings(&self, account: Option<&str>) -> &Settings {
        account.and_then(|account| self.account_settings.get(account)).unwrap_or(&self.settings)
    }

    pub(super) fn set_settings(&mut self, account: Option<&str>, settings: Settings) {
        match account {
            Some(account) => {
                self.account_settings.insert(account.to_owned(), settings);
            }
            None => self.settings = settings,
        }
    }

    /// Records a consent: scopes are replaced, sites accumulate.
    /// See <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>.
    pub(super) fn consent(&mut self, account: &str, sites: BTreeSet<String>, scopes: &BTreeSet<String>) {
        let withheld = &self.settings(Some(account)).withheld_scopes;
        let scopes = scopes.difference(withheld).cloned().collect();
        let grant = self.grants.entry(account.to_owned()).or_insert_with(|| Grant {
            account: account.to_owned(),
            sites: BTreeSet::new(),
            scopes: BTreeSet::new(),
        });
        grant.sites.extend(sites);
        grant.scopes = scopes;
    }

    /// Ends a grant as the user would in the list of connected apps: every token that came from it is dead.
    pub(super) fn revoke(&mut self, account: &str) -> bool {
        self.tokens.forget_codes(account);
        self.tokens.end_families(account);
        self.grants.remove(account).is_some()
    }
}
