//! The development stack: the real function binaries behind a gateway that reads `template.yaml`, together with
//! everything they talk to. Never deployed.

pub mod console;
pub mod demo;
pub mod gateway;
pub mod lock;
pub mod ports;
pub mod reaper;
pub mod secrets;
pub mod services;
pub mod settings;
pub mod stack;
pub mod upstash;
pub mod watch;
