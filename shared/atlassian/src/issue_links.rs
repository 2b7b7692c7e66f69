//! Links between issues.
//!
//! A link has a direction, which its type names from either end: the outward words ("blocks") are said of one issue,
//! the inward words ("is blocked by") of the other. The names of Jira's fields mislead: with the type Blocks, a link
//! that is created with `inwardIssue: A` and `outwardIssue: B` makes A block B. When A is read, the link has only the
//! other end, as `outwardIssue: B`.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-links/>

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{IssueRef, LinkId, is_number};
use crate::issue::Issue;
use crate::lenient;
use crate::reach::{NOTHING, Subject};
use crate::scopes::{READ, WRITE};
use crate::ticket::Ticket;

/// A type of links. A field that is missing or malformed is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LinkType {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// The name, `Blocks`.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// What is said of the issue at one end: `blocks`.
    #[serde(deserialize_with = "lenient::text")]
    pub outward: Option<String>,
    /// What is said of the issue at the other end: `is blocked by`.
    #[serde(deserialize_with = "lenient::text")]
    pub inward: Option<String>,
}

/// Which of a type's words are said of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `blocks`.
    Outward,
    /// `is blocked by`.
    Inward,
}

impl Direction {
    /// Both directions.
    pub const BOTH: [Self; 2] = [Self::Outward, Self::Inward];

    /// The two ends of a link as Jira names them in a request to create it, `inwardIssue` and `outwardIssue`. The
    /// words of this direction are said of `from`.
    pub fn ends<T>(self, from: T, to: T) -> (T, T) {
        match self {
            Self::Outward => (from, to),
            Self::Inward => (to, from),
        }
    }
}

impl LinkType {
    /// The words for a direction.
    pub fn words(&self, direction: Direction) -> Option<&str> {
        match direction {
            Direction::Outward => self.outward.as_deref(),
            Direction::Inward => self.inward.as_deref(),
        }
    }
}

/// A link as one of its issues shows it. A field that is missing or malformed is `None`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IssueLink {
    /// The numeric id, which both ends show.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// Its type.
    #[serde(rename = "type", deserialize_with = "lenient::object")]
    pub kind: Option<LinkType>,
    #[serde(deserialize_with = "lenient::object")]
    outward_issue: Option<Ticket>,
    #[serde(deserialize_with = "lenient::object")]
    inward_issue: Option<Ticket>,
}

impl IssueLink {
    /// The field of an issue that has its links.
    pub const FIELD: &'static str = "issuelinks";

    /// Reads the links of an issue. What is not a link is skipped.
    pub fn of(issue: &Issue) -> Vec<Self> {
        let links = issue.list(Self::FIELD).filter(|link| link.is_object());
        links.filter_map(|link| Self::deserialize(link).ok()).collect()
    }

    /// The issue at the other end, and which words are said of the issue at this end.
    pub fn other(&self) -> Option<(Direction, &Ticket)> {
        let outward = self.outward_issue.as_ref().map(|issue| (Direction::Outward, issue));
        outward.or_else(|| self.inward_issue.as_ref().map(|issue| (Direction::Inward, issue)))
    }
}

/// The response of `issueLinkType`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkTypes {
    #[serde(deserialize_with = "lenient::objects")]
    issue_link_types: Vec<Option<LinkType>>,
}

fn reference(issue: &IssueRef) -> Value {
    let name = if is_number(issue.as_str()) { "id" } else { "key" };
    json!({ name: issue.as_str() })
}

impl JiraSite<'_> {
    /// Lists the site's types of links.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-link-types/#api-rest-api-3-issuelinktype-get>
    ///
    /// # Errors
    /// 404 if linking is switched off on the site.
    pub async fn link_types(&self) -> Result<Vec<LinkType>> {
        let path = ["rest", "api", "3", "issueLinkType"];
        let types: LinkTypes = self.call(Call::get(NOTHING, &path, &[], READ)).await?;
        Ok(types.issue_link_types.into_iter().flatten().collect())
    }

    /// Links two issues; the words of `direction` are said of `from`. Jira returns nothing, and the same if there is
    /// such a link already. Retried only after a 429 or a rejected token.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-links/#api-rest-api-3-issuelink-post>
    ///
    /// # Errors
    /// 404 if linking is switched off, if an issue or the type does not exist, or if the account may not link the
    /// issues. [`JiraError::Unconfirmed`] if the link may have been created anyway.
    pub async fn link_issues(
        &self,
        type_id: &str,
        direction: Direction,
        from: &IssueRef,
        to: &IssueRef,
    ) -> Result<()> {
        let (inward, outward) = direction.ends(from, to);
        let body = json!({
            "type": { "id": type_id }, "inwardIssue": reference(inward), "outwardIssue": reference(outward),
        });
        let about = [Subject::Issue(from.as_str()), Subject::Issue(to.as_str())];
        let path = ["rest", "api", "3", "issueLink"];
        done(&self.answer(Call::write(about, Method::POST, &path, Some(&body), WRITE)).await?)
    }

    /// Deletes a link. Retried only after a 429 or a rejected token.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-links/#api-rest-api-3-issuelink-linkid-delete>
    ///
    /// # Errors
    /// 404 if there is no such link, linking is switched off, or the account may not delete it.
    /// [`JiraError::Unconfirmed`] if it may have been deleted anyway.
    pub async fn unlink_issues(&self, link: &LinkId) -> Result<()> {
        let path = ["rest", "api", "3", "issueLink", link.as_str()];
        done(
            &self
                .answer(Call::write([Subject::Link(link.as_str())], Method::DELETE, &path, None, WRITE))
                .await?,
        )
    }
}

/// On success Jira sends no body, or JSON that says nothing; any other response is not Jira's.
fn done(answer: &[u8]) -> Result<()> {
    if answer.is_empty() {
        return Ok(());
    }
    let read: serde_json::Result<Value> = lenient::from_slice(answer);
    read.map(drop).map_err(|error| JiraError::Unreadable(error.to_string()).unconfirmed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_value_loses_no_link() {
        for odd in [json!(null), json!(7), json!("x"), json!([1])] {
            let raw = json!({ "id": "1", "key": "A-1", "fields": { "issuelinks": [
                odd,
                { "id": odd, "type": odd, "outwardIssue": odd, "inwardIssue": odd },
                { "id": 5, "type": { "id": 7, "outward": "blocks", "inward": odd }, "outwardIssue": odd,
                  "inwardIssue": { "id": "2", "key": "A-2", "fields": odd } },
            ] } });
            let issue: Issue = serde_json::from_value(raw).unwrap();
            let links = IssueLink::of(&issue);
            assert_eq!(links.len(), 2, "{odd}");
            assert!(links[0].other().is_none() && links[0].kind.is_none(), "{odd}");
            assert_eq!(links[1].id.as_deref(), Some("5"));
            let (direction, other) = links[1].other().unwrap();
            assert_eq!((direction, other.key.as_deref()), (Direction::Inward, Some("A-2")));
        }
    }
}
