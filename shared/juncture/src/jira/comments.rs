//! Comments, as the API lists and edits them.

use std::collections::HashSet;

use adf::Lost;
use atlassian::{COMMENTS_AT_ONCE, CommentId, CommentOrder, CommentVisibility, IssueRef, JiraError, User};
use http::StatusCode;
use runtime::Field;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::description::DescriptionFormat;
use super::edit::unconfirmed;
use super::issue_input::length_refusal;
use super::loss::{Merged, OnLoss, merge};
use super::rich_text::RichText;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use crate::paging::PageRequest;

/// A comment. Fields that Jira omits or sends in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
pub struct Comment {
    /// Digits.
    pub id: Option<String>,
    /// Markdown or an ADF document, as requested; null if it is empty.
    pub body: Value,
    /// Display name of the author; null if the account shows none.
    pub author: Option<String>,
    /// Account id of the author; null for an anonymous comment.
    pub author_account_id: Option<String>,
    /// Display name of whoever last edited it, like [`Self::author`].
    pub update_author: Option<String>,
    /// Account id of whoever last edited it.
    pub update_author_account_id: Option<String>,
    /// `2024-01-01T10:00:00.000Z`.
    pub created: Option<String>,
    /// In the format of [`Self::created`].
    pub updated: Option<String>,
    /// The role or group that it is restricted to; null if everybody who sees the issue sees it.
    pub visibility: Option<Visibility>,
    /// Whether the customers of a service project do not see it; null if Jira does not say.
    pub is_internal: Option<bool>,
}

/// The role or group that a comment or a worklog is restricted to. All fields are null if Jira describes a restriction in
/// an unexpected form.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Visibility {
    /// `role` or `group`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The group's id, or the role's name.
    pub id: Option<String>,
    /// The name of the role or group.
    pub name: Option<String>,
}

impl Visibility {
    /// Converts the visibility that Jira sends; `None` if there is no restriction.
    pub(super) fn of(raw: &Value) -> Option<Self> {
        match CommentVisibility::read(raw) {
            Some(CommentVisibility { kind, id, name }) => Some(Self { kind: Some(kind), id, name }),
            None if raw.is_null() => None,
            // It is restricted, whatever this is.
            None => Some(Self::default()),
        }
    }
}

impl From<(atlassian::Comment, DescriptionFormat)> for Comment {
    fn from((raw, format): (atlassian::Comment, DescriptionFormat)) -> Self {
        let person = |user: Option<User>| user.map_or((None, None), |it| (it.display_name, it.account_id));
        let (author, author_account_id) = person(raw.author);
        let (update_author, update_author_account_id) = person(raw.update_author);
        Self {
            body: format.read(&raw.body),
            author,
            author_account_id,
            update_author,
            update_author_account_id,
            visibility: Visibility::of(&raw.visibility),
            is_internal: raw.jsd_public.map(|public| !public),
            id: raw.id,
            created: raw.created,
            updated: raw.updated,
        }
    }
}

/// Which comments to list, and how.
pub struct CommentList {
    issue: IssueRef,
    order: CommentOrder,
    format: DescriptionFormat,
}

impl CommentList {
    /// Parses the parameters `order` and `body_format`; 400 for an unknown value.
    pub fn of(issue: IssueRef, order: Option<&str>, body_format: Option<&str>) -> Result<Self> {
        let order = match order {
            None | Some("newest") => CommentOrder::Newest,
            Some("oldest") => CommentOrder::Oldest,
            Some(_) => return Err(Error::bad_request("order must be newest or oldest")),
        };
        Ok(Self { issue, order, format: DescriptionFormat::parse_body(body_format)? })
    }

    /// A text that identifies the list, to which its cursors are bound.
    pub fn name(&self) -> String {
        let order = if self.order == CommentOrder::Newest { "newest" } else { "oldest" };
        format!("{} {order}", self.issue.as_str())
    }
}

