//! The sandbox's data: accounts, sites, grants, and the tokens issued for them.

mod backlog;
pub(crate) mod directory;
pub(crate) mod generate;
mod opaque;
pub(crate) mod settings;
pub(crate) mod tokens;
pub(crate) mod tracker;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use directory::{Account, Project, Site};
use generate::{CreatedProject, NewProject};
use settings::Settings;
use tokens::{Family, Issued, Session, Tokens};
use tracker::Tracker;
use tracker::shape::ProjectShape;

pub(crate) struct World {
    pub(crate) accounts: Vec<Account>,
    pub(crate) sites: Vec<Site>,
    /// By account key: the app has one grant per account.
    pub(crate) grants: BTreeMap<String, Grant>,
    pub(crate) tokens: Tokens,
    /// The data of each site's Jira, by site key.
    pub(crate) trackers: BTreeMap<String, Arc<RwLock<Tracker>>>,
    settings: Settings,
    account_settings: HashMap<String, Settings>,
    clock_offset: Duration,
}

/// What one account granted to the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Key of the account.
    pub account: String,
    /// Keys of the sites; another consent adds to them.
    pub sites: BTreeSet<String>,
    /// Scopes; another consent replaces them.
    pub scopes: BTreeSet<String>,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let sites = directory::sites();
        let tracker = |site: &Site| {
            (site.key.clone(), Arc::new(RwLock::new(backlog::of_site(&site.key, &site.projects))))
        };
        Self {
            accounts: directory::accounts(),
            trackers: sites.iter().map(tracker).collect(),
            sites,
            grants: BTreeMap::new(),
            tokens: Tokens::default(),
            settings,
            account_settings: HashMap::new(),
            clock_offset: Duration::ZERO,
        }
    }

    /// The sandbox's clock: the system time plus the offset that tests have set.
    pub(crate) fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.clock_offset
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.clock_offset += by;
    }

    /// Finds an account by key or Atlassian account id.
    pub(crate) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.key == name || account.account_id == name)
    }

    /// Finds a site by key or cloud id.
    pub(crate) fn site(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.key == name || site.cloud_id == name)
    }

    /// Adds a project of a type (`software`, `service_desk`) to a site. Fails if the site does not exist, or the key is
    /// taken or malformed.
    pub(crate) fn create_project(
        &mut self,
        site: &str,
        new: &NewProject,
        type_key: &'static str,
    ) -> Result<CreatedProject, String> {
        let site = self.sites.iter_mut().find(|known| known.key == site || known.cloud_id == site);
        let site = site.ok_or("there is no such site")?;
        let well_formed = new.key.starts_with(|c: char| c.is_ascii_uppercase())
            && new.key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !well_formed || site.projects.iter().any(|project| project.key == new.key) {
            return Err(format!("the key {:?} is taken or malformed", new.key));
        }
        let id = site.projects.iter().map(|project| project.id).max().unwrap_or(10_000) + 1;
        site.projects.push(Project { type_key, ..Project::new(id, &new.key, &new.key) });
        let tracker = self.trackers.entry(site.key.clone()).or_default();
        let mut tracker = tracker.write().unwrap_or_else(PoisonError::into_inner);
        Ok(generate::fill(&mut tracker, id, new))
    }

    /// Configures a project of a site.
    pub(crate) fn shape_project(&mut self, site: &str, project: u64, shape: ProjectShape) {
        let tracker = self.trackers.entry(site.to_owned()).or_default();
        tracker.write().unwrap_or_else(PoisonError::into_inner).shapes.insert(project, shape);
    }

    /// Adds a type of links to a site. Returns its id.
    pub(crate) fn add_link_type(
        &mut self,
        site: &str,
        name: &str,
        outward: &str,
        inward: &str,
    ) -> &'static str {
        let tracker = self.trackers.entry(site.to_owned()).or_default();
        let mut tracker = tracker.write().unwrap_or_else(PoisonError::into_inner);
        tracker.add_link_type(name, outward, inward)
    }

    /// The settings of an account, or the defaults.
    pub(crate) fn settings(&self, account: Option<&str>) -> &Settings {
        account.and_then(|account| self.account_settings.get(account)).unwrap_or(&self.settings)
    }

    pub(crate) fn set_settings(&mut self, account: Option<&str>, settings: Settings) {
        match account {
            Some(account) => {
                self.account_settings.insert(account.to_owned(), settings);
            }
            None => self.settings = settings,
        }
    }

    /// Records a consent: scopes are replaced, sites accumulate.
    /// See <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/>.
    pub(crate) fn consent(&mut self, account: &str, sites: BTreeSet<String>, scopes: &BTreeSet<String>) {
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

    /// Issues a single-use code for an account's grant.
    pub(crate) fn issue_code(&mut self, account: &str, redirect_uri: &str) -> String {
        let now = self.now();
        self.tokens.issue_code(account, redirect_uri, now)
    }

    /// Exchanges a code. The attempt uses the code up.
    pub(crate) fn redeem_code(&mut self, code: &str, redirect_uri: &str) -> Result<Issued, &'static str> {
        let now = self.now();
        let family = self.tokens.redeem_code(code, redirect_uri, now)?;
        Ok(self.issue(&family, true))
    }

    /// Exchanges a refresh token; `None` if it is not accepted.
    pub(crate) fn refresh(&mut self, value: &str) -> Option<Issued> {
        let settings = self.settings(self.tokens.account_of(value)).clone();
        let now = self.now();
        let family = self.tokens.use_refresh_token(value, &settings, now)?;
        Some(self.issue(&family, settings.rotation))
    }

    /// Whether a refresh with this token would succeed now. Has no side effects.
    pub(crate) fn accepts_refresh_token(&self, value: &str) -> bool {
        self.tokens.accepts(value, self.settings(self.tokens.account_of(value)), self.now())
    }

    /// The session of an access token, if the token is valid.
    pub(crate) fn session(&self, access_token: &str) -> Option<Session> {
        self.tokens.session(access_token, self.now())
    }

    fn issue(&mut self, family: &Family, with_refresh_token: bool) -> Issued {
        let scopes = self.grants.get(&family.account).map(|grant| grant.scopes.clone()).unwrap_or_default();
        let lifetime = self.settings(Some(&family.account)).access_token_lifetime;
        let now = self.now();
        self.tokens.issue(family.id, scopes, lifetime, now, with_refresh_token)
    }

    /// Revokes a grant as the user would in the list of connected apps: all tokens issued for it stop working.
    pub(crate) fn revoke(&mut self, account: &str) -> bool {
        self.tokens.forget_codes(account);
        self.tokens.end_families(account);
        self.grants.remove(account).is_some()
    }
}
