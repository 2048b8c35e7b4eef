//! What stands on the command line. The doc comments are the help texts.

mod inspect;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) use self::inspect::{Diff, Explain, Get, Log, Runs, Show};
use super::cache::arguments::{Cache, CheckDeterminism};
use super::data::arguments::Data;
use super::defaults::STORE;
use super::examples;
use super::remote::RemoteBesides;
use super::terminal::Format;

/// Runs active-learning experiments for object detection: declared in YAML, cached by content, compared.
///
/// A pipeline is a graph of stages. What a stage makes is kept in a store under a key made of the stage's kind, params and
/// the content of its inputs; a stage whose key is there is not run again. Begin with `asm-pipe init DIR`.
#[derive(Debug, Parser)]
#[command(name = "asm-pipe", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 a stage failed, 2 the command line is wrong, 3 the pipeline or a file is wrong, \
4 the store, a provider or the machine is in the way, 130 interrupted, 101 a bug.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run pipelines: what the store has is taken from it, the rest is made, results are written.
    #[command(visible_alias = "rerun")]
    Run(Run),
    /// Show what would run and why. Nothing is touched.
    ///
    /// Each stage has a word: `cached` is in the store, `remote` is on the remote and would be fetched from there, `run` would run, `maybe`
    /// depends on whether a round still happens, `shared` is the same work as another, `pruned` is left out, `fail` could not begin. With
    /// `--format json` they are `hit`, `remote`, `run` and `after`, `maybe`, `same`, `pruned` and `fail`, under `would`. The remote is only
    /// asked for records, and for what guards have decided.
    Plan(Plan),
    /// Draw the stages of pipelines.
    Graph(Graph),
    /// Print a pipeline with `extends`, profile and overrides applied.
    Params(Params),
    /// Write tables, charts and the page again from what the store has.
    Report(Report),
    /// Make a published result again and say whether every digest and metric agrees.
    ///
    /// `asm-pipe reproduce results/strategies` reads the `manifest.json` there: the pipelines as they were run, and what every stage
    /// gave. All of it is run again in an empty store, which is removed afterwards. It ends with 1 when anything differs.
    Reproduce(Reproduce),
    /// Show runs in a browser, live and past: stages filling, curves growing, pictures, logs. Only on this machine, only to read.
    Serve(Serve),
    /// Say of each stage whether the store has it, and if not, all that has changed since it last did.
    ///
    /// `asm-pipe explain pipelines/topk_v3.yaml -S merge.certain=0.7` tells what that would run again, and why. A
    /// changed param is told with both values, a changed input with the stage that it comes from, a changed folder outside with its
    /// files. What only the remote has is called `remote`.
    Explain(Explain),
    /// List runs: when, what, how they ended.
    Runs(Runs),
    /// Show how the stages of a run stand; also while it goes on, from another terminal.
    Status(Status),
    /// Print the log of a stage; also while it runs, from another terminal.
    Log(Log),
    /// Show all that is kept of a stage: key, params, inputs, outputs, metrics, who made it and when.
    ///
    /// `asm-pipe show pipelines/topk_v3.yaml initial` shows it as the pipeline stands now, `asm-pipe show 20261122-1146
    /// initial` as it was in that run, `asm-pipe show ab329a96` by its key.
    Show(Show),
    /// Copy an output out of the store.
    ///
    /// `asm-pipe get pipelines/topk_v3.yaml initial.model model` copies the model of the initial training.
    Get(Get),
    /// Compare two runs or pipelines: params, metrics, outputs.
    ///
    /// `asm-pipe diff 20261122-114603 20261122-152210` compares two runs, `asm-pipe diff a.yaml b.yaml --profile quick` what two
    /// pipelines have made with the same profile. Stages are compared by name.
    Diff(Diff),
    /// List the stage kinds that can be used, or explain one.
    Stages(Stages),
    /// Score detections from anywhere against a COCO ground truth.
    Score(Score),
    /// Run one stage kind alone on files, without store or pipeline.
    Exec(Exec),
    /// Do the job of a folder, as the jobs of a cluster do: what is said and made goes into the folder.
    ExecJob(super::exec_job::ExecJob),
    /// Look at datasets, convert them, make one.
    Data(Data),
    /// Find objects in images with a trained model: list the boxes, draw them.
    Detect(super::detect::arguments::Detect),
    /// Look into files of weights, and convert them to safetensors.
    Weights(super::weights::arguments::Weights),
    /// Look after the store: its size, its health, what is in it too long, copies of it.
    Cache(Cache),
    /// Run stages a second time and say whether they give the same bytes.
    CheckDeterminism(CheckDeterminism),
    /// Say what is found and what is wrong: providers, libtorch and devices, the store and its locks, Slurm, the remote.
    ///
    /// Begin here when something does not work, and give its output to whoever helps. Nothing is changed: no store is made, no job is
    /// submitted, and what is tried out in the store's place and on the remote is removed again. No credential is shown.
    Doctor(super::doctor::Doctor),
    /// Make a project: pipelines that run and can be edited.
    Init(super::init::Init),
    /// Print the JSON Schema of pipeline or experiment files, for editors.
    Schema(super::schema::Schema),
    /// Print the lines that make a shell complete stages, profiles and params.
    Completions(super::completions::Completions),
    /// Write the manual pages.
    Man(super::man::Pages),
    /// Say what may stand at the cursor.
    Complete(super::complete::Complete),
}

