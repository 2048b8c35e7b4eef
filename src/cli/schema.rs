//! `asm-pipe schema`: what may stand in a file, for editors.

use clap::{Args, ValueEnum};

use super::arguments::StoreArguments;
use super::failure::Failure;
use super::terminal;
use super::workspace::Untouched;

/// `asm-pipe schema`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Schema {
    /// Which files the schema is for.
    #[arg(value_enum, default_value_t, value_name = "FILES")]
    of: Files,
    #[command(flatten)]
    store: StoreArguments,
}

const EXAMPLES: &str = "\
The schema knows the kinds of the providers that are found, so print your own when you add one.

Examples:
  asm-pipe schema > schema/pipeline.schema.json
  asm-pipe schema experiment > schema/experiment.schema.json

An editor with yaml-language-server uses it when a pipeline begins with
  # yaml-language-server: $schema=../schema/pipeline.schema.json";

/// The files that have a schema.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Files {
    /// Pipelines.
    #[default]
    Pipeline,
    /// Experiments.
    Experiment,
}

pub(super) fn schema(arguments: &Schema) -> Result<(), Failure> {
    match arguments.of {
        Files::Experiment => terminal::print_json(&crate::spec::experiment_schema()),
        Files::Pipeline => {
            let opened = Untouched::open(&arguments.store)?;
            terminal::print_json(&crate::plan::schema(&opened.workspace.registry))
        }
    }
}
