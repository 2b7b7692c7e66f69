//! The return from the provider, which may happen twice: a browser or a link scanner fetches the callback ahead of time
//! without saying so, or a person clicks twice.
//!
//! Only the first arrival uses the state up and exchanges the code. For a minute Redis keeps its response, sealed, and
//! returns it to anyone who comes with the same code and one of the flow's cookies: the one the flow started with, or
//! the one the first arrival got. Only the browser that the provider redirected has the code, so an attacker who starts
//! a flow and sends its consent page to somebody else learns nothing by arriving second.

use std::time::Duration;

use base::crypto::{Binding, Sealed, secrets_are_equal, sha256_hex};
use base::retry::Pauses;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stores::upstash::Command;

use super::browser::Browser;
use super::pending_consents::ConnectionCode;
use super::states::{Intent, OAuthStates, StoredState, expired, state_key};
use crate::error::{Error, Result};
use crate::provider::ProviderId;

/// How long an arrival is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Initial and maximum interval at which a later arrival polls for the response to the first.
const POLL_MIN: Duration = Duration::from_millis(80);
const POLL_MAX: Duration = Duration::from_millis(400);

/// Whether an arrival is the first with its state.
pub enum Arrival {
    /// The first arrival, which completes this leg.
    First(FirstArrival),
    /// A later arrival, which is redirected to where the first one was.
    Again(Returned),
}

/// The first arrival of a state.
pub struct FirstArrival {
    /// The intent of the flow.
    pub intent: Intent,
    note: Note,
    key: String,
}

/// Where an arrival continues.
pub struct Returned {
    /// The connection code.
    pub code: ConnectionCode,
    /// The browser that may finish the flow.
    pub browser: Browser,
}

/// What Redis stores about the first arrival. Created by the script in [`take`].
#[derive(Serialize, Deserialize)]
struct Note {
    /// A serialized [`Mark`].
    first: String,
    /// A serialized [`StoredState`].
    state: String,
    /// A sealed [`Answer`]; missing until there is one.
    #[serde(default)]
    answer: Option<Sealed>,
}

/// Digests that identify the first arrival.
#[derive(Serialize, Deserialize)]
struct Mark {
    /// The provider's authorization code.
    code: String,
    /// The cookie that the browser got on arrival.
    browser: String,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    connection_code: String,
    browser: String,
}

impl OAuthStates {
    /// Uses a state up like [`Self::consume`], and records the arrival: `code` is the provider's authorization code,
    /// `began` the browser by the cookie the flow started with, and `returned` the browser by its new cookie. A later
    /// arrival waits for the response to the first.
    ///
    /// # Errors
    /// Those of [`Self::consume`], and 504 if the first arrival takes too long.
    pub async fn arrive(
        &self,
        provider: ProviderId,
        state: &str,
        code: &str,
        began: Option<&Browser>,
        returned: &Browser,
    ) -> Result<Arrival> {
        Self::check(state)?;
        let key = note_key(state);
        let mark = Mark { code: sha256_hex(code.as_bytes()), browser: returned.digest() };
        let first = serde_json::to_string(&mark).map_err(Error::internal)?;
        let found = self.redis.run(take(&state_key(state), &key, &first)).await?;
        if found[0] == 1 {
            let state = found[1].as_str().unwrap_or_default().to_owned();
            return match StoredState::read(&state).and_then(|stored| stored.intent(provider, began)) {
                Ok(intent) => {
                    let note = Note { first, state, answer: None };
                    Ok(Arrival::First(FirstArrival { intent, note, key }))
                }
                Err(error) => {
                    self.delete(&key).await;
                    Err(error)
                }
            };
        }
        let again = self.wait_for_answer(provider, &key, &mark, began, found[1].clone()).await?;
        Ok(Arrival::Again(again))
    }