/// Which pipelines, and how they are changed.
#[derive(Clone, Debug, Args)]
pub(super) struct PipelineArguments {
    /// Pipeline files, or one experiment file that names some. With `seeds:` or `matrix:` each stands for several members.
    #[arg(required = true, value_name = "FILE")]
    pub(super) pipelines: Vec<PathBuf>,
    /// Set a param: `-S merge.certain=0.7`. The value is read as YAML. Repeat for more.
    #[arg(short = 'S', long = "set", value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
    /// Apply a profile of the pipeline, such as `quick` or `bccd`. Repeat to apply several in this order.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Vec<String>,
    /// Set params from a YAML file that holds a mapping of them; `-S` wins over it. Repeat for more.
    #[arg(long, value_name = "FILE")]
    pub(super) params: Vec<PathBuf>,
}

/// Which part of the plan.
#[derive(Debug, Args)]
pub(super) struct TargetArguments {
    /// Only this stage and what it needs: `initial`, `round-2.merge`, or `merge` for all rounds; of several pipelines
    /// `topk_v3/merge`, which means all members of an experiment that are of this file. Repeat for more.
    #[arg(long, value_name = "STAGE")]
    pub(super) target: Vec<String>,
}

/// Where things are kept.
#[derive(Debug, Args)]
pub(super) struct StoreArguments {
    /// The store: where outputs are kept, and what providers say of their kinds.
    #[arg(long, value_name = "DIR", default_value = STORE, env = "ASM_PIPE_STORE")]
    pub(super) store: PathBuf,
}

