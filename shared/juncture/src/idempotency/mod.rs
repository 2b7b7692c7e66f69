//! Requests that must have their effect once, however often they are sent: what is known of each is kept in
//! Redis for a day, under its `Idempotency-Key` and bound to its connection.
//!
//! A record is written before anything is sent to the provider, and again when the outcome is known. Whoever
//! finds a record of something sent without an outcome must find out what became of it before sending again.
//! An answer is sealed: it may name people and what they work on.

mod attempt;
mod record;
mod store;

pub use attempt::Attempt;
pub(crate) use record::LIFETIME;
pub use record::{IdempotencyKey, UnconfirmedSend};
pub use store::{Begun, IdempotencyStore};
