//! Jira through a connection: what the API reads and writes there, in its own format.

mod add_comment;
mod allowed_projects;
mod attachments;
mod board;
mod boards;
mod changelog;
mod comments;
mod create;
mod create_recovery;
mod creation;
mod custom_field;
mod description;
mod edit;
mod errors;
mod form;
mod ids;
mod internal_comment;
mod iso_duration;
mod issue_details;
mod issue_input;
mod issue_links;
mod issue_types;
mod jql;
mod links;
mod loss;
mod moves;
mod names;
mod people;
mod project_list;
mod projects;
mod proxy;
mod relation;
mod rich_text;
mod shared_quotas;
mod site;
mod sprints;
mod ticket_filters;
mod tickets;
mod transitions;
mod worklogs;

pub use add_comment::{CommentFields, NewComment};
pub use allowed_projects::allowed_projects;
pub use atlassian::{
    AttachmentId, Board, BoardId, BoardSprints, CommentId, IssueRef, IssueTypeId, LinkId, ProjectId, Sprint,
    SprintId, SprintState, WorklogId, WorklogPeriod,
};
pub use attachments::{AttachedFile, Attachment, file_to_attach};
pub use board::BoardDetails;
pub use boards::SprintBoard;
pub use changelog::{FieldChange, IssueChange};
pub use comments::{Comment, CommentEdit, CommentEditFields, CommentList};
pub use create::{CreatedTicket, NewTicket};
pub use create_recovery::{following_keys, newest_issue};
pub use description::DescriptionFormat;
pub use edit::{Edit, EditOptions, EditedIssue, Outcome};
pub use form::{FieldView, Form, FormUse, FormView};
pub use ids::issue_ref;
pub use issue_details::{
    IssueAttachment, IssueDetails, IssueProject, IssueStatus, NameAndIcon, Resolution, TimeTracking, User,
};
pub use issue_input::{IssueFields, IssueInput};
pub use issue_links::{IssuePair, LinkedIssue, Unlink};
pub use issue_types::IssueType;
pub use jql::{FoundTicket, JqlQuery, field_ids};
pub use links::{Linked, Links};
pub use moves::{Move, MoveFields, MoveOutcome};
pub use people::{ConnectedAccount, FoundPerson, PeopleSearch};
pub use project_list::ProjectList;
pub use projects::{Lead, Project};
pub use proxy::{ProxyCall, ProxyPath, ProxyRules};
pub use relation::Relation;
pub(crate) use shared_quotas::SharedQuotas;
pub use site::{ConnectedSite, Jira};
pub use sprints::{NewSprint, SprintEdit, SprintFields};
pub use ticket_filters::{FilterQuery, TicketFilters};
pub use tickets::{SprintTicket, Ticket, TicketSearch};
pub use transitions::{TransitionFields, TransitionInput, TransitionMade, TransitionView};
pub use worklogs::{DeletionEstimate, Worklog, WorklogFields, WorklogInput, worklog_period};
