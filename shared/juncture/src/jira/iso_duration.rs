//! ISO 8601 durations in requests and responses, in hours, minutes and seconds: `PT1H30M`.
//!
//! Days and weeks are refused: to Jira, a day is as long as the site's working day, and 24 hours would be wrong on every
//! site (<https://support.atlassian.com/jira-cloud-administration/docs/configure-time-tracking/>).

use std::fmt::Write as _;

use crate::error::{Error, Result};

/// The longest duration that is accepted, in minutes: 100,000 hours.
const MAX_MINUTES: u32 = 6_000_000;

/// Parses a duration in whole minutes, which may be zero; an error names the field. Jira's unit is a minute, and it
/// refuses a worklog of less than one (<https://github.com/dogawaf/jira-toggl/issues/6>).
pub(super) fn minutes(text: &str, field: &str) -> Result<u32> {
    let refused = |sentence: &str| Error::bad_request(format!("{field} {sentence}"));
    let Some(designators) = text.strip_prefix('P') else {
        return Err(refused(if text.starts_with(['-', '+']) {
            "must not have a sign: send a duration such as PT1H30M"
        } else {
            "must be an ISO 8601 duration of hours and minutes, such as PT1H30M"
        }));
    };
    let (date, time) = designators.split_once('T').unwrap_or((designators, ""));
    if !date.is_empty() && date.ends_with(['D', 'W', 'M', 'Y']) {
        return Err(refused(
            "must be in hours and minutes, such as PT8H: how long a working day is differs between Jira sites",
        ));
    }
    let seconds = Some(time)
        .filter(|_| date.is_empty())
        .and_then(seconds)
        .ok_or_else(|| refused("must be an ISO 8601 duration of whole hours and minutes, such as PT1H30M"))?;
    if seconds % 60 != 0 {
        return Err(refused("must be whole minutes, such as PT1M: Jira takes nothing shorter"));
    }
    u32::try_from(seconds / 60)
        .ok()
        .filter(|minutes| *minutes <= MAX_MINUTES)
        .ok_or_else(|| refused("must be at most PT100000H"))
}

/// Like [`minutes`], for a duration that must not be zero.
pub(super) fn some_minutes(text: &str, field: &str) -> Result<u32> {
    match minutes(text, field)? {
        0 => Err(Error::bad_request(format!("{field} must be at least a minute, PT1M"))),
        minutes => Ok(minutes),
    }
}

/// Parses what follows `PT`. A number that is too large counts as the largest one.
fn seconds(time: &str) -> Option<u64> {
    let (mut rest, mut total) = (time, None);
    for (designator, unit) in [('H', 3600_u64), ('M', 60), ('S', 1)] {
        let Some((number, after)) = rest.split_once(designator) else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let amount = number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit);
        // Too large remains whole minutes, so that the message is about the size.
        total = Some(total.unwrap_or(0_u64).saturating_add(amount.min(u64::MAX / 240 * 60)));
        rest = after;
    }
    total.filter(|_| rest.is_empty())
}

/// Formats a number of seconds; `None` if it is negative.
pub(super) fn iso(seconds: i64) -> Option<String> {
    let seconds = u64::try_from(seconds).ok()?;
    let mut text = "PT".to_owned();
    for (amount, designator) in [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M'), (seconds % 60, 'S')] {
        if amount > 0 || (seconds == 0 && designator == 'S') {
            // Writing to a string cannot fail.
            let _ = write!(text, "{amount}{designator}");
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> String {
        some_minutes(text, "time_spent").err().map(|error| error.message().to_owned()).unwrap_or_default()
    }

    #[test]
    fn durations_are_hours_and_minutes() {
        for (text, read) in [
            ("PT1H30M", 90),
            ("PT90M", 90),
            ("PT8H", 480),
            ("PT5400S", 90),
            ("PT1H0M60S", 61),
            ("PT001M", 1),
            ("PT100000H", MAX_MINUTES),
        ] {
            assert_eq!(some_minutes(text, "time_spent").unwrap(), read, "{text}");
        }
        assert_eq!(minutes("PT0S", "new_estimate").unwrap(), 0);
        for (text, said) in [
            ("P1D", "working day"),
            ("P1W", "working day"),
            ("P1DT2H", "working day"),
            ("P1M", "working day"),
            ("PT0M", "at least a minute"),
            ("PT0H0M", "at least a minute"),
            ("PT30S", "whole minutes"),
            ("PT1M30S", "whole minutes"),
            ("-PT1H", "sign"),
            ("+PT1H", "sign"),
            ("PT100000H1M", "at most PT100000H"),
            ("PT99999999999999999999H", "at most PT100000H"),
            ("PT99999999999999999999M", "at most PT100000H"),
            ("PT-1H", "such as PT1H30M"),
            ("PT1.5H", "whole hours and minutes"),
            ("PT1,5H", "whole hours and minutes"),
            ("1h 30m", "ISO 8601"),
            ("", "ISO 8601"),
            ("P", "ISO 8601"),
            ("PT", "ISO 8601"),
            ("PTH", "ISO 8601"),
            ("PT1", "ISO 8601"),
            ("PT1M1H", "ISO 8601"),
            ("PT1H1H", "ISO 8601"),
            ("P1H", "ISO 8601"),
            ("pt1h", "ISO 8601"),
            ("PT1H ", "ISO 8601"),
            ("PT１H", "ISO 8601"),
        ] {
            let refused = refusal(text);
            assert!(refused.starts_with("time_spent must ") && refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn a_duration_is_written_without_days() {
        for (seconds, text) in [
            (0, "PT0S"),
            (60, "PT1M"),
            (5400, "PT1H30M"),
            (90, "PT1M30S"),
            (100 * 3600, "PT100H"),
            (3601, "PT1H1S"),
        ] {
            assert_eq!(iso(seconds).as_deref(), Some(text));
        }
        assert_eq!(iso(-60), None);
        assert!(iso(i64::MAX).is_some());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(read in 0..=MAX_MINUTES) {
            let text = iso(i64::from(read) * 60).unwrap();
            prop_assert_eq!(minutes(&text, "x").unwrap(), read);
        }

        #[test]
        fn what_is_read_is_written_the_same_way(text in "PT([1-9][0-9]{0,3}H)?([1-5][0-9]?M)?") {
            match minutes(&text, "x") {
                Ok(read) => prop_assert_eq!(iso(i64::from(read) * 60).unwrap(), text),
                Err(_) => prop_assert_eq!(text, "PT"),
            }
        }

        #[test]
        fn any_text_is_a_duration_or_refused(text in "\\PC{0,20}") {
            if let Ok(read) = minutes(&text, "x") {
                prop_assert!(read <= MAX_MINUTES && text.starts_with("PT"));
            }
        }
    }
}
