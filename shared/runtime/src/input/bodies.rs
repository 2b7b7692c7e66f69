//! The JSON bodies of routes, and how unknown fields are handled: a misspelled `prioritty_id` must not be silently
//! ignored.

use base::config::{FromSettings, Settings, SettingsError};
use base::crypto::sha256_hex;
use serde::de::DeserializeOwned;

use super::deserialize::names;
use super::json_body::JsonBody;
use super::pairs::query;
use super::shown;
use crate::Request;
use crate::added::set_warnings;
use crate::error::RequestError;

/// Maximum number of unknown fields that are named in a message; the rest is only counted.
const MAX_NAMED: usize = 20;

/// A route that accepts a JSON body.
#[derive(Clone, Copy)]
pub struct Route {
    name: &'static str,
    is_in_contract: bool,
}

impl Route {
    /// A route that rejects unknown fields. `name` is the last segment of its path.
    pub const fn of(name: &'static str) -> Self {
        Self { name, is_in_contract: false }
    }

    /// A route of the original Juncture, which ignored unknown fields, so its callers only get warnings.
    pub const fn of_contract(name: &'static str) -> Self {
        Self { name, is_in_contract: true }
    }

    /// Returns a digest that identifies a request to this route by its content.
    pub fn digest(self, content: &[u8]) -> String {
        sha256_hex(&[self.name.as_bytes(), b"\n", content].concat())
    }

    /// The last segment of the route's path.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// Returns a message for each unknown field, without a full stop.
    fn complaints(self, body: &JsonBody, known: &[&str]) -> Vec<String> {
        let Self { name: route, .. } = self;
        let unknown: Vec<_> = body.names().filter(|name| !known.contains(name)).collect();
        let named = unknown.iter().take(MAX_NAMED);
        let named = named.map(|name| format!("{} is not a field of {route}", shown(name)));
        let mut complaints: Vec<_> = named.collect();
        match unknown.len().saturating_sub(MAX_NAMED) {
            0 => {}
            1 => complaints.push(format!("one more field is not a field of {route}")),
            more => complaints.push(format!("{more} more fields are not fields of {route}")),
        }
        complaints
    }
}

/// Parses JSON bodies. Setting: `UNKNOWN_FIELDS`, `warn` or `refuse`, for all routes. If it is not set, the routes of
/// the contract warn and the others refuse.
pub struct JsonBodies {
    refuses: Option<bool>,
}

impl FromSettings for JsonBodies {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "UNKNOWN_FIELDS";
        let refuses = match settings.optional(name).map(|word| word.to_ascii_lowercase()).as_deref() {
            None => None,
            Some("warn") => Some(false),
            Some("refuse") => Some(true),
            Some(_) => {
                return Err(SettingsError::Invalid { name, reason: "must be warn or refuse".to_owned() });
            }
        };
        Ok(Self { refuses })
    }
}

impl JsonBodies {
    /// Parses the body of a request to a route. If unknown fields are not rejected, the response gets a list of
    /// `warnings`, even if it is an error. An error about unknown fields also names those that the route accepts.
    pub fn read<T: DeserializeOwned>(&self, request: &Request, route: Route) -> Result<T, RequestError> {
        self.fields(&JsonBody::of(request)?, route)
    }

    /// Like [`Self::read`], or like [`query`] if there is no body.
    pub fn read_or_query<T: DeserializeOwned>(
        &self,
        request: &Request,
        route: Route,
    ) -> Result<T, RequestError> {
        if request.body().is_empty() { query(request) } else { self.read(request, route) }
    }

    /// Like [`Self::read`]; also returns a digest that identifies the request: the [`JsonBody::digest`], which routes
    /// outside the contract combine with their name.
    pub fn read_with_digest<T: DeserializeOwned>(
        &self,
        request: &Request,
        route: Route,
    ) -> Result<(T, String), RequestError> {
        let body = JsonBody::of(request)?;
        let digest = body.digest();
        let digest = if route.is_in_contract { digest } else { route.digest(digest.as_bytes()) };
        Ok((self.fields(&body, route)?, digest))
    }

    fn fields<T: DeserializeOwned>(&self, body: &JsonBody, route: Route) -> Result<T, RequestError> {
        let known = names::<T>()?;
        let complaints = route.complaints(body, &known);
        if !complaints.is_empty() {
            if self.refuses.unwrap_or(!route.is_in_contract) {
                let complaints = complaints.join("; ");
                let known = known.join(", ");
                return Err(RequestError::malformed(format!("{complaints}. Its fields are: {known}")));
            }
            set_warnings(complaints);
        }
        body.read()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::Field;
    use super::*;

    const ROUTE: Route = Route::of_contract("create-ticket");

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its names count here")]
    struct Ticket {
        external_id: Option<String>,
        summary: Field,
    }

    fn refusal(setting: Option<&str>, route: Route, body: &Value) -> Option<String> {
        let setting = setting.map(|value| ("UNKNOWN_FIELDS".to_owned(), value.to_owned()));
        let bodies = JsonBodies::from_settings(&Settings::from_pairs(setting)).unwrap();
        let read = bodies.read::<Ticket>(&http::Request::new(body.to_string().into()), route);
        read.err().map(|error| error.to_string())
    }

    #[test]
    fn the_setting_overrides_the_default_of_each_route() {
        const NEW: Route = Route::of("add-comment");
        let body = json!({ "external_id": "a", "labels": [] });
        for (setting, old, new) in
            [(None, false, true), (Some("warn"), false, false), (Some("Refuse"), true, true)]
        {
            assert_eq!(refusal(setting, ROUTE, &body).is_some(), old, "{setting:?}");
            assert_eq!(refusal(setting, NEW, &body).is_some(), new, "{setting:?}");
            let known = json!({ "external_id": null, "summary": 7 });
            assert_eq!(refusal(setting, NEW, &known), None, "{setting:?}");
        }
        let settings = Settings::from_pairs([("UNKNOWN_FIELDS".to_owned(), "ignore".to_owned())]);
        assert!(JsonBodies::from_settings(&settings).is_err());
    }

    #[test]
    fn a_rejection_names_unknown_and_known_fields() {
        let body = json!({ "labels": [], "Summary": "a" });
        assert_eq!(
            refusal(Some("refuse"), ROUTE, &body).unwrap(),
            "Summary is not a field of create-ticket; labels is not a field of create-ticket. Its fields are: \
             external_id, summary"
        );
    }

    #[test]
    fn messages_about_unknown_fields_stay_short() {
        let many: Map<String, Value> =
            (0..1000).map(|number| (format!("{number:05}{}", "a".repeat(5000)), json!(1))).collect();
        let said = refusal(Some("refuse"), ROUTE, &many.into()).unwrap();
        assert!(said.len() < 2500, "{}", said.len());
        assert!(said.contains("980 more fields are not fields of create-ticket"), "{said}");
        let many: Map<String, Value> = (0..21).map(|number| (format!("f{number}"), json!(1))).collect();
        let said = refusal(Some("refuse"), ROUTE, &many.into()).unwrap();
        assert!(said.contains("; one more field is not a field of create-ticket."), "{said}");
    }
}
