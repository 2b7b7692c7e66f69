//! Issues as stored. Common values are shared: ten thousand issues take a few megabytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use serde_json::Value;
use time::OffsetDateTime;

use super::catalog::{ISSUE_TYPES, IssueType, PRIORITIES, Priority, Status, TO_DO};
use super::comment::Comment;
use super::history::Change;

#[derive(Clone)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    /// Id of the project.
    pub(crate) project: u64,
    /// The number in the key.
    pub(crate) number: u32,
    pub(crate) summary: String,
    /// An Atlassian document as JSON text.
    pub(crate) description: Option<Arc<str>>,
    /// An Atlassian document as JSON text.
    pub(crate) environment: Option<Arc<str>>,
    pub(crate) issue_type: &'static IssueType,
    pub(crate) status: &'static Status,
    pub(crate) priority: Option<&'static Priority>,
    /// Key of the account, as in the next two fields.
    pub(crate) assignee: Option<Arc<str>>,
    pub(crate) reporter: Option<Arc<str>>,
    pub(crate) creator: Arc<str>,
    pub(crate) labels: Vec<String>,
    pub(crate) parent: Option<u64>,
    /// The last one is the current one.
    pub(crate) sprints: Vec<u64>,
    /// Indices into the project's list, as in the next two fields.
    pub(crate) components: Vec<usize>,
    pub(crate) fix_versions: Vec<usize>,
    pub(crate) versions: Vec<usize>,
    pub(crate) due: Option<String>,
    pub(crate) estimate: Estimate,
    pub(crate) points: Option<f64>,
    pub(crate) berth: Option<String>,
    /// Index into the list of options.
    pub(crate) severity: Option<usize>,
    pub(crate) inspected: Option<String>,
    /// Index into the list of resolutions.
    pub(crate) resolution: Option<usize>,
    /// Values of the other custom fields, as they are read.
    pub(crate) custom: BTreeMap<String, Value>,
    /// Oldest first.
    pub(crate) comments: Vec<Comment>,
    /// Entity properties.
    pub(crate) properties: BTreeMap<String, Value>,
    /// Its changes, oldest first.
    pub(crate) history: Vec<Change>,
    pub(crate) created: OffsetDateTime,
    pub(crate) updated: OffsetDateTime,
    /// How many more searches will miss it.
    pub(crate) unseen: u32,
    /// In the order in which they were added.
    pub(crate) worklogs: Vec<Worklog>,
    /// In the order in which they were attached.
    pub(crate) attachments: Vec<Attachment>,
    /// Its position in the order of all issues, which boards show. Unique.
    pub(crate) rank: u64,
}

/// A file attached to an issue.
#[derive(Clone)]
pub(crate) struct Attachment {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) content: Bytes,
    /// Key of the account.
    pub(crate) author: Arc<str>,
    pub(crate) created: OffsetDateTime,
    /// The secret in the URL of its content.
    pub(crate) media: String,
}

/// Time recorded on an issue.
#[derive(Clone)]
pub(crate) struct Worklog {
    pub(crate) id: u64,
    /// Key of the account.
    pub(crate) author: Arc<str>,
    /// An Atlassian document.
    pub(crate) comment: Option<Value>,
    pub(crate) started: OffsetDateTime,
    pub(crate) seconds: u64,
    pub(crate) created: OffsetDateTime,
    /// Entity properties.
    pub(crate) properties: BTreeMap<String, Value>,
}

/// Time tracking, in seconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Estimate {
    pub(crate) original: Option<u64>,
    pub(crate) remaining: Option<u64>,
    pub(crate) spent: Option<u64>,
}

impl Issue {
    /// A task of medium priority and no other fields; the tracker assigns the id.
    pub(crate) fn new(project: u64, summary: String, creator: Arc<str>, created: OffsetDateTime) -> Self {
        Self {
            id: 0,
            project,
            number: 0,
            summary,
            description: None,
            environment: None,
            issue_type: &ISSUE_TYPES[0],
            status: &TO_DO,
            priority: Some(&PRIORITIES[2]),
            assignee: None,
            reporter: Some(Arc::clone(&creator)),
            creator,
            labels: Vec::new(),
            parent: None,
            sprints: Vec::new(),
            components: Vec::new(),
            fix_versions: Vec::new(),
            versions: Vec::new(),
            due: None,
            estimate: Estimate::default(),
            points: None,
            berth: None,
            severity: None,
            inspected: None,
            resolution: None,
            custom: BTreeMap::new(),
            comments: Vec::new(),
            properties: BTreeMap::new(),
            history: Vec::new(),
            created,
            updated: created,
            unseen: 0,
            worklogs: Vec::new(),
            attachments: Vec::new(),
            rank: 0,
        }
    }
}
