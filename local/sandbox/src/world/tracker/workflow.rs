//! Workflows: transitions, their screens, and from which statuses they can be made.

use super::catalog::{DONE, IN_PROGRESS, SEVERITY, Status, TO_DO};

/// The workflow of a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workflow {
    /// Of new projects: from every status to every status, without screens.
    #[default]
    Simple,
    /// The classic one: only some transitions from each status, and screens that ask for a resolution.
    Classic,
}

pub(crate) struct Transition {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) to: &'static Status,
    /// The ids of the statuses from which it can be made; `None` for a global transition.
    pub(crate) from: Option<&'static [&'static str]>,
    /// The fields of its screen, and whether each is required; `None` if it has no screen.
    pub(crate) screen: Option<&'static [(&'static str, bool)]>,
}

const fn global(id: &'static str, to: &'static Status) -> Transition {
    Transition { id, name: to.name, to, from: None, screen: None }
}

static SIMPLE: [Transition; 3] = [global("11", &TO_DO), global("21", &IN_PROGRESS), global("31", &DONE)];

const OPEN: &[&str] = &[TO_DO.id, IN_PROGRESS.id];

/// Two of them lead to Done, with different screens.
static CLASSIC: [Transition; 5] = [
    Transition { id: "4", name: "Start Progress", to: &IN_PROGRESS, from: Some(&[TO_DO.id]), screen: None },
    Transition { id: "301", name: "Stop Progress", to: &TO_DO, from: Some(&[IN_PROGRESS.id]), screen: None },
    Transition {
        id: "5",
        name: "Resolve Issue",
        to: &DONE,
        from: Some(OPEN),
        screen: Some(&[("resolution", true), ("fixVersions", false), ("assignee", false)]),
    },
    Transition {
        id: "2",
        name: "Close Issue",
        to: &DONE,
        from: Some(OPEN),
        screen: Some(&[("resolution", true), (SEVERITY, true)]),
    },
    Transition {
        id: "3",
        name: "Reopen Issue",
        to: &TO_DO,
        from: Some(&[DONE.id]),
        screen: Some(&[("assignee", false), ("customfield_10040", false)]),
    },
];

impl Workflow {
    /// The transitions that can be made from a status.
    pub(crate) fn from(self, status: &Status) -> impl Iterator<Item = &'static Transition> {
        let all: &'static [Transition] = match self {
            Self::Simple => &SIMPLE,
            Self::Classic => &CLASSIC,
        };
        let id = status.id;
        all.iter().filter(move |transition| transition.from.is_none_or(|from| from.contains(&id)))
    }
}
