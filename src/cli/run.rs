//! `asm-pipe run`: makes what the store lacks, then writes results.

use std::sync::Arc;

use super::arguments::{Executor, Run};
use super::defaults::ProjectFile;
use super::failure::{Failure, FailureKind};
use super::load::{load, unknown_stages};
use super::progress::Display;
use super::remote::RemoteMode;
use super::results::{self, Written};
use super::settled;
use super::terminal::{self, Format};
use super::workspace::Workspace;
use crate::plan::Plan;
use crate::project::{ExecutorName, Project};
use crate::remote::Location;
use crate::run::resources::{available_cpus, available_gpus, available_memory_mib};
use crate::run::slurm::SlurmOptions;
use crate::run::{Interrupt, RunError, RunOptions, Summary};
use crate::store::Store;

/// How many stages run at once unless said otherwise: the cores and the memory are the real bounds.
const JOBS: u32 = 16;

pub(super) fn run(arguments: &Run, file: &ProjectFile) -> Result<(), Failure> {
    let project = file.project.clone().unwrap_or_default();
    // Before anything is written: what is wrong with its URL must not come into a journal.
    arguments.remote.which.place()?;
    if let (Some(path), Some(sets), false) = (&file.path, sets(arguments, &project), arguments.quiet) {
        terminal::tell(&format!("`{}` sets {sets}", path.display()));
    }
    let store = Store::open(&arguments.store.store)?;
    let mut display = Display::new(arguments.output.format, arguments.quiet);
    let question = settled::question(arguments);
    let in_use = store.in_use()?;
    if let Some(settled::Answer { run, written }) = settled::answer(&store, question.as_ref()) {
        run.replay(&store, &mut |moment| display.show(moment))
            .map_err(|e| Failure::environment(e.to_string()))?;
        return tell(arguments, &written);
    }
    drop(in_use);
    let workspace = Workspace::of(store)?;
    let loaded = load(&arguments.pipelines, &arguments.target.target, &workspace.registry)?;
    let force = forced(&loaded.plan, &arguments.force)?;
    let options = RunOptions {
        gpus: arguments.gpus.unwrap_or_else(available_gpus),
        keep_going: arguments.keep_going,
        force,
        remote: arguments.remote.open()?.map(Arc::new),
        remote_required: arguments.remote.require_remote,
        slurm: (arguments.executor == Executor::Slurm).then(|| SlurmOptions {
            settings: project.slurm.clone(),
            detach: arguments.detach,
        }),
        ..options(arguments.jobs, arguments.cpus, arguments.memory)
    };
    let interrupt = interruptible();
    let mut show = |moment: &_| display.show(moment);
    let summary = crate::run::run(
        &loaded.plan,
        &workspace.registry,
        &workspace.store,
        &options,
        &mut show,
        &interrupt,
    )
    .map_err(|error| match error {
        RunError::Remote(error) => error.into(),
        error => Failure::environment(error.to_string()),
    })?;
    let written = results::write(&loaded, &summary, &workspace.store, &arguments.results)?;
    tell(arguments, &written)?;
    settled::keep(question.as_ref(), (&loaded, &workspace), &summary, written);
    verdict(&summary)
}

/// What a project file sets of where stages run and outputs go, as far as nobody has said otherwise: a file in a folder above is
/// easily forgotten.
fn sets(arguments: &Run, project: &Project) -> Option<String> {
    let is_slurm = arguments.executor == Executor::Slurm && project.executor == Some(ExecutorName::Slurm);
    let executor = is_slurm.then(|| "the executor `slurm`".to_owned());
    let named = project
        .remote
        .as_ref()
        .filter(|_| arguments.remote.which.remote_mode != RemoteMode::Off);
    let named = named.filter(|remote| arguments.remote.which.remote.as_ref() == Some(&remote.url));
    let place = named.and_then(|remote| remote.url.parse::<Location>().ok());
    let remote = place.map(|place| format!("the remote `{place}`"));
    let all: Vec<String> = executor.into_iter().chain(remote).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

/// Shows people what was written.
fn tell(arguments: &Run, written: &[Written]) -> Result<(), Failure> {
    if arguments.output.format == Format::Human && !arguments.quiet {
        for results in written {
            terminal::print(&format!("\n{}\n{}\n", results.table, results.page.display()))?;
        }
    }
    Ok(())
}

/// How to run: what is not given is what this machine has.
pub(super) fn options(jobs: Option<u32>, cpus: Option<u32>, memory_mib: Option<u64>) -> RunOptions {
    RunOptions {
        jobs: jobs.unwrap_or(JOBS) as usize,
        cpus: cpus.unwrap_or_else(available_cpus),
        memory_mib: memory_mib.unwrap_or_else(available_memory_mib),
        gpus: available_gpus(),
        keep_going: false,
        force: Vec::new(),
        remote: None,
        remote_required: false,
        slurm: None,
    }
}

/// An interrupt that Ctrl-C raises.
pub(super) fn interruptible() -> Interrupt {
    let interrupt = Interrupt::default();
    let asked = interrupt.clone();
    let handler = move || {
        if asked.raise() == 1 {
            terminal::tell("stopping: what is done is kept, what runs is asked to end; Ctrl-C again ends it at once");
        }
    };
    // A second handler in one process is not set: the first one serves.
    let _ = ctrlc::set_handler(handler);
    interrupt
}

/// The nodes that `--force` names.
fn forced(plan: &Plan, names: &[String]) -> Result<Vec<String>, Failure> {
    let (mut nodes, mut unknown) = (Vec::new(), Vec::new());
    for name in names {
        match plan.find(name) {
            Ok(found) => nodes.extend(found.into_iter().map(|id| plan.nodes[id.0].name.clone())),
            Err(error) => unknown.push(error),
        }
    }
    if unknown.is_empty() {
        Ok(nodes)
    } else {
        Err(unknown_stages("--force", &unknown))
    }
}

/// How a run that has come to its end is to be told of.
pub(super) fn verdict(summary: &Summary) -> Result<(), Failure> {
    if summary.interrupted {
        return Err(Failure::new(FailureKind::Interrupted, "interrupted")
            .hint("run the same command again: it goes on from what is kept"));
    }
    match summary.counts.failed {
        0 => Ok(()),
        1 => Err(Failure::new(
            FailureKind::Stage,
            "a stage failed; what was done before it is kept",
        )),
        failed => Err(Failure::new(
            FailureKind::Stage,
            format!("{failed} stages failed; what was done before them is kept"),
        )),
    }
}
