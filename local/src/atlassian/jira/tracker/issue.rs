//! An issue as it is kept. What many issues share is shared: ten thousand of them are a few megabytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use time::OffsetDateTime;

use super::super::catalog::{ISSUE_TYPES, IssueType, PRIORITIES, Priority, Status, TO_DO};

#[derive(Clone)]
pub(in crate::atlassian) struct Issue {
    pub(in crate::atlassian) id: u64,
    /// Id of the project.
    pub(in crate::atlassian) project: u64,
    /// The number in the key.
    pub(in crate::atlassian) number: u32,
    pub(in crate::atlassian) summary: String,
    /// An Atlassian document as JSON text.
    pub(in crate::atlassian) description: Option<Arc<str>>,
    /// An Atlassian document as JSON text.
    pub(in crate::atlassian) environment: Option<Arc<str>>,
    pub(in crate::atlassian) issue_type: &'static IssueType,
    pub(in crate::atlassian) status: &'static Status,
    pub(in crate::atlassian) priority: Option<&'static Priority>,
    /// Accounts are named by key.
    pub(in crate::atlassian) assignee: Option<Arc<str>>,
    pub(in crate::atlassian) reporter: Option<Arc<str>>,
    pub(in crate::atlassian) creator: Arc<str>,
    pub(in crate::atlassian) labels: Vec<String>,
    pub(in crate::atlassian) parent: Option<u64>,
    /// The last one is the current one.
    pub(in crate::atlassian) sprints: Vec<u64>,
    /// Positions in the project's list, as the versions below.
    pub(in crate::atlassian) components: Vec<usize>,
    pub(in crate::atlassian) fix_versions: Vec<usize>,
    pub(in crate::atlassian) versions: Vec<usize>,
    pub(in crate::atlassian) due: Option<String>,
    pub(in crate::atlassian) estimate: Estimate,
    pub(in crate::atlassian) points: Option<f64>,
    pub(in crate::atlassian) berth: Option<String>,
    /// Position in the list of options.
    pub(in crate::atlassian) severity: Option<usize>,
    pub(in crate::atlassian) inspected: Option<String>,
    /// Entity properties.
    pub(in crate::atlassian) properties: BTreeMap<String, Value>,
    pub(in crate::atlassian) created: OffsetDateTime,
    pub(in crate::atlassian) updated: OffsetDateTime,
    /// How many searches will still miss it.
    pub(in crate::atlassian) unseen: u32,
}

/// Time tracking, in seconds.
#[derive(Clone, Copy, Default)]
pub(in crate::atlassian) struct Estimate {
    pub(in crate::atlassian) original: Option<u64>,
    pub(in crate::atlassian) remaining: Option<u64>,
    pub(in crate::atlassian) spent: Option<u64>,
}

impl Issue {
    /// A task of medium priority with nothing else; the tracker gives it an id.
    pub(in crate::atlassian) fn new(
        project: u64,
        summary: String,
        creator: Arc<str>,
        created: OffsetDateTime,
    ) -> Self {
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
            properties: BTreeMap::new(),
            created,
            updated: created,
            unseen: 0,
        }
    }
}
