//! Parses queries, forms and JSON bodies into structs.

mod bodies;
mod deserialize;
mod distinct;
mod json_body;
mod pairs;
mod upload;

pub use bodies::{JsonBodies, Route};
pub use deserialize::{Field, Present};
pub use json_body::JsonBody;
pub use pairs::{form, query};
pub(crate) use upload::media_type;
pub use upload::{Upload, upload};

use base::display::is_deceptive;
use http::Request;
use lambda_http::Body;

use crate::error::RequestError;

/// Maximum length of a query parameter or a short field, in characters.
const MAX_VALUE_CHARACTERS: usize = 10_240;

/// How many characters of an unknown name are quoted in an error message.
const MAX_NAME_SHOWN: usize = 50;

/// Truncates a name from the caller for an error message, without characters that change how the message reads.
fn shown(name: &str) -> String {
    name.chars().filter(|character| !is_deceptive(*character)).take(MAX_NAME_SHOWN).collect()
}

fn body_bytes(request: &Request<Body>) -> &[u8] {
    match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    }
}

/// Rejects names and values with control characters, and those that are too long; `what` describes them in the message.
fn check_value(name: &str, value: &str, what: &str) -> Result<(), RequestError> {
    if name.chars().chain(value.chars()).any(char::is_control) {
        return Err(RequestError::malformed(format!("A {what} contains control characters")));
    }
    if name.len() > MAX_VALUE_CHARACTERS || value.chars().count() > MAX_VALUE_CHARACTERS {
        return Err(RequestError::too_large(format!(
            "A {what} is longer than {MAX_VALUE_CHARACTERS} characters"
        )));
    }
    Ok(())
}
