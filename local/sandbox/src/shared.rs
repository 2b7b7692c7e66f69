//! The state that all requests and controls share.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use crate::openapi::Document;
use crate::state_file;
use crate::traffic::Traffic;
use crate::traffic::limits::Limiter;
use crate::world::World;
use crate::world::settings::Settings;

/// The options of a sandbox, including its one app. Not `Debug`, because they contain the secret.
#[derive(Clone)]
pub struct Options {
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: String,
    /// Registered callback URLs; an authorize request must match one of them exactly. More can be registered later.
    pub redirect_uris: Vec<String>,
    /// Token lifetimes and other settings.
    pub settings: Settings,
    /// Where grants and tokens are saved; without it they do not survive a restart.
    pub state_file: Option<PathBuf>,
    /// Atlassian's `OpenAPI` file for Jira's platform API, to validate requests against; see [`openapi_file`].
    ///
    /// [`openapi_file`]: crate::openapi_file
    pub openapi: Option<PathBuf>,
}

pub(crate) struct Shared {
    pub(crate) url: String,
    pub(crate) options: Options,
    pub(crate) redirect_uris: RwLock<Vec<String>>,
    pub(crate) openapi: Option<Arc<Document>>,
    world: RwLock<World>,
    traffic: Mutex<Traffic>,
    limiter: Mutex<Limiter>,
}

/// Extracts the shared state.
pub(crate) type AppState = axum::extract::State<Arc<Shared>>;

impl Shared {
    pub(crate) fn new(address: SocketAddr, options: Options) -> anyhow::Result<Self> {
        let mut world = World::new(options.settings.clone());
        if let Some(path) = &options.state_file {
            state_file::load(path, &mut world)?;
        }
        let openapi = options.openapi.as_deref().map(Document::load).transpose()?;
        Ok(Self {
            openapi,
            url: format!("http://{address}"),
            world: RwLock::new(world),
            traffic: Mutex::default(),
            limiter: Mutex::default(),
            redirect_uris: RwLock::new(options.redirect_uris.clone()),
            options,
        })
    }

    pub(crate) fn is_registered(&self, redirect_uri: &str) -> bool {
        let registered = self.redirect_uris.read().unwrap_or_else(PoisonError::into_inner);
        registered.iter().any(|registered| registered == redirect_uri)
    }

    pub(crate) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The only way to change the world: a change is saved before it becomes visible.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut world);
        if let Some(path) = &self.options.state_file
            && let Err(error) = state_file::save(path, &world)
        {
            tracing::warn!(%error, path = %path.display(), "the sandbox could not save its state");
        }
        result
    }

    pub(crate) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
