//! What `parse-voc`, `parse-coco` and `parse-yolo` have in common: their outputs, and how they tell of what is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err as fs;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::output;
use crate::artifact::{write_dataset, write_json};
use crate::detection::reading::{OnProblem, Problem, ReadDataset, ReadError};
use crate::stage::{Job, Outcome, OutputPort, Progress, Reporter, StageError};

/// What becomes of an image with something wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OnError {
    #[default]
    Fail,
    Skip,
}

impl From<OnError> for OnProblem {
    fn from(on_error: OnError) -> Self {
        match on_error {
            OnError::Fail => Self::Fail,
            OnError::Skip => Self::Skip,
        }
    }
}

/// The outputs of all these kinds: a pipeline can take the one for the other.
pub(super) fn outputs() -> Vec<OutputPort> {
    vec![
        output("dataset", "dataset", "The images of the set with their annotations."),
        output("images", "images", "The image files, as they are."),
        output(
            "skipped",
            "metrics",
            "How many images and boxes were left out, and why.",
        ),
    ]
}

/// Tells how many images are done.
pub(super) struct Counter<'a> {
    done: AtomicU64,
    total: Option<u64>,
    reporter: &'a dyn Reporter,
}

impl<'a> Counter<'a> {
    pub(super) fn new(reporter: &'a dyn Reporter, total: Option<u64>) -> Self {
        Self {
            done: AtomicU64::new(0),
            total,
            reporter,
        }
    }

    pub(super) fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let (total, unit) = (self.total, "image".to_owned());
        self.reporter.progress(Progress {
            done,
            total,
            unit,
            ..Progress::default()
        });
    }
}

/// Writes what was read to the outputs.
pub(super) fn write(read: &ReadDataset, job: &Job) -> Result<Outcome, StageError> {
    write_dataset(job.output("dataset")?, &read.dataset)?;
    let images = job.output("images")?;
    fs::create_dir_all(images)?;
    read.sources
        .par_iter()
        .try_for_each(|source| copy(&source.path, &images.join(&source.file)))?;
    write_json(job.output("skipped")?, &Skipped::new(read))?;
    Ok(outcome(read))
}

/// A reader's error as a stage's.
pub(super) fn explain(error: &ReadError) -> StageError {
    let stage_error = StageError::new(error.to_string());
    if error.problems.iter().any(|problem| problem.fault.is_fatal()) {
        return stage_error;
    }
    stage_error.hint("`on_error: skip` leaves such images out and counts them")
}

/// Copies the bytes, not the permissions: a read-only dataset must not make files that the store cannot remove.
fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<(), StageError> {
    std::io::copy(&mut fs::File::open(from)?, &mut fs::File::create(to)?)?;
    Ok(())
}

fn outcome(read: &ReadDataset) -> Outcome {
    let boxes: usize = read.dataset.images.iter().map(|entry| entry.annotations.len()).sum();
    let figures = [
        ("images", read.dataset.images.len()),
        ("boxes", boxes),
        ("classes", read.dataset.classes.len()),
        ("skipped_images", read.skipped_images),
        ("skipped_boxes", read.skipped_boxes),
    ];
    let mut outcome = Outcome::default();
    outcome
        .metrics
        .extend(figures.map(|(name, count)| (name.to_owned(), count as f64)));
    if !read.problems.is_empty() {
        let reasons = reasons(&read.problems);
        let reasons: Vec<String> = reasons
            .into_iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let (images, boxes) = (read.skipped_images, read.skipped_boxes);
        outcome.notes.push(format!(
            "skipped {images} images and {boxes} boxes: {}",
            reasons.join(", ")
        ));
    }
    outcome
}

fn reasons(problems: &[Problem]) -> BTreeMap<&'static str, u64> {
    let mut reasons = BTreeMap::new();
    for problem in problems {
        *reasons.entry(problem.fault.reason()).or_default() += 1;
    }
    reasons
}

/// The `skipped` output. Names files inside the dataset's folder only, so that it is the same wherever that lies.
#[derive(Serialize)]
struct Skipped {
    images: usize,
    skipped_images: usize,
    skipped_boxes: usize,
    reasons: BTreeMap<&'static str, u64>,
    problems: Vec<SkippedFile>,
}

#[derive(Serialize)]
struct SkippedFile {
    file: PathBuf,
    line: Option<u32>,
    column: Option<u32>,
    reason: &'static str,
    message: String,
}

impl Skipped {
    fn new(read: &ReadDataset) -> Self {
        let file = |problem: &Problem| match problem.root.file_name().filter(|_| read.roots > 1) {
            Some(root) => PathBuf::from(root).join(&problem.file),
            None => problem.file.clone(),
        };
        let skipped = |problem: &Problem| SkippedFile {
            file: file(problem),
            line: problem.position.map(|(line, _)| line),
            column: problem.position.map(|(_, column)| column),
            reason: problem.fault.reason(),
            message: problem.fault.to_string(),
        };
        Self {
            images: read.dataset.images.len(),
            skipped_images: read.skipped_images,
            skipped_boxes: read.skipped_boxes,
            reasons: reasons(&read.problems),
            problems: read.problems.iter().map(skipped).collect(),
        }
    }
}
