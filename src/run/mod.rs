//! Doing a plan: events, the scheduler, executors, resources, the journal. Prints nothing, knows no kind by name.
//!
//! [`run`] does a plan, [`forecast()`] says what it would do, [`explain()`] why, [`status`] what runs have
//! done, [`compare()`] how two of them differ. The order of the parts: [`task`] and [`scheduler`] decide, without effects; [`keys`]
//! makes keys of nodes; `engine` performs; executors ([`in_process`], [`workers`], [`command`]) do single jobs, or have
//! a cluster do them ([`slurm`]), which calls [`exec_job`] on its machines; [`provider`] finds programs
//! that serve further kinds.

mod answers;
mod attempt;
mod clock;
pub mod collect;
pub mod command;
mod compare;
mod durable;
mod engine;
mod estimate;
pub mod event;
mod exec_job;
pub mod executor;
pub mod executors;
mod explain;
mod forecast;
mod groups;
mod happening;
pub mod import;
pub mod in_process;
mod intake;
mod interrupt;
mod job_log;
mod job_thread;
mod journal;
pub mod keys;
mod maker;
mod member;
mod perform;
mod pipes;
pub mod process_mark;
mod progress_file;
pub mod provider;
pub mod pull;
pub mod recheck;
pub mod repair;
mod replay;
mod resolve;
pub mod resources;
mod room;
mod saved_plan;
pub mod scheduler;
mod scratch;
pub mod simulation;
pub mod slurm;
mod spans;
pub mod status;
mod submission;
mod summary;
pub mod task;
mod turns;
pub mod usage;
mod worker;
pub mod workers;

pub use attempt::{AttemptEnd, Ended};
pub use compare::{Comparison, Pair, compare};
pub use engine::run;
pub use estimate::{Estimate, estimate};
pub use event::{Event, Moment};
pub use exec_job::{Executed, exec_job};
pub use explain::{Cause, Explained, Source, explain};
pub use forecast::{Forecast, Places, Root, forecast};
pub use interrupt::Interrupt;
pub use journal::RunHead;
pub use member::Member;
pub use progress_file::Reached;
pub use replay::Settled;
pub use saved_plan::saved_plan;
pub use spans::{Span, spans};
pub use summary::{NodeSummary, RunError, RunOptions, Summary};
pub use task::End;

#[cfg(test)]
pub(crate) mod test_support;
