//! The contract between the runner and the work: what a stage kind is and what a job is.
//!
//! Knows nothing of the command line, YAML or schedulers. A kind is either built in (a [`Stage`] that runs in this
//! process) or served by a *provider*, a program that speaks the protocol of [`protocol`].

pub mod command;
mod exchange;
mod job;
mod kind;
pub mod params;
pub mod protocol;
mod registry;

pub use exchange::Exchange;
pub use job::{Input, Job, Needs, Outcome, Place, Progress, Reporter, Silent, StageError};
pub use kind::{ExternalInput, InputPort, KindInfo, OutputPort, Stage, params_schema};
pub use registry::{NameTaken, Program, Registered, Registry, Via};
