//! Adding a comment, once.
//!
//! A comment that was added with an `Idempotency-Key` carries the key's digest as an entity property. Jira's lists of
//! comments do not include properties, so after a lost response the property of each comment added since is read. An
//! internal comment cannot have one when it is added, so an unknown outcome stays unknown.

use atlassian::timestamp::utc;
use atlassian::{COMMENTS_AT_ONCE, CommentId, CommentOrder, CommentVisibility, IssueRef, JiraError};
use futures_util::future::try_join_all;
use runtime::Field;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;

use super::comments::{Comment, refused};
use super::create_recovery::{CLOCKS_APART, PROPERTY, property, until_settled};
use super::creation::Creation;
use super::description::DescriptionFormat;
use super::rich_text::RichText;
use super::site::ConnectedSite;
use crate::error::{Error, Result};
use crate::idempotency::{Attempt, Once, UnconfirmedSend};

/// The fields of a new comment in a request body.
#[derive(Debug, Deserialize)]
pub struct CommentFields {
    /// Markdown, or an ADF document as a JSON object.
    body: Field,
    /// The role or group that alone sees it.
    visibility: Field,
    /// Whether the customers of a service project do not see it.
    internal: bool,
    /// The format of the comment in the response.
    body_format: Option<String>,
}

/// A comment to add.
pub struct NewComment {
    issue: IssueRef,
    body: RichText,
    visibility: Option<CommentVisibility>,
    internal: bool,
    format: DescriptionFormat,
}

impl NewComment {
    /// Checks a new comment; 400 with a message that names the field and what to send.
    pub fn of(issue: IssueRef, fields: CommentFields) -> Result<Self> {
        let comment = Self {
            issue,
            body: RichText::required(fields.body, "body")?,
            visibility: visibility(fields.visibility)?,
            internal: fields.internal,
            format: DescriptionFormat::parse_body(fields.body_format.as_deref())?,
        };
        if comment.internal && comment.visibility.is_some() {
            return Err(Error::bad_request(
                "A comment can be internal or have a visibility, not both: leave one of the two out",
            ));
        }
        Ok(comment)
    }

    /// How a request for this comment may be repeated: Jira does not connect an internal comment with its request.
    pub fn once<'a>(&self, once: Once<'a>) -> Once<'a> {
        if self.internal { once.without_lookup() } else { once }
    }
}

/// Parses `{"type": "role" | "group", "id": …, "name": …}`, of which `id` or `name` may be missing.
fn visibility(field: Field) -> Result<Option<CommentVisibility>> {
    const SHAPE: &str = "visibility must be an object with type (role or group) and id or name, such as \
                         {\"type\": \"group\", \"name\": \"jira-administrators\"}";
    let object = match field {
        Field::Absent | Field::Null => return Ok(None),
        Field::Other(Value::Object(object)) => object,
        _ => return Err(Error::bad_request(SHAPE)),
    };
    if let Some(unknown) = object.keys().find(|name| !["type", "id", "name"].contains(&name.as_str())) {
        let unknown: String = unknown.chars().filter(|letter| !letter.is_control()).take(40).collect();
        return Err(Error::bad_request(format!(
            "{unknown} is not a field of visibility. Its fields are: type, id, name"
        )));
    }
    let kind = object.get("type").and_then(Value::as_str).filter(|kind| ["role", "group"].contains(kind));
    let kind = kind.ok_or_else(|| Error::bad_request(SHAPE))?.to_owned();
    let visibility = CommentVisibility { kind, id: named(&object, "id")?, name: named(&object, "name")? };
    if visibility.id.is_none() && visibility.name.is_none() {
        return Err(Error::bad_request(SHAPE));
    }
    Ok(Some(visibility))
}

/// A name or id within visibility; `None` if it is absent.
fn named(object: &Map<String, Value>, name: &str) -> Result<Option<String>> {
    let is_name = |text: &&str| {
        !text.trim().is_empty() && text.len() <= 255 && !text.contains(|c: char| c.is_control())
    };
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().filter(is_name).map(|text| Some(text.to_owned())).ok_or_else(|| {
            Error::bad_request(format!(
                "visibility.{name} must be a string of 1 to 255 bytes without control characters"
            ))
        }),
    }
}

const NOT_ADDED: &str = "Jira refused the comment. If details says nothing else, the connected account may not comment \
                         on this issue, or is not in the role or group of visibility.";

/// A comment to add on a site.
struct Adding<'a> {
    site: &'a ConnectedSite<'a>,
    comment: NewComment,
}

