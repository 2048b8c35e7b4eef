//! `export-dataset`: a dataset with its images as a VOC, COCO or YOLO folder.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pool;
use super::ports::{input, output};
use super::read_folder::Counter;
use crate::artifact::{read_dataset, write_json};
use crate::detection::export::{ExportOptions, export};
use crate::detection::folder::Format;
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct ExportDataset;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The format: `voc` holds all that VOC files say, `coco` all that a dataset holds, `yolo` classes and boxes only.
    format: Format,
    /// What the set is called in the folder.
    #[serde(default = "train")]
    set: String,
    /// What VOC's first pixel is counted as. VOC counts from 1 and includes both corners.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1))]
    origin: u8,
}

fn train() -> String {
    "train".to_owned()
}

fn one() -> u8 {
    1
}

impl Stage for ExportDataset {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "export-dataset".to_owned(),
            version: 1,
            summary: "writes a dataset as a VOC, COCO or YOLO folder".to_owned(),
            params: params_schema::<Params>(),
            inputs: vec![
                input("dataset", "dataset", "The images with their annotations."),
                input("images", "images", "The image files."),
            ],
            outputs: vec![
                output("folder", "folder", "The folder in the format asked for."),
                output(
                    "left_out",
                    "metrics",
                    "How often each thing was left out that the format has no place for.",
                ),
            ],
            external: Vec::new(),
            cpus: 0,
            memory_mib: 512,
        }
    }

    fn run(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let dataset = read_dataset(job.input("dataset")?)?;
        let images = job.input("images")?;
        let files = dataset.images.iter().map(|entry| images.join(&entry.image.file));
        let sources: Vec<PathBuf> = files.collect();
        let options = ExportOptions {
            format: params.format,
            set: params.set,
            origin: params.origin,
        };
        let counter = Counter::new(reporter, Some(sources.len() as u64));
        let folder = job.output("folder")?;
        let written = pool(job)?.install(|| export(folder, &dataset, &sources, &options, &|| counter.count()));
        let written = written.map_err(|error| StageError::new(error.to_string()))?;
        let told = json!({ "format": params.format, "images": written.images, "boxes": written.boxes, "left_out": written.left_out });
        write_json(job.output("left_out")?, &told)?;
        let mut outcome = Outcome::default();
        let counts = [("images", written.images), ("boxes", written.boxes)];
        outcome
            .metrics
            .extend(counts.map(|(name, count)| (name.to_owned(), count as f64)));
        for (what, count) in &written.left_out {
            outcome
                .notes
                .push(format!("{} has no place for: {what} ({count})", params.format));
        }
        Ok(outcome)
    }
}
