//! Doing a plan: events, the scheduler, executors, resources, the journal. Prints nothing, knows no kind by name.
//!
//! [`run`] does a plan, [`forecast()`] says what it would do, [`status`] what runs have done. The order of the parts:
//! [`task`] and [`scheduler`] decide, without effects; [`keys`] makes keys of nodes; `engine` performs; executors
//! ([`in_process`], [`workers`]) do single jobs; [`provider`] finds programs that serve further kinds.

mod clock;
pub mod collect;
mod engine;
pub mod event;
pub mod executor;
mod forecast;
pub mod import;
pub mod in_process;
mod interrupt;
mod job_log;
mod job_thread;
mod journal;
pub mod keys;
mod perform;
pub mod process_mark;
pub mod provider;
pub mod recheck;
pub mod repair;
mod resolve;
pub mod resources;
pub mod scheduler;
pub mod status;
mod summary;
pub mod task;
pub mod usage;
mod worker;
pub mod workers;

pub use engine::run;
pub use event::{Event, Moment};
pub use forecast::{Forecast, Root, forecast};
pub use interrupt::Interrupt;
pub use journal::RunHead;
pub use summary::{NodeSummary, RunError, RunOptions, Summary};
pub use task::End;

#[cfg(test)]
pub(crate) mod test_support;
