//! Connections: their keys, rows in Postgres, cache in Redis, and tokens.

mod access_token;
mod allowed_projects;
mod cache;
pub(crate) mod expiring_keys;
mod key;
mod lock;
mod recent_issues;
mod removal;
pub(crate) mod removal_time;
mod rotation;
mod row;
mod rows;
mod save;
mod selection;
mod store;
mod tokens;

pub use access_token::{AccessToken, StoredAccessToken};
pub use allowed_projects::AllowedProjects;
pub use key::{ConnectionKey, ExternalId, TokenColumn};
pub use row::Connection;
pub use rows::ConnectionRows;
pub use store::Connections;
pub use tokens::{Session, Tokens};

pub(crate) use lock::Lock;
pub(crate) use rotation::SealedTokens;
pub(crate) use save::ConsentedBy;
pub(crate) use tokens::{reseal_stash, seal, stash_key};
