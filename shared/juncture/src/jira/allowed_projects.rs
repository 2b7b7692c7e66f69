//! Reads the projects that a connection is to be limited to.

use atlassian::{MAX_PROJECTS, ProjectId};
use runtime::{Field, RequestError};
use serde_json::Value;

use crate::connections::AllowedProjects;
use crate::error::{Error, Result};

/// Reads `allowed_projects` from a request body: `"selected"`, a list of numeric ids, or null for no limits.
///
/// # Errors
/// 400 if it is missing or anything else, or has more than [`MAX_PROJECTS`] entries.
pub fn allowed_projects(field: Field) -> Result<Option<AllowedProjects>> {
    const EXPECTED: &str = "allowed_projects must be a list of ids of projects, which consist of digits, or \"selected\", \
        or null to remove the limits";
    let refuse = || Err(Error::bad_request(EXPECTED));
    let list = match field {
        // Not the same as null: a misspelled name must not remove the limits.
        Field::Absent => return Err(RequestError::missing("allowed_projects").into()),
        Field::Null => return Ok(None),
        Field::Text(text) if text.is_empty() => return Err(RequestError::missing("allowed_projects").into()),
        Field::Text(text) if text == "selected" => return Ok(Some(AllowedProjects::Selected)),
        Field::Other(Value::Array(list)) => list,
        Field::Text(_) | Field::Other(_) => return refuse(),
    };
    if list.len() > MAX_PROJECTS {
        return Err(Error::bad_request(format!("allowed_projects has more than {MAX_PROJECTS} entries")));
    }
    let mut ids: Vec<String> = Vec::new();
    for id in list {
        let Some(Ok(id)) = id.as_str().map(ProjectId::parse_number) else { return refuse() };
        let id = id.as_str().to_owned();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(Some(AllowedProjects::These(ids)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_null_removes_the_limits() {
        let read = |value: Value| allowed_projects(value.into());
        assert_eq!(read(json!(null)).unwrap(), None);
        assert_eq!(read(json!("selected")).unwrap(), Some(AllowedProjects::Selected));
        assert_eq!(read(json!([])).unwrap(), Some(AllowedProjects::These(vec![])));
        let these = ["10000", "10001"].map(str::to_owned).into();
        assert_eq!(read(json!(["10000", "10001", "10000"])).unwrap(), Some(AllowedProjects::These(these)));
        let many: Vec<String> = (0..51).map(|id| id.to_string()).collect();
        for wrong in [
            json!(""),
            json!("all"),
            json!("10000"),
            json!(10000),
            json!([10000]),
            json!(["PROJ"]),
            json!({}),
            json!(many),
        ] {
            assert_eq!(read(wrong.clone()).unwrap_err().status(), 400, "{wrong}");
        }
        assert_eq!(allowed_projects(Field::Absent).unwrap_err().message(), "Missing allowed_projects");
    }
}
