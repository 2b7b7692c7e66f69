//! Writes to issues. Each worker writes to an issue and a project of its own, so it knows what has to be there. All use
//! one connection, whose tokens expire but whose consent stays: a key belongs to its connection.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use juncture_tests::TestStack;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::work::{Outcome, Step};
use super::world::Mode;

/// What is created with an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Comment,
    Worklog,
    Ticket,
    /// An attachment. Nothing in Jira connects it with its request.
    File,
}

pub(crate) const STATUSES: [&str; 3] = ["To Do", "In Progress", "Done"];

/// What an answer says about a write.
enum Written {
    Confirmed(Value),
    /// This request has created or moved nothing.
    NotDone,
    /// It may have, says Juncture.
    Unknown,
    /// It may have: the function died.
    Died,
}

/// Something that a worker created or tried to create.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    /// The `Idempotency-Key`, and the text by which to recognise what was created.
    pub(crate) key: String,
    /// The id in the answers that confirmed it.
    pub(crate) id: Option<String>,
    /// Whether an answer has left open if it was created.
    pub(crate) may_exist: bool,
    /// Whether Juncture has said that the outcome is unknown.
    pub(crate) is_unknown: bool,
    /// Whether a function died with the request, after which a repetition may wait for its outcome for long.
    pub(crate) is_slow: bool,
}

impl Entry {
    fn new(kind: Kind, key: String) -> Self {
        Self { kind, key, id: None, may_exist: false, is_unknown: false, is_slow: false }
    }

    /// Whether an unknown outcome stays unknown.
    fn is_final(&self) -> bool {
        self.kind == Kind::File
    }

    /// Whether everything is known that can be.
    pub(crate) fn is_done(&self) -> bool {
        self.id.is_some() || (self.is_final() && self.is_unknown)
    }

    /// How many of it there may be now.
    pub(crate) fn allows(&self, number: usize) -> bool {
        match (&self.id, self.may_exist) {
            (Some(_), _) => number == 1,
            (None, true) => number <= 1,
            (None, false) => number == 0,
        }
    }

    fn learn(&mut self, written: Written) -> Result<()> {
        match written {
            Written::Confirmed(body) => {
                let id = match self.kind {
                    Kind::Comment => &body["comment"]["id"],
                    Kind::Worklog => &body["worklog"]["id"],
                    Kind::Ticket => &body["ticket"]["id"],
                    Kind::File => &body["attachment"]["id"],
                };
                let id = id.as_str().with_context(|| format!("no id: {body}"))?;
                let is_possible = !(self.is_final() && self.is_unknown && self.id.is_none());
                ensure!(is_possible, "{}: the outcome was unknown, now it is {body}", self.key);
                let first = self.id.get_or_insert_with(|| id.to_owned());
                ensure!(first == id, "{}: first it was {first}, now it is {id}", self.key);
            }
            Written::Unknown => (self.may_exist, self.is_unknown) = (true, true),
            Written::Died => (self.may_exist, self.is_slow) = (true, true),
            Written::NotDone => {}
        }
        Ok(())
    }
}

/// A worker's issue and project, and what is known about them.
#[derive(Debug)]
pub(crate) struct OwnIssue {
    pub(crate) worker: usize,
    pub(crate) project: String,
    pub(crate) project_key: String,
    pub(crate) issue: String,
    pub(crate) entries: Vec<Entry>,
    /// How many of the entries were checked in earlier rounds.
    pub(crate) checked: usize,
    /// The statuses in which it was, by its history, until the last check.
    pub(crate) statuses: Vec<String>,
    /// Where it was moved since then, and whether that was confirmed.
    pub(crate) moves: Vec<(&'static str, bool)>,
}

impl OwnIssue {
    pub(crate) async fn new(stack: &TestStack, external_id: &str, worker: usize) -> Result<Self> {
        let project_key = format!("OWN{worker}");
        let project = stack.project(&project_key, 0)?;
        let body = json!({ "external_id": external_id, "jira_project_id": project, "summary": "The worker's own",
            "issue_type_id": "10001" });
        let created = stack.backend_post("jira/create-ticket", &body).await?.json(201);
        Ok(Self {
            worker,
            project,
            project_key,
            issue: created["ticket"]["key"].as_str().context("no key")?.to_owned(),
            entries: Vec::new(),
            checked: 0,
            statuses: vec![STATUSES[0].to_owned()],
            moves: Vec::new(),
        })
    }

