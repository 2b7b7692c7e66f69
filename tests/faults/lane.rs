//! One endpoint behind a gateway of its own, with a proxy before one of the servers that it needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use juncture_local::gateway::{Gateway, Options, Template};
use juncture_tests::proxy::{Illness, Proxy};
use juncture_tests::{Answer, Bed, binaries, repository};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use serde_json::Value;
use strum::VariantArray as _;
use tokio::net::TcpListener;

use super::answers::Answers;
use super::dependency::{Dependency, Fault};
use super::endpoint::{Endpoint, Prepared, Tenant};

/// What all lanes share.
pub(crate) struct Surroundings {
    bed: Bed,
    /// A server that nobody should ever ask: redirects lead there.
    canary: TcpListener,
    /// A certificate that ended in 2020, and the file of the authority that signed it.
    expired: Arc<rustls::ServerConfig>,
    authority: String,
    answers: Answers,
}

impl Surroundings {
    pub(crate) async fn start() -> Result<Self> {
        let bed = Bed::start(|_| ()).await?;
        let (expired, authority) = expired_certificate(bed.stack.folder())?;
        Ok(Self {
            canary: TcpListener::bind(("127.0.0.1", 0)).await?,
            bed,
            expired,
            authority,
            answers: Answers::default(),
        })
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.answers
    }

    pub(crate) fn bed(&self) -> &Bed {
        &self.bed
    }

    /// Fails if somebody followed a redirect, perhaps with a token in hand.
    pub(crate) async fn assert_no_redirect_was_followed(&self) -> Result<()> {
        tokio::select! {
            biased;
            accepted = self.canary.accept() => anyhow::bail!("a redirect was followed: {accepted:?}"),
            () = std::future::ready(()) => Ok(()),
        }
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.bed.stack.stop().await
    }

    /// A gateway of its own, with one setting that differs.
    pub(crate) async fn gateway(
        &self,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Gateway> {
        let parameters = BTreeMap::from([
            ("SiteRedirectUri".to_owned(), self.bed.stack.demo_url()),
            ("RequireConnectToken".to_owned(), "false".to_owned()),
        ]);
        let template = Template::read(repository().join("template.yaml"), &parameters)?;
        let mut environment = self.bed.stack.environment().clone();
        environment.extend(settings);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        Gateway::start(listener, template, Options { environment, ..Options::new(binaries()) })
    }
}

/// What the result of a fault begins with that is not as it must be.
pub(crate) const WRONG: &str = "wrong";

/// The result of every fault in one lane.
pub(crate) type Row = BTreeMap<Fault, String>;

/// Runs every fault of one server against one endpoint.
pub(crate) async fn run(
    around: &Surroundings,
    endpoint: Endpoint,
    dependency: Dependency,
    number: usize,
) -> Result<Row> {
    let tenant = Tenant::new(&around.bed, &format!("FAULT{number}")).await?;
    let target = dependency.address(&around.bed)?;
    let proxy = Proxy::start(target, Arc::new(|_| true)).await?;
    let gateway = around.gateway([dependency.setting(&around.bed, proxy.port())?]).await?;
    let canary = around.canary.local_addr()?.port();
    let mut row = Row::new();
    for &fault in Fault::VARIANTS {
        let Some(illness) = fault.illness(dependency, canary, &around.expired) else { continue };
        let cell = match illness {
            Illness::Tls(_) => {
                let setting = dependency.setting_with_tls(&around.bed, proxy.port(), &around.authority)?;
                let over_tls = around.gateway([setting]).await?;
                cell(&tenant, endpoint, &proxy, illness, &over_tls, &gateway).await
            }
            illness => cell(&tenant, endpoint, &proxy, illness, &gateway, &gateway).await,
        };
        let cell = cell.map(|(told, answer)| {
            around
                .answers
                .add(format!("{} · {} · {}", endpoint.name(), dependency.name(), fault.name()), &answer);
            told
        });
        // All that is wrong is told at once, at the end.
        row.insert(fault, cell.unwrap_or_else(|error| format!("{WRONG}: {error:#}")));
    }
    gateway.shutdown().await;
    Ok(row)
}

/// One fault: the answer that the caller gets. Afterwards the same request is sent again through `after`, and
/// nothing must be lost.
async fn cell(
    tenant: &Tenant<'_>,
    endpoint: Endpoint,
    proxy: &Proxy,
    illness: Illness,
    during: &Gateway,
    after: &Gateway,
) -> Result<(String, Answer)> {
    let bed = tenant.bed;
    let tickets = if endpoint == Endpoint::CreateTicket { tenant.tickets().await? } else { 0 };
    let prepared = tenant.prepare(endpoint).await?;
    proxy.set(illness).await?;
    let answer = bed.send(prepared.to(bed, &format!("http://{}", during.address()))).await?;
    proxy.set(Illness::None).await?;
    let told = describe(endpoint, &answer)?;

    let again = repeat(&prepared, bed, after).await?;
    ensure!(endpoint.is_well(again.status), "after {told}, when all was well again: {again:?}");
    if again.status == 410 {
        // It was for one use. The person starts anew, and that works.
        let anew = tenant.prepare(endpoint).await?;
        let anew = bed.send(anew.to(bed, &format!("http://{}", after.address()))).await?;
        ensure!((200..400).contains(&anew.status), "after {told}, anew: {anew:?}");
    }
    let settled = match endpoint {
        Endpoint::Disconnect => tenant.assert_nothing_is_left().await,
        _ => tenant.assert_nothing_is_lost().await,
    };
    settled.with_context(|| format!("after {told}"))?;
    if endpoint == Endpoint::CreateTicket {
        let made = tenant.tickets().await? - tickets;
        ensure!(made == 1, "after {told} there are {made} tickets");
    }
    Ok((told, answer))
}

/// Sends a request again for as long as the answer is to do so later.
pub(crate) async fn repeat(prepared: &Prepared, bed: &Bed, gateway: &Gateway) -> Result<Answer> {
    loop {
        let answer = bed.send(prepared.to(bed, &format!("http://{}", gateway.address()))).await?;
        let Ok(seconds) = answer.header("retry-after").parse() else { return Ok(answer) };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// The status and the code of an answer. What the gateway says for a function that did not answer in time or died
/// has no code, and fails here; so does everything that is not what its caller can read.
fn describe(endpoint: Endpoint, answer: &Answer) -> Result<String> {
    let status = answer.status;
    if status == 303 {
        return Ok(status.to_string());
    }
    let content_type = answer.header("content-type");
    if endpoint.is_a_page() {
        ensure!(content_type.starts_with("text/html"), "a person gets {answer:?}");
        return Ok(status.to_string());
    }
    ensure!(content_type.starts_with("application/json"), "a program gets {answer:?}");
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
