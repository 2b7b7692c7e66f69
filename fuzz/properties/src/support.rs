//! Helpers for the properties.

use base::config::{FromSettings, Settings};
use juncture::error::Error;

/// Longer than any error message for a caller that lists no names.
const LONGEST_SENTENCE: usize = 300;

/// Longer than any that does: it lists twenty names of at most fifty characters.
const LONGEST_LIST: usize = 1_250;

/// A rejection is a client error, and says in one line of at most `longest` characters what to change.
fn check_refusal(error: &Error, longest: usize) {
    assert!(error.status().is_client_error(), "{error}");
    let sentence = error.message();
    assert!(sentence.len() > 8 && sentence.chars().count() <= longest, "{sentence:?}");
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
}

/// A value, or `None` for a well-formed rejection.
pub(crate) fn accepted<T, E: Into<Error>>(outcome: Result<T, E>) -> Option<T> {
    outcome.map_err(Into::into).inspect_err(|error| check_refusal(error, LONGEST_SENTENCE)).ok()
}

/// Like [`accepted`], for a rejection that may list names of a site.
pub(crate) fn accepted_of_a_site<T>(outcome: Result<T, Error>) -> Option<T> {
    outcome.inspect_err(|error| check_refusal(error, LONGEST_LIST)).ok()
}

/// The value that these settings configure.
pub(crate) fn from_settings<T: FromSettings>(pairs: &[(&str, &str)]) -> T {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    T::from_settings(&Settings::from_pairs(pairs)).unwrap_or_else(|error| panic!("{error}"))
}
