//! `asm-pipe exec-job`: does the job of a folder, as a job of a cluster does it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::arguments::StoreArguments;
use super::failure::{Failure, FailureKind};
use super::run::interruptible;
use super::terminal;
use super::workspace::Untouched;
use crate::run::resources::slurm_job;
use crate::run::slurm::pilot as take_all;
use crate::run::{AttemptEnd, Executed, exec_job as execute};

/// How long a file system may take to show the folder.
const PATIENCE: Duration = Duration::from_secs(60);

/// `asm-pipe exec-job`.
#[derive(Debug, Args)]
#[command(after_help = super::examples::EXEC_JOB)]
pub(super) struct ExecJob {
    /// The folder, with `job.json` in it.
    #[arg(value_name = "DIR", required_unless_present = "pilot")]
    folder: Option<PathBuf>,
    /// Instead of one job, do one after the other from this queue, until none is left or the time is nearly over.
    #[arg(long, value_name = "QUEUE_DIR", conflicts_with = "folder")]
    pilot: Option<PathBuf>,
    /// How long it may go on for, with `--pilot`.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600.0, requires = "pilot")]
    seconds: f64,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn exec_job(arguments: &ExecJob) -> Result<(), Failure> {
    let interrupt = interruptible();
    let opened = Untouched::open(&arguments.store)?;
    if let Some(queue) = &arguments.pilot {
        let name = slurm_job().unwrap_or_else(|| format!("by-hand-{}", std::process::id()));
        let pilot = (name.as_str(), arguments.seconds);
        let done = take_all(&opened.workspace.registry, queue, pilot, &interrupt).map_err(|error| Failure {
            hints: error.hints,
            ..Failure::environment(error.message)
        })?;
        terminal::tell(&format!("{done} jobs done"));
        return Ok(());
    }
    let folder = std::path::absolute(arguments.folder.as_deref().unwrap_or(std::path::Path::new(".")))?;
    wait_for(&folder)?;
    let owner = std::env::var("SLURM_JOB_ID").ok();
    let executed =
        execute(&opened.workspace.registry, &folder, owner.as_deref(), &interrupt).map_err(|error| Failure {
            hints: error.hints,
            ..Failure::invalid(error.message)
        })?;
    match executed {
        Executed::Ended(ended) => match ended.end {
            AttemptEnd::Done(_) => Ok(()),
            AttemptEnd::Failed(error) | AttemptEnd::Killed(error) => Err(Failure {
                hints: error.hints,
                ..Failure::new(FailureKind::Stage, error.message)
            }),
        },
        Executed::Stopped => Err(Failure::new(FailureKind::Interrupted, "stopped")),
        Executed::GivenUp => {
            terminal::tell("another attempt at this job counts by now: nothing was done");
            Ok(())
        }
    }
}

/// Waits until the folder is to be seen.
fn wait_for(folder: &std::path::Path) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    while !folder.join("job.json").exists() {
        let is_late = Instant::now() >= end;
        // A folder of which nothing is there at all is a mistake; on a network it may be on its way.
        if is_late || folder.ancestors().nth(3).is_none_or(|above| !above.exists()) {
            return Err(Failure::invalid(format!(
                "there is no `job.json` in {}",
                folder.display()
            )));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
