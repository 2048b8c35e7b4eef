//! `asm-pipe init`: a folder with pipelines that run, on the embedded dataset or on the user's own.

mod data;
mod texts;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::arguments::OutputArguments;
use super::failure::Failure;
use super::terminal::{self, Format};
use data::VocData;
use texts::Sizes;

/// `asm-pipe init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Init {
    /// The project's folder; made if it is not there. A file that is there is never overwritten.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// A dataset in VOC's format, with `Annotations`, `JPEGImages` and `ImageSets`; the embedded dataset by default. It is
    /// looked through, and the numbers of images set accordingly.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

const EXAMPLES: &str = "\
Examples:
  asm-pipe init first && cd first && asm-pipe run pipelines/topk_v3.yaml --profile quick
  asm-pipe init cells --data ~/data/bccd";

pub(super) fn init(arguments: &Init) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let data = arguments
        .data
        .as_deref()
        .map(|data| VocData::look_at(data, folder))
        .transpose()?;
    let base = match &data {
        Some(data) => texts::voc_base(data, &sizes(data)?),
        None => texts::shapes_base(),
    };
    let files = texts::files(base);
    refuse_to_overwrite(folder, files.iter().map(|(name, _)| *name))?;
    for (name, text) in &files {
        let path = folder.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
        fs_err::write(path, text)?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    match arguments.output.format {
        Format::Json => terminal::print_json(&json!({ "folder": folder, "files": names, "data": data })),
        Format::Human => terminal::print(&said(folder, data.as_ref())),
    }
}

fn sizes(data: &VocData) -> Result<Sizes, Failure> {
    Sizes::of(data.images).ok_or_else(|| {
        let message = format!("{}: {} images are too few", data.root, data.images);
        Failure::invalid(message).hint("there must be one to begin with, one to validate on and one for a round")
    })
}

fn refuse_to_overwrite<'a>(folder: &Path, names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    if folder.exists() && !folder.is_dir() {
        return Err(Failure::usage(format!("{}: it is a file", folder.display())));
    }
    let there: Vec<&str> = names.filter(|name| folder.join(name).exists()).collect();
    if there.is_empty() {
        return Ok(());
    }
    let message = format!("{}: there is {} already", folder.display(), there.join(", "));
    Err(Failure::usage(message).hint("nothing was written; choose another folder, or move these away"))
}

fn said(folder: &Path, data: Option<&VocData>) -> String {
    let mut text = format!("A project in {}\n", folder.display());
    if let Some(data) = data {
        let (train, test) = (&data.train_set, &data.test_set);
        text += &format!(
            "  {} images of `{train}` to learn from, {} of `{test}` to test on, {} classes: {}\n",
            data.images,
            data.test_images,
            data.classes.len(),
            data.classes.join(", ")
        );
        if data.problems > 0 {
            text += &format!(
                "  {} things are wrong with it: what cannot be used is left out\n",
                data.problems
            );
        }
    }
    text + "\nNext, in that folder:\n  asm-pipe plan pipelines/topk_v3.yaml\n  asm-pipe run pipelines/topk_v3.yaml\n"
}
