//! The second stage (Girshick 2015): what is in each proposal, and where exactly.

use asm_pipe::random::Stream;
use tch::nn::Path;
use tch::{Device, Kind, TchError, Tensor};

use crate::box_coder::BoxCoder;
use crate::box_head::{BoxHead, POOLED};
use crate::boxes::{self, Row};
use crate::config::DetectorConfig;
use crate::faster_rcnn::ImageBoxes;
use crate::layers::Linear;
use crate::loss;
use crate::matcher::{Match, Matcher};
use crate::mode::Mode;
use crate::nms::suppress;
use crate::roi_align::RoiAlign;
use crate::sampling::BalancedSampler;
use crate::transform::{Batch, Size};

/// Detections with a shorter side are dropped.
const LEAST_SIDE: f32 = 1e-2;

/// Pooling, the hidden layers, the two outputs, and the rules by which detections are chosen.
#[derive(Debug)]
pub(crate) struct RoiHeads {
    align: RoiAlign,
    head: BoxHead,
    classes: Linear,
    offsets: Linear,
    num_classes: usize,
    coder: BoxCoder,
    matcher: Matcher,
    sampler: BalancedSampler,
    least_score: f32,
    overlap: f32,
    most: usize,
}

/// The objects of an image in the batch's pixels.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// Their boxes.
    pub(crate) boxes: Vec<Row>,
    /// Their classes, from 1.
    pub(crate) labels: Vec<i64>,
    /// What each counts in the losses.
    pub(crate) weights: Vec<f32>,
}

/// The chosen proposals of a batch with what they should say.
#[derive(Debug, Default)]
struct Samples {
    boxes: Vec<Vec<Row>>,
    labels: Vec<i64>,
    /// What each counts: what its object does, and 1 for background.
    weights: Vec<f32>,
    /// Rows of the offsets seen as `[R * classes, 4]`.
    positive: Vec<i64>,
    wanted: Vec<Row>,
    positive_weights: Vec<f32>,
}

/// The detections of an image in the batch's pixels, best first.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Boxes.
    pub(crate) boxes: Vec<Row>,
    /// Classes, from 1.
    pub(crate) labels: Vec<i64>,
    /// Probabilities.
    pub(crate) scores: Vec<f32>,
}

impl Found {
    /// The same in the pixels of an image of the batch as it was given.
    pub(crate) fn of_image(&self, batch: &Batch, image: usize) -> Result<ImageBoxes, TchError> {
        let rows: Vec<Row> = self.boxes.iter().map(|row| batch.restore(image, row)).collect();
        Ok(ImageBoxes {
            boxes: boxes::tensor(&rows, Device::Cpu)?,
            labels: Tensor::f_from_slice(&self.labels)?,
            scores: Tensor::f_from_slice(&self.scores)?,
        })
    }
}

impl RoiHeads {
    /// On `box_head` and `box_predictor` of this path.
    pub(crate) fn new(path: &Path, config: &DetectorConfig) -> Result<Self, TchError> {
        let (head, predictor) = (path.sub("box_head"), path.sub("box_predictor"));
        let (width, classes) = (config.head_width, config.num_classes);
        Ok(Self {
            align: RoiAlign {
                output: POOLED,
                canonical_scale: config.roi_canonical_scale,
            },
            head: BoxHead::new(&head, config)?,
            classes: Linear::new(&predictor.sub("cls_score"), width, classes)?,
            offsets: Linear::new(&predictor.sub("bbox_pred"), width, classes * 4)?,
            num_classes: classes as usize,
            coder: BoxCoder::new(config.bbox_reg_weights),
            matcher: Matcher {
                foreground: config.box_fg_iou_thresh as f32,
                background: config.box_bg_iou_thresh as f32,
                keep_best_of_each_object: false,
            },
            sampler: BalancedSampler {
                batch_size: config.box_batch_size_per_image,
                positive_fraction: config.box_positive_fraction,
            },
            least_score: config.box_score_thresh as f32,
            overlap: config.box_nms_thresh as f32,
            most: config.box_detections_per_img,
        })
    }

    /// Class logits `[R, classes]` and offsets `[R, 4 * classes]`, as `Float`.
    fn predict(
        &self,
        levels: &[Tensor],
        boxes: &[Vec<Row>],
        sizes: &[Size],
        mode: Mode,
    ) -> Result<(Tensor, Tensor), TchError> {
        let features = self.hidden(levels, boxes, sizes, mode)?;
        let answer = |layer: &Linear| layer.forward(&features)?.f_to_kind(Kind::Float);
        Ok((answer(&self.classes)?, answer(&self.offsets)?))
    }

    /// What the last hidden layer holds of each box, `[R, width]`.
    fn hidden(&self, levels: &[Tensor], boxes: &[Vec<Row>], sizes: &[Size], mode: Mode) -> Result<Tensor, TchError> {
        let pooled = match mode {
            Mode::Detection if self.head.takes_rows() => self.align.rows(levels, boxes, sizes)?,
            _ => self.align.forward(levels, boxes, sizes)?,
        };
        self.head.forward(pooled, mode)
    }

