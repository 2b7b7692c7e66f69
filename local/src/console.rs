//! A compact form of the functions' log lines for the terminal.

use serde_json::{Map, Value};

/// Fields that are the same on every line, or that the line already starts with.
const KNOWN: [&str; 9] =
    ["timestamp", "time", "level", "message", "fields", "target", "function", "span", "spans"];

/// One line for the terminal: time, function, level unless it is INFO, message, then the other fields. A line that
/// is not JSON is shown unchanged.
pub fn short(function: &str, line: &str) -> String {
    let Ok(Value::Object(mut entry)) = serde_json::from_str(line) else {
        return format!("{function}: {line}");
    };
    if let Some(Value::Object(fields)) = entry.remove("fields") {
        entry.extend(fields);
    }
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    // `2026-11-20T23:02:22.123Z`: the date is left out.
    let time = text("timestamp").get(11..19).unwrap_or_default();
    let mut parts = vec![time.to_owned(), format!("{function}:")];
    if !matches!(text("level"), "INFO" | "") {
        parts.push(text("level").to_owned());
    }
    parts.push(text("message").to_owned());
    parts.extend(rest(&entry));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn rest(entry: &Map<String, Value>) -> impl Iterator<Item = String> {
    let wanted = entry.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
    wanted.filter_map(|(name, value)| match value {
        Value::String(text) => Some(format!("{name}={text}")),
        Value::Number(_) | Value::Bool(_) => Some(format!("{name}={value}")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_shortened_and_other_lines_are_unchanged() {
        let line = r#"{"timestamp":"2026-11-20T23:02:22.123Z","level":"WARN","fields":{"message":"slow"},"status":200,"span":{"a":1}}"#;
        assert_eq!(short("get-x", line), "23:02:22 get-x: WARN slow status=200");
        assert_eq!(short("get-x", r#"{"level":"INFO","message":"done","ok":true}"#), "get-x: done ok=true");
        assert_eq!(short("get-x", "thread 'main' panicked"), "get-x: thread 'main' panicked");
        assert_eq!(short("get-x", r#"{"timestamp":"é"}"#), "get-x:");
    }
}
