//! Names on a site: callers may write them in any case, and errors list them.

use base::display::shown;

/// How many names an error lists.
const MAX_LISTED: usize = 20;

/// How many characters of a name are quoted in an error.
pub(super) const MAX_NAME_SHOWN: usize = 50;

/// Whether two names differ in case only.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The names as an error lists them: the first twenty, each on one line.
pub(super) fn listed<N: AsRef<str>>(names: &[N]) -> String {
    let mut list: Vec<String> =
        names.iter().take(MAX_LISTED).map(|name| shown(name.as_ref(), MAX_NAME_SHOWN)).collect();
    if names.len() > MAX_LISTED {
        list.push("…".to_owned());
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_one_line_and_ends() {
        assert_eq!(listed(&["Major\u{7f}\n(old)", "Minor"]), "Major (old), Minor");
        let many = vec!["x".repeat(60); 21];
        let one = format!("{}…", "x".repeat(49));
        assert_eq!(listed(&many), format!("{}, …", vec![one; 20].join(", ")));
        assert_eq!(listed::<&str>(&[]), "");
    }
}
