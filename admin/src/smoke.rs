//! `make smoke`: checks a deployment from outside, in a few seconds and without changing anything. Each line says
//! what was observed and, for a failure, what to do about it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base::chain;
use base::tls::{http_client, is_safe_for_credentials};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, ORIGIN};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

pub(crate) const USAGE: &str =
    "usage: JUNCTURE_SECRET_KEY=… juncture-admin smoke --api https://… [--origin https://app.example.com]";

/// Request timeout; a cold start takes a second at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// Larger than the largest body that a function reads, 256 KiB.
const LARGE: usize = 300 * 1024;

const BEGIN: &str = "/api/frontend/oauth/initiate-oauth-flow";
const CHECK: &str = "/api/backend/connection-info/check-connection-validity?provider=jira&external_id=smoke";

/// The deployment to check.
struct Deployment {
    api: String,
    key: Option<String>,
    /// An origin of `CorsAllowedOrigins`.
    origin: Option<String>,
    http: Client,
}

/// The outcome of a check that did not fail.
enum Outcome {
    Fine(String),
    /// Skipped, with what is needed to run it.
    Left(&'static str),
}

/// Runs all checks; fails if one of them does.
pub(crate) async fn run(words: impl Iterator<Item = String>) -> Result<ExitCode> {
    let deployment = Deployment::of(words)?;
    println!("Checking {}", deployment.api);
    let mut failed = 0;
    let mut tell = |what: &str, outcome: Result<Outcome>, advice: &str| match outcome {
        Ok(Outcome::Fine(seen)) => println!("  ok      {what}: {seen}"),
        Ok(Outcome::Left(how)) => println!("  --      {what}: skipped, {how}"),
        Err(error) => {
            failed += 1;
            println!("  FAILED  {what}: {error:#}\n          {advice}");
        }
    };
    let d = &deployment;
    let health = d.health().await;
    let is_there = health.is_ok();
    tell(
        "health",
        health,
        "Is this the output ApiUrl? A 404 comes from another stage or domain; a 403 from a domain of yours that maps to \
         nothing; a 5xx without request_id from a function that does not start: read its log (output FunctionLogGroup).",
    );
    // If the deployment is something else or does not respond, all other checks would fail too.
    if !is_there {
        println!("Nothing else is asked");
        return Ok(ExitCode::FAILURE);
    }
    tell(
        "readiness",
        d.readiness().await,
        "401: KEY is not JUNCTURE_SECRET_KEY of this stage's secret. A part that failed is explained in \
         docs/operating.md.",
    );
    tell(
        "beginning a flow",
        d.begins(BEGIN).await,
        "The route is missing: deploy again, and compare the API's routes with openapi.yaml.",
    );
    tell(
        "beginning a flow, with a slash at the end",
        d.begins(&format!("{BEGIN}/")).await,
        "Callers of the documented URL get a 404: template.yaml must have a route for the slash.",
    );
    tell("a slash at the end of another route", d.slash().await, "Neither 200 nor 404: see health.");
    tell(
        "preflight of an allowed origin",
        d.allowed_origin().await,
        "Your page cannot call the frontend API: add its origin to CorsAllowedOrigins in samconfig.toml and deploy.",
    );
    tell(
        "preflight of a foreign origin",
        d.foreign_origin().await,
        "Any page can call the frontend API: CorsAllowedOrigins must contain only your product's origins.",
    );
    tell(
        "backend API without a key",
        d.no_key().await,
        "It must respond with 401: take the deployment offline, and check which function serves the route.",
    );
    tell("an unknown path", d.unknown().await, "It must be 404: a catch-all route hides mistakes.");
    tell("a body that is too large", d.large_body().await, "It must be refused with 413 and a JSON error.");
    tell("a malformed body", d.malformed_body().await, "It must be refused with 400 and a JSON error.");
    tell(
        "compression",
        d.compression().await,
        "A proxy may have removed Accept-Encoding: lists of more than 6 MB then fail.",
    );
    tell(
        "headers of pages",
        d.page_headers().await,
        "A proxy may have removed them: they protect people who choose a site.",
    );
    Ok(match failed {
        0 => {
            println!("All as it should be");
            ExitCode::SUCCESS
        }
        _ => {
            println!("{failed} failed");
            ExitCode::FAILURE
        }
    })
}

impl Deployment {
    fn of(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let (mut api, mut origin) = (String::new(), None);
        while let Some(option) = words.next() {
            let value = words.next().context(USAGE)?;
            match option.as_str() {
                "--api" => api = value.trim_end_matches('/').to_owned(),
                // `make` passes an empty value.
                "--origin" => origin = Some(value).filter(|value| !value.is_empty()),
                _ => bail!("unknown option {option}\n{USAGE}"),
            }
        }
        ensure!(
            !api.is_empty(),
            "which deployment? STAGE=staging, or API=https://… (the output ApiUrl of any)\n{USAGE}"
        );
        let url = Url::parse(&api).with_context(|| format!("{api} is not an address"))?;
        ensure!(is_safe_for_credentials(&url), "{api} must begin with https://: the key is sent there");
        // Read from the environment, because other users of the machine can see the arguments.
        let key = std::env::var("JUNCTURE_SECRET_KEY").ok().filter(|key| !key.is_empty());
        Ok(Self { api, key, origin, http: http_client()? })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api)).timeout(PATIENCE)
    }

    /// The same with the secret key, if it was given.
    fn backend(&self, method: Method, path: &str) -> Option<RequestBuilder> {
        self.key.as_ref().map(|key| self.request(method, path).bearer_auth(key))
    }

    async fn health(&self) -> Result<Outcome> {
        let response = expect(send(self.request(Method::GET, "/health")).await?, 200).await?;
        let body: Value = response.json().await.unwrap_or_default();
        ensure!(body["alive"] == true, "200, but not from Juncture");
        Ok(Outcome::Fine("200".to_owned()))
    }

    async fn readiness(&self) -> Result<Outcome> {
        let Some(request) = self.backend(Method::GET, "/health/ready") else { return Ok(WITHOUT_KEY) };
        let response = send(request).await?;
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        let parts = ["postgres", "migrations", "redis", "atlassian_auth", "atlassian_api"].map(|name| {
            let part = &body["parts"][name];
            let problem = part["problem"].as_str().unwrap_or_default();
            format!("{name} {} {problem}", part["status"].as_str().unwrap_or("absent")).trim_end().to_owned()
        });
        ensure!(
            status == StatusCode::OK && body["ready"] == true,
            "{status}, {}",
            body["error"].as_str().unwrap_or(&parts.join(", "))
        );
        Ok(Outcome::Fine(parts.join(", ")))
    }

    /// Only the function behind the route rejects an empty object with this status and a Juncture error.
    async fn begins(&self, path: &str) -> Result<Outcome> {
        let response = send(self.request(Method::POST, path).json(&json!({}))).await?;
        let status = response.status();
        let body = json_error(response).await?;
        ensure!(matches!(status.as_u16(), 400 | 401), "{status}, {}", body["error"]);
        Ok(Outcome::Fine(format!("answered by its function ({status})")))
    }

    /// Reports differ on whether an HTTP API strips a trailing slash before it matches routes. Either is fine.
    async fn slash(&self) -> Result<Outcome> {
        let response = send(self.request(Method::GET, "/health/")).await?;
        Ok(Outcome::Fine(match response.status().as_u16() {
            200 => {
                "dropped by the gateway, so the route `{slash+}` of template.yaml is not needed".to_owned()
            }
            404 => "kept by the gateway, so the route `{slash+}` of template.yaml is needed".to_owned(),
            other => bail!("{other}"),
        }))
    }

    async fn preflight(&self, origin: &str) -> Result<Response> {
        let request = self.request(Method::OPTIONS, BEGIN).header(ORIGIN, origin);
        let request = request.header("access-control-request-method", "POST");
        send(request.header("access-control-request-headers", "content-type")).await
    }

    async fn allowed_origin(&self) -> Result<Outcome> {
        let Some(origin) = &self.origin else {
            return Ok(Outcome::Left("say ORIGIN=https://app.example.com, one of CorsAllowedOrigins"));
        };
        let response = self.preflight(origin).await?;
        let allowed = header(response.headers(), "access-control-allow-origin");
        ensure!(allowed == origin, "{}, access-control-allow-origin is {allowed:?}", response.status());
        Ok(Outcome::Fine(origin.clone()))
    }

    async fn foreign_origin(&self) -> Result<Outcome> {
        let response = self.preflight("https://foreign.example").await?;
        let allowed = header(response.headers(), "access-control-allow-origin");
        ensure!(allowed.is_empty(), "access-control-allow-origin is {allowed:?}");
        Ok(Outcome::Fine("not allowed".to_owned()))
    }

    async fn no_key(&self) -> Result<Outcome> {
        json_error(expect(send(self.request(Method::GET, CHECK)).await?, 401).await?).await?;
        Ok(Outcome::Fine("401".to_owned()))
    }

    async fn unknown(&self) -> Result<Outcome> {
        expect(send(self.request(Method::GET, "/api/nothing-is-here")).await?, 404).await?;
        Ok(Outcome::Fine("404".to_owned()))
    }

    async fn large_body(&self) -> Result<Outcome> {
        let body = json!({ "external_id": "x".repeat(LARGE) });
        json_error(expect(send(self.request(Method::POST, BEGIN).json(&body)).await?, 413).await?).await?;
        Ok(Outcome::Fine("413".to_owned()))
    }

    async fn malformed_body(&self) -> Result<Outcome> {
        let request = self.request(Method::POST, BEGIN).header("content-type", "application/json").body("{");
        json_error(expect(send(request).await?, 400).await?).await?;
        Ok(Outcome::Fine("400".to_owned()))
    }

    /// Connect tokens are sealed and not stored, so requesting one changes nothing. A long external id makes the
    /// response long enough to be compressed.
    async fn compression(&self) -> Result<Outcome> {
        let Some(request) = self.backend(Method::POST, "/api/backend/connect-token") else {
            return Ok(WITHOUT_KEY);
        };
        let body = json!({ "provider": "jira", "external_id": "smoke".repeat(100) });
        let response = expect(send(request.header(ACCEPT_ENCODING, "gzip").json(&body)).await?, 200).await?;
        let encoding = header(response.headers(), CONTENT_ENCODING.as_str());
        ensure!(encoding == "gzip", "the content-encoding is {encoding:?}");
        Ok(Outcome::Fine("gzip".to_owned()))
    }

    async fn page_headers(&self) -> Result<Outcome> {
        // A code that does not exist.
        let path = format!("/finalize-connection/jira/cc_{}", "0".repeat(43));
        let response = send(self.request(Method::GET, &path)).await?;
        ensure!(header(response.headers(), "content-type").starts_with("text/html"), "{}", response.status());
        for (name, value) in juncture::page::HEADERS.iter() {
            let seen = header(response.headers(), name);
            ensure!(seen == *value, "{name} is {seen:?}");
        }
        Ok(Outcome::Fine(format!("all {}", juncture::page::HEADERS.len())))
    }
}

const WITHOUT_KEY: Outcome = Outcome::Left("say KEY=…, the stage's JUNCTURE_SECRET_KEY");

async fn send(request: RequestBuilder) -> Result<Response> {
    request.send().await.map_err(|error| anyhow!(chain(&error.without_url())))
}

async fn expect(response: Response, status: u16) -> Result<Response> {
    let seen = response.status();
    if seen.as_u16() == status {
        return Ok(response);
    }
    let body: Value = response.json().await.unwrap_or_default();
    // Juncture's error field, or API Gateway's.
    match body["error"].as_str().or(body["message"].as_str()) {
        Some(said) => bail!("{seen}, not {status}: {said}"),
        None => bail!("{seen}, not {status}"),
    }
}

/// The body of a Juncture error.
async fn json_error(response: Response) -> Result<Value> {
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    ensure!(
        body["error"].is_string() && body["request_id"].is_string(),
        "{status}, which is not a Juncture error"
    );
    Ok(body)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
