//! The projects that a connection is limited to.

use serde::{Deserialize, Serialize};

/// How a connection is limited to some projects of its site. In JSON `"selected"` or a list of ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowedProjects {
    /// To the selected project; to none while none is selected.
    Selected,
    /// To the projects with these ids; to none if the list is empty.
    #[serde(untagged)]
    These(Vec<String>),
}

/// How [`AllowedProjects::Selected`] is stored. No id is a word.
const SELECTED: &str = "selected";

impl AllowedProjects {
    /// Reads what [`Self::to_stored`] has returned.
    pub(crate) fn from_stored(stored: Vec<String>) -> Self {
        if stored == [SELECTED] { Self::Selected } else { Self::These(stored) }
    }

    /// What is stored in the row.
    pub(super) fn to_stored(&self) -> Vec<String> {
        match self {
            Self::Selected => vec![SELECTED.to_owned()],
            Self::These(ids) => ids.clone(),
        }
    }

    /// The ids of the projects.
    pub(crate) fn ids(&self, selected: Option<&str>) -> Vec<String> {
        match self {
            Self::Selected => selected.map(str::to_owned).into_iter().collect(),
            Self::These(ids) => ids.clone(),
        }
    }

    /// Whether a project may be selected.
    pub(super) fn allows_selecting(&self, project: &str) -> bool {
        match self {
            Self::Selected => true,
            Self::These(ids) => ids.iter().any(|id| id == project),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_stored_is_read_back() {
        for (allowed, text) in [
            (AllowedProjects::Selected, json!("selected")),
            (AllowedProjects::These(vec![]), json!([])),
            (AllowedProjects::These(vec!["10000".to_owned()]), json!(["10000"])),
        ] {
            assert_eq!(AllowedProjects::from_stored(allowed.to_stored()), allowed);
            assert_eq!(serde_json::to_value(&allowed).unwrap(), text);
            assert_eq!(serde_json::from_value::<AllowedProjects>(text).unwrap(), allowed);
        }
        assert!(serde_json::from_value::<AllowedProjects>(json!("all")).is_err());
    }
}
