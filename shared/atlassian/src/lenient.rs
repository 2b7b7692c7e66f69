//! Lenient JSON parsing: a malformed value is dropped without affecting the values around it.
//!
//! The functions are for `#[serde(deserialize_with)]`, together with `#[serde(default)]`: a value of the expected
//! type is parsed, one of any other type becomes `None`. Nothing is buffered, because lists of issues are megabytes;
//! this is why the adapters of `serde_with` are not used, which buffer a value before they try it.

use std::fmt;
use std::marker::PhantomData;

use base::surrogates::replace_lone;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `f64` represents every integer up to this one exactly: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Parses JSON, tolerating two defects that would otherwise fail the whole document: a lone surrogate, as in text
/// that was cut in the middle of an emoji, becomes U+FFFD, as in browsers; and of duplicate names in an object, the
/// last wins.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body).or_else(|error| {
        let text = String::from_utf8_lossy(body);
        let value: serde_json::Result<Value> = serde_json::from_str(&replace_lone(&text));
        value.and_then(serde_json::from_value).map_err(|_| error)
    })
}

/// Returns a value that is a string.
pub fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Returns a value that is an id: a string, or an integer as a string.
pub fn id_of(value: &Value) -> Option<String> {
    text_of(value).or_else(|| value.as_i64().map(|number| number.to_string()))
}

/// Deserializes a string.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(read::<D, Text>(from)?.map(|Text(text)| text))
}

/// Deserializes a string or an integer as a string: the same id is a string in one response and a number in another.
pub fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(read::<D, Id>(from)?.map(|Id(id)| id))
}

/// Deserializes an integer, or a string of digits.
pub fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(read::<D, Integer>(from)?.map(|Integer(number)| number))
}

/// Deserializes a finite number, or a string that contains one.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(read::<D, Number>(from)?.map(|Number(number)| number))
}

/// Deserializes a boolean.
pub fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(read::<D, Flag>(from)?.map(|Flag(flag)| flag))
}

/// Deserializes an object.
pub fn object<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(read::<D, Object<T>>(from)?.map(|Object(object)| object))
}

/// Deserializes the strings of a list, skipping other elements. Anything but a list becomes an empty one.
pub fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let texts: Option<List<Text>> = read(from)?;
    Ok(texts.into_iter().flat_map(|List(texts)| texts).flatten().map(|Text(text)| text).collect())
}

/// Deserializes a list of objects; other elements become `None`. Anything but a list becomes an empty one.
pub fn any_objects<'de, D, T>(from: D) -> Result<Vec<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects: Option<List<Object<T>>> = read(from)?;
    let objects = objects.into_iter().flat_map(|List(objects)| objects);
    Ok(objects.map(|object| object.map(|Object(object)| object)).collect())
}

/// Deserializes a list of objects; other elements become `None`. Anything but a list is an error, so that it is not
/// mistaken for an empty one.
pub fn objects<'de, D, T>(from: D) -> Result<Vec<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects: Option<List<Object<T>>> = read(from)?;
    let List(objects) = objects.ok_or_else(|| serde::de::Error::custom("not a list"))?;
    Ok(objects.into_iter().map(|object| object.map(|Object(object)| object)).collect())
}

fn read<'de, D: Deserializer<'de>, W: Wanted<'de>>(from: D) -> Result<Option<W>, D::Error> {
    from.deserialize_any(Tolerant(PhantomData))
}

/// An expected type, and the JSON types that it can be converted from.
trait Wanted<'de>: Sized {
    fn of_text(_: &str) -> Option<Self> {
        None
    }

    fn of_integer(_: i64) -> Option<Self> {
        None
    }

    fn of_number(number: f64) -> Option<Self> {
        let is_whole = number.fract() == 0.0 && number.abs() <= EXACT;
        if is_whole { Self::of_integer(number as i64) } else { None }
    }

    fn of_flag(_: bool) -> Option<Self> {
        None
    }

    fn of_map<A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

struct Text(String);

