//! `parse-yolo`: a YOLO folder outside the store to a dataset and its images.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pool;
use super::read_folder::{Counter, OnError, explain, outputs, write};
use crate::detection::yolo::{self, YoloOptions};
use crate::stage::{ExternalInput, Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind. Its ports are those of `parse-voc`, so that a pipeline can take the one for the other.
pub(super) struct ParseYolo;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The dataset's folder, with `data.yaml` (its `names` a list or a mapping) or `classes.txt`, and `images` and `labels` in it. Relative to
    /// the working directory. What lies outside of it is not read, whatever `path` in `data.yaml` says.
    root: PathBuf,
    /// The set: a key of `data.yaml`, or a folder in `images`; `all` takes every image.
    #[serde(default = "train")]
    set: String,
    /// The classes, in order. Empty: those that the folder names.
    #[serde(default)]
    classes: Vec<String>,
    /// What to do about damaged images, boxes outside their image, unknown classes and the like: `fail` reports them all,
    /// `skip` leaves the image out (of a box without area only the box) and counts it.
    #[serde(default)]
    on_error: OnError,
    /// Take only so many images, evenly spread over the set, which is sorted by path.
    #[serde(default)]
    limit: Option<usize>,
    /// Decode every image to find damaged ones.
    #[serde(default = "yes")]
    check_images: bool,
}

fn train() -> String {
    "train".to_owned()
}

fn yes() -> bool {
    true
}

impl Stage for ParseYolo {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "parse-yolo".to_owned(),
            version: 2,
            summary: "reads a YOLO folder as a dataset".to_owned(),
            params: params_schema::<Params>(),
            inputs: Vec::new(),
            outputs: outputs(),
            external: vec![ExternalInput {
                param: "root".to_owned(),
                include: Vec::new(),
            }],
            cpus: 0,
            memory_mib: 512,
        }
    }

    fn run(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let options = YoloOptions {
            root: params.root,
            set: params.set,
            classes: params.classes,
            on_problem: params.on_error.into(),
            limit: params.limit,
            check_pixels: params.check_images,
        };
        pool(job)?.install(|| {
            let counter = Counter::new(reporter, None);
            let read = yolo::read(&options, &|| counter.count());
            write(&read.map_err(|error| explain(&error))?, job)
        })
    }
}
