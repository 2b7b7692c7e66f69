//! Jira through a connection: what the API reads and writes there, in its own format.

mod board;
mod boards;
mod create;
mod create_recovery;
mod creation;
mod custom_field;
mod description;
mod edit;
mod errors;
mod ids;
mod issue_details;
mod issue_input;
mod links;
mod moves;
mod project_list;
mod projects;
mod rich_text;
mod site;
mod sprints;
mod tickets;

pub use atlassian::{Board, BoardId, BoardSprints, IssueRef, ProjectId, Sprint, SprintId, SprintState};
pub use board::BoardDetails;
pub use boards::SprintBoard;
pub use create::{CreatedTicket, NewTicket};
pub use create_recovery::{following_keys, newest_issue};
pub use description::DescriptionFormat;
pub use edit::{Edit, EditOptions, EditedIssue, Outcome};
pub use ids::issue_ref;
pub use issue_details::{
    IssueDetails, IssueProject, IssueStatus, NameAndIcon, Resolution, TimeTracking, User,
};
pub use issue_input::{IssueFields, IssueInput};
pub use links::{Linked, Links};
pub use moves::{Move, MoveFields, MoveOutcome};
pub use project_list::ProjectList;
pub use projects::{Lead, Project};
pub use site::{ConnectedSite, Jira};
pub use sprints::{NewSprint, SprintEdit, SprintFields};
pub use tickets::{SprintTicket, Ticket, TicketSearch};
