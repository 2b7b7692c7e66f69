//! The first call of a new sandbox: its settings are in a secret, and no connection is open.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::routing::post;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use crate::endpoints::{CONNECTED_USER, path_of};
use crate::journal::Upstream;
use crate::link::Link;
use crate::report::ColdFigures;
use crate::stats::{Spread, quantile};
use crate::world::World;
use crate::{Effort, say};

/// Simulated duration of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_millis(20);
/// Simulated latency of Secrets Manager.
const SECRET: Duration = Duration::from_millis(50);

/// Measures a cold `get-access-token` and a cold ticket list; the Juncture connection is cached in Redis.
pub(crate) async fn measure(world: &World, effort: Effort) -> Result<Vec<ColdFigures>> {
    let runs = match effort {
        Effort::Full => 15,
        Effort::Quick => 5,
    };
    let secret = Secret::start(world).await?;
    let endpoint = format!("http://127.0.0.1:{}", secret.link.port);
    let mut changes: Vec<(&str, &str)> = world.environment().keys().map(|name| (name.as_str(), "")).collect();
    changes.extend([
        ("JUNCTURE_SECRETS_ID", "juncture"),
        ("AWS_ENDPOINT_URL", &endpoint),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ]);
    let gateway = world.other_gateway(&changes).await?;
    world.slow_down(true, HANDSHAKE);
    secret.link.set(SECRET, HANDSHAKE);
    let tickets = world.project("COLD", 90, 0, 0)?;
    let mut figures = Vec::new();
    for (function, case, query) in [
        ("get-access-token", "cold", "provider=jira".to_owned()),
        ("get-tickets-for-project", "cold, 90 tickets", format!("jira_project_id={}", tickets.id)),
    ] {
        let (mut latency, mut chain) = (Vec::new(), Vec::new());
        for run in 1..=runs {
            say(&format!("cold {function}, run {run} of {runs}"));
            gateway.replace(world.function(function)?).await?;
            let request = world.request_to(&gateway, Method::GET, &path_of(function, CONNECTED_USER, &query));
            let answer = world.call(request).await?;
            latency.push(answer.latency.as_secs_f64() * 1e3);
            chain.push(answer.trips.chain() as f64);
        }
        figures.push(ColdFigures {
            name: format!("{function}, {case}"),
            chain: quantile(&chain, 0.5) as usize,
            latency_ms: Spread::of(&latency),
        });
    }
    gateway.shutdown().await;
    world.slow_down(false, Duration::ZERO);
    Ok(figures)
}

/// The part of Secrets Manager that functions use:
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>.
struct Secret {
    link: Link,
}

impl Secret {
    /// Serves the functions' settings as one secret, without authentication.
    async fn start(world: &World) -> Result<Self> {
        let settings = serde_json::to_string(world.environment())?;
        let answer = json!({ "ARN": "x", "Name": "juncture", "VersionId": "x", "SecretString": settings });
        let answer = answer.to_string();
        let value = async move || ([("content-type", "application/x-amz-json-1.1")], answer);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let router = Router::new().route("/", post(value));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let link = Link::open(Upstream::Secrets, port, &Arc::clone(&world.journal)).await?;
        Ok(Self { link })
    }
}
