//! Tests the artifacts of `make build`: every function is there, starts and responds. They have to be built for this
//! machine's processor: `make build ARCH=x86_64`, then
//! `cargo test --workspace --test artifacts -- --ignored`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::routing::put;
use juncture_local::gateway::Template;
use juncture_local::gateway::runtime_api::Endpoint;
use juncture_tests::{repository, run};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Nothing listens at these addresses: the functions reject the test's requests before they need a server.
const SETTINGS: [(&str, &str); 7] = [
    ("DATABASE_URL", "postgresql://x:x@127.0.0.1:1/x"),
    ("UPSTASH_REDIS_REST_URL", "http://127.0.0.1:1"),
    ("UPSTASH_REDIS_REST_TOKEN", "x"),
    ("JUNCTURE_SECRET_KEY", "x"),
    ("TOKEN_ENCRYPTION_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("DEFAULT_JIRA_CLIENT_ID", "x"),
    ("DEFAULT_JIRA_CLIENT_SECRET", "x"),
];

#[test]
#[ignore = "needs make build"]
fn every_artifact_starts_and_responds() {
    run(async {
        let template = Template::read(repository().join("template.yaml"), &BTreeMap::new())?;
        ensure!(!template.functions.is_empty(), "the template has no function");
        for function in &template.functions {
            let artifact = repository().join(".aws-sam/build").join(&function.name).join("bootstrap");
            let route = template.routes.iter().find(|route| route.function == function.name);
            let answer = match route {
                Some(route) => answers_a_request(&artifact, &route.key).await,
                None => answers_an_event(&artifact).await,
            };
            answer.with_context(|| artifact.display().to_string())?;
        }
        Ok(())
    });
}

/// The build is reproducible in any folder (`make reproducible` compares two), and the binaries do not reveal paths of
/// the build machine.
#[test]
#[ignore = "needs make build"]
fn no_artifact_names_a_folder_of_the_machine_that_built_it() {
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    // The home folder may be the root of the file system.
    let folders = [repository().display().to_string(), cargo, format!("{home}/")];
    let folders: Vec<&str> = folders.iter().map(String::as_str).filter(|folder| folder.len() > 4).collect();
    let artifacts = std::fs::read_dir(repository().join(".aws-sam/build")).unwrap();
    let artifacts =
        artifacts.map(|entry| entry.unwrap().path().join("bootstrap")).filter(|path| path.is_file());
    let mut tried = 0;
    for artifact in artifacts {
        let bytes = std::fs::read(&artifact).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for folder in &folders {
            assert!(!text.contains(folder), "{} holds {folder}", artifact.display());
        }
        tried += 1;
    }
    assert!(tried > 0, "there is no artifact");
}

/// A request without a key or a body, which the function itself rejects.
async fn answers_a_request(artifact: &Path, route_key: &str) -> Result<()> {
    let (method, path) = route_key.split_once(' ').context("a route")?;
    let event = json!({
        "version": "2.0", "routeKey": route_key, "rawPath": path, "rawQueryString": "",
        "headers": { "host": "localhost" }, "isBase64Encoded": false,
        "requestContext": {
            "accountId": "0", "apiId": "x", "domainName": "localhost", "domainPrefix": "x",
            "requestId": "x", "routeKey": route_key, "stage": "$default",
            "time": "20/Nov/2026:00:00:00 +0000", "timeEpoch": 0,
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x" }
        }
    });
    let returned = invoke(artifact, &event).await?.map_err(anyhow::Error::msg)?;
    let status = returned["statusCode"].as_u64();
    ensure!(status.is_some_and(|status| status < 500), "{route_key} was answered {returned}");
    Ok(())
}

/// For `migrate`, a deletion of the stack, which needs no work, only a response. Any other function may respond to this
/// event in any way.
async fn answers_an_event(artifact: &Path) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", put(async || ()))).await });
    let event = json!({
        "RequestType": "Delete", "ResponseURL": url, "StackId": "x", "RequestId": "x",
        "LogicalResourceId": "Migrations", "PhysicalResourceId": "x",
    });
    drop(invoke(artifact, &event).await?);
    Ok(())
}

async fn invoke(artifact: &Path, event: &Value) -> Result<Result<Value, String>> {
    let endpoint = Endpoint::open("arn:aws:lambda:us-east-1:0:function:x".to_owned(), |_| ()).await?;
    let _process = Command::new(artifact)
        .env_clear()
        .envs(SETTINGS)
        .env("AWS_LAMBDA_RUNTIME_API", &endpoint.address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "x")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let reply = endpoint.invoke(event.to_string().into(), TIMEOUT).await?;
    Ok(match reply {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) => Err(error),
    })
}
