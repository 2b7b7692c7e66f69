//! What the endpoints for comments, worklogs, links, files, moves and searches accept.

use atlassian::timestamp::moment;
use atlassian::{Direction, EstimateChange, Issue, IssueLink, LinkType};
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use juncture::jira::{
    CommentEdit, CommentEditFields, CommentFields, CommentId, DeletionEstimate, DescriptionFormat, IssueRef,
    JqlQuery, Move, MoveFields, NewComment, NewSprint, PeopleSearch, Relation, SprintEdit, SprintFields,
    TransitionFields, TransitionInput, Worklog, WorklogFields, WorklogInput, field_ids, file_to_attach,
    worklog_period,
};
use lambda_http::Body;
use runtime::{Field, JsonBody, MAX_FILE_BYTES, Request, Route, Upload, upload as read_upload};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::accepted;

/// The text before the first line break, and the rest.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (data.get(..end).unwrap_or_default(), data.get(end + 1..).unwrap_or_default())
}

/// The fields that come with a file.
#[derive(Deserialize)]
struct FileFields {
    external_id: String,
    file_name: Option<String>,
}

/// A file, after a line with its content type and one with the query: what is read is a part of what was sent.
pub fn upload(data: &[u8]) {
    let (kind, rest) = line(data);
    let (query, body) = line(rest);
    let query = String::from_utf8_lossy(query);
    let Some(file) = uploaded(kind, &query, body) else { return };
    let (FileFields { external_id, file_name }, Upload { content, content_type, file_name: in_form }) = file;
    assert!(!external_id.is_empty() && (1..=MAX_FILE_BYTES).contains(&content.len()));
    assert!(content == body || body.windows(content.len()).any(|part| part == content));
    assert!(content_type.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{content_type:?}");
    assert!(in_form.as_deref().is_none_or(|name| !name.contains(char::is_control)), "{in_form:?}");
    check_form(&content);
    let of_form = in_form.clone();
    let upload = Upload { content, content_type, file_name: in_form };
    if let Some(file) = accepted(file_to_attach(upload, file_name.clone())) {
        assert!(Some(&file.name) == file_name.as_ref().or(of_form.as_ref()));
        assert!(!file.name.contains(|c: char| c.is_control() || c == '/' || c == '\\'), "{:?}", file.name);
    }
}

fn uploaded(kind: &[u8], query: &str, body: &[u8]) -> Option<(FileFields, Upload)> {
    let uri = format!("https://api.example.com/x?{query}");
    let mut request = http::Request::builder().uri(uri).body(Body::Binary(body.to_vec())).ok()?;
    if let Ok(kind) = HeaderValue::from_bytes(kind)
        && !kind.is_empty()
    {
        request.headers_mut().insert(CONTENT_TYPE, kind);
    }
    let read = read_upload(request, Route::of("add-file")).now_or_never();
    accepted(read.expect("the whole body is there"))
}

/// Within a form, content is what it is without.
fn check_form(content: &[u8]) {
    const BOUNDARY: &str = "a-boundary-that-nobody-guesses";
    if String::from_utf8_lossy(content).contains(BOUNDARY) {
        return;
    }
    let head =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n");
    let form = [head.as_bytes(), content, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let (_, file) = uploaded(kind.as_bytes(), "external_id=a", &form).expect("a form with a file");
    assert_eq!(file.content, content);
}

/// A duration, and a time on the next line: what is accepted means what ISO 8601 says, and is written as it was meant.
pub fn duration(data: &[u8]) {
    let (duration, time) = line(data);
    let (Ok(duration), Ok(time)) = (std::str::from_utf8(duration), std::str::from_utf8(time)) else { return };
    if let Some(EstimateChange::Set(minutes)) = new_estimate(duration) {
        assert_eq!(Some(u128::from(minutes) * 60), seconds(duration), "{duration:?}");
        let raw = json!({ "timeSpentSeconds": u64::from(minutes) * 60 });
        let raw: atlassian::Worklog = serde_json::from_value(raw).expect("a worklog");
        let written = Worklog::from((raw, DescriptionFormat::Markdown)).time_spent.expect("a duration");
        assert_eq!(new_estimate(&written), Some(EstimateChange::Set(minutes)), "{written:?}");
    }
    if let Some(period) = accepted(worklog_period(Some(time), None)) {
        let after = period.after.expect("a time");
        assert!(after.offset().is_utc() && (1970..=9998).contains(&after.year()), "{time:?}");
        let meant = OffsetDateTime::parse(time, &Rfc3339).expect("RFC 3339");
        assert_eq!(after.unix_timestamp_nanos(), meant.unix_timestamp_nanos(), "{time:?}");
    }
}

/// The estimate that a request sets.
fn new_estimate(duration: &str) -> Option<EstimateChange> {
    let fields = json!({ "adjust_estimate": "new", "new_estimate": duration });
    let estimate: DeletionEstimate = accepted(in_body(&fields).read())?;
    accepted(estimate.change())
}

fn in_body(fields: &Value) -> JsonBody {
    JsonBody::of(&Request::new(Body::from(fields.to_string()))).expect("a JSON object")
}

/// What a duration of hours, minutes and seconds means.
fn seconds(text: &str) -> Option<u128> {
    let mut total = 0;
    for part in text.strip_prefix("PT")?.split_inclusive(['H', 'M', 'S']) {
        let (number, designator) = part.split_at_checked(part.len().checked_sub(1)?)?;
        let unit = match designator {
            "H" => 3600,
            "M" => 60,
            "S" => 1,
            _ => return None,
        };
        total += number.parse::<u128>().ok()? * unit;
    }
    Some(total)
}

/// The words of a relation, the id of a type, and types of links, one per line (id, name and the words of each
/// direction after tabs): a relation has the direction in which a type says it, and both ends of the link show it.
pub fn relation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let words = lines.next().unwrap_or_default();
    let type_id = lines.next().filter(|id| !id.is_empty());
    let Some(relation) = accepted(Relation::of(words, type_id)) else { return };
    let read = |swapped: bool| -> Vec<LinkType> {
        let kind = |line: &str| {
            let mut parts = line.split('\t');
            let mut next = || parts.next().filter(|part| !part.is_empty());
            let (id, name, one, other) = (next(), next(), next(), next());
            let (outward, inward) = if swapped { (other, one) } else { (one, other) };
            let raw = json!({ "id": id, "name": name, "outward": outward, "inward": inward });
            serde_json::from_value(raw).expect("a type of links")
        };
        lines.clone().map(kind).collect()
    };
    let (types, swapped) = (read(false), read(true));
    let Some((kind, direction)) = accepted(relation.among(&types)) else { return };
    let folded = |words: Option<&str>| {
        words.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    };
    let is_symmetric = folded(kind.outward.as_deref()) == folded(kind.inward.as_deref());
    assert!(type_id.is_none_or(|id| kind.id.as_deref() == Some(id)));
    assert!(folded(kind.words(direction)) == folded(Some(words)) || is_symmetric);
    // The same words of a type that says them in the other direction.
    let (again, opposite) = relation.among(&swapped).expect("the same words");
    assert_eq!(again.id, kind.id);
    assert_eq!(opposite == direction, is_symmetric, "{words:?} of {kind:?}");
    let (inward, outward) = direction.ends("A-1", "B-2");
    for (here, end, other) in [(inward, "outwardIssue", outward), (outward, "inwardIssue", inward)] {
        let of_type =
            json!({ "id": kind.id, "name": kind.name, "outward": kind.outward, "inward": kind.inward });
        let link = json!({ "id": "9", "type": of_type, end: { "id": "1", "key": other } });
        let issue = json!({ "id": "2", "key": here, "fields": { "issuelinks": [link] } });
        let issue: Issue = serde_json::from_value(issue).expect("an issue");
        let [link] = &IssueLink::of(&issue)[..] else { panic!("one link") };
        assert_eq!(relation.is_said_by(link), here == "A-1" || is_symmetric, "{words:?} at {here}");
        assert_eq!(
            link.other().map(|(seen, _)| seen),
            Some(if end == "outwardIssue" { Direction::Outward } else { Direction::Inward })
        );
    }
}

/// A search: JQL, ids of fields, and a search for people.
#[derive(Deserialize)]
struct Search {
    jql: Field,
    fields: Field,
    query: Option<String>,
    jira_project_id: Option<String>,
    issue_id_or_key: Option<String>,
    limit: Option<String>,
}

/// A JSON body with a search: the JQL is what was sent, and a field's id is no more than an id.
pub fn jql_search(data: &[u8]) {
    let Some((body, sent)) = json_body(data) else { return };
    let Some(search) = accepted(body.read::<Search>()) else { return };
    if let Some(jql) = accepted(JqlQuery::of(search.jql)) {
        assert_eq!(Some(jql.as_str()), sent["jql"].as_str().map(str::trim));
        assert!((1..=10_240).contains(&jql.as_str().chars().count()));
        assert!(!jql.as_str().contains(|c: char| c.is_control() && !"\n\r\t".contains(c)));
    }
    let ids = accepted(field_ids(search.fields)).unwrap_or_default();
    assert!(ids.len() <= 50);
    for (index, id) in ids.iter().enumerate() {
        assert!((1..=255).contains(&id.len()) && !ids.iter().take(index).any(|earlier| earlier == id));
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)), "{id:?}");
        assert!(id.starts_with(|first: char| first.is_ascii_alphabetic()), "{id:?}");
    }
    let (project, issue) = (search.jira_project_id.as_deref(), search.issue_id_or_key.as_deref());
    let text = search.query.unwrap_or_default();
    if accepted(PeopleSearch::new(text, project, issue, search.limit.as_deref())).is_some() {
        assert!(project.is_none() || issue.is_none());
        assert!(search.limit.is_none_or(|limit| (1..=50).contains(&limit.parse::<u32>().unwrap_or(0))));
    }
}

