//! Jira's API as typed calls, through a connection.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/>

mod agile;
mod client;
mod create;
mod custom_field;
mod description;
mod edit;
mod failure;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod ids;
mod input;
mod issue;
mod links;
mod marked;
mod project_list;
mod projects;
mod search;
mod ticket;
mod timestamp;

pub use agile::{Board, BoardSprints, Sprint, SprintState};
pub use client::{Jira, JiraSite};
pub use create::{Created, CreatedTicket, NewTicket};
pub use description::DescriptionFormat;
pub use edit::{Edit, EditedIssue, Outcome};
pub use ids::{IssueRef, ProjectId, SprintId};
pub use input::IssueInput;
pub use issue::{IssueDetails, IssueProject, IssueStatus, NameAndIcon, Resolution, TimeTracking, User};
pub use links::{Linked, Links};
pub use project_list::ProjectList;
pub use projects::{Lead, Project, ProjectCategory};
pub use search::{Position, Search};
pub use ticket::{SprintTicket, Ticket};
