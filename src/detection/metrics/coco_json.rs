//! Reads COCO's ground-truth and results files: text in, [`Scenes`] out. Knows no paths.
//!
//! Image and category ids are numbers as in COCO's own files. As in pycocotools, images and categories go by ascending id, and an
//! annotation's `ignore` has no effect on COCO figures; VOC's take it, like `difficult` and `iscrowd`, for a difficult object.
//! An object with `difficult` is left out of COCO figures, as everywhere here.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Extent, Object, Scene, Scenes, ScoredBox};

/// What is wrong with a file. `at` counts from 0.
#[derive(Debug, thiserror::Error)]
pub enum CocoJsonError {
    /// Not JSON, or not of the form.
    #[error("{what}: {error}")]
    Json {
        /// Which file.
        what: &'static str,
        /// Where and why.
        error: serde_json::Error,
    },
    /// Two images or categories have one id.
    #[error("ground truth: {list}[{at}] has the id {id} of another")]
    DuplicateId {
        /// `images` or `categories`.
        list: &'static str,
        /// Which entry.
        at: usize,
        /// The id.
        id: i64,
    },
    /// An entry names what is not there.
    #[error("{list}[{at}]: the ground truth has no {what} with id {id}")]
    Unknown {
        /// Where the entry is.
        list: &'static str,
        /// Which entry.
        at: usize,
        /// `image` or `category`.
        what: &'static str,
        /// The id.
        id: i64,
    },
    /// A box or score that cannot be.
    #[error("{list}[{at}]: {problem}")]
    Invalid {
        /// Where the entry is.
        list: &'static str,
        /// Which entry.
        at: usize,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Deserialize)]
struct GroundTruthFile {
    images: Vec<ImageEntry>,
    #[serde(default)]
    annotations: Vec<AnnotationEntry>,
    categories: Vec<CategoryEntry>,
}

#[derive(Deserialize)]
struct ImageEntry {
    id: i64,
}

#[derive(Deserialize)]
struct CategoryEntry {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
struct AnnotationEntry {
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
    area: Option<f64>,
    iscrowd: Option<Flag>,
    ignore: Option<Flag>,
    difficult: Option<Flag>,
}

#[derive(Deserialize)]
struct ResultEntry {
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
    score: f64,
}

/// 0, 1, false or true.
#[derive(Clone, Copy, Default)]
struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(flag) => Ok(Self(flag)),
            serde_json::Value::Number(number) => Ok(Self(number.as_f64() != Some(0.0))),
            other => Err(serde::de::Error::custom(format!(
                "expected 0, 1, false or true, not {other}"
            ))),
        }
    }
}

/// A ground truth without detections, and the ids to match them by.
#[derive(Clone, Debug, PartialEq)]
pub struct GroundTruth {
    scenes: Scenes,
    images: BTreeMap<i64, usize>,
    categories: BTreeMap<i64, u32>,
}

impl GroundTruth {
    /// Reads a ground-truth file's text.
    ///
    /// # Errors
    /// Says which entry is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, CocoJsonError> {
        let file: GroundTruthFile = serde_json::from_slice(text).map_err(|error| CocoJsonError::Json {
            what: "ground truth",
            error,
        })?;
        let mut images = unique("images", file.images.iter().map(|image| image.id))?;
        for (place, slot) in images.values_mut().enumerate() {
            *slot = place;
        }
        let listed = unique("categories", file.categories.iter().map(|category| category.id))?;
        let classes = listed.values().map(|&at| file.categories[at].name.clone()).collect();
        let mut truth = Self {
            scenes: Scenes {
                classes,
                images: vec![Scene::default(); images.len()],
            },
            categories: listed.into_keys().zip(0..).collect(),
            images,
        };
        for (at, entry) in file.annotations.iter().enumerate() {
            let (image, label) = truth.places("annotations", at, entry.image_id, entry.category_id)?;
            let extent = extent("annotations", at, entry.bbox)?;
            let set = |flag: Option<Flag>| flag.unwrap_or_default().0;
            truth.scenes.images[image].objects.push(Object {
                extent,
                label,
                area: entry.area.unwrap_or_else(|| extent.area()),
                difficult: set(entry.difficult),
                crowd: set(entry.iscrowd),
                ignored_by_voc: set(entry.ignore),
            });
        }
        Ok(truth)
    }

    /// Adds the detections of a results file's text: a list of `image_id`, `category_id`, `bbox` (xywh) and `score`.
    ///
    /// # Errors
    /// Says which entry is wrong.
    pub fn with_results(mut self, text: &[u8]) -> Result<Scenes, CocoJsonError> {
        let entries: Vec<ResultEntry> = serde_json::from_slice(text).map_err(|error| CocoJsonError::Json {
            what: "detections",
            error,
        })?;
        for (at, entry) in entries.iter().enumerate() {
            let (image, label) = self.places("detections", at, entry.image_id, entry.category_id)?;
            self.scenes.images[image].detections.push(ScoredBox {
                extent: extent("detections", at, entry.bbox)?,
                label,
                score: entry.score,
            });
        }
        Ok(self.scenes)
    }

    fn places(&self, list: &'static str, at: usize, image: i64, category: i64) -> Result<(usize, u32), CocoJsonError> {
        let unknown = |what, id| CocoJsonError::Unknown { list, at, what, id };
        let place = self.images.get(&image).ok_or_else(|| unknown("image", image))?;
        let label = self
            .categories
            .get(&category)
            .ok_or_else(|| unknown("category", category))?;
        Ok((*place, *label))
    }
}

