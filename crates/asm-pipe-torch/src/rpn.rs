//! The region proposal network (Ren 2015): where an object of any class may be.

use asm_pipe::random::Stream;
use tch::nn::Path;
use tch::nn::init::Init;
use tch::{Kind, TchError, Tensor};

use crate::anchors::{cell_anchors, level_anchors};
use crate::box_coder::BoxCoder;
use crate::boxes::{self, Row};
use crate::config::DetectorConfig;
use crate::layers::{Convolution, Shape};
use crate::loss;
use crate::matcher::{Match, Matcher};
use crate::mode::Mode;
use crate::nms::{suppress, top};
use crate::roi_heads::Objects;
use crate::sampling::BalancedSampler;
use crate::transform::Size;

const HEAD_INIT: Init = Init::Randn { mean: 0.0, stdev: 0.01 };
/// Proposals with a shorter side are dropped.
const LEAST_SIDE: f32 = 1e-3;

/// How many proposals are kept.
#[derive(Clone, Copy, Debug)]
struct Limits {
    before_suppression: usize,
    after_suppression: usize,
}

/// The head, its anchors, and the rules by which proposals are chosen.
#[derive(Debug)]
pub(crate) struct RegionProposalNetwork {
    hidden: Vec<Convolution>,
    objectness: Convolution,
    offsets: Convolution,
    cell_anchors: Vec<Vec<Row>>,
    coder: BoxCoder,
    matcher: Matcher,
    sampler: BalancedSampler,
    training: Limits,
    detection: Limits,
    overlap: f32,
    least_score: f32,
}

/// What the head says about a batch.
#[derive(Debug)]
pub(crate) struct Predictions {
    /// `[B, anchors]`, before the sigmoid.
    pub(crate) objectness: Tensor,
    /// `[B, anchors, 4]`.
    pub(crate) offsets: Tensor,
    /// The anchors, the same for each image: levels, then cells in row-major order, then shapes.
    pub(crate) anchors: Vec<Row>,
    /// How many of them each level has.
    pub(crate) level_lengths: Vec<usize>,
}

impl RegionProposalNetwork {
    /// On `head` of this path.
    pub(crate) fn new(path: &Path, config: &DetectorConfig) -> Result<Self, TchError> {
        let head = path.sub("head");
        let channels = config.level_channels();
        let depth = if config.architecture.norms_heads() { 2 } else { 1 };
        let cell_anchors: Vec<Vec<Row>> = config
            .anchor_sizes
            .iter()
            .map(|sizes| cell_anchors(sizes, &config.anchor_aspect_ratios))
            .collect();
        let count = cell_anchors.first().map_or(0, Vec::len) as i64;
        let layer = |path: &Path, output, kernel| {
            Convolution::with_bias(path, Shape::new(channels, output, kernel, 1), HEAD_INIT, true)
        };
        Ok(Self {
            hidden: (0..depth)
                .map(|number| layer(&head.sub("conv").sub(number).sub(0), channels, 3))
                .collect::<Result<_, _>>()?,
            objectness: layer(&head.sub("cls_logits"), count, 1)?,
            offsets: layer(&head.sub("bbox_pred"), count * 4, 1)?,
            cell_anchors,
            coder: BoxCoder::new([1.0; 4]),
            matcher: Matcher {
                foreground: config.rpn_fg_iou_thresh as f32,
                background: config.rpn_bg_iou_thresh as f32,
                keep_best_of_each_object: true,
            },
            sampler: BalancedSampler {
                batch_size: config.rpn_batch_size_per_image,
                positive_fraction: config.rpn_positive_fraction,
            },
            training: Limits {
                before_suppression: config.rpn_pre_nms_top_n_train,
                after_suppression: config.rpn_post_nms_top_n_train,
            },
            detection: Limits {
                before_suppression: config.rpn_pre_nms_top_n_test,
                after_suppression: config.rpn_post_nms_top_n_test,
            },
            overlap: config.rpn_nms_thresh as f32,
            least_score: config.rpn_score_thresh as f32,
        })
    }

    /// Objectness `[B, A, H, W]` and offsets `[B, 4A, H, W]` of each level, as `Float`.
    pub(crate) fn head(&self, levels: &[Tensor]) -> Result<Vec<(Tensor, Tensor)>, TchError> {
        levels
            .iter()
            .map(|level| {
                let mut hidden = level.shallow_clone();
                for layer in &self.hidden {
                    hidden = layer.forward(&hidden)?.f_relu_()?;
                }
                let answer = |layer: &Convolution| layer.forward(&hidden)?.f_to_kind(Kind::Float);
                Ok((answer(&self.objectness)?, answer(&self.offsets)?))
            })
            .collect()
    }

