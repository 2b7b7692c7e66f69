//! The migrator as a custom resource of `CloudFormation`, which waits until it is answered at an address of the
//! request, whatever happened:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html>

use std::time::{Duration, Instant};

use base::chain;
use base::deadline;
use base::tls::http_client;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

/// The resource's identity, the same for every version of it: another one would have `CloudFormation` delete the
/// former resource.
const PHYSICAL_ID: &str = "juncture-migrations";
/// An answer may have 4,096 bytes; so many characters leave room for what else is in it.
const MAX_REASON: usize = 800;
/// How often and how patiently the answer is sent.
const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    /// `Create`, `Update` or `Delete`.
    request_type: String,
    /// A presigned address: whoever knows it may answer, so it is never logged.
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    #[serde(default)]
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_properties: Properties,
    /// What an `Update` replaces.
    #[serde(default)]
    old_resource_properties: Properties,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    /// The newest migration of the deployment, as in `template.yaml`.
    #[serde(default)]
    newest: String,
}

impl Request {
    /// Whether `CloudFormation` takes an update back: it then sends another one, from the new properties to the
    /// old ones, and calls the migrator that failed, or one that lacks what is applied by now. Should this fail too,
    /// the stack would be stuck in `UPDATE_ROLLBACK_FAILED`: <https://github.com/aws/aws-cdk/issues/17040>.
    fn is_rollback(&self) -> bool {
        self.request_type == "Update" && self.resource_properties.newest < self.old_resource_properties.newest
    }
}

/// Answers `CloudFormation` for as long as the sandbox lives.
pub(crate) async fn serve() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

/// Fails only when the answer could not be delivered: Lambda then calls again, up to twice, which does no harm.
async fn handle(event: LambdaEvent<Request>) -> Result<(), Error> {
    let LambdaEvent { payload: request, context } = event;
    let deadline = deadline::from_lambda(context.deadline);
    // The rest is for the answer, which must be sent before Lambda ends the invocation.
    let limit = deadline.saturating_duration_since(Instant::now()) * 3 / 4;
    let failure = match request.request_type.as_str() {
        // The data outlive the stack.
        "Delete" => None,
        // The former code works on the new schema, and on the one it was made for.
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

/// A task of its own, so that a panic is answered too.
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
        // Without a content type: the address is signed for a request that has none.
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
