//! Doing a plan: events, the scheduler, executors, resources, the journal. Prints nothing, knows no kind by name.

pub mod event;
pub mod scheduler;
pub mod task;

pub use event::{Event, Moment};
