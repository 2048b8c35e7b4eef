//! The network's values as params: each may be left to the architecture.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BatchNorm, DetectorConfig, Precision, TopLevels};

/// Values of the network under torchvision's names. What is null is the architecture's, or the given model's; its docs say torchvision's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkParams {
    /// Whether batch norm is frozen or live. Live in `fasterrcnn_resnet50_fpn_v2` and `mobile`, frozen in the others; `tiny` has none.
    pub batch_norm: Option<BatchNorm>,
    /// Added to the variance in batch norm. 1e-5, but 1e-3 for `efficientnet_lite0`, and 0 when `weights` are torchvision's `COCO_V1` of
    /// the ResNet-50.
    #[schemars(range(min = 0.0))]
    pub batch_norm_epsilon: Option<f64>,
    /// In which numbers layers compute; `float32`. Kind `detect` has its own.
    pub precision: Option<Precision>,
    /// Subtracted from each channel (RGB in 0 to 1). ImageNet's: [0.485, 0.456, 0.406].
    pub image_mean: Option<[f64; 3]>,
    /// Divides each channel afterwards. ImageNet's: [0.229, 0.224, 0.225].
    pub image_std: Option<[f64; 3]>,
    /// Channels of each pyramid level. 256; 64 for `efficientnet_lite0`, 48 for `tiny`.
    #[schemars(range(min = 1))]
    pub fpn_channels: Option<i64>,
    /// RetinaNet: which map its two coarsest levels are convolved from. `p5`.
    pub top_levels_on: Option<TopLevels>,
    /// Width of the hidden layers of the box head. 1024; 256 for `efficientnet_lite0`, 128 for `tiny`.
    #[schemars(range(min = 1))]
    pub head_width: Option<i64>,
    /// Anchor sizes in pixels of the resized image, a list a level, the finest first.
    pub anchor_sizes: Option<Vec<Vec<f64>>>,
    /// Heights of anchors divided by widths, for all levels. [0.5, 1.0, 2.0].
    pub anchor_aspect_ratios: Option<Vec<f64>>,
    /// Proposals kept a level before suppression, in training. 2000.
    pub rpn_pre_nms_top_n_train: Option<usize>,
    /// The same in detection. 1000; 150 for `fasterrcnn_mobilenet_v3_large_320_fpn`.
    pub rpn_pre_nms_top_n_test: Option<usize>,
    /// Proposals kept an image after suppression, in training. 2000.
    pub rpn_post_nms_top_n_train: Option<usize>,
    /// The same in detection. 1000; 150 for `fasterrcnn_mobilenet_v3_large_320_fpn`.
    pub rpn_post_nms_top_n_test: Option<usize>,
    /// IoU above which the lesser proposal is dropped. 0.7.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rpn_nms_thresh: Option<f64>,
    /// IoU from which an anchor counts as an object. 0.7.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rpn_fg_iou_thresh: Option<f64>,
    /// IoU below which an anchor counts as background. 0.3.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rpn_bg_iou_thresh: Option<f64>,
    /// Anchors an image that the proposal loss looks at. 256.
    #[schemars(range(min = 1))]
    pub rpn_batch_size_per_image: Option<usize>,
    /// Share of them that may be objects. 0.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rpn_positive_fraction: Option<f64>,
    /// Proposals with a lower objectness are dropped. 0; 0.05 for the MobileNetV3 models.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rpn_score_thresh: Option<f64>,
    /// RetinaNet: candidates kept a level before suppression. 1000.
    pub topk_candidates: Option<usize>,
    /// Detections with a lower score, or exactly this one, are dropped when validation is measured. 0.05. Kind `detect` has its own.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub box_score_thresh: Option<f64>,
    /// IoU above which the lesser detection of a class is dropped. 0.5. Kind `detect` has its own.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub box_nms_thresh: Option<f64>,
    /// Most detections in an image. 100, RetinaNet 300. Kind `detect` has its own.
    pub box_detections_per_img: Option<usize>,
    /// IoU from which a proposal, or a RetinaNet's anchor, counts as its object. 0.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub box_fg_iou_thresh: Option<f64>,
    /// IoU below which it counts as background. 0.5, RetinaNet 0.4.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub box_bg_iou_thresh: Option<f64>,
    /// Proposals an image that the box loss looks at. 512; 64 for `efficientnet_lite0` and `tiny`.
    #[schemars(range(min = 1))]
    pub box_batch_size_per_image: Option<usize>,
    /// Share of them that may be objects. 0.25.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub box_positive_fraction: Option<f64>,
    /// Weights of the four box offsets in the box head. [10, 10, 5, 5].
    pub bbox_reg_weights: Option<[f64; 4]>,
    /// Size of a box, in pixels, that is pooled from the pyramid level of stride 16. 224; 80 for `tiny`.
    pub roi_canonical_scale: Option<f64>,
}

