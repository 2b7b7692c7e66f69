//! Calls of the backend's Jira API for a person, and the requests that Jira received for them.

use anyhow::{Context, Result};
use reqwest::{Method, RequestBuilder};
use sandbox::{Class, Fault, LoggedRequest, NewProject, ProjectShape, Rule};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::person::Person;
use crate::stack::TestStack;

/// The end of the request line of Jira's `create issue`.
pub const CREATE: &str = "/issue HTTP";

impl TestStack {
    /// Creates a project on the site `harbour`. Returns its id.
    pub fn project(&self, key: &str, issues: usize) -> Result<String> {
        let new = NewProject { key: key.to_owned(), issues, boards: 0, sprints_per_board: 0 };
        let made = self.atlassian().create_project("harbour", &new).map_err(anyhow::Error::msg)?;
        Ok(made.id.to_string())
    }

    /// Creates a project on the site `harbour` with these properties. Returns its id.
    pub fn shaped_project(&self, key: &str, shape: ProjectShape) -> Result<String> {
        let id = self.project(key, 0)?;
        self.atlassian().shape_project("harbour", id.parse()?, shape);
        Ok(id)
    }

    /// Like [`Self::project`], an empty project of Jira Service Management.
    pub fn service_project(&self, key: &str) -> Result<String> {
        let new = NewProject { key: key.to_owned(), issues: 0, boards: 0, sprints_per_board: 0 };
        let made = self.atlassian().create_service_project("harbour", &new).map_err(anyhow::Error::msg)?;
        Ok(made.id.to_string())
    }

    /// A new person, connected to the site `harbour`.
    pub async fn connected_user(&self) -> Result<Person<'_>> {
        let person = self.person(&["harbour"])?;
        person.connect("harbour").await?;
        Ok(person)
    }
}

impl Person<'_> {
    /// Builds a request to the backend API below `jira`.
    pub fn jira(&self, method: Method, call: &str) -> RequestBuilder {
        let path = format!("/api/backend/jira/{call}");
        self.stack.request(method, &path).bearer_auth(self.stack.secret_key())
    }

    /// Calls a route below `jira` with parameters in the query, to which this person's external id is added.
    pub async fn query(&self, method: Method, call: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("external_id", &self.external_id)
            .extend_pairs(parameters)
            .finish();
        self.stack.send(self.jira(method, &format!("{call}?{query}"))).await
    }

    /// GETs a route below `jira`.
    pub async fn read(&self, call: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
        self.query(Method::GET, call, parameters).await
    }

    /// Sends a body, to which this person's external id is added, to a route below `jira`.
    pub async fn write(&self, method: Method, call: &str, fields: Value) -> Result<Answer> {
        self.stack.send(self.jira(method, call).json(&self.body(fields))).await
    }

    /// Like [`Self::write`] with POST and an `Idempotency-Key`.
    pub async fn write_once(&self, key: &str, call: &str, fields: Value) -> Result<Answer> {
        let request = self.jira(Method::POST, call).header("idempotency-key", key);
        self.stack.send(request.json(&self.body(fields))).await
    }

    /// Builds a request of `add-attachment` whose body is the file.
    pub fn attachment(&self, issue: &str, name: &str, kind: &str, content: &[u8]) -> RequestBuilder {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("external_id", &self.external_id)
            .append_pair("issue_id_or_key", issue)
            .append_pair("file_name", name)
            .finish();
        let request = self.jira(Method::POST, &format!("add-attachment?{query}"));
        request.header("content-type", kind).body(content.to_vec())
    }

    /// `add-attachment`.
    pub async fn attach(&self, issue: &str, name: &str, kind: &str, content: &[u8]) -> Result<Answer> {
        self.stack.send(self.attachment(issue, name, kind, content)).await
    }

    /// Adds this person's external id to a body.
    pub fn body(&self, mut fields: Value) -> Value {
        fields["external_id"] = self.external_id.clone().into();
        fields
    }

    /// `get-issue-details`.
    pub async fn details(&self, issue: &str) -> Result<Answer> {
        self.details_with(issue, &[]).await
    }

    /// `get-issue-details` with further parameters.
    pub async fn details_with(&self, issue: &str, more: &[(&str, &str)]) -> Result<Answer> {
        let query = [("external_id", self.external_id.as_str()), ("issue_id_or_key", issue)];
        self.stack.backend("jira/get-issue-details", &[&query, more].concat()).await
    }

    /// `edit-issue`.
    pub async fn edit(&self, issue: &str, mut fields: Value) -> Result<Answer> {
        fields["issue_id_or_key"] = issue.into();
        self.write(Method::PUT, "edit-issue", fields).await
    }

    /// `create-ticket`.
    pub async fn create(&self, fields: Value) -> Result<Answer> {
        self.write(Method::POST, "create-ticket", fields).await
    }

    /// `create-ticket` with an `Idempotency-Key`.
    pub async fn create_once(&self, key: &str, fields: Value) -> Result<Answer> {
        self.write_once(key, "create-ticket", fields).await
    }

    /// Creates a task. Returns its key.
    pub async fn task(&self, project: &str, summary: &str) -> Result<String> {
        let fields = json!({ "jira_project_id": project, "summary": summary, "issue_type_id": "10001" });
        let created = self.create(fields).await?.json(201);
        Ok(created["ticket"]["key"].as_str().context("no key")?.to_owned())
    }

    /// `delete-issue`, with the parameters in the query.
    pub async fn delete(&self, issue: &str, more: &[(&str, &str)]) -> Result<Answer> {
        self.query(Method::DELETE, "delete-issue", &[&[("issue_id_or_key", issue)], more].concat()).await
    }

    /// A fault for this person's requests to Jira whose request line contains `line`.
    pub fn trouble(&self, line: &str, fault: Fault) -> Rule {
        Rule::new(Class::Jira, fault).account(&self.account).path(line)
    }

    /// The requests that Jira received for this person.
    pub fn jira_requests(&self) -> Vec<LoggedRequest> {
        let mut requests = self.stack.atlassian().requests();
        requests.retain(|r| r.class == Class::Jira && r.account.as_deref() == Some(&self.account));
        requests
    }

    /// The number of `create issue` requests that Jira received for this person.
    pub fn creates(&self) -> usize {
        let is_create = |r: &&LoggedRequest| r.method == "POST" && r.path.ends_with("/issue");
        self.jira_requests().iter().filter(is_create).count()
    }
}
