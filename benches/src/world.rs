//! The system under test: the release binaries behind a gateway, with a link to each upstream of a development stack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use juncture_local::gateway::{Gateway, Options, Template};
use juncture_local::stack::{Stack, StackOptions};
use reqwest::{Method, RequestBuilder};
use sandbox::{Consent, Decision, Handle, NewAccount, NewProject, ProjectShape};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::journal::{Journal, Trips, Upstream};
use crate::link::Link;

/// Simulated latency of each upstream.
pub(crate) const REDIS: Duration = Duration::from_millis(5);
pub(crate) const POSTGRES: Duration = Duration::from_millis(2);
pub(crate) const ATLASSIAN: Duration = Duration::from_millis(100);

/// A running stack and its links.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) journal: Arc<Journal>,
    redis: Link,
    postgres: Link,
    atlassian: Link,
    environment: BTreeMap<String, String>,
    paths: Paths,
    http: reqwest::Client,
    stack: Stack,
}

/// Paths of the template and the executables.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The SAM template.
    pub(crate) template: PathBuf,
    /// The folder of the executables.
    pub(crate) binaries: PathBuf,
}

/// A completed call.
pub(crate) struct Answered {
    pub(crate) latency: Duration,
    pub(crate) trips: Trips,
    /// Commands sent to Redis; a request may contain several.
    pub(crate) commands: usize,
    pub(crate) bytes: usize,
}

impl World {
    /// Starts everything, with links that do not delay anything yet.
    pub(crate) async fn start(paths: Paths, folder: &Path) -> Result<Self> {
        let stack = Stack::start(StackOptions::for_test(&paths.template, &paths.binaries, folder)?).await?;
        let journal = Arc::<Journal>::default();
        let database = stack.postgres().context("a private Postgres")?.port();
        let front = stack.front().context("a private Redis")?.address().port();
        let sandbox = port_of(stack.sandbox().context("a sandbox")?.url())?;
        let redis = Link::open(Upstream::Redis, front, &journal).await?;
        let postgres = Link::open(Upstream::Postgres, database, &journal).await?;
        let atlassian = Link::open(Upstream::Atlassian, sandbox, &journal).await?;
        let mut environment = stack.environment().clone();
        for (name, from, to) in [
            ("UPSTASH_REDIS_REST_URL", front, redis.port),
            ("DATABASE_URL", database, postgres.port),
            ("ATLASSIAN_API_URL", sandbox, atlassian.port),
            ("ATLASSIAN_AUTH_URL", sandbox, atlassian.port),
        ] {
            let value = environment.get_mut(name).with_context(|| format!("no {name}"))?;
            *value = value.replace(&format!(":{from}"), &format!(":{to}"));
        }
        let template = open_template(&paths)?;
        let gateway = gateway(&paths, template, &environment).await?;
        let http = base::tls::http_client()?;
        Ok(Self { gateway, journal, redis, postgres, atlassian, environment, paths, http, stack })
    }

    /// A gateway to the same binaries with changed settings; an empty value removes a setting.
    pub(crate) async fn other_gateway(&self, changes: &[(&str, &str)]) -> Result<Gateway> {
        let mut environment = self.environment.clone();
        for (name, value) in changes {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        gateway(&self.paths, open_template(&self.paths)?, &environment).await
    }

    /// A gateway to the empty function, which returns `body` on every path.
    pub(crate) async fn empty_gateway(&self, body: &str) -> Result<Gateway> {
        const TEMPLATE: &str = "
            Resources:
              Empty:
                Type: AWS::Serverless::Function
                Metadata: { BuildProperties: { Binary: empty-function } }
                Properties:
                  Events:
                    Any: { Type: HttpApi, Properties: { Method: ANY, Path: '/{proxy+}' } }";
        let template = Template::parse(TEMPLATE, &BTreeMap::new())?;
        gateway(&self.paths, template, &BTreeMap::from([("ANSWER".to_owned(), body.to_owned())])).await
    }

    /// The settings of the functions.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The executables of all functions except the one that only a deployment calls.
    pub(crate) fn functions(&self) -> Vec<&str> {
        let names = self.stack.functions().iter().map(|function| function.binary.as_str());
        names.filter(|name| *name != "migrate").collect()
    }

    /// The logical id of the function with this executable.
    pub(crate) fn function(&self, binary: &str) -> Result<&str> {
        let function = self.stack.functions().iter().find(|function| function.binary == binary);
        Ok(&function.with_context(|| format!("there is no function {binary}"))?.name)
    }

    /// The processes of the function with this executable.
    pub(crate) fn processes(&self, binary: &str) -> Result<Vec<u32>> {
        let name = self.function(binary)?;
        let instances = self.gateway.instances().into_iter();
        Ok(instances.filter(|instance| instance.function == name).map(|instance| instance.pid).collect())
    }

    /// Makes the next call to a function start a new process.
    pub(crate) async fn replace(&self, binary: &str) -> Result<()> {
        self.gateway.replace(self.function(binary)?).await
    }

    /// Switches the simulated latencies of the upstreams on or off; every new connection takes `handshake` longer.
    pub(crate) fn slow_down(&self, slow: bool, handshake: Duration) {
        let latency = |latency: Duration| if slow { latency } else { Duration::ZERO };
        self.redis.set(latency(REDIS), handshake);
        self.postgres.set(latency(POSTGRES), handshake);
        self.atlassian.set(latency(ATLASSIAN), handshake);
    }

    /// The controls of the Atlassian sandbox.
    pub(crate) fn atlassian(&self) -> Result<&Handle> {
        Ok(self.stack.sandbox().context("a sandbox")?.handle())
    }

    /// Adds a project to the Harbour site.
    pub(crate) fn project(&self, key: &str, issues: usize, boards: usize, sprints: usize) -> Result<Project> {
        let new = NewProject { key: key.to_owned(), issues, boards, sprints_per_board: sprints };
        let made = self.atlassian()?.create_project("harbour", &new).map_err(anyhow::Error::msg)?;
        Ok(Project { id: made.id.to_string(), key: made.key, sprints: made.sprints })
    }

    /// Adds a project to the Harbour site whose form for creating issues has this many fields.
    pub(crate) fn project_with_fields(&self, key: &str, fields: usize) -> Result<Project> {
        let project = self.project(key, 0, 0, 0)?;
        // The fields of every project of the sandbox.
        const USUAL: usize = 40;
        let shape = ProjectShape { extra_fields: fields - USUAL, ..ProjectShape::default() };
        self.atlassian()?.shape_project("harbour", project.id.parse()?, shape);
        Ok(project)
    }

    /// A request to the measured gateway, with the secret key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_to(&self.gateway, method, path)
    }