    /// The head's answers with their anchors, for a batch of this padded size.
    pub(crate) fn predict(&self, levels: &[Tensor], padded: Size) -> Result<Predictions, TchError> {
        let mut objectness = Vec::with_capacity(levels.len());
        let mut offsets = Vec::with_capacity(levels.len());
        let mut anchors = Vec::new();
        let mut level_lengths = Vec::with_capacity(levels.len());
        for ((scores, deltas), cell) in self.head(levels)?.iter().zip(&self.cell_anchors) {
            let (images, _, height, width) = scores.size4()?;
            objectness.push(scores.f_permute([0, 2, 3, 1])?.f_reshape([images, -1])?);
            offsets.push(deltas.f_permute([0, 2, 3, 1])?.f_reshape([images, -1, 4])?);
            let level = level_anchors(cell, (height, width), padded);
            level_lengths.push(level.len());
            anchors.extend(level);
        }
        Ok(Predictions {
            objectness: Tensor::f_cat(&objectness, 1)?,
            offsets: Tensor::f_cat(&offsets, 1)?,
            anchors,
            level_lengths,
        })
    }

    /// The proposals for each image, best first.
    pub(crate) fn proposals(&self, found: &Predictions, sizes: &[Size], mode: Mode) -> Result<Vec<Vec<Row>>, TchError> {
        let scores = boxes::numbers(&found.objectness)?;
        let offsets = boxes::rows(&found.offsets)?;
        let count = found.anchors.len();
        if count == 0 {
            return Ok(vec![Vec::new(); sizes.len()]);
        }
        Ok(scores
            .chunks_exact(count)
            .zip(offsets.chunks_exact(count))
            .zip(sizes)
            .map(|((scores, offsets), &size)| self.image_proposals(found, scores, offsets, size, mode))
            .collect())
    }

    fn image_proposals(
        &self,
        found: &Predictions,
        scores: &[f32],
        offsets: &[Row],
        size: Size,
        mode: Mode,
    ) -> Vec<Row> {
        let limits = match mode {
            Mode::Training => self.training,
            Mode::Detection => self.detection,
        };
        let size = (size.0 as f32, size.1 as f32);
        let mut candidates = Vec::new();
        let mut chances = Vec::new();
        let mut groups = Vec::new();
        let mut start = 0;
        for (level, &length) in found.level_lengths.iter().enumerate() {
            for number in top(&scores[start..start + length], limits.before_suppression) {
                let at = start + number;
                let row = boxes::clip(&self.coder.decode(&offsets[at], &found.anchors[at]), size);
                let chance = 1.0 / (1.0 + (-scores[at]).exp());
                if boxes::has_sides_of(&row, LEAST_SIDE) && chance >= self.least_score {
                    candidates.push(row);
                    chances.push(chance);
                    groups.push(level);
                }
            }
            start += length;
        }
        suppress(&candidates, &chances, &groups, self.overlap, limits.after_suppression)
            .into_iter()
            .map(|number| candidates[number])
            .collect()
    }

    /// Objectness and offset loss against the objects of each image.
    pub(crate) fn losses(
        &self,
        found: &Predictions,
        objects: &[Objects],
        stream: &mut Stream,
    ) -> Result<(Tensor, Tensor), TchError> {
        let count = found.anchors.len();
        let mut sampled = Vec::new();
        let (mut labels, mut weights): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
        let (mut positive, mut positive_weights) = (Vec::new(), Vec::new());
        let mut wanted = Vec::new();
        for (image, objects) in objects.iter().enumerate() {
            let matches = self.matcher.run(&objects.boxes, &found.anchors);
            for anchor in self.sampler.run(&matches, stream) {
                let at = (image * count + anchor) as i64;
                sampled.push(at);
                if let Match::Object(object) = matches[anchor] {
                    labels.push(1.0);
                    weights.push(objects.weights[object]);
                    positive.push(at);
                    positive_weights.push(objects.weights[object]);
                    wanted.push(self.coder.encode(&objects.boxes[object], &found.anchors[anchor]));
                } else {
                    labels.push(0.0);
                    weights.push(1.0);
                }
            }
        }
        let device = found.objectness.device();
        let index = |numbers: &[i64]| Tensor::f_from_slice(numbers)?.f_to_device(device);
        let logits = found.objectness.f_reshape([-1])?.f_index_select(0, &index(&sampled)?)?;
        let objectness = loss::objectness(&logits, &labels, &weights)?;
        let offsets = found
            .offsets
            .f_reshape([-1, 4])?
            .f_index_select(0, &index(&positive)?)?;
        let offsets = loss::offsets(&offsets, &wanted, &positive_weights, sampled.len())?;
        Ok((objectness, offsets))
    }
}
