//! What a detector looks like: architecture, sizes and thresholds. Plain data, saved beside the weights.

mod check;
mod params;

pub use params::NetworkParams;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backbone::MOBILENET_V2_CHANNELS;
use crate::layers::NormRule;

/// A network that can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Five small convolution stages with group norm: learns from scratch within minutes.
    Tiny,
    /// EfficientNet-Lite0 with frozen batch norm and light heads, for weights trained on ImageNet.
    EfficientnetLite0,
    /// torchvision's model of this name: ResNet-50 with a feature pyramid.
    FasterrcnnResnet50Fpn,
    /// torchvision's model of this name: the same with live batch norm, also in the pyramid, and deeper heads.
    FasterrcnnResnet50FpnV2,
    /// torchvision's model of this name: MobileNetV3-Large with a feature pyramid, images of 320 pixels.
    #[serde(rename = "fasterrcnn_mobilenet_v3_large_320_fpn")]
    FasterrcnnMobilenetV3Large320Fpn,
    /// torchvision's model of this name: MobileNetV3-Large with a feature pyramid, images of 800 pixels.
    FasterrcnnMobilenetV3LargeFpn,
    /// Faster R-CNN on the last map of MobileNetV2, live batch norm, 15 anchors a cell, no pyramid.
    Mobile,
    /// torchvision's model of this name: RetinaNet, a single stage with focal loss on a pyramid of strides 8 to 128.
    RetinanetResnet50Fpn,
}

/// How batch norm behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BatchNorm {
    /// Nothing in it changes: for pretrained weights and small batches.
    #[default]
    Frozen,
    /// It learns, and takes the statistics of each batch in training. Wants more than two images a batch.
    Live,
}

/// In which numbers layers compute. Weights, losses and what is done with boxes are `float32` in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 significant bits.
    #[default]
    Float32,
    /// 8 significant bits: about twice as fast in the ResNets where the processor multiplies such numbers (AMX, AVX-512 BF16, GPUs), slow
    /// elsewhere.
    Bfloat16,
}

/// Which map the two levels above a RetinaNet's pyramid are convolved from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TopLevels {
    /// The pyramid's coarsest level, as in torchvision's `retinanet_resnet50_fpn`.
    #[default]
    P5,
    /// The body's last map, as in the paper and in torchvision's second version.
    C5,
}

