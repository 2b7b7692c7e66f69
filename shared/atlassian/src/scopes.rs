//! The scopes that calls require.

/// To read issues and what belongs to them.
pub(crate) const READ: &str = "read:jira-work";

/// To write issues and what belongs to them.
pub(crate) const WRITE: &str = "write:jira-work";

/// Whether one of the required scopes (`a and b`) is not granted. Instead of a classic scope such as
/// `read:jira-work`, an app may have granular ones
/// (<https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>). Which of those
/// suffice is not known here, so any granular issue scope for the same verb counts (for `write`, also `delete`).
pub(crate) fn is_lacking(needed: &str, granted: &[String]) -> bool {
    let is_granular = |verb: &str| {
        let issues = format!("{verb}:issue");
        granted.iter().any(|scope| scope.starts_with(&issues) && scope.ends_with(":jira"))
    };
    let is_there = |scope: &str| {
        granted.iter().any(|known| known == scope)
            || match scope.strip_suffix(":jira-work") {
                Some("write") => is_granular("write") || is_granular("delete"),
                Some(verb) => is_granular(verb),
                None => false,
            }
    };
    !needed.split(" and ").all(is_there)
}

#[cfg(test)]
mod tests {
    use super::is_lacking;

    #[test]
    fn a_scope_is_lacking_if_neither_it_nor_a_granular_one_is_granted() {
        let lacking = |needed: &str, granted: &str| {
            let granted: Vec<String> = granted.split_whitespace().map(str::to_owned).collect();
            is_lacking(needed, &granted)
        };
        let boards = "read:board-scope:jira-software and read:project:jira";
        assert!(lacking("read:jira-work", "write:jira-work read:project:jira"));
        assert!(lacking("write:jira-work", "read:jira-work read:issue:jira"));
        assert!(lacking(boards, "read:board-scope:jira-software read:jira-work"));
        assert!(lacking("read:jira-work", ""));
        assert!(!lacking("read:jira-work", "read:jira-work"));
        assert!(!lacking("read:jira-work", "read:issue-details:jira"));
        assert!(!lacking("write:jira-work", "delete:issue:jira"));
        assert!(!lacking(boards, "read:project:jira read:board-scope:jira-software"));
    }
}
