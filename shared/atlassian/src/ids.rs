//! What names things at Atlassian. Each is checked before it becomes part of an address or a query.

use serde::{Deserialize, Serialize};

/// A text that cannot be the id it is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// It is neither the number nor the key of a project.
    #[error("not a Jira project id")]
    Project,
    /// It is not the number of a project; it may be a key.
    #[error("not the number of a Jira project")]
    ProjectNumber,
    /// It is neither the number nor the key of an issue.
    #[error("not a Jira issue")]
    Issue,
    /// It is not the number of a sprint.
    #[error("not a Jira sprint id")]
    Sprint,
    /// It is not a cloud id.
    #[error("not a site id")]
    Site,
}

type Result<T> = std::result::Result<T, InvalidId>;

/// A project's id (digits) or key (`PROJ`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectId(String);

impl ProjectId {
    /// Reads a project id or key; a key may be given in any case. Jira's own are in upper case, and it finds no others
    /// (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/>).
    ///
    /// # Errors
    /// When the text can be neither.
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

    /// Reads a project id, not a key: what is stored is compared with the ids that Jira lists.
    ///
    /// # Errors
    /// When the text is no number.
    pub fn parse_number(text: &str) -> Result<Self> {
        let id = Self::parse(text)?;
        if id.is_number() { Ok(id) } else { Err(InvalidId::ProjectNumber) }
    }

    /// Whether it is the id and not the key.
    pub fn is_number(&self) -> bool {
        is_number(&self.0)
    }

    /// The id or key as Jira writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An issue's id (digits) or key (`PROJ-1`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRef(String);

impl IssueRef {
    /// Reads an issue id or key; a key may be given in any case.
    ///
    /// # Errors
    /// When the text can be neither.
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

    /// The id or key as Jira writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sprint's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SprintId(String);

impl SprintId {
    /// Reads a sprint id.
    ///
    /// # Errors
    /// When the text is no number.
    pub fn parse(text: &str) -> Result<Self> {
        if is_number(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId::Sprint)
    }

    /// The id as Jira writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A cloud id: what names a Jira site in the API's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteId(String);

impl SiteId {
    /// Reads a cloud id.
    ///
    /// # Errors
    /// When the text cannot be one.
    pub fn parse(text: &str) -> Result<Self> {
        let is_plausible = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_plausible { Ok(Self(text.to_owned())) } else { Err(InvalidId::Site) }
    }

    /// The id as Atlassian writes it.
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

/// Whether a text is digits that fit into the 64 bits of Jira's ids.
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
    fn projects_are_named_by_number_or_key() {
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
    fn issues_are_named_by_number_or_key() {
        for (fine, read) in [("10000", "10000"), ("PROJ-1", "PROJ-1"), ("proj-12", "PROJ-12")] {
            assert_eq!(IssueRef::parse(fine).unwrap().as_str(), read);
        }
        for bad in ["", "PROJ", "PROJ-", "-1", "PROJ-1 OR 1=1", "../1", "PROJ-1\"", "9999999999999999999999"]
        {
            assert!(IssueRef::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sprints_are_named_by_number() {
        assert!(SprintId::parse("501").is_ok());
        for bad in ["", "Sprint 1", "1 OR 1=1", "-1", "1.0", "\"1\"", "9999999999999999999999"] {
            assert!(SprintId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_site_id_cannot_climb_out_of_a_path() {
        assert!(SiteId::parse("11223344-a1b2-3b33-c444-def123456789").is_ok());
        for bad in ["", "../admin", "a/b", "a b", "a%2fb", &"x".repeat(65)] {
            assert!(SiteId::parse(bad).is_err(), "{bad}");
        }
    }
}