impl Wanted<'_> for Text {
    fn of_text(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }
}

struct Id(String);

impl Wanted<'_> for Id {
    fn of_text(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }

    fn of_integer(number: i64) -> Option<Self> {
        Some(Self(number.to_string()))
    }
}

struct Integer(i64);

impl Wanted<'_> for Integer {
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn of_integer(number: i64) -> Option<Self> {
        Some(Self(number))
    }
}

struct Number(f64);

impl Wanted<'_> for Number {
    fn of_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().and_then(Self::of_number)
    }

    fn of_integer(number: i64) -> Option<Self> {
        Some(Self(number as f64))
    }

    fn of_number(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number))
    }
}

struct Flag(bool);

impl Wanted<'_> for Flag {
    fn of_flag(flag: bool) -> Option<Self> {
        Some(Self(flag))
    }
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Wanted<'de> for Object<T> {
    fn of_map<A: MapAccess<'de>>(map: A) -> Result<Option<Self>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|object| Some(Self(object)))
    }
}

struct List<W>(Vec<Option<W>>);

impl<'de, W: Wanted<'de>> Wanted<'de> for List<W> {
    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut elements = Vec::new();
        while let Some(Element(element)) = list.next_element()? {
            elements.push(element);
        }
        Ok(Some(Self(elements)))
    }
}

struct Element<W>(Option<W>);

impl<'de, W: Wanted<'de>> Deserialize<'de> for Element<W> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from).map(Self)
    }
}

struct Tolerant<W>(PhantomData<W>);

