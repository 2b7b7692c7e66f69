//! What Juncture's functions share.
//!
//! The modules form floors; an import goes down only:
//!
//! | floor | modules | what lives there |
//! | --- | --- | --- |
//! | 4 | [`jira`] | Jira's API as typed calls |
//! | 3 | [`auth`], [`connection`], [`limit`], [`paging`] | who calls, and how often; a connection's address, rows, cache, tokens and flow; lists in parts |
//! | 2 | [`event`], [`http`], [`migrations`], [`page`], [`provider`], and the crate `stores` | adapters to the outside, one thing each |
//! | 1 | [`display`], [`error`], `lenient`, [`secrets`], [`telemetry`], and the crates `adf` and `base` | no knowledge of Juncture's domain |

pub mod auth;
pub mod connection;
pub mod display;
pub mod error;
pub mod event;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod http;
pub mod jira;
mod lenient;
pub mod limit;
pub mod migrations;
pub mod page;
pub mod paging;
pub mod provider;
pub mod secrets;
pub mod telemetry;