/// Ids, ascending, with their places in the list.
fn unique(list: &'static str, ids: impl Iterator<Item = i64>) -> Result<BTreeMap<i64, usize>, CocoJsonError> {
    let mut places = BTreeMap::new();
    for (at, id) in ids.enumerate() {
        if places.insert(id, at).is_some() {
            return Err(CocoJsonError::DuplicateId { list, at, id });
        }
    }
    Ok(places)
}

fn extent(list: &'static str, at: usize, bbox: [f64; 4]) -> Result<Extent, CocoJsonError> {
    if bbox[2] < 0.0 || bbox[3] < 0.0 {
        let problem = format!("the box {bbox:?} has a negative width or height (boxes are x, y, width, height)");
        return Err(CocoJsonError::Invalid { list, at, problem });
    }
    Ok(Extent::from_xywh(bbox))
}

#[cfg(test)]
mod tests {
    use super::super::{Protocol, score};
    use super::*;

    const TRUTH: &[u8] = br#"{"images": [{"id": 7, "file_name": "b.jpg"}, {"id": 3}],
        "categories": [{"id": 9, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [{"id": 0, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4], "iscrowd": 1, "area": 5},
                        {"id": 1, "image_id": 3, "category_id": 2, "bbox": [1, 2, 3, 4], "difficult": true}]}"#;

    fn error(results: &str) -> String {
        GroundTruth::parse(TRUTH)
            .unwrap()
            .with_results(results.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn images_and_categories_go_by_ascending_id() {
        let results = br#"[{"image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4], "score": 0.5}]"#;
        let scenes = GroundTruth::parse(TRUTH).unwrap().with_results(results).unwrap();
        assert_eq!(scenes.classes, ["cat", "dog"]);
        let [first, second] = &scenes.images[..] else {
            panic!("two images")
        };
        assert_eq!(
            (
                first.objects[0].label,
                first.objects[0].difficult,
                first.objects[0].area
            ),
            (0, true, 12.0)
        );
        assert_eq!(
            (second.objects[0].label, second.objects[0].crowd, second.objects[0].area),
            (1, true, 5.0)
        );
        assert_eq!(
            (second.detections[0].label, second.detections[0].extent.right),
            (1, 4.0)
        );
    }

    #[test]
    fn entries_that_name_nothing_are_reported_by_index() {
        assert_eq!(
            error(
                r#"[{"image_id": 7, "category_id": 9, "bbox": [1,2,3,4], "score": 1}, {"image_id": 8, "category_id": 9, "bbox": [1,2,3,4], "score": 1}]"#
            ),
            "detections[1]: the ground truth has no image with id 8"
        );
        assert_eq!(
            error(r#"[{"image_id": 7, "category_id": 1, "bbox": [1,2,3,4], "score": 1}]"#),
            "detections[0]: the ground truth has no category with id 1"
        );
        assert!(error(r#"[{"image_id": 7, "category_id": 9, "bbox": [1,2,-3,4], "score": 1}]"#).contains("negative"));
        assert!(error(r#"{"annotations": []}"#).starts_with("detections: invalid type: map"));
    }

    #[test]
    fn an_empty_list_of_results_is_legal_and_scores_nothing() {
        let truth = br#"{"images": [{"id": 1}], "categories": [{"id": 1, "name": "cat"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}"#;
        let scenes = GroundTruth::parse(truth).unwrap().with_results(b"[]").unwrap();
        for protocol in Protocol::ALL {
            assert_eq!(score(&scenes, protocol).figures["ap50"], Some(0.0));
        }
    }

    #[test]
    fn ignore_makes_an_object_difficult_for_voc_only() {
        let truth = br#"{"images": [{"id": 1}], "categories": [{"id": 1, "name": "cat"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "ignore": 1}]}"#;
        let scenes = GroundTruth::parse(truth).unwrap().with_results(b"[]").unwrap();
        assert_eq!(score(&scenes, Protocol::Coco).figures["ap50"], Some(0.0));
        assert_eq!(score(&scenes, Protocol::Voc07).figures["ap50"], None);
    }

    #[test]
    fn two_images_with_one_id_are_refused() {
        let text = br#"{"images": [{"id": 7}, {"id": 7}], "categories": []}"#;
        assert_eq!(
            GroundTruth::parse(text).unwrap_err().to_string(),
            "ground truth: images[1] has the id 7 of another"
        );
    }
}
