//! The end-to-end tests' way to the stack: a bed to run in, a client that says what it expects, and people who
//! connect their Jira.

mod answer;
mod bed;
pub mod browser;
mod issues;
mod leaks;
mod person;
pub mod proxy;

pub use answer::Answer;
pub use bed::{Bed, binaries, repository, run, secrets_manager, template_with_shorter_runs};
pub use issues::CREATE;
pub use leaks::leak_in;
pub use person::Person;
