//! Comments on issues.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/>,
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comment-properties/> and, for internal
//! comments, <https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-request/>

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{CommentId, IssueRef};
use crate::reach::{NOTHING, Subject};
use crate::response::Refusal;
use crate::scopes::{READ, WRITE};
use crate::ticket::User;
use crate::{lenient, timestamp};

/// The page size for a whole list; Jira's default.
pub const COMMENTS_AT_ONCE: usize = 100;

const SERVICE_DESK: &str = "write:servicedesk-request";

/// A comment. A field that is missing or malformed is null.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Comment {
    /// The numeric id.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// An ADF document, or whatever Jira sends instead.
    pub body: Value,
    /// Who wrote it; missing for an anonymous comment.
    #[serde(deserialize_with = "lenient::object")]
    pub author: Option<User>,
    /// Who last edited it.
    #[serde(deserialize_with = "lenient::object")]
    pub update_author: Option<User>,
    /// RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub created: Option<String>,
    /// RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub updated: Option<String>,
    /// The role or group that the comment is restricted to, as sent by Jira; null if everybody who sees the issue
    /// sees the comment.
    pub visibility: Value,
    /// Whether the customers of a service project see it; true for comments in other projects too.
    #[serde(deserialize_with = "lenient::flag")]
    pub jsd_public: Option<bool>,
    /// The comment that this one replies to, whose visibility it inherits.
    pub parent_id: Value,
}

/// The role or group that a comment or a worklog is restricted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommentVisibility {
    /// `role` or `group`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The group's id, or the role's name.
    #[serde(rename = "identifier", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of the role or group, which may change.
    #[serde(rename = "value", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl CommentVisibility {
    /// Reads a [`Comment::visibility`] or that of a worklog; `None` if it is not an object that names a role or a group.
    pub fn read(value: &Value) -> Option<Self> {
        let kind = value["type"].as_str().filter(|kind| ["role", "group"].contains(kind))?.to_owned();
        let (id, name) = (lenient::id_of(&value["identifier"]), lenient::text_of(&value["value"]));
        (id.is_some() || name.is_some()).then_some(Self { kind, id, name })
    }
}

/// The order of a list of comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentOrder {
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
}

/// A page of comments. An entry that is not an object is `None`, so that offsets stay correct.
#[derive(Deserialize)]
pub struct CommentPage {
    /// The comments.
    #[serde(deserialize_with = "lenient::objects")]
    pub comments: Vec<Option<Comment>>,
    /// How many comments the list has that the account can see.
    #[serde(default, deserialize_with = "lenient::integer")]
    total: Option<i64>,
}

impl CommentPage {
    /// Returns the offset of the page after this one, which starts at `start`; `None` if this is the last. Jira does
    /// not mark the last page.
    pub fn next(&self, start: usize) -> Option<usize> {
        let next = start + self.comments.len();
        let total = self.total.and_then(|total| usize::try_from(total).ok());
        // Without a total, only an empty page ends the list.
        (next > start && total.is_none_or(|total| next < total)).then_some(next)
    }
}

/// A response that is one comment. A response without an id is rejected.
#[derive(Deserialize)]
#[serde(try_from = "Comment")]
struct OneComment(Comment);

impl TryFrom<Comment> for OneComment {
    type Error = &'static str;

    fn try_from(comment: Comment) -> std::result::Result<Self, Self::Error> {
        if comment.id.is_some() { Ok(Self(comment)) } else { Err("a comment without id") }
    }
}

/// What Jira Service Management says about a comment that it has created.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct InternalComment {
    /// The numeric id, which is that of the comment in Jira too.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// Whether customers see it. Only false is a confirmation that they do not.
    #[serde(deserialize_with = "lenient::flag")]
    pub public: Option<bool>,
}

/// An entity property of a comment.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Property {
    value: Value,
}

