//! Jira through a connection: what the API reads and writes there, in its own format.

mod attachments;
mod boards;
mod create;
mod create_recovery;
mod creation;
mod custom_field;
mod description;
mod edit;
mod errors;
mod ids;
mod iso_duration;
mod issue_details;
mod issue_input;
mod links;
mod project_list;
mod projects;
mod rich_text;
mod site;
mod tickets;
mod worklogs;

pub use atlassian::{AttachmentId, WorklogId, WorklogPeriod};
pub use atlassian::{Board, BoardSprints, IssueRef, ProjectId, Sprint, SprintId, SprintState};
pub use attachments::{AttachedFile, Attachment, file_to_attach};
pub use boards::SprintBoard;
pub use create::{CreatedTicket, NewTicket};
pub use create_recovery::{following_keys, newest_issue};
pub use description::DescriptionFormat;
pub use edit::{Edit, EditOptions, EditedIssue, Outcome};
pub use ids::issue_ref;
pub use issue_details::{
    IssueAttachment, IssueDetails, IssueProject, IssueStatus, NameAndIcon, Resolution, TimeTracking, User,
};
pub use issue_input::{IssueFields, IssueInput};
pub use links::{Linked, Links};
pub use project_list::ProjectList;
pub use projects::{Lead, Project};
pub use site::{ConnectedSite, Jira};
pub use tickets::{SprintTicket, Ticket, TicketSearch};
pub use worklogs::{DeletionEstimate, Worklog, WorklogFields, WorklogInput, worklog_period};
