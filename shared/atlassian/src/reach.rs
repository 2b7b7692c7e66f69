//! Which projects of a site a connection may touch, and what a call is about. How the two are compared is in
//! [`crate::inside`].

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::error::JiraError;

/// The largest number of projects that a connection can be limited to: Jira lists as many by id.
pub const MAX_PROJECTS: usize = 50;

/// Which projects of a site a connection may touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reach {
    /// All that the account can see.
    #[default]
    Everything,
    /// The projects with these numeric ids; none if the list is empty.
    Projects(Vec<String>),
}

impl Reach {
    /// What a query has to begin with, without the rest of its condition: `project in (10000, 10001)`. `None` for a
    /// reach without limits.
    ///
    /// # Errors
    /// [`JiraError::ProjectNotAllowed`] if there are no projects.
    pub(crate) fn condition(&self) -> Result<Option<String>, JiraError> {
        match self {
            Self::Everything => Ok(None),
            Self::Projects(ids) if ids.is_empty() => Err(JiraError::ProjectNotAllowed),
            Self::Projects(ids) => Ok(Some(format!("project in ({})", ids.join(", ")))),
        }
    }
}

/// What a call is about. Ids and keys have been validated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// An issue by id or key, and all that belongs to it.
    Issue(&'a str),
    /// A project by id or key, and all that belongs to it.
    Project(&'a str),
    /// A board by id.
    Board(&'a str),
    /// A sprint by id, which is where its board is.
    Sprint(&'a str),
    /// A link by id, which is where both its issues are.
    Link(&'a str),
    /// An attachment by id. Jira does not say which issue has it, so [`crate::JiraSite::find_attachment`] comes first.
    Attachment(&'a str),
    /// The issues that a query finds.
    Query(&'a str),
}

/// For calls about the site or the account as a whole, and for those whose answers are lists from which other projects
/// are left out.
pub(crate) const NOTHING: [Subject<'static>; 0] = [];

/// A connection's reach, and what has been found out about it.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) reach: Reach,
    known: Mutex<Known>,
    /// The present keys of the allowed projects, once they have been read.
    pub(crate) keys: OnceCell<HashSet<String>>,
}

/// What is known to be where.
#[derive(Default)]
pub(crate) struct Known {
    /// The project ids of issues, by the id and by the key of the issue.
    pub(crate) projects: HashMap<String, String>,
    /// The keys of allowed projects.
    pub(crate) keys: HashSet<String>,
    /// The ids of boards in allowed projects.
    pub(crate) boards: HashSet<String>,
    /// The ids of attachments of issues in allowed projects.
    pub(crate) attachments: HashSet<String>,
}

impl Limits {
    pub(crate) fn new(reach: Reach) -> Self {
        Self { reach, ..Self::default() }
    }

    /// What is known so far.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is locked.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the project with this id is allowed.
    pub(crate) fn allows(&self, project_id: &str) -> bool {
        match &self.reach {
            Reach::Everything => true,
            Reach::Projects(ids) => ids.iter().any(|id| id == project_id),
        }
    }
}

impl<'a> Subject<'a> {
    /// The issue, if it is one.
    pub(crate) fn issue(&self) -> Option<&'a str> {
        match self {
            Self::Issue(issue) => Some(issue),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_projects_limit_a_query() {
        assert_eq!(Reach::Everything.condition().unwrap(), None);
        assert!(Reach::Projects(vec![]).condition().is_err());
        let two = Reach::Projects(vec!["1".to_owned(), "2".to_owned()]);
        assert_eq!(two.condition().unwrap().as_deref(), Some("project in (1, 2)"));
    }
}
