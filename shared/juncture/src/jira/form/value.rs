//! Converts the values that callers send to the JSON that Jira expects.
//!
//! The formats of Jira that are easy to get wrong: a sprint is a bare number although the field is a list, a team a
//! bare string, a time has an offset without a colon, and a list has to be a list even for one value
//! (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/>).

use atlassian::lenient::id_of;
use atlassian::{IssueRef, is_number, timestamp};
use base::display::shown;
use serde_json::{Map, Value, json};
use time::Date;
use time::format_description::well_known::Iso8601;
use url::Url;

use super::kind::Kind;
use crate::error::{Error, Result};
use crate::jira::ids::is_account_id;
use crate::jira::names::{MAX_NAME_SHOWN, is_same_name, listed};

/// Maximum length of a line of text, and of a label.
const MAX_LINE: usize = 255;

/// The field that a value is for.
pub(super) struct Target<'a> {
    /// The kind of its values.
    pub(super) kind: Kind,
    /// The values to choose from, if the screen lists any.
    pub(super) allowed: Option<&'a [Value]>,
    /// Under which name Jira looks a value up that is not in a list.
    pub(super) lookup: &'static str,
    /// The caller's name for the field, for error messages.
    pub(super) name: &'a str,
}

/// Converts a value to Jira's format. Rich text is not converted here.
///
/// An object is accepted wherever Jira has one, in Jira's own format.
pub(super) fn convert(target: &Target<'_>, value: Value) -> Result<Value> {
    let kind = target.kind;
    let wrong = || wrong(target);
    if value.is_null() {
        return Ok(if kind.is_list() { json!([]) } else { Value::Null });
    }
    match (kind, value) {
        (Kind::Text, Value::String(text)) => {
            let line = adf::one_line(&text);
            let is_fine = !line.contains('\n') && line.encode_utf16().count() <= MAX_LINE;
            if is_fine { Ok(line.into()) } else { Err(wrong()) }
        }
        (Kind::Url, Value::String(text)) => match Url::parse(text.trim()) {
            Ok(url) if !url.cannot_be_a_base() => Ok(text.trim().into()),
            _ => Err(wrong()),
        },
        (Kind::Number, number @ Value::Number(_)) => Ok(number),
        (Kind::Date, Value::String(text)) if is_date(&text) => Ok(text.into()),
        (Kind::DateTime, Value::String(text)) => {
            let at = timestamp::moment(&text).ok_or_else(wrong)?;
            Ok(timestamp::for_jira(at).into())
        }
        (Kind::Choice, value) => choice(target, value),
        (Kind::Choices, Value::Array(values)) => {
            values.into_iter().map(|value| choice(target, value)).collect()
        }
        (Kind::Cascade, value) => cascade(target, value),
        (Kind::User, value) => user(value).ok_or_else(wrong),
        (Kind::Users, Value::Array(values)) => {
            values.into_iter().map(user).collect::<Option<_>>().ok_or_else(wrong)
        }
        (Kind::Group, value) => group(value).ok_or_else(wrong),
        (Kind::Groups, Value::Array(values)) => {
            values.into_iter().map(group).collect::<Option<_>>().ok_or_else(wrong)
        }
        (Kind::Labels, value) => labels(&value).ok_or_else(wrong),
        (Kind::Issue, Value::String(text)) => issue(&text).ok_or_else(wrong),
        (Kind::Issue, value @ Value::Object(_)) => Ok(value),
        (Kind::TimeTracking, Value::Object(times)) => estimates(times).ok_or_else(wrong),
        (Kind::Sprint, value) => {
            let id = id_of(&value).filter(|id| is_number(id)).and_then(|id| id.parse::<i64>().ok());
            id.map(Value::from).ok_or_else(wrong)
        }
        (Kind::Team, Value::String(text)) if !text.trim().is_empty() => Ok(text.trim().into()),
        (Kind::Other, value) => Ok(value),
        _ => Err(wrong()),
    }
}

fn wrong(target: &Target<'_>) -> Error {
    Error::bad_request(format!("{} must be {}", target.name, target.kind.takes()))
}

/// The names under which Jira's objects have their name.
const NAMES: [&str; 3] = ["value", "name", "key"];

/// The name of an allowed value.
pub(super) fn name_of(value: &Value) -> Option<&str> {
    NAMES.iter().find_map(|name| value[*name].as_str())
}

