//! `GET /authorize`: the consent page, and the user's decision. See
//! <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#1--direct-the-user-to-the-authorization-url-to-get-an-authorization-code>.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded;

use crate::shared::{AppState, Shared};
use crate::world::World;
use crate::world::directory::{Account, Site};

const CSS: &str = "text/css; charset=utf-8";

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/authorize", get(show).post(submit))
}

/// The style sheets of the consent page.
pub(crate) fn assets() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sandbox/style.css", get(style))
        .route("/_sandbox/sites-of-accounts.css", get(sites_of_accounts))
}

/// The user's decision on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Grants the app what it requested.
    Accept,
    /// Redirects to the app with `error=access_denied`.
    Decline,
}

/// A submission of the consent page without a browser.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The URL that the app redirected the user to; only its query is used.
    pub authorize_url: String,
    /// Key or Atlassian account id.
    pub account: String,
    /// Keys or cloud ids.
    #[serde(default)]
    pub sites: Vec<String>,
    /// The button that the user clicks.
    pub decision: Decision,
}

impl Consent {
    /// Submits the decision. Returns the URL the browser is redirected to, or why the page would be shown again.
    pub(crate) fn apply(&self, shared: &Shared) -> Result<String, String> {
        let url = Url::parse(&self.authorize_url).map_err(|error| format!("authorize_url: {error}"))?;
        let request = AuthorizeRequest::parse(url.query().unwrap_or_default(), shared)?;
        request.decide(shared, &self.account, &self.sites, self.decision)
    }
}

/// An authorize request with valid parameters.
struct AuthorizeRequest {
    /// Byte for byte as registered.
    redirect_uri: String,
    /// The same, parsed.
    callback: Url,
    state: String,
    scopes: BTreeSet<String>,
}

impl AuthorizeRequest {
    fn parse(query: &str, shared: &Shared) -> Result<Self, String> {
        let parameters: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let required = |name: &str| match parameters.get(name) {
            Some(value) if !value.is_empty() => Ok(value.as_str()),
            _ => Err(format!("The parameter “{name}” is missing.")),
        };
        let fixed = |name: &str, expected: &str| match required(name)? {
            value if value == expected => Ok(()),
            value => Err(format!("The parameter “{name}” must be “{expected}”, not “{value}”.")),
        };
        fixed("audience", "api.atlassian.com")?;
        fixed("response_type", "code")?;
        fixed("prompt", "consent")?;
        if required("client_id")? != shared.options.client_id {
            return Err("No app has this client_id.".to_owned());
        }
        let redirect_uri = required("redirect_uri")?;
        if !shared.is_registered(redirect_uri) {
            return Err(format!("The redirect_uri “{redirect_uri}” is not registered for this app."));
        }
        let scopes: BTreeSet<_> = required("scope")?.split(' ').map(str::to_owned).collect();
        if let Some(scope) = scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(format!("“{scope}” is not a scope; scopes are separated by one space."));
        }
        Ok(Self {
            callback: Url::parse(redirect_uri).map_err(|error| format!("redirect_uri: {error}"))?,
            redirect_uri: redirect_uri.to_owned(),
            state: required("state")?.to_owned(),
            scopes,
        })
    }

    fn decide(
        &self,
        shared: &Shared,
        account: &str,
        sites: &[String],
        decision: Decision,
    ) -> Result<String, String> {
        let mut redirect = self.callback.clone();
        let account = shared.world().account(account).ok_or("Choose an account.")?.clone();
        match decision {
            Decision::Decline => {
                redirect
                    .query_pairs_mut()
                    .append_pair("error", "access_denied")
                    .append_pair("error_description", "User did not authorize the request");
            }
            Decision::Accept => {
                let code = shared.change(|world| self.accept(world, &account, sites))?;
                redirect.query_pairs_mut().append_pair("code", &code);
            }
        }
        redirect.query_pairs_mut().append_pair("state", &self.state);
        Ok(redirect.into())
    }

    /// Records the consent and issues a code for it.
    fn accept(&self, world: &mut World, account: &Account, sites: &[String]) -> Result<String, &'static str> {
        // The page offers each site once; the user cannot grant sites of other accounts.
        let chosen: BTreeSet<_> = sites
            .iter()
            .filter_map(|site| world.site(site))
            .map(|site| site.key.clone())
            .filter(|key| account.sites.contains(key))
            .collect();
        if chosen.is_empty() && !account.sites.is_empty() {
            return Err("Choose at least one site.");
        }
        world.consent(&account.key, chosen, &self.scopes);
        Ok(world.issue_code(&account.key, &self.redirect_uri))
    }
}

