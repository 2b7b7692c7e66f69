//! A connection: its address, its rows in Postgres, its cache in Redis, its tokens, and the flow that makes it.

mod address;
mod belongings;
mod cache;
mod disconnect;
mod finalize;
mod flow;
mod idle;
mod list;
mod lock;
mod once;
mod recent;
mod reseal;
mod selection;
mod store;
mod tokens;

pub use address::{Address, ExternalId};
pub use disconnect::Disconnection;
pub use finalize::Finalizer;
pub use flow::{ConnectionCode, Flow, PendingConnection, States};
pub use idle::{IdleConnections, IdleReport};
pub use list::{Directory, Filter, Listed, Position, State};
pub use once::{Claim, Doubt, Entry, Once, OnceKey};
pub use reseal::{Reseal, Resealed};
pub use selection::Selection;
pub use store::{Connection, Store};
pub use tokens::{AccessToken, Session, Tokens};
