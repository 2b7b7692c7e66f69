//! A Lambda function for the gateway's tests. It responds with the event it received, unless the header `x-do` asks
//! for something else.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    println!("starting");
    if std::env::var_os("FAIL_AT_INIT").is_some() {
        eprintln!("failing at init");
        std::process::exit(3);
    }
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let header = |name: &str| event["headers"][name].as_str().unwrap_or_default().to_owned();
    let argument = header("x-argument");
    eprintln!("handling {}", context.request_id);
    match header("x-do").as_str() {
        "sleep" => tokio::time::sleep(Duration::from_millis(argument.parse()?)).await,
        "wait-for-file" => {
            while !std::path::Path::new(&argument).exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        "crash" => std::process::exit(7),
        "panic" => panic!("asked to"),
        "error" => return Err("asked to".into()),
        "big" => return Ok(json!({"statusCode": 200, "body": "x".repeat(argument.parse()?)})),
        "return" => return Ok(serde_json::from_str(&argument)?),
        _ => {}
    }
    let environment: std::collections::BTreeMap<_, _> = std::env::vars().collect();
    let body = json!({
        "event": event,
        "pid": std::process::id(),
        "environment": environment,
        "deadline": context.deadline,
        "arn": context.invoked_function_arn,
    });
    Ok(json!({
        "statusCode": 200,
        "headers": {"content-type": "application/json", "access-control-allow-origin": "https://of.the.function"},
        "cookies": ["a=1; Path=/", "b=2"],
        "body": body.to_string(),
    }))
}
