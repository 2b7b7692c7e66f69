//! A running sandbox.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::handle::Handle;
use crate::shared::{Options, Shared};
use crate::{control, jira, oauth, observe, server};

/// A running sandbox; dropping it closes the listener and every connection.
#[derive(Debug)]
pub struct Sandbox {
    handle: Handle,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Serves a sandbox on `listener`. Fails if the state file or the `OpenAPI` file cannot be read.
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

    /// The origin without a trailing slash, such as `http://127.0.0.1:9000`.
    pub fn url(&self) -> &str {
        self.handle.url()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let atlassian = oauth::router().merge(jira::router(shared));
    observe::layer(atlassian, shared)
        .merge(oauth::assets())
        .merge(control::router())
        .with_state(Arc::clone(shared))
}
