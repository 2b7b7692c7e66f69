//! Idempotent requests: Redis keeps a record of each for a day, under its `Idempotency-Key` and bound to its
//! connection.
//!
//! A record is written before anything is sent to the provider, and again once the outcome is known. A request that
//! finds a record of something sent without an outcome must determine that outcome before sending again. Responses are
//! sealed, because they can contain people's names and their work.

mod attempt;
mod once;
mod record;
mod store;

pub use attempt::Attempt;
pub use once::Once;
pub(crate) use record::LIFETIME;
pub use record::{IdempotencyKey, UnconfirmedSend};
pub use store::{Begun, IdempotencyStore};
