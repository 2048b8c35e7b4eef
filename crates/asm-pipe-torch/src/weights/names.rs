//! What arrays are called in files of pretrained weights, and in the network.
//!
//! torchvision has renamed layers over the years; its published checkpoints keep their old names, and its modules translate them while
//! loading. So do we.

use super::Arrays;
use crate::config::Architecture;

/// Where the parts begin that a detector has and a classifier has not.
const DETECTOR: [&str; 4] = ["backbone.", "rpn.", "roi_heads.", "head."];
/// The parts whose shape depends on the classes.
const PREDICTORS: [&str; 2] = ["roi_heads.box_predictor.", "head.classification_head.cls_logits."];
/// Parts of a detector's checkpoint that detect nothing themselves.
const OTHER_HEADS: [&str; 2] = ["roi_heads.mask_", "roi_heads.keypoint_"];
/// How many steps a live batch norm has seen: nothing that it computes with.
const COUNTER: &str = ".num_batches_tracked";
/// Classes of torchvision's COCO checkpoints, the background and the gaps in COCO's numbering included.
const COCO_CLASSES: usize = 91;

/// Where the body is in networks with a pyramid, whose names hold it apart; otherwise the backbone is the body.
const BODY: &str = "backbone.body.";
const BACKBONE: &str = "backbone.";

/// What the names of a network's body begin with.
pub(super) fn body<'a>(mut names: impl Iterator<Item = &'a String>) -> &'static str {
    if names.any(|name| name.starts_with(BODY)) {
        BODY
    } else {
        BACKBONE
    }
}

/// Whether an array belongs to a part whose shape depends on the classes.
pub(super) fn is_predictor(name: &str) -> bool {
    PREDICTORS.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether an array can be left out, or be too much, without a difference.
pub(super) fn is_idle(name: &str) -> bool {
    name.ends_with(COUNTER)
}

/// Whether an array belongs to a head for masks or key points.
pub(super) fn is_of_another_head(name: &str) -> bool {
    OTHER_HEADS.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether the file holds a detector rather than a classifier or a backbone.
pub(super) fn is_detector(arrays: &Arrays) -> bool {
    arrays.keys().any(|name| is_predictor(name))
}

/// The name inside the network, whose body is under `body`, of an array in a file of pretrained weights.
///
/// A detector's names stay, but for old forms; names of a classifier, torchvision's `features.` included, belong to the body.
pub(super) fn in_network(name: &str, body: &str) -> String {
    if DETECTOR.iter().any(|prefix| name.starts_with(prefix)) {
        return renewed(name).unwrap_or_else(|| name.to_owned());
    }
    format!("{body}{}", name.strip_prefix("features.").unwrap_or(name))
}

/// The present form of a name of torchvision's before 0.13, if it is one.
fn renewed(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        ["rpn", "head", "conv", leaf] => Some(format!("rpn.head.conv.0.0.{leaf}")),
        [
            "backbone",
            "fpn",
            blocks @ ("inner_blocks" | "layer_blocks"),
            level,
            leaf,
        ] => Some(format!("backbone.fpn.{blocks}.{level}.0.{leaf}")),
        // Every second layer was an activation.
        ["head", tower, "conv", layer, leaf] => {
            let layer: usize = layer.parse().ok()?;
            Some(format!("head.{tower}.conv.{}.0.{leaf}", layer / 2))
        }
        _ => None,
    }
}

/// The summand under the root of frozen batch norm that a checkpoint was made with, where it is not the architecture's.
///
/// torchvision's first COCO checkpoints of the ResNet-50 detectors were trained before its frozen batch norm had one. They are known by
/// what they hold: the 91 classes of COCO and no counters of batches.
pub(super) fn epsilon(arrays: &Arrays, architecture: Architecture) -> Option<f64> {
    let (predictor, outputs) = match architecture {
        Architecture::FasterrcnnResnet50Fpn => ("roi_heads.box_predictor.cls_score.weight", COCO_CLASSES),
        Architecture::RetinanetResnet50Fpn => ("head.classification_head.cls_logits.weight", 9 * COCO_CLASSES),
        _ => return None,
    };
    let is_coco = arrays.get(predictor)?.shape.first() == Some(&outputs);
    (is_coco && !arrays.keys().any(|name| is_idle(name))).then_some(0.0)
}

#[cfg(test)]
mod tests {
    use super::{epsilon, in_network};
    use crate::config::Architecture;
    use crate::weights::{Array, Arrays};
    use safetensors::Dtype;

    #[test]
    fn a_classifiers_names_belong_to_the_body_and_a_detectors_stay() {
        let cases = [
            ("layer1.0.conv1.weight", "backbone.body.layer1.0.conv1.weight"),
            ("features.0.0.weight", "backbone.body.0.0.weight"),
            ("backbone.body.conv1.weight", "backbone.body.conv1.weight"),
            ("roi_heads.box_head.fc6.weight", "roi_heads.box_head.fc6.weight"),
        ];
        for (given, expected) in cases {
            assert_eq!(in_network(given, "backbone.body."), expected);
        }
        assert_eq!(in_network("features.18.0.weight", "backbone."), "backbone.18.0.weight");
    }

    #[test]
    fn names_from_before_torchvision_0_13_are_renewed_and_new_ones_left_alone() {
        let cases = [
            ("rpn.head.conv.weight", "rpn.head.conv.0.0.weight"),
            ("rpn.head.conv.0.0.weight", "rpn.head.conv.0.0.weight"),
            ("backbone.fpn.inner_blocks.3.bias", "backbone.fpn.inner_blocks.3.0.bias"),
            (
                "backbone.fpn.layer_blocks.0.0.bias",
                "backbone.fpn.layer_blocks.0.0.bias",
            ),
            (
                "head.regression_head.conv.6.weight",
                "head.regression_head.conv.3.0.weight",
            ),
            (
                "head.regression_head.conv.3.0.weight",
                "head.regression_head.conv.3.0.weight",
            ),
            (
                "backbone.fpn.extra_blocks.p6.weight",
                "backbone.fpn.extra_blocks.p6.weight",
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(in_network(given, "backbone.body."), expected);
        }
    }

    #[test]
    fn the_first_coco_checkpoints_are_known_by_what_they_hold() {
        let array = |rows: usize| Array {
            dtype: Dtype::U8,
            shape: vec![rows, 1],
            data: vec![0; rows],
        };
        let coco = |rows| Arrays::from([("roi_heads.box_predictor.cls_score.weight".to_owned(), array(rows))]);
        let resnet = Architecture::FasterrcnnResnet50Fpn;
        assert_eq!(epsilon(&coco(91), resnet), Some(0.0));
        assert_eq!(epsilon(&coco(21), resnet), None);
        assert_eq!(epsilon(&coco(91), Architecture::FasterrcnnResnet50FpnV2), None);
        let mut live = coco(91);
        live.insert("backbone.body.bn1.num_batches_tracked".into(), array(1));
        assert_eq!(epsilon(&live, resnet), None);
        let retina = Arrays::from([("head.classification_head.cls_logits.weight".to_owned(), array(819))]);
        assert_eq!(epsilon(&retina, Architecture::RetinanetResnet50Fpn), Some(0.0));
    }
}
