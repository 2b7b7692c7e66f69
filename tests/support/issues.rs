//! Calls on single issues, as a product makes them for a person.

use anyhow::{Context, Result};
use juncture_local::atlassian::{Class, Fault, LoggedRequest, NewProject, Rule};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::bed::Bed;
use crate::person::Person;

/// The request line of a create ends in this.
pub const CREATE: &str = "/issue HTTP";

impl Bed {
    /// A project of a test's own at the Harbour, and its id.
    pub fn project(&self, key: &str, issues: usize) -> Result<String> {
        let new = NewProject { key: key.to_owned(), issues, boards: 0, sprints_per_board: 0 };
        let made = self.atlassian().create_project("harbour", &new).map_err(anyhow::Error::msg)?;
        Ok(made.id.to_string())
    }

    /// A new person with a connection to the Harbour.
    pub async fn sailor(&self) -> Result<Person<'_>> {
        let person = self.person(&["harbour"])?;
        person.connect("harbour").await?;
        Ok(person)
    }
}

impl Person<'_> {
    /// Begins a call of the backend's Jira API.
    pub fn jira(&self, method: Method, call: &str) -> RequestBuilder {
        let path = format!("/api/backend/jira/{call}");
        self.bed.request(method, &path).bearer_auth(self.bed.stack.secret_key())
    }

    /// A body with this person's external id.
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
        self.bed.backend("jira/get-issue-details", &[&query, more].concat()).await
    }

    /// `edit-issue`.
    pub async fn edit(&self, issue: &str, mut fields: Value) -> Result<Answer> {
        fields["issue_id_or_key"] = issue.into();
        self.bed.send(self.jira(Method::PUT, "edit-issue").json(&self.body(fields))).await
    }

    /// `create-ticket`.
    pub async fn create(&self, fields: Value) -> Result<Answer> {
        self.bed.send(self.jira(Method::POST, "create-ticket").json(&self.body(fields))).await
    }

    /// `create-ticket` with an `Idempotency-Key`.
    pub async fn create_once(&self, key: &str, fields: Value) -> Result<Answer> {
        let request = self.jira(Method::POST, "create-ticket").header("idempotency-key", key);
        self.bed.send(request.json(&self.body(fields))).await
    }

    /// Creates a task and gives its key.
    pub async fn task(&self, project: &str, summary: &str) -> Result<String> {
        let fields = json!({ "jira_project_id": project, "summary": summary, "issue_type_id": "10001" });
        let created = self.create(fields).await?.json(201);
        Ok(created["ticket"]["key"].as_str().context("no key")?.to_owned())
    }

    /// `delete-issue` by query.
    pub async fn delete(&self, issue: &str, more: &[(&str, &str)]) -> Result<Answer> {
        let query = [("external_id", self.external_id.as_str()), ("issue_id_or_key", issue)];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .extend_pairs(more)
            .finish();
        self.bed.send(self.jira(Method::DELETE, &format!("delete-issue?{query}"))).await
    }

    /// Makes this person's requests to Jira misbehave whose request line contains `line`.
    pub fn trouble(&self, line: &str, fault: Fault) -> Rule {
        Rule::new(Class::Jira, fault).account(&self.account).path(line)
    }

    /// This person's requests to Jira so far.
    pub fn jira_requests(&self) -> Vec<LoggedRequest> {
        let mut requests = self.bed.atlassian().requests();
        requests.retain(|r| r.class == Class::Jira && r.account.as_deref() == Some(&self.account));
        requests
    }

    /// How many tickets this person's requests would have created.
    pub fn creates(&self) -> usize {
        let is_create = |r: &&LoggedRequest| r.method == "POST" && r.path.ends_with("/issue");
        self.jira_requests().iter().filter(is_create).count()
    }

    /// Fails if Jira would not understand what this person's calls were turned into.
    #[track_caller]
    pub fn assert_understood(&self) {
        let mut violations = self.bed.atlassian().violations();
        violations.retain(|violation| violation.account.as_deref() == Some(&self.account));
        assert!(violations.is_empty(), "{violations:#?}");
    }
}
