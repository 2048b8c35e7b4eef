//! A network begins with a file of pretrained weights: a classifier's, a backbone's, or a whole detector's.

use std::path::Path;

use asm_pipe::stage::StageError;
use tch::nn::VarStore;

use super::load::{LoadReport, Rule, load, shortened};
use super::{Arrays, WeightsError, names, read};
use crate::config::Architecture;

/// Gives a network the weights of a file; tells `log` in sentences what was taken over and what was not, and of weights that do not fit
/// every name.
///
/// # Errors
/// When the file is missing or damaged, or its names and shapes are not those of the network, with the first that differ.
pub fn begin(store: &VarStore, path: &Path, log: &dyn Fn(&str)) -> Result<(), StageError> {
    let shown = path.display();
    if !path.is_file() {
        return Err(StageError::new(format!("the file of weights `{shown}` is not there"))
            .hint("`make weights` fetches the ImageNet weights; `weights: null` does without"));
    }
    let file = read(path)?;
    let rule = if names::is_detector(&file) {
        Rule::Detector
    } else {
        Rule::Backbone
    };
    let variables = store.variables();
    let body = names::body(variables.keys());
    let arrays: Arrays = file
        .into_iter()
        .map(|(name, array)| (names::in_network(&name, body), array))
        .collect();
    let report = load(store, &arrays, rule).map_err(|e| {
        if let WeightsError::Mismatch(mismatch) = &e {
            mismatch.lines().for_each(|line| log(&line));
        }
        StageError::new(format!("`{shown}`: {e}"))
            .hint("is it of this `architecture`? The log has all names, `asm-pipe weights show` what the file holds")
    })?;
    sentences(&shown.to_string(), rule, &report)
        .iter()
        .for_each(|line| log(line));
    Ok(())
}

/// The summand under the root of frozen batch norm that the weights of a file were made with, where it is not the architecture's.
///
/// # Errors
/// When the file is there and damaged.
pub fn epsilon(path: &Path, architecture: Architecture) -> Result<Option<f64>, StageError> {
    let knows = [Architecture::FasterrcnnResnet50Fpn, Architecture::RetinanetResnet50Fpn];
    if !knows.contains(&architecture) || !path.is_file() {
        return Ok(None);
    }
    Ok(names::epsilon(&read(path)?, architecture))
}

