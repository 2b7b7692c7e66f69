//! The invariants of the writes to issues, checked while no operation is running and nothing fails.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::invariants::REFEREE;
use super::issues::{Kind, OwnIssue, STATUSES};
use super::work::Step;
use super::world::World;

/// How many of the keys of earlier rounds are repeated.
const EARLIER: usize = 3;

/// How many issues, comments or worklogs are read with one request.
const PAGE: usize = 100;

/// Lets the time pass after which an unconfirmed request takes no effect any more, and locks of killed functions end.
const AGE: &str = "\
    for _, key in ipairs(redis.call('KEYS', 'juncture:once:*')) do \
        local record = cjson.decode(redis.call('GET', key)) \
        if record.sent then \
            record.sent.settled_at = record.sent.sent_at \
            redis.call('SET', key, cjson.encode(record), 'KEEPTTL') \
        end \
    end \
    for _, key in ipairs(redis.call('KEYS', 'juncture:once-lock:*')) do redis.call('DEL', key) end \
    return 1";

/// Checks all workers' issues, and repeats what they sent.
pub(crate) async fn check(world: &World, issues: &mut [OwnIssue]) -> Result<()> {
    let subject = world.writer();
    let step = &Step { world, subject, worker: REFEREE };
    // The token may have expired early. This renews it.
    step.projects().await?;
    let query = [("external_id", subject.external_id.as_str()), ("provider", "jira")];
    let token = world.stack.backend("connection-info/get-access-token", &query).await?.json(200);
    let jira = &Jira { world, token: token["access_token"].as_str().context("no token")?.to_owned() };
    for own in issues.iter() {
        jira.agrees(own).await.context("before any repetition")?;
    }
    world.stack.redis(&["EVAL", AGE, "0"]).await?;
    // One after another, so that one instance of each function is enough.
    for own in issues {
        check_one(step, jira, own).await?;
    }
    Ok(())
}

async fn check_one(step: &Step<'_>, jira: &Jira<'_>, own: &mut OwnIssue) -> Result<()> {
    for entry in own.checked.saturating_sub(EARLIER)..own.entries.len() {
        step.send(own, entry, false).await?;
        let entry = &own.entries[entry];
        ensure!(entry.is_done(), "a repetition did not confirm {entry:?}");
    }
    jira.agrees(own).await.context("after everything was repeated")?;
    step.look(own).await.context("through Juncture")?;
    let next = STATUSES.iter().position(|status| own.statuses.last().is_none_or(|now| now != status));
    step.move_issue(own, next.context("no other status")?).await?;
    let statuses = jira.statuses(own).await?;
    own.has_moved(&statuses)?;
    own.statuses = statuses;
    own.moves.clear();
    own.checked = own.entries.len();
    for entry in &mut own.entries {
        entry.is_slow = false;
    }
    Ok(())
}

/// The sandbox's own answers.
struct Jira<'a> {
    world: &'a World,
    token: String,
}

impl Jira<'_> {
    /// Checks that an issue and its project hold what they have to, and nothing else.
    async fn agrees(&self, own: &OwnIssue) -> Result<()> {
        let comments = self.texts(own, "comment", "comments", "body").await?;
        own.agrees(Kind::Comment, &comments)?;
        own.agrees(Kind::Worklog, &self.texts(own, "worklog", "worklogs", "comment").await?)?;
        own.agrees(Kind::Ticket, &self.tickets(own).await?)?;
        let path = format!("issue/{}?fields=status,attachment", own.issue);
        let issue = &self.call(Method::GET, &path, None).await?["fields"];
        let files = issue["attachment"].as_array().context("no list")?;
        let files: Vec<_> = files.iter().map(|it| (text(&it["id"]), text(&it["filename"]))).collect();
        own.agrees(Kind::File, &files)?;
        let statuses = self.statuses(own).await?;
        own.has_moved(&statuses)?;
        let last = statuses.last().map(String::as_str);
        ensure!(
            issue["status"]["name"].as_str() == last,
            "{}: the last of {statuses:?} is not {issue}",
            own.issue
        );
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let stack = &self.world.stack;
        let site = stack.site_id("harbour")?;
        let url = format!("{}/ex/jira/{site}/rest/api/3/{path}", stack.atlassian().url());
        let request = stack.request(method, &url).bearer_auth(&self.token);
        let request = body.iter().fold(request, |request, body| request.json(body));
        Ok(stack.send(request).await?.json(200))
    }

    /// The entries of an issue's list.
    async fn list(&self, own: &OwnIssue, part: &str, list: &str) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        loop {
            let path = format!("issue/{}/{part}?startAt={}&maxResults={PAGE}", own.issue, found.len());
            let page = self.call(Method::GET, &path, None).await?;
            found.extend(page[list].as_array().context("no list")?.iter().cloned());
            if page["total"].as_u64() == Some(found.len() as u64) {
                return Ok(found);
            }
        }
    }

    /// All statuses that the issue has had.
    async fn statuses(&self, own: &OwnIssue) -> Result<Vec<String>> {
        let changes = self.list(own, "changelog", "values").await?;
        let items = changes.iter().filter_map(|change| change["items"].as_array()).flatten();
        let moves = items.filter(|item| item["field"] == "status").map(|item| text(&item["toString"]));
        let mut statuses: Vec<String> = [STATUSES[0].to_owned()].into_iter().chain(moves).collect();
        // A move to the same status may be recorded or not.
        statuses.dedup();
        Ok(statuses)
    }

    /// The ids and texts of an issue's comments or worklogs.
    async fn texts(
        &self,
        own: &OwnIssue,
        part: &str,
        list: &str,
        body: &str,
    ) -> Result<Vec<(String, String)>> {
        let found = self.list(own, part, list).await?;
        let words = |it: &Value| it[body].pointer("/content/0/content/0/text").map(text).unwrap_or_default();
        Ok(found.iter().map(|it| (text(&it["id"]), words(it))).collect())
    }

    /// The ids and summaries of the project's issues, without the worker's own.
    async fn tickets(&self, own: &OwnIssue) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for first in (1..).step_by(PAGE) {
            let keys: Vec<String> =
                (first..first + PAGE).map(|number| format!("{}-{number}", own.project_key)).collect();
            let body = json!({ "issueIdsOrKeys": keys, "fields": ["summary"] });
            let page = self.call(Method::POST, "issue/bulkfetch", Some(body)).await?;
            let issues = page["issues"].as_array().context("no list")?;
            let others = issues.iter().filter(|it| it["key"] != own.issue.as_str());
            found.extend(others.map(|it| (text(&it["id"]), text(&it["fields"]["summary"]))));
            if issues.len() < PAGE {
                break;
            }
        }
        Ok(found)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
