//! All who do jobs, and which of them does those of a kind.

use std::path::Path;

use super::command::Commands;
use super::executor::Executor;
use super::in_process::InProcess;
use super::scheduler::Manner;
use super::slurm::{Slurm, SlurmOptions};
use super::workers::Workers;
use crate::stage::{Registry, Via};

/// Those who do the jobs of a registry's kinds.
#[derive(Debug)]
pub struct Executors<'a> {
    registry: &'a Registry,
    in_process: InProcess<'a>,
    workers: Workers<'a>,
    commands: Commands<'a>,
    /// Does the jobs of the two, if it is there.
    slurm: Option<Slurm<'a>>,
}

impl<'a> Executors<'a> {
    /// None of them has started anything yet.
    #[must_use]
    pub fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            in_process: InProcess::new(registry),
            workers: Workers::new(registry),
            commands: Commands::new(registry),
            slurm: None,
        }
    }

    /// The same, with Slurm doing the jobs that need a process of their own. `store` is where the store is.
    #[must_use]
    pub fn with_slurm(self, options: &SlurmOptions, store: &Path) -> Self {
        Self {
            slurm: Some(Slurm::new(self.registry, options.clone(), store)),
            ..self
        }
    }

    /// Who does the jobs of a kind. For one that is unknown: somebody who says so.
    #[must_use]
    pub fn of(&self, kind: &str) -> &dyn Executor {
        match (self.registry.get(kind).map(|kind| &kind.via), &self.slurm) {
            (Some(Via::Provider(_) | Via::Command(_)), Some(slurm)) => slurm,
            (Some(Via::Provider(_)), None) => &self.workers,
            (Some(Via::Command(_)), None) => &self.commands,
            (Some(Via::BuiltIn(_)) | None, _) => &self.in_process,
        }
    }

    /// Whether other machines do the jobs of a kind. They keep a stage's `timeout` themselves: it does not begin while a job waits.
    pub(super) fn are_away(&self, kind: &str) -> bool {
        let via = self.registry.get(kind).map(|kind| &kind.via);
        self.slurm.is_some() && matches!(via, Some(Via::Provider(_) | Via::Command(_)))
    }

    /// Ends what is running; nothing new is started after that.
    pub fn stop(&self, manner: Manner) {
        let all: [&dyn Executor; 3] = [&self.in_process, &self.workers, &self.commands];
        self.slurm.iter().for_each(|slurm| slurm.stop(manner));
        all.iter().for_each(|executor| executor.stop(manner));
    }

    /// Ends at once the jobs that other processes do: what runs in this one comes to its end.
    pub(super) fn stop_processes(&self) {
        self.workers.stop(Manner::AtOnce);
        self.commands.stop(Manner::AtOnce);
        self.slurm.iter().for_each(|slurm| slurm.stop(Manner::AtOnce));
    }
}
