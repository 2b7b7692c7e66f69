//! Runs the operations and records their outcomes.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use juncture_tests::Answer;
use reqwest::Method;
use sandbox::{Consent, Decision};
use serde_json::{Value, json};

use super::history::{Event, Record, Seen, View};
use super::issues::OwnIssue;
use super::schedule::{Operation, SITES, Schedule};
use super::world::{Mode, Pending, Subject, World};

/// What an answer says about the operation.
pub(crate) enum Outcome {
    /// The operation was done.
    Done(Value),
    /// It was rejected, because of the connection or the caller.
    Refused { status: u16, code: String },
    /// It may or may not have been done.
    Unknown,
}

/// Runs one worker until the workers have used up the remaining steps together.
pub(crate) async fn work(world: &World, schedule: &mut Schedule, own: &mut OwnIssue, left: &AtomicUsize) {
    let worker = own.worker;
    while world.wrong().is_empty() {
        let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if taken.is_err() {
            return;
        }
        let Some((subject, operation)) = schedule.next() else { return };
        let subject = &world.subjects[subject];
        let began = world.clock.tick();
        subject.begins(began);
        if let Err(error) = (Step { world, subject, worker }).take(operation, own).await {
            world.report(subject, format!("worker {worker}, {operation:?}: {error:#}"));
        }
        subject.ends(began);
    }
}

/// A running operation.
pub(crate) struct Step<'a> {
    pub(crate) world: &'a World,
    pub(crate) subject: &'a Subject,
    pub(crate) worker: usize,
}

