//! A run without the work: the scheduler, the keys, the journal and the desk at Slurm are the real ones, the cluster and the
//! clock are not.
//!
//! So that it can be seen on one machine what 1,000,000 stages on 1,000 nodes cost whoever runs them, and held against the rules of a run
//! however many stages there are. `examples/simulate.rs` measures with it. There is no object in the store and no process: what a stage would write is a digest
//! that follows from its key, how long it takes and whether it fails is drawn from the seed, so that a simulation can be said again.

mod cluster;
mod drive;

use std::time::Duration;

use super::End;
use super::event::Counts;
pub use drive::simulate;

pub(super) use cluster::Slurm;

/// The cluster that is simulated, and how it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Machines, each of which does one job at a time.
    pub nodes: usize,
    /// How many jobs may be queued or running at once.
    pub max_queued: u32,
    /// Seconds between two looks at the queue.
    pub poll_seconds: f64,
    /// How long a job takes: at least and at most.
    pub seconds: [f64; 2],
    /// How likely an attempt fails.
    pub fails: f64,
    /// How likely a stage fails at every attempt.
    pub broken: f64,
    /// How likely a guard says stop.
    pub stops: f64,
    /// How often a stage is tried again.
    pub retries: u32,
    /// What is drawn follows from it.
    pub seed: u64,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            nodes: 1000,
            max_queued: 2000,
            poll_seconds: 10.0,
            seconds: [30.0, 90.0],
            fails: 0.005,
            broken: 0.0,
            stops: 0.0,
            retries: 2,
            seed: 0,
        }
    }
}

/// How a simulated run went.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Its id.
    pub run: String,
    /// How each stage ended, in the plan's order.
    pub ends: Vec<End>,
    /// The stages by how they ended.
    pub counts: Counts,
    /// How long it took by the simulated clock.
    pub seconds: f64,
    /// The most jobs that Slurm had at once, waiting or running.
    pub most_queued: usize,
    /// The sum of what all jobs took, in seconds of a node.
    pub worked: f64,
    /// How Slurm was asked.
    pub calls: Calls,
    /// What it took of this machine.
    pub costs: Costs,
}

/// How often Slurm was asked, and how much was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls of `sbatch`.
    pub sbatch: usize,
    /// Calls of `squeue`.
    pub squeue: usize,
    /// Bytes of the longest script.
    pub longest_script: usize,
    /// Bytes of the longest argument of `squeue`: the names that are asked for.
    pub longest_argument: usize,
    /// Bytes of the longest answer of `squeue`.
    pub longest_answer: usize,
}

/// How long this machine was at work, by what it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Writing down the plan, and making tasks of it.
    pub begin: Duration,
    /// Finding out keys.
    pub keys: Duration,
    /// Deciding.
    pub scheduler: Duration,
    /// Writing the journal.
    pub journal: Duration,
    /// Making batches, and reading what the queue shows.
    pub desk: Duration,
}

impl Costs {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.begin + self.keys + self.scheduler + self.journal + self.desk
    }
}

#[cfg(test)]
mod tests;
