//! `asm-pipe doctor`: what is found, what is wrong, what to do.
//!
//! Each section looks, at the edge, and then judges what it has found, without effects. All look at once and none is waited for
//! for long. Nothing is changed: what is tried out in the store's place and on the remote is removed again.

mod finding;
mod program;
mod project_file;
mod providers;
mod remote;
mod shown;
mod slurm;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use self::finding::{Finding, Level, Section, count};
use super::arguments::{Executor, OutputArguments, StoreArguments};
use super::defaults::ProjectFile;
use super::examples;
use super::failure::{Failure, FailureKind};
use super::remote::RemoteArguments;
use super::terminal::{self, Format};

/// How long one that is asked may take to answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// How long a section may take with all that it asks.
const LIMIT: Duration = Duration::from_secs(14);

/// How long the store's content is counted.
const COUNTING: Duration = Duration::from_secs(2);

/// `asm-pipe doctor`.
#[derive(Debug, Args)]
#[command(after_help = examples::DOCTOR)]
pub(super) struct Doctor {
    /// Pipeline files: the project file is looked for from the first of them, as `run` does; by default from here.
    #[arg(value_name = "FILE")]
    pub(super) pipelines: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) remote: RemoteArguments,
    /// Who does the stages that need a process of their own: with Slurm, what is wrong with it is in the way.
    #[arg(long, value_enum, default_value_t, env = "ASM_PIPE_EXECUTOR")]
    pub(super) executor: Executor,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Ends with 0 if nothing is in the way, else as what the machine is in the way of.
pub(super) fn doctor(arguments: &Doctor, file: &ProjectFile) -> Result<ExitCode, Failure> {
    let sections = sections(arguments, file);
    match arguments.output.format {
        Format::Json => terminal::print_json(&shown::json(&sections))?,
        Format::Human => terminal::print(&shown::text(&sections))?,
    }
    Ok(match count(&sections, Level::Problem) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(FailureKind::Environment.code()),
    })
}

fn sections(arguments: &Doctor, file: &ProjectFile) -> Vec<Section> {
    let settings = file
        .project
        .as_ref()
        .map(|project| project.slurm.clone())
        .unwrap_or_default();
    let is_wanted = arguments.executor == Executor::Slurm;
    let (place, for_slurm) = (arguments.store.store.clone(), arguments.store.store.clone());
    let shared = arguments.remote.clone();
    let asked = [
        ask("program", || program::judge(&program::look())),
        ask("providers", || providers::judge(&providers::look(PATIENCE))),
        ask("store", move || store::judge(&store::look(&place, COUNTING))),
        ask("slurm", move || {
            slurm::judge(&slurm::look(is_wanted, settings, &for_slurm, PATIENCE))
        }),
        ask("remote", move || remote::judge(&remote::look(&shared, PATIENCE))),
    ];
    let end = Instant::now() + LIMIT;
    let mut sections: Vec<Section> = asked.into_iter().map(|asked| answer(asked, end)).collect();
    let findings = project_file::judge(file, &project_file::environment());
    let name = "project file";
    sections.insert(1, Section { name, findings });
    sections
}

/// A section that is being looked into.
type Asked = (&'static str, Receiver<Vec<Finding>>);

fn ask(name: &'static str, look: impl FnOnce() -> Vec<Finding> + Send + 'static) -> Asked {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        // Nobody may wait for it any more.
        let _ = sender.send(look());
    });
    (name, receiver)
}

/// What a section has found by then. A disk that does not answer cannot be given up from within, so its thread is left behind.
fn answer((name, findings): Asked, end: Instant) -> Section {
    let found = findings.recv_timeout(end.saturating_duration_since(Instant::now()));
    let findings = found.unwrap_or_else(|error| {
        let (said, hint) = match error {
            RecvTimeoutError::Timeout => (
                format!("no answer within {} s", LIMIT.as_secs()),
                "something that it asks hangs: a network file system, a program or a server",
            ),
            RecvTimeoutError::Disconnected => {
                ("the look at it broke off".to_owned(), "that is a bug: please report it")
            }
        };
        vec![Finding::problem("answer", said, hint)]
    });
    Section { name, findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_that_hangs_or_breaks_off_is_a_problem_and_no_more() {
        let (sender, receiver) = channel();
        let hangs = answer(("store", receiver), Instant::now());
        assert!(hangs.findings[0].said.contains("no answer"));
        drop(sender);
        let (sender, receiver) = channel();
        drop(sender);
        let broken = answer(("store", receiver), Instant::now() + LIMIT);
        assert!(broken.findings[0].said.contains("broke off"));
    }
}
