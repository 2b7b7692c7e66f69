//! The Upstash front over real HTTP with a real redis-server behind it, including a run of Upstash's own client.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Request;
use hyper::http::request::Builder;
use juncture_local::upstash::{Fault, Front};
use serde_json::{Value, json};
use support::{PATIENCE, eventually, listener, send};
use tokio::process::{Child, Command};
use uuid::Uuid;

const TOKEN: &str = "token-of-the-tests";

/// A redis-server with a front.
struct Stack {
    front: Front,
    redis: Child,
    folder: PathBuf,
}

impl Stack {
    async fn start() -> Self {
        // Short, because the path of a Unix socket is limited to about a hundred characters.
        let folder =
            std::env::temp_dir().join(format!("juncture-{}", &Uuid::new_v4().simple().to_string()[..8]));
        std::fs::create_dir_all(&folder).unwrap();
        let redis = redis_server(&folder);
        let url = format!("redis+unix://{}", folder.join("socket").display());
        // The socket file exists a moment before the server listens on it.
        let listens = || UnixStream::connect(folder.join("socket")).is_ok();
        eventually("redis-server listens", listens).await;
        let front = Front::start(listener().await, &url, TOKEN).unwrap();
        Self { front, redis, folder }
    }

    /// The status and the JSON body of a response.
    async fn call(&self, request: Builder, body: impl ToString) -> (u16, Value) {
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let response = send(self.front.address(), request, body.to_string()).await.unwrap();
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }

    async fn command(&self, command: Value) -> (u16, Value) {
        self.call(Request::post("/"), command).await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn redis_server(folder: &Path) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(folder.join("socket"))
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("redis-server does not start ({error}): run `make setup`"))
}

