//! Datasets and detections as JSON, for programs of users: read without any library, checked when it comes back.
//!
//! ```text
//! dataset     {"classes": ["a"], "images": [{"id", "file", "width", "height", "boxes": [{"box": [x1, y1, x2, y2], "class": "a",
//!              "difficult": false, "truncated": false, "source": "human"}]}]}
//! detections  {"classes": ["a"], "images": [{"id", "boxes": [{"box": [x1, y1, x2, y2], "class": "a", "score": 0.9}]}]}
//! ```
//!
//! Boxes are xyxy in pixels, continuous, counted from 0.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ArtifactError, read_dataset, read_detections, read_json, write_dataset, write_detections, write_json};
use crate::detection::{
    AnnotatedImage, Annotation, BoundingBox, Dataset, Detection, Detections, Image, ImageDetections, Marks, Source,
};
use crate::stage::{Exchange, StageError};
use crate::table::Table;

/// The artifacts of this module, checked and as JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArtifactExchange;

impl Exchange for ArtifactExchange {
    fn check(&self, artifact: &str, path: &Path) -> Result<(), StageError> {
        match artifact {
            "dataset" if path.is_file() => {
                replace(path, |from, to| write_dataset(to, &dataset_of(from, read_json(from)?)?))
            }
            "detections" if path.is_file() => replace(path, |from, to| {
                write_detections(to, &detections_of(from, read_json(from)?)?)
            }),
            "dataset" => Ok(read_dataset(path).map(|_| ())?),
            "detections" => Ok(read_detections(path).map(|_| ())?),
            "metrics" => Ok(read_json::<serde_json::Map<String, serde_json::Value>>(path).map(|_| ())?),
            "table" => Table::read_parquet(path)
                .map(|_| ())
                .map_err(|e| StageError::new(e.to_string())),
            _ => Ok(()),
        }
    }

    fn to_json(&self, path: &Path, json: &Path) -> Result<(), StageError> {
        if path.is_file() {
            // What is a file is JSON already, or something that has no JSON form: both as they are.
            std::io::copy(&mut fs_err::File::open(path)?, &mut fs_err::File::create(json)?)?;
            return Ok(());
        }
        if let Ok(dataset) = read_dataset(path) {
            return Ok(write_json(json, &from_dataset(&dataset))?);
        }
        match read_detections(path) {
            Ok(detections) => Ok(write_json(json, &from_detections(&detections))?),
            Err(_) => Err(StageError::new(format!(
                "{}: only datasets and detections can be had as JSON",
                path.display()
            ))),
        }
    }
}

