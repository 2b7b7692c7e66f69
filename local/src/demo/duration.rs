//! Durations as people write them.

/// Turns `1h 30m`, `90m` or `1.5h` into an ISO 8601 duration. One that already looks like that is returned as it is,
/// for Juncture to judge. `None` for anything else.
pub(super) fn to_iso(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_uppercase();
    if text.starts_with('P') {
        return Some(text);
    }
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (hours, minutes) = match compact.split_once('H') {
        Some((hours, rest)) => (Some(hours), rest),
        None => (None, compact.as_str()),
    };
    let minutes = match minutes.strip_suffix('M') {
        Some(minutes) => whole(minutes)?,
        None if minutes.is_empty() && hours.is_some() => 0,
        None => return None,
    };
    let minutes = minutes.checked_add(hours.map_or(Some(0), minutes_of)?)?;
    Some(format!("PT{}H{}M", minutes / 60, minutes % 60))
}

/// The minutes in a number of hours such as `1` or `1.5`.
fn minutes_of(hours: &str) -> Option<u32> {
    let (hours, fraction) = hours.split_once(['.', ',']).unwrap_or((hours, "0"));
    let part = whole(fraction)?.checked_mul(60)?;
    let part = part / 10_u32.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    whole(hours)?.checked_mul(60)?.checked_add(part)
}

fn whole(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::to_iso;

    #[test]
    fn hours_and_minutes_are_understood() {
        for (text, iso) in [
            ("1h 30m", "PT1H30M"),
            ("1H30M", "PT1H30M"),
            (" 90 m ", "PT1H30M"),
            ("2h", "PT2H0M"),
            ("1.5h", "PT1H30M"),
            ("0,25h", "PT0H15M"),
            ("1.75h", "PT1H45M"),
            ("pt45m", "PT45M"),
            ("P1D", "P1D"),
        ] {
            assert_eq!(to_iso(text).as_deref(), Some(iso), "{text}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for text in
            ["", "h", "m", "90", "1d", "1h 30", "-1h", "+1h", "1h 2h", "1.h", "99999999999h", "1h 30m x"]
        {
            assert_eq!(to_iso(text), None, "{text}");
        }
    }
}