    /// Boxes of one image looked at once more: the probabilities of the background and the classes `[R, classes]`, and what the last
    /// hidden layer holds of each box `[R, width]`.
    pub(crate) fn weigh(&self, levels: &[Tensor], boxes: &[Row], size: Size) -> Result<(Tensor, Tensor), TchError> {
        let hidden = self.hidden(levels, &[boxes.to_vec()], &[size], Mode::Detection)?;
        Ok((self.classes.forward(&hidden)?.f_softmax(-1, Kind::Float)?, hidden))
    }

    /// Class and offset loss of a sample of the proposals, to which the objects themselves are added.
    pub(crate) fn losses(
        &self,
        levels: &[Tensor],
        proposals: Vec<Vec<Row>>,
        objects: &[Objects],
        sizes: &[Size],
        stream: &mut Stream,
    ) -> Result<(Tensor, Tensor), TchError> {
        let samples = self.sample(proposals, objects, stream);
        let (logits, offsets) = self.predict(levels, &samples.boxes, sizes, Mode::Training)?;
        let device = logits.device();
        if samples.labels.is_empty() {
            return Ok((logits.f_sum(Kind::Float)?, offsets.f_sum(Kind::Float)?));
        }
        let classifier = loss::cross_entropy(&logits, &samples.labels, &samples.weights)?;
        let positive = Tensor::f_from_slice(&samples.positive)?.f_to_device(device)?;
        let offsets = offsets.f_reshape([-1, 4])?.f_index_select(0, &positive)?;
        let count = samples.labels.len();
        let box_reg = loss::offsets(&offsets, &samples.wanted, &samples.positive_weights, count)?;
        Ok((classifier, box_reg))
    }

    fn sample(&self, proposals: Vec<Vec<Row>>, objects: &[Objects], stream: &mut Stream) -> Samples {
        let mut samples = Samples::default();
        for (mut candidates, objects) in proposals.into_iter().zip(objects) {
            candidates.extend_from_slice(&objects.boxes);
            let matches = self.matcher.run(&objects.boxes, &candidates);
            let mut chosen = Vec::new();
            for number in self.sampler.run(&matches, stream) {
                let (mut label, mut weight) = (0, 1.0);
                if let Match::Object(object) = matches[number] {
                    (label, weight) = (objects.labels[object], objects.weights[object]);
                    samples.positive_weights.push(weight);
                    samples
                        .positive
                        .push(samples.labels.len() as i64 * self.num_classes as i64 + label);
                    samples
                        .wanted
                        .push(self.coder.encode(&objects.boxes[object], &candidates[number]));
                }
                samples.labels.push(label);
                samples.weights.push(weight);
                chosen.push(candidates[number]);
            }
            samples.boxes.push(chosen);
        }
        samples
    }

    /// The detections of each image.
    pub(crate) fn detect(
        &self,
        levels: &[Tensor],
        proposals: &[Vec<Row>],
        sizes: &[Size],
    ) -> Result<Vec<Found>, TchError> {
        let (logits, offsets) = self.predict(levels, proposals, sizes, Mode::Detection)?;
        let scores = boxes::numbers(&logits.f_softmax(-1, Kind::Float)?.f_to_device(Device::Cpu)?)?;
        let offsets = boxes::rows(&offsets)?;
        let mut start = 0;
        let mut found = Vec::with_capacity(proposals.len());
        for (proposals, &size) in proposals.iter().zip(sizes) {
            let rows = start..start + proposals.len() * self.num_classes;
            start = rows.end;
            found.push(self.image_detections(proposals, &scores[rows.clone()], &offsets[rows], size));
        }
        Ok(found)
    }

    fn image_detections(&self, proposals: &[Row], scores: &[f32], offsets: &[Row], size: Size) -> Found {
        let size = (size.0 as f32, size.1 as f32);
        let mut candidates = Found::default();
        let mut groups = Vec::new();
        for (at, &score) in scores.iter().enumerate() {
            let (proposal, class) = (at / self.num_classes, at % self.num_classes);
            if class == 0 || score.is_nan() || score <= self.least_score {
                continue;
            }
            let row = boxes::clip(&self.coder.decode(&offsets[at], &proposals[proposal]), size);
            if boxes::has_sides_of(&row, LEAST_SIDE) {
                candidates.boxes.push(row);
                candidates.labels.push(class as i64);
                candidates.scores.push(score);
                groups.push(class);
            }
        }
        let mut found = Found::default();
        for number in suppress(&candidates.boxes, &candidates.scores, &groups, self.overlap, self.most) {
            found.boxes.push(candidates.boxes[number]);
            found.labels.push(candidates.labels[number]);
            found.scores.push(candidates.scores[number]);
        }
        found
    }
}
