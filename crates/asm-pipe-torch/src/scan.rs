//! Kind `scan`: a model over the images of a dataset, with all that a query for annotation may want to know.

use std::collections::BTreeMap;
use std::time::Instant;

use asm_pipe::artifact::{read_dataset, write_detections, write_evidence};
use asm_pipe::detection::{BoundingBox, Detections, Evidence, Image, ImageDetections, ImageEvidence, SeenBox, View};
use asm_pipe::random::Stream;
use asm_pipe::stage::{InputPort, Job, KindInfo, Outcome, OutputPort, Progress, Reporter, StageError, params_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{TchError, Tensor};

use crate::augment::unchanged;
use crate::device;
use crate::inference::{self, Settings, detections, torch};
use crate::loader::{Images, tensor};
use crate::model::{Model, Network};

/// Numbers that stand for what the last hidden layer holds of a box.
const BOX_FEATURES: usize = 32;
/// Rectangles that are cut out of an image, each a quarter of its width and height.
const CUTS: usize = 2;
/// The size of a resized image, which stands on grey ground.
const SCALE: f64 = 0.8;
/// The ground.
const GREY: f64 = 0.5;

/// What to look at, and how to go about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScanParams {
    /// Boxes with a lower score, or exactly this one, are not reported.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub score_floor: f64,
    /// IoU above which the lesser of two boxes of one class is dropped.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub nms: f64,
    /// Most boxes of an image.
    #[schemars(range(min = 1))]
    pub detections_per_image: usize,
    /// Also look at each image changed: `flip` mirrors it, `cut_out` blackens two rectangles, `resize` makes it smaller.
    pub views: Vec<Change>,
    /// `auto`, `cpu` or `cuda:N`.
    pub device: String,
}

/// How an image is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Mirrored left to right.
    Flip,
    /// Two rectangles are black; where, follows from the image's name.
    CutOut,
    /// At four fifths of its size, on grey ground.
    Resize,
}

impl Change {
    const fn name(self) -> &'static str {
        match self {
            Self::Flip => "flip",
            Self::CutOut => "cut_out",
            Self::Resize => "resize",
        }
    }

    /// The image `[3, H, W]` changed.
    fn apply(self, image: &Tensor, id: &str) -> Result<Tensor, TchError> {
        let (_, height, width) = image.size3()?;
        match self {
            Self::Flip => image.f_flip([2]),
            Self::CutOut => {
                let changed = image.f_detach_copy()?;
                let mut stream = Stream::new(0, &format!("scan/cut/{id}"), &[]);
                for _ in 0..CUTS {
                    let (tall, wide) = ((height / 4).max(1), (width / 4).max(1));
                    let top = stream.below((height - tall + 1) as usize) as i64;
                    let left = stream.below((width - wide + 1) as usize) as i64;
                    let _ = changed.f_narrow(1, top, tall)?.f_narrow(2, left, wide)?.f_fill_(0.0)?;
                }
                Ok(changed)
            }
            Self::Resize => {
                let side = |length: i64| ((length as f64 * SCALE) as i64).max(1);
                let (tall, wide) = (side(height), side(width));
                let small = image
                    .f_unsqueeze(0)?
                    .f_upsample_bilinear2d([tall, wide], false, None, None)?;
                let ground = image.f_full_like(GREY)?;
                ground
                    .f_narrow(1, 0, tall)?
                    .f_narrow(2, 0, wide)?
                    .f_copy_(&small.f_squeeze_dim(0)?)?;
                Ok(ground)
            }
        }
    }

    /// Where a box of the changed image lies in the unchanged one.
    fn back(self, bounds: &BoundingBox, (width, height): (f64, f64)) -> BoundingBox {
        match self {
            Self::Flip => BoundingBox {
                x_min: width - bounds.x_max,
                x_max: width - bounds.x_min,
                ..*bounds
            },
            Self::CutOut => *bounds,
            Self::Resize => {
                let scale = |length: f64| length / (length * SCALE).floor().max(1.0);
                let (across, down) = (scale(width), scale(height));
                let [x_min, y_min, x_max, y_max] = bounds.xyxy();
                BoundingBox::new([x_min * across, y_min * down, x_max * across, y_max * down])
            }
        }
    }
}

impl Default for ScanParams {
    fn default() -> Self {
        Self {
            score_floor: 0.05,
            nms: 0.5,
            detections_per_image: 100,
            views: Vec::new(),
            device: "auto".into(),
        }
    }
}

