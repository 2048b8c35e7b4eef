//! `parse-coco`: an instances file and a folder of images outside the store to a dataset and its images.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pool;
use super::read_folder::{Counter, OnError, explain, outputs, write};
use crate::detection::coco::{self, CocoOptions};
use crate::stage::{ExternalInput, Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind. Its ports are those of `parse-voc`, so that a pipeline can take the one for the other.
pub(super) struct ParseCoco;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The file in COCO's format: `images`, `annotations`, `categories`. Relative to the working directory. Of an annotation its box, `area`
    /// and `iscrowd` are read (a crowd region becomes a difficult object that evaluation treats as COCO does), segmentations are not.
    annotations: PathBuf,
    /// The folder that the `file_name`s of the images are in.
    images: PathBuf,
    /// The classes, in order. Empty: the categories by ascending id.
    #[serde(default)]
    classes: Vec<String>,
    /// What to do about damaged images, boxes outside their image, unknown classes and the like: `fail` reports them all,
    /// `skip` leaves the image out (of a box without area only the box) and counts it.
    #[serde(default)]
    on_error: OnError,
    /// Take only so many images, evenly spread over the set in the order of their ids.
    #[serde(default)]
    limit: Option<usize>,
    /// Decode every image to find damaged ones.
    #[serde(default = "yes")]
    check_images: bool,
}

fn yes() -> bool {
    true
}

impl Stage for ParseCoco {
    fn info(&self) -> KindInfo {
        let external = |param: &str| ExternalInput {
            param: param.to_owned(),
            include: Vec::new(),
        };
        KindInfo {
            name: "parse-coco".to_owned(),
            version: 2,
            summary: "reads a COCO instances file with its images as a dataset".to_owned(),
            params: params_schema::<Params>(),
            inputs: Vec::new(),
            outputs: outputs(),
            external: vec![external("annotations"), external("images")],
            cpus: 0,
            memory_mib: 512,
        }
    }

    fn run(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let options = CocoOptions {
            annotations: params.annotations,
            images: params.images,
            classes: params.classes,
            on_problem: params.on_error.into(),
            limit: params.limit,
            check_pixels: params.check_images,
        };
        pool(job)?.install(|| {
            let counter = Counter::new(reporter, None);
            let read = coco::read(&options, &|| counter.count());
            write(&read.map_err(|error| explain(&error))?, job)
        })
    }
}