/// The fields of an edit in a request body.
#[derive(Debug, Deserialize)]
pub struct CommentEditFields {
    /// Markdown, or an ADF document as a JSON object.
    body: Field,
    /// `report` or `refuse`: what to do if the comment would lose content that Markdown cannot represent.
    on_loss: Option<String>,
    /// Whether Jira notifies people of the edit.
    notify: Option<bool>,
    /// The format of the comment in the response.
    body_format: Option<String>,
}

/// An edit of a comment.
pub struct CommentEdit {
    issue: IssueRef,
    id: CommentId,
    body: RichText,
    on_loss: OnLoss,
    notify: Option<bool>,
    format: DescriptionFormat,
}

impl CommentEdit {
    /// Checks an edit; 400 with a message that names the field and what to send.
    pub fn of(issue: IssueRef, id: CommentId, fields: CommentEditFields) -> Result<Self> {
        Ok(Self {
            issue,
            id,
            body: RichText::required(fields.body, "body")?,
            on_loss: OnLoss::parse(fields.on_loss.as_deref())?,
            notify: fields.notify,
            format: DescriptionFormat::parse_body(fields.body_format.as_deref())?,
        })
    }
}

impl ConnectedSite<'_> {
    /// Returns an issue's comments, all of them or one page, and where the next page starts. A page is one request.
    ///
    /// # Errors
    /// 404 `jira_not_found` if the issue does not exist or is not visible to the connected account.
    pub async fn comments(
        &self,
        list: &CommentList,
        part: Option<&PageRequest<usize>>,
    ) -> Result<(Vec<Comment>, Option<usize>)> {
        let CommentList { issue, order, format } = list;
        let convert = |raw: atlassian::Comment| Comment::from((raw, *format));
        if let Some(part) = part {
            let start = part.from.unwrap_or(0);
            let page = self.jira.comments(issue, *order, start, part.limit).await?;
            let next = page.next(start);
            return Ok((page.comments.into_iter().flatten().map(convert).collect(), next));
        }
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        let mut next = Some(0);
        while let Some(start) = next {
            let page = self.jira.comments(issue, *order, start, COMMENTS_AT_ONCE).await?;
            next = page.next(start);
            let known = all.len();
            // Comments that were added since the last page have moved others to this one.
            let is_new = |comment: &atlassian::Comment| match &comment.id {
                Some(id) => seen.insert(id.clone()),
                None => true,
            };
            all.extend(page.comments.into_iter().flatten().filter(is_new).map(convert));
            if all.len() == known {
                break;
            }
        }
        Ok((all, None))
    }

    /// Replaces the text of a comment and returns the comment, with what the edit has lost. The comment is read first,
    /// so that content that Markdown cannot represent is kept ([`adf::edit`]), and so is its visibility. If nothing
    /// changes, it is only read.
    ///
    /// # Errors
    /// `jira_not_found`, `jira_refused`, also if the account may not edit the comment, `would_lose`; `comment_public`
    /// if Jira does not confirm that the comment is still restricted as it was; `outcome_unknown` if the response is
    /// unreadable.
    pub async fn edit_comment(&self, edit: CommentEdit) -> Result<(Comment, Vec<Lost>)> {
        let CommentEdit { issue, id, body, on_loss, notify, format } = edit;
        let stored = self.jira.comment(&issue, &id).await?;
        let visibility = visibility_to_send(&stored)?;
        let Merged { document, lost } = match body.markdown() {
            Some(markdown) => merge(&stored.body, markdown, "body", on_loss)?,
            None => Merged { document: Some(body.into()), lost: Vec::new() },
        };
        let Some(document) = document else { return Ok(((stored, format).into(), lost)) };
        let edited =
            self.jira.edit_comment(&issue, &id, document.as_json(), visibility.as_ref(), notify).await;
        let edited = edited.map_err(|error| match error {
            JiraError::Unconfirmed(unread) => {
                unconfirmed("The comment may be changed all the same.", *unread)
            }
            error => refused(error, NOT_EDITED),
        })?;
        let is_exposed = stored.jsd_public == Some(false) && edited.jsd_public != Some(false);
        if is_exposed || !is_kept(&stored.visibility, &edited.visibility) {
            let sentence = format!(
                "The comment was edited, but Jira did not confirm that it is still restricted as it was. Look at \
                 comment {} in Jira.",
                id.as_str()
            );
            return Err(public(sentence, Some(&id), false));
        }
        Ok(((edited, format).into(), lost))
    }

    /// Deletes a comment. The request is sent once.
    ///
    /// # Errors
    /// `jira_not_found`, `jira_refused` if the account may not delete it; `outcome_unknown` if Jira did not confirm the
    /// deletion.
    pub async fn delete_comment(&self, issue: &IssueRef, id: &CommentId) -> Result<()> {
        self.jira.delete_comment(issue, id).await.map_err(|error| match error {
            JiraError::Unconfirmed(unread) if matches!(*unread, JiraError::Unreadable(_)) => {
                unconfirmed("The comment may be deleted all the same.", *unread)
            }
            error => refused(error, NOT_DELETED),
        })
    }
}

