//! Connections: what names one, its rows in Postgres, its cache in Redis, and its tokens.

pub(crate) mod cache;
pub(crate) mod expiring_keys;
mod key;
pub(crate) mod lock;
mod recent_issues;
mod removal;
pub(crate) mod removal_time;
mod row;
mod selection;
pub(crate) mod store;
pub(crate) mod tokens;

pub use key::{ConnectionKey, ExternalId};
pub use removal::Disconnection;
pub use row::Connection;
pub use selection::Selection;
pub use store::Store;
pub use tokens::{AccessToken, Session, Tokens};
