//! The OAuth flow that creates a connection: a state for the round trip to the provider, then a connection code for
//! choosing the site. Both are unguessable, single-use and short-lived. Redis stores them only as
//! digests or sealed, so read access to Redis is not enough to use them.

mod arrival;
mod browser;
mod connect_token;
mod finalize;
mod pending_consents;
mod return_url;
mod states;

pub use arrival::{Arrival, FirstArrival, Returned};
pub use browser::{Binding, Browser, FlowLeg, is_cross_site, is_same_origin};
pub use connect_token::{ConnectToken, ConnectTokens, MAX_LIFETIME as MAX_CONNECT_TOKEN_LIFETIME};
pub use finalize::{Choice, Finalizer};
pub use pending_consents::{ConnectionCode, PendingConsent, PendingConsents};
pub use return_url::{ReturnUrl, ReturnUrls};
pub use states::{ConnectTokenUse, Intent, OAuthStates};
