//! `shapes`: the embedded dataset, drawn.

use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pool;
use super::ports::output;
use crate::artifact::{write_dataset, write_json};
use crate::detection::shapes::{ShapesOptions, write_images};
use crate::stage::{Job, KindInfo, Outcome, Progress, Reporter, Stage, StageError, params_schema};

/// The stage kind. Its ports are those of `parse-voc`, so that a pipeline can take the one for the other.
pub(super) struct Shapes;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// Which set: the scenes of one are never those of the other.
    set: Set,
    /// Scenes to draw.
    #[schemars(range(min = 1))]
    images: usize,
    /// Side of a square scene in pixels; others are 5/4 of it by 15/16.
    #[schemars(range(min = 48, max = 4096))]
    size: u32,
    /// Share of crowded, noisy scenes of low contrast.
    #[schemars(range(min = 0.0, max = 1.0))]
    hard_share: f64,
    /// Seed of all that is drawn.
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Set {
    /// For the pools.
    Trainval,
    /// For the test.
    Test,
}

impl Default for Params {
    fn default() -> Self {
        let ShapesOptions {
            train,
            size,
            hard_share,
            seed,
            ..
        } = ShapesOptions::default();
        Self {
            set: Set::Trainval,
            images: train,
            size,
            hard_share,
            seed,
        }
    }
}

impl Params {
    fn options(&self) -> ShapesOptions {
        let (train, test) = match self.set {
            Set::Trainval => (self.images, 0),
            Set::Test => (0, self.images),
        };
        ShapesOptions {
            train,
            test,
            size: self.size,
            hard_share: self.hard_share,
            seed: self.seed,
        }
    }
}

/// What `parse-voc` tells of left-out images: here there are none.
#[derive(Default, Serialize)]
struct Skipped {
    images: usize,
    skipped_images: usize,
    skipped_boxes: usize,
}

impl Stage for Shapes {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "shapes".to_owned(),
            version: 1,
            summary: "draws the embedded dataset: scenes of shapes with look-alikes, clutter and rare classes"
                .to_owned(),
            params: params_schema::<Params>(),
            inputs: Vec::new(),
            outputs: vec![
                output("dataset", "dataset", "The scenes with their annotations."),
                output("images", "images", "The image files."),
                output("skipped", "metrics", "Zeros: nothing is left out."),
            ],
            external: Vec::new(),
            cpus: 0,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let drawn = AtomicU64::new(0);
        let count = || {
            let done = drawn.fetch_add(1, Ordering::Relaxed) + 1;
            let (total, unit) = (Some(params.images as u64), "image".to_owned());
            reporter.progress(Progress {
                done,
                total,
                unit,
                ..Progress::default()
            });
        };
        let images = job.output("images")?;
        let drawing = pool(job)?.install(|| write_images(images, &params.options(), &count));
        let (train, test) = drawing.map_err(|e| StageError::new(e.to_string()))?;
        let dataset = if params.set == Set::Test { test } else { train };
        write_dataset(job.output("dataset")?, &dataset)?;
        write_json(
            job.output("skipped")?,
            &Skipped {
                images: dataset.images.len(),
                ..Skipped::default()
            },
        )?;
        let boxes: usize = dataset.images.iter().map(|image| image.annotations.len()).sum();
        let figures = [("images", dataset.images.len()), ("boxes", boxes)];
        let metrics = figures.map(|(name, count)| (name.to_owned(), count as f64)).into();
        Ok(Outcome {
            metrics,
            notes: Vec::new(),
        })
    }
}
