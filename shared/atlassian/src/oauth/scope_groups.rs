//! Scopes beyond the default ones, in groups that a deployment opts into.
//!
//! Atlassian shows an error instead of the consent page if a scope is requested that the app does not have, and a scope
//! of a product that the app is not configured for has the same effect. So the default scopes never grow: whatever
//! needs more is in a group, which is requested only if it is configured.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>,
//! <https://developer.atlassian.com/cloud/jira/software/rest/intro/#authentication-and-authorization>

use base::config::{Settings, SettingsError};

/// A group of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeGroup {
    /// Its name in `JIRA_SCOPE_GROUPS`.
    pub name: &'static str,
    /// Its scopes.
    pub scopes: &'static [&'static str],
}

/// All groups.
pub const SCOPE_GROUPS: [ScopeGroup; 4] = [
    // Searching for users.
    ScopeGroup { name: "people", scopes: &["read:jira-user"] },
    // Reading a board's columns and its backlog.
    ScopeGroup {
        name: "boards",
        scopes: &["read:board-scope.admin:jira-software", "read:issue-details:jira", "read:jql:jira"],
    },
    // Writing sprints, ranking issues, moving them to a sprint or to the backlog.
    ScopeGroup {
        name: "planning",
        scopes: &[
            "write:sprint:jira-software",
            "write:board-scope:jira-software",
            "write:issue:jira-software",
        ],
    },
    // Internal comments on the requests of a service project.
    ScopeGroup { name: "service-desk", scopes: &["read:servicedesk-request", "write:servicedesk-request"] },
];

const SETTING: &str = "JIRA_SCOPE_GROUPS";

/// Reads `JIRA_SCOPE_GROUPS`, names separated by commas or spaces.
pub(super) fn configured(settings: &Settings) -> Result<Vec<ScopeGroup>, SettingsError> {
    let configured = settings.optional(SETTING).unwrap_or_default();
    let names = configured.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty());
    let group = |name: &str| SCOPE_GROUPS.into_iter().find(|group| group.name == name);
    names.map(group).collect::<Option<_>>().ok_or_else(|| {
        let known = SCOPE_GROUPS.map(|group| group.name).join(", ");
        SettingsError::Invalid { name: SETTING, reason: format!("must be a list of these: {known}") }
    })
}

/// The names of the groups that have at least one of these scopes. `scopes` is what a call requires, `a and b`.
pub fn groups_of(scopes: &str) -> Vec<&'static str> {
    let holds = |scope: &&str| SCOPE_GROUPS.iter().find(|group| group.scopes.contains(scope));
    let mut names: Vec<_> =
        scopes.split(" and ").filter_map(|scope| holds(&scope)).map(|group| group.name).collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Result<Vec<&'static str>, String> {
        let settings = Settings::from_pairs([(SETTING.to_owned(), text.to_owned())]);
        let groups = configured(&settings).map_err(|error| error.to_string())?;
        Ok(groups.iter().map(|group| group.name).collect())
    }

    #[test]
    fn groups_are_separated_by_commas_or_spaces() {
        assert_eq!(named("people, planning service-desk"), Ok(vec!["people", "planning", "service-desk"]));
        assert_eq!(named(" "), Ok(vec![]));
        let refused = named("people,admin").unwrap_err();
        assert!(refused.contains("people, boards, planning, service-desk"), "{refused}");
        assert!(!refused.contains("admin"), "{refused}");
    }

    #[test]
    fn a_scope_that_is_in_no_group_needs_none() {
        assert_eq!(groups_of("read:jira-user"), ["people"]);
        assert_eq!(groups_of("write:sprint:jira-software and write:board-scope:jira-software"), ["planning"]);
        assert!(groups_of("read:jira-work").is_empty());
    }
}
