//! The gateway over real HTTP: requests, responses, routes, CORS and limits.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use base64::Engine as _;
use hyper::{Request, StatusCode};
use serde_json::json;
use support::eventually;
use support::stack::{Stack, assert_message, body};

#[tokio::test]
async fn a_request_reaches_its_function_and_the_answer_comes_back() {
    let stack = Stack::start(|_| ()).await;
    let request =
        Request::get("/echo/a%20b%2Fc?x=1&x=2").header("Cookie", "c=1; d=2").header("Host", "localhost:8000");
    let response = stack.send(request, "").await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
    let answer = body(&response);
    let event = &answer["event"];
    assert_eq!(event["routeKey"], "GET /echo/{id}");
    assert_eq!(event["pathParameters"], json!({"id": "a b/c"}));
    assert_eq!(event["queryStringParameters"], json!({"x": "1,2"}));
    assert_eq!(event["cookies"], json!(["c=1", "d=2"]));
    assert_eq!(event["requestContext"]["domainName"], "localhost");
    assert_eq!(event["requestContext"]["requestId"], response.headers()["apigw-requestid"].to_str().unwrap());
    assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:000000000000:function:Echo");
    let left = answer["deadline"].as_i64().unwrap() - event["requestContext"]["timeEpoch"].as_i64().unwrap();
    assert!((20_000..40_000).contains(&left), "{left}");
    let id = response.headers()["apigw-requestid"].to_str().unwrap();
    eventually("both outputs are logged", || {
        stack.logged("Echo: starting") && stack.logged(&format!("Echo: handling {id}"))
    })
    .await;
}

#[tokio::test]
async fn a_trailing_slash_is_ignored() {
    let stack = Stack::start(|_| ()).await;
    for (path, key) in [("/echo/", "ANY /echo"), ("/echo/1/", "GET /echo/{id}")] {
        let event = body(&stack.ask(path, "", "").await)["event"].take();
        assert_eq!((&event["routeKey"], &event["rawPath"]), (&json!(key), &json!(path)));
    }
}

#[tokio::test]
async fn an_instance_sees_only_the_environment_of_a_sandbox() {
    let stack = Stack::start(|_| ()).await;
    let environment = body(&stack.ask("/echo", "", "").await)["environment"].take();
    for (name, expected) in [
        ("FROM_TEMPLATE", "us-east-1"),
        ("OVERRIDDEN", "option"),
        ("ADDED", "option"),
        ("AWS_LAMBDA_FUNCTION_NAME", "Echo"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_FORMAT", "Text"),
    ] {
        assert_eq!(environment[name], expected, "{name}");
    }
    for name in environment.as_object().unwrap().keys() {
        let known = name.starts_with("AWS_") || ["_HANDLER", "LANG", "PATH", "TZ"].contains(&name.as_str());
        let own = ["FROM_TEMPLATE", "OVERRIDDEN", "ADDED", "_X_AMZN_TRACE_ID"].contains(&name.as_str());
        assert!(known || own, "{name} leaked");
    }
}

#[tokio::test]
async fn bodies_survive_in_both_encodings() {
    let stack = Stack::start(|_| ()).await;
    let text =
        stack.send(Request::post("/echo").header("content-type", "application/json"), "{\"ä\":1}").await;
    assert_eq!(body(&text)["event"]["body"], "{\"ä\":1}");
    let binary = stack.send(Request::post("/echo"), &b"\xff\x00"[..]).await;
    let event = &body(&binary)["event"];
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));

    let encoded = base64::engine::general_purpose::STANDARD.encode(b"\xff\x00");
    let answer =
        json!({"statusCode": 201, "body": encoded, "isBase64Encoded": true, "headers": {"X-A": "1"}});
    let response = stack.ask("/echo", "return", &answer.to_string()).await;
    assert_eq!((response.status(), &response.body()[..]), (StatusCode::CREATED, &b"\xff\x00"[..]));
    assert_eq!(response.headers()["x-a"], "1");
    let bare = stack.ask("/echo", "return", r#"{"no":"status"}"#).await;
    assert_eq!((bare.status(), body(&bare)), (StatusCode::OK, json!({"no": "status"})));
    let malformed = stack.ask("/echo", "return", r#"{"statusCode":"none"}"#).await;
    assert_message(&malformed, 502, "Internal Server Error");
    assert!(stack.logged("malformed response"));
}

#[tokio::test]
async fn unknown_routes_and_methods_are_not_found() {
    let stack = Stack::start(|_| ()).await;
    for request in
        [Request::get("/"), Request::get("/echo//"), Request::post("/hasty"), Request::delete("/echo/1")]
    {
        assert_message(&stack.send(request, "").await, 404, "Not Found");
    }
    let head = stack.send(Request::head("/echo/1"), "").await;
    assert_eq!(head.status(), StatusCode::NOT_FOUND);
    assert!(stack.gateway.instances().is_empty(), "no function was needed");
}

#[tokio::test]
async fn cors_is_the_gateways_business() {
    let stack = Stack::start(|_| ()).await;
    let preflight = |origin| {
        Request::options("/anything").header("origin", origin).header("access-control-request-method", "GET")
    };
    let allowed = stack.send(preflight("http://app.example.com"), "").await;
    assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
    assert_eq!(allowed.headers()["access-control-allow-origin"], "http://app.example.com");
    assert_eq!(allowed.headers()["access-control-max-age"], "600");
    let foreign = stack.send(preflight("http://evil.example.com"), "").await;
    assert_eq!(foreign.status(), StatusCode::NO_CONTENT);
    assert!(!foreign.headers().contains_key("access-control-allow-origin"));
    assert!(stack.gateway.instances().is_empty(), "a preflight starts no function");

    let actual = stack.send(Request::get("/echo").header("origin", "http://app.example.com"), "").await;
    assert_eq!(actual.headers()["access-control-allow-origin"], "http://app.example.com");
    let without_origin = stack.ask("/echo", "", "").await;
    assert!(
        !without_origin.headers().contains_key("access-control-allow-origin"),
        "the function's header is ignored"
    );
}

#[tokio::test]
async fn limits_are_those_of_aws() {
    let stack = Stack::start(|_| ()).await;
    let mega = 1024 * 1024;
    for size in [10 * mega + 1, 7 * mega] {
        let response =
            stack.send(Request::post("/echo").header("content-type", "text/plain"), vec![b'x'; size]).await;
        assert_message(&response, 413, "Request Too Long");
    }
    let big_head = stack.send(Request::get("/echo").header("x-big", "x".repeat(10_300)), "").await;
    assert_message(&big_head, 431, "Request Header Fields Too Large");
    let fits = stack.ask("/echo", "big", &(6 * mega - 100).to_string()).await;
    assert_eq!((fits.status(), fits.body().len()), (StatusCode::OK, 6 * mega - 100));
    assert_message(
        &stack.ask("/echo", "big", &(6 * mega + 100).to_string()).await,
        502,
        "Internal Server Error",
    );
    assert_eq!(stack.ask("/echo", "", "").await.status(), StatusCode::OK);
}