#[tokio::test]
async fn upstashs_own_client_works() {
    let stack = Stack::start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/upstash");
    assert!(
        folder.join("node_modules/@upstash/redis").exists(),
        "@upstash/redis is missing: run `make setup`"
    );
    let node = Command::new("node")
        .arg("conformance.mjs")
        .current_dir(folder)
        .env("UPSTASH_REDIS_REST_URL", stack.front.url())
        .env("UPSTASH_REDIS_REST_TOKEN", TOKEN)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, node).await.unwrap();
    let output = output.unwrap_or_else(|error| panic!("node does not start ({error}): run `make setup`"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[tokio::test]
async fn commands_come_as_json_or_as_a_path() {
    let stack = Stack::start().await;
    assert_eq!(stack.command(json!(["SET", "k", "v", "EX", 100])).await, (200, json!({"result": "OK"})));
    assert_eq!(stack.call(Request::get("/get/k"), "").await, (200, json!({"result": "v"})));
    assert_eq!(stack.call(Request::get("/set/a%2Fb/v%20w?EX=10"), "").await, (200, json!({"result": "OK"})));
    assert_eq!(stack.command(json!(["GET", "a/b"])).await, (200, json!({"result": "v w"})));
    assert_eq!(
        stack.call(Request::post("/set/k?PX=5000"), "from the body").await,
        (200, json!({"result": "OK"}))
    );
    let both = stack.call(Request::post("/pipeline"), json!([["GET", "k"], ["PTTL", "k"]])).await.1;
    assert_eq!(both[0], json!({"result": "from the body"}));
    assert!((1..=5000).contains(&both[1]["result"].as_i64().unwrap()));
}

#[tokio::test]
async fn a_request_needs_the_token() {
    let stack = Stack::start().await;
    let address = stack.front.address();
    for request in [
        Request::get("/get/k"),
        Request::get("/get/k").header("authorization", "Bearer wrong"),
        Request::get("/get/k").header("authorization", TOKEN),
        Request::get("/get/k?_token=wrong"),
    ] {
        let response = send(address, request, "").await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.body(), r#"{"error":"Unauthorized"}"#);
    }
    let in_query = send(address, Request::get(format!("/get/k?_token={TOKEN}")), "").await.unwrap();
    assert_eq!(in_query.body(), r#"{"result":null}"#);
    assert_eq!(stack.front.faults().commands(), 1);
}

#[tokio::test]
async fn binary_values_survive_in_base64() {
    let stack = Stack::start().await;
    let set = Request::post("/set/k").header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(send(stack.front.address(), set, &b"\xff\x00"[..]).await.unwrap().status(), 200);
    let encoded = Request::get("/get/k").header("upstash-encoding", "base64");
    assert_eq!(stack.call(encoded, "").await, (200, json!({"result": "/wA="})));
    let nested = Request::post("/").header("upstash-encoding", "base64");
    let script = json!(["EVAL", "return {1, 'a', false, redis.call('set', 'x', 'y')}", 0]);
    assert_eq!(stack.call(nested, script).await, (200, json!({"result": [1, "YQ==", null, "OK"]})));
}

#[tokio::test]
async fn errors_have_a_status_and_a_text() {
    let stack = Stack::start().await;
    for (body, text) in [
        (json!(["GET"]).to_string(), "ERR wrong number of arguments for 'get' command"),
        (json!(["SUBSCRIBE", "x"]).to_string(), "ERR Command is not available: 'SUBSCRIBE'"),
        (json!([]).to_string(), "ERR empty command"),
        ("{".to_owned(), "ERR failed to parse command"),
    ] {
        assert_eq!(stack.call(Request::post("/"), &body).await, (400, json!({ "error": text })), "{body}");
    }
    let (status, items) = stack
        .call(Request::post("/pipeline"), json!([["SET", "k", "x"], ["INCR", "k"], ["MULTI"], ["GET", "k"]]))
        .await;
    assert_eq!(status, 200);
    assert_eq!(items[1], json!({"error": "ERR value is not an integer or out of range"}));
    assert_eq!(items[2], json!({"error": "ERR Command is not available: 'MULTI'"}));
    assert_eq!(items[3], json!({"result": "x"}));
    assert_eq!(stack.call(Request::delete("/get/k"), "").await.0, 405);
}

#[tokio::test]
async fn a_transaction_is_atomic() {
    let stack = Stack::start().await;
    let transaction = |commands: Value| stack.call(Request::post("/multi-exec"), commands);
    let done = transaction(json!([["SET", "k", "1"], ["INCR", "k"]])).await;
    assert_eq!(done, (200, json!([{"result": "OK"}, {"result": 2}])));
    for broken in [json!([["SET", "k", "9"], ["GET"]]), json!([["SET", "k", "9"], ["WATCH", "k"]])] {
        let (status, answer) = transaction(broken).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().starts_with("EXECABORT"), "{answer}");
    }
    assert_eq!(stack.command(json!(["GET", "k"])).await, (200, json!({"result": "2"})));
}

#[tokio::test]
async fn requests_and_commands_are_counted() {
    let stack = Stack::start().await;
    stack.command(json!(["GET", "k"])).await;
    stack.call(Request::post("/pipeline"), json!([["GET", "k"], ["GET", "k"], ["MULTI"]])).await;
    stack.call(Request::post("/multi-exec"), json!([["GET", "k"], ["GET", "k"]])).await;
    assert_eq!((stack.front.faults().requests(), stack.front.faults().commands()), (3, 5));
}

#[tokio::test]
async fn faults_can_be_injected() {
    let stack = Stack::start().await;
    let faults = stack.front.faults();
    let increment = || {
        let request = Request::post("/").header("authorization", format!("Bearer {TOKEN}"));
        send(stack.front.address(), request, r#"["INCR","n"]"#)
    };
    faults.set(Some(Fault::Refuse));
    assert!(increment().await.is_err());
    for status in [429, 500] {
        faults.set(Some(Fault::Status(status)));
        assert_eq!(increment().await.unwrap().status().as_u16(), status);
    }
    faults.set(Some(Fault::Hang));
    let before = faults.requests();
    tokio::select! {
        _ = increment() => panic!("a hanging request was answered"),
        () = eventually("the request arrives", || faults.requests() > before) => {}
    }
    faults.set(Some(Fault::LoseAnswer));
    assert!(increment().await.is_err());
    faults.set(None);
    assert_eq!(
        increment().await.unwrap().body(),
        r#"{"result":2}"#,
        "only the lost answer's command was run"
    );
    faults.set_latency(Duration::from_millis(50));
    let start = std::time::Instant::now();
    increment().await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn redis_may_stop_and_come_back() {
    let mut stack = Stack::start().await;
    stack.command(json!(["SET", "k", "v"])).await;
    stack.redis.kill().await.unwrap();
    std::fs::remove_file(stack.folder.join("socket")).unwrap();
    let (status, answer) = stack.command(json!(["GET", "k"])).await;
    assert_eq!(status, 500, "{answer}");
    stack.redis = redis_server(&stack.folder);
    let healed = async { while stack.command(json!(["PING"])).await.0 != 200 {} };
    tokio::time::timeout(PATIENCE, healed).await.unwrap();
    assert_eq!(stack.command(json!(["GET", "k"])).await, (200, json!({"result": null})));
}
