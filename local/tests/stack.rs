//! The whole stack, with a function that responds with its environment (`examples/echo-function.rs`).

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use juncture_local::reaper::is_alive;
use juncture_local::stack::{Stack, StackOptions, reset};
use serde_json::Value;
use tempfile::TempDir;

const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  SiteRedirectUri: { Type: String, Default: "" }
  CorsAllowedOrigins: { Type: CommaDelimitedList, Default: "" }
  RequireConnectToken: { Type: String, Default: "" }
  AllowedReturnUrls: { Type: String, Default: "" }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
  Echo:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: echo-function } }
    Properties:
      Timeout: 20
      Environment: { Variables: { LANDING: !Ref SiteRedirectUri } }
      Events:
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /echo } }
"#;

/// A folder with a template and its executables.
struct Project(TempDir);

impl Project {
    /// `migrate` is the body of a shell script.
    fn new(migrate: &str) -> Self {
        let mode = fs::Permissions::from_mode(0o700);
        let project = Self(tempfile::Builder::new().permissions(mode).tempdir().unwrap());
        fs::write(project.path("template.yaml"), TEMPLATE).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_juncture-local"));
        let examples = program.parent().unwrap().join("examples");
        let built = examples.join("echo-function").exists();
        assert!(built, "run `cargo build -p juncture-local --examples` first");
        fs::create_dir(project.path("bin")).unwrap();
        symlink(program, project.path("bin/juncture-local")).unwrap();
        symlink(examples.join("echo-function"), project.path("bin/echo-function")).unwrap();
        let script = project.path("bin/migrate");
        fs::write(&script, format!("#!/bin/sh\n{migrate}\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn options(&self) -> StackOptions {
        StackOptions::for_test(&self.path("template.yaml"), &self.path("bin"), &self.path(".local")).unwrap()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        reset(&self.path(".local")).unwrap();
    }
}

async fn environment(stack: &Stack) -> Value {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let response = reqwest::get(format!("{}/echo", stack.url())).await.unwrap();
    assert_eq!(response.status(), 200);
    serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).unwrap()["environment"].take()
}

#[tokio::test]
async fn functions_find_every_local_service_and_stopping_leaves_nothing() {
    let project = Project::new("test -n \"$DATABASE_URL\"");
    let stack = Stack::start(project.options()).await.unwrap();

    let found = environment(&stack).await;
    assert_eq!(found["DATABASE_URL"], stack.postgres().unwrap().functions_url());
    assert_eq!(found["UPSTASH_REDIS_REST_URL"], stack.front().unwrap().url());
    assert_eq!(found["ATLASSIAN_API_URL"], stack.sandbox().unwrap().url());
    assert_eq!(found["JUNCTURE_SECRET_KEY"], stack.secret_key());
    assert_eq!(found["JUNCTURE_FRONTEND_URL"], stack.url());
    assert_eq!(found["LANDING"], stack.demo_url());
    for (name, value) in stack.environment() {
        assert_eq!(found[name], **value, "{name}");
    }
    assert!(reqwest::get(stack.demo_url()).await.unwrap().status().is_success());

    let mut processes: Vec<u32> = stack.gateway().instances().iter().map(|instance| instance.pid).collect();
    processes.extend([stack.postgres().unwrap().pid(), stack.redis().unwrap().pid()]);
    assert_eq!(processes.len(), 3);
    stack.stop().await.unwrap();
    for pid in processes {
        assert!(!is_alive(i32::try_from(pid).unwrap()), "{pid} is left");
    }
}

#[tokio::test]
async fn stacks_run_side_by_side_and_one_can_have_a_pooler() {
    let (one, two) = (Project::new("exit 0"), Project::new("exit 0"));
    let pooled = StackOptions { pooled: true, ..two.options() };
    let (one, two) = tokio::try_join!(Stack::start(one.options()), Stack::start(pooled)).unwrap();
    assert_ne!(environment(&one).await["DATABASE_URL"], environment(&two).await["DATABASE_URL"]);
    let url = environment(&two).await["DATABASE_URL"].as_str().unwrap().to_owned();
    assert!(url.contains("sslmode=require&sslrootcert="), "{url}");
    assert_ne!(url.split('?').next(), two.postgres().unwrap().functions_url().split('?').next());
    one.stop().await.unwrap();
    two.stop().await.unwrap();
}

#[tokio::test]
async fn hosted_services_take_the_place_of_local_ones() {
    let project = Project::new("test \"$DATABASE_URL\" = postgres://db.example.com/x");
    let mut options = project.options();
    for (name, value) in [
        ("DATABASE_URL", "postgres://db.example.com/x"),
        ("UPSTASH_REDIS_REST_URL", "https://redis.example.com"),
        ("UPSTASH_REDIS_REST_TOKEN", "token"),
        ("DEFAULT_JIRA_CLIENT_ID", "id"),
        ("DEFAULT_JIRA_CLIENT_SECRET", "secret"),
        ("JUNCTURE_SECRET_KEY", "new, old"),
    ] {
        options.settings.set(name, value);
    }
    let stack = Stack::start(options).await.unwrap();
    assert!(stack.postgres().is_none() && stack.redis().is_none());
    assert!(stack.front().is_none() && stack.sandbox().is_none());
    let found = environment(&stack).await;
    assert_eq!(found["DATABASE_URL"], "postgres://db.example.com/x");
    assert_eq!(found["UPSTASH_REDIS_REST_URL"], "https://redis.example.com");
    assert_eq!(found["DEFAULT_JIRA_CLIENT_ID"], "id");
    assert_eq!(found["JUNCTURE_SECRET_KEY"], "new, old");
    assert!(found.get("ATLASSIAN_API_URL").is_none());
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_failed_migration_aborts_the_start_with_its_own_error() {
    let project = Project::new("echo 'table x is broken' >&2; exit 3");
    let options = project.options();
    let reaper = std::sync::Arc::clone(&options.reaper);
    let error = format!("{:#}", Stack::start(options).await.unwrap_err());
    assert!(error.contains("migrations were not applied") && error.contains("table x is broken"), "{error}");
    reaper.close().unwrap();
}