const NOT_EDITED: &str =
    "Jira refused to edit the comment. If details says nothing else, the connected account may not edit it.";

const NOT_DELETED: &str = "Jira refused to delete the comment. If details says nothing else, the connected account may not delete it.";

const TOO_MANY: &str =
    "The issue has as many comments as Jira allows, 5,000 by default. Delete some before you add another.";

/// Converts an error of a write. Jira has the status 400 for a missing permission too, so the message for `jira_refused`
/// says both.
pub(super) fn refused(error: JiraError, sentence: &'static str) -> Error {
    if let Some(too_long) = length_refusal(&error, "body", |response| response.details()) {
        return too_long;
    }
    let is_full = error.response().is_some_and(|response| response.status == StatusCode::PAYLOAD_TOO_LARGE);
    let error = Error::from(error);
    match error.code() {
        ErrorCode::JiraRefused => error.with_message(if is_full { TOO_MANY } else { sentence }),
        _ => error,
    }
}

/// The error for a comment of which Jira does not confirm that only those see it who are meant to.
pub(super) fn public(sentence: String, id: Option<&CommentId>, deleted: bool) -> Error {
    let details = json!({ "comment_id": id.map(CommentId::as_str), "deleted": deleted });
    Error::new(ErrorCode::CommentPublic, sentence)
        .with_details(details)
        .because("Jira did not confirm the visibility of a comment")
}

/// The visibility to send with an edit, so that it does not change. A reply has that of its parent, and Jira rejects it
/// for the reply itself.
fn visibility_to_send(stored: &atlassian::Comment) -> Result<Option<CommentVisibility>> {
    if stored.visibility.is_null() || !stored.parent_id.is_null() {
        return Ok(None);
    }
    let read = CommentVisibility::read(&stored.visibility);
    read.map(Some).ok_or_else(|| {
        Error::provider_failed(
            "Jira did not return who may see the comment, so it was not edited",
            "a comment with an unreadable visibility",
        )
    })
}

