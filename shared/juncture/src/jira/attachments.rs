//! Files attached to issues.

use atlassian::{Attachment as RawAttachment, AttachmentId, IssueRef, JiraError, NewFile};
use futures_util::future::try_join;
use http::StatusCode;
use runtime::{MAX_FILE_BYTES, RequestError, Upload};
use serde::Serialize;
use serde_json::{Value, json};

use super::creation::Creation;
use super::site::ConnectedSite;
use crate::error::{Error, Result};
use crate::idempotency::{Attempt, Once, UnconfirmedSend};

/// Maximum length of a file's name, in characters.
const MAX_NAME_CHARACTERS: usize = 255;

/// What is known about an attached file. Values that Jira omits or sends in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
pub struct Attachment {
    /// Digits.
    pub id: Option<String>,
    /// The name of the file.
    pub file_name: Option<String>,
    /// Its media type: `image/png`.
    pub mime_type: Option<String>,
    /// Its size in bytes.
    pub size: Option<i64>,
    /// Display name of who attached it, if the account shows one.
    pub author: Option<String>,
    /// Account id of who attached it.
    pub author_account_id: Option<String>,
    /// `2024-01-01T10:00:00.000Z`.
    pub created: Option<String>,
}

impl From<RawAttachment> for Attachment {
    fn from(raw: RawAttachment) -> Self {
        let (author, author_account_id) =
            raw.author.map(|user| (user.display_name, user.account_id)).unwrap_or_default();
        Self {
            id: raw.id,
            file_name: raw.filename,
            mime_type: raw.mime_type,
            size: raw.size,
            author,
            author_account_id,
            created: raw.created,
        }
    }
}

/// A file with its content.
pub struct AttachedFile {
    /// Its name, empty if Jira sends none.
    pub name: String,
    /// Its media type, empty if Jira sends none.
    pub content_type: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// Checks an uploaded file. `name` is the parameter `file_name`, which overrides the name in a form.
///
/// # Errors
/// 400 if there is no name, or one that is not a file's.
pub fn file_to_attach(upload: Upload, name: Option<String>) -> Result<NewFile> {
    let Upload { content, content_type, file_name } = upload;
    let name = name.or_else(|| file_name.filter(|name| !name.is_empty()));
    let name = name.ok_or_else(|| RequestError::missing("file_name"))?;
    if name.contains(['/', '\\']) || [".", ".."].contains(&name.trim()) || name.trim().is_empty() {
        return Err(Error::bad_request(
            "file_name must be the name of a file, such as plan.pdf, without a path",
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::bad_request("file_name must not contain control characters"));
    }
    if name.chars().count() > MAX_NAME_CHARACTERS {
        return Err(Error::bad_request(format!("file_name is longer than {MAX_NAME_CHARACTERS} characters")));
    }
    Ok(NewFile { name, content_type, content })
}

/// A file to attach to an issue.
struct Attaching<'a> {
    site: &'a ConnectedSite<'a>,
    issue: &'a IssueRef,
    file: NewFile,
}

impl Creation for Attaching<'_> {
    fn place(&self) -> String {
        self.issue.as_str().to_owned()
    }

    async fn find(&self, _: &Attempt<'_>, _: &UnconfirmedSend) -> Result<Option<Value>> {
        // An attachment has no entity properties, and two with the same name and content are allowed.
        Err(Error::internal("attachments cannot be looked up"))
    }

    async fn send(self, _: Option<&str>) -> Result<Value> {
        let attached = self.site.jira.add_attachment(self.issue, &self.file).await.map_err(refused)?;
        Ok(json!({ "attachment": Attachment::from(attached) }))
    }
}

fn refused(error: JiraError) -> Error {
    let is_full = error.response().is_some_and(|response| response.status == StatusCode::PAYLOAD_TOO_LARGE);
    let error = Error::from(error);
    if is_full {
        return error.with_message(
            "The file is larger than the Jira site allows, or the issue has as many attachments as Jira allows",
        );
    }
    error
}

fn too_large() -> Error {
    Error::too_large(
        "The file is larger than 4 MiB: leave out content, and download it from the url in the response",
    )
}

