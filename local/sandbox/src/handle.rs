//! The controls for tests in the same process; `control` exposes some of them over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::oauth::consent::Consent;
use crate::shared::Shared;
use crate::traffic::faults::Rule;
use crate::traffic::gates::{Gate, GateSpec, GateState};
use crate::traffic::limits::{Limiter, RateLimits};
use crate::traffic::log::{Counters, LoggedRequest, Violation};
use crate::traffic::point::Class;
use crate::world::directory::{self, Account, Site};
use crate::world::generate::{CreatedProject, NewProject};
use crate::world::settings::Settings;
use crate::world::tokens::Family;
use crate::world::tracker::shape::ProjectShape;
use crate::world::{Grant, World};

/// An account for a single test, which therefore shares no grant with other tests.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Letters, digits and `-`; unique.
    pub key: String,
    /// The name on the consent page; defaults to the key.
    pub name: Option<String>,
    /// Keys or cloud ids of existing sites.
    pub sites: BTreeSet<String>,
}

/// Controls a running sandbox. Clones control the same one. Accounts are identified by key.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.shared.url).finish()
    }
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The origin of the sandbox.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Submits the consent page. Returns the URL that the browser is redirected to, or why it is not.
    pub fn consent(&self, consent: &Consent) -> Result<String, String> {
        consent.apply(&self.shared)
    }

    /// Every account.
    pub fn accounts(&self) -> Vec<Account> {
        self.shared.world().accounts.clone()
    }

    /// Every site.
    pub fn sites(&self) -> Vec<Site> {
        self.shared.world().sites.clone()
    }

    /// Adds an account. Fails if the key is taken or malformed, or a site does not exist.
    pub fn create_account(&self, new: NewAccount) -> Result<Account, String> {
        self.shared.change(|world| add_account(world, new))
    }

    /// Registers an additional callback URL for the app.
    pub fn register_redirect_uri(&self, redirect_uri: &str) {
        let mut registered = self.shared.redirect_uris.write().unwrap_or_else(PoisonError::into_inner);
        registered.push(redirect_uri.to_owned());
    }

    /// The grants of all accounts.
    pub fn grants(&self) -> Vec<Grant> {
        self.shared.world().grants.values().cloned().collect()
    }

    /// Revokes a grant as the user would: its tokens stop working at once. False if there is none.
    pub fn revoke_grant(&self, account: &str) -> bool {
        self.shared.change(|world| world.revoke(account))
    }

    /// Token families in the order of issue, with their refresh counts.
    pub fn families(&self) -> Vec<Family> {
        self.shared.world().tokens.families().to_vec()
    }

    /// Expires the access tokens of one account, or of all, so that they get a 401. Returns how many were valid.
    pub fn expire_access_tokens(&self, account: Option<&str>) -> usize {
        self.shared.change(|world| {
            let now = world.now();
            world.tokens.expire_access_tokens(account, now)
        })
    }

    /// The refresh token most recently issued to an account.
    pub fn newest_refresh_token(&self, account: &str) -> Option<String> {
        self.shared.world().tokens.newest_refresh_token(account).map(str::to_owned)
    }

    /// The family of a token, or of an exchanged code, even if it is no longer valid.
    pub fn family_of(&self, secret: &str) -> Option<Family> {
        self.shared.world().tokens.family_of(secret).cloned()
    }

    /// The refresh token most recently issued in a family.
    pub fn newest_of(&self, family: usize) -> Option<String> {
        self.shared.world().tokens.newest_of(family).map(str::to_owned)
    }

    /// Whether a refresh with this token would succeed now. Has no side effects.
    pub fn accepts_refresh_token(&self, refresh_token: &str) -> bool {
        self.shared.world().accepts_refresh_token(refresh_token)
    }

    /// The settings of an account, or the defaults.
    pub fn settings(&self, account: Option<&str>) -> Settings {
        self.shared.world().settings(account).clone()
    }

    /// Replaces the settings of an account, or the defaults for accounts without their own.
    pub fn set_settings(&self, account: Option<&str>, settings: Settings) {
        self.shared.change(|world| world.set_settings(account, settings));
    }

    /// Moves the sandbox's clock forward.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.change(|world| world.advance(by));
    }

    /// Sets the rate limits of all sites and begins a window.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        let now = self.shared.world().now();
        *self.shared.limiter() = Limiter::new(limits, now);
    }

    /// Begins another window, with all quotas unused.
    pub fn reset_quotas(&self) {
        let now = self.shared.world().now();
        self.shared.limiter().reset(now);
    }

    /// The points spent in this window, by cloud id.
    pub fn points(&self) -> BTreeMap<String, u64> {
        self.shared.limiter().spent().clone()
    }

    /// Adds a fault.
    pub fn inject(&self, rule: Rule) {
        self.shared.traffic().rules.push(rule);
    }

    /// Clears the faults of one account.
    pub fn clear_faults_of(&self, account: &str) {
        self.shared.traffic().rules.retain(|rule| rule.account.as_deref() != Some(account));
    }

    /// Clears all faults.
    pub fn clear_faults(&self) {
        self.shared.traffic().rules.clear();
    }

    /// Holds the next matching request until the gate is released or dropped.
    pub fn hold(&self, spec: GateSpec) -> Gate {
        let gate = GateState::new(spec);
        self.shared.traffic().gates.push(Arc::clone(&gate));
        Gate(gate)
    }

    /// The counters of a class of endpoints.
    pub fn counters(&self, class: Class) -> Counters {
        self.shared.traffic().counters.get(&class).copied().unwrap_or_default()
    }

    /// The logged requests, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.traffic().log.iter().cloned().collect()
    }

    /// The requests that Jira would have refused because of how the app is written, oldest first.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.traffic().violations.clone()
    }

    /// Calls `sink` with each violation as it happens, replacing an earlier sink.
    pub fn on_violation(&self, sink: impl Fn(&Violation) + Send + Sync + 'static) {
        self.shared.traffic().on_violation = Some(Box::new(sink));
    }

    /// Adds a project with issues, boards and sprints to a site (its key or cloud id). Fails if the site does not
    /// exist, or the key is taken or malformed.
    pub fn create_project(&self, site: &str, new: &NewProject) -> Result<CreatedProject, String> {
        self.shared.change(|world| world.create_project(site, new, "software"))
    }

    /// Like [`Self::create_project`], a project of Jira Service Management, whose issues are customers' requests.
    pub fn create_service_project(&self, site: &str, new: &NewProject) -> Result<CreatedProject, String> {
        self.shared.change(|world| world.create_project(site, new, "service_desk"))
    }

    /// Configures a project of a site.
    pub fn shape_project(&self, site: &str, project: u64, shape: ProjectShape) {
        self.shared.change(|world| world.shape_project(site, project, shape));
    }

    /// Adds a type of links between issues to a site, with the words for each direction. Returns its id.
    pub fn add_link_type(&self, site: &str, name: &str, outward: &str, inward: &str) -> &'static str {
        self.shared.change(|world| world.add_link_type(site, name, outward, inward))
    }
}

fn add_account(world: &mut World, new: NewAccount) -> Result<Account, String> {
    let well_formed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if new.key.is_empty() || !new.key.chars().all(well_formed) || world.account(&new.key).is_some() {
        return Err(format!("the key {:?} is taken or malformed", new.key));
    }
    let site = |name: &String| {
        let site = world.site(name).map(|site| site.key.clone());
        site.ok_or_else(|| format!("there is no site {name:?}"))
    };
    let number = u32::try_from(world.accounts.len() + 1).unwrap_or(u32::MAX);
    let account = Account {
        account_id: directory::account_id(number),
        name: new.name.unwrap_or_else(|| new.key.clone()),
        sites: new.sites.iter().map(site).collect::<Result<_, _>>()?,
        key: new.key,
    };
    world.accounts.push(account.clone());
    Ok(account)
}