/// Everything that, with the weights, makes a detector. The names are torchvision's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// The network.
    pub architecture: Architecture,
    /// Classes, the background (0) included.
    pub num_classes: i64,
    /// The shorter side of an image after the resize, if the longer stays below `max_size`.
    pub min_size: i64,
    /// The most that the longer side may have after the resize.
    pub max_size: i64,
    /// Subtracted from each channel (RGB in `[0, 1]`).
    pub image_mean: [f64; 3],
    /// Divides each channel afterwards.
    pub image_std: [f64; 3],
    /// Backbone stages that learn, counted from the deepest.
    pub trainable_layers: usize,
    /// Added to the variance in frozen batch norm: 1e-5, but 0 for torchvision's `COCO_V1` weights of the ResNet-50, and 1e-3 for
    /// EfficientNet.
    pub batch_norm_epsilon: f64,
    /// Whether batch norm is frozen.
    #[serde(default)]
    pub batch_norm: BatchNorm,
    /// In which numbers its layers compute.
    #[serde(default)]
    pub precision: Precision,
    /// Channels of each pyramid level.
    pub fpn_channels: i64,
    /// RetinaNet: which map its two coarsest levels are convolved from.
    #[serde(default)]
    pub top_levels_on: TopLevels,
    /// Width of the two hidden layers of the box head.
    pub head_width: i64,
    /// Anchor sizes in pixels of the resized image, a list a pyramid level (the pooled last one included).
    pub anchor_sizes: Vec<Vec<f64>>,
    /// Height divided by width, the same for all levels.
    pub anchor_aspect_ratios: Vec<f64>,
    /// Proposals kept a level before suppression, in training.
    pub rpn_pre_nms_top_n_train: usize,
    /// The same in detection.
    pub rpn_pre_nms_top_n_test: usize,
    /// Proposals kept an image after suppression, in training.
    pub rpn_post_nms_top_n_train: usize,
    /// The same in detection.
    pub rpn_post_nms_top_n_test: usize,
    /// IoU above which the lesser proposal is dropped.
    pub rpn_nms_thresh: f64,
    /// IoU from which an anchor counts as an object.
    pub rpn_fg_iou_thresh: f64,
    /// IoU below which an anchor counts as background.
    pub rpn_bg_iou_thresh: f64,
    /// Anchors an image that the proposal loss looks at.
    pub rpn_batch_size_per_image: usize,
    /// Share of them that may be objects.
    pub rpn_positive_fraction: f64,
    /// Proposals with a lower objectness are dropped.
    pub rpn_score_thresh: f64,
    /// RetinaNet: candidates kept a level before suppression.
    #[serde(default = "topk_candidates")]
    pub topk_candidates: usize,
    /// Detections with a lower score, or exactly this one, are dropped (RetinaNet's `score_thresh`).
    pub box_score_thresh: f64,
    /// IoU above which the lesser detection of a class is dropped (RetinaNet's `nms_thresh`).
    pub box_nms_thresh: f64,
    /// Most detections in an image (RetinaNet's `detections_per_img`).
    pub box_detections_per_img: usize,
    /// IoU from which a proposal counts as its object (RetinaNet's `fg_iou_thresh`, of anchors).
    pub box_fg_iou_thresh: f64,
    /// IoU below which a proposal counts as background (RetinaNet's `bg_iou_thresh`, of anchors).
    pub box_bg_iou_thresh: f64,
    /// Proposals an image that the box loss looks at.
    pub box_batch_size_per_image: usize,
    /// Share of them that may be objects.
    pub box_positive_fraction: f64,
    /// Weights of the four box offsets in the box head.
    pub bbox_reg_weights: [f64; 4],
    /// Size of a box, in pixels, that is pooled from the pyramid level of stride 16.
    pub roi_canonical_scale: f64,
}

impl Architecture {
    /// Whether boxes come from the levels at once, without proposals.
    pub(crate) const fn is_single_stage(self) -> bool {
        matches!(self, Self::RetinanetResnet50Fpn)
    }

    /// Whether there is a feature pyramid.
    pub(crate) const fn has_pyramid(self) -> bool {
        !matches!(self, Self::Mobile)
    }

    /// Whether pyramid and box head have batch norm, and the heads more convolutions: torchvision's second version.
    pub(crate) const fn norms_heads(self) -> bool {
        matches!(self, Self::FasterrcnnResnet50FpnV2)
    }
}

