//! A scenario: one endpoint behind its own gateway, with a proxy in front of one of the servers it needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use juncture_local::gateway::{Gateway, Options, Template};
use juncture_local::stack::StackOptions;
use juncture_tests::proxy::{Mode, Proxy};
use juncture_tests::{Answer, TestStack, binaries, repository};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use serde_json::Value;
use strum::VariantArray as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::answers::Answers;
use super::dependency::{Dependency, Fault};
use super::endpoint::{Endpoint, Prepared, Tenant};

/// Shared by all scenarios.
pub(crate) struct Environment {
    stack: TestStack,
    /// Redirects point here, and must not be followed.
    canary: TcpListener,
    /// A server with a certificate that expired in 2020, and the file with its certificate authority.
    expired: Arc<rustls::ServerConfig>,
    authority: String,
    answers: Answers,
    /// Users are connected a few at a time. With all scenarios at once, the processes that start for them keep a small
    /// machine so busy that a Redis call of a flow can time out.
    connecting: Semaphore,
}

impl Environment {
    pub(crate) async fn start() -> Result<Self> {
        // Straight to the servers, so that a proxy in front of one of them is all that is in between.
        let direct = |options: &mut StackOptions| (options.pooled, options.secret) = (false, None);
        let stack = TestStack::start(direct).await?;
        let (expired, authority) = expired_certificate(stack.folder())?;
        Ok(Self {
            canary: TcpListener::bind(("127.0.0.1", 0)).await?,
            stack,
            expired,
            authority,
            answers: Answers::default(),
            connecting: Semaphore::new(4),
        })
    }

    /// A tenant with a connected user.
    pub(crate) async fn tenant(&self, project: &str) -> Result<Tenant<'_>> {
        let _turn = self.connecting.acquire().await?;
        Tenant::new(&self.stack, project).await
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.answers
    }

    pub(crate) fn stack(&self) -> &TestStack {
        &self.stack
    }

    /// Fails if a function followed a redirect, perhaps with a token.
    pub(crate) async fn assert_no_redirect_was_followed(&self) -> Result<()> {
        tokio::select! {
            biased;
            accepted = self.canary.accept() => anyhow::bail!("a redirect was followed: {accepted:?}"),
            () = std::future::ready(()) => Ok(()),
        }
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.stack.stop().await
    }

    /// Starts another gateway for the same stack, with some settings replaced.
    pub(crate) async fn gateway(
        &self,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Gateway> {
        let parameters = BTreeMap::from([
            ("SiteRedirectUri".to_owned(), self.stack.demo_url()),
            ("RequireConnectToken".to_owned(), "false".to_owned()),
        ]);
        let template = Template::read(repository().join("template.yaml"), &parameters)?;
        let mut environment = self.stack.environment().clone();
        environment.extend(settings);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        Gateway::start(listener, template, Options { environment, ..Options::new(binaries()) })
    }
}

/// Prefix of the result of a fault that violated an invariant.
pub(crate) const WRONG: &str = "wrong";

/// The results of all faults in one scenario.
pub(crate) type Row = BTreeMap<Fault, String>;

/// Runs all faults of one server against one endpoint.
pub(crate) async fn run(
    env: &Environment,
    endpoint: Endpoint,
    dependency: Dependency,
    number: usize,
) -> Result<Row> {
    let tenant = env.tenant(&format!("FAULT{number}")).await?;
    let target = dependency.address(&env.stack)?;
    let proxy = Proxy::start(target, Arc::new(|_| true)).await?;
    let gateway = env.gateway([dependency.setting(&env.stack, proxy.port())?]).await?;
    let canary = env.canary.local_addr()?.port();
    let mut row = Row::new();
    for &fault in Fault::VARIANTS {
        let Some(mode) = fault.mode(dependency, canary, &env.expired) else { continue };
        let cell = match mode {
            Mode::Tls(_) => {
                let setting = dependency.setting_with_tls(&env.stack, proxy.port(), &env.authority)?;
                let over_tls = env.gateway([setting]).await?;
                cell(&tenant, endpoint, &proxy, mode, &over_tls, &gateway).await
            }
            mode => cell(&tenant, endpoint, &proxy, mode, &gateway, &gateway).await,
        };
        let cell = cell.map(|(told, answer)| {
            env.answers
                .add(format!("{} · {} · {}", endpoint.name(), dependency.name(), fault.name()), &answer);
            told
        });
        // Failures are reported together at the end.
        row.insert(fault, cell.unwrap_or_else(|error| format!("{WRONG}: {error:#}")));
    }
    gateway.shutdown().await;
    Ok(row)
}

