//! The endpoints and parameters that the sandbox implements, with the names and types of Jira's own API description
//! (<https://developer.atlassian.com/cloud/jira/platform/rest/v3/>,
//! <https://developer.atlassian.com/cloud/jira/software/rest/>).

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
    /// A part of a form (`multipart/form-data`).
    File,
}

pub(super) type Members = &'static [(&'static str, Kind)];

pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) query: Members,
    /// `None`: the endpoint takes no body.
    pub(super) body: Option<Members>,
}

const fn get(path: &'static str, query: Members) -> Endpoint {
    Endpoint { method: Method::GET, path, query, body: None }
}

const fn post(path: &'static str, body: Members) -> Endpoint {
    Endpoint { method: Method::POST, path, query: &[], body: Some(body) }
}

const PAGE: Members = &[("startAt", Kind::Number), ("maxResults", Kind::Number)];

const COMMENT: Members =
    &[("body", Kind::Object), ("visibility", Kind::Object), ("properties", Kind::Objects)];

const ISSUE: Members = &[("fields", Kind::Object), ("properties", Kind::Objects)];

const MOVE: Members =
    &[("issues", Kind::Texts), ("rankBeforeIssue", Kind::Text), ("rankAfterIssue", Kind::Text)];

pub(super) static ENDPOINTS: &[Endpoint] = &[
    get("/rest/api/3/myself", &[]),
    get(
        "/rest/api/3/project/search",
        &[
            ("startAt", Kind::Number),
            ("maxResults", Kind::Number),
            ("orderBy", Kind::Text),
            ("expand", Kind::Text),
            ("id", Kind::Numbers),
        ],
    ),
    get("/rest/api/3/project/{id_or_key}", &[]),
    post(
        "/rest/api/3/search/jql",
        &[
            ("jql", Kind::Text),
            ("nextPageToken", Kind::Text),
            ("maxResults", Kind::Number),
            ("fields", Kind::Texts),
            ("properties", Kind::Texts),
            ("reconcileIssues", Kind::Numbers),
        ],
    ),
    post("/rest/api/3/search/approximate-count", &[("jql", Kind::Text)]),
    Endpoint {
        method: Method::POST,
        path: "/rest/api/3/jql/parse",
        query: &[("validation", Kind::Text)],
        body: Some(&[("queries", Kind::Texts)]),
    },
    post(
        "/rest/api/3/issue/bulkfetch",
        &[("issueIdsOrKeys", Kind::Texts), ("fields", Kind::Texts), ("properties", Kind::Texts)],
    ),
    post("/rest/api/3/issue", ISSUE),
    get("/rest/api/3/issue/{issue}", &[("fields", Kind::Texts)]),
    Endpoint {
        method: Method::PUT,
        path: "/rest/api/3/issue/{issue}",
        query: &[("returnIssue", Kind::Flag)],
        body: Some(ISSUE),
    },
    Endpoint {
        method: Method::DELETE,
        path: "/rest/api/3/issue/{issue}",
        query: &[("deleteSubtasks", Kind::Flag)],
        body: None,
    },
    get("/rest/api/3/issue/{issue}/editmeta", &[]),
    get("/rest/api/3/issue/{issue}/transitions", &[("expand", Kind::Text), ("transitionId", Kind::Text)]),
    post("/rest/api/3/issue/{issue}/transitions", &[("transition", Kind::Object), ("fields", Kind::Object)]),
    get(
        "/rest/api/3/issue/{issue}/comment",
        &[("startAt", Kind::Number), ("maxResults", Kind::Number), ("orderBy", Kind::Text)],
    ),
    post("/rest/api/3/issue/{issue}/comment", COMMENT),
    get("/rest/api/3/issue/{issue}/comment/{id}", &[]),
    Endpoint {
        method: Method::PUT,
        path: "/rest/api/3/issue/{issue}/comment/{id}",
        query: &[("notifyUsers", Kind::Flag)],
        body: Some(COMMENT),
    },
    Endpoint {
        method: Method::DELETE,
        path: "/rest/api/3/issue/{issue}/comment/{id}",
        query: &[],
        body: None,
    },
    get("/rest/api/3/comment/{id}/properties/{key}", &[]),
    post("/rest/servicedeskapi/request/{issue}/comment", &[("body", Kind::Text), ("public", Kind::Flag)]),
    get("/rest/api/3/issue/createmeta/{project}/issuetypes", PAGE),
    get("/rest/api/3/issue/createmeta/{project}/issuetypes/{type_id}", PAGE),
    get("/rest/api/3/issue/{issue}/changelog", PAGE),
    get(
        "/rest/api/3/user/assignable/search",
        &[
            ("query", Kind::Text),
            ("project", Kind::Text),
            ("issueKey", Kind::Text),
            ("issueId", Kind::Text),
            ("maxResults", Kind::Number),
        ],
    ),
    get(
        "/rest/api/3/user/picker",
        &[("query", Kind::Text), ("maxResults", Kind::Number), ("showAvatar", Kind::Flag)],
    ),
    get("/rest/api/3/issueLinkType", &[]),
    post(
        "/rest/api/3/issueLink",
        &[("type", Kind::Object), ("inwardIssue", Kind::Object), ("outwardIssue", Kind::Object)],
    ),
    get("/rest/api/3/issueLink/{link}", &[]),
    Endpoint { method: Method::DELETE, path: "/rest/api/3/issueLink/{link}", query: &[], body: None },
    get(
        "/rest/agile/1.0/board",
        &[
            ("startAt", Kind::Number),
            ("maxResults", Kind::Number),
            ("projectKeyOrId", Kind::Text),
            ("includePrivate", Kind::Flag),
        ],
    ),
    get("/rest/agile/1.0/board/{board_id}", &[]),
    get(
        "/rest/agile/1.0/board/{board_id}/sprint",
        &[("startAt", Kind::Number), ("maxResults", Kind::Number), ("state", Kind::Texts)],
    ),
    get("/rest/agile/1.0/sprint/{sprint_id}", &[]),
    get(
        "/rest/api/3/issue/{issue}/worklog",
        &[
            ("startAt", Kind::Number),
            ("maxResults", Kind::Number),
            ("startedAfter", Kind::Number),
            ("startedBefore", Kind::Number),
            ("expand", Kind::Text),
        ],
    ),
    Endpoint {
        method: Method::POST,
        path: "/rest/api/3/issue/{issue}/worklog",
        query: &[
            ("adjustEstimate", Kind::Text),
            ("newEstimate", Kind::Text),
            ("reduceBy", Kind::Text),
            ("notifyUsers", Kind::Flag),
        ],
        body: Some(&[
            ("timeSpentSeconds", Kind::Number),
            ("started", Kind::Text),
            ("comment", Kind::Object),
            ("properties", Kind::Objects),
        ]),
    },
    Endpoint {
        method: Method::DELETE,
        path: "/rest/api/3/issue/{issue}/worklog/{id}",
        query: &[("adjustEstimate", Kind::Text), ("newEstimate", Kind::Text), ("increaseBy", Kind::Text)],
        body: None,
    },
    post("/rest/api/3/issue/{issue}/attachments", &[("file", Kind::File)]),
    get("/rest/api/3/attachment/{id}", &[]),
    get("/rest/api/3/attachment/content/{id}", &[("redirect", Kind::Flag)]),
    Endpoint { method: Method::DELETE, path: "/rest/api/3/attachment/{id}", query: &[], body: None },
    get("/rest/agile/1.0/board/{board_id}/configuration", &[]),
    get(
        "/rest/software/1.0/board/{board_id}/backlog",
        &[
            ("nextPageToken", Kind::Text),
            ("maxResults", Kind::Number),
            ("fields", Kind::Texts),
            ("reconcileIssues", Kind::Numbers),
        ],
    ),
    post(
        "/rest/agile/1.0/sprint",
        &[
            ("name", Kind::Text),
            ("goal", Kind::Text),
            ("startDate", Kind::Text),
            ("endDate", Kind::Text),
            ("originBoardId", Kind::Number),
        ],
    ),
    post(
        "/rest/agile/1.0/sprint/{sprint_id}",
        &[
            ("name", Kind::Text),
            ("goal", Kind::Text),
            ("startDate", Kind::Text),
            ("endDate", Kind::Text),
            ("state", Kind::Text),
        ],
    ),
    post("/rest/agile/1.0/sprint/{sprint_id}/issue", MOVE),
    post("/rest/agile/1.0/backlog/issue", &[("issues", Kind::Texts)]),
    post("/rest/agile/1.0/backlog/{board_id}/issue", MOVE),
    Endpoint { method: Method::PUT, path: "/rest/agile/1.0/issue/rank", query: &[], body: Some(MOVE) },
    get("/rest/api/3/serverInfo", &[]),
    get("/rest/api/3/priority", &[]),
];
