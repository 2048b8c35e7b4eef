//! The whole detector: images in, losses or boxes out. It knows no files and no schedule.

use asm_pipe::random::Stream;
use tch::{Device, Kind, TchError, Tensor, nn};
use thiserror::Error;

use crate::boxes::{self, Row};
use crate::config::DetectorConfig;
use crate::extractor::Extractor;
use crate::mode::Mode;
use crate::roi_heads::{Objects, RoiHeads};
use crate::rpn::RegionProposalNetwork;
use crate::transform::{Batch, Transform};

/// The objects of one image.
#[derive(Debug)]
pub struct Target {
    /// `[N, 4]` f32, xyxy in pixels of the image as given.
    pub boxes: Tensor,
    /// `[N]` i64, from 1 to the number of classes (0 is the background).
    pub labels: Tensor,
    /// What each counts in the losses; empty: 1 each.
    pub weights: Vec<f32>,
}

/// The four parts of the loss, each a scalar on the network's device.
#[derive(Debug)]
pub struct Losses {
    /// Cross entropy of the box head's classes.
    pub classifier: Tensor,
    /// Smooth L1 of the box head's offsets.
    pub box_reg: Tensor,
    /// Binary cross entropy of the proposals.
    pub objectness: Tensor,
    /// Smooth L1 of the proposals' offsets.
    pub rpn_box_reg: Tensor,
}

impl Losses {
    /// The parts by torchvision's names, as numbers: for progress, and to stop when one is not finite.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, f64); 4] {
        [
            ("loss_classifier", self.classifier.double_value(&[])),
            ("loss_box_reg", self.box_reg.double_value(&[])),
            ("loss_objectness", self.objectness.double_value(&[])),
            ("loss_rpn_box_reg", self.rpn_box_reg.double_value(&[])),
        ]
    }

    /// The sum of the parts, to take the gradient of.
    pub fn total(&self) -> Tensor {
        &self.classifier + &self.box_reg + &self.objectness + &self.rpn_box_reg
    }
}

/// What was found in one image, best first, on the CPU.
#[derive(Debug)]
pub struct ImageBoxes {
    /// `[N, 4]` f32, xyxy in pixels of the image as given.
    pub boxes: Tensor,
    /// `[N]` i64, from 1 (0 is the background).
    pub labels: Tensor,
    /// `[N]` f32 in `[0, 1]`.
    pub scores: Tensor,
}

/// What a detector weighs when it looks once more at an image and the boxes found in it, on the CPU.
#[derive(Debug)]
pub struct Insight {
    /// Of each box the probability of the background, then of each class.
    pub probabilities: Vec<Vec<f32>>,
    /// Of each box what the last hidden layer holds.
    pub hidden: Vec<Vec<f32>>,
    /// The image as a point: the mean of every channel of every level.
    pub features: Vec<f32>,
}

/// Why a batch or a configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DetectorError {
    /// The configuration contradicts itself.
    #[error("the detector's configuration is not usable: {0}")]
    Config(String),
    /// An image has a shape or a kind that the network cannot read.
    #[error("image {at} of the batch: {problem}")]
    Image {
        /// Its place in the batch, from 0.
        at: usize,
        /// What is wrong.
        problem: String,
    },
    /// The boxes or labels of an image cannot be learned from.
    #[error("target {at} of the batch: {problem}")]
    Target {
        /// Its place in the batch, from 0.
        at: usize,
        /// What is wrong.
        problem: String,
    },
    /// libtorch refused an operation.
    #[error(transparent)]
    Torch(#[from] tch::TchError),
}

/// Faster R-CNN (Ren 2015), with a feature pyramid (Lin 2017) or on one map, as torchvision defines it.
#[derive(Debug)]
pub struct FasterRcnn {
    config: DetectorConfig,
    device: Device,
    pub(crate) transform: Transform,
    extractor: Extractor,
    pub(crate) rpn: RegionProposalNetwork,
    heads: RoiHeads,
}

