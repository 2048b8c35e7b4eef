//! One stage: features, what the heads say, detections, losses, gradients.

use tch::Device;

use super::{Case, assert_sample};
use crate::boxes;
use crate::config::{Architecture, TopLevels};
use crate::detector::Detector;
use crate::mode::Mode;

const LOSSES: [(&str, &str); 2] = [
    ("loss_classifier", "classification"),
    ("loss_box_reg", "bbox_regression"),
];

fn answers_as_torchvision(name: &str, top_levels_on: TopLevels) {
    let case = Case::new(name, Architecture::RetinanetResnet50Fpn, |config| {
        config.top_levels_on = top_levels_on;
    });
    let Detector::RetinaNet(network) = &case.network else {
        panic!("it has two stages")
    };
    let golden = &case.golden;
    tch::no_grad(|| {
        let batch = network.transform.batch(&case.images, Device::Cpu).unwrap();
        let sizes: Vec<i64> = batch.sizes.iter().flat_map(|size| [size.0, size.1]).collect();
        assert_eq!(sizes, boxes::integers(&golden["batch.image_sizes"]).unwrap());
        let levels = network.features(&batch.tensor, Mode::Detection).unwrap();
        assert_eq!(levels.len(), 5);
        for (level, feature) in levels.iter().enumerate() {
            assert_sample(golden, &format!("feature.{level}"), feature);
        }
        let answers = network.answers(&levels, batch.padded().unwrap()).unwrap();
        assert_sample(golden, "logits.0", &answers.logits);
        assert_sample(golden, "offsets.0", &answers.offsets);
    });
    case.assert_trainable();
    case.assert_detections();
    case.assert_training(&LOSSES, "");
}

#[test]
fn retinanet_resnet50_fpn_answers_as_torchvision() {
    answers_as_torchvision("retinanet_resnet50_fpn", TopLevels::P5);
}

#[test]
fn retinanet_with_its_top_on_the_bodys_last_map_answers_as_torchvision() {
    answers_as_torchvision("retinanet_on_c5", TopLevels::C5);
}
