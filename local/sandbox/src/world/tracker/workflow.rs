//! Workflows: transitions, their screens, and from which statuses they can be made.

use super::catalog::{DONE, IN_PROGRESS, SEVERITY, Status, TO_DO};

/// The workflow of a project.
#[derive(Clone, Copy, Debug, Default)]
pub enum Workflow {
    /// Of new projects: from every status to every status, without screens.
    #[default]
    Simple,
    /// The classic one: only some transitions from each status, and screens that ask for a resolution.
    Classic,
    /// Another one: [`Workflow::of`].
    Custom(CustomWorkflow),
}

/// A workflow that was made with [`Workflow::of`].
#[derive(Clone, Copy, Debug)]
pub struct CustomWorkflow(&'static [Transition]);

/// A transition of a workflow to make. Its id is its number in the list, from 1 on.
#[derive(Clone, Debug)]
pub struct NewTransition {
    /// Its name.
    pub name: String,
    /// The numbers of the statuses from which it can be made; `None` for a global transition.
    pub from: Option<Vec<usize>>,
    /// The number of the status that it leads to.
    pub to: usize,
    /// The ids of the fields of its screen, and whether each is required; `None` if it has no screen.
    pub screen: Option<Vec<(&'static str, bool)>>,
}

#[derive(Debug)]
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

/// The statuses of every site, by number.
static STATUSES: [&Status; 3] = [&TO_DO, &IN_PROGRESS, &DONE];

/// The number in the id of the first other status.
const FIRST_STATUS: usize = 11_000;

impl Workflow {
    /// A workflow with the three statuses of every site, which are numbers 0 to 2, and others with these names. New
    /// issues have status 0. It is never freed.
    pub fn of(names: &[&str], transitions: &[NewTransition]) -> Self {
        let others = names.iter().enumerate().map(|(index, name)| -> &'static Status {
            let id = Self::status_id(STATUSES.len() + index).leak();
            Box::leak(Box::new(Status { id, name: (*name).to_owned().leak(), ..IN_PROGRESS.clone() }))
        });
        let statuses: Vec<&'static Status> = STATUSES.into_iter().chain(others).collect();
        let status = |number: &usize| statuses.get(*number).copied().unwrap_or(&TO_DO);
        let transitions = transitions.iter().enumerate().map(|(index, new)| Transition {
            id: (index + 1).to_string().leak(),
            name: new.name.clone().leak(),
            to: status(&new.to),
            from: new.from.as_ref().map(|from| -> &[_] {
                from.iter().map(|number| status(number).id).collect::<Vec<_>>().leak()
            }),
            screen: new.screen.clone().map(|screen| -> &[_] { screen.leak() }),
        });
        Self::Custom(CustomWorkflow(transitions.collect::<Vec<_>>().leak()))
    }

    /// The id of a status in a workflow that was made with [`Self::of`].
    pub fn status_id(number: usize) -> String {
        let known = STATUSES.get(number).map(|status| status.id.to_owned());
        known.unwrap_or_else(|| (FIRST_STATUS + number).to_string())
    }

    /// The transitions that can be made from a status.
    pub(crate) fn from(self, status: &Status) -> impl Iterator<Item = &'static Transition> {
        let all: &'static [Transition] = match self {
            Self::Simple => &SIMPLE,
            Self::Classic => &CLASSIC,
            Self::Custom(CustomWorkflow(transitions)) => transitions,
        };
        let id = status.id;
        all.iter().filter(move |transition| transition.from.is_none_or(|from| from.contains(&id)))
    }
}
