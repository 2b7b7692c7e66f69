//! API Gateway (an HTTP API with payload format 2.0) and Lambda in one process.
//!
//! [`Template`] says which routes and functions there are; [`Gateway`] serves the routes and hands each
//! request to a process of its function, over the Lambda Runtime API, as API Gateway and Lambda would. It
//! differs from them where the difference helps a developer: a crash answers 502 and a timeout 504, where an
//! HTTP API answers 500 and 503 without telling one from the other.

mod api;
mod cors;
mod event;
mod instance;
mod intrinsics;
mod options;
mod pool;
mod response;
mod route;
pub mod runtime_api;
pub(crate) mod template;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use self::api::{Api, serve};
pub use self::cors::Cors;
pub use self::options::{Hook, InstanceInfo, LogSink, Options};
use self::pool::{Pool, Shared};
pub use self::route::Route;
use self::route::Router;
pub use self::template::{Function, Template};
pub use intrinsics::parse as parse_template;

/// A running gateway. Dropping it ends its instances; [`Gateway::shutdown`] also waits for their end.
pub struct Gateway {
    api: Arc<Api>,
    address: SocketAddr,
    tasks: [AbortHandle; 2],
}

impl Gateway {
    /// Serves the routes of `template` on `listener`. Functions start when a request needs them.
    ///
    /// # Errors
    /// When the address of `listener` cannot be told.
    pub fn start(listener: TcpListener, template: Template, options: Options) -> Result<Self> {
        let address = listener.local_addr()?;
        let shared =
            Arc::new(Shared { options, live: watch::Sender::new(0), closed: watch::Sender::new(false) });
        let pools = template.functions.into_iter();
        let pools = pools.map(|function| (function.name.clone(), Pool::new(function, shared.clone())));
        let api = Arc::new(Api {
            router: Router::new(template.routes),
            cors: template.cors,
            pools: pools.collect(),
            shared: shared.clone(),
            port: address.port(),
        });

        let service = axum::Router::new().fallback(serve).with_state(api.clone());
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let server = tokio::spawn(async move { axum::serve(listener, service).await });
        let reaped = api.clone();
        let reaper = tokio::spawn(async move {
            let mut ticks =
                tokio::time::interval((shared.options.idle_timeout / 4).max(Duration::from_millis(10)));
            loop {
                ticks.tick().await;
                reaped.pools.values().for_each(Pool::reap);
            }
        });
        Ok(Self { api, address, tasks: [server.abort_handle(), reaper.abort_handle()] })
    }

    /// The address that the gateway listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every process there is.
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceInfo> {
        self.api.pools.values().flat_map(Pool::instances).collect()
    }

    /// Invokes a function with an event that no request brings, as a schedule does, and gives what it returned.
    ///
    /// # Errors
    /// When the template has no such function, or it failed: what it reported.
    pub async fn invoke(&self, function: &str, event: &serde_json::Value) -> Result<serde_json::Value> {
        self.api.invoke_directly(function, event).await
    }

    /// Has the next request to a function start its executable anew: idle instances end now, busy ones
    /// when their request is answered.
    ///
    /// # Errors
    /// When the template has no such function.
    pub async fn replace(&self, function: &str) -> Result<()> {
        let pool = self.api.pools.get(function);
        pool.with_context(|| format!("there is no function {function}"))?.replace().await;
        Ok(())
    }

    /// Stops listening and kills every instance; requests under way are answered with 502. Returns when
    /// the last process is gone.
    pub async fn shutdown(&self) {
        self.stop();
        // Only fails when the sender is gone, which `self` holds.
        drop(self.api.shared.live.subscribe().wait_for(|live| *live == 0).await);
    }

    fn stop(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.api.shared.closed.send_replace(true);
        self.api.pools.values().for_each(Pool::close);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gateway").field("address", &self.address).finish_non_exhaustive()
    }
}
