//! RetinaNet (Lin 2017, focal loss), as torchvision defines it: every anchor of every level says of each class how sure it is.

use tch::nn::init::Init;
use tch::{Device, Kind, Reduction, TchError, Tensor, nn};

use crate::anchors::{cell_anchors, level_anchors};
use crate::box_coder::BoxCoder;
use crate::boxes::{self, Row};
use crate::config::DetectorConfig;
use crate::extractor::Extractor;
use crate::faster_rcnn::{DetectorError, ImageBoxes, Losses, Target, check_images, check_levels, prepare};
use crate::layers::{Convolution, Shape};
use crate::matcher::{Match, Matcher};
use crate::mode::Mode;
use crate::nms::{suppress, top};
use crate::roi_heads::{Found, Objects};
use crate::transform::{Size, Transform};

const HEAD_INIT: Init = Init::Randn { mean: 0.0, stdev: 0.01 };
/// Hidden convolutions of each head.
const DEPTH: usize = 4;
/// What a fresh network says of each class: else the many anchors of background would drown the first steps.
const PRIOR: f64 = 0.01;
/// Weight of objects in the focal loss; background has the rest of 1.
const ALPHA: f64 = 0.25;

/// Four convolutions and an output, the same for all levels.
#[derive(Debug)]
struct Tower {
    hidden: Vec<Convolution>,
    output: Convolution,
    /// Numbers an anchor.
    width: i64,
}

impl Tower {
    fn new(path: &nn::Path, output: &str, channels: i64, anchors: i64, width: i64) -> Result<Self, TchError> {
        let layer = |path: &nn::Path, outputs| {
            Convolution::with_bias(path, Shape::new(channels, outputs, 3, 1), HEAD_INIT, true)
        };
        let hidden = (0..DEPTH)
            .map(|number| layer(&path.sub("conv").sub(number).sub(0), channels))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            hidden,
            output: layer(&path.sub(output), anchors * width)?,
            width,
        })
    }

    /// `[B, anchors, width]` over all levels, as `Float`.
    fn forward(&self, levels: &[Tensor]) -> Result<Tensor, TchError> {
        let mut all = Vec::with_capacity(levels.len());
        for level in levels {
            let mut features = level.shallow_clone();
            for layer in &self.hidden {
                features = layer.forward(&features)?.f_relu_()?;
            }
            let (images, ..) = features.size4()?;
            let output = self.output.forward(&features)?.f_permute([0, 2, 3, 1])?;
            all.push(output.f_reshape([images, -1, self.width])?);
        }
        Tensor::f_cat(&all, 1)?.f_to_kind(Kind::Float)
    }
}

/// What the heads say about a batch.
#[derive(Debug)]
pub(crate) struct Answers {
    /// `[B, anchors, classes]`, before the sigmoid.
    pub(crate) logits: Tensor,
    /// `[B, anchors, 4]`.
    pub(crate) offsets: Tensor,
    anchors: Vec<Row>,
    level_lengths: Vec<usize>,
}

/// The single-stage detector.
#[derive(Debug)]
pub struct RetinaNet {
    config: DetectorConfig,
    device: Device,
    pub(crate) transform: Transform,
    extractor: Extractor,
    classification: Tower,
    regression: Tower,
    cell_anchors: Vec<Vec<Row>>,
    coder: BoxCoder,
    matcher: Matcher,
}

