//! The transitions of an issue's workflow.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-transitions-get>

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::forms::Screen;
use crate::ids::{IssueRef, TransitionId};
use crate::lenient;
use crate::reach::Subject;
use crate::scopes::{READ, WRITE};
use crate::ticket::Status;

/// A transition that an issue can go through now.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Transition {
    /// The numeric id, unique only within the workflow.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name, which need not be unique.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The status that it leads to.
    #[serde(deserialize_with = "lenient::object")]
    pub to: Option<Status>,
    /// Whether it leads to the status that the issue is in.
    #[serde(deserialize_with = "lenient::flag")]
    pub looped: Option<bool>,
    /// The fields of its screen; none if it has no screen.
    pub fields: Screen,
}

#[derive(Deserialize)]
struct Transitions {
    #[serde(deserialize_with = "lenient::objects")]
    transitions: Vec<Option<Transition>>,
}

impl JiraSite<'_> {
    /// Lists the transitions that an issue can go through now, with their screens. The list is empty if the account may
    /// not transition the issue.
    pub async fn transitions(&self, issue: &IssueRef) -> Result<Vec<Transition>> {
        let path = ["rest", "api", "3", "issue", issue.as_str(), "transitions"];
        let query = [("expand", "transitions.fields")];
        let found: Transitions =
            self.call(Call::get([Subject::Issue(issue.as_str())], &path, &query, READ)).await?;
        Ok(found.transitions.into_iter().flatten().collect())
    }

    /// Takes an issue through a transition and sets fields of its screen. Retried only after a 429 or a rejected token,
    /// because the same transition may lead on from the new status.
    ///
    /// # Errors
    /// Jira responds with 400 if the issue cannot go through the transition, or a field is not on its screen or invalid;
    /// 409 for a concurrent write; 422 if the workflow is misconfigured. [`crate::JiraError::Unconfirmed`] if the issue may
    /// have gone through it.
    pub async fn transition(
        &self,
        issue: &IssueRef,
        transition: &TransitionId,
        fields: Map<String, Value>,
    ) -> Result<()> {
        let mut body = json!({ "transition": { "id": transition.as_str() } });
        if !fields.is_empty() {
            body["fields"] = fields.into();
        }
        let path = ["rest", "api", "3", "issue", issue.as_str(), "transitions"];
        self.done(Call::write([Subject::Issue(issue.as_str())], Method::POST, &path, Some(&body), WRITE))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_with_unexpected_values_is_kept() {
        let raw = json!({ "transitions": [
            { "id": 11, "name": null, "to": "Done", "fields": [], "looped": 0 },
            7,
            { "id": "21", "to": { "id": 3, "name": "Done" }, "fields": { "resolution": { "required": true } } },
        ] });
        let Transitions { transitions } = serde_json::from_value(raw).unwrap();
        let transitions: Vec<Transition> = transitions.into_iter().flatten().collect();
        assert_eq!(transitions[0].id.as_deref(), Some("11"));
        assert!(transitions[0].to.is_none() && transitions[0].fields.0.is_empty());
        assert_eq!(transitions[1].to.as_ref().and_then(|to| to.id.as_deref()), Some("3"));
        assert_eq!(transitions[1].fields.0[0].required, Some(true));
    }
}
