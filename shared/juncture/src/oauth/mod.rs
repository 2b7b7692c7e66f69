//! The flow that makes a connection, from the first call of the product's page to the row.

mod arrival;
mod browser;
mod connect_token;
mod finalize;
mod return_url;
mod states;

pub use arrival::{Arrival, FirstArrival, Returned};
pub use browser::{Binding, Browser, Stretch, is_cross_site, is_same_origin};
pub use connect_token::{ConnectToken, ConnectTokens, LONGEST as LONGEST_CONNECT_TOKEN};
pub use finalize::{Choice, Finalizer};
pub use return_url::{ReturnUrl, ReturnUrls};
pub use states::{ConnectionCode, Flow, Intent, PendingConnection, States, Ticket};
