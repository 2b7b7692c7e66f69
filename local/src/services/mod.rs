//! The servers that the stack runs as private processes, listening on loopback only.

pub mod account;
pub mod pgbouncer;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod secrets_manager;
pub mod tls;
