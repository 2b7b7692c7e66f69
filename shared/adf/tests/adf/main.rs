//! Markdown to ADF and back: examples, and properties that hold for any input.
//!
//! `PROPTEST_CASES` sets the number of cases for each property, `PROPTEST_RNG_SEED` the seed.

#![allow(
    clippy::expect_used,
    reason = "the lint's exception for tests covers no helper outside a test function"
)]

mod bare_urls;
mod commonmark;
mod documents;
mod edits;
mod from_markdown;
mod limits;
mod markdown;
mod nodes;
mod panels;
mod pasted;
mod properties;
mod round_trip;
mod schema;
mod to_markdown;