/// Finds an allowed value by its name, its id, or its name in another case, if only one has it.
fn find<'a>(text: &str, allowed: &'a [Value]) -> Option<&'a Value> {
    let by_name = allowed.iter().find(|value| name_of(value) == Some(text));
    let by_id = || allowed.iter().find(|value| id_of(&value["id"]).as_deref() == Some(text));
    let in_other_case = || {
        let is_same = |value: &&Value| name_of(value).is_some_and(|name| is_same_name(name, text));
        let mut found = allowed.iter().filter(is_same);
        found.next().filter(|_| found.next().is_none())
    };
    by_name.or_else(by_id).or_else(in_other_case)
}

fn choice(target: &Target<'_>, value: Value) -> Result<Value> {
    if value.is_object() {
        return Ok(value);
    }
    let text = id_of(&value).ok_or_else(|| wrong(target))?;
    let Some(allowed) = target.allowed else { return Ok(unlisted(target, &text)) };
    let found = find(&text, allowed).ok_or_else(|| not_allowed(target.name, &text, allowed))?;
    Ok(reference(found))
}

/// The reference to a value of which there is no list: only Jira knows whether it exists.
fn unlisted(target: &Target<'_>, text: &str) -> Value {
    if is_number(text) { json!({ "id": text }) } else { json!({ target.lookup: text }) }
}

/// The reference to an allowed value: by id, which survives that it is renamed.
fn reference(value: &Value) -> Value {
    match id_of(&value["id"]) {
        Some(id) => json!({ "id": id }),
        None => value.clone(),
    }
}

fn not_allowed(name: &str, text: &str, allowed: &[Value]) -> Error {
    let names: Vec<&str> = allowed.iter().filter_map(name_of).collect();
    must_be_one_of(name, text, &names)
}

fn must_be_one_of<N: AsRef<str>>(name: &str, text: &str, allowed: &[N]) -> Error {
    let text = shown(text, MAX_NAME_SHOWN);
    Error::bad_request(format!("{name} cannot be \"{text}\"; it must be one of: {}", listed(allowed)))
}

/// What separates an option from the one below it.
const BELOW: &str = " > ";

/// An option, and possibly one below it: `Parent`, `Parent > Child` or `["Parent", "Child"]`.
fn cascade(target: &Target<'_>, value: Value) -> Result<Value> {
    match value {
        Value::Object(_) => Ok(value),
        Value::String(text) => {
            let Some(allowed) = target.allowed else {
                let (parent, child) = text.split_once(BELOW).map_or((&*text, None), |(a, b)| (a, Some(b)));
                return Ok(unlisted_cascade(target, parent, child));
            };
            // The whole text may be the name of an option that contains the separator.
            if let Some(alone) = find(&text, allowed) {
                return Ok(reference(alone));
            }
            let splits =
                || text.match_indices(BELOW).map(|(at, found)| (&text[..at], &text[at + found.len()..]));
            let both = splits().find_map(|(parent, child)| both(find(parent, allowed)?, child));
            both.ok_or_else(|| {
                let parent = splits().find_map(|(parent, _)| find(parent, allowed));
                not_below(target.name, &text, parent, allowed)
            })
        }
        Value::Array(texts) => {
            let texts = texts.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
            let (parent, child) = match texts.as_deref() {
                Some(&[parent]) => (parent, None),
                Some(&[parent, child]) => (parent, Some(child)),
                _ => return Err(wrong(target)),
            };
            let Some(allowed) = target.allowed else { return Ok(unlisted_cascade(target, parent, child)) };
            let found = find(parent, allowed).ok_or_else(|| not_allowed(target.name, parent, allowed))?;
            match child {
                None => Ok(reference(found)),
                Some(child) => both(found, child).ok_or_else(|| {
                    not_below(target.name, &[parent, child].join(BELOW), Some(found), allowed)
                }),
            }
        }
        _ => Err(wrong(target)),
    }
}

/// The reference to an option and one below it, if there is one of this name or id.
fn both(parent: &Value, child: &str) -> Option<Value> {
    let child = find(child, parent["children"].as_array()?)?;
    let mut both = reference(parent);
    both["child"] = reference(child);
    Some(both)
}

fn unlisted_cascade(target: &Target<'_>, parent: &str, child: Option<&str>) -> Value {
    let mut value = unlisted(target, parent);
    if let Some(child) = child {
        value["child"] = unlisted(target, child);
    }
    value
}

/// The error for a text that names no pair of options: what is below its first one, if that exists.
fn not_below(name: &str, text: &str, parent: Option<&Value>, allowed: &[Value]) -> Error {
    let Some(parent) = parent else { return not_allowed(name, text, allowed) };
    let own = name_of(parent).unwrap_or_default();
    let children = parent["children"].as_array().into_iter().flatten().filter_map(name_of);
    let children = children.map(|child| [own, child].join(BELOW));
    let names: Vec<String> = std::iter::once(own.to_owned()).chain(children).collect();
    must_be_one_of(name, text, &names)
}

