//! An Atlassian sandbox: the consent page, the token endpoint, sites, and as much of Jira as Juncture uses.
//!
//! One origin stands in for both `auth.atlassian.com` and `api.atlassian.com`. Its behaviour follows
//! <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/> and
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/>. It is controlled through a [`Handle`], or over
//! HTTP under `/_sandbox/`.
//!
//! Modules import only from lower layers, and within a folder only from `mod.rs` to its submodules:
//!
//! | layer | modules | contents |
//! | --- | --- | --- |
//! | 6 | `sandbox`, `server` | the router, the listener and its connections |
//! | 5 | `control`, `handle`, `observe` | the controls; counting, logging, faults and gates for every request |
//! | 4 | `oauth`, `jira` | Atlassian's endpoints |
//! | 3 | `gateway` | access tokens, and errors in the format of Atlassian's gateway |
//! | 2 | `shared`, `state_file` | the state that all requests share, and its copy on disk |
//! | 1 | `world`, `traffic`, `openapi` | accounts, sites, tokens and issues; faults, gates, rate limits and the log; Jira's own API description |

mod control;
mod gateway;
mod handle;
mod jira;
mod oauth;
mod observe;
mod openapi;
mod sandbox;
mod server;
mod shared;
mod state_file;
mod traffic;
mod world;

pub use handle::{Handle, NewAccount};
pub use oauth::consent::{Consent, Decision};
pub use openapi::openapi_file;
pub use sandbox::Sandbox;
pub use shared::Options;
pub use traffic::faults::{Fault, Rule};
pub use traffic::gates::{Gate, GateSpec};
pub use traffic::limits::RateLimits;
pub use traffic::log::{Counters, LoggedRequest, Violation};
pub use traffic::point::{Class, When};
pub use world::Grant;
pub use world::directory::{Account, Site};
pub use world::generate::{CreatedProject, NewProject};
pub use world::settings::{Refusal, Settings};
pub use world::tokens::Family;
pub use world::tracker::shape::ProjectShape;
pub use world::tracker::workflow::{CustomWorkflow, NewTransition, Workflow};
