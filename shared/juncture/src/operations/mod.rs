//! Operations on all connections, for operators and schedules.

mod idle;
mod list;
mod reseal;

pub use idle::{IdleConnections, IdleReport};
pub use list::{ConnectionFilter, ConnectionState, ConnectionSummary, ListPosition};
pub use reseal::{Reseal, Resealed};
