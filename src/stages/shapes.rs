//! `shapes`: the embedded dataset, drawn.

use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pool;
use crate::artifact::write_dataset;
use crate::detection::Dataset;
use crate::detection::shapes::{ShapesOptions, write_images};
use crate::stage::{Job, KindInfo, Outcome, OutputPort, Progress, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct Shapes;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// Scenes for training.
    #[schemars(range(min = 1))]
    train: usize,
    /// Scenes for testing.
    #[schemars(range(min = 1))]
    test: usize,
    /// Side of a square scene in pixels; others are 5/4 of it by 15/16.
    #[schemars(range(min = 48, max = 4096))]
    size: u32,
    /// Share of crowded, noisy scenes of low contrast.
    #[schemars(range(min = 0.0, max = 1.0))]
    hard_share: f64,
    /// Seed of all that is drawn.
    seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        let ShapesOptions {
            train,
            test,
            size,
            hard_share,
            seed,
        } = ShapesOptions::default();
        Self {
            train,
            test,
            size,
            hard_share,
            seed,
        }
    }
}

impl Stage for Shapes {
    fn info(&self) -> KindInfo {
        let output = |name: &str, artifact: &str, doc: &str| OutputPort {
            name: name.to_owned(),
            artifact: artifact.to_owned(),
            doc: doc.to_owned(),
        };
        KindInfo {
            name: "shapes".to_owned(),
            version: 1,
            summary: "draws the embedded dataset: scenes of shapes with look-alikes, clutter and rare classes"
                .to_owned(),
            params: params_schema::<Params>(),
            inputs: Vec::new(),
            outputs: vec![
                output("train", "dataset", "The scenes for training."),
                output("test", "dataset", "The scenes for testing."),
                output("images", "images", "The image files of both."),
            ],
            external: Vec::new(),
            cpus: 0,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
        let Params {
            train,
            test,
            size,
            hard_share,
            seed,
        } = job.params()?;
        let options = ShapesOptions {
            train,
            test,
            size,
            hard_share,
            seed,
        };
        let total = Some((train + test) as u64);
        let drawn = AtomicU64::new(0);
        let count = || {
            let done = drawn.fetch_add(1, Ordering::Relaxed) + 1;
            let unit = "image".to_owned();
            reporter.progress(Progress {
                done,
                total,
                unit,
                ..Progress::default()
            });
        };
        let images = job.output("images")?;
        let drawing = pool(job)?.install(|| write_images(images, &options, &count));
        let (train, test) = drawing.map_err(|e| StageError::new(e.to_string()))?;
        write_dataset(job.output("train")?, &train)?;
        write_dataset(job.output("test")?, &test)?;

        let mut outcome = Outcome::default();
        let boxes = |dataset: &Dataset| {
            dataset
                .images
                .iter()
                .map(|entry| entry.annotations.len())
                .sum::<usize>()
        };
        for (name, dataset) in [("train", &train), ("test", &test)] {
            outcome
                .metrics
                .insert(format!("{name}_images"), dataset.images.len() as f64);
            outcome.metrics.insert(format!("{name}_boxes"), boxes(dataset) as f64);
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use fs_err as fs;

    use super::*;
    use crate::artifact::read_dataset;
    use crate::stage::Silent;

    fn run(folder: &Path, cpus: u32) -> Outcome {
        let outputs = ["train", "test", "images"].map(|name| (name.to_owned(), folder.join(name)));
        let job = Job {
            format: 1,
            kind: "shapes".to_owned(),
            params: serde_json::json!({ "train": 5, "test": 2, "size": 64 }),
            inputs: BTreeMap::new(),
            outputs: outputs.into(),
            folder: folder.to_path_buf(),
            keep: folder.join("keep"),
            cpus,
        };
        Shapes.run(&job, &Silent).unwrap()
    }

    fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for part in ["train", "test", "images"] {
            for entry in fs::read_dir(folder.join(part)).unwrap() {
                let path = entry.unwrap().path();
                files.insert(
                    format!("{part}/{}", path.file_name().unwrap().display()),
                    fs::read(path).unwrap(),
                );
            }
        }
        files
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_byte() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let outcome = run(one.path(), 1);
        run(two.path(), 2);
        assert_eq!(bytes(one.path()), bytes(two.path()));
        assert_eq!(
            (outcome.metrics["train_images"], outcome.metrics["test_images"]),
            (5.0, 2.0)
        );
        let train = read_dataset(&one.path().join("train")).unwrap();
        for entry in &train.images {
            assert!(one.path().join("images").join(&entry.image.file).is_file());
        }
    }
}