impl NetworkParams {
    /// A configuration with the values that are given here.
    #[must_use]
    pub fn over(&self, base: DetectorConfig) -> DetectorConfig {
        let given = self.clone();
        DetectorConfig {
            batch_norm: given.batch_norm.unwrap_or(base.batch_norm),
            batch_norm_epsilon: given.batch_norm_epsilon.unwrap_or(base.batch_norm_epsilon),
            precision: given.precision.unwrap_or(base.precision),
            image_mean: given.image_mean.unwrap_or(base.image_mean),
            image_std: given.image_std.unwrap_or(base.image_std),
            fpn_channels: given.fpn_channels.unwrap_or(base.fpn_channels),
            top_levels_on: given.top_levels_on.unwrap_or(base.top_levels_on),
            head_width: given.head_width.unwrap_or(base.head_width),
            anchor_sizes: given.anchor_sizes.unwrap_or(base.anchor_sizes),
            anchor_aspect_ratios: given.anchor_aspect_ratios.unwrap_or(base.anchor_aspect_ratios),
            rpn_pre_nms_top_n_train: given.rpn_pre_nms_top_n_train.unwrap_or(base.rpn_pre_nms_top_n_train),
            rpn_pre_nms_top_n_test: given.rpn_pre_nms_top_n_test.unwrap_or(base.rpn_pre_nms_top_n_test),
            rpn_post_nms_top_n_train: given.rpn_post_nms_top_n_train.unwrap_or(base.rpn_post_nms_top_n_train),
            rpn_post_nms_top_n_test: given.rpn_post_nms_top_n_test.unwrap_or(base.rpn_post_nms_top_n_test),
            rpn_nms_thresh: given.rpn_nms_thresh.unwrap_or(base.rpn_nms_thresh),
            rpn_fg_iou_thresh: given.rpn_fg_iou_thresh.unwrap_or(base.rpn_fg_iou_thresh),
            rpn_bg_iou_thresh: given.rpn_bg_iou_thresh.unwrap_or(base.rpn_bg_iou_thresh),
            rpn_batch_size_per_image: given.rpn_batch_size_per_image.unwrap_or(base.rpn_batch_size_per_image),
            rpn_positive_fraction: given.rpn_positive_fraction.unwrap_or(base.rpn_positive_fraction),
            rpn_score_thresh: given.rpn_score_thresh.unwrap_or(base.rpn_score_thresh),
            topk_candidates: given.topk_candidates.unwrap_or(base.topk_candidates),
            box_score_thresh: given.box_score_thresh.unwrap_or(base.box_score_thresh),
            box_nms_thresh: given.box_nms_thresh.unwrap_or(base.box_nms_thresh),
            box_detections_per_img: given.box_detections_per_img.unwrap_or(base.box_detections_per_img),
            box_fg_iou_thresh: given.box_fg_iou_thresh.unwrap_or(base.box_fg_iou_thresh),
            box_bg_iou_thresh: given.box_bg_iou_thresh.unwrap_or(base.box_bg_iou_thresh),
            box_batch_size_per_image: given.box_batch_size_per_image.unwrap_or(base.box_batch_size_per_image),
            box_positive_fraction: given.box_positive_fraction.unwrap_or(base.box_positive_fraction),
            bbox_reg_weights: given.bbox_reg_weights.unwrap_or(base.bbox_reg_weights),
            roi_canonical_scale: given.roi_canonical_scale.unwrap_or(base.roi_canonical_scale),
            architecture: base.architecture,
            num_classes: base.num_classes,
            min_size: base.min_size,
            max_size: base.max_size,
            trainable_layers: base.trainable_layers,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::NetworkParams;
    use crate::config::{Architecture, DetectorConfig};

    #[test]
    fn nothing_given_changes_nothing() {
        let base = DetectorConfig::new(Architecture::RetinanetResnet50Fpn, 3);
        assert_eq!(NetworkParams::default().over(base.clone()), base);
    }

    /// Every value of the configuration is a param here or of `train` itself, and reaches the field of its name.
    #[test]
    fn every_value_can_be_given_and_arrives() {
        let base = DetectorConfig::new(Architecture::Tiny, 3);
        let other = DetectorConfig::new(Architecture::RetinanetResnet50Fpn, 3);
        let names = serde_json::to_value(NetworkParams::default()).unwrap();
        let elsewhere = [
            "architecture",
            "num_classes",
            "min_size",
            "max_size",
            "trainable_layers",
        ];
        let (base_text, other_text) = (
            serde_json::to_value(&base).unwrap(),
            serde_json::to_value(other).unwrap(),
        );
        for (name, value) in other_text.as_object().unwrap() {
            if elsewhere.contains(&name.as_str()) {
                continue;
            }
            assert!(names.get(name).is_some(), "`{name}` is no param");
            let params: NetworkParams = serde_json::from_value(json!({ name: value })).unwrap();
            let mut expected = base_text.clone();
            expected[name] = value.clone();
            assert_eq!(
                serde_json::to_value(params.over(base.clone())).unwrap(),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_model_from_before_a_value_was_there_has_its_default() {
        let mut text = serde_json::to_value(DetectorConfig::new(Architecture::Tiny, 3)).unwrap();
        for name in ["batch_norm", "precision", "top_levels_on", "topk_candidates"] {
            text.as_object_mut().unwrap().remove(name);
        }
        let config: DetectorConfig = serde_json::from_value(text).unwrap();
        assert_eq!(config, DetectorConfig::new(Architecture::Tiny, 3));
    }
}
