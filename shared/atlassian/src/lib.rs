#![doc = include_str!("../README.md")]

mod agile;
mod client;
mod error;
mod ids;
mod issue;
pub mod lenient;
pub mod oauth;
mod planning;
mod projects;
mod response;
mod scopes;
mod search;
mod ticket;
pub mod timestamp;

use base::config::SettingsError;

pub use agile::{AgilePage, Board, BoardSprints, Sprint, SprintState};
pub use client::{Jira, JiraSite, TokenSource};
pub use error::{BoxError, JiraError};
pub use ids::{
    AttachmentId, BoardId, CommentId, InvalidId, IssueRef, IssueTypeId, LinkId, ProjectId, SiteId, SprintId,
    StatusId, TransitionId, WorklogId, is_number,
};
pub use issue::{ISSUES_AT_ONCE, Issue, IssueType, OneIssue};
pub use planning::{
    BoardConfiguration, BoardLocation, Column, ColumnConfiguration, ColumnStatus, Destination, Estimation,
    EstimationField, ISSUES_PER_MOVE, NextState, Position, Ranking, SprintFields, Unranked,
};
pub use projects::{AvatarUrls, Category, Lead, Project, ProjectPage};
pub use response::{JiraErrorResponse, Refusal};
pub use search::{Bulk, Found, Id, Page, PageError, Search, SearchPosition};
pub use ticket::{
    FIELDS as TICKET_FIELDS, Named, Parent, Status, StatusCategory, Ticket, TicketFields, User,
};

const DEFAULT_AUTH_URL: &str = "https://auth.atlassian.com";
const DEFAULT_API_URL: &str = "https://api.atlassian.com";

/// Returns the HTTP client, which the whole process shares.
fn http_client() -> Result<reqwest::Client, SettingsError> {
    let name = "ATLASSIAN_API_URL";
    base::tls::http_client().map_err(|error| SettingsError::Invalid { name, reason: error.to_string() })
}
