//! `asm-pipe weights` on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::arguments::OutputArguments;
use crate::cli::terminal::Format;

/// `asm-pipe weights`.
#[derive(Debug, Args)]
pub(in super::super) struct Weights {
    /// What to do.
    #[command(subcommand)]
    pub(in super::super) command: WeightsCommand,
}

/// The subcommands of `weights`.
#[derive(Debug, Subcommand)]
pub(in super::super) enum WeightsCommand {
    /// List the arrays in a file of weights: names, shapes, element types, totals.
    ///
    /// Reads safetensors and the pickles of `torch.save`, new and old, without Python and without running anything in them.
    #[command(after_help = SHOW)]
    Show(WeightsShow),
    /// Write the arrays of a file as safetensors.
    #[command(after_help = CONVERT)]
    Convert(WeightsConvert),
}

const SHOW: &str = "\
Examples:
  asm-pipe weights show resnet50-11ad3fa6.pth
  asm-pipe weights show model/model.safetensors --format json | jq .totals";

const CONVERT: &str = "\
Examples:
  asm-pipe weights convert resnet50-11ad3fa6.pth resnet50.safetensors";

/// `asm-pipe weights show`.
#[derive(Debug, Args)]
pub(in super::super) struct WeightsShow {
    /// A `.pth`, `.pt` or `.safetensors` file; its content counts, not its name.
    #[arg(value_name = "FILE")]
    pub(in super::super) file: PathBuf,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

/// `asm-pipe weights convert`.
#[derive(Debug, Args)]
pub(in super::super) struct WeightsConvert {
    /// A `.pth`, `.pt` or `.safetensors` file; its content counts, not its name.
    #[arg(value_name = "FILE")]
    pub(in super::super) file: PathBuf,
    /// The file to write.
    #[arg(value_name = "DEST")]
    pub(in super::super) destination: PathBuf,
    /// Replace what is there.
    #[arg(long)]
    pub(in super::super) force: bool,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

impl Weights {
    /// How its answer is written.
    pub(in super::super) fn format(&self) -> Format {
        match &self.command {
            WeightsCommand::Show(arguments) => arguments.output.format,
            WeightsCommand::Convert(arguments) => arguments.output.format,
        }
    }
}
