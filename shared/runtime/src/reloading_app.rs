//! The app of a sandbox. It is rebuilt when the secret behind its settings changes, so a rotated value takes effect
//! without a deployment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base::config::{FromSettings, Settings, SettingsError, Values};
use base::counters::{Counter, count};
use base::deadline;

use crate::error::RequestError;
use crate::secrets::{self, LoadError};

/// How long a copy of the secret is used before it is read again. Setting: `SECRETS_MAX_AGE_SECONDS`.
pub const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// How long settings stay in use, and with them the secret keys, while the secret cannot be read. Setting:
/// `SECRETS_KEEP_SECONDS`.
const KEEP: Duration = Duration::from_secs(60 * 60);

/// The settings that take effect as soon as the secret is read, even if another setting in it is malformed: whoever
/// revokes a key must not have to wait until that is corrected.
const AT_ONCE: [&str; 2] = ["JUNCTURE_SECRET_KEY", "JUNCTURE_SECRET_KEY_SHA256"];

/// Timeouts for reading the secret: in a request that has no usable app; in a request that has one and should not wait
/// for a slow answer.
const FIRST_LIMIT: Duration = Duration::from_secs(3);
const AGAIN_LIMIT: Duration = Duration::from_secs(1);

/// Minimum time between two attempts to read the secret after it could not be read or a request failed in a way that
/// calls for a reload. Without it, callers with wrong keys could make Juncture reload all the time.
const RELOAD_COOLDOWN: Duration = Duration::from_secs(5);

/// The current app, and what is needed to rebuild it.
pub(crate) struct ReloadingApp<A> {
    environment: Settings,
    secret_id: Option<String>,
    loaded: Mutex<Loaded<A>>,
    /// Held while the secret is being read.
    reading: tokio::sync::Mutex<()>,
}

struct Loaded<A> {
    app: Option<Arc<A>>,
    secret: Values,
    max_age: Duration,
    keep: Duration,
    /// When the secret keys in use were last read from it.
    keys_read_at: SystemTime,
    /// When the secret was last read. Wall-clock time, because other clocks may stop while a sandbox is frozen.
    read_at: SystemTime,
    /// When a read was last attempted.
    tried_at: SystemTime,
}

impl<A: FromSettings> ReloadingApp<A> {
    /// Builds the app. If the settings come from a secret, a failure to read it is not fatal: every request retries
    /// and reports the failure, so correcting the secret needs no deployment.
    ///
    /// Fails only if the settings come from the environment alone and are incomplete, which needs a deployment to
    /// correct.
    pub(super) async fn start(environment: Settings) -> Result<Self, SettingsError> {
        let secret_id = environment.secret_id();
        let loaded = Loaded {
            app: None,
            secret: Values::new(),
            max_age: MAX_AGE,
            keep: KEEP,
            keys_read_at: SystemTime::UNIX_EPOCH,
            read_at: SystemTime::UNIX_EPOCH,
            tried_at: SystemTime::UNIX_EPOCH,
        };
        let current = Self {
            environment,
            secret_id,
            loaded: Mutex::new(loaded),
            reading: tokio::sync::Mutex::default(),
        };
        match &current.secret_id {
            None => current.adopt(Values::new())?,
            Some(id) => {
                if let Err(error) = current.read(id, secrets::START_LIMIT).await {
                    tracing::error!(cause = %error, "settings not loaded yet, every request retries");
                }
            }
        }
        Ok(current)
    }

    /// Returns the app for a request, reloading the secret first if the copy is too old.
    ///
    /// # Errors
    /// [`RequestError::NotConfigured`] if there is no app yet and it cannot be built, or the secret could not be read
    /// for too long.
    pub(crate) async fn app(&self) -> Result<Arc<A>, RequestError> {
        let Some(id) = &self.secret_id else { return self.peek().ok_or_else(never_built) };
        match self.usable() {
            Some(app) if !self.loaded().is_due() => Ok(app),
            Some(app) => Ok(self.read_again(id).await.unwrap_or(app)),
            None => {
                let _reading = self.reading.lock().await;
                if let Some(app) = self.usable() {
                    return Ok(app);
                }
                let outcome = self.read(id, deadline::at_most(FIRST_LIMIT)).await;
                // The keys may be usable although something else in the secret is not.
                self.usable().ok_or_else(|| match outcome {
                    Ok(()) => never_built(),
                    Err(error) => RequestError::NotConfigured(error.to_string()),
                })
            }
        }
    }

