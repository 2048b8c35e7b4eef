//! `asm-pipe detect` on the command line.

use std::path::PathBuf;

use clap::Args;

use crate::cli::arguments::{OutputArguments, StoreArguments};

const EXAMPLES: &str = "\
A model is a folder with `model.json` and `model.safetensors`: what a stage `train` makes, and `asm-pipe get` copies out of the store.

Examples:
  asm-pipe detect photo.jpg --model model                     lists the boxes
  asm-pipe detect photos/ more.png --model model --out drawn  draws them, too
  asm-pipe detect photos/ --pipeline pipelines/topk_v3.yaml --stage initial --score 0.3";

/// `asm-pipe detect`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in super::super) struct Detect {
    /// Images, JPEG or PNG, and folders of them.
    #[arg(required = true, value_name = "IMAGE")]
    pub(in super::super) images: Vec<PathBuf>,
    /// The folder of a model.
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "pipeline",
        conflicts_with = "pipeline"
    )]
    pub(in super::super) model: Option<PathBuf>,
    /// Take the model out of the store: that of a stage of this pipeline.
    #[arg(long, value_name = "FILE", requires = "stage")]
    pub(in super::super) pipeline: Option<PathBuf>,
    /// The stage: `initial`, `round-2.retrain`.
    #[arg(long, value_name = "STAGE[.OUTPUT]", requires = "pipeline")]
    pub(in super::super) stage: Option<String>,
    /// Apply a profile of the pipeline. Repeat to apply several in this order.
    #[arg(long, value_name = "NAME", requires = "pipeline")]
    pub(in super::super) profile: Vec<String>,
    /// Set a param of the pipeline: `-S merge.certain=0.7`. Repeat for more.
    #[arg(short = 'S', long = "set", value_name = "PATH=VALUE", requires = "pipeline")]
    pub(in super::super) set: Vec<String>,
    /// Draw the boxes into copies of the images, in this folder. It must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    pub(in super::super) out: Option<PathBuf>,
    /// Leave out boxes with a lower score, or exactly this one.
    #[arg(long, value_name = "0..1", default_value_t = 0.5, value_parser = share)]
    pub(in super::super) score: f64,
    /// Where the network runs: `auto`, `cpu` or `cuda:N`.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(in super::super) device: String,
    #[command(flatten)]
    pub(in super::super) store: StoreArguments,
    #[command(flatten)]
    pub(in super::super) output: OutputArguments,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("give a number from 0 to 1".to_owned()),
    }
}