    async fn wait_for_answer(
        &self,
        provider: ProviderId,
        key: &str,
        mark: &Mark,
        began: Option<&Browser>,
        mut found: Value,
    ) -> Result<Returned> {
        let mut pauses = Pauses::new(POLL_MIN, POLL_MAX);
        loop {
            let note = found.as_str().and_then(|text| serde_json::from_str::<Note>(text).ok());
            let note = note.filter(|note| note.is_of(provider, mark, began)).ok_or_else(expired)?;
            if let Some(sealed) = &note.answer {
                return self.open(key, sealed).ok_or_else(expired);
            }
            if !pauses.sleep_in_time().await {
                return Err(Error::timed_out(
                    "This link was opened twice, and the first request is still in progress.",
                ));
            }
            found = self.redis.run(Command::get(key)).await?;
        }
    }

    /// Builds the command that records the response to the first arrival for later ones.
    pub fn answer(
        &self,
        arrival: &FirstArrival,
        code: &ConnectionCode,
        browser: &Browser,
    ) -> Result<Command> {
        let answer =
            Answer { connection_code: code.as_str().to_owned(), browser: browser.secret().to_owned() };
        let plaintext = serde_json::to_string(&answer).map_err(Error::internal)?;
        let sealed = self.sealer.seal(&plaintext, &sealing(&arrival.key)).map_err(Error::internal)?;
        let Note { first, state, .. } = &arrival.note;
        let note = Note { first: first.clone(), state: state.clone(), answer: Some(sealed) };
        let note = serde_json::to_string(&note).map_err(Error::internal)?;
        Ok(Command::set(&arrival.key, &note, REMEMBERED))
    }

    /// Deletes the record of a first arrival that failed, so nobody waits for its response.
    pub async fn forget(&self, arrival: &FirstArrival) {
        self.delete(&arrival.key).await;
    }

    async fn delete(&self, key: &str) {
        if let Err(error) = self.redis.run(Command::delete(key)).await {
            tracing::warn!(cause = %error, "first arrival not forgotten, it expires by itself");
        }
    }

    fn open(&self, key: &str, sealed: &Sealed) -> Option<Returned> {
        let plaintext = self.sealer.open(sealed.as_str(), &sealing(key)).ok()?;
        let answer: Answer = serde_json::from_str(plaintext.expose_secret()).ok()?;
        let code = ConnectionCode::parse(&answer.connection_code).ok()?;
        Some(Returned { code, browser: Browser::returned(answer.browser) })
    }
}

impl Note {
    /// Whether an arrival belongs to the same flow: same provider, same authorization code and one of the flow's
    /// cookies.
    fn is_of(&self, provider: ProviderId, mark: &Mark, began: Option<&Browser>) -> bool {
        let first = serde_json::from_str::<Mark>(&self.first).ok();
        let Some((first, state)) = first.zip(StoredState::read(&self.state).ok()) else { return false };
        state.is_of(provider)
            && secrets_are_equal(&first.code, &mark.code)
            && (state.began_in(began) || secrets_are_equal(&first.browser, &mark.browser))
    }
}

/// What the response in a note is bound to.
fn sealing(note_key: &str) -> Binding {
    Binding::new(note_key, &["arrival", note_key])
}

fn note_key(state: &str) -> String {
    format!("juncture:arrival:{}", sha256_hex(state.as_bytes()))
}

/// Takes a state and leaves a note in its place, atomically; if there is no state, returns the note. Only one caller
/// gets the state.
fn take(state: &str, note: &str, first: &str) -> Command {
    const TAKE: &str = "\
        local state = redis.call('GET', KEYS[1]) \
        if not state then return { 0, redis.call('GET', KEYS[2]) } end \
        redis.call('DEL', KEYS[1]) \
        redis.call('SET', KEYS[2], cjson.encode({ first = ARGV[1], state = state }), 'PX', ARGV[2]) \
        return { 1, state }";
    Command::eval_once(TAKE, &[state, note], &[first, &REMEMBERED.as_millis().to_string()])
}