impl JiraSite<'_> {
    /// Reads a page of an issue's comments from an offset, at most `limit`. Jira may return fewer.
    pub async fn comments(
        &self,
        issue: &IssueRef,
        order: CommentOrder,
        start: usize,
        limit: usize,
    ) -> Result<CommentPage> {
        let (start, limit) = (start.to_string(), limit.to_string());
        let order = match order {
            CommentOrder::Newest => "-created",
            CommentOrder::Oldest => "created",
        };
        let query = [("orderBy", order), ("startAt", &start), ("maxResults", &limit)];
        self.call(Call::get([Subject::Issue(issue.as_str())], &comments_of(issue), &query, READ)).await
    }

    /// Reads one comment. One that the account may not see does not exist for it.
    pub async fn comment(&self, issue: &IssueRef, id: &CommentId) -> Result<Comment> {
        let OneComment(comment) =
            self.call(Call::get([Subject::Issue(issue.as_str())], &comment_of(issue, id), &[], READ)).await?;
        Ok(comment)
    }

    /// Returns an entity property of a comment of an issue that was read; null if it has none of this name.
    pub async fn comment_property(&self, id: &CommentId, key: &str) -> Result<Value> {
        let path = ["rest", "api", "3", "comment", id.as_str(), "properties", key];
        match self.call::<Property>(Call::get(NOTHING, &path, &[], READ)).await {
            Ok(property) => Ok(property.value),
            Err(error) if error.refusal() == Some(Refusal::NotFound) => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }

    /// Adds a comment with this ADF document, and with an entity property if one is given. In a service project,
    /// customers see it. Retried only after a 429 or a rejected token.
    ///
    /// # Errors
    /// [`JiraError::Unconfirmed`] if the comment may have been added anyway.
    pub async fn add_comment(
        &self,
        issue: &IssueRef,
        document: &Value,
        visibility: Option<&CommentVisibility>,
        properties: Option<Value>,
    ) -> Result<Comment> {
        let mut body = json!({ "body": document });
        if let Some(visibility) = visibility {
            body["visibility"] = json!(visibility);
        }
        if let Some(properties) = properties {
            body["properties"] = properties;
        }
        let path = comments_of(issue);
        let answer = self
            .answer(Call::write([Subject::Issue(issue.as_str())], Method::POST, &path, Some(&body), WRITE))
            .await?;
        one_comment(&answer)
    }

    /// Adds a comment of plain text to a request of a service project that only its agents see, not its customers.
    /// Check [`InternalComment::public`]. Retried only after a 429 or a rejected token.
    ///
    /// <https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-request/#api-rest-servicedeskapi-request-issueidorkey-comment-post>
    ///
    /// # Errors
    /// Jira rejects issues that are no requests with 404. [`JiraError::Unconfirmed`] if the comment may have been
    /// added anyway.
    pub async fn add_internal_comment(&self, issue: &IssueRef, text: &str) -> Result<InternalComment> {
        let body = json!({ "body": text, "public": false });
        let path = ["rest", "servicedeskapi", "request", issue.as_str(), "comment"];
        let answer = self
            .answer(Call::write(
                [Subject::Issue(issue.as_str())],
                Method::POST,
                &path,
                Some(&body),
                SERVICE_DESK,
            ))
            .await?;
        lenient::from_slice(&answer).map_err(|error| JiraError::Unreadable(error.to_string()).unconfirmed())
    }

    /// Replaces the document of a comment and returns the comment. Safe to repeat, so it is retried like a read.
    ///
    /// `visibility` has to be that of the comment: whether Jira keeps one that is left out is not documented. A reply
    /// has that of its parent, and Jira rejects any other.
    ///
    /// # Errors
    /// Jira rejects it with 400 if the account may not edit the comment. [`JiraError::Unconfirmed`] if the response
    /// cannot be parsed.
    pub async fn edit_comment(
        &self,
        issue: &IssueRef,
        id: &CommentId,
        document: &Value,
        visibility: Option<&CommentVisibility>,
        notify: Option<bool>,
    ) -> Result<Comment> {
        let mut body = json!({ "body": document });
        if let Some(visibility) = visibility {
            body["visibility"] = json!(visibility);
        }
        let path = comment_of(issue, id);
        let notify = notify.map(|notify| ("notifyUsers", if notify { "true" } else { "false" }));
        let query: Vec<_> = notify.into_iter().collect();
        let call = Call::write([Subject::Issue(issue.as_str())], Method::PUT, &path, Some(&body), WRITE)
            .with_query(&query)
            .repeatable();
        one_comment(&self.answer(call).await?)
    }

    /// Deletes a comment. Retried only after a 429 or a rejected token.
    ///
    /// # Errors
    /// Jira rejects it with 400 if the account may not delete the comment. [`JiraError::Unconfirmed`] if the comment
    /// may have been deleted anyway.
    pub async fn delete_comment(&self, issue: &IssueRef, id: &CommentId) -> Result<()> {
        let path = comment_of(issue, id);
        self.done(Call::write([Subject::Issue(issue.as_str())], Method::DELETE, &path, None, WRITE)).await
    }

    /// Makes sure that a comment does not exist. Unlike [`Self::delete_comment`], it is retried like a read, and a
    /// comment that does not exist is no error.
    pub async fn withdraw_comment(&self, issue: &IssueRef, id: &CommentId) -> Result<()> {
        let path = comment_of(issue, id);
        match self
            .done(
                Call::write([Subject::Issue(issue.as_str())], Method::DELETE, &path, None, WRITE)
                    .repeatable(),
            )
            .await
        {
            Err(error) if error.refusal() == Some(Refusal::NotFound) => Ok(()),
            outcome => outcome,
        }
    }
}

