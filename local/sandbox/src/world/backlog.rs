//! The issues, boards and sprints that sites start with: a few of each kind on Harbour, a backlog of 230 issues on
//! Lighthouse.

use std::sync::Arc;

use serde_json::{Value, json};
use time::Duration;

use super::directory::{Project, account_id};
use super::generate::{self, NewProject, first_day};
use super::tracker::Tracker;
use super::tracker::agile::{Board, BoardKind, Sprint, SprintState};
use super::tracker::catalog::{DONE, IN_PROGRESS, ISSUE_TYPES, IssueType, PRIORITIES};
use super::tracker::issue::{Estimate, Issue};

/// The number of issues in Lighthouse's first project: more than two pages, fewer than three.
const BACKLOG: usize = 230;

/// The initial contents of a site's Jira.
pub(super) fn of_site(site: &str, projects: &[Project]) -> Tracker {
    let mut tracker = Tracker::default();
    let Some(first) = projects.first() else { return tracker };
    match site {
        "harbour" => {
            boards(&mut tracker, first.id, projects.get(1).map(|project| project.id));
            issues(&mut tracker, first.id);
        }
        "lighthouse" => {
            let backlog =
                NewProject { key: first.key.clone(), issues: BACKLOG, boards: 1, sprints_per_board: 3 };
            generate::fill(&mut tracker, first.id, &backlog);
        }
        _ => {}
    }
    tracker
}

fn boards(tracker: &mut Tracker, project: u64, team_managed: Option<u64>) {
    let board = |name: &str, kind, project| Board {
        id: 0,
        name: name.to_owned(),
        kind,
        project,
        private: false,
        sprints: Vec::new(),
    };
    let scrum = tracker.add_board(board("Voyages", BoardKind::Scrum, project));
    tracker.add_board(board("Repairs", BoardKind::Kanban, project));
    tracker.add_board(Board { private: true, ..board("Captain's notes", BoardKind::Scrum, project) });
    let second = tracker.add_board(board("All voyages", BoardKind::Scrum, project));
    if let Some(project) = team_managed {
        tracker.add_board(board("Crew planning", BoardKind::Simple, project));
    }

    let states = [SprintState::Closed, SprintState::Active, SprintState::Future];
    for (number, state) in (1..).zip(states) {
        let start = first_day() + Duration::weeks(2 * number);
        let sprint = tracker.add_sprint(Sprint {
            id: 0,
            name: format!("Voyage {number}"),
            state,
            goal: (state == SprintState::Active).then(|| "Deliver the grain".to_owned()),
            origin_board: scrum,
            created: start - Duration::days(2),
            start: (state != SprintState::Future).then_some(start),
            end: (state != SprintState::Future).then_some(start + Duration::weeks(2)),
            completed: (state == SprintState::Closed)
                .then_some(start + Duration::weeks(2) + Duration::hours(2)),
        });
        // A board lists a sprint if its filter finds one of the sprint's issues.
        if let Some(board) = tracker.boards.get_mut(&second)
            && state != SprintState::Closed
        {
            board.sprints.push(sprint);
        }
    }
}

fn issues(tracker: &mut Tracker, project: u64) {
    let [closed, active, future] = [0, 1, 2].map(|index| tracker.sprints.keys().nth(index).copied());
    let ada: Arc<str> = "ada".into();
    let mut hours = 0;
    let mut issue = |summary: &str, issue_type: &'static IssueType| {
        hours += 7;
        let created = first_day() + Duration::hours(hours) + Duration::milliseconds(123);
        Issue { issue_type, ..Issue::new(project, summary.to_owned(), Arc::clone(&ada), created) }
    };
    let [task, bug, subtask, story, epic] = [0, 1, 2, 3, 4].map(|index| &ISSUE_TYPES[index]);
    let sam = || Some(Arc::from("sam"));
    let labels = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let in_sprint = |sprint: Option<u64>| sprint.into_iter().collect::<Vec<_>>();
    let done = |issue: Issue| Issue { status: &DONE, resolution: Some(0), ..issue };

    let autumn = tracker.add(Issue {
        description: Some(text(&rich_document())),
        labels: labels(&["season", "grain"]),
        status: &IN_PROGRESS,
        due: Some("2026-12-01".to_owned()),
        ..issue("Autumn trade", epic)
    });
    let grain = tracker.add(Issue {
        description: Some(text(&checklist())),
        parent: Some(autumn),
        sprints: closed.into_iter().chain(active).collect(),
        assignee: sam(),
        status: &IN_PROGRESS,
        priority: Some(&PRIORITIES[0]),
        points: Some(5.0),
        berth: Some("North 3".to_owned()),
        severity: Some(1),
        components: vec![0],
        fix_versions: vec![1],
        estimate: Estimate { original: Some(28_800), remaining: Some(21_600), spent: Some(7200) },
        ..issue("Load the grain", story)
    });
    for (summary, finished) in [("Weigh the sacks", true), ("Sweep the hold", false)] {
        let part = Issue { parent: Some(grain), sprints: in_sprint(active), ..issue(summary, subtask) };
        tracker.add(if finished { done(part) } else { part });
    }
    tracker.add(Issue {
        description: Some(text(&paragraph("Water stands in the bilge after every rain."))),
        sprints: in_sprint(active),
        priority: Some(&PRIORITIES[1]),
        assignee: Some("ada".into()),
        severity: Some(2),
        versions: vec![0],
        components: vec![0, 1],
        labels: labels(&["leak"]),
        ..issue("The forward hatch leaks", bug)
    });
    tracker.add(done(Issue { sprints: in_sprint(closed), ..issue("Paint the hull", task) }));
    tracker.add(done(Issue { sprints: in_sprint(closed), assignee: sam(), ..issue("Order rope", task) }));
    tracker.add(Issue { sprints: in_sprint(future), ..issue("Plan the winter route", story) });
    tracker.add(Issue { parent: Some(autumn), ..issue("Hire two hands", task) });
    tracker.add(Issue { priority: None, reporter: None, ..issue("Letter without a sender", task) });
    tracker.add(Issue {
        environment: Some(text(&paragraph("Fog, no wind"))),
        assignee: sam(),
        ..issue("Compass points \"north\" & <east>", bug)
    });
    tracker.add(Issue { points: Some(0.5), ..issue("Ünïcode für die Möwe 🐦 – 日本語", task) });
}

