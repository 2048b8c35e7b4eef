//! The job of kind `detect` for images from anywhere, in a folder that goes with it.

use std::collections::BTreeMap;
use std::path::Path;

use fs_err::os::unix::fs::symlink;
use serde_json::json;

use super::images::Picture;
use crate::artifact::{ArtifactError, read_detections, write_dataset};
use crate::cli::exec::{self, Lines};
use crate::cli::failure::Failure;
use crate::cli::stages::unknown_kind;
use crate::detection::{AnnotatedImage, Dataset, Detections, Image};
use crate::run::executors::Executors;
use crate::run::resources::available_cpus;
use crate::stage::params::decode;
use crate::stage::protocol::FORMAT;
use crate::stage::{Input, Job, Needs, Registry};

const KIND: &str = "detect";
const OUTPUT: &str = "detections";

/// How to detect.
pub(super) struct Settings<'a> {
    pub(super) score: f64,
    pub(super) device: &'a str,
    pub(super) quiet: bool,
}

/// What a model finds in images; one entry an image, in their order.
pub(super) fn detect(
    pictures: &[Picture],
    model: &Path,
    settings: &Settings,
    registry: &Registry,
) -> Result<Detections, Failure> {
    let kind = registry.get(KIND).ok_or_else(|| unknown_kind(KIND, registry.names()))?;
    let params = json!({ "score_floor": settings.score, "device": settings.device });
    let params = decode(&kind.info.params, &params).map_err(|problems| {
        let failure = Failure::environment(format!("the kind `{KIND}` of {} takes other params", kind.via));
        problems
            .iter()
            .fold(failure, |failure, problem| failure.hint(problem.to_string()))
    })?;
    let folder = tempfile::tempdir()?;
    let place = |name: &str| folder.path().join(name);
    let (images, dataset) = (place("images"), place("dataset"));
    fs_err::create_dir(&images)?;
    let mut list = Vec::with_capacity(pictures.len());
    for (number, picture) in pictures.iter().enumerate() {
        let id = number.to_string();
        symlink(std::path::absolute(&picture.path)?, images.join(&id))?;
        list.push(AnnotatedImage {
            image: Image {
                file: id.clone(),
                id,
                width: picture.width,
                height: picture.height,
                digest: String::new(),
            },
            annotations: Vec::new(),
        });
    }
    let list = Dataset {
        classes: Vec::new(),
        images: list,
    };
    write_dataset(&dataset, &list).map_err(artifact)?;
    let input = |path: &Path| {
        let (label, path) = (String::new(), path.to_owned());
        vec![Input { label, path }]
    };
    let (own, keep, output) = (place("job"), place("keep"), place("job").join(OUTPUT));
    let job = Job {
        format: FORMAT,
        kind: KIND.to_owned(),
        params,
        inputs: BTreeMap::from([
            ("model".to_owned(), input(&std::path::absolute(model)?)),
            ("dataset".to_owned(), input(&dataset)),
            ("images".to_owned(), input(&images)),
        ]),
        outputs: BTreeMap::from([(OUTPUT.to_owned(), output.clone())]),
        folder: own.clone(),
        keep: keep.clone(),
        cpus: available_cpus(),
        needs: Needs::default(),
    };
    fs_err::create_dir(&own)?;
    fs_err::create_dir(&keep)?;
    let text = serde_json::to_vec_pretty(&job).map_err(|e| Failure::environment(e.to_string()))?;
    fs_err::write(own.join("job.json"), text)?;
    let reporter = Lines { quiet: settings.quiet };
    Executors::new(registry)
        .of(KIND)
        .execute(&job, &reporter)
        .map_err(exec::failure)?;
    read_detections(&output).map_err(artifact)
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function for map_err")]
fn artifact(error: ArtifactError) -> Failure {
    Failure::environment(error.to_string())
}
