//! What is compared: per image, the objects there are and the boxes a detector reports.

use std::collections::BTreeMap;

use crate::detection::{BoundingBox, Dataset, Detections};

/// A box with its size as the source gives it: corners and sizes are both kept, for one does not follow from the other to the last
/// bit, and overlaps that lie on a threshold depend on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Extent {
    /// A box given by its upper left corner and its size.
    #[must_use]
    pub const fn from_xywh([left, top, width, height]: [f64; 4]) -> Self {
        Self {
            left,
            top,
            right: left + width,
            bottom: top + height,
            width,
            height,
        }
    }

    /// Width times height.
    #[must_use]
    pub const fn area(&self) -> f64 {
        self.width * self.height
    }
}

impl From<BoundingBox> for Extent {
    fn from(bounds: BoundingBox) -> Self {
        Self {
            left: bounds.x_min,
            top: bounds.y_min,
            right: bounds.x_max,
            bottom: bounds.y_max,
            width: bounds.width(),
            height: bounds.height(),
        }
    }
}

/// An object to be found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// Where.
    pub extent: Extent,
    /// Index into the classes.
    pub label: u32,
    /// The area that decides whether it is small, medium or large: a segmentation's, where there is one.
    pub area: f64,
    /// VOC's flag.
    pub difficult: bool,
    /// COCO's flag for a region of many objects.
    pub crowd: bool,
    /// Difficult by VOC's rules only: the `ignore` of COCO files, which pycocotools overwrites.
    pub ignored_by_voc: bool,
}

/// A box that a detector reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredBox {
    /// Where.
    pub extent: Extent,
    /// Index into the classes.
    pub label: u32,
    /// Confidence.
    pub score: f64,
}

/// One image's objects and detections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// The objects, in the order of the source: it decides between equal overlaps.
    pub objects: Vec<Object>,
    /// The detections, in the order of the source: it decides between equal scores.
    pub detections: Vec<ScoredBox>,
}

/// A ground truth with the detections for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenes {
    /// Class names; a label is an index into them.
    pub classes: Vec<String>,
    /// The images, in an order that decides between equal scores.
    pub images: Vec<Scene>,
}

/// Detections that do not belong to the dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenesError {
    /// They speak of an image that the dataset does not have, or twice of one.
    #[error("detections for image `{0}`, which the dataset does not have or for which there are some already")]
    UnknownImage(String),
    /// They leave an image out.
    #[error("no entry for image `{0}` in the detections; an image in which nothing was found must be listed too")]
    MissingImage(String),
    /// They report a class that the dataset does not have.
    #[error("image `{image}` has a detection of class `{class}`, which the dataset does not have")]
    UnknownClass {
        /// The image's id.
        image: String,
        /// The class.
        class: String,
    },
    /// A score is not a number.
    #[error("image `{0}` has a detection whose score or box is not a finite number")]
    NotFinite(String),
}

impl Scenes {
    /// Puts detections beside a dataset's ground truth. Classes are matched by name.
    ///
    /// # Errors
    /// When the two do not fit.
    pub fn new(dataset: &Dataset, detections: &Detections) -> Result<Self, ScenesError> {
        let labels: BTreeMap<&str, u32> = dataset.classes.iter().map(String::as_str).zip(0..).collect();
        let places: BTreeMap<&str, usize> = dataset
            .images
            .iter()
            .enumerate()
            .map(|(at, image)| (image.image.id.as_str(), at))
            .collect();
        let mut found: Vec<Option<Vec<ScoredBox>>> = vec![None; dataset.images.len()];
        for image in &detections.images {
            let place = places.get(image.image.as_str()).and_then(|&at| found.get_mut(at));
            let Some(slot @ None) = place else {
                return Err(ScenesError::UnknownImage(image.image.clone()));
            };
            let mut boxes = Vec::with_capacity(image.detections.len());
            for detection in &image.detections {
                let class = detections
                    .classes
                    .get(detection.label as usize)
                    .map_or("?", String::as_str);
                let label = labels.get(class).copied().ok_or_else(|| ScenesError::UnknownClass {
                    image: image.image.clone(),
                    class: class.to_owned(),
                })?;
                let numbers = detection.bounds.xyxy().into_iter().chain([detection.score]);
                if !numbers.into_iter().all(f64::is_finite) {
                    return Err(ScenesError::NotFinite(image.image.clone()));
                }
                boxes.push(ScoredBox {
                    extent: detection.bounds.into(),
                    label,
                    score: detection.score,
                });
            }
            *slot = Some(boxes);
        }
        let mut images = Vec::with_capacity(found.len());
        for (image, detections) in dataset.images.iter().zip(found) {
            let objects = image.annotations.iter().map(|object| {
                let extent = Extent::from(object.bounds);
                Object {
                    extent,
                    label: object.label,
                    area: object.marks.area.unwrap_or_else(|| extent.area()),
                    // A crowd is difficult so that others leave it alone; here it is what it is.
                    difficult: object.difficult && !object.marks.crowd,
                    crowd: object.marks.crowd,
                    ignored_by_voc: false,
                }
            });
            images.push(Scene {
                objects: objects.collect(),
                detections: detections.ok_or_else(|| ScenesError::MissingImage(image.image.id.clone()))?,
            });
        }
        Ok(Self {
            classes: dataset.classes.clone(),
            images,
        })
    }
}
