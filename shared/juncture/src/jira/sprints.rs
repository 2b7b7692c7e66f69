//! Creating and changing sprints.

use atlassian::timestamp::{moment, utc};
use atlassian::{BoardId, NextState, Refusal, Sprint, SprintId};
use runtime::Field;
use serde::Deserialize;
use serde_json::{Value, json};

use super::creation::Creation;
use super::ids::number;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::{Attempt, Once, UnconfirmedSend};

/// Maximum length of a name, in UTF-16 code units
/// (<https://developer.atlassian.com/cloud/jira/software/rest/api-group-sprint/>).
const MAX_NAME: usize = 30;

/// Maximum length of a goal, in characters. Jira may take less.
const MAX_GOAL: usize = 10_240;

/// The years that a sprint's dates can be in.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// The fields of a sprint in a request body.
#[derive(Debug, Deserialize)]
pub struct SprintFields {
    /// At most thirty characters.
    name: Option<String>,
    /// Plain text; `null`, an empty string and white space clear it.
    goal: Field,
    /// RFC 3339.
    start_date: Option<String>,
    /// RFC 3339.
    end_date: Option<String>,
}

impl SprintFields {
    fn check(self) -> Result<atlassian::SprintFields> {
        let name = self.name.map(|name| checked_name(&name)).transpose()?;
        let goal = checked_goal(self.goal)?;
        let start_date = self.start_date.map(|text| date(&text, "start_date")).transpose()?;
        let end_date = self.end_date.map(|text| date(&text, "end_date")).transpose()?;
        if start_date.as_ref().zip(end_date.as_ref()).is_some_and(|(start, end)| start >= end) {
            return Err(Error::bad_request("end_date must be after start_date"));
        }
        Ok(atlassian::SprintFields { name, goal, start_date, end_date, state: None })
    }
}

/// A sprint to create.
pub struct NewSprint {
    board: BoardId,
    fields: atlassian::SprintFields,
}

impl NewSprint {
    /// Checks the fields of a request; 400 with a message that names the field and what to send.
    pub fn of(board_id: Field, fields: SprintFields) -> Result<Self> {
        let mut fields = fields.check()?;
        let board = number(board_id, "board_id")?.ok_or_else(|| Error::bad_request("Missing board_id"))?;
        if fields.name.is_none() {
            return Err(Error::bad_request("Missing name"));
        }
        // A new sprint has no goal to clear.
        fields.goal = fields.goal.filter(|goal| !goal.is_empty());
        Ok(Self { board: BoardId::parse(&board)?, fields })
    }
}

/// A change of a sprint.
pub struct SprintEdit {
    sprint: SprintId,
    fields: atlassian::SprintFields,
}

impl SprintEdit {
    /// Checks the fields of a request; 400 with a message that names the field and what to send.
    pub fn of(sprint_id: Field, fields: SprintFields, state: Option<&str>) -> Result<Self> {
        let fields = fields.check()?;
        let state = match state {
            None => None,
            Some("active") => Some(NextState::Active),
            Some("closed") => Some(NextState::Closed),
            Some(_) => {
                return Err(Error::bad_request("state must be active, to start the sprint, or closed"));
            }
        };
        let sprint =
            number(sprint_id, "sprint_id")?.ok_or_else(|| Error::bad_request("Missing sprint_id"))?;
        let fields = atlassian::SprintFields { state, ..fields };
        if fields == atlassian::SprintFields::default() {
            return Err(Error::bad_request(
                "Send at least one field to change: name, goal, start_date, end_date or state",
            ));
        }
        Ok(Self { sprint: SprintId::parse(&sprint)?, fields })
    }
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::bad_request("name must not be empty: a sprint always has one"));
    }
    if name.encode_utf16().count() > MAX_NAME {
        return Err(Error::bad_request(format!("name is longer than {MAX_NAME} characters")));
    }
    Ok(name.to_owned())
}

/// A goal may have several lines, unlike other short texts.
fn checked_goal(goal: Field) -> Result<Option<String>> {
    let goal = match goal {
        Field::Absent => return Ok(None),
        Field::Null => String::new(),
        Field::Text(text) => text.replace("\r\n", "\n").trim().to_owned(),
        Field::Other(_) => return Err(Error::bad_request("The field 'goal' must be a string")),
    };
    if goal.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\t')) {
        return Err(Error::bad_request("goal contains control characters"));
    }
    if goal.chars().count() > MAX_GOAL {
        return Err(Error::bad_request(format!("goal is longer than {MAX_GOAL} characters")));
    }
    Ok(Some(goal))
}

/// Converts a date to UTC, in a format that sorts like the dates.
fn date(text: &str, name: &str) -> Result<String> {
    let moment = moment(text).filter(|moment| YEARS.contains(&moment.year()));
    if moment.is_none() {
        return Err(Error::bad_request(format!(
            "{name} must be a date and time with an offset, such as 2026-12-01T09:00:00Z"
        )));
    }
    Ok(utc(text))
}

/// A sprint to create on a site.
struct Creating<'a> {
    site: &'a ConnectedSite<'a>,
    sprint: NewSprint,
}

