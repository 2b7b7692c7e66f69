//! What names things in Jira. Each is checked before it becomes part of an address or a query.

use crate::error::{Error, Result};

/// A project's id (digits) or key (`PROJ`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectId(String);

impl ProjectId {
    /// Reads a project id or key; a key may be given in any case. Jira's own are in upper case, and it finds no others
    /// (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/>).
    ///
    /// # Errors
    /// 400 when the text can be neither.
    pub fn parse(text: &str) -> Result<Self> {
        if is_number(text) {
            return Ok(Self(text.to_owned()));
        }
        let key = text.to_ascii_uppercase();
        if is_project_key(&key) {
            return Ok(Self(key));
        }
        Err(Error::bad_request(
            "jira_project_id is not a Jira project id: send its number, such as 10000, or its key, such as PROJ",
        ))
    }

    /// Reads a project id, not a key: what is stored is compared with the ids that Jira lists.
    ///
    /// # Errors
    /// 400 when the text is no number.
    pub fn parse_number(text: &str) -> Result<Self> {
        let id = Self::parse(text)?;
        if id.is_number() {
            return Ok(id);
        }
        Err(Error::bad_request(
            "jira_project_id must be the project's number, such as 10000, not its key: get-projects lists both",
        ))
    }

    pub(super) fn is_number(&self) -> bool {
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
    /// 400 when the text can be neither; `parameter` is what the caller knows it by.
    pub fn parse(text: &str, parameter: &str) -> Result<Self> {
        if is_number(text) {
            return Ok(Self(text.to_owned()));
        }
        let key = text.to_ascii_uppercase();
        if key.rsplit_once('-').is_some_and(|(project, number)| is_project_key(project) && is_number(number))
        {
            return Ok(Self(key));
        }
        Err(Error::bad_request(format!(
            "{parameter} is not a Jira issue: send its number, such as 10000, or its key, such as PROJ-1"
        )))
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
    /// 400 when the text is no number.
    pub fn parse(text: &str) -> Result<Self> {
        if is_number(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::bad_request("sprint_id is not a Jira sprint id: send its number, such as 10000"))
    }

    /// The id as Jira writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Digits that fit into the 64 bits of Jira's ids.
pub(super) fn is_number(text: &str) -> bool {
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
            assert_eq!(IssueRef::parse(fine, "issue_id").unwrap().as_str(), read);
        }
        for bad in ["", "PROJ", "PROJ-", "-1", "PROJ-1 OR 1=1", "../1", "PROJ-1\"", "9999999999999999999999"]
        {
            assert!(IssueRef::parse(bad, "issue_id").is_err(), "{bad}");
        }
    }

    #[test]
    fn sprints_are_named_by_number() {
        assert!(SprintId::parse("501").is_ok());
        for bad in ["", "Sprint 1", "1 OR 1=1", "-1", "1.0", "\"1\"", "9999999999999999999999"] {
            assert!(SprintId::parse(bad).is_err(), "{bad}");
        }
    }
}