    /// Returns the current app, unless its keys were read too long ago.
    fn usable(&self) -> Option<Arc<A>> {
        let loaded = self.loaded();
        loaded.app.clone().filter(|_| !loaded.is_outdated())
    }

    /// Returns the current app, if there is one.
    pub(super) fn peek(&self) -> Option<Arc<A>> {
        self.loaded().app.clone()
    }

    /// Whether a later request may get a different app.
    pub(super) fn may_change(&self) -> bool {
        self.secret_id.is_some()
    }

    /// Returns a newer app than the one a request failed with, if the secret has changed since.
    pub(super) async fn newer_than(&self, used: &Arc<A>) -> Option<Arc<A>> {
        let id = self.secret_id.as_deref()?;
        let is_newer = |app: &Arc<A>| !Arc::ptr_eq(app, used);
        if let Some(app) = self.peek().filter(is_newer) {
            return Some(app);
        }
        if !self.loaded().is_rested() || deadline::remaining() < AGAIN_LIMIT * 2 {
            return None;
        }
        self.read_again(id).await.filter(is_newer)
    }

    /// Reloads the secret while there is an app, one request at a time. A failure keeps the current app.
    async fn read_again(&self, id: &str) -> Option<Arc<A>> {
        let _reading = self.reading.try_lock().ok()?;
        if let Err(error) = self.read(id, deadline::at_most(AGAIN_LIMIT)).await {
            tracing::warn!(cause = %error, "settings not reloaded, keeping the current ones");
        }
        self.peek()
    }

    async fn read(&self, id: &str, limit: Duration) -> Result<(), LoadError> {
        self.loaded().tried_at = SystemTime::now();
        let secret = secrets::read(id, limit).await.inspect_err(|_| count(Counter::SecretUnreadable))?;
        self.loaded().read_at = SystemTime::now();
        if let Err(error) = self.adopt(secret.clone()) {
            count(Counter::SettingsRejected);
            self.adopt_keys(&secret);
            return Err(error.into());
        }
        Ok(())
    }

    /// Builds the app from these values of the secret, unless they are unchanged.
    fn adopt(&self, secret: Values) -> Result<(), SettingsError> {
        {
            let mut loaded = self.loaded();
            if loaded.app.is_some() && loaded.secret == secret {
                loaded.keys_read_at = SystemTime::now();
                return Ok(());
            }
        }
        let settings = self.environment.with_secret(&secret)?;
        let max_age = settings.seconds("SECRETS_MAX_AGE_SECONDS", MAX_AGE)?;
        let keep = settings.seconds("SECRETS_KEEP_SECONDS", KEEP)?;
        let app = Arc::new(A::from_settings(&settings)?);
        let mut loaded = self.loaded();
        if loaded.app.replace(app).is_some() {
            tracing::info!("settings changed, now in use");
        }
        loaded.keys_read_at = SystemTime::now();
        loaded.secret = secret;
        loaded.max_age = max_age;
        loaded.keep = keep;
        Ok(())
    }

    /// Takes only the secret keys from a secret that is malformed elsewhere. If they are malformed too, they stay as
    /// they are.
    fn adopt_keys(&self, malformed: &Values) {
        if self.peek().is_none() {
            return;
        }
        let mut secret = self.loaded().secret.clone();
        for name in AT_ONCE {
            secret.remove(name);
            secret.extend(malformed.get(name).map(|keys| (name.to_owned(), keys.clone())));
        }
        if let Err(error) = self.adopt(secret) {
            tracing::warn!(cause = %error, "secret keys not reloaded, keeping the current ones");
        }
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded<A>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Loaded<A> {
    fn is_due(&self) -> bool {
        age(self.read_at) >= self.max_age && self.is_rested()
    }

    /// Whether the secret keys were read too long ago. They are used at least until the secret is due.
    fn is_outdated(&self) -> bool {
        age(self.keys_read_at) >= self.keep.max(self.max_age)
    }

    fn is_rested(&self) -> bool {
        age(self.tried_at) >= RELOAD_COOLDOWN.min(self.max_age)
    }
}

/// Time elapsed since `of`; the maximum if the clock was set back since.
fn age(of: SystemTime) -> Duration {
    of.elapsed().unwrap_or(Duration::MAX)
}

fn never_built() -> RequestError {
    RequestError::NotConfigured("the settings have not been read".to_owned())
}
