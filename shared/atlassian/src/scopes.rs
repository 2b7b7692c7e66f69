//! The scopes that calls require.

use base::oauth::GrantedScopes;

/// To read issues and what belongs to them.
pub(crate) const READ: &str = "read:jira-work";

/// To write issues and what belongs to them.
pub(crate) const WRITE: &str = "write:jira-work";

/// Whether one of the required scopes (`a and b`) is not granted. Instead of a classic scope such as
/// `read:jira-work`, an app may have granular ones
/// (<https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>). Which of those
/// suffice is not known here, so any granular issue scope for the same verb counts (for `write`, also `delete`).
/// False if `needed` is empty, because then the scopes are not known.
pub(crate) fn is_lacking(needed: &str, granted: &[String]) -> bool {
    let is_granular = |verb: &str| {
        let issues = format!("{verb}:issue");
        granted.iter().any(|scope| scope.starts_with(&issues) && scope.ends_with(":jira"))
    };
    let is_there = |scope: &str| {
        granted.iter().any(|known| known == scope)
            || match (scope.split_once(':'), scope.strip_suffix(":jira-work")) {
                (_, Some("write")) => is_granular("write") || is_granular("delete"),
                (_, Some(verb)) => is_granular(verb),
                (Some((verb, SERVICE_DESK)), _) => {
                    granted.iter().any(|known| is_of_service_desk(known, verb))
                }
                _ => false,
            }
    };
    !needed.is_empty() && !needed.split(" and ").all(is_there)
}

/// The name of the classic scopes of Jira Service Management, after their verb.
const SERVICE_DESK: &str = "servicedesk-request";

/// Whether this is a granular scope of Jira Service Management for this verb.
fn is_of_service_desk(scope: &str, verb: &str) -> bool {
    scope.split_once(':').is_some_and(|(own, rest)| own == verb && rest.ends_with(":jira-service-management"))
}

/// Granular scopes that are requested for boards and sprints, so they say nothing about issues.
const OF_BOARDS: [&str; 3] = ["read:project:jira", "read:issue-details:jira", "read:jql:jira"];

/// Whether a call that requires these scopes (`a and b`) is bound to be rejected. Stricter than [`is_lacking`], because
/// a wrong answer would reject calls that work: for a classic scope, any granular scope of the same product for the same
/// verb counts. False if `needed` is empty.
pub(crate) fn is_surely_lacking(needed: &str, granted: &GrantedScopes) -> bool {
    let is_granular = |verbs: &[&str]| {
        let is_one = |scope: &str| {
            let (verb, rest) = scope.split_once(':').unwrap_or_default();
            verbs.contains(&verb) && rest.ends_with(":jira") && !OF_BOARDS.contains(&scope)
        };
        granted.iter().any(is_one)
    };
    let is_there = |scope: &str| {
        granted.contains(scope)
            || match scope {
                READ | "read:jira-user" => is_granular(&["read"]),
                WRITE => is_granular(&["write", "delete"]),
                _ => match scope.split_once(':') {
                    Some((verb, SERVICE_DESK)) => granted.iter().any(|known| is_of_service_desk(known, verb)),
                    _ => false,
                },
            }
    };
    !needed.is_empty() && !needed.split(" and ").all(is_there)
}

#[cfg(test)]
mod tests {
    use base::oauth::GrantedScopes;

    use super::{is_lacking, is_surely_lacking};

    #[test]
    fn a_call_is_only_withheld_if_no_scope_could_allow_it() {
        let withheld =
            |needed: &str, granted: &str| is_surely_lacking(needed, &GrantedScopes::parse(granted).unwrap());
        let boards = "read:board-scope:jira-software and read:project:jira";
        assert!(withheld("write:jira-work", "read:jira-work offline_access read:project:jira"));
        assert!(withheld("read:jira-work", "write:jira-work read:project:jira read:jql:jira"));
        assert!(withheld("read:jira-user", "read:jira-work read:me"));
        assert!(withheld(boards, "read:jira-work read:project:jira"));
        assert!(!withheld(boards, "read:board-scope:jira-software read:project:jira"));
        assert!(!withheld("write:jira-work", "delete:comment:jira"));
        assert!(!withheld("write:jira-work", "write:jira-work"));
        assert!(!withheld("", "read:me"));
        assert!(!withheld("read:jira-work", "read:comment:jira"));
        let internal = "write:servicedesk-request";
        assert!(withheld(internal, "read:servicedesk-request write:jira-work"));
        assert!(withheld(internal, "read:request:jira-service-management write:comment:jira"));
        assert!(!withheld(internal, "write:request.comment:jira-service-management"));
    }

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
        assert!(!lacking("", ""));
        assert!(!lacking("read:jira-work", "read:issue-details:jira"));
        assert!(!lacking("write:jira-work", "delete:issue:jira"));
        assert!(lacking("write:servicedesk-request", "write:issue:jira"));
        assert!(!lacking("write:servicedesk-request", "write:request.comment:jira-service-management"));
        assert!(!lacking(boards, "read:project:jira read:board-scope:jira-software"));
    }
}
