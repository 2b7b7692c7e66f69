//! The deserializer for requests. It visits all fields of a struct in declaration order, including those missing in the
//! request, so an error names the first wrong field, with the contract's message.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, Expected, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::check_value;
use crate::error::RequestError;

/// A value as it was sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Field {
    /// The field is missing.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// A string of any length, with any characters.
    Text(String),
    /// Anything else.
    Other(Value),
}

impl Field {
    /// Returns a boolean; absent and `null` are false, anything else is rejected.
    pub fn flag(&self, name: &str) -> Result<bool, RequestError> {
        match self {
            Self::Absent | Self::Null => Ok(false),
            Self::Text(_) => Err(not_a_flag(name)),
            Self::Other(value) => flag(value, name),
        }
    }
}

impl From<Value> for Field {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::String(text) => Self::Text(text),
            other => Self::Other(other),
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsItCame;

        impl<'de> Visitor<'de> for AsItCame {
            type Value = Field;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }

            fn visit_none<E>(self) -> Result<Field, E> {
                Ok(Field::Absent)
            }

            fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<Field, D::Error> {
                Value::deserialize(value).map(Field::from)
            }

            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(Field::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(AsItCame)
    }
}

/// A field that is required here but parsed elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub struct Present;

/// The source of a struct's fields.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A JSON object.
    Json(&'a Map<String, Value>),
    /// A query or a form; the values are already checked.
    Pairs(&'a BTreeMap<String, String>),
    /// No source: only collects the field names.
    Names(&'a RefCell<Vec<&'static str>>),
}

/// Returns the names of a struct's fields, in declaration order.
pub(super) fn names<T: for<'de> Deserialize<'de>>() -> Result<Vec<&'static str>, RequestError> {
    let names = RefCell::default();
    T::deserialize(Source::Names(&names))?;
    Ok(names.into_inner())
}

impl<'de> Source<'de> {
    fn value(self, name: &'static str) -> Given<'de> {
        match self {
            Self::Json(object) => object.get(name).map_or(Given::Absent, Given::Json),
            Self::Pairs(pairs) => pairs.get(name).map_or(Given::Absent, |text| Given::Text(text)),
            Self::Names(names) => {
                let mut names = names.borrow_mut();
                if !names.contains(&name) {
                    names.push(name);
                }
                Given::Placeholder
            }
        }
    }
}

impl<'de> Deserializer<'de> for Source<'de> {
    type Error = RequestError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RequestError> {
        let expected = (&visitor as &dyn Expected).to_string();
        // The default text of serde's derive, without `expecting`.
        let required = (!expected.starts_with("struct ")).then_some(expected);
        visitor.visit_seq(Fields { source: self, names: fields.iter(), required })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, RequestError> {
        visitor.visit_seq(Again(self))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, RequestError> {
        Err(RequestError::internal("a request is read into structs only"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple_struct map enum identifier ignored_any
    }
}

/// Passes the same source to each struct of a tuple.
struct Again<'de>(Source<'de>);

impl<'de> SeqAccess<'de> for Again<'de> {
    type Error = RequestError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, RequestError> {
        seed.deserialize(self.0).map(Some)
    }
}

/// The fields of one struct.
struct Fields<'de> {
    source: Source<'de>,
    names: std::slice::Iter<'static, &'static str>,
    /// What the message names if a field is missing; if not set, the field itself.
    required: Option<String>,
}

impl<'de> SeqAccess<'de> for Fields<'de> {
    type Error = RequestError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, RequestError> {
        let Some(name) = self.names.next() else { return Ok(None) };
        let field = OneField { name, given: self.source.value(name), required: self.required.as_deref() };
        seed.deserialize(field).map(Some)
    }
}

/// The value in the request for a field.
#[derive(Clone, Copy)]
enum Given<'de> {
    Absent,
    Json(&'de Value),
    Text(&'de str),
    /// Accepted by every type of field.
    Placeholder,
}

struct OneField<'de, 's> {
    name: &'static str,
    given: Given<'de>,
    required: Option<&'s str>,
}

impl<'de> OneField<'de, '_> {
    fn is_blank(&self) -> bool {
        match self.given {
            Given::Absent | Given::Text("") | Given::Json(Value::Null) => true,
            Given::Json(Value::String(text)) => text.is_empty(),
            Given::Json(_) | Given::Text(_) | Given::Placeholder => false,
        }
    }

    fn missing(&self) -> RequestError {
        RequestError::missing(self.required.unwrap_or(self.name))
    }

    fn text(&self) -> Result<&'de str, RequestError> {
        match self.given {
            Given::Json(Value::String(text)) => check_value(self.name, text, "field").map(|()| text.as_str()),
            Given::Json(_) => {
                Err(RequestError::malformed(format!("The field '{}' must be a string", self.name)))
            }
            Given::Text(text) => Ok(text),
            Given::Absent | Given::Placeholder => Ok(""),
        }
    }

    fn flag(&self) -> Result<bool, RequestError> {
        match self.given {
            Given::Absent | Given::Placeholder => Ok(false),
            Given::Json(value) => flag(value, self.name),
            Given::Text("true") => Ok(true),
            Given::Text("false" | "") => Ok(false),
            Given::Text(_) => Err(RequestError::malformed(format!("{} must be true or false", self.name))),
        }
    }
}