impl FasterRcnn {
    /// Builds the network with fresh weights on a path of a variable store (its root gives torchvision's names). Fresh weights
    /// come from libtorch's generator: call `tch::manual_seed` before.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(path: &nn::Path, config: &DetectorConfig) -> Result<Self, DetectorError> {
        config.check().map_err(DetectorError::Config)?;
        let extractor = Extractor::new(&path.sub("backbone"), config)?;
        check_levels(config, extractor.levels())?;
        Ok(Self {
            extractor,
            rpn: RegionProposalNetwork::new(&path.sub("rpn"), config)?,
            heads: RoiHeads::new(&path.sub("roi_heads"), config)?,
            transform: Transform::new(config),
            device: path.device(),
            config: config.clone(),
        })
    }

    /// The configuration that the network was built from.
    #[must_use]
    pub fn config(&self) -> &DetectorConfig {
        &self.config
    }

    /// The losses of a batch of images (`[3, H, W]` f32 in `[0, 1]`, sizes may differ) against their objects.
    /// The sampler decides which anchors and proposals take part.
    ///
    /// # Errors
    /// If an image or a target has a wrong shape, kind or value, or numbers do not match.
    pub fn losses(&self, images: &[Tensor], targets: &[Target], sampler: &mut Stream) -> Result<Losses, DetectorError> {
        let (batch, objects) = prepare(images, targets, &self.transform, self.config.num_classes, self.device)?;
        let levels = self.features(&batch.tensor, Mode::Training)?;
        let found = self.rpn.predict(&levels, batch.padded()?)?;
        let (objectness, rpn_box_reg) = self.rpn.losses(&found, &objects, sampler)?;
        let proposals = self.rpn.proposals(&found, &batch.sizes, Mode::Training)?;
        let (classifier, box_reg) =
            self.heads
                .losses(self.pooled_levels(&levels), proposals, &objects, &batch.sizes, sampler)?;
        Ok(Losses {
            classifier,
            box_reg,
            objectness,
            rpn_box_reg,
        })
    }

    /// The boxes in each image (`[3, H, W]` f32 in `[0, 1]`, sizes may differ). Keeps no graph.
    ///
    /// # Errors
    /// If an image has a wrong shape or kind.
    pub fn detect(&self, images: &[Tensor]) -> Result<Vec<ImageBoxes>, DetectorError> {
        check_images(images)?;
        let _guard = tch::no_grad_guard();
        let batch = self.transform.batch(images, self.device)?;
        let levels = self.features(&batch.tensor, Mode::Detection)?;
        let found = self.rpn.predict(&levels, batch.padded()?)?;
        let proposals = self.rpn.proposals(&found, &batch.sizes, Mode::Detection)?;
        let found = self
            .heads
            .detect(self.pooled_levels(&levels), &proposals, &batch.sizes)?;
        found
            .into_iter()
            .enumerate()
            .map(|(image, found)| Ok(found.of_image(&batch, image)?))
            .collect()
    }

    /// Looks once more at an image (`[3, H, W]` f32 in `[0, 1]`) and what [`Self::detect`] found in it. Keeps no graph.
    ///
    /// # Errors
    /// If the image has a wrong shape or kind.
    pub fn look_again(&self, image: &Tensor, found: &ImageBoxes) -> Result<Insight, DetectorError> {
        let images = std::slice::from_ref(image);
        check_images(images)?;
        let _guard = tch::no_grad_guard();
        let batch = self.transform.batch(images, self.device)?;
        let levels = self.features(&batch.tensor, Mode::Detection)?;
        let pooled = self.pooled_levels(&levels);
        let mut features = Vec::new();
        for level in pooled {
            features.extend(boxes::numbers(&level.f_mean_dim(
                [0, 2, 3].as_slice(),
                false,
                Kind::Float,
            )?)?);
        }
        let rows = boxes::rows(&found.boxes)?;
        let rows: Vec<Row> = rows.iter().map(|row| batch.enlarge(0, row)).collect();
        let of_each = |tensor: &Tensor| -> Result<Vec<Vec<f32>>, TchError> {
            let width = tensor.size()[1].max(1) as usize;
            Ok(boxes::numbers(tensor)?.chunks(width).map(<[f32]>::to_vec).collect())
        };
        if rows.is_empty() {
            return Ok(Insight {
                probabilities: Vec::new(),
                hidden: Vec::new(),
                features,
            });
        }
        let (probabilities, hidden) = self.heads.weigh(pooled, &rows, batch.sizes[0])?;
        Ok(Insight {
            probabilities: of_each(&probabilities)?,
            hidden: of_each(&hidden)?,
            features,
        })
    }

    /// The levels over a batch, those that proposals alone are made from last.
    pub(crate) fn features(&self, batch: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        self.extractor.forward(batch, mode)
    }

    /// The levels that boxes are pooled from.
    fn pooled_levels<'a>(&self, levels: &'a [Tensor]) -> &'a [Tensor] {
        &levels[..self.extractor.maps()]
    }
}