impl Creation for Adding<'_> {
    fn place(&self) -> String {
        self.comment.issue.as_str().to_owned()
    }

    async fn find(&self, attempt: &Attempt<'_>, unconfirmed: &UnconfirmedSend) -> Result<Option<Value>> {
        let issue = &IssueRef::parse(&unconfirmed.place)?;
        let mark = attempt.key().digest();
        let since = (unconfirmed.sent_at - CLOCKS_APART).format(&Rfc3339).map_err(Error::internal)?;
        let since = &utc(&since);
        let look = || self.site.look_for_comment(issue, mark, since);
        until_settled(attempt, unconfirmed, look).await?.map(describe).transpose()
    }

    async fn send(self, mark: Option<&str>) -> Result<Value> {
        let NewComment { issue, body, visibility, internal, .. } = self.comment;
        if internal {
            return describe(self.site.add_internal(&issue, body).await?);
        }
        let properties = mark.map(|mark| json!([property(mark)]));
        let added = self.site.jira.add_comment(&issue, body.as_json(), visibility.as_ref(), properties).await;
        describe(added.map_err(|error| refused(error, NOT_ADDED))?)
    }
}

/// The response, without the body: it may be longer than what is stored for a key, and whoever repeats a request sends
/// it again.
fn describe(added: atlassian::Comment) -> Result<Value> {
    let added = atlassian::Comment { body: Value::Null, ..added };
    serde_json::to_value(Comment::from((added, DescriptionFormat::default()))).map_err(Error::internal)
}

impl ConnectedSite<'_> {
    /// Adds a comment and returns it, with the body that was sent. The request is sent once, and again only after a
    /// 429, which means that nothing was done.
    ///
    /// # Errors
    /// `jira_refused`, `jira_not_found` for the issue, `jira_forbidden`; `comment_public` if Jira did not confirm that
    /// an internal comment is internal; `outcome_unknown` if the comment may have been added; those of `Self::once`.
    pub async fn add_comment(&self, once: &Once<'_>, comment: NewComment) -> Result<Value> {
        let body = comment.format.read(comment.body.as_json());
        let mut added = self.once(once, Adding { site: self, comment }).await?;
        added["body"] = body;
        Ok(added)
    }

    /// Looks for a comment with this mark among those created since a time.
    async fn look_for_comment(
        &self,
        issue: &IssueRef,
        mark: &str,
        since: &str,
    ) -> Result<Option<atlassian::Comment>> {
        let unreadable = || Error::from(JiraError::Unreadable("a comment without id".to_owned()));
        let mut next = Some(0);
        while let Some(start) = next {
            let page = self.jira.comments(issue, CommentOrder::Newest, start, COMMENTS_AT_ONCE).await?;
            next = page.next(start);
            let mut recent = Vec::new();
            for comment in page.comments {
                let comment = comment.ok_or_else(unreadable)?;
                if comment.created.as_deref().is_some_and(|created| created < since) {
                    // All others are older.
                    next = None;
                    break;
                }
                recent.push(comment);
            }
            let marks = recent.iter().map(async |comment| {
                let id = comment.id.as_deref().and_then(|id| CommentId::parse(id).ok());
                let id = id.ok_or_else(unreadable)?;
                Ok::<_, Error>(self.jira.comment_property(&id, PROPERTY).await?)
            });
            let marks = try_join_all(marks).await?;
            let is_marked = |(_, property): &(_, Value)| property["idempotency"] == mark;
            if let Some((found, _)) = recent.into_iter().zip(marks).find(is_marked) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visibility_is_a_role_or_a_group() {
        let read = |value: Value| visibility(Field::from(value));
        assert!(read(json!(null)).unwrap().is_none());
        let group = read(json!({ "type": "group", "id": "276f", "name": null })).unwrap().unwrap();
        assert_eq!(json!(group), json!({ "type": "group", "identifier": "276f" }));
        let role = read(json!({ "type": "role", "id": "Crew", "name": "Crew" })).unwrap().unwrap();
        assert_eq!(json!(role), json!({ "type": "role", "identifier": "Crew", "value": "Crew" }));
        for (bad, said) in [
            (json!("role"), "must be an object"),
            (json!({}), "must be an object"),
            (json!([]), "must be an object"),
            (json!({ "type": "team", "name": "a" }), "role or group"),
            (json!({ "type": "role" }), "id or name"),
            (json!({ "type": "role", "id": null }), "id or name"),
            (json!({ "type": "role", "value": "a" }), "value is not a field of visibility"),
            (json!({ "type": "role", "name": 7 }), "visibility.name must be"),
            (json!({ "type": "role", "name": " " }), "visibility.name must be"),
            (json!({ "type": "role", "id": "a\nb" }), "visibility.id must be"),
            (json!({ "type": "role", "id": "a".repeat(256) }), "visibility.id must be"),
        ] {
            let refusal = read(bad.clone()).err().map(|error| error.message().to_owned()).unwrap_or_default();
            assert!(refusal.contains(said), "{bad}: {refusal}");
        }
    }
}
