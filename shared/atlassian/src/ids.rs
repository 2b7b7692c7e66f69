//! Atlassian's identifiers. Each is validated before it becomes part of a URL or a query.

use serde::{Deserialize, Serialize};

/// A text that is not a valid id of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Neither a project's id nor a key.
    #[error("not a Jira project id")]
    Project,
    /// Not a numeric project id, though it may be a key.
    #[error("not the number of a Jira project")]
    ProjectNumber,
    /// Neither an issue's id nor a key.
    #[error("not a Jira issue")]
    Issue,
    /// Not a sprint's id.
    #[error("not a Jira sprint id")]
    Sprint,
    /// Not a board's id.
    #[error("not a Jira board id")]
    Board,
    /// Not an issue type's id.
    #[error("not a Jira issue type id")]
    IssueType,
    /// Not a transition's id.
    #[error("not a Jira transition id")]
    Transition,
    /// Not a status's id.
    #[error("not a Jira status id")]
    Status,
    /// Not a comment's id.
    #[error("not a Jira comment id")]
    Comment,
    /// Not a worklog's id.
    #[error("not a Jira worklog id")]
    Worklog,
    /// Not an attachment's id.
    #[error("not a Jira attachment id")]
    Attachment,
    /// Not the id of a link between issues.
    #[error("not a Jira issue link id")]
    Link,
    /// Not the id of a type of such links.
    #[error("not a Jira issue link type id")]
    LinkType,
    /// Not a cloud id.
    #[error("not a site id")]
    Site,
}

type Result<T> = std::result::Result<T, InvalidId>;

/// A project's id (digits) or key (`PROJ`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectId(String);

impl ProjectId {
    /// Parses a project id or key. Keys are case-insensitive here and converted to upper case, because Jira's own are
    /// upper case and it finds no others
    /// (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/>).
    pub fn parse(text: &str) -> Result<Self> {
        if is_number(text) {
            return Ok(Self(text.to_owned()));
        }
        let key = text.to_ascii_uppercase();
        if is_project_key(&key) {
            return Ok(Self(key));
        }
        Err(InvalidId::Project)
    }

    /// Parses a numeric project id. Keys are rejected, because what is stored is compared with the ids that Jira
    /// lists.
    pub fn parse_number(text: &str) -> Result<Self> {
        let id = Self::parse(text)?;
        if id.is_number() { Ok(id) } else { Err(InvalidId::ProjectNumber) }
    }

    /// Whether this is a numeric id rather than a key.
    pub fn is_number(&self) -> bool {
        is_number(&self.0)
    }

    /// Returns the id or key as Jira writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An issue's id (digits) or key (`PROJ-1`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRef(String);

impl IssueRef {
    /// Parses an issue id or key. Keys are case-insensitive here and converted to upper case.
    pub fn parse(text: &str) -> Result<Self> {
        if is_number(text) {
            return Ok(Self(text.to_owned()));
        }
        let key = text.to_ascii_uppercase();
        if key.rsplit_once('-').is_some_and(|(project, number)| is_project_key(project) && is_number(number))
        {
            return Ok(Self(key));
        }
        Err(InvalidId::Issue)
    }

    /// Returns the id or key as Jira writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Defines a type for the numeric ids of one kind of thing.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $invalid:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Parses a numeric id.
            pub fn parse(text: &str) -> Result<Self> {
                if is_number(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId::$invalid) }
            }

            /// Returns the id as Jira writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

number_id! {
    /// A sprint's id.
    SprintId, Sprint
}

number_id! {
    /// A board's id.
    BoardId, Board
}

number_id! {
    /// An issue type's id.
    IssueTypeId, IssueType
}

number_id! {
    /// The id of a transition, which is unique only within its workflow.
    TransitionId, Transition
}

number_id! {
    /// A status's id.
    StatusId, Status
}

number_id! {
    /// A comment's id.
    CommentId, Comment
}

number_id! {
    /// A worklog's id.
    WorklogId, Worklog
}

number_id! {
    /// An attachment's id.
    AttachmentId, Attachment
}

number_id! {
    /// The id of a link between two issues.
    LinkId, Link
}

number_id! {
    /// The id of a type of links between issues.
    LinkTypeId, LinkType
}

/// A cloud id, which identifies a Jira site in the API's URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteId(String);

impl SiteId {
    /// Parses a cloud id: up to 64 letters, digits and hyphens.
    pub fn parse(text: &str) -> Result<Self> {
        let is_plausible = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_plausible { Ok(Self(text.to_owned())) } else { Err(InvalidId::Site) }
    }

    /// Returns the id as Atlassian writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SiteId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<SiteId> for String {
    fn from(id: SiteId) -> Self {
        id.0
    }
}

/// Whether a text is all digits and fits into the 64 bits of Jira's ids.
pub fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

fn is_project_key(text: &str) -> bool {
    (2..=255).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_identified_by_number_or_key() {
        for (fine, read) in [
            ("10000", "10000"),
            ("PROJ", "PROJ"),
            ("A1_B", "A1_B"),
            ("proj", "PROJ"),
            ("pRoJ", "PROJ"),
            ("a1_b", "A1_B"),
        ] {
            assert_eq!(ProjectId::parse(fine).unwrap().as_str(), read);
        }
        assert!(ProjectId::parse_number("proj").is_err());
        for bad in ["", "pröj", "1 OR 1=1", "../x", "10000000000000000000000", "P", "PROJ\"", "-1"] {
            assert!(ProjectId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn issues_are_identified_by_number_or_key() {
        for (fine, read) in [("10000", "10000"), ("PROJ-1", "PROJ-1"), ("proj-12", "PROJ-12")] {
            assert_eq!(IssueRef::parse(fine).unwrap().as_str(), read);
        }
        for bad in ["", "PROJ", "PROJ-", "-1", "PROJ-1 OR 1=1", "../1", "PROJ-1\"", "9999999999999999999999"]
        {
            assert!(IssueRef::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sprints_are_identified_by_number() {
        assert!(SprintId::parse("501").is_ok());
        for bad in ["", "Sprint 1", "1 OR 1=1", "-1", "1.0", "\"1\"", "9999999999999999999999"] {
            assert!(SprintId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_site_id_cannot_traverse_paths() {
        assert!(SiteId::parse("11223344-a1b2-3b33-c444-def123456789").is_ok());
        for bad in ["", "../admin", "a/b", "a b", "a%2fb", &"x".repeat(65)] {
            assert!(SiteId::parse(bad).is_err(), "{bad}");
        }
    }
}
