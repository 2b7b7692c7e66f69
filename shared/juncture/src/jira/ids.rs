//! Ids in requests; errors use the API's parameter names.

use atlassian::{InvalidId, IssueRef};
use runtime::Field;
use serde_json::Value;

use crate::error::{Error, Result};

impl From<InvalidId> for Error {
    fn from(invalid: InvalidId) -> Self {
        Self::bad_request(match invalid {
            InvalidId::Issue => return not_an_issue("issue_id_or_key"),
            InvalidId::Project => {
                "jira_project_id is not a Jira project id: send its number, such as 10000, or its key, such as PROJ"
            }
            InvalidId::ProjectNumber => {
                "jira_project_id must be the project's number, such as 10000, not its key: get-projects lists both"
            }
            InvalidId::Sprint => "sprint_id is not a Jira sprint id: send its number, such as 10000",
            InvalidId::Board => {
                "board_id is not a Jira board id: send a number that get-boards-for-project lists"
            }
            InvalidId::IssueType => {
                "issue_type_id is not a Jira issue type id: send a number that get-issue-types lists"
            }
            InvalidId::Transition => {
                "transition_id is not a Jira transition id: send a number that get-transitions lists"
            }
            InvalidId::Status => "status_id is not a Jira status id: send its number, such as 10001",
            InvalidId::Comment => {
                "comment_id is not a Jira comment id: send a number that get-comments lists"
            }
            InvalidId::Worklog => {
                "worklog_id is not a Jira worklog id: send a number that get-worklogs lists"
            }
            InvalidId::Attachment => {
                "attachment_id is not a Jira attachment id: send a number that get-issue-details lists"
            }
            InvalidId::Link => {
                "link_id is not the id of a link between Jira issues: send a number that get-issue-details lists"
            }
            InvalidId::LinkType => {
                "link_type_id is not the id of a type of links in Jira: send its number, such as 10000"
            }
            InvalidId::Site => "site_id is not a Jira site id: send one that fetch-available-sites lists",
        })
    }
}

/// Parses an issue id or key from a request parameter; 400 with the parameter's name if it is neither.
pub fn issue_ref(text: &str, parameter: &str) -> Result<IssueRef> {
    IssueRef::parse(text).map_err(|_| not_an_issue(parameter))
}

/// Whether a text can be the id of an Atlassian account.
///
/// At most 128 characters: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-users/>.
pub(super) fn is_account_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.".contains(&byte))
}

fn not_an_issue(parameter: &str) -> Error {
    Error::bad_request(format!(
        "{parameter} is not a Jira issue: send its number, such as 10000, or its key, such as PROJ-1"
    ))
}

/// Reads the id of a board or sprint from a body: a number, as in responses, or text. `None` if it is absent, null or
/// empty; 400 if it is of another type.
pub(super) fn number(field: Field, name: &str) -> Result<Option<String>> {
    match field {
        Field::Absent | Field::Null => Ok(None),
        Field::Text(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Field::Other(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
        Field::Other(_) => Err(Error::bad_request(format!("{name} must be a whole number, such as 10000"))),
    }
}
