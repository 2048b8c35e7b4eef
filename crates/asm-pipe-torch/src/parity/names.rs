//! The names and shapes of saved weights are those of torchvision's state dicts, so either program reads the other's.

use tch::Device;
use tch::nn::VarStore;

use super::golden_file;
use crate::config::{Architecture, DetectorConfig, TopLevels};
use crate::detector::Detector;

/// A name and a shape a line, as the files in `tests/golden` have them.
fn lines(config: &DetectorConfig) -> Vec<String> {
    let store = VarStore::new(Device::Cpu);
    Detector::new(&store.root(), config).unwrap();
    let mut lines: Vec<String> = store
        .variables()
        .iter()
        .map(|(name, tensor)| {
            let shape: String = tensor.size().iter().map(|length| format!(" {length}")).collect();
            format!("{name}{shape}")
        })
        .collect();
    lines.sort();
    lines
}

fn assert_names(file: &str, config: &DetectorConfig) {
    let text = fs_err::read_to_string(golden_file(&format!("{file}.names.txt"))).unwrap();
    let mut expected: Vec<&str> = text.lines().collect();
    expected.sort_unstable();
    let found = lines(config);
    let missing: Vec<_> = expected
        .iter()
        .filter(|line| !found.iter().any(|own| own == *line))
        .collect();
    let unexpected: Vec<_> = found.iter().filter(|own| !expected.contains(&own.as_str())).collect();
    assert!(
        missing.is_empty() && unexpected.is_empty(),
        "{file}: {missing:?} {unexpected:?}"
    );
}

#[test]
fn every_model_of_torchvision_is_saved_under_its_names_and_shapes() {
    for (file, architecture) in [
        ("fasterrcnn_resnet50_fpn", Architecture::FasterrcnnResnet50Fpn),
        ("fasterrcnn_resnet50_fpn_v2", Architecture::FasterrcnnResnet50FpnV2),
        (
            "fasterrcnn_mobilenet_v3_large_fpn",
            Architecture::FasterrcnnMobilenetV3LargeFpn,
        ),
        (
            "fasterrcnn_mobilenet_v3_large_fpn",
            Architecture::FasterrcnnMobilenetV3Large320Fpn,
        ),
        ("mobile", Architecture::Mobile),
        ("retinanet_resnet50_fpn", Architecture::RetinanetResnet50Fpn),
    ] {
        assert_names(file, &DetectorConfig::new(architecture, 21));
    }
    let mut config = DetectorConfig::new(Architecture::RetinanetResnet50Fpn, 21);
    config.top_levels_on = TopLevels::C5;
    assert_names("retinanet_on_c5", &config);
}
