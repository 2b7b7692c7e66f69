//! Moving issues through their workflow.

use adf::Lost;
use atlassian::{IssueRef, JiraError, StatusId, Transition, TransitionId};
use base::display::shown;
use runtime::Field;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::form::{self, FieldValues, Form, FormUse, FormView};
use super::loss::{OnLoss, merge_texts};
use super::names::{MAX_NAME_SHOWN, is_same_name, listed};
use super::rich_text::{Change, RichText};
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};

/// A transition as the API shows it. Values that Jira omits are null.
#[derive(Debug, Clone, Serialize)]
pub struct TransitionView {
    /// Digits; unique only within the workflow.
    pub id: Option<String>,
    /// Its name on the site.
    pub name: Option<String>,
    /// The name of the status that it leads to.
    pub status: Option<String>,
    /// The id of that status, digits.
    pub status_id: Option<String>,
    /// The category of that status: `new`, `indeterminate`, `done` or `undefined`.
    pub status_category: Option<String>,
    /// What it asks for.
    #[serde(flatten)]
    pub form: FormView,
}

/// A transition as `transition-issue` took it.
#[derive(Debug, Clone, Serialize)]
pub struct TransitionMade {
    /// Digits.
    pub transition_id: String,
    /// The name of the transition.
    pub transition: Option<String>,
    /// The name of the new status.
    pub status: Option<String>,
    /// The id of the new status, digits.
    pub status_id: Option<String>,
    /// Its category: `new`, `indeterminate`, `done` or `undefined`.
    pub status_category: Option<String>,
    /// The id of the comment, if there is one.
    pub comment_id: Option<String>,
    /// Content of a text field that was lost because Markdown cannot represent it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
    /// What was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Where an issue is moved.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Goal {
    Transition(TransitionId),
    StatusId(StatusId),
    Status(String),
}

/// The fields of a move in a request body.
#[derive(Debug, Deserialize)]
pub struct TransitionFields {
    /// The id of a transition.
    transition_id: Option<String>,
    /// The id of the status to move to.
    status_id: Option<String>,
    /// The name of the status to move to, in any case.
    status: Option<String>,
    /// The resolution, by name or id.
    resolution: Option<String>,
    /// Fields of the transition's screen, by id or name.
    fields: Field,
    /// Markdown or ADF.
    comment: Field,
}

/// A move of an issue through its workflow.
pub struct TransitionInput {
    goal: Goal,
    fields: Map<String, Value>,
    comment: Option<RichText>,
}

impl TransitionInput {
    /// Parses and checks a move; 400 with a message that names the field and what to send.
    pub fn of(fields: TransitionFields) -> Result<Self> {
        let TransitionFields { transition_id, status_id, status, resolution, fields, comment } = fields;
        let goal = match (transition_id, status_id, status) {
            (Some(id), None, None) => Goal::Transition(TransitionId::parse(&id)?),
            (None, Some(id), None) => Goal::StatusId(StatusId::parse(&id)?),
            (None, None, Some(name)) => Goal::Status(name),
            (None, None, None) => {
                return Err(Error::bad_request("Missing transition_id, status_id or status"));
            }
            _ => return Err(Error::bad_request("Send only one of transition_id, status_id and status")),
        };
        let mut fields = form::fields_given(fields)?;
        if let Some(resolution) = resolution
            && fields.insert(RESOLUTION.to_owned(), resolution.into()).is_some()
        {
            return Err(Error::bad_request(
                "fields has a value for resolution, which is also given outside of fields: send it once",
            ));
        }
        Ok(Self { goal, fields, comment: RichText::optional(comment, "comment")? })
    }
}

/// The id of the field, which is only on the screens of transitions.
const RESOLUTION: &str = "resolution";

/// A transition that leads to the goal, with its form.
struct Candidate<'a> {
    id: TransitionId,
    transition: &'a Transition,
    form: Form,
}

impl Goal {
    fn is_reached_by(&self, transition: &Transition) -> bool {
        let to = transition.to.as_ref();
        match self {
            Self::Transition(id) => transition.id.as_deref() == Some(id.as_str()),
            Self::StatusId(id) => to.and_then(|to| to.id.as_deref()) == Some(id.as_str()),
            Self::Status(name) => {
                to.and_then(|to| to.name.as_deref()).is_some_and(|known| is_same_name(known, name.trim()))
            }
        }
    }
}

