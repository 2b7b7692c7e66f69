//! A gateway in front of `examples/echo-function.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use hyper::http::request::Builder;
use hyper::{Request, Response};
use juncture_local::gateway::{Gateway, Options, Template};
use serde_json::{Value, json};

use super::{listener, send};

const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Timeout: 20
    MemorySize: 256
    Environment: { Variables: { FROM_TEMPLATE: !Sub "${AWS::Region}", OVERRIDDEN: template } }
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: { AllowOrigins: [http://app.example.com], AllowMethods: [GET], AllowHeaders: [x-do], MaxAge: 600 }
  Echo:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: echo-function } }
    Properties:
      Events:
        Any: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: ANY, Path: /echo } }
        One: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: "/echo/{id}" } }
  Hasty:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: echo-function } }
    Properties:
      Timeout: 1
      Events:
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /hasty } }
  Broken:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: echo-function } }
    Properties:
      Environment: { Variables: { FAIL_AT_INIT: "1" } }
      Events:
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /broken } }
  Missing:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: there-is-no-such-file } }
    Properties:
      Events:
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /missing } }
"#;

/// A gateway, what it logged, and the processes that its hooks reported.
pub(crate) struct Stack {
    pub(crate) gateway: Gateway,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    pub(crate) processes: Arc<Mutex<BTreeSet<u32>>>,
}

impl Stack {
    pub(crate) async fn start(change: impl FnOnce(&mut Options)) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let processes = Arc::new(Mutex::new(BTreeSet::new()));
        let mut options = Options::new(examples());
        let lines = log.clone();
        options.log =
            Arc::new(move |function, line| lines.lock().unwrap().push(format!("{function}: {line}")));
        let spawned = processes.clone();
        options.on_spawn = Arc::new(move |pid| assert!(spawned.lock().unwrap().insert(pid)));
        let exited = processes.clone();
        options.on_exit = Arc::new(move |pid| assert!(exited.lock().unwrap().remove(&pid)));
        options.environment =
            BTreeMap::from([("OVERRIDDEN".into(), "option".into()), ("ADDED".into(), "option".into())]);
        change(&mut options);
        let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
        let gateway = Gateway::start(listener().await, template, options).unwrap();
        Self { gateway, log, processes }
    }

    pub(crate) async fn send(&self, request: Builder, body: impl Into<Bytes>) -> Response<Bytes> {
        send(self.gateway.address(), request, body).await.unwrap()
    }

    /// Makes the function behind `path` do something.
    pub(crate) async fn ask(&self, path: &str, action: &str, argument: &str) -> Response<Bytes> {
        self.send(Request::get(path).header("x-do", action).header("x-argument", argument), "").await
    }

    /// The id of the process that handles a request to `/echo`.
    pub(crate) async fn pid(&self) -> u64 {
        body(&self.ask("/echo", "", "").await)["pid"].as_u64().unwrap()
    }

    pub(crate) fn logged(&self, part: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(part))
    }

    pub(crate) fn busy(&self) -> usize {
        self.gateway.instances().iter().filter(|instance| instance.busy).count()
    }
}

/// Cargo builds examples into a folder next to the test binaries.
fn examples() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    assert!(folder.join("echo-function").exists(), "run `cargo build -p juncture-local --examples` first");
    folder
}

pub(crate) fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_else(|_| panic!("not JSON: {response:?}"))
}

pub(crate) fn assert_message(response: &Response<Bytes>, status: u16, message: &str) {
    assert_eq!(response.status().as_u16(), status, "{response:?}");
    assert_eq!(body(response), json!({ "message": message }));
    assert_eq!(response.headers()["content-type"], "application/json");
}