/// Whether a comment that had a restriction has it still.
fn is_kept(stored: &Value, edited: &Value) -> bool {
    if stored.is_null() || stored == edited {
        return true;
    }
    match (CommentVisibility::read(stored), CommentVisibility::read(edited)) {
        (Some(was), Some(is)) => {
            let is_same = if was.id.is_some() && is.id.is_some() {
                was.id == is.id
            } else {
                was.name.is_some() && was.name == is.name
            };
            was.kind == is.kind && is_same
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::to_value;

    use super::*;

    fn read(raw: Value) -> Value {
        let raw: atlassian::Comment = serde_json::from_value(raw).unwrap();
        to_value(Comment::from((raw, DescriptionFormat::Markdown))).unwrap()
    }

    #[test]
    fn an_unexpected_value_is_null_and_affects_nothing_else() {
        let paragraph = json!({ "type": "paragraph", "content": [{ "type": "text", "text": "Hoist" }] });
        let fine = json!({
            "id": "1", "body": { "type": "doc", "version": 1, "content": [paragraph] },
            "author": { "accountId": "5:a", "displayName": "Sam" }, "updateAuthor": { "accountId": "5:b" },
            "created": "2024-01-01T00:00:00.000+0000", "updated": "2024-01-02T00:00:00.000+0000",
            "visibility": { "type": "role", "identifier": "Crew", "value": "Crew" }, "jsdPublic": false,
        });
        let expected = json!({
            "id": "1", "body": "Hoist", "author": "Sam", "author_account_id": "5:a", "update_author": null,
            "update_author_account_id": "5:b", "created": "2024-01-01T00:00:00.000Z",
            "updated": "2024-01-02T00:00:00.000Z", "visibility": { "type": "role", "id": "Crew", "name": "Crew" },
            "is_internal": true,
        });
        assert_eq!(read(fine.clone()), expected);
        for name in ["id", "body", "author", "updateAuthor", "created", "updated", "jsdPublic"] {
            for odd in [json!(null), json!(7.5), json!([null])] {
                let mut raw = fine.clone();
                raw[name] = odd.clone();
                for (field, value) in read(raw).as_object().unwrap() {
                    let is_its = match name {
                        "author" => ["author", "author_account_id"].contains(&field.as_str()),
                        "updateAuthor" => field.starts_with("update_"),
                        "jsdPublic" => field == "is_internal",
                        name => field == name,
                    };
                    let expected = if is_its { &Value::Null } else { &expected[field] };
                    assert_eq!(value, expected, "{field}, of {name}: {odd}");
                }
            }
        }
    }

    #[test]
    fn a_restriction_that_cannot_be_read_is_not_taken_for_none() {
        let raw = |visibility: Value| json!({ "id": "1", "visibility": visibility });
        assert_eq!(read(raw(json!(null)))["visibility"], json!(null));
        for odd in [json!(7), json!("role"), json!([]), json!({ "type": "team", "value": "a" })] {
            let unknown = json!({ "type": null, "id": null, "name": null });
            assert_eq!(read(raw(odd.clone()))["visibility"], unknown, "{odd}");
            let stored = serde_json::from_value(raw(odd.clone())).unwrap();
            assert!(visibility_to_send(&stored).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_restriction_is_kept_if_it_names_the_same_role_or_group() {
        let group = json!({ "type": "group", "identifier": "a", "value": "b" });
        for same in [
            group.clone(),
            json!({ "type": "group", "identifier": "a" }),
            json!({ "type": "group", "identifier": "a", "value": "renamed" }),
            json!({ "type": "group", "value": "b" }),
        ] {
            assert!(is_kept(&group, &same), "{same}");
        }
        for other in [
            json!(null),
            json!({}),
            json!({ "type": "group" }),
            json!({ "type": "role", "identifier": "a", "value": "b" }),
            json!({ "type": "group", "identifier": "c", "value": "b" }),
            json!({ "type": "group", "value": "c" }),
        ] {
            assert!(!is_kept(&group, &other), "{other}");
        }
        assert!(is_kept(&json!(null), &json!(null)) && is_kept(&json!(null), &group));
        let unreadable = json!({ "type": "team" });
        assert!(is_kept(&unreadable, &unreadable) && !is_kept(&unreadable, &json!(null)));
    }

    #[test]
    fn a_reply_is_edited_without_its_visibility() {
        let visibility = json!({ "type": "group", "identifier": "a", "value": "b" });
        let stored = |parent: Value| {
            serde_json::from_value(json!({ "id": "1", "visibility": visibility, "parentId": parent }))
                .unwrap()
        };
        assert_eq!(visibility_to_send(&stored(json!(17))).unwrap(), None);
        assert_eq!(json!(visibility_to_send(&stored(json!(null))).unwrap()), visibility);
    }
}