/// A batch, and the objects of each image in its pixels.
pub(crate) fn prepare(
    images: &[Tensor],
    targets: &[Target],
    transform: &Transform,
    num_classes: i64,
    device: Device,
) -> Result<(Batch, Vec<Objects>), DetectorError> {
    check_images(images)?;
    if images.len() != targets.len() {
        let problem = format!("{} images came with {} targets", images.len(), targets.len());
        let at = images.len().min(targets.len());
        return Err(DetectorError::Target { at, problem });
    }
    let batch = transform.batch(images, device)?;
    let mut all = Vec::with_capacity(targets.len());
    for (at, target) in targets.iter().enumerate() {
        let mut of_image = objects(at, target, num_classes)?;
        for row in &mut of_image.boxes {
            *row = batch.enlarge(at, row);
        }
        all.push(of_image);
    }
    Ok((batch, all))
}

/// Holds the lists of anchor sizes against the levels of the network.
pub(crate) fn check_levels(config: &DetectorConfig, levels: usize) -> Result<(), DetectorError> {
    let lists = config.anchor_sizes.len();
    if lists == levels {
        return Ok(());
    }
    Err(DetectorError::Config(format!(
        "`anchor_sizes` has {lists} lists, but the network has {levels} levels"
    )))
}

/// The objects of an image, if they can be learned from.
fn objects(at: usize, target: &Target, num_classes: i64) -> Result<Objects, DetectorError> {
    let wrong = |problem: String| DetectorError::Target { at, problem };
    let (boxes_shape, labels_shape) = (target.boxes.size(), target.labels.size());
    if boxes_shape.len() != 2 || boxes_shape[1] != 4 || labels_shape != [boxes_shape[0]] {
        return Err(wrong(format!(
            "boxes of shape {boxes_shape:?} with labels of shape {labels_shape:?}, not [N, 4] with [N]"
        )));
    }
    let rows = boxes::rows(&target.boxes)?;
    if let Some(row) = rows.iter().find(|row| !usable(row)) {
        return Err(wrong(format!("box {row:?} has no extent or is not finite")));
    }
    let labels: Vec<i64> = boxes::integers(&target.labels)?;
    if let Some(label) = labels.iter().find(|&&label| !(1..num_classes).contains(&label)) {
        let last = num_classes - 1;
        return Err(wrong(format!("label {label} is not between 1 and {last}")));
    }
    let weights = match target.weights.len() {
        0 => vec![1.0; rows.len()],
        count if count == rows.len() && target.weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) => {
            target.weights.clone()
        }
        count => {
            return Err(wrong(format!(
                "{count} weights, not one of at least 0 for each of {} boxes",
                rows.len()
            )));
        }
    };
    Ok(Objects {
        boxes: rows,
        labels,
        weights,
    })
}

fn usable(row: &Row) -> bool {
    row.iter().all(|edge| edge.is_finite()) && row[2] > row[0] && row[3] > row[1]
}

pub(crate) fn check_images(images: &[Tensor]) -> Result<(), DetectorError> {
    if images.is_empty() {
        let problem = "a batch needs at least one image".into();
        return Err(DetectorError::Image { at: 0, problem });
    }
    for (at, image) in images.iter().enumerate() {
        let (shape, kind) = (image.size(), image.f_kind()?);
        if shape.len() != 3 || shape[0] != 3 || shape[1] < 1 || shape[2] < 1 || kind != Kind::Float {
            let problem = format!("shape {shape:?} of {kind:?}, not [3, height, width] of Float");
            return Err(DetectorError::Image { at, problem });
        }
    }
    Ok(())
}
