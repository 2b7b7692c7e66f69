//! Shared by the tests: a stack to run against, responses with assertions, people who connect their Jira, a browser,
//! and a proxy that makes a server fail. Start with `tests/README.md`.

mod answer;
pub mod browser;
mod contract;
mod issues;
mod leaks;
pub mod openapi;
mod person;
pub mod proxy;
mod stack;

pub use answer::Answer;
pub use issues::CREATE;
pub use leaks::leak_in;
pub use person::Person;
pub use stack::{
    TestStack, binaries, repository, run, run_with_any_input, secrets_manager, template_with_shorter_runs,
};