impl RetinaNet {
    /// Builds the network with fresh weights on a path of a variable store.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(path: &nn::Path, config: &DetectorConfig) -> Result<Self, DetectorError> {
        config.check().map_err(DetectorError::Config)?;
        let extractor = Extractor::new(&path.sub("backbone"), config)?;
        check_levels(config, extractor.levels())?;
        let cell_anchors: Vec<Vec<Row>> = config
            .anchor_sizes
            .iter()
            .map(|sizes| cell_anchors(sizes, &config.anchor_aspect_ratios))
            .collect();
        let (head, channels) = (path.sub("head"), config.fpn_channels);
        let tower = |name: &str, output, width| {
            let anchors = cell_anchors.first().map_or(0, Vec::len) as i64;
            Tower::new(&head.sub(name), output, channels, anchors, width)
        };
        let classification = tower("classification_head", "cls_logits", config.num_classes)?;
        classification.output.fill_bias(-((1.0 - PRIOR) / PRIOR).ln())?;
        Ok(Self {
            regression: tower("regression_head", "bbox_reg", 4)?,
            classification,
            extractor,
            cell_anchors,
            coder: BoxCoder::new([1.0; 4]),
            matcher: Matcher {
                foreground: config.box_fg_iou_thresh as f32,
                background: config.box_bg_iou_thresh as f32,
                keep_best_of_each_object: true,
            },
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

    /// The losses of a batch: focal loss as `classifier`, L1 of the offsets as `box_reg`; the parts of proposals are 0.
    ///
    /// # Errors
    /// If an image or a target has a wrong shape, kind or value, or numbers do not match.
    pub fn losses(&self, images: &[Tensor], targets: &[Target]) -> Result<Losses, DetectorError> {
        let (batch, objects) = prepare(images, targets, &self.transform, self.config.num_classes, self.device)?;
        let answers = self.answers(&self.features(&batch.tensor, Mode::Training)?, batch.padded()?)?;
        let (classifier, box_reg) = self.parts(&answers, &objects)?;
        let none = || Tensor::f_zeros([], (Kind::Float, self.device));
        Ok(Losses {
            classifier,
            box_reg,
            objectness: none()?,
            rpn_box_reg: none()?,
        })
    }

    /// The boxes in each image. Keeps no graph.
    ///
    /// # Errors
    /// If an image has a wrong shape or kind.
    pub fn detect(&self, images: &[Tensor]) -> Result<Vec<ImageBoxes>, DetectorError> {
        check_images(images)?;
        let _guard = tch::no_grad_guard();
        let batch = self.transform.batch(images, self.device)?;
        let answers = self.answers(&self.features(&batch.tensor, Mode::Detection)?, batch.padded()?)?;
        let count = answers.anchors.len();
        let scores = boxes::numbers(&answers.logits.f_sigmoid()?)?;
        let offsets = boxes::rows(&answers.offsets)?;
        let mut all = Vec::with_capacity(images.len());
        for (image, &size) in batch.sizes.iter().enumerate() {
            let classes = self.config.num_classes as usize;
            let scores = &scores[image * count * classes..][..count * classes];
            let found = self.image_detections(&answers, scores, &offsets[image * count..][..count], size);
            all.push(found.of_image(&batch, image)?);
        }
        Ok(all)
    }

    /// The pyramid over a batch.
    pub(crate) fn features(&self, batch: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        self.extractor.forward(batch, mode)
    }

    /// What the heads say, with the anchors of a batch of this padded size.
    pub(crate) fn answers(&self, levels: &[Tensor], padded: Size) -> Result<Answers, TchError> {
        let mut anchors = Vec::new();
        let mut level_lengths = Vec::with_capacity(levels.len());
        for (level, cell) in levels.iter().zip(&self.cell_anchors) {
            let (_, _, height, width) = level.size4()?;
            let rows = level_anchors(cell, (height, width), padded);
            level_lengths.push(rows.len());
            anchors.extend(rows);
        }
        Ok(Answers {
            logits: self.classification.forward(levels)?,
            offsets: self.regression.forward(levels)?,
            anchors,
            level_lengths,
        })
    }

    /// Focal loss over all anchors that are object or background, and L1 over those that are objects; both a mean over images of sums
    /// divided by an image's number of objects' anchors. What belongs to an object counts by the object's weight.
    fn parts(&self, answers: &Answers, objects: &[Objects]) -> Result<(Tensor, Tensor), TchError> {
        let (count, classes) = (answers.anchors.len(), self.config.num_classes as usize);
        let mut row_weights = vec![0.0_f32; objects.len() * count];
        let mut ones: Vec<i64> = Vec::new();
        let mut positive: Vec<i64> = Vec::new();
        let mut wanted = Vec::new();
        let mut wanted_weights: Vec<f32> = Vec::new();
        for (image, objects) in objects.iter().enumerate() {
            let matches = self.matcher.run(&objects.boxes, &answers.anchors);
            let foreground = matches.iter().filter(|m| matches!(m, Match::Object(_))).count();
            let share = 1.0 / (foreground.max(1) * (row_weights.len() / count.max(1))) as f32;
            for (anchor, found) in matches.iter().enumerate() {
                let row = image * count + anchor;
                if *found != Match::Between {
                    row_weights[row] = share;
                }
                if let Match::Object(object) = *found {
                    let share = share * objects.weights[object];
                    row_weights[row] = share;
                    ones.push((row * classes) as i64 + objects.labels[object]);
                    positive.push(row as i64);
                    wanted.push(self.coder.encode(&objects.boxes[object], &answers.anchors[anchor]));
                    wanted_weights.push(share);
                }
            }
        }
        let device = self.device;
        let logits = answers.logits.f_reshape([-1, classes as i64])?;
        let weights = Tensor::f_from_slice(&row_weights)?
            .f_view([-1, 1])?
            .f_to_device(device)?;
        let classifier = focal_loss(&logits, &ones, &weights)?;
        let distances = answers
            .offsets
            .f_reshape([-1, 4])?
            .f_index_select(0, &Tensor::f_from_slice(&positive)?.f_to_device(device)?)?
            .f_l1_loss(&boxes::tensor(&wanted, device)?, Reduction::None)?;
        let weights = Tensor::f_from_slice(&wanted_weights)?
            .f_view([-1, 1])?
            .f_to_device(device)?;
        Ok((classifier, distances.f_mul(&weights)?.f_sum(Kind::Float)?))
    }

    /// Class 0 takes part as torchvision has it, and is left out at the end: nothing teaches it, and it is nobody's class.
    fn image_detections(&self, answers: &Answers, scores: &[f32], offsets: &[Row], size: Size) -> Found {
        let size = (size.0 as f32, size.1 as f32);
        let classes = self.config.num_classes as usize;
        let least = self.config.box_score_thresh as f32;
        let mut candidates = Found::default();
        let mut groups = Vec::new();
        let mut start = 0;
        for &length in &answers.level_lengths {
            let of_level = &scores[start * classes..(start + length) * classes];
            let (places, above): (Vec<usize>, Vec<f32>) = of_level
                .iter()
                .copied()
                .enumerate()
                .filter(|&(_, score)| score > least)
                .unzip();
            for chosen in top(&above, self.config.topk_candidates) {
                let (anchor, class) = (start + places[chosen] / classes, places[chosen] % classes);
                let row = self.coder.decode(&offsets[anchor], &answers.anchors[anchor]);
                candidates.boxes.push(boxes::clip(&row, size));
                candidates.labels.push(class as i64);
                candidates.scores.push(above[chosen]);
                groups.push(class);
            }
            start += length;
        }
        let (overlap, most) = (self.config.box_nms_thresh as f32, self.config.box_detections_per_img);
        let kept = suppress(&candidates.boxes, &candidates.scores, &groups, overlap, most);
        let mut found = Found::default();
        for number in kept.into_iter().filter(|&number| groups[number] > 0) {
            found.boxes.push(candidates.boxes[number]);
            found.labels.push(candidates.labels[number]);
            found.scores.push(candidates.scores[number]);
        }
        found
    }
}

/// `Σ weight · α_t · (1 − p_t)² · cross entropy` over logits `[N, classes]` whose targets are 1 at the flat places `ones`, 0 elsewhere;
/// `weights` is `[N, 1]`. With targets of 0 and 1, `1 − p_t` is `|p − t|`.
pub(crate) fn focal_loss(logits: &Tensor, ones: &[i64], weights: &Tensor) -> Result<Tensor, TchError> {
    let targets = Tensor::f_zeros_like(logits)?;
    let places = Tensor::f_from_slice(ones)?.f_to_device(logits.device())?;
    let _ = targets.f_view([-1])?.f_index_fill_(0, &places, 1.0)?;
    let entropy = logits.f_binary_cross_entropy_with_logits(&targets, None::<&Tensor>, None, Reduction::None)?;
    let distance = logits.f_sigmoid()?.f_sub(&targets)?;
    let alpha = targets
        .f_mul_scalar(2.0 * ALPHA - 1.0)?
        .f_add_scalar(1.0 - ALPHA)?
        .f_mul(weights)?;
    entropy.f_mul(&distance.f_square()?)?.f_mul(&alpha)?.f_sum(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn focal_loss_equals_the_definition() {
        let logits = [-2.0_f32, 0.5, 1.0, -0.3, 3.0, -4.0];
        let weights = [1.0_f32, 0.0, 0.5];
        let ones = [1_i64, 4];
        let mut expected = 0.0;
        for (at, &logit) in logits.iter().enumerate() {
            let p = 1.0 / (1.0 + f64::from(-logit).exp());
            let positive = ones.contains(&(at as i64));
            let (p_t, alpha_t) = if positive { (p, 0.25) } else { (1.0 - p, 0.75) };
            expected += f64::from(weights[at / 2]) * -alpha_t * (1.0 - p_t).powi(2) * p_t.ln();
        }
        let loss = focal_loss(
            &Tensor::from_slice(&logits).view([3, 2]),
            &ones,
            &Tensor::from_slice(&weights).view([3, 1]),
        );
        assert!((loss.unwrap().double_value(&[]) - expected).abs() < 1e-6);
    }
}
