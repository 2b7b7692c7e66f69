//! Files attached to issues.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-attachments/>

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, LOCATION};
use serde::Deserialize;
use url::Url;

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{AttachmentId, IssueRef};
use crate::reach::Subject;
use crate::scopes::{READ, WRITE};
use crate::ticket::User;
use crate::{lenient, timestamp};

/// What is known about an attached file. A malformed value is null.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Attachment {
    /// The numeric id, which is a string or a number, depending on the call.
    #[serde(deserialize_with = "lenient::id")]
    pub id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::text")]
    pub filename: Option<String>,
    /// Its media type, as declared or guessed at the upload.
    #[serde(deserialize_with = "lenient::text")]
    pub mime_type: Option<String>,
    /// Its size in bytes.
    #[serde(deserialize_with = "lenient::integer")]
    pub size: Option<i64>,
    /// Who attached it.
    #[serde(deserialize_with = "lenient::object")]
    pub author: Option<User>,
    /// When it was attached; RFC 3339, in UTC.
    #[serde(deserialize_with = "timestamp::deserialize")]
    pub created: Option<String>,
}

/// A response that is one attachment. A response without an id is rejected.
#[derive(Deserialize)]
#[serde(try_from = "Attachment")]
struct OneAttachment(Attachment);

impl TryFrom<Attachment> for OneAttachment {
    type Error = &'static str;

    fn try_from(attachment: Attachment) -> std::result::Result<Self, Self::Error> {
        if attachment.id.is_some() { Ok(Self(attachment)) } else { Err("an attachment without an id") }
    }
}

/// A file to attach.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Its name.
    pub name: String,
    /// Its media type: visible ASCII and spaces.
    pub content_type: String,
    /// Its content.
    pub content: Bytes,
}

impl NewFile {
    /// Builds a form (`multipart/form-data`) with the file as the part that Jira expects.
    ///
    /// The name is written as browsers do: UTF-8, with three characters percent-encoded, so that no name ends the header
    /// or the parameter (<https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>).
    fn form(&self, boundary: &str) -> Bytes {
        let name = self.name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let kind: String = self.content_type.chars().filter(|c| *c == ' ' || c.is_ascii_graphic()).collect();
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: {kind}\r\n\r\n"
        );
        let end = format!("\r\n--{boundary}--\r\n");
        [head.as_bytes(), &self.content, end.as_bytes()].concat().into()
    }
}

impl JiraSite<'_> {
    /// Attaches a file to an issue. Retried only after a 429 or a rejected token, which mean that nothing was done.
    ///
    /// # Errors
    /// Jira returns 404 if the issue does not exist or is hidden, or if attachments are off, and 413 if the file is
    /// larger than the site allows or the issue has as many attachments as Jira allows. [`JiraError::Unconfirmed`] if
    /// the file may have been attached anyway.
    pub async fn add_attachment(&self, issue: &IssueRef, file: &NewFile) -> Result<Attachment> {
        let path = ["rest", "api", "3", "issue", issue.as_str(), "attachments"];
        // Random, so it is not in the content.
        let boundary = format!("juncture-{}", uuid::Uuid::new_v4().simple());
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let form = file.form(&boundary);
        let answer = self
            .answer(Call::upload([Subject::Issue(issue.as_str())], &path, &content_type, &form, WRITE))
            .await?;
        let unread = |cause: String| JiraError::Unreadable(cause).unconfirmed();
        // One for each file of the form.
        let attached: Vec<OneAttachment> =
            lenient::from_slice(&answer).map_err(|error| unread(error.to_string()))?;
        let attached = attached.into_iter().next().ok_or_else(|| unread("no attachment".to_owned()))?;
        Ok(attached.0)
    }

    /// Returns what is known about an attachment.
    ///
    /// # Errors
    /// Jira returns 404 if it does not exist or is hidden, or if attachments are off.
    pub async fn attachment(&self, id: &AttachmentId) -> Result<Attachment> {
        let path = ["rest", "api", "3", "attachment", id.as_str()];
        let OneAttachment(attachment) =
            self.call(Call::get([Subject::Attachment(id.as_str())], &path, &[], READ)).await?;
        Ok(attachment)
    }

    /// Returns a URL of the file's content on Atlassian's media host. It needs no token, which that host would reject,
    /// and is valid for a short time. It is a secret of those who may read the file.
    ///
    /// # Errors
    /// As for [`Self::attachment`].
    pub async fn attachment_url(&self, id: &AttachmentId) -> Result<Url> {
        let path = ["rest", "api", "3", "attachment", "content", id.as_str()];
        let answer = self
            .answer_with_headers(Call::get([Subject::Attachment(id.as_str())], &path, &[], READ).redirected())
            .await?;
        let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| Url::parse(location).ok());
        let url = url.filter(|url| url.has_host() && ["http", "https"].contains(&url.scheme()));
        // The value is left out, because it may be a secret.
        url.ok_or_else(|| {
            JiraError::Unreadable("the content of an attachment has no usable Location".to_owned())
        })
    }

    /// Returns the file's content and the media type of the response.
    ///
    /// # Errors
    /// As for [`Self::attachment`].
    pub async fn attachment_content(&self, id: &AttachmentId) -> Result<(Bytes, Option<String>)> {
        let path = ["rest", "api", "3", "attachment", "content", id.as_str()];
        let answer = self
            .answer_with_headers(Call::get(
                [Subject::Attachment(id.as_str())],
                &path,
                &[("redirect", "false")],
                READ,
            ))
            .await?;
        let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        Ok((answer.body, kind.map(str::to_owned)))
    }

    /// Deletes an attachment. Retried only after a 429 or a rejected token.
    ///
    /// # Errors
    /// Jira returns 403 if the account lacks the permission, and 404 as for [`Self::attachment`].
    /// [`JiraError::Unconfirmed`] if it may have been deleted anyway.
    pub async fn delete_attachment(&self, id: &AttachmentId) -> Result<()> {
        let path = ["rest", "api", "3", "attachment", id.as_str()];
        self.done(Call::write([Subject::Attachment(id.as_str())], Method::DELETE, &path, None, WRITE)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_and_no_type_gets_out_of_its_header() {
        let file = NewFile {
            name: "a\"; name=\"x\r\nX-Evil: 1\r\n\r\n--b ü.txt".to_owned(),
            content_type: "text/plain\r\nX-Evil: 2".to_owned(),
            content: Bytes::from_static(b"\xff\r\n--other\r\n"),
        };
        let form = file.form("b");
        let (head, rest) = form.split_at(form.windows(4).position(|part| part == b"\r\n\r\n").unwrap());
        assert_eq!(
            std::str::from_utf8(head).unwrap(),
            "--b\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"a%22; name=%22x%0D%0AX-Evil: 1%0D%0A%0D%0A--b ü.txt\"\r\nContent-Type: text/plainX-Evil: 2"
        );
        assert_eq!(rest, b"\r\n\r\n\xff\r\n--other\r\n\r\n--b--\r\n");
    }

    #[test]
    fn an_id_is_a_string_or_a_number() {
        for id in ["\"1\"", "1"] {
            let text = format!("{{\"id\":{id},\"filename\":7,\"size\":\"12\",\"author\":[]}}");
            let OneAttachment(read) = serde_json::from_str(&text).unwrap();
            assert_eq!((read.id.as_deref(), read.size), (Some("1"), Some(12)));
            assert!(read.filename.is_none() && read.author.is_none());
        }
        assert!(serde_json::from_str::<OneAttachment>("{}").is_err());
    }
}
