//! API Gateway (an HTTP API with payload format 2.0) and Lambda in one process.
//!
//! [`Template`] says which routes and functions there are. [`Gateway`] serves the routes and passes each request to
//! a process of its function over the Lambda Runtime API, as API Gateway and Lambda would. It differs from them
//! where that helps a developer: a crash is a 502 and a timeout a 504, where an HTTP API responds with 500 and 503
//! and does not distinguish the two.

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

/// A running gateway. Dropping it kills its instances; [`Gateway::shutdown`] also waits until they are gone.
pub struct Gateway {
    api: Arc<Api>,
    address: SocketAddr,
    tasks: [AbortHandle; 2],
}

impl Gateway {
    /// Serves the routes of `template` on `listener`. Instances are started on demand.
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

    /// Lists the running instances of all functions.
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceInfo> {
        self.api.pools.values().flat_map(Pool::instances).collect()
    }

    /// Invokes a function with an event that does not come from a request, as a schedule does, and returns its result.
    ///
    /// # Errors
    /// If the template has no such function, or the function failed: the error it reported.
    pub async fn invoke(&self, function: &str, event: &serde_json::Value) -> Result<serde_json::Value> {
        self.api.invoke_directly(function, event).await
    }

    /// Makes the next request to a function start its current executable: idle instances are stopped now, busy ones
    /// after their request.
    pub async fn replace(&self, function: &str) -> Result<()> {
        let pool = self.api.pools.get(function);
        pool.with_context(|| format!("there is no function {function}"))?.replace().await;
        Ok(())
    }

    /// Stops listening and kills every instance; requests in flight get a 502. Returns when the last process is gone.
    pub async fn shutdown(&self) {
        self.stop();
        // Fails only if the sender is gone, and `self` holds it.
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