/// How to answer.
#[derive(Debug, Args)]
pub(super) struct OutputArguments {
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// `asm-pipe run`.
#[derive(Debug, Args)]
#[command(after_help = examples::RUN)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) pipelines: PipelineArguments,
    #[command(flatten)]
    pub(super) target: TargetArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    /// How many stages may run at once, within the cores and the memory; 16 by default.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) jobs: Option<u32>,
    /// Processor cores that stages may use together; all by default. Training uses them all, so results can depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) cpus: Option<u32>,
    /// Memory that stages may use together, in MiB; what is free by default.
    #[arg(long, value_name = "MIB")]
    pub(super) memory: Option<u64>,
    /// Graphics processors that stages may use together; those that are there by default.
    #[arg(long, value_name = "N")]
    pub(super) gpus: Option<u32>,
    /// Who does the stages that need a process of their own: this machine, or a cluster by Slurm. `[slurm]` in `asm-pipe.toml` says how
    /// it is asked; the limits above then bound what this machine does itself.
    #[arg(long, value_enum, default_value_t, env = "ASM_PIPE_EXECUTOR")]
    pub(super) executor: Executor,
    /// With Slurm: Ctrl-C leaves the jobs to the cluster instead of cancelling them; the same command later goes on with them.
    #[arg(long)]
    pub(super) detach: bool,
    /// When a stage fails, go on with those that do not need it.
    #[arg(short, long)]
    pub(super) keep_going: bool,
    /// Run this stage even if it is cached; named as for `--target`. Repeat for more.
    #[arg(long, value_name = "STAGE")]
    pub(super) force: Vec<String>,
    /// Where tables, charts and the page are written.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(super) results: PathBuf,
    /// Say only what failed.
    #[arg(short, long)]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) remote: RemoteBesides,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Who does the stages that need a process of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Executor {
    /// This machine.
    #[default]
    Local,
    /// A cluster.
    Slurm,
}

/// `asm-pipe plan`.
#[derive(Debug, Args)]
#[command(after_help = examples::PLAN)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) pipelines: PipelineArguments,
    #[command(flatten)]
    pub(super) target: TargetArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) remote: RemoteBesides,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe graph`.
#[derive(Debug, Args)]
#[command(after_help = examples::GRAPH)]
pub(super) struct Graph {
    #[command(flatten)]
    pub(super) pipelines: PipelineArguments,
    #[command(flatten)]
    pub(super) target: TargetArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    /// How to draw.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: GraphFormat,
    /// Draw every round and every member of an experiment instead of one for all.
    #[arg(long)]
    pub(super) expand: bool,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    /// Text for a terminal.
    #[default]
    Ascii,
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// `asm-pipe params`.
#[derive(Debug, Args)]
#[command(after_help = examples::PARAMS)]
pub(super) struct Params {
    #[command(flatten)]
    pub(super) pipelines: PipelineArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe report`.
