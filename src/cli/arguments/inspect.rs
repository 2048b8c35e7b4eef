//! The arguments of the commands that look at runs and reasons. The doc comments are the help texts.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Args};

use super::super::remote::RemoteBesides;
use super::{OutputArguments, PipelineArguments, StoreArguments};

/// `asm-pipe explain`.
#[derive(Debug, Args)]
#[command(mut_arg("pipelines", one_file))]
pub(in super::super) struct Explain {
    #[command(flatten)]
    pub(in super::super) pipelines: PipelineArguments,
    /// Only these stages: `initial`, `round-2.merge`, or `merge` for all rounds; all stages by default.
    #[arg(value_name = "STAGE", index = 2)]
    pub(in super::super) stages: Vec<String>,
    #[command(flatten)]
    pub(in super::super) store: StoreArguments,
    #[command(flatten)]
    pub(in super::super) remote: RemoteBesides,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

/// `asm-pipe runs`.
#[derive(Debug, Args)]
pub(in super::super) struct Runs {
    /// How many to list, from the newest.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 30)]
    pub(in super::super) last: usize,
    #[command(flatten)]
    pub(in super::super) store: StoreArguments,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

/// `asm-pipe log`.
#[derive(Debug, Args)]
pub(in super::super) struct Log {
    /// The stage: `initial`, `round-2.retrain`, `retrain` for the latest of all rounds, or the beginning of a name.
    pub(in super::super) stage: String,
    /// The run, by its id or the beginning of it; by default the newest in which the stage has a log.
    #[arg(long, value_name = "ID")]
    pub(in super::super) run: Option<String>,
    /// Go on until the stage or its run ends.
    #[arg(short, long)]
    pub(in super::super) follow: bool,
    #[command(flatten)]
    pub(in super::super) store: StoreArguments,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

/// `asm-pipe show`.
#[derive(Debug, Args)]
#[command(mut_arg("pipelines", one_subject))]
pub(in super::super) struct Show {
    #[command(flatten)]
    pub(in super::super) subject: PipelineArguments,
    /// The stage: `initial`, `round-2.merge`, or `merge` for all rounds. Not needed for a key.
    #[arg(index = 2)]
    pub(in super::super) stage: Option<String>,
    #[command(flatten)]
    pub(in super::super) store: StoreArguments,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

/// `asm-pipe get`.
#[derive(Debug, Args)]
#[command(mut_arg("pipelines", one_subject))]
pub(in super::super) struct Get {
    #[command(flatten)]
    pub(in super::super) subject: PipelineArguments,
    /// What to copy: `initial.model`, `round-2.merge.dataset`, or only the stage if it has one output. Of a key: the output.
    #[arg(value_name = "STAGE[.OUTPUT]", index = 2)]
    pub(in super::super) what: String,
    /// The path that the copy gets: a file or a folder, as the output is.
    #[arg(value_name = "DEST", index = 3)]
    pub(in super::super) destination: PathBuf,
    /// Replace what is there.
    #[arg(long)]
    pub(in super::super) force: bool,
    #[command(flatten)]
    pub(in super::super) store: StoreArguments,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

/// `asm-pipe diff`.
#[derive(Debug, Args)]
#[command(mut_arg("pipelines", two_subjects))]
pub(in super::super) struct Diff {
    #[command(flatten)]
    pub(in super::super) subjects: PipelineArguments,
    /// Also list the metrics and outputs that are equal.
    #[arg(long)]
    pub(in super::super) all: bool,
    #[command(flatten)]
    pub(in super::super) store: StoreArguments,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

// An argument that is changed comes to stand behind the others: so it is told its place.

fn one_file(arg: Arg) -> Arg {
    arg.index(1)
        .action(ArgAction::Set)
        .num_args(1)
        .help("The pipeline file, or an experiment file")
}

fn one_subject(arg: Arg) -> Arg {
    arg.index(1)
        .action(ArgAction::Set)
        .num_args(1)
        .value_name("FROM")
        .help("A pipeline file, a run's id, or a stage key; of an id or a key the beginning is enough")
}

fn two_subjects(arg: Arg) -> Arg {
    arg.index(1)
        .action(ArgAction::Set)
        .num_args(2)
        .value_names(["A", "B"])
        .help("Two of: a pipeline file, a run's id or the beginning of it. What is set below is set for every file")
}
