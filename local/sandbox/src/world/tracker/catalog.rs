//! The configuration of every site: issue types, statuses, priorities and fields, named and numbered as on new sites.

#[derive(Debug, PartialEq)]
pub(crate) struct IssueType {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// 1 for epics, -1 for sub-tasks.
    pub(crate) level: i8,
}

const fn issue_type(id: &'static str, name: &'static str, level: i8) -> IssueType {
    IssueType { id, name, level }
}

pub(crate) static ISSUE_TYPES: [IssueType; 5] = [
    issue_type("10001", "Task", 0),
    issue_type("10002", "Bug", 0),
    issue_type("10003", "Sub-task", -1),
    issue_type("10004", "Story", 0),
    issue_type("10000", "Epic", 1),
];

impl IssueType {
    pub(crate) fn is_subtask(&self) -> bool {
        self.level < 0
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) category: Category,
}

#[derive(Clone, Debug)]
pub(crate) struct Category {
    /// A number, unlike most ids.
    pub(crate) id: u8,
    pub(crate) key: &'static str,
    pub(crate) color: &'static str,
    pub(crate) name: &'static str,
}

pub(crate) static TO_DO: Status = Status {
    id: "10000",
    name: "To Do",
    category: Category { id: 2, key: "new", color: "blue-gray", name: "To Do" },
};
pub(crate) static IN_PROGRESS: Status = Status {
    id: "3",
    name: "In Progress",
    category: Category { id: 4, key: "indeterminate", color: "yellow", name: "In Progress" },
};
pub(crate) static DONE: Status = Status {
    id: "10001",
    name: "Done",
    category: Category { id: 3, key: "done", color: "green", name: "Done" },
};

impl Status {
    pub(crate) fn is_done(&self) -> bool {
        self.category.key == "done"
    }
}

#[derive(Debug)]
pub(crate) struct Priority {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
}

pub(crate) static PRIORITIES: [Priority; 5] = [
    Priority { id: "1", name: "Highest" },
    Priority { id: "2", name: "High" },
    Priority { id: "3", name: "Medium" },
    Priority { id: "4", name: "Low" },
    Priority { id: "5", name: "Lowest" },
];

/// A type of link between issues, with the words for each direction.
#[derive(Debug)]
pub(crate) struct LinkType {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) outward: &'static str,
    pub(crate) inward: &'static str,
}

pub(crate) static LINK_TYPES: [LinkType; 4] = [
    LinkType { id: "10000", name: "Blocks", outward: "blocks", inward: "is blocked by" },
    LinkType { id: "10001", name: "Cloners", outward: "clones", inward: "is cloned by" },
    LinkType { id: "10002", name: "Duplicate", outward: "duplicates", inward: "is duplicated by" },
    LinkType { id: "10003", name: "Relates", outward: "relates to", inward: "relates to" },
];

/// Names of the components and versions of every project; their ids derive from the project's.
pub(crate) const COMPONENTS: [&str; 2] = ["Hull", "Rigging"];
pub(crate) const VERSIONS: [&str; 2] = ["1.0", "2.0"];

/// The id of the component or version at a position.
pub(crate) fn part_id(project: u64, index: usize) -> String {
    (project * 10 + index as u64).to_string()
}

/// The type of a field's value in create and edit requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Cannot be set through an issue's fields.
    ReadOnly,
    /// Plain text.
    Text,
    /// An Atlassian document.
    Document,
    /// `yyyy-MM-dd`.
    Date,
    Number,
    Labels,
    Project,
    IssueType,
    Priority,
    User,
    Parent,
    /// Components or versions.
    Parts,
    TimeTracking,
    /// One of the options of a custom field.
    Choice,
    /// A list that is written as the bare number of one sprint.
    Sprint,
    /// Only on the screens of transitions.
    Resolution,
    /// See [`super::custom::CUSTOM_FIELDS`].
    Custom,
}

pub(crate) struct Field {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether `*navigable` includes it.
    pub(crate) navigable: bool,
}

const fn field(id: &'static str, name: &'static str, kind: Kind) -> Field {
    Field { id, name, kind, navigable: true }
}

const fn hidden(id: &'static str, name: &'static str, kind: Kind) -> Field {
    Field { id, name, kind, navigable: false }
}

pub(crate) const STORY_POINTS: &str = "customfield_10016";
pub(crate) const RANK: &str = "customfield_10019";
pub(crate) const SPRINT: &str = "customfield_10020";
pub(crate) const BERTH: &str = "customfield_10030";
pub(crate) const SEVERITY: &str = "customfield_10031";
pub(crate) const INSPECTED: &str = "customfield_10032";