#[derive(Debug, Args)]
#[command(after_help = examples::REPORT, mut_arg("pipelines", |arg| arg.required_unless_present("compare").required(false)))]
pub(super) struct Report {
    #[command(flatten)]
    pub(super) pipelines: PipelineArguments,
    /// Compare folders of results instead of writing them again. Those on other datasets are compared each by itself, and then by
    /// the strategies' ranks.
    #[arg(long, value_name = "RESULTS_DIR", num_args = 2.., conflicts_with_all = ["pipelines", "set", "profile", "params"])]
    pub(super) compare: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    /// Where tables, charts and the page are written.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(super) results: PathBuf,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe reproduce`.
#[derive(Debug, Args)]
#[command(after_help = examples::REPRODUCE)]
pub(super) struct Reproduce {
    /// A folder of results with its `manifest.json`.
    #[arg(value_name = "RESULTS_DIR")]
    pub(super) results: PathBuf,
    /// The store to make it in; what that has already is not made again. By default an empty one, removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,
    /// How many stages may run at once, within the cores and the memory; 16 by default.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) jobs: Option<u32>,
    /// Processor cores that stages may use together; by default as many as the result was made with, for trainings depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) cpus: Option<u32>,
    /// Memory that stages may use together, in MiB; what is free by default.
    #[arg(long, value_name = "MIB")]
    pub(super) memory: Option<u64>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe serve`.
#[derive(Debug, Args)]
#[command(after_help = examples::SERVE)]
pub(super) struct Serve {
    /// The port to listen on; 0 takes any that is free.
    #[arg(long, value_name = "N", default_value_t = 8765)]
    pub(super) port: u16,
    /// The address to listen on. On any but a loopback address others can read what is shown.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(super) address: std::net::IpAddr,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe status`.
#[derive(Debug, Args)]
#[command(after_help = examples::STATUS)]
pub(super) struct Status {
    /// The run to show, by its id or the beginning of it; the newest by default.
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe stages`.
#[derive(Debug, Args)]
#[command(after_help = examples::STAGES)]
pub(super) struct Stages {
    /// The kind to explain: its params with defaults, its inputs and outputs.
    pub(super) kind: Option<String>,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe score`.
#[derive(Debug, Args)]
#[command(after_help = examples::SCORE)]
pub(super) struct Score {
    /// Ground truth in COCO's format: `images`, `annotations`, `categories`.
    #[arg(long, value_name = "COCO.json")]
    pub(super) ground_truth: PathBuf,
    /// Detections in COCO's results format: a list of `image_id`, `category_id`, `bbox` (xywh), `score`.
    #[arg(long, value_name = "RESULTS.json")]
    pub(super) detections: PathBuf,
    /// The rules to score by.
    #[arg(long, default_value = "coco", value_name = "coco|voc07|voc10|detectron2-voc07")]
    pub(super) protocol: String,
    /// A rule that is to be other than the protocol's: `--rule difficult=count`. `asm-pipe stages evaluate` explains them. Repeat for more.
    #[arg(long = "rule", value_name = "NAME=VALUE")]
    pub(super) rules: Vec<String>,
    /// The score from which on a detection counts in the confusion matrix.
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    pub(super) confusion_score: f64,
    /// Write the figures of classes, precision-recall curves and the confusion matrix into this folder: Parquet, CSV, SVG, PNG.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// `asm-pipe exec`.
#[derive(Debug, Args)]
#[command(after_help = examples::EXEC)]
pub(super) struct Exec {
    /// The stage kind; `asm-pipe stages` lists them.
    pub(super) kind: String,
    /// An input: the port's name and a file or folder. Repeat for more; for a port that takes many, in the order given,
    /// or as `NAME:LABEL=PATH`.
    #[arg(long = "in", value_name = "NAME=PATH")]
    pub(super) inputs: Vec<String>,
    /// A param: `--set certain=0.7`. The value is read as YAML. Repeat for more.
    #[arg(short = 'S', long = "set", value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
    /// Where the outputs are written, each under its name. It must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Processor cores to use; all by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) cpus: Option<u32>,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl Command {
    /// Whether it may not go on with a project file that is wrong: those may that make a project, print what is always the
    /// same, or tell what is wrong.
    #[must_use]
    pub(super) fn wants_project(&self) -> bool {
        !matches!(
            self,
            Self::Doctor(_) | Self::Init(_) | Self::Completions(_) | Self::Complete(_) | Self::Man(_)
        )
    }

    /// The format that failures are told in.
    #[must_use]
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Run(a) => a.output.format,
            Self::Plan(a) => a.output.format,
            Self::Params(a) => a.output.format,
            Self::Report(a) => a.output.format,
            Self::Reproduce(a) => a.output.format,
            Self::Serve(a) => a.output.format,
            Self::Explain(a) => a.output.format,
            Self::Runs(a) => a.output.format,
            Self::Status(a) => a.output.format,
            Self::Log(a) => a.output.format,
            Self::Show(a) => a.output.format,
            Self::Get(a) => a.output.format,
            Self::Diff(a) => a.output.format,
            Self::Stages(a) => a.output.format,
            Self::Score(a) => a.output.format,
            Self::Exec(a) => a.output.format,
            Self::Data(a) => a.format(),
            Self::Detect(a) => a.output.format,
            Self::Weights(a) => a.format(),
            Self::Cache(a) => a.format(),
            Self::CheckDeterminism(a) => a.output.format,
            Self::Doctor(a) => a.output.format,
            Self::Init(a) => a.output.format,
            Self::Man(a) => a.output.format,
            Self::ExecJob(_) | Self::Graph(_) | Self::Schema(_) | Self::Completions(_) | Self::Complete(_) => {
                Format::Human
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_makes_sense_to_clap() {
        super::Arguments::command().debug_assert();
    }
}