impl Step<'_> {
    pub(crate) async fn take(&self, operation: Operation, own: &mut OwnIssue) -> Result<()> {
        match operation {
            Operation::Consent { account } => {
                if let Some(pending) = self.consent(account).await? {
                    self.subject.add_pending(pending);
                }
                Ok(())
            }
            Operation::Finalize { account, site, twice } => self.finalize(account, site, twice).await,
            Operation::Select { project } => self.select(project).await,
            Operation::Disconnect => self.disconnect().await,
            Operation::Token => self.token().await,
            Operation::Projects => self.projects().await,
            Operation::Validity => self.validity().await,
            Operation::Credentials => self.credentials().await,
            Operation::Selected => self.selected().await,
            Operation::Evict => self.evict().await,
            Operation::Expire { account } => {
                let key = &self.subject.accounts[account];
                self.subject.begin_disturbance();
                let ended = self.world.stack.atlassian().expire_access_tokens(Some(key));
                self.subject.end_disturbance(self.world.clock.tick());
                self.note(format!("{ended} access tokens of account {account} expired"));
                Ok(())
            }
            Operation::Revoke { account } => {
                self.revoke(account);
                Ok(())
            }
            Operation::Create { kind, twice } => self.create(own, kind, twice).await,
            Operation::Repeat { which } => self.repeat(own, which).await,
            Operation::Move { status } => self.move_issue(own, status).await,
            Operation::Look => self.look(own).await,
        }
    }

    /// Starts a flow, consents and visits the callback.
    async fn consent(&self, account: usize) -> Result<Option<Pending>> {
        let began = self.world.clock.tick();
        let stack = &self.world.stack;
        let body = json!({ "provider": "jira", "external_id": self.subject.external_id });
        let answer = stack.post("/api/frontend/oauth/initiate-oauth-flow", &body).await?;
        let Outcome::Done(begun) = self.outcome(&answer)? else { return self.not_begun(&answer) };
        let consent = Consent {
            authorize_url: begun["authorization_uri"].as_str().context("no address")?.to_owned(),
            account: self.subject.accounts[account].clone(),
            sites: SITES.iter().map(|&site| site.to_owned()).collect(),
            decision: Decision::Accept,
        };
        let callback = stack.atlassian().consent(&consent).map_err(anyhow::Error::msg)?;
        let answer = stack.get(&callback).await?;
        if answer.status != 303 {
            let is_page = answer.header("content-type").starts_with("text/html");
            let was_removed = answer.status == 410 && self.subject.was_removed(began);
            let excused = self.world.is_faulty() || self.was_revoked(account, began) || was_removed;
            anyhow::ensure!(
                excused && (is_page || self.world.is_faulty()),
                "the callback answered {answer:?}"
            );
            return Ok(None);
        }
        let url = url::Url::parse(&callback)?;
        let code = url.query_pairs().find(|(name, _)| name == "code").context("no code")?.1.into_owned();
        let family = self.world.family(&code).context("the code was not exchanged")?.id;
        let code = answer.header("location").rsplit('/').next().context("no connection code")?.to_owned();
        self.note(format!("worker {}: account {account} consented, family {family}", self.worker));
        Ok(Some(Pending { code, family }))
    }

    fn not_begun(&self, answer: &Answer) -> Result<Option<Pending>> {
        anyhow::ensure!(self.world.is_faulty(), "initiate-oauth-flow answered {answer:?}");
        Ok(None)
    }

    /// Whether a revocation of the account's grant started since then.
    fn was_revoked(&self, account: usize, since: u64) -> bool {
        self.subject.last_revocation(account).is_some_and(|at| at > since)
    }

    async fn finalize(&self, account: usize, site: usize, twice: bool) -> Result<()> {
        let pending = match self.subject.take_pending() {
            Some(pending) => Some(pending),
            None => self.consent(account).await?,
        };
        let Some(pending) = pending else { return Ok(()) };
        if twice {
            let (one, two) =
                tokio::join!(self.choose(&pending, site), self.choose(&pending, (site + 1) % SITES.len()));
            let done = [one?, two?].into_iter().filter(|done| *done).count();
            anyhow::ensure!(done < 2, "one code made two connections");
            return Ok(());
        }
        self.choose(&pending, site).await.map(drop)
    }

    /// Calls `create-connection`. Returns whether it was done.
    async fn choose(&self, pending: &Pending, site: usize) -> Result<bool> {
        let began = self.world.clock.tick();
        let body = json!({ "connection_code": pending.code, "site_id": self.world.site_ids[site] });
        let path = "/api/frontend/finalize-connection/jira/create-connection";
        self.subject.begin_disturbance();
        let answer = self.world.stack.post(path, &body).await;
        self.subject.end_disturbance(self.world.clock.tick());
        let answer = answer?;
        let event = Event::Connect { family: pending.family, site: self.world.site_ids[site].clone() };
        match self.outcome(&answer)? {
            Outcome::Done(_) => {
                self.record(began, event);
                return Ok(true);
            }
            // The code was already used, or the grant was revoked.
            Outcome::Refused { status: 410, code } => {
                self.note(format!("worker {}: family {}: {code}", self.worker, pending.family));
            }
            Outcome::Refused { .. } => anyhow::bail!("create-connection answered {answer:?}"),
            Outcome::Unknown => {
                self.unsure(began, event);
                self.subject.add_pending(pending.clone());
            }
        }
        Ok(false)
    }

    async fn select(&self, project: u32) -> Result<()> {
        let began = self.world.clock.tick();
        let project = project.to_string();
        let body = json!({ "external_id": self.subject.external_id, "jira_project_id": project });
        let answer = self.world.stack.backend_post("jira/select-project", &body).await?;
        match self.outcome(&answer)? {
            Outcome::Done(_) => self.record(began, Event::Select { project }),
            Outcome::Refused { status: 404, .. } => self.saw(began, View::Row, Seen::Nothing),
            Outcome::Refused { .. } => anyhow::bail!("select-project answered {answer:?}"),
            Outcome::Unknown => self.unsure(began, Event::Select { project }),
        }
        Ok(())
    }

    async fn disconnect(&self) -> Result<()> {
        let began = self.world.clock.tick();
        let id =
            url::form_urlencoded::byte_serialize(self.subject.external_id.as_bytes()).collect::<String>();
        let path = format!("/api/backend/connection-info/connection?external_id={id}&provider=jira");
        let request = self.world.stack.request(Method::DELETE, &path);
        self.subject.begin_removal();
        let answer = self.world.stack.send(request.bearer_auth(self.world.stack.secret_key())).await;
        self.subject.end_removal(self.world.clock.tick());
        let answer = answer?;
        match self.outcome(&answer)? {
            Outcome::Done(_) => self.record(began, Event::Disconnect),
            Outcome::Refused { status: 404, .. } => self.saw(began, View::Row, Seen::Nothing),
            Outcome::Refused { .. } => anyhow::bail!("connection answered {answer:?}"),
            Outcome::Unknown => self.unsure(began, Event::Disconnect),
        }
        Ok(())
    }

    pub(crate) async fn token(&self) -> Result<()> {
        let began = self.world.clock.tick();
        let answer = self.info("get-access-token").await?;
        let seen = match self.outcome(&answer)? {
            Outcome::Done(body) => {
                let token = body["access_token"].as_str().context("no token")?;
                let family = self.world.family(token).context("a token that the sandbox never issued")?;
                Seen::Connection {
                    family: Some(family.id),
                    site: None,
                    project: None,
                    // If Redis is unavailable when a connection becomes invalid, its last access token may stay cached
                    // until it expires.
                    is_invalid: (self.world.mode != Mode::Faulty).then_some(false),
                }
            }
            Outcome::Refused { status: 401, code } if code == "connection_not_found" => Seen::Nothing,
            Outcome::Refused { status: 403, code } if code == "needs_reauthorization" => Seen::invalid(),
            Outcome::Refused { .. } => anyhow::bail!("get-access-token answered {answer:?}"),
            Outcome::Unknown => return Ok(()),
        };
        self.saw(began, View::Session, seen);
        Ok(())
    }

    pub(crate) async fn projects(&self) -> Result<()> {
        let began = self.world.clock.tick();
        let others_since = self.subject.under_way_since().unwrap_or(began);
        let query = [("external_id", self.subject.external_id.as_str())];
        let answer = self.world.stack.backend("jira/get-projects", &query).await?;
        if self.lost_its_token(&answer, others_since) {
            self.note(format!("worker {}: get-projects since {began}: {}", self.worker, answer.body));
            return Ok(());
        }
        match self.outcome(&answer)? {
            Outcome::Done(body) => {
                // The token may be refreshed during the call, so its first and last read may see different states.
                let site = self.world.site_ids[usize::from(body["total"] == 0)].clone();
                let of_site = Seen::Connection {
                    family: None,
                    site: Some(site),
                    project: None,
                    is_invalid: Some(false),
                };
                self.saw(began, View::Session, of_site);
                let project = Some(body["selected_project_id"].as_str().map(str::to_owned));
                let of_project =
                    Seen::Connection { family: None, site: None, project, is_invalid: Some(false) };
                self.saw(began, View::Session, of_project);
            }
            Outcome::Refused { status: 404, code } if code == "connection_not_found" => {
                self.saw(began, View::Session, Seen::Nothing);
            }
            Outcome::Refused { status: 403, code } if code == "needs_reauthorization" => {
                self.note(format!("worker {}: get-projects since {began}: {code}", self.worker));
                if !self.subject.was_disturbed(others_since) {
                    self.saw(began, View::Session, Seen::invalid());
                }
            }
            Outcome::Refused { .. } => anyhow::bail!("get-projects answered {answer:?}"),
            Outcome::Unknown => {}
        }
        Ok(())
    }

    pub(crate) async fn validity(&self) -> Result<()> {
        let began = self.world.clock.tick();
        let answer = self.info("check-connection-validity").await?;
        let seen = match self.outcome(&answer)? {
            Outcome::Done(body) if body["exists"] == false => Seen::Nothing,
            Outcome::Done(body) if body["is_invalid"] == true => Seen::invalid(),
            Outcome::Done(_) => Seen::valid(),
            Outcome::Refused { .. } => anyhow::bail!("check-connection-validity answered {answer:?}"),
            Outcome::Unknown => return Ok(()),
        };
        self.saw(began, View::Row, seen);
        Ok(())
    }

    pub(crate) async fn credentials(&self) -> Result<()> {
        let began = self.world.clock.tick();
        let answer = self.info("get-connection-credentials").await?;
        let seen = match self.outcome(&answer)? {
            Outcome::Done(body) => {
                let token = body["refresh_token"].as_str().context("no token")?;
                let family = self.world.family(token).context("a token that the sandbox never issued")?;
                Seen::Connection {
                    family: Some(family.id),
                    site: None,
                    project: None,
                    is_invalid: body["is_invalid"].as_bool(),
                }
            }
            Outcome::Refused { status: 404, .. } => Seen::Nothing,
            Outcome::Refused { .. } => anyhow::bail!("get-connection-credentials answered {answer:?}"),
            Outcome::Unknown => return Ok(()),
        };
        self.saw(began, View::Row, seen);
        Ok(())
    }

    pub(crate) async fn selected(&self) -> Result<()> {
        let began = self.world.clock.tick();
        let query = [("external_id", self.subject.external_id.as_str())];
        let answer = self.world.stack.backend("jira/get-selected-project", &query).await?;
        let seen = match self.outcome(&answer)? {
            Outcome::Done(body) => {
                let project = Some(body["jira_project_id"].as_str().map(str::to_owned));
                Seen::Connection { family: None, site: None, project, is_invalid: None }
            }
            Outcome::Refused { status: 404, .. } => Seen::Nothing,
            Outcome::Refused { .. } => anyhow::bail!("get-selected-project answered {answer:?}"),
            Outcome::Unknown => return Ok(()),
        };
        self.saw(began, View::Row, seen);
        Ok(())
    }

    /// Removes the access token from the cached connection. The rest stays, because Upstash evicts nothing on its own.
    async fn evict(&self) -> Result<()> {
        const EVICT: &str = "\
            local known = redis.call('GET', KEYS[1]) \
            if not known then return 0 end \
            local entry = cjson.decode(known) \
            entry.access_token = cjson.null \
            redis.call('SET', KEYS[1], cjson.encode(entry), 'KEEPTTL') \
            return 1";
        self.world.stack.redis(&["EVAL", EVICT, "1", &self.subject.cache_key()]).await?;
        self.note("the cached access token was evicted".to_owned());
        Ok(())
    }

    fn revoke(&self, account: usize) {
        let at = self.world.clock.tick();
        self.subject.note_revocation(account, at);
        self.subject.begin_disturbance();
        let key = &self.subject.accounts[account];
        let families = self.world.stack.atlassian().families();
        let concerned = families.iter().filter(|family| family.account == *key).map(|family| family.id);
        self.subject.history.revoke(concerned, at);
        self.world.stack.atlassian().revoke_grant(key);
        // Includes families created between the listing and the revocation.
        let families = self.world.stack.atlassian().families();
        let dead = families.iter().filter(|family| family.account == *key && family.revoked);
        self.subject.history.revoke(dead.map(|family| family.id), at);
        self.subject.end_disturbance(self.world.clock.tick());
        self.subject
            .history
            .note(at, format!("worker {}: account {account} withdrew its consent", self.worker));
    }

    async fn info(&self, call: &str) -> Result<Answer> {
        let query = [("external_id", self.subject.external_id.as_str()), ("provider", "jira")];
        self.world.stack.backend(&format!("connection-info/{call}"), &query).await
    }

    /// Whether Jira rejected the second token too. That is possible if it was expired or the grant revoked at that very
    /// moment, if it came with a new connection and was expired before, or if another caller got it from the token
    /// endpoint and only uses it now. A third token is not requested.
    pub(crate) fn lost_its_token(&self, answer: &Answer, others_since: u64) -> bool {
        let is_rejected = answer.status == 502 && answer.body.contains(r#""Unauthorized""#);
        is_rejected && self.subject.was_disturbed(others_since)
    }

    /// Classifies a response of the API. A response that the contract does not allow is an error.
    pub(crate) fn outcome(&self, answer: &Answer) -> Result<Outcome> {
        let content_type = answer.header("content-type");
        anyhow::ensure!(content_type.starts_with("application/json"), "not JSON: {answer:?}");
        let body: Value =
            serde_json::from_str(&answer.body).with_context(|| format!("not JSON: {answer:?}"))?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match answer.status {
            200 | 201 => Ok(Outcome::Done(body)),
            400..500 => {
                let (error, code, request) = (text("error"), text("code"), text("request_id"));
                let is_whole = !error.is_empty() && !code.is_empty() && !request.is_empty();
                anyhow::ensure!(is_whole, "a refusal without a reason: {answer:?}");
                Ok(Outcome::Refused { status: answer.status, code })
            }
            _ if self.world.is_faulty() => {
                self.note(format!("worker {}: {} {}", self.worker, answer.status, answer.body));
                Ok(Outcome::Unknown)
            }
            _ => anyhow::bail!("a failure though nothing is broken: {answer:?}"),
        }
    }

    fn record(&self, began: u64, event: Event) {
        let ended = Some(self.world.clock.tick());
        self.subject.history.add(Record { worker: self.worker, began, ended, event });
    }

    fn unsure(&self, began: u64, event: Event) {
        self.subject.history.add(Record { worker: self.worker, began, ended: None, event });
    }

    fn saw(&self, began: u64, view: View, seen: Seen) {
        self.record(began, Event::Read { view, seen });
    }

    pub(crate) fn note(&self, what: String) {
        self.subject.history.note(self.world.clock.tick(), what);
    }
}
