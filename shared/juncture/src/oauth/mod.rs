//! The flow that makes a connection: a state for the way to the provider, a connection code for the way to the choice of
//! a site. Both are unguessable, of one use, and short-lived. Redis holds them under their digests, so that whoever reads
//! Redis cannot use them.

mod arrival;
mod browser;
mod connect_token;
mod finalize;
mod pending_consents;
mod return_url;
mod states;

pub use arrival::{Arrival, FirstArrival, Returned};
pub use browser::{Binding, Browser, FlowLeg, is_cross_site, is_same_origin};
pub use connect_token::{ConnectToken, ConnectTokens, LONGEST as LONGEST_CONNECT_TOKEN};
pub use finalize::{Choice, Finalizer};
pub use pending_consents::{ConnectionCode, PendingConsent, PendingConsents};
pub use return_url::{ReturnUrl, ReturnUrls};
pub use states::{ConnectTokenUse, Intent, OAuthStates};
