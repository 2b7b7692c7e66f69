//! Every request to the stand-ins of Atlassian passes here: it is counted and logged, and faults and gates
//! apply to it. Controls under `/_sandbox/` do not pass here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::faults::{Plan, Rule};
use super::gates::Cell;
use super::{AppState, Shared, resources, token};

/// Requests kept in the log; older ones are forgotten, the counters stay.
const LOG_LENGTH: usize = 10_000;

/// A group of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The consent page.
    Authorize,
    /// The token endpoint.
    Token,
    /// The list of sites.
    Resources,
    /// The profile.
    Profile,
    /// Jira's API behind the gateway.
    Jira,
}

impl Class {
    fn of(path: &str) -> Self {
        match path {
            "/authorize" => Self::Authorize,
            "/oauth/token" => Self::Token,
            "/me" => Self::Profile,
            _ if path.starts_with("/ex/") => Self::Jira,
            _ => Self::Resources,
        }
    }
}

/// A point in the life of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Received, nothing done.
    #[default]
    Before,
    /// Done, not answered.
    After,
}

/// What was counted for one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived.
    pub received: u64,
    /// Requests that were answered, with whatever status.
    pub answered: u64,
    /// Requests under way now.
    pub in_flight: u64,
    /// The most that were ever under way at once.
    pub max_in_flight: u64,
}

/// A request as it is kept in the log. Codes and tokens are not.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// Position in the order of arrival, from 0.
    pub number: u64,
    /// The group of endpoints.
    pub class: Class,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, of Jira requests only: elsewhere it may hold secrets.
    pub query: Option<String>,
    /// The key of the account whose code or token came along.
    pub account: Option<String>,
    /// The status answered; `null` while under way, or when there was no answer.
    pub status: Option<u16>,
}

/// A request that Jira would refuse, or that it does not know, because of how the app is written.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// The key of the account whose token came along.
    pub account: Option<String>,
    /// The method.
    pub method: String,
    /// The path below `/ex/jira/{cloudId}`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

/// Faults and gates in force, and what was seen so far.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) rules: Vec<Rule>,
    pub(super) gates: Vec<Arc<Cell>>,
    pub(super) counters: BTreeMap<Class, Counters>,
    pub(super) log: VecDeque<LoggedRequest>,
    /// What the app did wrong with Jira.
    pub(super) violations: Vec<Violation>,
    received: u64,
}

impl Traffic {
    fn arrive(&mut self, class: Class, request: &Request, account: Option<String>) -> u64 {
        let counters = self.counters.entry(class).or_default();
        counters.received += 1;
        counters.in_flight += 1;
        counters.max_in_flight = counters.max_in_flight.max(counters.in_flight);
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        let number = self.received;
        self.received += 1;
        let query = request.uri().query().filter(|_| class == Class::Jira);
        self.log.push_back(LoggedRequest {
            number,
            class,
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: query.map(str::to_owned),
            account,
            status: None,
        });
        number
    }

    fn leave(&mut self, class: Class, number: u64, status: Option<StatusCode>) {
        let counters = self.counters.entry(class).or_default();
        counters.in_flight -= 1;
        counters.answered += u64::from(status.is_some());
        if let Some(entry) = self.log.iter_mut().rev().find(|entry| entry.number == number) {
            entry.status = status.map(|status| status.as_u16());
        }
    }

    fn gate(&mut self, class: Class, account: Option<&str>, when: When) -> Option<Arc<Cell>> {
        self.gates.iter().find(|gate| gate.claim(class, account, when)).cloned()
    }
}

/// Puts the middleware of this module around a router.
pub(super) fn observe(router: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
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

    let mut visit = Visit::begin(&shared, class, &request, account.clone());
    let line = format!("{} {} HTTP/1.1", request.method(), request.uri());
    let plan = Plan::take(&mut shared.traffic().rules, class, account.as_deref(), &line);
    let response = match plan.before().await {
        Some(response) => response,
        None => {
            // A task of its own: like a real service, it goes on when the client hangs up.
            let work = tokio::spawn(pass_gates(Arc::clone(&shared), class, account, request, next));
            let response = work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
            plan.after(response).await
        }
    };
    visit.answered(&response);
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

/// The account whose code or token a request carries.
fn account_of(
    shared: &Shared,
    class: Class,
    headers: &axum::http::HeaderMap,
    body: &Bytes,
) -> Option<String> {
    let secret = match class {
        Class::Token => {
            let mut parameters = token::parameters(headers, body)?;
            parameters.remove("refresh_token").or_else(|| parameters.remove("code"))?
        }
        _ => resources::bearer(headers)?.to_owned(),
    };
    shared.world().tokens.account_of(&secret).map(str::to_owned)
}

/// One request under way; ends when it is dropped, also because the client went away.
struct Visit<'a> {
    shared: &'a Shared,
    class: Class,
    number: u64,
    status: Option<StatusCode>,
}

impl<'a> Visit<'a> {
    fn begin(shared: &'a Shared, class: Class, request: &Request, account: Option<String>) -> Self {
        let number = shared.traffic().arrive(class, request, account);
        Self { shared, class, number, status: None }
    }

    fn answered(&mut self, response: &Response) {
        let severed = response.extensions().get::<super::server::Sever>().is_some();
        self.status = (!severed).then(|| response.status());
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.shared.traffic().leave(self.class, self.number, self.status);
    }
}