fn is_scope(scope: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
    };
    scope == "offline_access" || (scope.contains(':') && scope.split(':').all(is_word))
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    accounts: Vec<Account>,
    sites: Vec<OfferedSite>,
    scopes: BTreeSet<String>,
    returns_to: String,
    chosen_account: String,
    chosen_sites: Vec<String>,
    problem: Option<String>,
}

/// A site, and the accounts that can grant it.
struct OfferedSite {
    site: Site,
    members: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    problem: String,
}

async fn show(State(shared): AppState, RawQuery(query): RawQuery) -> Response {
    match AuthorizeRequest::parse(&query.unwrap_or_default(), &shared) {
        Ok(request) => consent_page(&shared, request, &Form::default(), None),
        Err(problem) => page(StatusCode::BAD_REQUEST, &ProblemPage { problem }),
    }
}

async fn submit(State(shared): AppState, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let request = match AuthorizeRequest::parse(&query.unwrap_or_default(), &shared) {
        Ok(request) => request,
        Err(problem) => return page(StatusCode::BAD_REQUEST, &ProblemPage { problem }),
    };
    let form = Form::parse(&body);
    let decided = match form.decision {
        Some(decision) => request.decide(&shared, &form.account, &form.sites, decision),
        None => Err("Accept or decline.".to_owned()),
    };
    match decided {
        Ok(redirect) => Redirect::to(&redirect).into_response(),
        Err(problem) => consent_page(&shared, request, &form, Some(problem)),
    }
}

#[derive(Default)]
struct Form {
    account: String,
    sites: Vec<String>,
    decision: Option<Decision>,
}

impl Form {
    fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match (name.as_ref(), value.as_ref()) {
                ("account", account) => form.account = account.to_owned(),
                ("site", site) => form.sites.push(site.to_owned()),
                ("decision", "accept") => form.decision = Some(Decision::Accept),
                ("decision", "decline") => form.decision = Some(Decision::Decline),
                _ => {}
            }
        }
        form
    }
}

fn consent_page(
    shared: &Shared,
    request: AuthorizeRequest,
    form: &Form,
    problem: Option<String>,
) -> Response {
    let world = shared.world();
    let accounts = world.accounts.clone();
    let members = |site: &Site| {
        let members = accounts.iter().filter(|account| account.sites.contains(&site.key));
        members.map(|account| account.key.as_str()).collect::<Vec<_>>().join(" ")
    };
    let sites = world.sites.iter().map(|site| OfferedSite { members: members(site), site: site.clone() });
    let first = accounts.first().map(|account| account.key.clone()).unwrap_or_default();
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let view = ConsentPage {
        sites: sites.collect(),
        scopes: request.scopes,
        returns_to: request.callback.origin().ascii_serialization(),
        chosen_account: world.account(&form.account).map_or(first, |account| account.key.clone()),
        chosen_sites: form.sites.clone(),
        accounts,
        problem,
    };
    page(status, &view)
}

fn page(status: StatusCode, view: &impl Template) -> Response {
    match view.render() {
        Ok(html) => {
            // No form-action: Chromium also applies it to the redirect that follows the form.
            let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
            (status, [(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, "no-store")], Html(html))
                .into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, CSS)], include_str!("../../templates/style.css"))
}

/// Hides the sites that the selected account is not a member of. In CSS, because the page has no script.
async fn sites_of_accounts(State(shared): AppState) -> impl IntoResponse {
    let shown = |account: &Account| {
        let key = &account.key;
        format!("form:has([name=account][value='{key}']:checked) [data-members~='{key}']{{display:flex}}\n")
    };
    let rules: String = shared.world().accounts.iter().map(shown).collect();
    let sheet = format!("@supports selector(:has(a)){{\n[data-members]{{display:none}}\n{rules}}}\n");
    ([(CONTENT_TYPE, CSS), (CACHE_CONTROL, "no-store")], sheet)
}
