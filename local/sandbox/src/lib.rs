//! A sandbox of Atlassian: consent page, token endpoint, sites, and as much of Jira as Juncture uses.
//!
//! One origin stands in for both `auth.atlassian.com` and `api.atlassian.com`. Behaviour follows
//! <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/> and
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/>. It is controlled through a [`Handle`], or
//! over HTTP under `/_sandbox/`.

mod authorize;
mod control;
mod faults;
mod gates;
mod handle;
mod jira;
mod memory;
mod opaque;
mod resources;
mod seed;
mod server;
mod settings;
mod token;
mod tokens;
mod traffic;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use authorize::{Consent, Decision};
pub use faults::{Fault, Rule};
pub use gates::{Gate, GateSpec};
pub use handle::{Handle, NewAccount};
pub use jira::openapi::openapi_file;
pub use jira::tracker::{CreatedProject, NewProject};
pub use seed::{Account, Site};
pub use settings::{Refusal, Settings};
pub use tokens::Family;
pub use traffic::{Class, Counters, LoggedRequest, Violation, When};
pub use world::Grant;

use jira::openapi::Document;
use traffic::Traffic;
use world::World;

/// The one app that the sandbox knows, and how it starts. Not `Debug`: it holds the secret.
#[derive(Clone)]
pub struct Options {
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: String,
    /// Registered callback URLs; an authorize request must name one of them exactly. More can be registered later.
    pub redirect_uris: Vec<String>,
    /// Lifetimes and the rules of rotation, at start and after a reset.
    pub settings: Settings,
    /// Where grants and tokens are kept across restarts; without it they are forgotten.
    pub state_file: Option<PathBuf>,
    /// Atlassian's `OpenAPI` file of Jira's platform, to hold requests against; see [`openapi_file`].
    pub openapi: Option<PathBuf>,
}

/// A running sandbox; dropping it closes the listener and every connection.
#[derive(Debug)]
pub struct Sandbox {
    handle: Handle,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Serves a sandbox on `listener`. Fails if the listener has no address, or if a state file or an
    /// `OpenAPI` file can't be used.
    pub async fn start(listener: TcpListener, options: Options) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("the sandbox's listener has no address")?;
        let shared = Arc::new(Shared::new(address, options)?);
        let server = tokio::spawn(server::serve(listener, router(&shared)));
        Ok(Self { handle: Handle::new(shared), server })
    }

    /// The controls.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The origin, for example `http://127.0.0.1:9000`, without a trailing slash.
    pub fn url(&self) -> &str {
        self.handle.url()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What every request and every control works on.
struct Shared {
    url: String,
    options: Options,
    redirect_uris: RwLock<Vec<String>>,
    world: RwLock<World>,
    traffic: Mutex<Traffic>,
    openapi: Option<Arc<Document>>,
}

impl Shared {
    fn new(address: SocketAddr, options: Options) -> anyhow::Result<Self> {
        let mut world = World::new(options.settings.clone());
        if let Some(path) = &options.state_file {
            memory::load(path, &mut world)?;
        }
        let openapi = options.openapi.as_deref().map(Document::load).transpose()?;
        Ok(Self {
            openapi,
            url: format!("http://{address}"),
            world: RwLock::new(world),
            traffic: Mutex::default(),
            redirect_uris: RwLock::new(options.redirect_uris.clone()),
            options,
        })
    }

    fn is_registered(&self, redirect_uri: &str) -> bool {
        let registered = self.redirect_uris.read().unwrap_or_else(PoisonError::into_inner);
        registered.iter().any(|registered| registered == redirect_uri)
    }

    fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The only way to change the world: what changed is saved before anybody hears of it.
    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut world);
        if let Some(path) = &self.options.state_file
            && let Err(error) = memory::save(path, &world)
        {
            tracing::warn!(%error, path = %path.display(), "the sandbox could not save its state");
        }
        result
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type AppState = axum::extract::State<Arc<Shared>>;

fn router(shared: &Arc<Shared>) -> Router {
    let atlassian = Router::new()
        .merge(authorize::router())
        .merge(token::router())
        .merge(resources::router())
        .merge(jira::router(shared));
    traffic::observe(atlassian, shared)
        .merge(authorize::assets())
        .merge(resources::avatars())
        .merge(control::router())
        .with_state(Arc::clone(shared))
}