    /// Checks that of one kind there is what has to be there, by id and text, and nothing else.
    pub(crate) fn agrees(&self, kind: Kind, found: &[(String, String)]) -> Result<()> {
        let mut others: Vec<_> = found.iter().collect();
        for entry in self.entries.iter().filter(|entry| entry.kind == kind) {
            let its: Vec<_> = others.extract_if(.., |(_, text)| *text == entry.key).collect();
            ensure!(entry.allows(its.len()), "{entry:?}, but there is {its:?}");
            let is_it = |(id, _): &&(String, String)| entry.id.as_ref().is_none_or(|known| known == id);
            ensure!(its.iter().copied().all(|it| is_it(&it)), "{entry:?}, but there is {its:?}");
        }
        ensure!(others.is_empty(), "nobody has created {others:?}");
        Ok(())
    }

    /// Checks that these are the statuses after all confirmed moves, in their order, and any of the unconfirmed ones.
    pub(crate) fn has_moved(&self, statuses: &[String]) -> Result<()> {
        // How many of the statuses are explained. There may be several answers: an unconfirmed move was made or not.
        let mut explained = BTreeSet::from([self.statuses.len()]);
        for (status, is_confirmed) in &self.moves {
            let made = explained.iter().filter_map(|&number| {
                // A move to the same status changes nothing.
                let stays = statuses.get(number - 1).is_some_and(|now| now == status);
                let goes = statuses.get(number).is_some_and(|next| next == status);
                (stays || goes).then_some(if stays { number } else { number + 1 })
            });
            let made: BTreeSet<usize> = made.collect();
            if *is_confirmed {
                explained = made;
            } else {
                explained.extend(made);
            }
        }
        let known = &self.statuses;
        ensure!(
            statuses.starts_with(known) && explained.contains(&statuses.len()),
            "{} was in {known:?} and then moved to {:?}, but its history is {statuses:?}",
            self.issue,
            self.moves
        );
        Ok(())
    }
}

impl Step<'_> {
    pub(crate) async fn create(&self, own: &mut OwnIssue, kind: Kind, twice: bool) -> Result<()> {
        let key = format!("{kind:?} {} of worker {}", own.entries.len(), self.worker).replace(' ', "-");
        own.entries.push(Entry::new(kind, key));
        self.send(own, own.entries.len() - 1, twice).await
    }

    pub(crate) async fn repeat(&self, own: &mut OwnIssue, which: usize) -> Result<()> {
        let ready: Vec<usize> = (0..own.entries.len()).filter(|&entry| !own.entries[entry].is_slow).collect();
        if ready.is_empty() {
            return Ok(());
        }
        self.send(own, ready[which % ready.len()], false).await
    }

    /// Sends the request of an entry once, or twice at the same time.
    pub(crate) async fn send(&self, own: &mut OwnIssue, entry: usize, twice: bool) -> Result<()> {
        let entry = &mut own.entries[entry];
        let (project, issue, key) = (&own.project, &own.issue, entry.key.as_str());
        let post = |call: &str, body: Value| self.post(call, body).header("idempotency-key", key);
        let request = || match entry.kind {
            Kind::Comment => post("add-comment", json!({ "issue_id_or_key": issue, "body": key })),
            Kind::Worklog => {
                post("add-worklog", json!({ "issue_id_or_key": issue, "time_spent": "PT1M", "comment": key }))
            }
            Kind::Ticket => post(
                "create-ticket",
                json!({ "jira_project_id": project, "issue_type_id": "10001", "summary": key }),
            ),
            Kind::File => {
                let query = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("external_id", &self.subject.external_id)
                    .append_pair("issue_id_or_key", issue)
                    .append_pair("file_name", key)
                    .finish();
                let path = format!("/api/backend/jira/add-attachment?{query}");
                let request = self.world.stack.request(Method::POST, &path);
                request.header("content-type", "text/plain").header("idempotency-key", key).body("tide")
            }
        };
        let may_be_unknown = entry.is_final() && self.world.mode == Mode::Faulty;
        let write = || self.write(request(), key, may_be_unknown);
        let answers = if twice {
            let (one, two) = tokio::join!(write(), write());
            vec![one?, two?]
        } else {
            vec![write().await?]
        };
        answers.into_iter().try_for_each(|written| entry.learn(written))
    }

