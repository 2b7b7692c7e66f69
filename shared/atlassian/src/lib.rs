#![doc = include_str!("../README.md")]

mod agile;
mod attachment;
mod board;
mod budget;
mod bulk;
mod call;
mod changelog;
mod client;
mod comment;
mod error;
mod forms;
mod ids;
mod inside;
mod issue;
mod issue_links;
mod jql;
mod jql_check;
pub mod lenient;
pub mod oauth;
mod people;
mod planning;
mod projects;
mod proxy;
mod quota_headers;
mod reach;
mod redaction;
mod references;
mod response;
mod scopes;
mod search;
mod ticket;
pub mod timestamp;
mod transitions;
mod worklog;

use base::config::SettingsError;

pub use agile::{AgilePage, Board, BoardSprints, Sprint, SprintState};
pub use attachment::{Attachment, NewFile};
pub use board::{
    BoardConfiguration, BoardLocation, Column, ColumnConfiguration, ColumnStatus, Estimation,
    EstimationField, Ranking,
};
pub use budget::{ExhaustedQuotas, QuotaNotices, Withheld};
pub use bulk::Bulk;
pub use changelog::{Change, FieldChange};
pub use client::{Jira, JiraSite, TokenSource};
pub use comment::{COMMENTS_AT_ONCE, Comment, CommentOrder, CommentPage, CommentVisibility, InternalComment};
pub use error::{BoxError, JiraError};
pub use forms::{FieldSchema, IssueType, Screen, ScreenField};
pub use ids::{
    AttachmentId, BoardId, CommentId, InvalidId, IssueRef, IssueTypeId, LinkId, LinkTypeId, ProjectId,
    SiteId, SprintId, StatusId, TransitionId, WorklogId, is_number,
};
pub use issue::{ISSUES_AT_ONCE, Issue, OneIssue};
pub use issue_links::{Direction, IssueLink, LinkType};
pub use jql::{Condition, Jql};
pub use jql_check::ParsedJql;
pub use people::{Assignable, PersonFound, Profile};
pub use planning::{Destination, ISSUES_PER_MOVE, NextState, Position, SprintFields, Unranked};
pub use projects::{AvatarUrls, Category, Lead, Project, ProjectPage};
pub use proxy::{Forward, Forwarded};
pub use quota_headers::{Limit, Quota, QuotaLevel};
pub use reach::{MAX_PROJECTS, Reach};
pub use response::{JiraErrorResponse, Refusal};
pub use search::{Found, Id, Page, PageError, Search, SearchPosition};
pub use ticket::{
    FIELDS as TICKET_FIELDS, Named, Parent, Status, StatusCategory, Ticket, TicketFields, User,
};
pub use transitions::Transition;
pub use worklog::{EstimateChange, NewWorklog, Worklog, WorklogPeriod};

const DEFAULT_AUTH_URL: &str = "https://auth.atlassian.com";
const DEFAULT_API_URL: &str = "https://api.atlassian.com";

/// Returns the HTTP client, which the whole process shares.
fn http_client() -> Result<reqwest::Client, SettingsError> {
    let name = "ATLASSIAN_API_URL";
    base::tls::http_client().map_err(|error| SettingsError::Invalid { name, reason: error.to_string() })
}
