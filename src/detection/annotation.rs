//! Images with their annotations, and a detector's answers.

use serde::{Deserialize, Serialize};

use super::BoundingBox;

/// Who says that an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A human annotator; the ground truth of a dataset counts as such.
    Human,
    /// A detector: a pseudo-label.
    Model,
}

/// An image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Unique name within the dataset.
    pub id: String,
    /// Path of the file inside the dataset's folder of images.
    pub file: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// BLAKE3 of the file's bytes, hexadecimal.
    pub digest: String,
}

/// An object in an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// Where it is.
    pub bounds: BoundingBox,
    /// Index into the dataset's classes.
    pub label: u32,
    /// VOC's flag: evaluation neither counts it nor punishes finding it.
    pub difficult: bool,
    /// VOC's flag: the object reaches over the image's edge.
    pub truncated: bool,
    /// Who said so.
    pub source: Source,
    /// The detector's score, for a box from a model.
    pub score: Option<f64>,
    /// The round that made it; none for what the dataset came with.
    pub round: Option<u32>,
    /// What else its format says of it.
    pub marks: Marks,
}

/// What single formats say of an object beyond its place, its class and VOC's two flags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    /// VOC's viewpoint, such as `Left`; none where nobody decided.
    pub pose: Option<String>,
    /// VOC's flag from 2008 on: part of the object is hidden. None where it is not said.
    pub occluded: Option<bool>,
    /// COCO's flag for a region of many objects. Such an object is difficult as well, so that who does not know the flag neither
    /// learns it nor asks for it.
    pub crowd: bool,
    /// The area in square pixels that COCO says, where it is another than the box's: that of a segmentation.
    pub area: Option<f64>,
}

/// An image and the objects in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnnotatedImage {
    /// The image.
    pub image: Image,
    /// Its objects, in the order of the source.
    pub annotations: Vec<Annotation>,
}

/// A list of annotated images, in an order that means something: pools are drawn from the front.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Class names; a label is an index into them.
    pub classes: Vec<String>,
    /// The images; ids are unique.
    pub images: Vec<AnnotatedImage>,
}

/// A box that a detector reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Where.
    pub bounds: BoundingBox,
    /// Index into the classes.
    pub label: u32,
    /// Confidence in `[0, 1]`.
    pub score: f64,
}

/// What a detector reports for one image, by descending score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageDetections {
    /// The image's id.
    pub image: String,
    /// All boxes above the detector's score floor, after NMS.
    pub detections: Vec<Detection>,
}

/// What a detector reports for a list of images; an image in which it found nothing is listed too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detections {
    /// Class names; a label is an index into them.
    pub classes: Vec<String>,
    /// One entry an image, in the order of the dataset that was given.
    pub images: Vec<ImageDetections>,
}
