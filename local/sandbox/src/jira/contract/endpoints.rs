//! The endpoints, with the names and types of Jira's own description
//! (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/>, <https://developer.atlassian.com/cloud/jira/software/rest/>).

use axum::http::Method;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    Texts,
    Numbers,
    Object,
    Objects,
}

pub(super) type Members = &'static [(&'static str, Kind)];

pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) query: Members,
    /// `None`: no body. A single member `*`: any JSON.
    pub(super) body: Option<Members>,
}

const fn get(path: &'static str, query: Members) -> Endpoint {
    Endpoint { method: Method::GET, path, query, body: None }
}

const fn post(path: &'static str, query: Members, body: Members) -> Endpoint {
    Endpoint { method: Method::POST, path, query, body: Some(body) }
}

const fn put(path: &'static str, query: Members, body: Members) -> Endpoint {
    Endpoint { method: Method::PUT, path, query, body: Some(body) }
}

const ANY: Members = &[("*", Kind::Object)];

const PAGE: Members = &[("startAt", Kind::Number), ("maxResults", Kind::Number)];

const SEARCH: Members = &[
    ("jql", Kind::Text),
    ("nextPageToken", Kind::Text),
    ("maxResults", Kind::Number),
    ("fields", Kind::Texts),
    ("expand", Kind::Text),
    ("properties", Kind::Texts),
    ("fieldsByKeys", Kind::Flag),
    ("reconcileIssues", Kind::Numbers),
];

const SEARCH_BY_GET: Members = &[
    ("jql", Kind::Text),
    ("nextPageToken", Kind::Text),
    ("maxResults", Kind::Number),
    ("fields", Kind::Texts),
    ("expand", Kind::Text),
    ("properties", Kind::Texts),
    ("fieldsByKeys", Kind::Flag),
    ("failFast", Kind::Flag),
    ("reconcileIssues", Kind::Numbers),
];

const SOFTWARE_ISSUES: Members = &[
    ("nextPageToken", Kind::Text),
    ("maxResults", Kind::Number),
    ("reconcileIssues", Kind::Numbers),
    ("jql", Kind::Text),
    ("validateQuery", Kind::Flag),
    ("fields", Kind::Texts),
    ("expand", Kind::Text),
];

const ISSUE: Members = &[
    ("fields", Kind::Object),
    ("update", Kind::Object),
    ("properties", Kind::Objects),
    ("transition", Kind::Object),
    ("historyMetadata", Kind::Object),
];

pub(super) static ENDPOINTS: [Endpoint; 22] = [
    get("/rest/api/3/myself", &[("expand", Kind::Text)]),
    get(
        "/rest/api/3/project/search",
        &[
            ("startAt", Kind::Number),
            ("maxResults", Kind::Number),
            ("orderBy", Kind::Text),
            ("id", Kind::Numbers),
            ("keys", Kind::Texts),
            ("query", Kind::Text),
            ("typeKey", Kind::Text),
            ("categoryId", Kind::Number),
            ("action", Kind::Text),
            ("expand", Kind::Text),
            ("status", Kind::Texts),
            ("properties", Kind::Objects),
            ("propertyQuery", Kind::Text),
        ],
    ),
    get("/rest/api/3/project/{id_or_key}", &[("expand", Kind::Text), ("properties", Kind::Texts)]),
    get("/rest/api/3/search/jql", SEARCH_BY_GET),
    post("/rest/api/3/search/jql", &[], SEARCH),
    post("/rest/api/3/search/approximate-count", &[], &[("jql", Kind::Text)]),
    post(
        "/rest/api/3/issue/bulkfetch",
        &[],
        &[
            ("issueIdsOrKeys", Kind::Texts),
            ("fields", Kind::Texts),
            ("expand", Kind::Texts),
            ("fieldsByKeys", Kind::Flag),
            ("properties", Kind::Texts),
        ],
    ),
    post("/rest/api/3/issue", &[("updateHistory", Kind::Flag)], ISSUE),
    get(
        "/rest/api/3/issue/{issue}",
        &[
            ("fields", Kind::Texts),
            ("fieldsByKeys", Kind::Flag),
            ("expand", Kind::Text),
            ("properties", Kind::Texts),
            ("updateHistory", Kind::Flag),
            ("failFast", Kind::Flag),
        ],
    ),
    put(
        "/rest/api/3/issue/{issue}",
        &[
            ("notifyUsers", Kind::Flag),
            ("overrideScreenSecurity", Kind::Flag),
            ("overrideEditableFlag", Kind::Flag),
            ("returnIssue", Kind::Flag),
            ("expand", Kind::Text),
        ],
        ISSUE,
    ),
    Endpoint {
        method: Method::DELETE,
        path: "/rest/api/3/issue/{issue}",
        query: &[("deleteSubtasks", Kind::Flag)],
        body: None,
    },
    get("/rest/api/3/issue/{issue}/properties/{property}", &[]),
    put("/rest/api/3/issue/{issue}/properties/{property}", &[], ANY),
    get("/rest/api/3/issue/createmeta/{project}/issuetypes", PAGE),
    get("/rest/api/3/issue/createmeta/{project}/issuetypes/{type_id}", PAGE),
    get("/rest/api/3/priority", &[]),
    get(
        "/rest/agile/1.0/board",
        &[
            ("startAt", Kind::Number),
            ("maxResults", Kind::Number),
            ("type", Kind::Texts),
            ("name", Kind::Text),
            ("projectKeyOrId", Kind::Text),
            ("accountIdLocation", Kind::Text),
            ("projectLocation", Kind::Text),
            ("projectTypeLocation", Kind::Texts),
            ("includePrivate", Kind::Flag),
            ("negateLocationFiltering", Kind::Flag),
            ("orderBy", Kind::Text),
            ("expand", Kind::Text),
            ("filterId", Kind::Number),
        ],
    ),
    get("/rest/agile/1.0/board/{board_id}", &[]),
    get(
        "/rest/agile/1.0/board/{board_id}/sprint",
        &[("startAt", Kind::Number), ("maxResults", Kind::Number), ("state", Kind::Texts)],
    ),
    get("/rest/agile/1.0/sprint/{sprint_id}", &[]),
    get("/rest/software/1.0/sprint/{sprint_id}/issue", SOFTWARE_ISSUES),
    get("/rest/software/1.0/board/{board_id}/issue", SOFTWARE_ISSUES),
];
