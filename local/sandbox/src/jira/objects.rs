//! Issue types, statuses, priorities, boards, sprints and similar objects as JSON.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::view::View;
use crate::world::tracker::agile::{Board, Sprint};
use crate::world::tracker::catalog::{
    Category, IssueType, Priority, RESOLUTIONS, SEVERITIES, Status, part_id,
};
use crate::world::tracker::issue::Issue;

pub(super) fn issue_type(view: &View, issue_type: &IssueType) -> Value {
    json!({
        "self": view.link(&format!("issuetype/{}", issue_type.id)),
        "id": issue_type.id,
        "name": issue_type.name,
        "description": "",
        "iconUrl": format!("{}/avatars/{}", view.origin, issue_type.name),
        "subtask": issue_type.is_subtask(),
        "hierarchyLevel": issue_type.level,
    })
}

pub(super) fn status(view: &View, status: &Status) -> Value {
    json!({
        "self": view.link(&format!("status/{}", status.id)),
        "description": "",
        "iconUrl": format!("{}/avatars/{}", view.origin, status.category.key),
        "name": status.name,
        "id": status.id,
        "statusCategory": category(view, &status.category),
    })
}

pub(super) fn category(view: &View, category: &Category) -> Value {
    json!({
        "self": view.link(&format!("statuscategory/{}", category.id)),
        "id": category.id,
        "key": category.key,
        "colorName": category.color,
        "name": category.name,
    })
}

pub(super) fn priority(view: &View, priority: &Priority) -> Value {
    json!({
        "self": view.link(&format!("priority/{}", priority.id)),
        "iconUrl": format!("{}/avatars/{}", view.origin, priority.name),
        "name": priority.name,
        "id": priority.id,
    })
}

/// Renders a parent, sub-task or linked issue, which has only a few fields.
pub(super) fn relative(view: &View, issue: &Issue) -> Value {
    json!({
        "id": issue.id.to_string(),
        "key": view.key(issue),
        "self": view.link(&format!("issue/{}", issue.id)),
        "fields": {
            "summary": issue.summary,
            "status": status(view, issue.status),
            "priority": issue.priority.map(|it| priority(view, it)),
            "issuetype": issue_type(view, issue.issue_type),
        },
    })
}

/// A component or a version.
pub(super) fn part(view: &View, project: u64, index: usize, kind: &str, names: &[&str]) -> Value {
    let id = part_id(project, index);
    let mut body = json!({
        "self": view.link(&format!("{kind}/{id}")),
        "id": id,
        "name": names.get(index),
    });
    if kind == "version" {
        body["archived"] = false.into();
        body["released"] = (index == 0).into();
    }
    body
}

pub(super) fn resolution(view: &View, index: usize) -> Value {
    let id = (10_000 + index).to_string();
    json!({ "self": view.link(&format!("resolution/{id}")), "id": id, "description": "", "name": RESOLUTIONS.get(index) })
}

/// An option of the severity field.
pub(super) fn severity(view: &View, index: usize) -> Value {
    let id = (10_100 + index).to_string();
    json!({ "self": view.link(&format!("customFieldOption/{id}")), "value": SEVERITIES.get(index), "id": id })
}

pub(super) fn board(view: &View, board: &Board) -> Value {
    let link = view.agile_link(&format!("board/{}", board.id));
    if board.private {
        return json!({ "id": board.id, "self": link, "isPrivate": true });
    }
    let mut body = json!({ "id": board.id, "self": link, "name": board.name, "type": board.kind.name() });
    if let Some(project) = view.site.projects.iter().find(|project| project.id == board.project) {
        body["location"] = json!({
            "projectId": project.id,
            "displayName": format!("{} ({})", project.name, project.key),
            "projectName": project.name,
            "projectKey": project.key,
            "projectTypeKey": project.type_key,
            "avatarURI": format!("{}/avatars/{}", view.origin, project.key),
            "name": format!("{} ({})", project.name, project.key),
        });
    }
    body["isPrivate"] = false.into();
    body
}

pub(super) fn sprint(view: &View, sprint: &Sprint) -> Value {
    let mut body = json!({
        "id": sprint.id,
        "self": view.agile_link(&format!("sprint/{}", sprint.id)),
        "state": sprint.state.name(),
        "name": sprint.name,
        "createdDate": agile_timestamp(sprint.created),
        "originBoardId": sprint.origin_board,
    });
    if let Some(goal) = &sprint.goal {
        body["goal"] = goal.clone().into();
    }
    let dates = [("startDate", sprint.start), ("endDate", sprint.end), ("completeDate", sprint.completed)];
    for (name, date) in dates {
        if let Some(date) = date {
            body[name] = agile_timestamp(date).into();
        }
    }
    body
}

/// A timestamp in the format of Jira's platform API: the offset has no colon.
pub(super) fn timestamp(at: OffsetDateTime) -> String {
    format!("{}+0000", date_and_time(at))
}

/// A timestamp in the format of Jira Software's API.
fn agile_timestamp(at: OffsetDateTime) -> String {
    format!("{}Z", date_and_time(at))
}

fn date_and_time(at: OffsetDateTime) -> String {
    let (date, time) = (at.date(), at.time());
    format!("{date}T{:02}:{:02}:{:02}.{:03}", time.hour(), time.minute(), time.second(), time.millisecond())
}
