//! What Juncture's functions share.
//!
//! The modules form floors; an import goes down only:
//!
//! | floor | modules | what lives there |
//! | --- | --- | --- |
//! | 4 | [`jira`] | Jira's API as typed calls |
//! | 3 | [`auth`], [`connection`], [`limit`], [`paging`] | who calls, and how often; a connection's address, rows, cache, tokens and flow; lists in parts |
//! | 2 | [`migrations`], [`page`], [`provider`], [`public_address`], and the crates `runtime` and `stores` | adapters to the outside, one thing each |
//! | 1 | [`display`], [`error`], `lenient`, and the crates `adf` and `base` | no knowledge of Juncture's domain |

pub mod auth;
pub mod connection;
pub mod display;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod jira;
pub mod limit;
pub mod migrations;
pub mod page;
pub mod paging;
pub mod provider;
pub mod public_address;
