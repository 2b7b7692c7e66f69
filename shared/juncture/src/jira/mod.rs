//! Jira through a connection: what the API reads and writes there, in its own format.

mod boards;
mod changelog;
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
mod issue_links;
mod links;
mod people;
mod project_list;
mod projects;
mod relation;
mod rich_text;
mod site;
mod tickets;

pub use atlassian::{Board, BoardSprints, IssueRef, LinkId, ProjectId, Sprint, SprintId, SprintState};
pub use boards::SprintBoard;
pub use changelog::{FieldChange, IssueChange};
pub use create::{CreatedTicket, NewTicket};
pub use create_recovery::{following_keys, newest_issue};
pub use description::DescriptionFormat;
pub use edit::{Edit, EditOptions, EditedIssue, Outcome};
pub use ids::issue_ref;
pub use issue_details::{
    IssueDetails, IssueProject, IssueStatus, NameAndIcon, Resolution, TimeTracking, User,
};
pub use issue_input::{IssueFields, IssueInput};
pub use issue_links::{IssuePair, LinkedIssue, Unlink};
pub use links::{Linked, Links};
pub use people::{ConnectedAccount, FoundPerson, PeopleSearch};
pub use project_list::ProjectList;
pub use projects::{Lead, Project};
pub use relation::Relation;
pub use site::{ConnectedSite, Jira};
pub use tickets::{SprintTicket, Ticket, TicketSearch};
