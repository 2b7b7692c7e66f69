//! Responds to every request with the same text, as the baseline of what every function costs.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let answer = std::env::var("ANSWER").unwrap_or_default();
    run(service_fn(async |_: Request| {
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("cache-control", "no-store")
            .body(Body::from(answer.clone()))?;
        Ok::<_, Error>(response)
    }))
    .await
}
