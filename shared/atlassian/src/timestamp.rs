//! Jira's timestamps.

use serde::Deserializer;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::lenient;

/// Converts a timestamp in either of Jira's formats (`…+0000` in issues, `…+01:00` in sprints) into the API's format,
/// `2024-01-01T00:00:00.000Z`. Anything else is returned unchanged.
pub fn utc(text: &str) -> String {
    let Some(at) = moment(text) else { return text.to_owned() };
    let (hour, minute, second, millisecond) = at.time().as_hms_milli();
    format!("{}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z", at.date())
}

/// Formats a timestamp for fields and worklogs of Jira, which accept milliseconds and an offset without a colon only:
/// `2024-01-01T00:00:00.000+0000` (<https://github.com/atlassian-api/atlassian-python-api/issues/579>).
pub fn for_jira(at: OffsetDateTime) -> String {
    let at = at.checked_to_offset(UtcOffset::UTC).unwrap_or(at);
    let (hour, minute, second, millisecond) = at.time().as_hms_milli();
    format!("{}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}+0000", at.date())
}

/// Parses a timestamp and converts it to UTC.
pub fn moment(text: &str) -> Option<OffsetDateTime> {
    let parsed = OffsetDateTime::parse(&with_colon(text), &Rfc3339);
    // Fails for the hours next to the largest and smallest year.
    parsed.ok()?.checked_to_offset(UtcOffset::UTC)
}

/// [`utc`] for `#[serde(deserialize_with)]`; a value that is not a string becomes `None`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(lenient::text(from)?.map(|text| utc(&text)))
}

/// Adds the colon that RFC 3339 requires in an offset.
fn with_colon(text: &str) -> String {
    match text.split_at_checked(text.len().saturating_sub(2)) {
        Some((rest, minutes)) if is_offset_hours(rest) => format!("{rest}:{minutes}"),
        _ => text.to_owned(),
    }
}

fn is_offset_hours(text: &str) -> bool {
    let end = text.len().checked_sub(3).and_then(|start| text.get(start..));
    text.contains('T') && end.is_some_and(|end| end.starts_with(['+', '-']) && !end.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::{for_jira, moment, utc};

    #[test]
    fn times_for_jira_have_an_offset_without_a_colon() {
        let at = moment("2026-11-30T10:00:00.5+01:00").unwrap();
        assert_eq!(for_jira(at), "2026-11-30T09:00:00.500+0000");
    }

    #[test]
    fn a_time_out_of_range_is_no_moment() {
        assert!(moment("9999-12-31T23:59:59Z").is_some());
        assert!(moment("9999-12-31T23:59:59-01:00").is_none());
    }

    #[test]
    fn times_are_written_in_utc() {
        for (jira, ours) in [
            ("2024-01-01T00:00:00.000+0000", "2024-01-01T00:00:00.000Z"),
            ("2024-01-01T00:30:00.123+0100", "2023-12-31T23:30:00.123Z"),
            ("2024-01-01T00:30:00.000-09:30", "2024-01-01T10:00:00.000Z"),
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000Z"),
            ("yesterday", "yesterday"),
            ("2024-01-01", "2024-01-01"),
            ("", ""),
            ("é", "é"),
        ] {
            assert_eq!(utc(jira), ours);
        }
    }
}
