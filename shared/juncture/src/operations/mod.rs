//! What operators and schedules do with all connections at once.

mod idle;
mod list;
mod reseal;

pub use idle::{IdleConnections, IdleReport};
pub use list::{ConnectionFilter, ConnectionState, ConnectionSummary, ListPosition};
pub use reseal::{Reseal, Resealed};
