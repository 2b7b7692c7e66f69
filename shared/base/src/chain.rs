//! Formatting of errors with their causes.

use std::error::Error as StdError;

/// Formats an error and its chain of causes on one line: `outer: inner: innermost`. Causes whose text the line
/// already contains are skipped.
pub fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        next = cause.source();
    }
    line
}
