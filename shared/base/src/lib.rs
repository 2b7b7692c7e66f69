#![doc = include_str!("../README.md")]

mod chain;
pub mod config;
pub mod counters;
pub mod crypto;
pub mod deadline;
pub mod display;
pub mod oauth;
pub mod retry;
pub mod surrogates;
pub mod tls;
pub mod wait;

pub use chain::chain;
