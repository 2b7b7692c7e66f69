//! Writes to issues. Each worker writes to an issue and a project of its own, so it knows what has to be there. All use
//! one connection, whose tokens expire but whose consent stays: a key belongs to its connection.

use anyhow::{Context as _, Result, ensure};
use juncture_tests::{Answer, TestStack};
use reqwest::Method;
use serde_json::{Value, json};

use super::work::{Outcome, Step};

/// What is created with an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Comment,
    Worklog,
    Ticket,
}

pub(crate) const STATUSES: [&str; 3] = ["To Do", "In Progress", "Done"];

/// What an answer says about a write.
enum Written {
    Confirmed(Value),
    /// This request has created or moved nothing.
    NotDone,
    /// It may have.
    Unknown,
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
    /// Whether a function may have died with the request, so that it takes long until the outcome is known.
    pub(crate) is_slow: bool,
}

impl Entry {
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
                };
                let id = id.as_str().with_context(|| format!("no id: {body}"))?;
                let first = self.id.get_or_insert_with(|| id.to_owned());
                ensure!(first == id, "{}: first it was {first}, now it is {id}", self.key);
            }
            Written::Unknown => self.may_exist = true,
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
    /// The status after the last move that was confirmed.
    pub(crate) status: String,
    /// Where moves lead that were not confirmed, since then.
    pub(crate) may_have_moved: Vec<String>,
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
            status: STATUSES[0].to_owned(),
            may_have_moved: Vec::new(),
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
}

impl Step<'_> {
    pub(crate) async fn create(&self, own: &mut OwnIssue, kind: Kind, twice: bool) -> Result<()> {
        let key = format!("{kind:?} {} of worker {}", own.entries.len(), self.worker).replace(' ', "-");
        own.entries.push(Entry { kind, key, id: None, may_exist: false, is_slow: false });
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
        let Entry { kind, key, .. } = &own.entries[entry];
        let issue = json!({ "issue_id_or_key": own.issue });
        let (call, mut body, text) = match kind {
            Kind::Comment => ("add-comment", issue, "body"),
            Kind::Worklog => ("add-worklog", issue, "comment"),
            Kind::Ticket => ("create-ticket", json!({ "jira_project_id": own.project }), "summary"),
        };
        body[text] = key.as_str().into();
        match kind {
            Kind::Comment => {}
            Kind::Worklog => body["time_spent"] = "PT1M".into(),
            Kind::Ticket => body["issue_type_id"] = "10001".into(),
        }
        let answers = if twice {
            let (one, two) =
                tokio::join!(self.write(call, &body, Some(key)), self.write(call, &body, Some(key)));
            vec![one?, two?]
        } else {
            vec![self.write(call, &body, Some(key)).await?]
        };
        let entry = &mut own.entries[entry];
        for (written, is_slow) in answers {
            entry.is_slow |= is_slow;
            entry.learn(written)?;
        }
        Ok(())
    }

    pub(crate) async fn move_issue(&self, own: &mut OwnIssue, status: usize) -> Result<()> {
        let status = STATUSES[status];
        let body = json!({ "issue_id_or_key": own.issue, "status": status });
        match self.write("transition-issue", &body, None).await?.0 {
            Written::Confirmed(body) => {
                ensure!(body["status"] == status, "moved to {status}: {body}");
                own.status = status.to_owned();
                own.may_have_moved.clear();
            }
            Written::Unknown => own.may_have_moved.push(status.to_owned()),
            Written::NotDone => {}
        }
        Ok(())
    }

    /// Sends a write. Returns what its answer says, and whether the answer was the gateway's own.
    async fn write(&self, call: &str, body: &Value, key: Option<&str>) -> Result<(Written, bool)> {
        let began = self.subject.under_way_since().unwrap_or_else(|| self.world.clock.tick());
        let stack = &self.world.stack;
        let request = stack.request(Method::POST, &format!("/api/backend/jira/{call}"));
        let request = key.iter().fold(request, |request, key| request.header("idempotency-key", *key));
        let mut body = body.clone();
        body["external_id"] = self.subject.external_id.as_str().into();
        let answer = stack.send(request.bearer_auth(stack.secret_key()).json(&body)).await?;
        let what = format!("worker {} since {began}: {call} {}", self.worker, key.unwrap_or_default());
        self.note(format!("{what}: {} {}", answer.status, answer.body));
        if self.lost_its_token(&answer, began) {
            return Ok((Written::NotDone, false));
        }
        let code = |answer: &Answer| {
            let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            body["code"].as_str().map(str::to_owned)
        };
        let written = match self.outcome(&answer)? {
            Outcome::Done(body) => Written::Confirmed(body),
            Outcome::Refused { status: 409, code } if code == "in_progress" && self.world.is_faulty() => {
                Written::NotDone
            }
            Outcome::Refused { .. } => anyhow::bail!("{what} was refused: {answer:?}"),
            Outcome::Unknown => match code(&answer).as_deref() {
                // The gateway's own answer has none: the function died.
                None => return Ok((Written::Unknown, true)),
                Some("outcome_unknown") => Written::Unknown,
                // Any other code promises that nothing was done.
                Some(_) => Written::NotDone,
            },
        };
        Ok((written, false))
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
