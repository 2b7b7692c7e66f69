//! Names on a site, which callers may write in any case.

/// Whether two names differ in case only.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
