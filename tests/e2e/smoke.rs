//! `make smoke` passes on a working deployment, and says what to do on one that does not work.

use std::process::{Command, Output};

use anyhow::Result;
use juncture_tests::{TestStack, run};

/// Runs on a separate thread, because the runtime serves the deployment.
async fn smoke(api: String, key: String, origin: &'static str) -> Result<Output> {
    let program = juncture_tests::binaries().join("juncture-admin");
    let asked = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(program);
        command.args(["smoke", "--api", &api, "--origin", origin]);
        command.env_clear().env("JUNCTURE_SECRET_KEY", key).output()
    });
    Ok(asked.await??)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_working_deployment_passes() {
    run(async {
        let stack = TestStack::start(|options| {
            options.settings.set("CORS_ALLOWED_ORIGINS", "https://app.example.com")
        })
        .await?;
        let key = stack.secret_key().to_owned();
        let output = smoke(stack.url(), key.clone(), "https://app.example.com").await?;
        let text = said(&output);
        assert!(output.status.success() && text.ends_with("All as it should be\n"), "{text}");
        assert!(text.contains("readiness: postgres ok, migrations ok, redis ok"), "{text}");
        assert!(!text.contains("--") && !text.contains(&key), "{text}");
        assert_eq!(
            stack.redis(&["KEYS", "juncture:state:*"]).await?,
            redis::Value::Array(vec![]),
            "nothing is begun"
        );

        // Without a key and an origin, their checks are skipped.
        let output = smoke(stack.url(), String::new(), "").await?;
        let text = said(&output);
        assert!(
            output.status.success() && text.contains("say KEY=") && text.contains("say ORIGIN="),
            "{text}"
        );

        // Each problem is reported.
        let output = smoke(stack.url(), "wrong".to_owned(), "https://other.example.com").await?;
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        for expected in ["401: KEY is not", "add its origin to CorsAllowedOrigins", "3 failed"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        stack.stop().await
    });
}

#[test]
fn other_servers_are_detected() {
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let api = format!("http://{}", listener.local_addr()?);
        // A server that passes the liveness check and nothing else.
        let anything = axum::Router::new().fallback(|_: String| async { r#"{"alive":true}"# });
        tokio::spawn(async move { axum::serve(listener, anything).await });
        let output = smoke(api, "key".to_owned(), "https://app.example.com").await?;
        let text = said(&output);
        // A trailing slash and a foreign origin pass.
        assert!(output.status.code() == Some(1) && text.contains("10 failed"), "{text}");

        for (api, expected) in [
            ("http://app.example.com", "must begin with https://"),
            ("", "which deployment?"),
            ("nonsense", "is not an address"),
        ] {
            let output = smoke(api.to_owned(), String::new(), "").await?;
            assert!(!output.status.success() && said(&output).contains(expected), "{}", said(&output));
        }
        let output = smoke("http://127.0.0.1:1".to_owned(), String::new(), "").await?;
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains("Is this the output ApiUrl?") && text.ends_with("Nothing else is asked\n"),
            "{text}"
        );
        Ok(())
    });
}
