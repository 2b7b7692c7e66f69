//! The forms on the page, each under an id, so that sending one twice has one effect.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};
use uuid::Uuid;

use super::problem::Problem;

/// The header with the form's id.
const HEADER: &str = "lantern-form";

/// A form that the page sends.
pub(super) struct Form(Uuid);

impl Form {
    /// The `Idempotency-Key` for what the form sends with a call. It depends on the content, so a form that is sent
    /// again after a lost response has one effect, and one that was changed in between is sent as it is now.
    pub(super) fn key(&self, call: &str, parts: &[&[u8]]) -> String {
        let mut context = Context::new(&SHA256);
        for part in [self.0.as_bytes(), call.as_bytes()].iter().chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Makes the id of a new form.
pub(super) async fn offer() -> Json<Value> {
    Json(json!({ "form": Uuid::new_v4() }))
}

impl<S: Sync> FromRequestParts<S> for Form {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let id = parts.headers.get(HEADER).and_then(|id| Uuid::try_parse_ascii(id.as_bytes()).ok());
        id.map(Self).ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST, "The form has no valid id. Load the page again.")
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Form;

    #[test]
    fn a_key_belongs_to_a_form_a_call_and_a_content() {
        let form = Form(Uuid::new_v4());
        let key = form.key("add-comment", &[b"ab", b"c"]);
        assert_eq!(key, form.key("add-comment", &[b"ab", b"c"]));
        let others = [
            Form(Uuid::new_v4()).key("add-comment", &[b"ab", b"c"]),
            form.key("add-worklog", &[b"ab", b"c"]),
            form.key("add-comment", &[b"a", b"bc"]),
        ];
        assert!(!others.contains(&key));
    }
}
