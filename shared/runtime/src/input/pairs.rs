//! Query strings and URL-encoded forms.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::deserialize::Source;
use super::{body_bytes, check_value, shown};
use crate::Request;
use crate::error::RequestError;

/// Maximum number of parameters. No route has that many, even with a few that third parties add to URLs.
const MAX_PAIRS: usize = 50;

/// Parses the query into a struct. Parameters that the struct does not have are ignored.
///
/// The types of the fields define what is accepted, here, in a form and in a JSON body:
///
/// - `String`: a required short string; absent, `null` and `""` are rejected with `Missing external_id`.
/// - `Option<String>`: a short string; absent, `null` and `""` are `None`.
/// - `bool`: absent and `null` are false; in a query or form it is spelled `true` or `false`.
/// - [`Field`](super::Field): the value as sent, for code that distinguishes absent, `null` and empty, or has its own
///   rules.
/// - [`Present`](super::Present): required like a `String`, but parsed by another struct.
///
/// Where the contract names several required fields in one message, the struct sets it with an attribute:
/// `#[serde(expecting = "external_id or provider")]` results in `Missing external_id or provider`. A tuple of structs
/// parses the same request into each of them.
///
/// # Errors
/// 400 for the first field that `T` does not accept, for a parameter that is given twice or contains control
/// characters, and for more than 50 parameters; 413 for one that is too long.
pub fn query<T: DeserializeOwned>(request: &Request) -> Result<T, RequestError> {
    let raw = request.uri().query().unwrap_or_default();
    T::deserialize(Source::Pairs(&read_pairs(raw.as_bytes(), "query parameter")?))
}

/// Parses a form (`application/x-www-form-urlencoded`), with the rules of [`query`].
pub fn form<T: DeserializeOwned>(request: &Request) -> Result<T, RequestError> {
    T::deserialize(Source::Pairs(&read_pairs(body_bytes(request), "field")?))
}

pub(super) fn read_pairs(raw: &[u8], what: &str) -> Result<BTreeMap<String, String>, RequestError> {
    let mut pairs = BTreeMap::new();
    for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let decoded = form_urlencoded::parse(pair).next();
        let Some((name, value)) = decoded else { continue };
        // The decoder replaces invalid UTF-8 with U+FFFD.
        if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
            return Err(RequestError::malformed(format!("A {what} is not valid UTF-8")));
        }
        check_value(&name, &value, what)?;
        if pairs.len() == MAX_PAIRS {
            return Err(RequestError::malformed(format!("There are more than {MAX_PAIRS} {what}s")));
        }
        if pairs.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            let name = shown(&name);
            return Err(RequestError::malformed(format!("The {what} '{name}' is given more than once")));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(expecting = "external_id or provider")]
    struct Connection {
        external_id: String,
        provider: String,
    }

    #[derive(Debug, Deserialize)]
    struct Lone {
        a: Option<String>,
    }

    fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
        let uri = format!("https://api.example.com/x?{text}");
        let request = http::Request::builder().uri(uri).body(Body::Empty).unwrap();
        query(&request).map_err(|error| error.to_string())
    }

    fn refusal(text: &str) -> String {
        read::<Lone>(text).err().unwrap_or_default()
    }

    #[test]
    fn missing_parameters_are_named_as_the_contract_names_them() {
        for missing in ["", "external_id=&provider=jira", "external_id=a"] {
            assert_eq!(read::<Connection>(missing).err().unwrap(), "Missing external_id or provider");
        }
        let connection = read::<Connection>("external_id=a%2Fb+c%25&provider=jira&x=1").unwrap();
        assert_eq!((connection.external_id.as_str(), connection.provider.as_str()), ("a/b c%", "jira"));
    }

    #[test]
    fn a_query_is_decoded_once_and_checked() {
        assert_eq!(read::<Lone>("a=%2541").unwrap().a.as_deref(), Some("%41"));
        assert_eq!(read::<Lone>("a=&b=1").unwrap().a, None);
        assert!(refusal("a=1&a=2").contains("more than once"));
        let long = "a".repeat(5000);
        assert!(refusal(&format!("{long}=1&{long}=2")).len() < 150);
        assert!(refusal("a=%00").contains("control characters"));
        assert!(refusal("a=%ff").contains("UTF-8"));
        assert!(refusal(&format!("a={}", "x".repeat(10_241))).contains("longer than"));
    }

    #[test]
    fn the_number_of_parameters_is_limited() {
        let many = |count| (0..count).map(|i| format!("a{i}=1")).collect::<Vec<_>>().join("&");
        assert!(read::<Lone>(&many(MAX_PAIRS)).is_ok());
        assert_eq!(refusal(&many(MAX_PAIRS + 1)), "There are more than 50 query parameters");
    }

    #[test]
    fn a_form_is_parsed_like_a_query() {
        let posted = |text: &str| form::<Lone>(&http::Request::new(Body::from(text)));
        assert_eq!(posted("a=b+c").unwrap().a.as_deref(), Some("b c"));
        let twice = posted("a=1&a=2").err().map(|error| error.to_string());
        assert_eq!(twice.as_deref(), Some("The field 'a' is given more than once"));
    }
}