impl From<Transition> for TransitionView {
    fn from(transition: Transition) -> Self {
        let (status, status_id, status_category) = status_of(&transition);
        Self {
            status,
            status_id,
            status_category,
            form: Form::of(transition.fields.0, FormUse::Transition).view(),
            id: transition.id,
            name: transition.name,
        }
    }
}

/// Name, id and category of the status that a transition leads to.
fn status_of(transition: &Transition) -> (Option<String>, Option<String>, Option<String>) {
    let Some(to) = transition.to.clone() else { return (None, None, None) };
    (to.name, to.id, to.category.and_then(|category| category.key))
}

/// Chooses the transition: the one with the id, or of those that lead to the status the one whose screen takes the given
/// fields and asks for no others.
fn choose<'a>(
    transitions: &'a [Transition],
    goal: &Goal,
    given: &Map<String, Value>,
) -> Result<Candidate<'a>> {
    if transitions.is_empty() {
        // Jira responds with an empty list to an account without the permission.
        return Err(Error::new(
            ErrorCode::JiraForbidden,
            "The connected Jira account may not move this issue, or its workflow has no transition from its status",
        ));
    }
    let candidates: Vec<Candidate<'_>> = transitions
        .iter()
        .filter(|transition| goal.is_reached_by(transition))
        .filter_map(|transition| {
            let id = TransitionId::parse(transition.id.as_deref()?).ok()?;
            Some(Candidate {
                id,
                transition,
                form: Form::of(transition.fields.0.clone(), FormUse::Transition),
            })
        })
        .collect();
    if candidates.is_empty() {
        return Err(not_possible(transitions, goal));
    }
    // What a candidate lacks: fields that it does not take weigh more than those that it asks for.
    let rank =
        |candidate: &Candidate<'_>| (!candidate.form.has_all(given), candidate.form.missing(given).len());
    // Of equals the first, which is Jira's order. There is one, so this is never empty.
    candidates.into_iter().min_by_key(rank).ok_or_else(|| not_possible(transitions, goal))
}

/// 400 that lists where the issue can go.
fn not_possible(transitions: &[Transition], goal: &Goal) -> Error {
    let sentence = match goal {
        Goal::Transition(id) => format!("Transition {} cannot be made from the issue's status", id.as_str()),
        Goal::StatusId(id) => format!("The issue cannot be moved to status {} from its status", id.as_str()),
        Goal::Status(name) => {
            format!("The issue cannot be moved to \"{}\" from its status", shown(name, MAX_NAME_SHOWN))
        }
    };
    let possible: Vec<Value> = transitions
        .iter()
        .map(|transition| {
            let (status, status_id, _) = status_of(transition);
            json!({ "transition_id": transition.id, "transition": transition.name, "status": status, "status_id": status_id })
        })
        .collect();
    let mut names: Vec<String> = Vec::new();
    for (status, ..) in transitions.iter().map(status_of) {
        if let Some(status) = status
            && !names.contains(&status)
        {
            names.push(status);
        }
    }
    Error::new(ErrorCode::NoTransition, format!("{sentence}. It can be moved to: {}", listed(&names)))
        .logged_as("the issue cannot be moved there from its status")
        .with_details(json!({ "transitions": possible }))
}

/// 400 that says what the transition asks for.
fn fields_required(candidate: &Candidate<'_>, missing: &[&str]) -> Error {
    let name = candidate.transition.name.as_deref().unwrap_or_else(|| candidate.id.as_str());
    let (name, missing) = (shown(name, MAX_NAME_SHOWN), listed(missing));
    let sentence = format!("The transition \"{name}\" asks for: {missing}. Send them in fields");
    Error::new(ErrorCode::FieldsRequired, sentence)
        .logged_as("the transition asks for more fields")
        .with_details(json!({ "transition_id": candidate.id.as_str(), "form": candidate.form.view() }))
}

