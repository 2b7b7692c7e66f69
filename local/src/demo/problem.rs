//! Errors that the page's script gets.

use axum::Json;
use axum::response::IntoResponse;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// An error for the page: `{"error": "…"}`, with a `form` if there is something to fill in.
pub(super) struct Problem {
    status: StatusCode,
    pub(super) sentence: String,
    /// Juncture's code, if it is Juncture's error.
    code: Option<String>,
    /// What a transition asks for: `{"transition_id": "5", "fields": […]}`.
    form: Option<Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into(), code: None, form: None }
    }

    /// An error that Juncture returned, with Jira's own messages where Juncture includes them.
    pub(super) fn told(status: StatusCode, answer: &Value) -> Self {
        let mut sentence = match answer["error"].as_str() {
            Some(error) => error.to_owned(),
            None => format!("Juncture answered with status {}.", status.as_u16()),
        };
        let messages = answer["details"]["messages"].as_array().into_iter().flatten();
        let fields = answer["details"]["fields"].as_object().into_iter().flat_map(|fields| fields.values());
        let words: Vec<_> = messages.chain(fields).filter_map(Value::as_str).collect();
        if !words.is_empty() {
            sentence = format!("{}. Jira says: {}", sentence.trim_end_matches('.'), words.join(" "));
        }
        // A wrong secret key is an error of the product, not of the visitor.
        let is_visitors = status.is_client_error() && status != StatusCode::UNAUTHORIZED;
        let details = &answer["details"];
        let code = answer["code"].as_str().map(str::to_owned);
        let form = (answer["code"] == "fields_required").then(
            || json!({ "transition_id": details["transition_id"], "fields": details["form"]["fields"] }),
        );
        Self { status: if is_visitors { status } else { StatusCode::BAD_GATEWAY }, sentence, code, form }
    }

    /// Whether it is the error of Juncture's with this code.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let mut body = json!({ "error": self.sentence });
        if let Some(form) = self.form {
            body["form"] = form;
        }
        (self.status, Json(body)).into_response()
    }
}
