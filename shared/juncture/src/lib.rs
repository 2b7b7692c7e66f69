//! The product: what Juncture's functions share.
//!
//! The modules form layers. Imports go down or stay within a layer, without cycles; only [`error`] also knows the errors of
//! the adapters, which it converts:
//!
//! | layer | modules | contents |
//! | --- | --- | --- |
//! | 5 | [`parts`] | construction of everything a function needs |
//! | 4 | [`jira`] | Jira through a connection, in the API's own format |
//! | 3 | [`callers`], [`connections`], [`idempotency`], [`oauth`], [`operations`], [`paging`], [`rate_limit`] | authentication and rate limits; connections and their tokens; idempotent requests; the OAuth flow; operations on all connections; pagination |
//! | 2 | [`migrations`], [`page`], [`provider`], [`public_urls`], and the crates `atlassian`, `runtime` and `stores` | adapters to the outside, each for one thing |
//! | 1 | [`display`], [`error`], and the crates `adf` and `base` | no knowledge of Juncture's domain |
//!
//! Code that swallows an error logs it with its cause; code that returns one does not. The error that a request ends
//! with is logged once, by `runtime`, in the completion line.

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
pub mod public_urls;
pub mod rate_limit;