impl Creation for Creating<'_> {
    fn place(&self) -> String {
        self.sprint.board.as_str().to_owned()
    }

    /// Never called, because such requests are [`Once::without_lookup`]: a sprint bears no mark, and another one may
    /// have the same name.
    async fn find(&self, _: &Attempt<'_>, _: &UnconfirmedSend) -> Result<Option<Value>> {
        Err(Error::internal("a sprint cannot be looked up"))
    }

    async fn send(self, _: Option<&str>) -> Result<Value> {
        let NewSprint { board, fields } = self.sprint;
        let sprint = self.site.jira.create_sprint(&board, fields).await?;
        Ok(json!({ "sprint": sprint }))
    }
}

impl ConnectedSite<'_> {
    /// Creates a future sprint. The request is sent once, and again only after a 429, which means that nothing was
    /// done. `once` has to be [`Once::without_lookup`].
    ///
    /// # Errors
    /// `jira_not_found` for the board; `jira_refused` if it does not support sprints; `jira_forbidden`;
    /// `outcome_unknown` if the sprint may have been created.
    pub async fn create_sprint(&self, once: &Once<'_>, sprint: NewSprint) -> Result<Value> {
        self.once(once, Creating { site: self, sprint }).await
    }

    /// Changes a sprint and returns it.
    ///
    /// # Errors
    /// `sprint_not_found`; `jira_refused` if the sprint's state does not allow the change; `jira_forbidden`;
    /// `outcome_unknown` if the sprint may have been changed.
    pub async fn edit_sprint(&self, edit: SprintEdit) -> Result<Sprint> {
        self.jira.edit_sprint(&edit.sprint, edit.fields).await.map_err(|error| match error.refusal() {
            Some(Refusal::NotFound) => Error::from(error).with_code(ErrorCode::SprintNotFound),
            _ => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<atlassian::SprintFields> {
        let body = runtime::JsonBody::of(&http::Request::new(body.to_string().into()))?;
        body.read::<SprintFields>()?.check()
    }

    #[test]
    fn dates_are_sent_in_utc() {
        let read =
            read(json!({ "start_date": "2026-12-01T09:00:00+01:00", "end_date": "2026-12-14t00:00:00.5z" }));
        let fields = read.unwrap();
        assert_eq!(fields.start_date.as_deref(), Some("2026-12-01T08:00:00.000Z"));
        assert_eq!(fields.end_date.as_deref(), Some("2026-12-14T00:00:00.500Z"));
    }

    #[test]
    fn fields_that_jira_would_refuse_are_refused_with_their_name() {
        for (body, said) in [
            (json!({ "start_date": "2026-12-01" }), "start_date must be a date and time"),
            (json!({ "end_date": "tomorrow" }), "end_date must be a date and time"),
            (json!({ "end_date": "2026-12-01T09:00:00" }), "end_date must be a date and time"),
            (json!({ "end_date": "2026-02-30T09:00:00Z" }), "end_date must be a date and time"),
            (json!({ "end_date": "9999-12-31T23:59:59-14:00" }), "end_date must be a date and time"),
            (json!({ "start_date": "0001-01-01T00:00:00Z" }), "start_date must be a date and time"),
            (
                json!({ "start_date": "2026-12-02T00:00:00+02:00", "end_date": "2026-12-01T22:00:00Z" }),
                "end_date must be after start_date",
            ),
            (json!({ "name": "  " }), "name must not be empty"),
            (json!({ "name": "x".repeat(31) }), "name is longer than 30 characters"),
            (json!({ "name": "🚢".repeat(16) }), "name is longer than 30 characters"),
            (json!({ "name": "a\nb" }), "control characters"),
            (json!({ "goal": 7 }), "'goal' must be a string"),
            (json!({ "goal": "a\u{7}" }), "goal contains control characters"),
            (json!({ "goal": "x".repeat(10_241) }), "goal is longer than 10240 characters"),
        ] {
            let refused = read(body.clone()).err().map(|error| error.message().to_owned());
            assert!(refused.as_deref().is_some_and(|refused| refused.contains(said)), "{body}: {refused:?}");
        }
    }

    #[test]
    fn an_empty_goal_clears_it_and_an_absent_one_keeps_it() {
        for empty in [json!(null), json!(""), json!(" \r\n")] {
            assert_eq!(read(json!({ "goal": empty })).unwrap().goal.as_deref(), Some(""));
        }
        assert_eq!(read(json!({})).unwrap(), atlassian::SprintFields::default());
        let lines = read(json!({ "name": " Voyage 9 ", "goal": "Sail\r\nhome" })).unwrap();
        assert_eq!((lines.name.as_deref(), lines.goal.as_deref()), (Some("Voyage 9"), Some("Sail\nhome")));
    }

    #[test]
    fn a_change_changes_something() {
        let edit = |body: Value, state: Option<&str>| {
            let body = runtime::JsonBody::of(&http::Request::new(body.to_string().into())).unwrap();
            SprintEdit::of(Field::Other(json!(501)), body.read().unwrap(), state).err()
        };
        assert!(edit(json!({ "goal": null }), None).is_none());
        assert!(edit(json!({}), Some("closed")).is_none());
        for (state, said) in [(None, "at least one field"), (Some("future"), "state must be active")] {
            assert!(edit(json!({}), state).unwrap().message().contains(said), "{state:?}");
        }
    }
}