/// A JSON object, also as it was sent.
fn json_body(data: &[u8]) -> Option<(JsonBody, Value)> {
    let body = accepted(JsonBody::of(&Request::new(Body::Binary(data.to_vec()))))?;
    let text = base::surrogates::replace_lone(std::str::from_utf8(data).ok()?).into_owned();
    Some((body, serde_json::from_str(&text).expect("it was read before")))
}

/// The body of a write, after a byte that selects the write: what is accepted has one meaning.
pub fn write_input(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let Some((body, sent)) = json_body(data) else { return };
    let sent = Sent(sent);
    let issue = || IssueRef::parse("SHIP-1").expect("a key");
    match which % 7 {
        0 => {
            let input = fields::<CommentFields>(&body).map(|fields| NewComment::of(issue(), fields));
            if input.and_then(accepted).is_some() {
                assert!(sent.is_text("body") && !(sent.is_true("internal") && sent.is_there("visibility")));
                let visibility = &sent.0["visibility"];
                assert!(
                    visibility.is_null() || visibility["type"] == "role" || visibility["type"] == "group"
                );
            }
        }
        1 => {
            let id = CommentId::parse("1").expect("an id");
            let input = fields::<CommentEditFields>(&body).map(|fields| CommentEdit::of(issue(), id, fields));
            assert!(input.and_then(accepted).is_none() || sent.is_text("body"));
        }
        2 => {
            if fields::<WorklogFields>(&body).map(WorklogInput::of).and_then(accepted).is_some() {
                let spent = sent.text("time_spent").and_then(seconds).expect("a duration");
                assert!((60..=360_000_000).contains(&spent) && spent.is_multiple_of(60));
                let how = sent.text("adjust_estimate");
                assert_eq!(sent.is_there("new_estimate"), how == Some("new"));
                assert_eq!(sent.is_there("reduce_by"), how == Some("manual"));
            }
        }
        3 => {
            if fields::<TransitionFields>(&body).map(TransitionInput::of).and_then(accepted).is_some() {
                let goals = ["transition_id", "status_id", "status"];
                assert_eq!(goals.into_iter().filter(|name| sent.is_there(name)).count(), 1);
                assert!(!sent.is_there("resolution") || sent.0["fields"]["resolution"].is_null());
            }
        }
        4 => {
            if fields::<MoveFields>(&body).map(Move::of).and_then(accepted).is_some() {
                let issues = sent.0["issues"].as_array().expect("a list");
                let name = |issue: &Value| issue.to_string().trim_matches('"').to_ascii_uppercase();
                let mut names: Vec<String> = issues.iter().map(name).collect();
                names.sort();
                names.dedup();
                assert!(names.len() == issues.len() && (1..=200).contains(&issues.len()), "{issues:?}");
                assert!(!(sent.is_there("before") && sent.is_there("after")));
                assert!(!(sent.is_there("sprint_id") && sent.is_true("backlog")));
                let goals = ["sprint_id", "before", "after"];
                assert!(sent.is_true("backlog") || goals.into_iter().any(|name| sent.is_there(name)));
            }
        }
        5 => {
            let board = Field::from(sent.0["board_id"].clone());
            if fields(&body).map(|fields| NewSprint::of(board, fields)).and_then(accepted).is_some() {
                assert!(sent.is_there("board_id") && sent.is_there("name"));
                sent.check_sprint();
            }
        }
        _ => {
            let sprint = Field::from(sent.0["sprint_id"].clone());
            let state = sent.text("state");
            let edit = |fields: SprintFields| SprintEdit::of(sprint, fields, state);
            if fields(&body).map(edit).and_then(accepted).is_some() {
                assert!(state.is_none_or(|state| ["active", "closed"].contains(&state)));
                sent.check_sprint();
            }
        }
    }
}

fn fields<T: DeserializeOwned>(body: &JsonBody) -> Option<T> {
    accepted(body.read())
}

/// A body as it was sent.
struct Sent(Value);

impl Sent {
    /// Whether the field has a value; null and an empty string count as none.
    fn is_there(&self, name: &str) -> bool {
        !self.0[name].is_null() && self.0[name] != ""
    }

    fn is_true(&self, name: &str) -> bool {
        self.0[name] == true
    }

    /// Whether the field can be Markdown or an ADF document.
    fn is_text(&self, name: &str) -> bool {
        let value = &self.0[name];
        value.as_str().map_or_else(|| value["type"] == "doc", |text| !text.trim().is_empty())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0[name].as_str().filter(|text| !text.is_empty())
    }

    fn check_sprint(&self) {
        let name = self.text("name").unwrap_or("-").trim();
        assert!((1..=30).contains(&name.encode_utf16().count()), "{name:?}");
        let [start, end] =
            ["start_date", "end_date"].map(|name| self.text(name).map(|text| moment(text).expect("a time")));
        assert!(start.zip(end).is_none_or(|(start, end)| start < end));
    }
}
