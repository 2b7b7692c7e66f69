//! Counts and logs every request to Atlassian's endpoints, and applies faults and gates to it. Controls under
//! `/_sandbox/` are exempt.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use crate::gateway;
use crate::oauth::token;
use crate::shared::{AppState, Shared};
use crate::traffic::faults::{CutConnection, Plan};
use crate::traffic::point::{Class, When};

/// Wraps a router with this module's middleware.
pub(crate) fn layer(router: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    router.route_layer(middleware::from_fn_with_state(Arc::clone(shared), handle))
}

async fn handle(State(shared): AppState, request: Request, next: Next) -> Response {
    let class = Class::of(request.uri().path());
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let account = account_of(&shared, class, &parts.headers, &body);
    let request = Request::from_parts(parts, Body::from(body));

    let mut in_flight = InFlight::begin(&shared, class, &request, account.clone());
    let line = format!("{} {} HTTP/1.1", request.method(), request.uri());
    let plan = Plan::take(&mut shared.traffic().rules, class, account.as_deref(), &line);
    let response = match plan.before().await {
        Some(response) => response,
        None => {
            // In its own task: like a real service, it completes the request even if the client disconnects.
            let work = tokio::spawn(pass_gates(Arc::clone(&shared), class, account, request, next));
            let response = work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
            plan.after(response).await
        }
    };
    in_flight.answered(&response);
    response
}

async fn pass_gates(
    shared: Arc<Shared>,
    class: Class,
    account: Option<String>,
    request: Request,
    next: Next,
) -> Response {
    hold(&shared, class, account.as_deref(), When::Before).await;
    let response = next.run(request).await;
    hold(&shared, class, account.as_deref(), When::After).await;
    response
}

async fn hold(shared: &Shared, class: Class, account: Option<&str>, when: When) {
    let gate = shared.traffic().gate(class, account, when);
    if let Some(gate) = gate {
        gate.wait_for_release().await;
    }
}

/// The account that the code or token in the request belongs to.
fn account_of(shared: &Shared, class: Class, headers: &HeaderMap, body: &Bytes) -> Option<String> {
    let secret = match class {
        Class::Token => {
            let mut parameters = token::parameters(headers, body)?;
            parameters.remove("refresh_token").or_else(|| parameters.remove("code"))?
        }
        _ => gateway::bearer(headers)?.to_owned(),
    };
    shared.world().tokens.account_of(&secret).map(str::to_owned)
}

/// A request in flight until dropped, which also covers a client that disconnects.
struct InFlight<'a> {
    shared: &'a Shared,
    class: Class,
    number: u64,
    status: Option<StatusCode>,
}

impl<'a> InFlight<'a> {
    fn begin(shared: &'a Shared, class: Class, request: &Request, account: Option<String>) -> Self {
        let number = shared.traffic().begin(class, request, account);
        Self { shared, class, number, status: None }
    }

    fn answered(&mut self, response: &Response) {
        let was_cut = response.extensions().get::<CutConnection>().is_some();
        self.status = (!was_cut).then(|| response.status());
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.shared.traffic().end(self.class, self.number, self.status);
    }
}