    pub(crate) async fn move_issue(&self, own: &mut OwnIssue, status: usize) -> Result<()> {
        let status = STATUSES[status];
        let request =
            self.post("transition-issue", json!({ "issue_id_or_key": own.issue, "status": status }));
        match self.write(request, &format!("{} to {status}", own.issue), false).await? {
            Written::Confirmed(body) => {
                ensure!(body["status"] == status, "moved to {status}: {body}");
                own.moves.push((status, true));
            }
            Written::Unknown | Written::Died => own.moves.push((status, false)),
            Written::NotDone => {}
        }
        Ok(())
    }

    fn post(&self, call: &str, mut body: Value) -> RequestBuilder {
        body["external_id"] = self.subject.external_id.as_str().into();
        self.world.stack.request(Method::POST, &format!("/api/backend/jira/{call}")).json(&body)
    }

    /// Sends a write and classifies the response. `may_be_unknown` says whether its outcome may be unknown though
    /// nothing fails.
    async fn write(&self, request: RequestBuilder, what: &str, may_be_unknown: bool) -> Result<Written> {
        let began = self.subject.under_way_since().unwrap_or_else(|| self.world.clock.tick());
        let stack = &self.world.stack;
        let answer = stack.send(request.bearer_auth(stack.secret_key())).await?;
        self.note(format!("worker {} since {began}: {what}: {} {}", self.worker, answer.status, answer.body));
        if self.lost_its_token(&answer, began) {
            return Ok(Written::NotDone);
        }
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let code = body["code"].as_str();
        if may_be_unknown && code == Some("outcome_unknown") {
            return Ok(Written::Unknown);
        }
        Ok(match (self.outcome(&answer)?, code) {
            (Outcome::Done(body), _) => Written::Confirmed(body),
            // Another request with the same key holds it, or has died with it.
            (Outcome::Refused { .. }, Some("in_progress")) if self.world.is_faulty() => Written::NotDone,
            (Outcome::Refused { .. }, _) => anyhow::bail!("{what} was refused: {answer:?}"),
            (Outcome::Unknown, Some("outcome_unknown")) => Written::Unknown,
            // Any other code promises that nothing was done.
            (Outcome::Unknown, Some(_)) => Written::NotDone,
            // The gateway's own response.
            (Outcome::Unknown, None) => Written::Died,
        })
    }

    /// Reads the issue through Juncture.
    pub(crate) async fn look(&self, own: &OwnIssue) -> Result<()> {
        for (kind, call, list, text) in [
            (Kind::Comment, "get-comments", "comments", "body"),
            (Kind::Worklog, "get-worklogs", "worklogs", "comment"),
        ] {
            let began = self.subject.under_way_since().unwrap_or_else(|| self.world.clock.tick());
            let query = [("external_id", self.subject.external_id.as_str()), ("issue_id_or_key", &own.issue)];
            let answer = self.world.stack.backend(&format!("jira/{call}"), &query).await?;
            if self.lost_its_token(&answer, began) {
                continue;
            }
            match self.outcome(&answer)? {
                Outcome::Done(body) => own.agrees(kind, &listed(&body[list], text)?)?,
                Outcome::Refused { .. } => anyhow::bail!("{call} was refused: {answer:?}"),
                Outcome::Unknown => {}
            }
        }
        Ok(())
    }
}

/// The ids and texts of a list.
fn listed(list: &Value, text: &str) -> Result<Vec<(String, String)>> {
    let read = |it: &Value| Some((it["id"].as_str()?.to_owned(), it[text].as_str()?.to_owned()));
    let list = list.as_array().context("no list")?;
    list.iter().map(|it| read(it).with_context(|| format!("no id or text: {it}"))).collect()
}