fn text(document: &Value) -> Arc<str> {
    document.to_string().into()
}

fn words(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn marked(text: &str, mark: &Value) -> Value {
    json!({ "type": "text", "text": text, "marks": [mark] })
}

fn block(kind: &str, content: &[Value]) -> Value {
    json!({ "type": kind, "content": content })
}

fn paragraph(text: &str) -> Value {
    json!({ "type": "doc", "version": 1, "content": [block("paragraph", &[words(text)])] })
}

fn checklist() -> Value {
    let task = |id: &str, state: &str, text: &str| json!({ "type": "taskItem", "attrs": { "localId": id, "state": state }, "content": [words(text)] });
    let tasks = [task("1", "DONE", "Open the hatch"), task("2", "TODO", "Lower the crane")];
    let list = json!({ "type": "taskList", "attrs": { "localId": "0" }, "content": tasks });
    json!({ "type": "doc", "version": 1, "content": [block("paragraph", &[words("Before noon:")]), list] })
}

/// A document with most node types of the editor.
fn rich_document() -> Value {
    let p = |text: &str| block("paragraph", &[words(text)]);
    let item = |text: &str| block("listItem", &[p(text)]);
    let cell = |kind: &str, text: &str| json!({ "type": kind, "attrs": {}, "content": [p(text)] });
    let row = |kind: &str, a: &str, b: &str| block("tableRow", &[cell(kind, a), cell(kind, b)]);
    let inline = [
        words("Read the "),
        marked("manifest", &json!({ "type": "link", "attrs": { "href": "https://example.com/manifest" } })),
        words(", "),
        marked("twice", &json!({ "type": "strong" })),
        words(" and "),
        marked("carefully", &json!({ "type": "em" })),
        words(". Ask "),
        json!({ "type": "mention", "attrs": { "id": account_id(2), "text": "@Sam Single-Site" } }),
        json!({ "type": "hardBreak" }),
        json!({ "type": "emoji", "attrs": { "shortName": ":anchor:", "text": "⚓" } }),
        words(" sails on "),
        json!({ "type": "date", "attrs": { "timestamp": "1767571200000" } }),
        words(" "),
        json!({ "type": "status", "attrs": { "text": "LATE", "color": "red" } }),
        words(" see "),
        json!({ "type": "inlineCard", "attrs": { "url": "https://example.com/route" } }),
    ];
    let media = json!({ "type": "media", "attrs": {
        "type": "file", "id": "00000000-0000-4000-8000-000000000001", "collection": "", "alt": "Chart",
    } });
    json!({ "type": "doc", "version": 1, "content": [
        { "type": "heading", "attrs": { "level": 2 }, "content": [words("The voyage")] },
        block("paragraph", &inline),
        block("bulletList", &[item("Wheat"), block("listItem", &[p("Barley"), block("bulletList", &[item("Malt")])])]),
        { "type": "orderedList", "attrs": { "order": 3 }, "content": [item("Load"), item("Sail")] },
        { "type": "codeBlock", "attrs": { "language": "rust" }, "content": [words("fn sail() {\n    wind();\n}")] },
        block("blockquote", &[p("Red sky at night.")]),
        { "type": "panel", "attrs": { "panelType": "warning" }, "content": [p("Shallow water.")] },
        { "type": "expand", "attrs": { "title": "Crew" }, "content": [p("Ten hands.")] },
        { "type": "rule" },
        { "type": "table", "attrs": { "isNumberColumnEnabled": false, "layout": "default" }, "content": [
            row("tableHeader", "Port", "Day"), row("tableCell", "Bergen", "4"),
        ] },
        { "type": "mediaSingle", "attrs": { "layout": "center" }, "content": [media] },
    ] })
}