    /// A request to a gateway, with the secret key.
    pub(crate) fn request_to(&self, gateway: &Gateway, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", gateway.address().port());
        self.http.request(method, url).bearer_auth(self.stack.secret_key())
    }

    /// Sends a request and fails unless it succeeds.
    pub(crate) async fn call(&self, request: RequestBuilder) -> Result<Answered> {
        let request = request.build()?;
        let named = format!("{} {}", request.method(), request.url().path());
        drop(self.journal.take());
        let front = self.stack.front().context("a private Redis")?.faults();
        let commands = front.commands();
        let started = Instant::now();
        let response = self.http.execute(request).await?;
        let status = response.status();
        let body = response.bytes().await?;
        let latency = started.elapsed();
        let is_fine = status.is_success() || status.is_redirection();
        ensure!(is_fine, "{named}: {status} {}", String::from_utf8_lossy(&body));
        let commands = usize::try_from(front.commands() - commands)?;
        Ok(Answered { latency, trips: self.journal.take(), commands, bytes: body.len() })
    }

    /// Creates an account that is a member of one site.
    pub(crate) fn account(&self, key: &str, site: &str) -> Result<()> {
        let account = NewAccount { key: key.to_owned(), name: None, sites: [site.to_owned()].into() };
        self.atlassian()?.create_account(account).map_err(anyhow::Error::msg)?;
        Ok(())
    }

    /// Starts a flow and consents. Returns the path of the callback.
    pub(crate) async fn consent(&self, account: &str, site: &str) -> Result<String> {
        let body = json!({ "provider": "jira", "external_id": account });
        let begun = self.stack_call(Method::POST, "/api/frontend/oauth/initiate-oauth-flow", &body).await?;
        let begun: Value = begun.json().await?;
        let consent = Consent {
            authorize_url: begun["authorization_uri"].as_str().context("no address")?.to_owned(),
            account: account.to_owned(),
            sites: vec![site.to_owned()],
            decision: Decision::Accept,
        };
        let callback = self.atlassian()?.consent(&consent).map_err(anyhow::Error::msg)?;
        Ok(callback.replace(&self.stack.url(), ""))
    }

    /// Starts a flow, consents and follows the callback. Returns the connection code.
    pub(crate) async fn connection_code(&self, account: &str, site: &str) -> Result<String> {
        let callback = self.consent(account, site).await?;
        let answer = self.stack_call(Method::GET, &callback, &Value::Null).await?;
        let location = answer.headers().get("location").context("no location")?.to_str()?;
        Ok(location.rsplit('/').next().context("no code")?.to_owned())
    }

    /// Connects an account to a site; its key is also the external id.
    pub(crate) async fn connect(&self, account: &str, site: &str) -> Result<()> {
        let code = self.connection_code(account, site).await?;
        let body = json!({ "connection_code": code, "site_id": self.site_id(site)? });
        let path = "/api/frontend/finalize-connection/jira/create-connection";
        self.stack_call(Method::POST, path, &body).await?;
        Ok(())
    }

    /// The cloud id of a site.
    pub(crate) fn site_id(&self, key: &str) -> Result<String> {
        let site = self.atlassian()?.sites().into_iter().find(|site| site.key == key);
        Ok(site.context("no such site")?.cloud_id)
    }

    /// Calls the stack's own gateway, whose functions bypass the links.
    async fn stack_call(&self, method: Method, path: &str, body: &Value) -> Result<reqwest::Response> {
        let request = self.http.request(method, format!("{}{path}", self.stack.url())).json(body);
        let response = request.send().await?;
        let is_fine = response.status().is_success() || response.status().is_redirection();
        ensure!(is_fine, "{path}: {}", response.status());
        Ok(response)
    }

    /// Stops everything.
    pub(crate) async fn stop(self) -> Result<()> {
        self.gateway.shutdown().await;
        self.stack.stop().await
    }
}

/// A project in the sandbox.
pub(crate) struct Project {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) sprints: Vec<u64>,
}

/// The template as deployed, except that connect tokens are optional, so that a flow starts with one request.
fn open_template(paths: &Paths) -> Result<Template> {
    let parameters = BTreeMap::from([("RequireConnectToken".to_owned(), "false".to_owned())]);
    Template::read(&paths.template, &parameters)
}

async fn gateway(
    paths: &Paths,
    template: Template,
    environment: &BTreeMap<String, String>,
) -> Result<Gateway> {
    let options =
        Options { environment: environment.clone(), max_instances: 32, ..Options::new(&paths.binaries) };
    Gateway::start(TcpListener::bind("127.0.0.1:0").await?, template, options)
}

fn port_of(url: &str) -> Result<u16> {
    Ok(url.rsplit(':').next().context("no port")?.parse()?)
}