fn user(value: Value) -> Option<Value> {
    match value {
        Value::String(id) => is_account_id(&id).then(|| json!({ "accountId": id })),
        Value::Object(_) => Some(value),
        _ => None,
    }
}

fn group(value: Value) -> Option<Value> {
    match value {
        Value::String(name) => (!name.trim().is_empty()).then(|| json!({ "name": name })),
        Value::Object(_) => Some(value),
        _ => None,
    }
}

/// A list of labels, in which Jira allows no white space.
pub(in crate::jira) fn labels(value: &Value) -> Option<Value> {
    let is_label = |value: &Value| {
        value.as_str().is_some_and(|label| {
            !label.is_empty()
                && label.encode_utf16().count() <= MAX_LINE
                && !label.contains(char::is_whitespace)
                && !label.contains(char::is_control)
        })
    };
    let labels = value.as_array()?;
    labels.iter().all(is_label).then(|| labels.clone().into())
}

/// Whether a text is a day: `2026-11-30`.
pub(in crate::jira) fn is_date(text: &str) -> bool {
    text.len() == 10 && !text.contains('W') && Date::parse(text, &Iso8601::DATE).is_ok()
}

/// A reference to an issue by id or key.
pub(in crate::jira) fn issue(text: &str) -> Option<Value> {
    let issue = IssueRef::parse(text).ok()?;
    let name = if is_number(issue.as_str()) { "id" } else { "key" };
    Some(json!({ name: issue.as_str() }))
}