impl DetectorConfig {
    /// torchvision's defaults for an architecture; `num_classes` counts the background.
    #[must_use]
    pub fn new(architecture: Architecture, num_classes: i64) -> Self {
        let base = Self {
            architecture,
            num_classes,
            min_size: 800,
            max_size: 1333,
            image_mean: [0.485, 0.456, 0.406],
            image_std: [0.229, 0.224, 0.225],
            trainable_layers: 3,
            batch_norm_epsilon: 1e-5,
            batch_norm: BatchNorm::Frozen,
            precision: Precision::Float32,
            fpn_channels: 256,
            top_levels_on: TopLevels::P5,
            head_width: 1024,
            anchor_sizes: one_size_a_level(&[32.0, 64.0, 128.0, 256.0, 512.0]),
            anchor_aspect_ratios: vec![0.5, 1.0, 2.0],
            rpn_pre_nms_top_n_train: 2000,
            rpn_pre_nms_top_n_test: 1000,
            rpn_post_nms_top_n_train: 2000,
            rpn_post_nms_top_n_test: 1000,
            rpn_nms_thresh: 0.7,
            rpn_fg_iou_thresh: 0.7,
            rpn_bg_iou_thresh: 0.3,
            rpn_batch_size_per_image: 256,
            rpn_positive_fraction: 0.5,
            rpn_score_thresh: 0.0,
            topk_candidates: topk_candidates(),
            box_score_thresh: 0.05,
            box_nms_thresh: 0.5,
            box_detections_per_img: 100,
            box_fg_iou_thresh: 0.5,
            box_bg_iou_thresh: 0.5,
            box_batch_size_per_image: 512,
            box_positive_fraction: 0.25,
            bbox_reg_weights: [10.0, 10.0, 5.0, 5.0],
            roi_canonical_scale: 224.0,
        };
        match architecture {
            Architecture::FasterrcnnResnet50Fpn => base,
            Architecture::FasterrcnnResnet50FpnV2 => Self {
                batch_norm: BatchNorm::Live,
                ..base
            },
            Architecture::FasterrcnnMobilenetV3LargeFpn => Self {
                rpn_score_thresh: 0.05,
                ..base.with_mobilenet_anchors(3)
            },
            Architecture::Mobile => Self {
                trainable_layers: 6,
                batch_norm: BatchNorm::Live,
                ..base.with_mobilenet_anchors(1)
            },
            Architecture::RetinanetResnet50Fpn => Self {
                anchor_sizes: [32.0_f64, 64.0, 128.0, 256.0, 512.0].map(three_in_an_octave).to_vec(),
                box_detections_per_img: 300,
                box_bg_iou_thresh: 0.4,
                ..base
            },
            Architecture::FasterrcnnMobilenetV3Large320Fpn => Self {
                min_size: 320,
                max_size: 640,
                rpn_pre_nms_top_n_test: 150,
                rpn_post_nms_top_n_test: 150,
                rpn_score_thresh: 0.05,
                ..base.with_mobilenet_anchors(3)
            },
            Architecture::EfficientnetLite0 => base.light(),
            Architecture::Tiny => Self {
                min_size: 160,
                max_size: 224,
                trainable_layers: 4,
                fpn_channels: 48,
                head_width: 128,
                anchor_sizes: one_size_a_level(&[12.0, 24.0, 48.0, 96.0]),
                rpn_pre_nms_top_n_train: 500,
                rpn_pre_nms_top_n_test: 300,
                rpn_post_nms_top_n_train: 200,
                rpn_post_nms_top_n_test: 100,
                roi_canonical_scale: 80.0,
                ..base.light()
            },
        }
    }

    /// How the network's batch norms behave.
    pub(crate) fn norm_rule(&self) -> NormRule {
        NormRule {
            epsilon: self.batch_norm_epsilon,
            live: self.batch_norm == BatchNorm::Live,
        }
    }

    /// Channels of the levels that the heads see.
    pub(crate) fn level_channels(&self) -> i64 {
        if self.architecture.has_pyramid() {
            self.fpn_channels
        } else {
            MOBILENET_V2_CHANNELS
        }
    }

    fn with_mobilenet_anchors(self, levels: usize) -> Self {
        Self {
            anchor_sizes: vec![vec![32.0, 64.0, 128.0, 256.0, 512.0]; levels],
            ..self
        }
    }

    fn light(self) -> Self {
        Self {
            min_size: 320,
            max_size: 427,
            trainable_layers: 5,
            batch_norm_epsilon: 1e-3,
            fpn_channels: 64,
            head_width: 256,
            anchor_sizes: one_size_a_level(&[16.0, 32.0, 64.0, 128.0, 256.0]),
            rpn_pre_nms_top_n_train: 1000,
            rpn_pre_nms_top_n_test: 500,
            rpn_post_nms_top_n_train: 400,
            rpn_post_nms_top_n_test: 200,
            box_batch_size_per_image: 64,
            ..self
        }
    }
}

fn topk_candidates() -> usize {
    1000
}

/// A size and the two between it and the next, in whole pixels.
fn three_in_an_octave(size: f64) -> Vec<f64> {
    [0.0, 1.0, 2.0]
        .map(|third: f64| (size * (third / 3.0).exp2()).floor())
        .to_vec()
}

fn one_size_a_level(sizes: &[f64]) -> Vec<Vec<f64>> {
    sizes.iter().map(|&size| vec![size]).collect()
}
