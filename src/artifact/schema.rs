//! Names of the files and columns of artifacts.

/// The table of images in a dataset and in detections.
pub const IMAGES: &str = "images.parquet";
/// The table of boxes in a dataset and in detections.
pub const BOXES: &str = "boxes.parquet";
/// The list of class names.
pub const CLASSES: &str = "classes.json";

/// An image's name in a dataset's table of images.
pub const ID: &str = "id";
/// An image's file in the folder of images.
pub const FILE: &str = "file";
/// Width in pixels.
pub const WIDTH: &str = "width";
/// Height in pixels.
pub const HEIGHT: &str = "height";
/// BLAKE3 of the file.
pub const DIGEST: &str = "digest";

/// The image that a box is in; in detections also the table of images.
pub const IMAGE: &str = "image";
/// The four edges of a box.
pub const EDGES: [&str; 4] = ["x_min", "y_min", "x_max", "y_max"];
/// Class name.
pub const LABEL: &str = "label";
/// VOC's flag.
pub const DIFFICULT: &str = "difficult";
/// VOC's flag.
pub const TRUNCATED: &str = "truncated";
/// `human` or `model`.
pub const SOURCE: &str = "source";
/// The detector's score.
pub const SCORE: &str = "score";
/// The round that made a box.
pub const ROUND: &str = "round";

/// VOC's viewpoint. This and the three below are there only if an object has one of them.
pub const POSE: &str = "pose";
/// VOC's flag: 0, 1, or none where it is not said.
pub const OCCLUDED: &str = "occluded";
/// COCO's flag.
pub const CROWD: &str = "crowd";
/// COCO's area of a segmentation.
pub const AREA: &str = "area";