fn sentences(path: &str, rule: Rule, report: &LoadReport) -> Vec<String> {
    let what = match rule {
        Rule::Detector => "a detector's weights",
        _ => "a backbone's weights; the rest of the network begins anew",
    };
    let mut lines = vec![format!("{} arrays from `{path}`, {what}", report.loaded)];
    if !report.misshaped.is_empty() {
        let names = shortened(&report.misshaped);
        lines.push(format!(
            "the predictor begins anew, the file's is for other classes: {names}"
        ));
    }
    let unused: Vec<String> = report
        .unexpected
        .iter()
        .filter(|name| !names::is_idle(name))
        .cloned()
        .collect();
    if !unused.is_empty() {
        lines.push(format!("not used: {}", shortened(&unused)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;

    use asm_pipe::stage::StageError;
    use tch::nn::VarStore;
    use tch::{Device, Kind, Tensor};

    use super::epsilon;
    use crate::config::{Architecture, DetectorConfig};
    use crate::detector::Detector;
    use crate::weights::{Array, Arrays, AsTensor as _, safetensors};

    /// What [`super::begin`] logs and how it ends.
    fn begin(store: &VarStore, path: &Path) -> (Vec<String>, Result<(), StageError>) {
        let lines = RefCell::new(Vec::new());
        let outcome = super::begin(store, path, &|line| lines.borrow_mut().push(line.to_owned()));
        (lines.into_inner(), outcome)
    }

    fn network(architecture: Architecture, classes: i64) -> VarStore {
        let store = VarStore::new(Device::Cpu);
        let config = DetectorConfig {
            trainable_layers: 0,
            ..DetectorConfig::new(architecture, classes)
        };
        Detector::new(&store.root(), &config).unwrap();
        store
    }

    /// All of a network's arrays as ones, under names changed by `rename`.
    fn file(folder: &Path, store: &VarStore, rename: impl Fn(&str) -> Option<String>) -> std::path::PathBuf {
        let arrays: Arrays = store
            .variables()
            .into_iter()
            .filter_map(|(name, tensor)| {
                let ones = Tensor::ones(tensor.size(), (Kind::Float, Device::Cpu));
                Some((rename(&name)?, Array::of(&ones).unwrap()))
            })
            .collect();
        let path = folder.join("w.safetensors");
        safetensors::write(&path, &arrays, None).unwrap();
        path
    }

    #[test]
    fn a_detector_of_other_classes_gives_all_but_its_predictor_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let coco = network(Architecture::Tiny, 91);
        let path = file(folder.path(), &coco, |name| Some(name.to_owned()));
        let store = network(Architecture::Tiny, 4);
        let before = store.variables()["roi_heads.box_predictor.cls_score.bias"].copy();
        let (lines, outcome) = begin(&store, &path);
        outcome.unwrap();
        assert!(
            lines[1].contains("predictor begins anew")
                && lines[1].contains("cls_score.weight (file [91, 128], network [4, 128])"),
            "{lines:?}"
        );
        let after = store.variables();
        assert_eq!(after["roi_heads.box_predictor.cls_score.bias"], before);
        assert_eq!(
            after["rpn.head.cls_logits.bias"].sum(Kind::Float).double_value(&[]),
            3.0
        );
    }

    #[test]
    fn a_mobile_network_takes_a_classifiers_features_as_its_backbone() {
        let folder = tempfile::tempdir().unwrap();
        let store = network(Architecture::Mobile, 3);
        let path = file(folder.path(), &store, |name| {
            name.strip_prefix("backbone.").map(|name| format!("features.{name}"))
        });
        let (lines, outcome) = begin(&store, &path);
        outcome.unwrap();
        assert!(
            lines.len() == 1 && lines[0].contains("a backbone's weights"),
            "{lines:?}"
        );
        assert_eq!(
            store.variables()["backbone.18.1.bias"]
                .sum(Kind::Float)
                .double_value(&[]),
            1280.0
        );
    }

    #[test]
    fn an_old_retinanet_is_taken_whole_and_a_gap_in_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = network(Architecture::RetinanetResnet50Fpn, 91);
        let old = |name: &str| {
            let parts: Vec<&str> = name.split('.').collect();
            match parts.as_slice() {
                ["head", tower, "conv", layer, "0", leaf] => {
                    let layer = layer.parse::<usize>().unwrap() * 2;
                    format!("head.{tower}.conv.{layer}.{leaf}")
                }
                [
                    "backbone",
                    "fpn",
                    blocks @ ("inner_blocks" | "layer_blocks"),
                    level,
                    "0",
                    leaf,
                ] => {
                    format!("backbone.fpn.{blocks}.{level}.{leaf}")
                }
                _ => name.to_owned(),
            }
        };
        let path = file(folder.path(), &store, |name| Some(old(name)));
        let (lines, outcome) = begin(&store, &path);
        outcome.unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(epsilon(&path, Architecture::RetinanetResnet50Fpn).unwrap(), Some(0.0));
        let path = file(folder.path(), &store, |name| {
            (name != "head.regression_head.bbox_reg.bias").then(|| old(name))
        });
        let error = begin(&store, &path).1.unwrap_err();
        assert!(
            error.message.contains("missing: head.regression_head.bbox_reg.bias"),
            "{error}"
        );
    }

    #[test]
    fn another_architectures_weights_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), &network(Architecture::Tiny, 3), |name| {
            Some(name.to_owned())
        });
        let store = network(Architecture::EfficientnetLite0, 3);
        let (lines, outcome) = begin(&store, &path);
        let error = outcome.unwrap_err();
        assert!(
            error.message.contains("missing: backbone.body._blocks") && error.message.contains("and "),
            "{error}"
        );
        let missing = lines.iter().filter(|line| line.starts_with("missing: "));
        let (theirs, ours) = (network(Architecture::Tiny, 3).variables(), store.variables());
        assert_eq!(
            missing.count(),
            ours.keys().filter(|name| !theirs.contains_key(*name)).count()
        );
    }
}
