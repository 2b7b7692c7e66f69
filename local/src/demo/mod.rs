//! A fictional product, Lantern Tasks, that offers its customers a Jira integration through Juncture.
//!
//! It works as a real one would: its page starts the OAuth flow with Juncture's frontend API, and its small backend
//! holds the secret key and calls the backend API on the page's behalf.

mod activity;
mod assets;
mod board;
mod duration;
mod files;
mod form;
mod jira;
mod juncture;
mod markdown;
mod moves;
mod page;
mod people;
mod problem;
mod product;
mod workspace;

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use juncture::Juncture;
use product::Product;

/// The product's name, on its own pages and on Juncture's.
pub const NAME: &str = "Lantern Tasks";

/// The product's settings. Not `Debug`, because they contain the secret key.
#[derive(Clone)]
pub struct Options {
    /// Juncture's base URL, reachable from this process and from the visitor's browser.
    pub juncture_url: String,
    /// Juncture's secret key; never sent to the browser.
    pub secret_key: String,
    /// The product's own URL; the same as Juncture's `DEFAULT_JIRA_SITE_REDIRECT_URI`.
    pub product_url: String,
}

/// A running demo product. Dropping it stops the server.
#[derive(Debug)]
pub struct Demo {
    server: JoinHandle<()>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves the product on `listener`. Fails if Juncture's URL is invalid.
pub async fn start(listener: TcpListener, options: Options) -> anyhow::Result<Demo> {
    let juncture_url = Url::parse(&options.juncture_url).context("the URL of Juncture")?;
    let product = Arc::new(Product {
        juncture: Juncture::new(&options.juncture_url, options.secret_key)?,
        juncture_origin: juncture_url.origin().ascii_serialization(),
        juncture_url: options.juncture_url.trim_end_matches('/').to_owned(),
        url: options.product_url,
    });
    let router = Router::new()
        .route("/", get(page::show))
        .route("/board", get(page::board))
        .merge(assets::routes())
        .route("/api/connection", get(page::connection).delete(page::disconnect))
        .route("/api/connect-token", post(page::connect_token))
        .route("/api/forms", post(form::offer))
        .merge(jira::routes())
        .merge(board::routes())
        .merge(activity::routes())
        .merge(files::routes())
        .merge(people::routes())
        .with_state(product);
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the demo product stopped");
        }
    });
    Ok(Demo { server })
}
