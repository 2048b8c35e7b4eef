//! `parse-voc`: Pascal VOC folders outside the store to a dataset and its images.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pool;
use super::read_folder::{Counter, OnError, explain, outputs, write};
use crate::detection::voc::{self, VocOptions};
use crate::stage::{ExternalInput, Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct ParseVoc;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The dataset's folder, with `Annotations`, `JPEGImages` and `ImageSets` in it, or a folder of such folders, or a list of
    /// them: together one dataset. Relative to the working directory.
    roots: Roots,
    /// The image set: `trainval` is `ImageSets/Main/trainval.txt`; `all` takes every annotation file if there is no such set.
    #[serde(default = "trainval")]
    set: String,
    /// The classes, in order. Empty: those in the annotation files of all sets, sorted.
    #[serde(default)]
    classes: Vec<String>,
    /// What the files count the first pixel as. VOC counts from 1 and includes both corners; with 0, corners are taken as
    /// they are.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1))]
    origin: u8,
    /// What to do about damaged images, boxes outside their image, unknown classes and the like: `fail` reports them all,
    /// `skip` leaves the image out (of a box without area only the box) and counts it.
    #[serde(default)]
    on_error: OnError,
    /// Take only so many images, evenly spread over the set.
    #[serde(default)]
    limit: Option<usize>,
    /// Decode every image to find damaged ones.
    #[serde(default = "yes")]
    check_images: bool,
}

/// One path or several.
#[derive(Clone, Debug, Serialize)]
struct Roots(Vec<PathBuf>);

impl<'de> Deserialize<'de> for Roots {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Roots;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a path or a list of paths")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Roots, E> {
                Ok(Roots(vec![text.into()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Roots, A::Error> {
                let mut roots = Vec::new();
                while let Some(root) = list.next_element::<PathBuf>()? {
                    roots.push(root);
                }
                Ok(Roots(roots))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Roots {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Roots".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "array"], "items": { "type": "string" }, "minItems": 1 })
    }
}

fn trainval() -> String {
    "trainval".to_owned()
}

fn one() -> u8 {
    1
}

fn yes() -> bool {
    true
}

impl Stage for ParseVoc {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "parse-voc".to_owned(),
            version: 3,
            summary: "reads Pascal VOC folders as one dataset".to_owned(),
            params: params_schema::<Params>(),
            inputs: Vec::new(),
            outputs: outputs(),
            external: vec![ExternalInput {
                param: "roots".to_owned(),
                // A folder of VOC folders has these one level deeper, under names that are not known here.
                include: Vec::new(),
            }],
            cpus: 0,
            memory_mib: 512,
        }
    }

    fn run(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        pool(job)?.install(|| parse(&params, job, reporter))
    }
}

fn parse(params: &Params, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
    if params.origin > 1 {
        return Err(StageError::new(format!(
            "`origin` is {}; files count from 0 or from 1",
            params.origin
        )));
    }
    let options = VocOptions {
        set: params.set.clone(),
        classes: params.classes.clone(),
        origin: params.origin,
        on_problem: params.on_error.into(),
        limit: params.limit,
        check_pixels: params.check_images,
    };
    let counter = Counter::new(reporter, None);
    let read = voc::read(&params.roots.0, &options, &|| counter.count());
    write(&read.map_err(|error| explain(&error))?, job)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use fs_err as fs;
    use serde_json::{Value, json};

    use super::*;
    use crate::artifact::{read_dataset, read_json};
    use crate::stage::Silent;

    /// Folders in the layouts of VOC2007 and VOC2012, each with one damaged image.
    fn golden() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/voc")
    }

    fn run(folder: &Path, params: Value) -> Result<Outcome, StageError> {
        let outputs = ["dataset", "images", "skipped"].map(|name| (name.to_owned(), folder.join(name)));
        let job = Job {
            format: 1,
            kind: "parse-voc".to_owned(),
            params,
            inputs: BTreeMap::new(),
            outputs: outputs.into(),
            folder: folder.to_path_buf(),
            keep: folder.join("keep"),
            cpus: 2,
            needs: crate::stage::Needs::default(),
        };
        ParseVoc.run(&job, &Silent)
    }

    #[test]
    fn several_roots_become_one_dataset_with_its_images() {
        let folder = tempfile::tempdir().unwrap();
        let roots = [golden().join("VOC2007"), golden().join("VOC2012")];
        let outcome = run(folder.path(), json!({ "roots": roots, "set": "test" })).unwrap();
        let dataset = read_dataset(&folder.path().join("dataset")).unwrap();
        let ids: Vec<&str> = dataset.images.iter().map(|entry| entry.image.id.as_str()).collect();
        assert_eq!(ids, ["000002", "000001", "2012_000001"]);
        assert_eq!(dataset.classes, ["circle", "ring", "square", "star", "triangle"]);
        for entry in &dataset.images {
            let bytes = fs::read(folder.path().join("images").join(&entry.image.file)).unwrap();
            assert_eq!(voc::digest(&bytes), entry.image.digest);
        }
        assert_eq!(
            (outcome.metrics["images"], outcome.metrics["skipped_images"]),
            (3.0, 0.0)
        );
        assert_eq!(outcome.notes, Vec::<String>::new());
    }

    #[test]
    fn a_damaged_image_fails_the_stage_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(folder.path(), json!({ "roots": golden().join("VOC2007") })).unwrap_err();
        assert!(
            error
                .message
                .ends_with("VOC2007/JPEGImages/000003.jpg: image is truncated"),
            "{}",
            error.message
        );
        assert_eq!(error.hints, ["`on_error: skip` leaves such images out and counts them"]);
        assert!(!folder.path().join("dataset").exists());
    }

    #[test]
    fn what_is_skipped_is_counted_by_reason() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = run(folder.path(), json!({ "roots": golden(), "on_error": "skip" })).unwrap();
        assert_eq!(
            (outcome.metrics["skipped_images"], outcome.metrics["skipped_boxes"]),
            (1.0, 1.0)
        );
        assert_eq!(
            outcome.notes,
            ["skipped 1 images and 1 boxes: box-without-area 1, image-truncated 1"]
        );
        let skipped: Value = read_json(&folder.path().join("skipped")).unwrap();
        assert_eq!(
            skipped["reasons"],
            json!({ "box-without-area": 1, "image-truncated": 1 })
        );
        assert_eq!(skipped["problems"][0]["file"], "VOC2007/JPEGImages/000003.jpg");
        assert_eq!(skipped["problems"][1]["line"], 36);
    }

    #[test]
    fn wrong_params_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for params in [json!({}), json!({ "roots": 3 }), json!({ "roots": "a", "origin": 2 })] {
            assert!(run(folder.path(), params).is_err());
        }
    }
}
