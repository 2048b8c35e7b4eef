//! All who do jobs, and which of them does those of a kind.

use super::command::Commands;
use super::executor::Executor;
use super::in_process::InProcess;
use super::scheduler::Manner;
use super::workers::Workers;
use crate::stage::{Registry, Via};

/// Those who do the jobs of a registry's kinds.
#[derive(Debug)]
pub struct Executors<'a> {
    registry: &'a Registry,
    in_process: InProcess<'a>,
    workers: Workers<'a>,
    commands: Commands<'a>,
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
        }
    }

    /// Who does the jobs of a kind. For one that is unknown: somebody who says so.
    #[must_use]
    pub fn of(&self, kind: &str) -> &dyn Executor {
        match self.registry.get(kind).map(|kind| &kind.via) {
            Some(Via::Provider(_)) => &self.workers,
            Some(Via::Command(_)) => &self.commands,
            Some(Via::BuiltIn(_)) | None => &self.in_process,
        }
    }

    /// Ends what is running; nothing new is started after that.
    pub fn stop(&self, manner: Manner) {
        let all: [&dyn Executor; 3] = [&self.in_process, &self.workers, &self.commands];
        all.iter().for_each(|executor| executor.stop(manner));
    }

    /// Ends at once the jobs that other processes do: what runs in this one comes to its end.
    pub(super) fn stop_processes(&self) {
        self.workers.stop(Manner::AtOnce);
        self.commands.stop(Manner::AtOnce);
    }
}