impl ConnectedSite<'_> {
    /// Lists the transitions that an issue can go through from its status, with what each asks for, in one request.
    /// Empty if the connected account may not move the issue.
    ///
    /// # Errors
    /// `jira_not_found`.
    pub async fn transitions(&self, issue: &IssueRef) -> Result<Vec<TransitionView>> {
        let transitions = self.jira.transitions(issue).await?;
        Ok(transitions.into_iter().map(TransitionView::from).collect())
    }

    /// Moves an issue to a status or through a transition, in two requests, one more for a comment, and one more to read
    /// the texts that Markdown replaces. The transitions are read each time, because their ids belong to the workflow
    /// and the issue's status.
    ///
    /// # Errors
    /// `no_transition` with those that are possible; `fields_required` with the form of the transition;
    /// `jira_forbidden` if there are no transitions at all, which is what Jira lists for an account without the
    /// permission; `jira_refused`, `jira_not_found`, `jira_conflict`; `outcome_unknown` if the issue may have been
    /// moved.
    pub async fn move_issue(&self, issue: &IssueRef, movement: TransitionInput) -> Result<TransitionMade> {
        let TransitionInput { goal, fields, comment } = movement;
        let transitions = self.jira.transitions(issue).await?;
        let candidate = choose(&transitions, &goal, &fields)?;
        let missing = candidate.form.missing(&fields);
        if !missing.is_empty() {
            return Err(fields_required(&candidate, &missing));
        }
        let mut values = candidate.form.read(fields)?;
        let lost = self.merge_into_stored(issue, &mut values).await?;
        let fields = values.into_fields();
        if let Err(error) = self.jira.transition(issue, &candidate.id, fields).await {
            let checked = self.check_moved(issue, candidate.transition, error).await;
            checked.map_err(|error| self.explain_rejected_fields(error, &candidate.form.names()))?;
        }
        let (status, status_id, status_category) = status_of(candidate.transition);
        let mut moved = TransitionMade {
            transition_id: candidate.id.as_str().to_owned(),
            transition: candidate.transition.name.clone(),
            status,
            status_id,
            status_category,
            comment_id: None,
            lost,
            warning: None,
        };
        if let Some(comment) = comment {
            // A comment within the transition is dropped by Jira if the transition has no screen.
            match self.jira.add_comment(issue, &comment.into(), None, None).await {
                Ok(comment) => moved.comment_id = comment.id,
                Err(error) => moved.warning = Some(not_commented(error)),
            }
        }
        Ok(moved)
    }

    /// Turns texts in Markdown into edits of the stored ones, as an edit of the issue does, and returns what is lost.
    async fn merge_into_stored(&self, issue: &IssueRef, values: &mut FieldValues) -> Result<Vec<Lost>> {
        let texts: Vec<String> = values.markdown().map(|(id, _)| id.to_owned()).collect();
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.jira.issue(issue.as_str(), &texts.join(",")).await?;
        let lost = merge_texts(values, &stored, OnLoss::Report)?;
        let kept = values.texts.extract_if(.., |(_, text)| matches!(text, Change::Keep));
        // Unlike an edit, a transition misses a required field that is not sent.
        values.values.extend(
            kept.map(|(id, _)| (id.clone(), stored.field(&id).clone())).filter(|(_, it)| !it.is_null()),
        );
        Ok(lost)
    }

    /// After a transition that Jira did not confirm: the issue's status tells whether it was made, unless the transition
    /// leads to the status in which the issue was.
    async fn check_moved(&self, issue: &IssueRef, transition: &Transition, error: JiraError) -> Result<()> {
        let to = transition.to.as_ref().and_then(|to| to.id.clone());
        let can_tell =
            matches!(error, JiraError::Unconfirmed(_)) && transition.looped == Some(false) && to.is_some();
        let now = if can_tell { self.jira.issue(issue.as_str(), "status").await.ok() } else { None };
        let now = now.and_then(|issue| atlassian::lenient::id_of(&issue.field("status")["id"]));
        if now.is_some() && now == to { Ok(()) } else { Err(error.into()) }
    }
}

/// The warning for a comment that could not be added to an issue that was moved.
fn not_commented(error: JiraError) -> String {
    let error = Error::from(error);
    let may_exist = error.code() == ErrorCode::OutcomeUnknown;
    tracing::warn!(cause = error.cause_chain(), "moved issue got no comment");
    let what = if may_exist { "Jira did not confirm the comment" } else { "the comment could not be added" };
    format!("The issue was moved, but {what}: {}", error.message())
}
