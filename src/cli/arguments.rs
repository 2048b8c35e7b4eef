//! What stands on the command line. The doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::terminal::Format;

/// Runs active-learning experiments for object detection: declared in YAML, cached by content, compared.
///
/// A pipeline is a graph of stages. What a stage makes is kept in a store under a key made of the stage's kind, params and
/// the content of its inputs; a stage whose key is there is not run again. Try `asm-pipe run pipelines/topk_v3.yaml`.
#[derive(Debug, Parser)]
#[command(name = "asm-pipe", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 a stage failed, 2 the command line is wrong, 3 the pipeline or a file is wrong, \
4 the store, a provider or the machine is in the way, 130 interrupted, 101 a bug.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run pipelines: what the store has is taken from it, the rest is made, results are written.
    Run(Run),
    /// Show what would run and why. Nothing is touched.
    Plan(Plan),
    /// Draw the stages of pipelines.
    Graph(Graph),
    /// Print a pipeline with `extends`, profile and overrides applied.
    Params(Params),
    /// Write tables, charts and the page again from what the store has.
    Report(Report),
    /// Show runs: which are going on, how others ended.
    Status(Status),
    /// List the stage kinds that can be used, or explain one.
    Stages(Stages),
    /// Score detections from anywhere against a COCO ground truth.
    Score(Score),
    /// Run one stage kind alone on files, without store or pipeline.
    Exec(Exec),
    /// Make or look at datasets.
    Data(Data),
}

/// Which pipelines, and how they are changed.
#[derive(Debug, Args)]
pub struct PipelineArguments {
    /// Pipeline files, or one experiment file that names some.
    #[arg(required = true, value_name = "FILE")]
    pub pipelines: Vec<PathBuf>,
    /// Set a param: `-S merge.certain=0.7`. The value is read as YAML. Repeat for more.
    #[arg(short = 'S', long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Apply a profile of the pipeline, such as `quick` or `bccd`. Repeat to apply several in this order.
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// Set params from a YAML file that holds a mapping of them.
    #[arg(long, value_name = "FILE")]
    pub params: Vec<PathBuf>,
}

/// Which part of the plan.
#[derive(Debug, Args)]
pub struct TargetArguments {
    /// Only this stage and what it needs: `initial`, `round-2.merge`, or `merge` for all rounds. Repeat for more.
    #[arg(long, value_name = "STAGE")]
    pub target: Vec<String>,
}

/// Where things are kept.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// Where outputs are kept.
    #[arg(long, value_name = "DIR", default_value = ".asm-pipe", env = "ASM_PIPE_STORE")]
    pub store: PathBuf,
}

/// How to answer.
#[derive(Debug, Args)]
pub struct OutputArguments {
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `asm-pipe run`.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub pipelines: PipelineArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub store: StoreArguments,
    /// How many stages may run at once.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// Processor cores that stages may use together; all by default. Training uses them all, so results can depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: Option<u32>,
    /// Memory that stages may use together, in MiB; what is free by default.
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u64>,
    /// When a stage fails, go on with those that do not need it.
    #[arg(short, long)]
    pub keep_going: bool,
    /// Run this stage even if it is cached. Repeat for more.
    #[arg(long, value_name = "STAGE")]
    pub force: Vec<String>,
    /// Where tables, charts and the page are written.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Say only what failed.
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `asm-pipe plan`.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub pipelines: PipelineArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub store: StoreArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `asm-pipe graph`.
#[derive(Debug, Args)]
pub struct Graph {
    #[command(flatten)]
    pub pipelines: PipelineArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub store: StoreArguments,
    /// How to draw.
    #[arg(long, value_enum, default_value_t)]
    pub format: GraphFormat,
    /// Draw every round instead of one for all.
    #[arg(long)]
    pub expand: bool,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
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
pub struct Params {
    #[command(flatten)]
    pub pipelines: PipelineArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `asm-pipe report`.
#[derive(Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pub pipelines: PipelineArguments,
    #[command(flatten)]
    pub store: StoreArguments,
    /// Where tables, charts and the page are written.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `asm-pipe status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The run to show; the newest by default.
    pub run: Option<String>,
    /// List the runs instead of one run's stages.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub store: StoreArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `asm-pipe stages`.
#[derive(Debug, Args)]
pub struct Stages {
    /// The kind to explain: its params with defaults, its inputs and outputs.
    pub kind: Option<String>,
    #[command(flatten)]
    pub store: StoreArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `asm-pipe score`.
#[derive(Debug, Args)]
pub struct Score {
    /// Ground truth in COCO's format: `images`, `annotations`, `categories`.
    #[arg(long, value_name = "COCO.json")]
    pub ground_truth: PathBuf,
    /// Detections in COCO's results format: a list of `image_id`, `category_id`, `bbox` (xywh), `score`.
    #[arg(long, value_name = "RESULTS.json")]
    pub detections: PathBuf,
    /// The rules to score by.
    #[arg(long, default_value = "coco", value_name = "coco|voc07|voc10|detectron2-voc07")]
    pub protocol: String,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `asm-pipe exec`.
#[derive(Debug, Args)]
pub struct Exec {
    /// The stage kind; `asm-pipe stages` lists them.
    pub kind: String,
    /// An input: the port's name and a file or folder. Repeat for more; for a port that takes many, in the order given,
    /// or as `NAME:LABEL=PATH`.
    #[arg(long = "in", value_name = "NAME=PATH")]
    pub inputs: Vec<String>,
    /// A param: `--set certain=0.7`. The value is read as YAML. Repeat for more.
    #[arg(short = 'S', long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Where the outputs are written, each under its name. It must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Processor cores to use; all by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: Option<u32>,
    #[command(flatten)]
    pub store: StoreArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// `asm-pipe data`.
#[derive(Debug, Args)]
pub struct Data {
    /// What to do.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// The subcommands of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Write the embedded dataset as an ordinary VOC folder.
    Shapes(DataShapes),
}

/// `asm-pipe data shapes`.
#[derive(Debug, Args)]
pub struct DataShapes {
    /// Where to write `Annotations`, `JPEGImages` and `ImageSets`. It must not exist or be empty.
    pub folder: PathBuf,
    /// A param of the kind `shapes`, such as `-S train=200`. Repeat for more.
    #[arg(short = 'S', long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub output: OutputArguments,
}

impl Command {
    /// The format that failures are told in.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Self::Run(a) => a.output.format,
            Self::Plan(a) => a.output.format,
            Self::Params(a) => a.output.format,
            Self::Report(a) => a.output.format,
            Self::Status(a) => a.output.format,
            Self::Stages(a) => a.output.format,
            Self::Score(a) => a.output.format,
            Self::Exec(a) => a.output.format,
            Self::Data(Data {
                command: DataCommand::Shapes(a),
            }) => a.output.format,
            Self::Graph(_) => Format::Human,
        }
    }
}
