//! The fields that a route takes in its JSON body, and what becomes of a field that it does not take: a misspelled
//! `prioritty_id` must not be ignored in silence.

use base::config::{FromSettings, Settings, SettingsError};

use super::Request;
use super::added::set_warnings;
use super::request::{JsonBody, shown};
use crate::error::RequestError;

/// More unknown fields than this are counted, not named.
const MAX_NAMED: usize = 20;

/// The fields of one route's body.
pub struct Fields {
    route: &'static str,
    names: &'static [&'static str],
    is_in_contract: bool,
}

impl Fields {
    /// Of a route that refuses any other field. `route` is the last segment of its path.
    pub const fn of(route: &'static str, names: &'static [&'static str]) -> Self {
        Self { route, names, is_in_contract: false }
    }

    /// Of a route that the original Juncture has: it ignored other fields, so its callers are warned.
    pub const fn of_contract(route: &'static str, names: &'static [&'static str]) -> Self {
        Self { route, names, is_in_contract: true }
    }

    /// A sentence for each field that is not among them, without a full stop.
    fn complaints(&self, body: &JsonBody) -> Vec<String> {
        let unknown: Vec<_> = body.names().filter(|name| !self.names.contains(name)).collect();
        let named = unknown
            .iter()
            .take(MAX_NAMED)
            .map(|name| format!("{} is not a field of {}", shown(name), self.route));
        let mut complaints: Vec<_> = named.collect();
        match unknown.len().saturating_sub(MAX_NAMED) {
            0 => {}
            1 => complaints.push(format!("one more field is not a field of {}", self.route)),
            more => complaints.push(format!("{more} more fields are not fields of {}", self.route)),
        }
        complaints
    }
}

/// Reads JSON bodies. Setting: `UNKNOWN_FIELDS`, which is `warn` or `refuse`, for every route; when it is absent, the
/// routes of the contract warn and the others refuse.
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
    /// Reads the body of a request. Where an unknown field is not refused, the answer will have a `warnings` list,
    /// whatever the answer is.
    ///
    /// # Errors
    /// As [`JsonBody::of`]; 400 that names the unknown fields and those that the route takes.
    pub fn read(&self, request: &Request, fields: &Fields) -> Result<JsonBody, RequestError> {
        let body = JsonBody::of(request)?;
        let complaints = fields.complaints(&body);
        if complaints.is_empty() {
            return Ok(body);
        }
        if self.refuses.unwrap_or(!fields.is_in_contract) {
            return Err(RequestError::malformed(format!(
                "{}. Its fields are: {}",
                complaints.join("; "),
                fields.names.join(", ")
            )));
        }
        set_warnings(complaints);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    const FIELDS: Fields = Fields::of_contract("create-ticket", &["external_id", "summary"]);

    fn read(setting: Option<&str>, fields: &Fields, body: &Value) -> Result<JsonBody, RequestError> {
        let setting = setting.map(|value| ("UNKNOWN_FIELDS".to_owned(), value.to_owned()));
        let bodies = JsonBodies::from_settings(&Settings::from_pairs(setting)).unwrap();
        bodies.read(&http::Request::new(body.to_string().into()), fields)
    }

    fn refusal(setting: Option<&str>, fields: &Fields, body: &Value) -> Option<String> {
        read(setting, fields, body).err().map(|error| error.to_string())
    }

    #[test]
    fn the_setting_decides_for_every_route_and_the_contract_where_it_is_absent() {
        const NEW: Fields = Fields::of("add-comment", &["external_id", "summary"]);
        let body = json!({ "external_id": "a", "labels": [] });
        for (setting, old, new) in
            [(None, false, true), (Some("warn"), false, false), (Some("Refuse"), true, true)]
        {
            assert_eq!(refusal(setting, &FIELDS, &body).is_some(), old, "{setting:?}");
            assert_eq!(refusal(setting, &NEW, &body).is_some(), new, "{setting:?}");
            let known = json!({ "external_id": null, "summary": 7 });
            assert_eq!(refusal(setting, &NEW, &known), None, "{setting:?}");
        }
        let settings = Settings::from_pairs([("UNKNOWN_FIELDS".to_owned(), "ignore".to_owned())]);
        assert!(JsonBodies::from_settings(&settings).is_err());
    }

    #[test]
    fn a_refusal_names_what_is_unknown_and_what_is_not() {
        let body = json!({ "labels": [], "Summary": "a" });
        assert_eq!(
            refusal(Some("refuse"), &FIELDS, &body).unwrap(),
            "Summary is not a field of create-ticket; labels is not a field of create-ticket. Its fields are: \
             external_id, summary"
        );
    }

    #[test]
    fn neither_a_long_name_nor_many_of_them_make_a_long_answer() {
        let many: Map<String, Value> =
            (0..1000).map(|number| (format!("{number:05}{}", "a".repeat(5000)), json!(1))).collect();
        let said = refusal(Some("refuse"), &FIELDS, &many.into()).unwrap();
        assert!(said.len() < 2500, "{}", said.len());
        assert!(said.contains("980 more fields are not fields of create-ticket"), "{said}");
        let many: Map<String, Value> = (0..21).map(|number| (format!("f{number}"), json!(1))).collect();
        let said = refusal(Some("refuse"), &FIELDS, &many.into()).unwrap();
        assert!(said.contains("; one more field is not a field of create-ticket."), "{said}");
    }
}
