//! Keeps a connection inside its reach: the projects of a site that it may touch.
//!
//! The account behind a connection may see the whole site. A connection that is limited to some projects stays inside
//! them, because every [`Call`] has to say what it is about ([`Subject`]), and the client
//!
//! 1. makes the call only if all of that is inside, and everything that its body refers to;
//! 2. sends no query in JQL that is not limited to the projects;
//! 3. leaves out of the answer what it shows of other projects: linked issues, parents, sub-tasks, boards.
//!
//! A connection without limits pays nothing for this. With limits, the project of an issue is read before the first call
//! about it, and the keys of the projects are read if an answer mentions an issue whose project is not known yet.

use std::collections::HashSet;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Body, Call};
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{AttachmentId, IssueRef, is_number};
use crate::issue::{Issue, OneIssue};
use crate::lenient;
use crate::reach::{MAX_PROJECTS, NOTHING, Reach, Subject};
use crate::redaction::{Redaction, projects_of_issues};
use crate::references::References;
use crate::response::Refusal;
use crate::scopes::READ;

/// How many issues one `bulkfetch` can have.
const BATCH: usize = 100;

const BOARD_SCOPES: &str = "read:board-scope:jira-software and read:issue-details:jira";
const SPRINT_SCOPES: &str = "read:sprint:jira-software";

/// The project of an issue.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Project {
    #[serde(deserialize_with = "lenient::id")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    key: Option<String>,
}

#[derive(Deserialize)]
struct Fetched {
    #[serde(deserialize_with = "lenient::objects")]
    issues: Vec<Option<Issue>>,
}

#[derive(Deserialize)]
struct Projects {
    #[serde(deserialize_with = "lenient::objects")]
    values: Vec<Option<Project>>,
}

fn allowed_or_not(is_allowed: bool) -> Result<()> {
    if is_allowed { Ok(()) } else { Err(JiraError::ProjectNotAllowed) }
}