fn comments_of(issue: &IssueRef) -> [&str; 6] {
    ["rest", "api", "3", "issue", issue.as_str(), "comment"]
}

fn comment_of<'a>(issue: &'a IssueRef, id: &'a CommentId) -> [&'a str; 7] {
    ["rest", "api", "3", "issue", issue.as_str(), "comment", id.as_str()]
}

fn one_comment(answer: &[u8]) -> Result<Comment> {
    match lenient::from_slice(answer) {
        Ok(OneComment(comment)) => Ok(comment),
        Err(error) => Err(JiraError::Unreadable(error.to_string()).unconfirmed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(comments: &Value, total: &Value) -> CommentPage {
        serde_json::from_value(json!({ "comments": comments, "total": total, "startAt": 0 })).unwrap()
    }

    #[test]
    fn a_malformed_value_is_null_and_loses_no_comment() {
        for odd in [json!(null), json!(7.5), json!("none"), json!([1]), json!({ "a": { "b": [] } })] {
            let comment = json!({
                "id": "10000", "author": odd, "updateAuthor": odd, "body": odd, "visibility": odd, "jsdPublic": odd,
                "parentId": odd, "created": "2024-01-01T00:00:00.000+0000", "updated": odd,
            });
            let page = page(&json!([null, odd, comment, { "id": 10_001 }]), &odd);
            assert_eq!(page.comments.len(), 4, "{odd}");
            let read = page.comments[2].as_ref().unwrap();
            assert_eq!((read.id.as_deref(), read.jsd_public), (Some("10000"), None), "{odd}");
            assert_eq!(read.created.as_deref(), Some("2024-01-01T00:00:00.000Z"), "{odd}");
            assert!(read.author.as_ref().is_none_or(|author| author.account_id.is_none()), "{odd}");
            assert_eq!(CommentVisibility::read(&read.visibility), None, "{odd}");
            assert_eq!(page.comments[3].as_ref().unwrap().id.as_deref(), Some("10001"), "{odd}");
        }
        for no_list in [json!({}), json!({ "comments": null }), json!({ "comments": {} }), json!([])] {
            assert!(serde_json::from_value::<CommentPage>(no_list.clone()).is_err(), "{no_list}");
        }
        for no_comment in [json!({}), json!([]), json!({ "id": null }), json!({ "body": {} })] {
            assert!(serde_json::from_value::<OneComment>(no_comment.clone()).is_err(), "{no_comment}");
        }
    }

    #[test]
    fn the_last_page_is_known_by_the_total_or_by_being_empty() {
        let one = json!([{ "id": "1" }]);
        assert_eq!(page(&one, &json!(3)).next(0), Some(1));
        assert_eq!(page(&one, &json!(3)).next(2), None);
        assert_eq!(page(&one, &json!("3")).next(1), Some(2));
        assert_eq!(page(&one, &json!(null)).next(7), Some(8));
        assert_eq!(page(&one, &json!(-1)).next(7), Some(8));
        for total in [json!(null), json!(100)] {
            assert_eq!(page(&json!([]), &total).next(7), None, "{total}");
        }
    }

    #[test]
    fn a_visibility_names_a_role_or_a_group() {
        let read = |value: Value| CommentVisibility::read(&value).map(|visibility| json!(visibility));
        let group = json!({ "type": "group", "identifier": "276f955c", "value": "jira-users" });
        assert_eq!(read(group.clone()), Some(group));
        let role = json!({ "type": "role", "value": "Administrators" });
        assert_eq!(read(role.clone()), Some(role));
        assert_eq!(
            read(json!({ "type": "role", "identifier": 10_002 })),
            Some(json!({ "type": "role", "identifier": "10002" }))
        );
        for unknown in [json!({ "type": "team", "value": "a" }), json!({ "type": "role" }), json!("role")] {
            assert_eq!(read(unknown.clone()), None, "{unknown}");
        }
    }
}
