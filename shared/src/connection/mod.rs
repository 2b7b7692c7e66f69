//! A connection: its address, its rows in Postgres, its cache in Redis, its tokens, and the flow that makes it.

mod address;
mod belongings;
mod browser;
mod cache;
mod connect_token;
mod disconnect;
mod ended;
mod finalize;
mod flow;
mod idle;
mod list;
mod lock;
mod once;
mod recent;
mod reseal;
mod return_url;
mod row;
mod selection;
mod store;
mod tokens;

pub use address::{Address, ExternalId};
pub use browser::{Binding, Browser, Stretch, is_cross_site, is_same_origin};
pub use connect_token::{ConnectToken, ConnectTokens, LONGEST as LONGEST_CONNECT_TOKEN};
pub use disconnect::Disconnection;
pub use finalize::{Choice, Finalizer};
pub use flow::{ConnectionCode, Flow, Intent, PendingConnection, States, Ticket};
pub use idle::{IdleConnections, IdleReport};
pub use list::{Directory, Filter, Listed, Position, State};
pub use once::{Claim, Doubt, Entry, Once, OnceKey};
pub use reseal::{Reseal, Resealed};
pub use return_url::{ReturnUrl, ReturnUrls};
pub use row::Connection;
pub use selection::Selection;
pub use store::Store;
pub use tokens::{AccessToken, Session, Tokens};