/// Runs one fault and returns what the caller gets. Afterwards the same request is sent again through `after`, and
/// nothing may be lost.
async fn cell(
    tenant: &Tenant<'_>,
    endpoint: Endpoint,
    proxy: &Proxy,
    mode: Mode,
    during: &Gateway,
    after: &Gateway,
) -> Result<(String, Answer)> {
    let stack = tenant.stack;
    let tickets = if endpoint == Endpoint::CreateTicket { tenant.tickets().await? } else { 0 };
    let prepared = tenant.prepare(endpoint).await?;
    proxy.set(mode).await?;
    let answer = stack.send(prepared.to(stack, &format!("http://{}", during.address()))).await?;
    proxy.set(Mode::Forward).await?;
    let told = describe(endpoint, &answer)?;

    let again = repeat(&prepared, stack, after).await?;
    ensure!(endpoint.is_expected_on_retry(again.status), "after {told}, without the fault: {again:?}");
    if again.status == 410 {
        // The state or code is used up, so start over.
        let anew = tenant.prepare(endpoint).await?;
        let anew = stack.send(anew.to(stack, &format!("http://{}", after.address()))).await?;
        ensure!((200..400).contains(&anew.status), "after {told}, anew: {anew:?}");
    }
    let settled = match endpoint {
        Endpoint::Disconnect => tenant.assert_nothing_is_left().await,
        Endpoint::SetAllowedProjects => tenant.assert_limits_are_stored().await,
        _ => tenant.assert_nothing_is_lost().await,
    };
    settled.with_context(|| format!("after {told}"))?;
    if endpoint == Endpoint::CreateTicket {
        let made = tenant.tickets().await? - tickets;
        ensure!(made == 1, "after {told} there are {made} tickets");
    }
    Ok((told, answer))
}

/// Retries a request until the response has no `retry-after`.
pub(crate) async fn repeat(prepared: &Prepared, stack: &TestStack, gateway: &Gateway) -> Result<Answer> {
    loop {
        let answer = stack.send(prepared.to(stack, &format!("http://{}", gateway.address()))).await?;
        let Ok(seconds) = answer.header("retry-after").parse() else { return Ok(answer) };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// The status and code of a response. Fails for the gateway's response to a function that timed out or died, which has
/// no code, and for an unexpected content type.
fn describe(endpoint: Endpoint, answer: &Answer) -> Result<String> {
    let status = answer.status;
    // Passed on, whatever it is.
    if answer.headers.contains_key("x-juncture-upstream") {
        return Ok(format!("{status} of Jira's"));
    }
    if status == 303 {
        return Ok(status.to_string());
    }
    let content_type = answer.header("content-type");
    if endpoint.answers_with_page() {
        ensure!(content_type.starts_with("text/html"), "no page: {answer:?}");
        return Ok(status.to_string());
    }
    ensure!(content_type.starts_with("application/json"), "no JSON: {answer:?}");
    let body: Value = serde_json::from_str(&answer.body).with_context(|| format!("{answer:?}"))?;
    if (200..300).contains(&status) {
        return Ok(status.to_string());
    }
    if let (Endpoint::Ready, Some(parts)) = (endpoint, body["parts"].as_object()) {
        let failed =
            parts.iter().filter(|(_, part)| part["status"] == "failed").map(|(name, _)| name.as_str());
        return Ok(format!("{status} {}", failed.collect::<Vec<_>>().join(" ")));
    }
    ensure!(
        body["error"].is_string() && body["request_id"].is_string(),
        "the function did not answer: {answer:?}"
    );
    Ok(format!("{status} {}", body["code"].as_str().with_context(|| format!("no code: {answer:?}"))?))
}

fn expired_certificate(folder: &Path) -> Result<(Arc<rustls::ServerConfig>, String)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let file = folder.join("fault-authority.pem");
    fs::write(&file, issuer.pem())?;

    let mut params = CertificateParams::new(["localhost".to_owned()])?;
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )?;
    Ok((Arc::new(config), file.display().to_string()))
}
