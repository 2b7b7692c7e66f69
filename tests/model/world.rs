//! The stack under test, and the model's knowledge of it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base::crypto::Sealer;
use juncture_tests::TestStack;
use sandbox::{Family, NewAccount};

use super::history::{Clock, History};
use super::schedule::{ACCOUNTS, SITES};

/// How the stack behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A refresh token can be exchanged once; a second exchange loses the grant. No faults.
    Strict,
    /// Like Atlassian: a token may be exchanged again for ten minutes. No faults.
    Lenient,
    /// Like [`Mode::Lenient`], with faults.
    Faulty,
}

impl Mode {
    fn leeway(self) -> Duration {
        if self == Self::Strict { Duration::ZERO } else { Duration::from_secs(10 * 60) }
    }
}

/// The lifetime of an access token: long enough to be returned, which stops a minute before it expires, and short
/// enough to expire several times during a run.
const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(67);

/// A consent awaiting the choice of a site.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) code: String,
    pub(crate) family: usize,
}

/// An external id, and the people who connect it.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) external_id: String,
    pub(crate) accounts: Vec<String>,
    pub(crate) history: History,
    pending: Mutex<Vec<Pending>>,
    /// By account.
    revocations: Mutex<[Option<u64>; ACCOUNTS]>,
    /// When access tokens were last expired early or revoked, or a connection was created.
    last_disturbance: AtomicU64,
    /// The number of such operations in progress.
    disturbing: AtomicUsize,
    /// When the removal of the connection was last requested, and how many removals are in progress.
    last_removal: AtomicU64,
    removing: AtomicUsize,
    /// When each running operation started.
    under_way: Mutex<BTreeSet<u64>>,
}

impl Subject {
    fn new(stack: &TestStack, number: usize) -> Result<Self> {
        let external_id = format!("subject/{number}");
        let accounts = (0..ACCOUNTS).map(|account| {
            let key = format!("subject-{number}-account-{account}");
            let sites = SITES.iter().map(|&site| site.to_owned()).collect();
            let made = stack.atlassian().create_account(NewAccount { key, name: None, sites });
            made.map(|account| account.key).map_err(anyhow::Error::msg)
        });
        Ok(Self::with(external_id, accounts.collect::<Result<_>>()?))
    }

    fn with(external_id: String, accounts: Vec<String>) -> Self {
        Self {
            external_id,
            accounts,
            history: History::default(),
            pending: Mutex::default(),
            revocations: Mutex::default(),
            last_disturbance: AtomicU64::new(0),
            disturbing: AtomicUsize::new(0),
            last_removal: AtomicU64::new(0),
            removing: AtomicUsize::new(0),
            under_way: Mutex::default(),
        }
    }

    pub(crate) fn take_pending(&self) -> Option<Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(crate) fn add_pending(&self, pending: Pending) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(pending);
    }

    /// When the last revocation of an account's grant started.
    pub(crate) fn last_revocation(&self, account: usize) -> Option<u64> {
        self.revocations.lock().unwrap_or_else(PoisonError::into_inner)[account]
    }

    pub(crate) fn note_revocation(&self, account: usize, at: u64) {
        let mut revocations = self.revocations.lock().unwrap_or_else(PoisonError::into_inner);
        revocations[account] = revocations[account].max(Some(at));
    }

    /// A connection is about to be created, or access tokens are about to be expired early.
    pub(crate) fn begin_disturbance(&self) {
        self.disturbing.fetch_add(1, Ordering::SeqCst);
    }

    /// That operation has ended.
    pub(crate) fn end_disturbance(&self, at: u64) {
        self.last_disturbance.fetch_max(at, Ordering::SeqCst);
        self.disturbing.fetch_sub(1, Ordering::SeqCst);
    }

    /// The connection is about to be removed, along with all pending codes.
    pub(crate) fn begin_removal(&self) {
        self.removing.fetch_add(1, Ordering::SeqCst);
    }

    /// That operation has ended.
    pub(crate) fn end_removal(&self, at: u64) {
        self.last_removal.fetch_max(at, Ordering::SeqCst);
        self.removing.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether the removal of the connection was requested since then.
    pub(crate) fn was_removed(&self, since: u64) -> bool {
        self.removing.load(Ordering::SeqCst) > 0 || self.last_removal.load(Ordering::SeqCst) >= since
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation starts.
    pub(crate) fn begins(&self, at: u64) {
        self.under_way().insert(at);
    }

    /// The operation that started at this time has ended.
    pub(crate) fn ends(&self, began: u64) {
        self.under_way().remove(&began);
    }

    /// When the longest-running operation started.
    pub(crate) fn under_way_since(&self) -> Option<u64> {
        self.under_way().first().copied()
    }

    /// Whether access tokens were expired early, or a connection was created, since then.
    pub(crate) fn was_disturbed(&self, since: u64) -> bool {
        self.disturbing.load(Ordering::SeqCst) > 0 || self.last_disturbance.load(Ordering::SeqCst) >= since
    }

    /// The Redis key of the cached connection.
    pub(crate) fn cache_key(&self) -> String {
        format!("juncture:connection:1:jira:{}", self.external_id)
    }
}

/// The stack and its subjects.
pub(crate) struct World {
    pub(crate) stack: TestStack,
    pub(crate) mode: Mode,
    pub(crate) clock: Clock,
    /// The last one is for the writes to issues: it is connected, and stays so.
    pub(crate) subjects: Vec<Subject>,
    pub(crate) sealer: Sealer,
    pub(crate) site_ids: Vec<String>,
    /// Wrong answers. The first one ends the run.
    wrong: Mutex<Vec<String>>,
    /// Whether faults are being injected.
    pub(crate) is_faulty: AtomicBool,
}

impl World {
    pub(crate) async fn start(mode: Mode, subjects: usize) -> Result<Self> {
        let stack = TestStack::start(|options| {
            options.atlassian.leeway = mode.leeway();
            options.atlassian.access_token_lifetime = ACCESS_TOKEN_LIFETIME;
        })
        .await?;
        let writer = stack.connected_user().await?;
        let writer = Subject::with(writer.external_id, vec![writer.account]);
        let subjects = (0..subjects).map(|number| Subject::new(&stack, number)).chain([Ok(writer)]);
        let subjects = subjects.collect::<Result<_>>()?;
        let key = stack.environment().get("TOKEN_ENCRYPTION_KEY").context("a key")?;
        Ok(Self {
            mode,
            clock: Clock::default(),
            subjects,
            sealer: Sealer::from_keys(key)?,
            site_ids: SITES.iter().map(|site| stack.site_id(site)).collect::<Result<_>>()?,
            wrong: Mutex::default(),
            is_faulty: AtomicBool::new(false),
            stack,
        })
    }

    /// The subject for the writes to issues.
    pub(crate) fn writer(&self) -> &Subject {
        &self.subjects[self.subjects.len() - 1]
    }

    /// Reports a violation.
    pub(crate) fn report(&self, subject: &Subject, what: String) {
        let report = format!("{}: {what}", subject.external_id);
        subject.history.note(self.clock.tick(), format!("WRONG: {what}"));
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(report);
    }

    pub(crate) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_faulty(&self) -> bool {
        self.is_faulty.load(Ordering::SeqCst)
    }

    /// The token family of a code or token.
    pub(crate) fn family(&self, secret: &str) -> Option<Family> {
        self.stack.atlassian().family_of(secret)
    }
}
