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
    // What was found holds from now on.
    own.status = jira.status(own).await?;
    own.may_have_moved.clear();
    own.checked = own.entries.len();
    for entry in &mut own.entries {
        entry.is_slow = false;
    }
    let next = STATUSES.iter().position(|status| *status != own.status).context("no other status")?;
    step.move_issue(own, next).await?;
    ensure!(jira.status(own).await? == own.status, "a move to {} was confirmed", own.status);
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
        let comments = self.texts(&own.issue, "comment", "comments", "body").await?;
        own.agrees(Kind::Comment, &comments)?;
        own.agrees(Kind::Worklog, &self.texts(&own.issue, "worklog", "worklogs", "comment").await?)?;
        own.agrees(Kind::Ticket, &self.tickets(own).await?)?;
        own.agrees(Kind::File, &self.files(own).await?)?;
        let status = self.status(own).await?;
        ensure!(
            own.status == status || own.may_have_moved.contains(&status),
            "{} is {status}, but was moved to {}, and then perhaps to {:?}",
            own.issue,
            own.status,
            own.may_have_moved
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

    async fn status(&self, own: &OwnIssue) -> Result<String> {
        let issue = self.call(Method::GET, &format!("issue/{}?fields=status", own.issue), None).await?;
        Ok(issue["fields"]["status"]["name"].as_str().context("no status")?.to_owned())
    }

    /// The ids and names of an issue's attachments.
    async fn files(&self, own: &OwnIssue) -> Result<Vec<(String, String)>> {
        let issue = self.call(Method::GET, &format!("issue/{}?fields=attachment", own.issue), None).await?;
        let files = issue["fields"]["attachment"].as_array().context("no list")?;
        let read = |it: &Value| Some((it["id"].as_str()?.to_owned(), it["filename"].as_str()?.to_owned()));
        files.iter().map(|it| read(it).with_context(|| format!("no id or name: {it}"))).collect()
    }

    /// The ids and texts of an issue's comments or worklogs.
    async fn texts(&self, issue: &str, part: &str, list: &str, text: &str) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        loop {
            let path = format!("issue/{issue}/{part}?startAt={}&maxResults={PAGE}", found.len());
            let page = self.call(Method::GET, &path, None).await?;
            for it in page[list].as_array().context("no list")? {
                let text = it[text].pointer("/content/0/content/0/text").and_then(Value::as_str);
                let id = it["id"].as_str().context("no id")?;
                found.push((id.to_owned(), text.unwrap_or_default().to_owned()));
            }
            if page["total"].as_u64() == Some(found.len() as u64) {
                return Ok(found);
            }
        }
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
            for it in issues.iter().filter(|it| it["key"] != own.issue.as_str()) {
                let summary = it["fields"]["summary"].as_str().context("no summary")?;
                found.push((it["id"].as_str().context("no id")?.to_owned(), summary.to_owned()));
            }
            if issues.len() < PAGE {
                break;
            }
        }
        Ok(found)
    }
}