/// What the kind says of itself.
#[must_use]
pub fn kind() -> KindInfo {
    let port = |name: &str, artifact: &str, doc: &str| InputPort {
        name: name.into(),
        artifact: artifact.into(),
        doc: doc.into(),
        optional: false,
        many: false,
    };
    let output = |name: &str, artifact: &str, doc: &str| OutputPort {
        name: name.into(),
        artifact: artifact.into(),
        doc: doc.into(),
    };
    KindInfo {
        name: "scan".into(),
        version: 1,
        summary: "Runs a detector over images and says all that it weighs: for queries".into(),
        params: params_schema::<ScanParams>(),
        inputs: vec![
            port("model", "model", "The detector."),
            port("dataset", "dataset", "Which images; their boxes are not looked at."),
            port("images", "images", "The image files."),
        ],
        outputs: vec![
            output("detections", "detections", "As `detect` gives them."),
            output(
                "evidence",
                "evidence",
                "The boxes with the probability of each class and with features, features of the images, and the same boxes in changed \
                 images.",
            ),
        ],
        external: Vec::new(),
        cpus: 1,
        memory_mib: 900,
    }
}

/// Scans.
///
/// # Errors
/// When inputs or params make no sense or an image cannot be used.
pub fn run(job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
    let params: ScanParams = job.params()?;
    let unit = 0.0..=1.0;
    if !unit.contains(&params.score_floor) || !unit.contains(&params.nms) {
        return Err(StageError::new("`score_floor` and `nms` lie between 0 and 1"));
    }
    let mut model = Model::read(job.input("model")?)?;
    let detector = &mut model.description.detector;
    detector.box_score_thresh = params.score_floor;
    detector.box_nms_thresh = params.nms;
    detector.box_detections_per_img = params.detections_per_image;

    let dataset = read_dataset(job.input("dataset")?)?;
    let list: Vec<Image> = dataset.images.into_iter().map(|entry| entry.image).collect();
    let images = Images::new(job.input("images")?.to_owned(), list.clone());
    let settings = Settings {
        batch_size: 1,
        threads: job.cpus.max(1) as usize,
    };
    let classes = model.description.classes.clone();
    let network = model.into_network(device::find(&params.device)?)?;
    let begun = Instant::now();
    let pace = |done: usize| done as f64 / begun.elapsed().as_secs_f64().max(1e-9);
    let told = |done: usize| {
        if reporter.cancelled() {
            return Err(StageError::new("cancelled"));
        }
        reporter.progress(Progress {
            done: done as u64,
            total: Some(list.len() as u64),
            unit: "image".into(),
            fields: BTreeMap::from([("images_per_second".to_owned(), pace(done))]),
        });
        Ok(())
    };
    let seen = inference::each(network, &list, settings, &told, &|network, batch| {
        let look = |at: usize| {
            let sample = unchanged(images.pixels(at)?.as_ref());
            let image = tensor(&sample, network.store.device()).map_err(|e| torch(&e))?;
            look(network, &list[at], &image, &params.views)
        };
        batch.map(look).collect()
    })?;
    let found = seen.iter().map(|image| ImageDetections {
        image: image.image.clone(),
        detections: image.boxes.iter().map(|seen| seen.detection.clone()).collect(),
    });
    let detections = Detections {
        classes: classes.clone(),
        images: found.collect(),
    };
    write_detections(job.output("detections")?, &detections)?;
    let boxes: usize = seen.iter().map(|image| image.boxes.len()).sum();
    write_evidence(job.output("evidence")?, &Evidence { classes, images: seen })?;
    let figures = [
        ("images", list.len() as f64),
        ("boxes", boxes as f64),
        ("images_per_second", pace(list.len())),
    ];
    Ok(Outcome {
        metrics: figures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        notes: Vec::new(),
    })
}

/// One image and its views.
fn look(network: &Network, image: &Image, pixels: &Tensor, views: &[Change]) -> Result<ImageEvidence, StageError> {
    let _guard = tch::no_grad_guard();
    let (features, boxes) = boxes(network, pixels)?;
    let mut seen = ImageEvidence {
        image: image.id.clone(),
        features,
        boxes,
        views: Vec::new(),
    };
    for &change in views {
        let changed = change.apply(pixels, &image.id).map_err(|e| torch(&e))?;
        let (_, mut boxes) = self::boxes(network, &changed)?;
        for seen in &mut boxes {
            let size = (f64::from(image.width), f64::from(image.height));
            seen.detection.bounds = change.back(&seen.detection.bounds, size);
        }
        seen.views.push(View {
            name: change.name().to_owned(),
            boxes,
        });
    }
    Ok(seen)
}

