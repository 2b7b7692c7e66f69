//! Connections: what names one, its rows in Postgres, its cache in Redis, and its tokens.

pub(crate) mod cache;
pub(crate) mod expiring_keys;
mod key;
pub(crate) mod lock;
mod recent_issues;
mod removal;
pub(crate) mod removal_time;
pub(crate) mod rotation;
mod row;
mod rows;
pub(crate) mod save;
mod selection;
mod store;
pub(crate) mod tokens;

pub use key::{ConnectionKey, ExternalId};
pub use row::{Connection, StoredAccessToken};
pub use rows::ConnectionRows;
pub use store::Connections;
pub use tokens::{AccessToken, Session, Tokens};