impl JiraSite<'_> {
    /// Whether the connection is limited to some projects.
    pub fn is_limited(&self) -> bool {
        self.limits.reach != Reach::Everything
    }

    /// The ids of the projects that the connection is limited to.
    pub(crate) fn allowed_projects(&self) -> Option<&[String]> {
        match &self.limits.reach {
            Reach::Everything => None,
            Reach::Projects(ids) => Some(ids),
        }
    }

    /// Checks that a call stays inside the connection's projects.
    ///
    /// # Errors
    /// [`JiraError::ProjectNotAllowed`], and those of the calls that find out where something is.
    pub(crate) async fn check_reach(&self, call: &Call<'_>) -> Result<()> {
        let issues: Vec<&str> = call.about.iter().filter_map(Subject::issue).collect();
        self.check_issues(&issues).await?;
        for subject in &call.about {
            match *subject {
                Subject::Issue(_) => {}
                Subject::Project(project) => self.check_project(project).await?,
                Subject::Board(board) => self.check_board(board).await?,
                Subject::Sprint(sprint) => self.check_sprint(sprint).await?,
                Subject::Link(link) => self.check_link(link).await?,
                Subject::Attachment(id) => allowed_or_not(self.limits.known().attachments.contains(id))?,
                Subject::Query(jql) => {
                    let condition = self.limits.reach.condition()?.unwrap_or_default();
                    allowed_or_not(jql.starts_with(&format!("{condition} ")))?;
                }
            }
        }
        match call.body {
            Some(Body::Json(body)) if !call.is_read() => self.check_references(body).await,
            Some(Body::Forwarded { headers, content }) => match lenient::from_slice(content) {
                Ok(body) => self.check_references(&body).await,
                // Jira might read more of what is not quite JSON, so only files may be none.
                Err(_) => {
                    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
                    allowed_or_not(content.is_empty() || kind.starts_with(b"multipart/form-data"))
                }
            },
            _ => Ok(()),
        }
    }

    /// Checks the issues and projects that a written value refers to: a parent, the ends of a link, the value of a field
    /// for issues.
    async fn check_references(&self, body: &Value) -> Result<()> {
        let references = References::of(body);
        for project in &references.projects {
            self.check_project(project).await?;
        }
        let issues: Vec<&str> = references.issues.iter().map(String::as_str).collect();
        self.check_issues(&issues).await?;
        for text in references.texts {
            match self.check_issues(&[text]).await {
                // A text that only looks like a key.
                Err(error) if error.refusal() == Some(Refusal::NotFound) => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    async fn check_issues(&self, issues: &[&str]) -> Result<()> {
        let is_new = |issue: &&&str| !self.limits.known().projects.contains_key(**issue);
        let new: Vec<&str> = issues.iter().filter(is_new).copied().collect();
        if new.len() > 1 {
            for batch in new.chunks(BATCH) {
                self.find_projects(batch).await?;
            }
        }
        for issue in issues {
            let known = self.limits.known().projects.get(*issue).cloned();
            let project = match known {
                Some(project) => project,
                // Also one that the batch lacks, so that Jira says why.
                None => self.find_project(issue).await?,
            };
            allowed_or_not(self.limits.allows(&project))?;
        }
        Ok(())
    }

    async fn find_projects(&self, issues: &[&str]) -> Result<()> {
        let body = json!({ "issueIdsOrKeys": issues, "fields": ["project"] });
        let path = ["rest", "api", "3", "issue", "bulkfetch"];
        let fetched: Fetched = self.look_up(Call::query(NOTHING, &path, &body, READ)).await?;
        for issue in fetched.issues.into_iter().flatten() {
            self.remember_project(&issue);
        }
        Ok(())
    }

    async fn find_project(&self, issue: &str) -> Result<String> {
        self.find_project_with(issue, "project").await.map(|(project, _)| project)
    }

    /// Reads the project of an issue, with further fields.
    async fn find_project_with(&self, issue: &str, fields: &str) -> Result<(String, Issue)> {
        let path = ["rest", "api", "3", "issue", issue];
        let OneIssue(found) = self.look_up(Call::get(NOTHING, &path, &[("fields", fields)], READ)).await?;
        let project = self.remember_project(&found);
        let project =
            project.ok_or_else(|| JiraError::Unreadable("an issue without a project".to_owned()))?;
        self.limits.known().projects.insert(issue.to_owned(), project.clone());
        Ok((project, found))
    }

    /// Notes where an issue is, by its id and its key.
    fn remember_project(&self, issue: &Issue) -> Option<String> {
        let project = Project::deserialize(issue.field("project")).unwrap_or_default();
        let id = project.id?;
        let mut known = self.limits.known();
        for name in [&issue.id, &issue.key].into_iter().flatten() {
            known.projects.insert(name.clone(), id.clone());
        }
        if let Some(key) = project.key.filter(|_| self.limits.allows(&id)) {
            known.keys.insert(key);
        }
        Some(id)
    }

    async fn check_project(&self, project: &str) -> Result<()> {
        if is_number(project) {
            return allowed_or_not(self.limits.allows(project));
        }
        // Not by the keys of the allowed projects alone: one that was renamed is also found by its former key.
        let path = ["rest", "api", "3", "project", project];
        let found: Project = self.look_up(Call::get(NOTHING, &path, &[], READ)).await?;
        allowed_or_not(found.id.is_some_and(|id| self.limits.allows(&id)))
    }

    /// A board is where Jira locates it. One that is located at a person is nowhere.
    async fn check_board(&self, board: &str) -> Result<()> {
        if self.limits.known().boards.contains(board) {
            return Ok(());
        }
        let path = ["rest", "agile", "1.0", "board", board];
        let found: Value = self.look_up(Call::get(NOTHING, &path, &[], BOARD_SCOPES)).await?;
        let project = lenient::id_of(&found["location"]["projectId"]);
        allowed_or_not(project.is_some_and(|id| self.limits.allows(&id)))?;
        self.limits.known().boards.insert(board.to_owned());
        Ok(())
    }

    /// Notes the boards of a list from which those outside have been left out.
    pub(crate) fn note_boards(&self, ids: impl Iterator<Item = i64>) {
        if self.is_limited() {
            self.limits.known().boards.extend(ids.map(|id| id.to_string()));
        }
    }

    async fn check_sprint(&self, sprint: &str) -> Result<()> {
        let path = ["rest", "agile", "1.0", "sprint", sprint];
        let found: Value = self.look_up(Call::get(NOTHING, &path, &[], SPRINT_SCOPES)).await?;
        let board = lenient::id_of(&found["originBoardId"]).ok_or(JiraError::ProjectNotAllowed)?;
        self.check_board(&board).await
    }

    async fn check_link(&self, link: &str) -> Result<()> {
        let path = ["rest", "api", "3", "issueLink", link];
        let found: Value = self.look_up(Call::get(NOTHING, &path, &[], READ)).await?;
        let ends = ["inwardIssue", "outwardIssue"].map(|end| lenient::id_of(&found[end]["id"]));
        let [Some(inward), Some(outward)] = ends else { return Err(JiraError::ProjectNotAllowed) };
        self.check_issues(&[&inward, &outward]).await
    }

    /// Checks that an attachment belongs to an issue, and the issue to the connection's projects; after this, calls about
    /// the attachment are made. A connection without limits does not need it.
    ///
    /// # Errors
    /// [`JiraError::ProjectNotAllowed`] also if the issue does not have the attachment.
    pub async fn find_attachment(&self, issue: &IssueRef, id: &AttachmentId) -> Result<()> {
        let (project, found) = self.find_project_with(issue.as_str(), "project,attachment").await?;
        let mut attachments = found.list("attachment").filter_map(|one| lenient::id_of(&one["id"]));
        allowed_or_not(self.limits.allows(&project) && attachments.any(|one| one == id.as_str()))?;
        self.limits.known().attachments.insert(id.as_str().to_owned());
        Ok(())
    }

    /// Leaves out of the body of an answer what it shows of other projects. In a list it leaves a null, so that offsets
    /// stay correct, unless `gaps` is false.
    ///
    /// # Errors
    /// [`JiraError::ProjectNotAllowed`] if the answer as a whole is about another project.
    pub(crate) async fn leave_out_others(&self, body: Bytes, gaps: bool) -> Result<Bytes> {
        // What is not JSON shows no issues.
        let Ok(mut answer) = lenient::from_slice::<Value>(&body) else { return Ok(body) };
        let mentioned = projects_of_issues(&answer);
        let is_known = {
            let known = self.limits.known();
            mentioned.iter().all(|project| known.keys.contains(project))
        };
        let keys =
            if is_known { self.limits.known().keys.clone() } else { self.project_keys().await?.clone() };
        let allows = |id: &str| self.limits.allows(id);
        let mut redaction = Redaction { keys: &keys, allows: &allows, gaps, is_changed: false };
        if !redaction.keep(&mut answer) {
            return Err(JiraError::ProjectNotAllowed);
        }
        if !redaction.is_changed {
            return Ok(body);
        }
        serde_json::to_vec(&answer).map(Bytes::from).map_err(|error| JiraError::Unreadable(error.to_string()))
    }

    /// Returns the present keys of the allowed projects, which are read once.
    async fn project_keys(&self) -> Result<&HashSet<String>> {
        self.limits
            .keys
            .get_or_try_init(|| async {
                let ids = self.allowed_projects().unwrap_or_default();
                // Without an id, Jira would list all.
                if ids.is_empty() {
                    return Ok(HashSet::new());
                }
                let path = ["rest", "api", "3", "project", "search"];
                let size = MAX_PROJECTS.to_string();
                let mut query = vec![("maxResults", size.as_str())];
                query.extend(ids.iter().map(|id| ("id", id.as_str())));
                let found: Projects = self.look_up(Call::get(NOTHING, &path, &query, READ)).await?;
                let found = found.values.into_iter().flatten();
                let inside =
                    found.filter(|project| project.id.as_ref().is_some_and(|id| self.limits.allows(id)));
                Ok(inside.filter_map(|project| project.key).collect())
            })
            .await
    }
}

impl Call<'_> {
    /// Whether the call changes nothing.
    fn is_read(&self) -> bool {
        self.method == Method::GET || self.is_query
    }
}
