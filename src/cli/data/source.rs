//! The dataset that a command is about: a folder of some format, or what a stage has written.

use std::path::{Path, PathBuf};

use super::super::failure::Failure;
use super::super::terminal::Format;
use super::arguments::SourceArguments;
use super::watch::bar;
use crate::artifact::{read_dataset, schema};
use crate::detection::folder::{self, FolderOptions};
use crate::detection::reading::{ImageSource, OnProblem, ReadDataset};

/// A dataset with its image files, and what it is.
pub(super) struct Source {
    /// `voc`, `coco`, `yolo` or `dataset`.
    pub(super) format: &'static str,
    pub(super) read: ReadDataset,
}

/// Reads the dataset. Images are opened, not decoded.
pub(super) fn load(arguments: &SourceArguments, on_problem: OnProblem, output: Format) -> Result<Source, Failure> {
    let place = &arguments.dataset;
    if !place.exists() {
        return Err(Failure::invalid(format!("{}: there is nothing", place.display())));
    }
    if place.join(schema::IMAGES).is_file() && place.join(schema::CLASSES).is_file() {
        return artifact(arguments);
    }
    let invalid = |error: crate::detection::reading::ReadError| Failure::invalid(error.to_string());
    let format = folder::recognise(place).map_err(invalid)?;
    let options = FolderOptions {
        set: arguments.set.clone(),
        classes: arguments.classes.clone(),
        origin: arguments.origin,
        on_problem,
        check_pixels: on_problem != OnProblem::Keep,
    };
    let bar = bar(output, "reading", None);
    let read = folder::read(place, format, &options, &|| bar.inc(1));
    bar.finish_and_clear();
    let format = format.name();
    let read = read.map_err(|error| {
        let only_faults = error.problems.iter().all(|problem| !problem.fault.is_fatal());
        let hint = "`asm-pipe data health` looks the dataset through; `--skip-faults` leaves such images out";
        let failure = invalid(error);
        if only_faults { failure.hint(hint) } else { failure }
    })?;
    Ok(Source { format, read })
}

/// A dataset as a stage has written it, and its images beside it.
fn artifact(arguments: &SourceArguments) -> Result<Source, Failure> {
    let place = &arguments.dataset;
    let dataset = read_dataset(place).map_err(|error| Failure::invalid(error.to_string()))?;
    if arguments.set.is_some() || !arguments.classes.is_empty() {
        let message = "--set and --classes are for folders; a dataset that a stage has written is one set";
        return Err(Failure::usage(message));
    }
    let beside = || std::path::absolute(place).map(|place| place.parent().unwrap_or(Path::new("")).join("images"));
    let images: PathBuf = match &arguments.images {
        Some(images) => images.clone(),
        None => beside()?,
    };
    let missing = dataset
        .images
        .iter()
        .find(|entry| !images.join(&entry.image.file).is_file());
    if let Some(entry) = missing {
        let message = format!("{}: there is no image `{}`", images.display(), entry.image.file);
        return Err(
            Failure::invalid(message).hint("`--images DIR` names the folder that the stage's output `images` is in")
        );
    }
    let source = |entry: &crate::detection::AnnotatedImage| ImageSource {
        path: images.join(&entry.image.file),
        file: entry.image.file.clone(),
    };
    Ok(Source {
        format: "dataset",
        read: ReadDataset {
            sources: dataset.images.iter().map(source).collect(),
            dataset,
            roots: 1,
            skipped_images: 0,
            skipped_boxes: 0,
            problems: Vec::new(),
        },
    })
}
