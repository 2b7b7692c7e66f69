//! Files attached to an issue.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::form::Form;
use super::problem::Problem;
use super::product::{Answer, Product};
use super::workspace::Workspace;

/// Somewhat more than Juncture accepts, so that its own error is shown.
const MAX_BYTES: usize = 4 * 1024 * 1024 + 64 * 1024;

const ANY: &str = "application/octet-stream";

pub(super) fn routes() -> Router<Arc<Product>> {
    Router::new()
        .route("/api/issues/{key}/files", post(attach).layer(DefaultBodyLimit::max(MAX_BYTES)))
        .route("/api/files/{id}", get(open))
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Attaches the body as a file.
async fn attach(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    form: Form,
    Path(key): Path<String>,
    Query(Named { name }): Query<Named>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Answer {
    let content = content.map_err(|rejection| match rejection.status() {
        status @ StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "A file can have at most 4 MB."),
        status => Problem::new(status, "The file did not arrive completely. Try again."),
    })?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or(ANY);
    let kind = if is_sent_as(kind, &content) { kind } else { ANY };
    let query = [("issue_id_or_key", key.as_str()), ("file_name", name.as_str())];
    let once = form.key("add-attachment", &[key.as_bytes(), name.as_bytes(), kind.as_bytes(), &content]);
    product.juncture.attach(&workspace, &query, kind, content.clone(), &once).await.map(Json)
}

/// Whether a file can be sent under its own type. Not a form, which Juncture would read the workspace from, and not
/// text in another encoding than UTF-8, which API Gateway damages.
fn is_sent_as(kind: &str, content: &[u8]) -> bool {
    let kind = kind.trim().to_ascii_lowercase();
    let is_text = ["text/", "application/json", "application/javascript", "application/xml"];
    let is_text = is_text.iter().any(|text| kind.starts_with(text));
    !kind.starts_with("multipart/") && (!is_text || std::str::from_utf8(content).is_ok())
}

/// Sends the browser to the file on Atlassian's media host, whose URL is valid for a short time.
async fn open(
    State(product): State<Arc<Product>>,
    workspace: Workspace,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let answer = product.juncture.jira("get-attachment", &workspace, &[("attachment_id", &id)]).await?;
    let url = answer["url"].as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let url = url.ok_or_else(|| Problem::new(StatusCode::BAD_GATEWAY, "The file has no URL."))?.to_owned();
    let headers = [
        (LOCATION, url),
        (CACHE_CONTROL, "no-store".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    Ok((StatusCode::SEE_OTHER, headers))
}

#[cfg(test)]
mod tests {
    use super::is_sent_as;

    #[test]
    fn forms_and_damaged_text_lose_their_type() {
        assert!(is_sent_as("image/png", b"\xff"));
        assert!(is_sent_as("text/plain; charset=utf-8", "Möwe".as_bytes()));
        for kind in ["text/plain", "Application/JSON", "application/xml"] {
            assert!(!is_sent_as(kind, b"M\xf6we"), "{kind}");
        }
        assert!(!is_sent_as(" Multipart/Form-Data; boundary=x", b"--x--"));
    }
}
