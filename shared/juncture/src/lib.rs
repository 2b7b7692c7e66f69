//! The product: what Juncture's functions share.
//!
//! The modules form floors; an import goes down only:
//!
//! | floor | modules | what lives there |
//! | --- | --- | --- |
//! | 5 | [`parts`] | what a function is made of |
//! | 4 | [`jira`] | Jira through a connection, in the API's own shapes |
//! | 3 | [`callers`], [`connections`], [`idempotency`], [`oauth`], [`operations`], [`paging`], [`rate_limit`] | who calls, and how often; connections and their tokens; requests that may be repeated; the flow that makes a connection; what is done with all of them; lists in parts |
//! | 2 | [`migrations`], [`page`], [`provider`], [`public_address`], and the crates `atlassian`, `runtime` and `stores` | adapters to the outside, one thing each |
//! | 1 | [`display`], [`error`], and the crates `adf` and `base` | no knowledge of Juncture's domain |
//!
//! Whoever swallows an error logs it, with its cause; whoever returns one does not. The error that a request ends in is
//! logged once, by `runtime`, in the completion line.

pub mod callers;
pub mod connections;
pub mod display;
pub mod error;
pub mod idempotency;
pub mod jira;
pub mod migrations;
pub mod oauth;
pub mod operations;
pub mod page;
pub mod paging;
pub mod parts;
pub mod provider;
pub mod public_address;
pub mod rate_limit;
