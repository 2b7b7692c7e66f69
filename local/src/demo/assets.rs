//! The style and the scripts of the pages.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

/// The routes of files in `templates/demo`.
macro_rules! files {
    ($kind:literal: $($name:literal),+) => {
        [$((concat!("/", $name), concat!($kind, "; charset=utf-8"), include_str!(concat!("../../templates/demo/", $name)))),+]
    };
}

const STYLES: [(&str, &str, &str); 2] = files!("text/css": "style.css", "board.css");

const SCRIPTS: [(&str, &str, &str); 13] = files!("text/javascript":
    "demo.js", "dom.js", "projects.js", "issue.js", "create.js", "comments.js", "worklogs.js", "attachments.js", "assignee.js",
    "board.js", "moves.js", "drag.js", "fields.js");

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    STYLES.into_iter().chain(SCRIPTS).fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], text) }))
    })
}
