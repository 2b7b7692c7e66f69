//! The migrator as a custom resource of `CloudFormation`, which waits for a response to a URL in the request, whatever
//! happens: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html>

use std::time::{Duration, Instant};

use base::chain;
use base::deadline;
use base::tls::http_client;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

/// The physical id of the resource, the same for every version: if it changed, `CloudFormation` would delete the old
/// resource.
const PHYSICAL_ID: &str = "juncture-migrations";
/// Maximum characters of the failure reason. A response is limited to 4,096 bytes, which leaves room for the rest.
const MAX_REASON: usize = 800;
/// Attempts and timeout for sending the response.
const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    /// `Create`, `Update` or `Delete`.
    request_type: String,
    /// A presigned URL: anyone who knows it can respond, so it is never logged.
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    #[serde(default)]
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_properties: Properties,
    /// The old properties in an `Update`.
    #[serde(default)]
    old_resource_properties: Properties,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    /// The newest migration of this deployment, from `template.yaml`.
    #[serde(default)]
    newest: String,
}

impl Request {
    /// Whether `CloudFormation` is rolling back an update. It then sends another update, from the new properties to the
    /// old ones, to the migrator that failed or to an older one without the newest migrations. If that failed too, the
    /// stack would be stuck in `UPDATE_ROLLBACK_FAILED`: <https://github.com/aws/aws-cdk/issues/17040>.
    fn is_rollback(&self) -> bool {
        self.request_type == "Update" && self.resource_properties.newest < self.old_resource_properties.newest
    }
}

/// Handles requests from `CloudFormation` for the lifetime of the sandbox.
pub(crate) async fn serve() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

/// Only fails if the response could not be delivered. Lambda then retries up to twice, which is harmless.
async fn handle(event: LambdaEvent<Request>) -> Result<(), Error> {
    let LambdaEvent { payload: request, context } = event;
    let deadline = deadline::from_lambda(context.deadline);
    // The remaining time is for the response, which must be sent before Lambda ends the invocation.
    let limit = deadline.saturating_duration_since(Instant::now()) * 3 / 4;
    let failure = match request.request_type.as_str() {
        // The data outlives the stack.
        "Delete" => None,
        // The previous version of the code works with the new schema as well as with its own.
        _ if request.is_rollback() => {
            tracing::info!("rollback: database left unchanged");
            None
        }
        _ => migrate_within(limit).await.err(),
    };
    if let Some(cause) = &failure {
        tracing::error!(cause, request_type = request.request_type, "migrations failed");
    }
    let answer = answer(&request, failure.as_deref());
    match tokio::time::timeout_at(deadline.into(), deliver(&request.response_url, &answer)).await {
        Ok(outcome) => outcome,
        Err(_) => Err("CloudFormation could not be answered in time".into()),
    }
}

/// Migrates in a separate task, so that a panic is reported too.
async fn migrate_within(limit: Duration) -> Result<(), String> {
    let work = deadline::scope(Instant::now() + limit, crate::migrate(Some(limit)));
    let mut task = tokio::spawn(work);
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| chain(&*error)),
        Ok(Err(_)) => Err("the migrator failed unexpectedly; its log says why".to_owned()),
        Err(_) => {
            task.abort();
            let seconds = limit.as_secs();
            Err(format!("the migrations took longer than {seconds} s: run them by hand, then deploy again"))
        }
    }
}

fn answer(request: &Request, failure: Option<&str>) -> Value {
    let mut answer = json!({
        "Status": if failure.is_none() { "SUCCESS" } else { "FAILED" },
        "PhysicalResourceId": request.physical_resource_id.as_deref().unwrap_or(PHYSICAL_ID),
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_resource_id,
    });
    if let Some(failure) = failure {
        answer["Reason"] = failure.chars().take(MAX_REASON).collect::<String>().into();
    }
    answer
}

async fn deliver(response_url: &str, answer: &Value) -> Result<(), Error> {
    let client = http_client()?;
    let mut attempt = 1;
    loop {
        // Without a content type, because the URL is signed for a request that has none.
        let sent = client.put(response_url).timeout(ATTEMPT_TIMEOUT).body(answer.to_string()).send().await;
        let cause = match sent.map(|response| response.status()) {
            Ok(status) if status.is_success() => return Ok(()),
            Ok(status) => format!("it answered {status}"),
            Err(error) => chain(&error.without_url()),
        };
        if attempt == ATTEMPTS {
            return Err(format!("CloudFormation could not be answered: {cause}").into());
        }
        tracing::warn!(cause, attempt, "CloudFormation not answered yet");
        tokio::time::sleep(Duration::from_secs(1) * attempt).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_never_too_long() {
        let request = json!({
            "RequestType": "Create", "ResponseURL": "https://example.com", "StackId": "s", "RequestId": "r",
            "LogicalResourceId": "Migrations",
        });
        let request = serde_json::from_value(request).unwrap();
        let answer = answer(&request, Some(&"🦀".repeat(5_000)));
        assert!(answer.to_string().len() < 4_096);
        assert_eq!(
            (&answer["Status"], &answer["PhysicalResourceId"]),
            (&json!("FAILED"), &json!(PHYSICAL_ID))
        );
    }
}