/// Puts what is made of a file in the file's place.
fn replace(path: &Path, make: impl Fn(&Path, &Path) -> Result<(), ArtifactError>) -> Result<(), StageError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".json");
    let json: PathBuf = path.with_file_name(name);
    fs_err::rename(path, &json)?;
    make(&json, path)?;
    Ok(fs_err::remove_file(&json)?)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing<I> {
    classes: Vec<String>,
    images: Vec<I>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedImage {
    id: String,
    file: String,
    width: u32,
    height: u32,
    #[serde(default)]
    digest: String,
    boxes: Vec<ListedBox>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedBox {
    r#box: [f64; 4],
    class: String,
    #[serde(default)]
    difficult: bool,
    #[serde(default)]
    truncated: bool,
    #[serde(default = "human")]
    source: String,
    #[serde(default)]
    score: Option<f64>,
    #[serde(default)]
    round: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pose: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occluded: Option<bool>,
    #[serde(default, skip_serializing_if = "is_false")]
    crowd: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    area: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectedImage {
    id: String,
    boxes: Vec<DetectedBox>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectedBox {
    r#box: [f64; 4],
    class: String,
    score: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

fn human() -> String {
    "human".to_owned()
}

fn from_dataset(dataset: &Dataset) -> Listing<ListedImage> {
    let listed = |annotation: &Annotation| ListedBox {
        r#box: annotation.bounds.xyxy(),
        class: dataset.classes[annotation.label as usize].clone(),
        difficult: annotation.difficult,
        truncated: annotation.truncated,
        source: if annotation.source == Source::Model {
            "model".to_owned()
        } else {
            human()
        },
        score: annotation.score,
        round: annotation.round,
        pose: annotation.marks.pose.clone(),
        occluded: annotation.marks.occluded,
        crowd: annotation.marks.crowd,
        area: annotation.marks.area,
    };
    let image = |AnnotatedImage { image, annotations }: &AnnotatedImage| ListedImage {
        id: image.id.clone(),
        file: image.file.clone(),
        width: image.width,
        height: image.height,
        digest: image.digest.clone(),
        boxes: annotations.iter().map(listed).collect(),
    };
    Listing {
        classes: dataset.classes.clone(),
        images: dataset.images.iter().map(image).collect(),
    }
}

fn dataset_of(path: &Path, listing: Listing<ListedImage>) -> Result<Dataset, ArtifactError> {
    let classes = listing.classes;
    let annotation = |listed: ListedBox| -> Result<Annotation, ArtifactError> {
        Ok(Annotation {
            bounds: BoundingBox::new(listed.r#box),
            label: label(path, &classes, &listed.class)?,
            difficult: listed.difficult,
            truncated: listed.truncated,
            source: match listed.source.as_str() {
                "human" => Source::Human,
                "model" => Source::Model,
                other => return Err(told(path, &format!("`source` is `{other}`, not `human` or `model`"))),
            },
            score: listed.score,
            round: listed.round,
            marks: Marks {
                pose: listed.pose,
                occluded: listed.occluded,
                crowd: listed.crowd,
                area: listed.area,
            },
        })
    };
    let image = |listed: ListedImage| -> Result<AnnotatedImage, ArtifactError> {
        Ok(AnnotatedImage {
            image: Image {
                id: listed.id,
                file: listed.file,
                width: listed.width,
                height: listed.height,
                digest: listed.digest,
            },
            annotations: listed.boxes.into_iter().map(&annotation).collect::<Result<_, _>>()?,
        })
    };
    let images = listing.images.into_iter().map(image).collect::<Result<_, _>>()?;
    Ok(Dataset { classes, images })
}

fn from_detections(detections: &Detections) -> Listing<DetectedImage> {
    let listed = |found: &Detection| DetectedBox {
        r#box: found.bounds.xyxy(),
        class: detections.classes[found.label as usize].clone(),
        score: found.score,
    };
    let image = |image: &ImageDetections| DetectedImage {
        id: image.image.clone(),
        boxes: image.detections.iter().map(listed).collect(),
    };
    Listing {
        classes: detections.classes.clone(),
        images: detections.images.iter().map(image).collect(),
    }
}

/// The detections of each image come in the order that the rest of the pipeline relies on: by falling score.
fn detections_of(path: &Path, listing: Listing<DetectedImage>) -> Result<Detections, ArtifactError> {
    let classes = listing.classes;
    let detection = |listed: DetectedBox| -> Result<Detection, ArtifactError> {
        Ok(Detection {
            bounds: BoundingBox::new(listed.r#box),
            label: label(path, &classes, &listed.class)?,
            score: listed.score,
        })
    };
    let image = |listed: DetectedImage| -> Result<ImageDetections, ArtifactError> {
        let mut detections: Vec<Detection> = listed.boxes.into_iter().map(&detection).collect::<Result<_, _>>()?;
        detections.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(ImageDetections {
            image: listed.id,
            detections,
        })
    };
    let images = listing.images.into_iter().map(image).collect::<Result<_, _>>()?;
    Ok(Detections { classes, images })
}

fn label(path: &Path, classes: &[String], class: &str) -> Result<u32, ArtifactError> {
    let at = classes.iter().position(|known| known == class);
    at.and_then(|at| u32::try_from(at).ok())
        .ok_or_else(|| told(path, &format!("`{class}` is not among `classes`")))
}

fn told(path: &Path, message: &str) -> ArtifactError {
    ArtifactError::new(path, <serde_json::Error as serde::de::Error>::custom(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset() -> Dataset {
        Dataset {
            classes: vec!["a".into(), "b".into()],
            images: vec![AnnotatedImage {
                image: Image {
                    id: "1".into(),
                    file: "1.jpg".into(),
                    width: 9,
                    height: 8,
                    digest: "00".into(),
                },
                annotations: vec![Annotation {
                    bounds: BoundingBox::new([0.5, 1.0, 3.0, 4.0]),
                    label: 1,
                    difficult: true,
                    truncated: false,
                    source: Source::Model,
                    score: Some(0.5),
                    round: Some(2),
                    marks: Marks {
                        pose: Some("Left".into()),
                        ..Marks::default()
                    },
                }],
            }],
        }
    }

    #[test]
    fn a_dataset_survives_the_way_through_json() {
        let folder = tempfile::tempdir().unwrap();
        let (artifact, json) = (folder.path().join("dataset"), folder.path().join("d.json"));
        write_dataset(&artifact, &dataset()).unwrap();
        ArtifactExchange.to_json(&artifact, &json).unwrap();
        ArtifactExchange.check("dataset", &json).unwrap();
        assert_eq!(read_dataset(&json).unwrap(), dataset());
        assert_eq!(
            fs_err::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing is left beside it"
        );
    }

    #[test]
    fn detections_are_sorted_and_an_unknown_class_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("detections");
        let found = |class: &str| {
            let text = format!(
                r#"{{"classes": ["a"], "images": [{{"id": "1", "boxes": [{{"box": [0, 0, 1, 1], "class": "a", "score": 0.25}},
                    {{"box": [0, 0, 2, 2], "class": "{class}", "score": 0.75}}]}}]}}"#
            );
            fs_err::write(&path, text).unwrap();
            ArtifactExchange.check("detections", &path)
        };
        let error = found("z").unwrap_err();
        assert!(error.message.contains("`z` is not among `classes`"), "{error}");
        found("a").unwrap();
        let scores: Vec<f64> = read_detections(&path).unwrap().images[0]
            .detections
            .iter()
            .map(|d| d.score)
            .collect();
        assert_eq!(scores, [0.75, 0.25]);
    }

    #[test]
    fn metrics_must_be_an_object_and_unknown_artifacts_are_taken_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs_err::write(&path, "[1]").unwrap();
        assert!(ArtifactExchange.check("metrics", &path).is_err());
        ArtifactExchange.check("model", &path).unwrap();
    }
}