fn estimates(times: Map<String, Value>) -> Option<Value> {
    let is_time = |(name, value): (&String, &Value)| {
        matches!(name.as_str(), "originalEstimate" | "remainingEstimate") && value.is_string()
    };
    (!times.is_empty() && times.iter().all(is_time)).then(|| times.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(kind: Kind, value: Value, allowed: Option<&[Value]>) -> Result<Value, String> {
        let target = Target { kind, allowed, lookup: "name", name: "Field" };
        convert(&target, value).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn values_become_what_jira_takes() {
        for (kind, value, jira) in [
            (Kind::Text, json!("one line"), json!("one line")),
            (Kind::Url, json!(" https://example.com/a "), json!("https://example.com/a")),
            (Kind::Number, json!(12.5), json!(12.5)),
            (Kind::Date, json!("2026-11-30"), json!("2026-11-30")),
            (Kind::DateTime, json!("2026-11-30T10:00:00+01:00"), json!("2026-11-30T09:00:00.000+0000")),
            (Kind::User, json!("5b10:a"), json!({ "accountId": "5b10:a" })),
            (Kind::Users, json!(["5b10:a"]), json!([{ "accountId": "5b10:a" }])),
            (Kind::Group, json!("crew"), json!({ "name": "crew" })),
            (Kind::Groups, json!(["crew"]), json!([{ "name": "crew" }])),
            (Kind::Labels, json!(["a", "b"]), json!(["a", "b"])),
            (Kind::Issue, json!("ship-1"), json!({ "key": "SHIP-1" })),
            (Kind::Issue, json!("10101"), json!({ "id": "10101" })),
            (Kind::TimeTracking, json!({ "originalEstimate": "2h" }), json!({ "originalEstimate": "2h" })),
            (Kind::Sprint, json!(37), json!(37)),
            (Kind::Sprint, json!("37"), json!(37)),
            (Kind::Team, json!("a-b"), json!("a-b")),
            (Kind::Choice, json!("10"), json!({ "id": "10" })),
            (Kind::Choice, json!("High"), json!({ "name": "High" })),
            (Kind::Choice, json!({ "value": "High" }), json!({ "value": "High" })),
            (Kind::Other, json!([{ "objectId": 1 }]), json!([{ "objectId": 1 }])),
            (Kind::Labels, json!(null), json!([])),
            (Kind::Choices, json!(null), json!([])),
            (Kind::Sprint, json!(null), json!(null)),
            (Kind::User, json!(null), json!(null)),
        ] {
            assert_eq!(converted(kind, value.clone(), None), Ok(jira), "{kind:?} {value}");
        }
    }

    #[test]
    fn other_values_are_refused_with_what_the_field_takes() {
        let long = "a".repeat(256);
        for (kind, value) in [
            (Kind::Text, json!("two\nlines")),
            (Kind::Text, json!(long)),
            (Kind::Text, json!(7)),
            (Kind::Url, json!("example.com")),
            (Kind::Url, json!("mailto:a@example.com")),
            (Kind::Number, json!("12")),
            (Kind::Date, json!("30.11.2026")),
            (Kind::Date, json!("2026-02-30")),
            (Kind::Date, json!("2026-W48-1")),
            (Kind::DateTime, json!("2026-11-30")),
            (Kind::Choice, json!(["High"])),
            (Kind::Choices, json!("High")),
            (Kind::Cascade, json!(7)),
            (Kind::User, json!("a/b")),
            (Kind::Users, json!("5b10")),
            (Kind::Group, json!(" ")),
            (Kind::Labels, json!(["a b"])),
            (Kind::Labels, json!([""])),
            (Kind::Labels, json!("a")),
            (Kind::Labels, json!([long])),
            (Kind::Issue, json!("SHIP")),
            (Kind::TimeTracking, json!({ "spent": "2h" })),
            (Kind::TimeTracking, json!({})),
            (Kind::Sprint, json!("Sprint 1")),
            (Kind::Sprint, json!([37])),
            (Kind::Team, json!({ "id": "a-b" })),
        ] {
            let refused = converted(kind, value.clone(), None).unwrap_err();
            assert_eq!(refused, format!("Field must be {}", kind.takes()), "{value}");
        }
    }

    #[test]
    fn a_choice_is_found_by_name_or_id() {
        let allowed = [
            json!({ "id": "1", "value": "Minor" }),
            json!({ "id": "2", "value": "major" }),
            json!({ "id": "3", "value": "Major" }),
            json!({ "id": 4, "value": "1" }),
        ];
        for (given, id) in
            [("Minor", "1"), ("MINOR", "1"), ("Major", "3"), ("major", "2"), ("2", "2"), ("1", "4")]
        {
            assert_eq!(
                converted(Kind::Choice, json!(given), Some(&allowed)),
                Ok(json!({ "id": id })),
                "{given}"
            );
        }
        for given in ["MAJOR", "Blocker", ""] {
            let refused = converted(Kind::Choice, json!(given), Some(&allowed)).unwrap_err();
            assert!(refused.ends_with("it must be one of: Minor, major, Major, 1"), "{refused}");
        }
        let list = converted(Kind::Choices, json!(["Minor", 3, { "id": "9" }]), Some(&allowed));
        assert_eq!(list, Ok(json!([{ "id": "1" }, { "id": "3" }, { "id": "9" }])));
    }

    #[test]
    fn a_cascade_is_one_option_or_two() {
        let allowed = [
            json!({ "id": "1", "value": "Hull", "children": [{ "id": "11", "value": "Keel" }, { "id": "12", "value": "A > B" }] }),
            json!({ "id": "2", "value": "Mast > Top" }),
        ];
        let keel = json!({ "id": "1", "child": { "id": "11" } });
        for (given, jira) in [
            (json!("Hull"), json!({ "id": "1" })),
            (json!(["Hull"]), json!({ "id": "1" })),
            (json!("Mast > Top"), json!({ "id": "2" })),
            (json!("Hull > Keel"), keel.clone()),
            (json!("hull > 11"), keel.clone()),
            (json!(["Hull", "Keel"]), keel),
            (json!("Hull > A > B"), json!({ "id": "1", "child": { "id": "12" } })),
            (json!({ "value": "Hull" }), json!({ "value": "Hull" })),
        ] {
            assert_eq!(converted(Kind::Cascade, given.clone(), Some(&allowed)), Ok(jira), "{given}");
        }
        for (given, said) in [
            (json!("Keel"), "must be one of: Hull, Mast > Top"),
            (json!(["Keel", "Hull"]), "must be one of: Hull, Mast > Top"),
            (json!("Hull > Mast"), "must be one of: Hull, Hull > Keel, Hull > A > B"),
            (json!(["Hull", "Mast"]), "must be one of: Hull, Hull > Keel, Hull > A > B"),
        ] {
            let refused = converted(Kind::Cascade, given, Some(&allowed)).unwrap_err();
            assert!(refused.ends_with(said), "{refused}");
        }
    }

    #[test]
    fn without_a_list_jira_decides_what_exists() {
        for (given, jira) in [
            (json!("Hull"), json!({ "name": "Hull" })),
            (json!("Hull > 11"), json!({ "name": "Hull", "child": { "id": "11" } })),
            (json!(["1", "A > B"]), json!({ "id": "1", "child": { "name": "A > B" } })),
        ] {
            assert_eq!(converted(Kind::Cascade, given.clone(), None), Ok(jira), "{given}");
        }
        assert!(converted(Kind::Cascade, json!(["a", "b", "c"]), None).is_err());
    }
}