impl ConnectedSite<'_> {
    /// Attaches a file to an issue. The request is sent once, and again only after a 429, which means that nothing was
    /// done. If its outcome is unknown, it stays unknown: nothing in Jira tells which request attached a file.
    ///
    /// # Errors
    /// `jira_refused` with Jira's messages, `jira_not_found` for the issue, `jira_forbidden`; `outcome_unknown` if the
    /// file may have been attached; those of `Self::once`.
    pub async fn add_attachment(&self, once: &Once<'_>, issue: &IssueRef, file: NewFile) -> Result<Value> {
        self.once(once, Attaching { site: self, issue, file }).await
    }

    /// For a connection that is limited to some projects, makes sure that an attachment belongs to an issue inside them,
    /// with one call. Nothing to do for others.
    ///
    /// # Errors
    /// 400 if the issue is missing, `project_not_allowed` if it is outside or does not have the attachment.
    pub async fn find_attachment(&self, issue: Option<&IssueRef>, id: &AttachmentId) -> Result<()> {
        const MISSING: &str = "Missing issue_id_or_key: the connection is limited to some projects, and Jira does not say \
            which issue has the attachment";
        if !self.is_limited() {
            return Ok(());
        }
        let issue = issue.ok_or_else(|| Error::bad_request(MISSING))?;
        Ok(self.jira.find_attachment(issue, id).await?)
    }

    /// Returns what is known about an attachment, and a URL of its content that is valid for a short time. Two calls, at
    /// the same time.
    ///
    /// # Errors
    /// 404 `jira_not_found` if it does not exist or is not visible, or if attachments are off.
    pub async fn attachment_with_url(&self, id: &AttachmentId) -> Result<(Attachment, String)> {
        let (attachment, url) = try_join(self.jira.attachment(id), self.jira.attachment_url(id)).await?;
        Ok((attachment.into(), url.into()))
    }

    /// Returns a file with its content. Two calls: its size is read first.
    ///
    /// # Errors
    /// 413 if it is larger than [`MAX_FILE_BYTES`]; 404 as for [`Self::attachment_with_url`].
    pub async fn attached_file(&self, id: &AttachmentId) -> Result<AttachedFile> {
        let is_too_large = |size: i64| usize::try_from(size).is_ok_and(|size| size > MAX_FILE_BYTES);
        let attachment = self.jira.attachment(id).await?;
        if attachment.size.is_some_and(is_too_large) {
            return Err(too_large());
        }
        let (content, kind) = self.jira.attachment_content(id).await?;
        // The size was not known, or the client has cut it off.
        if content.len() > MAX_FILE_BYTES {
            return Err(too_large());
        }
        let complete = attachment.size.is_none_or(|size| usize::try_from(size) == Ok(content.len()));
        if !complete {
            let cause = "the content of an attachment does not have the size of the attachment";
            return Err(Error::provider_failed("Jira returned an incomplete file", cause));
        }
        Ok(AttachedFile {
            name: attachment.filename.unwrap_or_default(),
            content_type: attachment.mime_type.or(kind).unwrap_or_default(),
            content: content.into(),
        })
    }

    /// Deletes an attachment.
    ///
    /// # Errors
    /// 404 `jira_not_found` if it does not exist or is not visible, or if attachments are off; `jira_forbidden`.
    pub async fn delete_attachment(&self, id: &AttachmentId) -> Result<()> {
        Ok(self.jira.delete_attachment(id).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_of_its_own() {
        let check = |in_form: Option<&str>, given: Option<&str>| {
            let file_name = in_form.map(str::to_owned);
            let upload = Upload { content: "a".into(), content_type: "a/b".to_owned(), file_name };
            file_to_attach(upload, given.map(str::to_owned)).map(|file| file.name)
        };
        assert_eq!(check(Some("a.txt"), None).unwrap(), "a.txt");
        assert_eq!(check(Some("a.txt"), Some("größe \"1\".txt")).unwrap(), "größe \"1\".txt");
        for (in_form, given) in [
            (None, None),
            (Some(""), None),
            (Some("../a"), None),
            (None, Some("C:\\a.txt")),
            (None, Some("..")),
            (None, Some(" ")),
            (None, Some("a\nb")),
            (None, Some(&*"a".repeat(256))),
        ] {
            let refused = check(in_form, given).err().map(|error| error.message().to_owned());
            assert!(
                refused.as_deref().is_some_and(|said| said.contains("file_name")),
                "{given:?}: {refused:?}"
            );
        }
    }
}