fn boxes(network: &Network, pixels: &Tensor) -> Result<(Vec<f64>, Vec<SeenBox>), StageError> {
    let wrong = |e: crate::faster_rcnn::DetectorError| StageError::new(e.to_string());
    let found = network.detector.detect(std::slice::from_ref(pixels)).map_err(wrong)?;
    let found = found
        .first()
        .ok_or_else(|| StageError::new("the detector answered with no image"))?;
    let insight = network.detector.look_again(pixels, found).map_err(wrong)?;
    let weighed = insight.probabilities.into_iter().zip(insight.hidden);
    let list = detections(found).map_err(|e| torch(&e))?;
    let seen = list
        .into_iter()
        .zip(weighed)
        .map(|(detection, (probabilities, hidden))| SeenBox {
            detection,
            probabilities: probabilities.into_iter().map(f64::from).collect(),
            features: shorter(&hidden),
        });
    Ok((insight.features.into_iter().map(f64::from).collect(), seen.collect()))
}

/// A long vector as a short one with about the same angles to others: a projection onto random directions (Achlioptas 2003), always
/// the same ones.
fn shorter(long: &[f32]) -> Vec<f64> {
    let direction = |at: usize| {
        let mut stream = Stream::new(0, "scan/projection", &[at as u64]);
        let signs = long.iter().map(move |&value| {
            let sign = if stream.chance(0.5) { 1.0 } else { -1.0 };
            sign * f64::from(value)
        });
        signs.sum::<f64>() / (BOX_FEATURES as f64).sqrt()
    };
    (0..BOX_FEATURES).map(direction).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn spot(left: i64, top: i64) -> Tensor {
        let image = Tensor::zeros([3, 20, 40], (Kind::Float, Device::Cpu));
        let _ = image.narrow(1, top, 4).narrow(2, left, 6).fill_(1.0);
        image
    }

    /// The box around all that is light.
    fn light(image: &Tensor) -> BoundingBox {
        let light = image.get(0).gt(0.75).nonzero();
        let edge = |axis: i64, most: bool| {
            let places = light.select(1, axis);
            let place = if most { places.max() } else { places.min() };
            place.int64_value(&[]) as f64
        };
        BoundingBox::new([edge(1, false), edge(0, false), edge(1, true) + 1.0, edge(0, true) + 1.0])
    }

    #[test]
    fn a_box_in_a_changed_image_is_brought_back_to_where_it_was() {
        let image = spot(10, 5);
        let before = light(&image);
        let flipped = light(&Change::Flip.apply(&image, "a").unwrap());
        assert_eq!(flipped.x_min, 24.0);
        assert_eq!(Change::Flip.back(&flipped, (40.0, 20.0)), before);
        let small = light(&Change::Resize.apply(&image, "a").unwrap());
        let back = Change::Resize.back(&small, (40.0, 20.0));
        assert!(small.x_max < 14.0 && back.iou(&before) > 0.6, "{small:?} {back:?}");
    }

    #[test]
    fn what_is_cut_out_follows_from_the_name_and_leaves_the_image_alone() {
        let image = Tensor::ones([3, 20, 40], (Kind::Float, Device::Cpu));
        let cut = Change::CutOut.apply(&image, "a").unwrap();
        assert_eq!(image.sum(Kind::Float).double_value(&[]), 2400.0);
        let dark = 2400.0 - cut.sum(Kind::Float).double_value(&[]);
        assert!((150.0..=300.0).contains(&dark), "{dark}");
        assert!(cut.equal(&Change::CutOut.apply(&image, "a").unwrap()));
        assert!(!cut.equal(&Change::CutOut.apply(&image, "b").unwrap()));
    }

    #[test]
    fn short_vectors_keep_what_is_alike_and_what_is_not() {
        let vector = |from: usize| {
            (0..256)
                .map(|at| if at / 128 == from { 1.0 } else { 0.0 })
                .collect::<Vec<f32>>()
        };
        let cosine = |a: &[f64], b: &[f64]| {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let (a, b) = (shorter(&vector(0)), shorter(&vector(1)));
        assert_eq!(a.len(), BOX_FEATURES);
        assert!(cosine(&a, &shorter(&vector(0))) > 0.999 && cosine(&a, &b).abs() < 0.6);
    }
}