/// How an issue can be resolved; ids start at 10000.
pub(crate) const RESOLUTIONS: [&str; 4] = ["Done", "Won't Do", "Duplicate", "Cannot Reproduce"];

/// The options of [`SEVERITY`]; ids start at 10100.
pub(crate) const SEVERITIES: [&str; 3] = ["Minor", "Major", "Critical"];

pub(crate) static FIELDS: [Field; 62] = [
    field("statuscategorychangedate", "Status Category Changed", Kind::ReadOnly),
    field("issuetype", "Issue Type", Kind::IssueType),
    field("parent", "Parent", Kind::Parent),
    field("project", "Project", Kind::Project),
    field("timespent", "Time Spent", Kind::ReadOnly),
    field("timeoriginalestimate", "Original estimate", Kind::ReadOnly),
    field("timeestimate", "Remaining Estimate", Kind::ReadOnly),
    field("aggregatetimespent", "Σ Time Spent", Kind::ReadOnly),
    field("fixVersions", "Fix versions", Kind::Parts),
    field("versions", "Affects versions", Kind::Parts),
    field("resolution", "Resolution", Kind::Resolution),
    field("resolutiondate", "Resolved", Kind::ReadOnly),
    field("workratio", "Work Ratio", Kind::ReadOnly),
    field("watches", "Watchers", Kind::ReadOnly),
    field("votes", "Votes", Kind::ReadOnly),
    field("lastViewed", "Last Viewed", Kind::ReadOnly),
    field("created", "Created", Kind::ReadOnly),
    field("updated", "Updated", Kind::ReadOnly),
    field("priority", "Priority", Kind::Priority),
    field("labels", "Labels", Kind::Labels),
    field("assignee", "Assignee", Kind::User),
    field("reporter", "Reporter", Kind::User),
    field("creator", "Creator", Kind::ReadOnly),
    field("status", "Status", Kind::ReadOnly),
    field("statusCategory", "Status Category", Kind::ReadOnly),
    field("components", "Components", Kind::Parts),
    field("description", "Description", Kind::Document),
    field("environment", "Environment", Kind::Document),
    field("summary", "Summary", Kind::Text),
    field("duedate", "Due date", Kind::Date),
    field("subtasks", "Sub-tasks", Kind::ReadOnly),
    field("issuelinks", "Linked Issues", Kind::ReadOnly),
    field(STORY_POINTS, "Story point estimate", Kind::Number),
    field(RANK, "Rank", Kind::ReadOnly),
    field(SPRINT, "Sprint", Kind::Sprint),
    field(BERTH, "Berth", Kind::Text),
    field(SEVERITY, "Severity", Kind::Choice),
    field(INSPECTED, "Inspected", Kind::Date),
    hidden("timetracking", "Time tracking", Kind::TimeTracking),
    hidden("attachment", "Attachment", Kind::ReadOnly),
    hidden("comment", "Comment", Kind::ReadOnly),
    hidden("worklog", "Log Work", Kind::ReadOnly),
    hidden("customfield_10040", "Notes", Kind::Custom),
    hidden("customfield_10041", "Manual", Kind::Custom),
    hidden("customfield_10043", "Sails at", Kind::Custom),
    hidden("customfield_10044", "Side", Kind::Custom),
    hidden("customfield_10045", "Hazards", Kind::Custom),
    hidden("customfield_10046", "Cargo", Kind::Custom),
    hidden("customfield_10047", "Place", Kind::Custom),
    hidden("customfield_10048", "Pilot", Kind::Custom),
    hidden("customfield_10049", "Crew", Kind::Custom),
    hidden("customfield_10050", "Watch", Kind::Custom),
    hidden("customfield_10051", "Watches", Kind::Custom),
    hidden("customfield_10052", "Tags", Kind::Custom),
    hidden("customfield_10053", "Refit", Kind::Custom),
    hidden("customfield_10054", "Refits", Kind::Custom),
    hidden("customfield_10055", "Squad", Kind::Custom),
    hidden("customfield_10056", "Assets", Kind::Custom),
    hidden("customfield_10057", "Captain's note", Kind::Custom),
    hidden("customfield_10058", "Twin", Kind::Custom),
    hidden("customfield_10059", "Twin", Kind::Custom),
    hidden("security", "Security Level", Kind::Custom),
];

pub(crate) fn find_field(id: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.id == id)
}
