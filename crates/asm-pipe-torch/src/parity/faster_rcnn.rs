//! Two stages: features, proposals, detections, losses, gradients.

use tch::Device;

use super::{Case, assert_close, assert_same_rows, assert_sample};
use crate::boxes;
use crate::config::{Architecture, BatchNorm};
use crate::detector::Detector;
use crate::mode::Mode;

const LOSSES: [(&str, &str); 4] = [
    ("loss_classifier", "loss_classifier"),
    ("loss_box_reg", "loss_box_reg"),
    ("loss_objectness", "loss_objectness"),
    ("loss_rpn_box_reg", "loss_rpn_box_reg"),
];

fn answers_as_torchvision(case: &Case) {
    let Detector::FasterRcnn(network) = &case.network else {
        panic!("it has one stage")
    };
    let golden = &case.golden;
    tch::no_grad(|| {
        let batch = network.transform.batch(&case.images, Device::Cpu).unwrap();
        if let Some(expected) = golden.get("batch") {
            assert_close("batch", &batch.tensor, expected);
        }
        let sizes: Vec<i64> = batch.sizes.iter().flat_map(|size| [size.0, size.1]).collect();
        assert_eq!(sizes, boxes::integers(&golden["batch.image_sizes"]).unwrap());
        let levels = network.features(&batch.tensor, Mode::Detection).unwrap();
        let head = network.rpn.head(&levels).unwrap();
        for (level, (feature, (objectness, offsets))) in levels.iter().zip(&head).enumerate() {
            for (what, tensor) in [("feature", feature), ("objectness", objectness), ("rpn_delta", offsets)] {
                assert_sample(golden, &format!("{what}.{level}"), tensor);
            }
        }
        let found = network.rpn.predict(&levels, batch.padded().unwrap()).unwrap();
        let proposals = network.rpn.proposals(&found, &batch.sizes, Mode::Detection).unwrap();
        for (image, proposals) in proposals.iter().enumerate() {
            let expected = &golden[&format!("proposals.{image}")];
            let first = &proposals[..proposals.len().min(200)];
            assert_same_rows(
                &format!("proposals {image}"),
                &boxes::tensor(first, Device::Cpu).unwrap(),
                expected,
            );
        }
    });
    case.assert_trainable();
    case.assert_detections();
    case.assert_training(&LOSSES, "");
}

/// A model whose batch norm is live: as it is, and with fixed statistics.
fn both_norms_answer_as_torchvision(name: &str, architecture: Architecture) {
    let case = |batch_norm| {
        Case::new(name, architecture, |config| {
            config.trainable_layers = 6;
            config.rpn_nms_thresh = 0.3;
            config.batch_norm = batch_norm;
        })
    };
    answers_as_torchvision(&case(BatchNorm::Live));
    case(BatchNorm::Frozen).assert_training(&LOSSES, "fixed.");
}

#[test]
fn resnet50_fpn_answers_as_torchvision() {
    let architecture = Architecture::FasterrcnnResnet50Fpn;
    answers_as_torchvision(&Case::new("fasterrcnn_resnet50_fpn", architecture, |_| {}));
}

#[test]
fn mobilenet_v3_large_320_fpn_answers_as_torchvision() {
    let architecture = Architecture::FasterrcnnMobilenetV3Large320Fpn;
    answers_as_torchvision(&Case::new(
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        architecture,
        |_| {},
    ));
}

#[test]
fn resnet50_fpn_v2_answers_as_torchvision() {
    both_norms_answer_as_torchvision("fasterrcnn_resnet50_fpn_v2", Architecture::FasterrcnnResnet50FpnV2);
}

#[test]
fn mobile_answers_as_torchvision() {
    both_norms_answer_as_torchvision("mobile", Architecture::Mobile);
}