fn flag(value: &Value, name: &str) -> Result<bool, RequestError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(value) => Ok(*value),
        _ => Err(not_a_flag(name)),
    }
}

fn not_a_flag(name: &str) -> RequestError {
    RequestError::malformed(format!("The field '{name}' must be true or false"))
}

impl<'de> Deserializer<'de> for OneField<'de, '_> {
    type Error = RequestError;

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        if self.is_blank() { Err(self.missing()) } else { visitor.visit_borrowed_str(self.text()?) }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        if self.is_blank() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        visitor.visit_bool(self.flag()?)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, RequestError> {
        if self.is_blank() { Err(self.missing()) } else { visitor.visit_unit() }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RequestError> {
        match self.given {
            Given::Absent | Given::Placeholder => visitor.visit_none(),
            Given::Json(value) => visitor.visit_some(value).map_err(RequestError::internal),
            Given::Text(text) => visitor.visit_borrowed_str(text),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit newtype_struct seq tuple tuple_struct
        map struct enum identifier ignored_any
    }
}

impl de::Error for RequestError {
    fn custom<T: fmt::Display>(cause: T) -> Self {
        Self::internal(cause)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Named {
        external_id: String,
        issue: String,
        note: Option<String>,
        deep: bool,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(expecting = "external_id or provider")]
    struct Connection {
        external_id: String,
        provider: Present,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    struct Free {
        provider: Field,
        description: Field,
    }

    fn read<T: for<'de> Deserialize<'de>>(body: Value) -> Result<T, String> {
        let Value::Object(fields) = body else { panic!("an object") };
        T::deserialize(Source::Json(&fields)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_struct_defines_the_required_fields() {
        let whole = json!({ "external_id": "a", "issue": "b", "note": "c", "deep": true, "more": 1 });
        let note = Some("c".to_owned());
        let named = Named { external_id: "a".to_owned(), issue: "b".to_owned(), note, deep: true };
        assert_eq!(read(whole), Ok(named));
        for blank in [
            json!({ "external_id": "a", "issue": "b", "note": null, "deep": null }),
            json!({ "external_id": "a", "issue": "b", "note": "" }),
        ] {
            let named = read::<Named>(blank).unwrap();
            assert_eq!((named.note, named.deep), (None, false));
        }
        for (body, said) in [
            (json!({}), "Missing external_id"),
            (json!({ "external_id": "", "issue": "b" }), "Missing external_id"),
            (json!({ "external_id": "a", "issue": null }), "Missing issue"),
            (json!({ "external_id": 7 }), "The field 'external_id' must be a string"),
            (json!({ "external_id": "a\nb" }), "A field contains control characters"),
            (json!({ "external_id": "a", "issue": "b", "note": [] }), "The field 'note' must be a string"),
            (
                json!({ "external_id": "a", "issue": "b", "deep": "" }),
                "The field 'deep' must be true or false",
            ),
        ] {
            assert_eq!(read::<Named>(body.clone()), Err(said.to_owned()), "{body}");
        }
    }

    #[test]
    fn several_missing_fields_can_share_a_message() {
        for body in [json!({}), json!({ "external_id": "a" }), json!({ "external_id": "a", "provider": "" })]
        {
            assert_eq!(read::<Connection>(body), Err("Missing external_id or provider".to_owned()));
        }
        assert!(read::<Connection>(json!({ "external_id": "a", "provider": 7 })).is_ok(), "read elsewhere");
    }

    #[test]
    fn a_tuple_parses_the_same_request_into_each_struct() {
        let (connection, free): (Connection, Free) =
            read(json!({ "external_id": "a", "provider": 7, "description": "" })).unwrap();
        assert_eq!(connection.external_id, "a");
        assert_eq!(free, Free { provider: Field::Other(7.into()), description: Field::Text(String::new()) });
        assert_eq!(names::<(Connection, Free)>().unwrap(), ["external_id", "provider", "description"]);
        assert_eq!(names::<Named>().unwrap(), ["external_id", "issue", "note", "deep"]);
    }

    #[test]
    fn absent_null_empty_and_other_values_are_distinguished() {
        let description = |body: Value| read::<Free>(body).unwrap().description;
        assert_eq!(description(json!({})), Field::Absent);
        assert_eq!(description(json!({ "description": null })), Field::Null);
        assert_eq!(description(json!({ "description": "a\nb" })), Field::Text("a\nb".to_owned()));
        assert_eq!(description(json!({ "description": { "a": 1 } })), Field::Other(json!({ "a": 1 })));
        let flag = |value: Field| value.flag("sure").map_err(|error| error.to_string());
        assert_eq!((flag(Field::Null), flag(Field::Other(true.into()))), (Ok(false), Ok(true)));
        assert_eq!(
            flag(Field::Text(String::new())),
            Err("The field 'sure' must be true or false".to_owned())
        );
    }

    #[test]
    fn booleans_in_a_query_are_spelled_out() {
        let deep = |text: &str| {
            let pairs = [("external_id", "a"), ("issue", "b"), ("deep", text)];
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            Named::deserialize(Source::Pairs(&pairs))
                .map(|named| named.deep)
                .map_err(|error| error.to_string())
        };
        assert_eq!((deep("true"), deep("false"), deep("")), (Ok(true), Ok(false), Ok(false)));
        assert_eq!(deep("yes"), Err("deep must be true or false".to_owned()));
    }
}