impl<'de, W: Wanted<'de>> Visitor<'de> for Tolerant<W> {
    type Value = Option<W>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(W::of_flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(W::of_integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| W::of_number(number as f64), W::of_integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(W::of_number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(W::of_text(text))
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        read(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        W::of_list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        W::of_map(map)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        #[serde(deserialize_with = "text")]
        text: Option<String>,
        #[serde(deserialize_with = "id")]
        id: Option<String>,
        #[serde(deserialize_with = "integer")]
        integer: Option<i64>,
        #[serde(deserialize_with = "number")]
        number: Option<f64>,
        #[serde(deserialize_with = "flag")]
        flag: Option<bool>,
        #[serde(deserialize_with = "object")]
        object: Option<Box<Answer>>,
        #[serde(deserialize_with = "texts")]
        texts: Vec<String>,
        #[serde(deserialize_with = "any_objects")]
        objects: Vec<Option<Answer>>,
    }

    const NAMES: [&str; 8] = ["text", "id", "integer", "number", "flag", "object", "texts", "objects"];

    /// Deserializes both from bytes, as a response is read, and from a [`Value`], because both are in use.
    fn each_way(value: Value) -> [Answer; 2] {
        [
            serde_json::from_slice(value.to_string().as_bytes()).unwrap(),
            serde_json::from_value(value).unwrap(),
        ]
    }

    #[test]
    fn a_value_of_the_wrong_type_is_none_and_affects_nothing_else() {
        let odd = [
            json!(null),
            json!(true),
            json!(7),
            json!(-7.5),
            json!(u64::MAX),
            json!("seven"),
            json!([null, [1], { "text": [] }]),
            json!({ "text": { "text": "deep" }, "id": [] }),
        ];
        for name in NAMES {
            for value in &odd {
                let mut object = json!({ "text": "a", "id": "b", "integer": 1, "number": 1.5, "flag": true });
                object["object"] = json!({ "text": "c" });
                object["texts"] = json!(["d"]);
                object["objects"] = json!([{ "text": "e" }]);
                object[name] = value.clone();
                for read in each_way(object) {
                    let kept = [
                        read.text.as_deref() == Some("a"),
                        read.id.as_deref() == Some("b"),
                        read.integer == Some(1),
                        read.number == Some(1.5),
                        read.flag == Some(true),
                        read.object.is_some_and(|object| object.text.as_deref() == Some("c")),
                        read.texts == ["d"],
                        read.objects.len() == 1 && read.objects[0].is_some(),
                    ];
                    let others = NAMES.iter().zip(kept).filter(|(other, _)| **other != name);
                    assert!(others.into_iter().all(|(_, kept)| kept), "{name}: {value}");
                }
            }
        }
    }

    #[test]
    fn only_the_lone_surrogate_is_replaced() {
        let read = |json: &[u8]| from_slice::<Value>(json).ok();
        for (json, text) in [
            (&br#"["a\ud83d"]"#[..], "a\u{fffd}"),
            (br#"["\uDE00b"]"#, "\u{fffd}b"),
            (br#"["\ud83d\ud83d\ude00"]"#, "\u{fffd}\u{1f600}"),
            (br#"["\ud83dx\ude00"]"#, "\u{fffd}x\u{fffd}"),
            (br#"["\\ud83d \ud83d"]"#, "\\ud83d \u{fffd}"),
            (br#"["\ud83d\\ude00"]"#, "\u{fffd}\\ude00"),
            (b"[\"a\xed\xa0\xbd\"]", "a\u{fffd}\u{fffd}\u{fffd}"),
            (b"[\"\xff\\u00e9\"]", "\u{fffd}é"),
        ] {
            assert_eq!(read(json), Some(json!([text])), "{}", String::from_utf8_lossy(json));
        }
        for no_json in
            [&br#"["\ud83d"#[..], br#"["\u12"]"#, b"\xff", b"", br"\", br"[\u", "[\"\\é".as_bytes()]
        {
            assert_eq!(read(no_json), None, "{}", String::from_utf8_lossy(no_json));
        }
    }

    #[test]
    fn the_last_of_duplicate_names_wins() {
        assert!(serde_json::from_str::<Answer>(r#"{"id":1,"id":2}"#).is_err());
        let read: Answer = from_slice(br#"{"id":1,"object":{"text":"a","text":"b"},"id":2}"#).unwrap();
        assert_eq!(read.id.as_deref(), Some("2"));
        assert_eq!(read.object.unwrap().text.as_deref(), Some("b"));
    }

    #[test]
    fn equivalent_types_are_converted() {
        for (name, value, expected) in [
            ("id", json!(10_001), json!(["10001"])),
            ("id", json!(10_001.0), json!(["10001"])),
            ("id", json!(1.5), json!([null])),
            ("text", json!(10_001), json!([null])),
            ("integer", json!("12"), json!([12])),
            ("integer", json!(12.0), json!([12])),
            ("integer", json!(12.5), json!([null])),
            ("integer", json!("12.0"), json!([null])),
            ("number", json!("3599.5"), json!([3599.5])),
            ("number", json!("inf"), json!([null])),
            ("number", json!(u64::MAX), json!([u64::MAX as f64])),
        ] {
            for read in each_way(json!({ name: value.clone() })) {
                let found = match name {
                    "id" => json!([read.id]),
                    "text" => json!([read.text]),
                    "integer" => json!([read.integer]),
                    _ => json!([read.number]),
                };
                assert_eq!(found, expected, "{name}: {value}");
            }
        }
    }

    #[test]
    fn lists_keep_valid_elements_and_objects_their_positions() {
        for read in each_way(json!({ "texts": [null, "a", 1, ["b"], "c"], "objects": [null, {}, [], "x"] })) {
            assert_eq!(read.texts, ["a", "c"]);
            assert_eq!(
                read.objects.iter().map(Option::is_some).collect::<Vec<_>>(),
                [false, true, false, false]
            );
        }
        #[derive(Deserialize)]
        struct Page {
            #[serde(deserialize_with = "objects")]
            values: Vec<Option<Answer>>,
        }
        let page: Page = serde_json::from_value(json!({ "values": [1, {}] })).unwrap();
        assert_eq!(page.values.len(), 2);
        for no_list in
            [json!({}), json!({ "values": null }), json!({ "values": {} }), json!({ "values": "" })]
        {
            assert!(serde_json::from_value::<Page>(no_list).is_err(), "not a list");
        }
    }
}
