//! The report that `evaluate` and `asm-pipe score` give.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::voc::mean as mean_of;
use super::{Protocol, Rules, Scenes, Switches, coco, voc};

/// The figures of one protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whose rules.
    pub protocol: Protocol,
    /// How the rules are called: the protocol, and what was changed.
    pub rules: String,
    /// Figures by name in `[0, 1]`: `ap50` always; with `coco` also `ap`, `ap75`, `ap_small`, `ap_medium`, `ap_large`, `ar_1`, `ar_10`, `ar_100`,
    /// `ar_small`, `ar_medium`, `ar_large`, with the others `ap50_small`, `ap50_medium`, `ap50_large`, `recall`. None where there is nothing to find.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Each class, in the order of the classes.
    pub per_class: Vec<ClassReport>,
    /// Classes without ground truth: left out of the means.
    pub without_ground_truth: Vec<String>,
    /// Images.
    pub images: usize,
    /// Objects that count.
    pub objects: usize,
    /// Detections.
    pub detections: usize,
    /// Detections that have their score in common with another of their class: other orders of these give other figures.
    pub tied_detections: usize,
}

/// The figures of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// The class.
    pub class: String,
    /// AP over the protocol's thresholds; with VOC's the same as `ap50`.
    pub ap: Option<f64>,
    /// AP at an IoU of 0.5.
    pub ap50: Option<f64>,
    /// AP at an IoU of 0.75; only COCO's rules have it.
    pub ap75: Option<f64>,
    /// As `ap`, over small objects: up to 32 x 32 pixels.
    pub ap_small: Option<f64>,
    /// Over medium objects: up to 96 x 96 pixels.
    pub ap_medium: Option<f64>,
    /// Over large objects.
    pub ap_large: Option<f64>,
    /// The share of objects that were found, over the protocol's thresholds.
    pub recall: Option<f64>,
    /// Objects that count.
    pub objects: usize,
    /// Detections.
    pub detections: usize,
}

/// Scores detections by a protocol.
#[must_use]
pub fn score(scenes: &Scenes, protocol: Protocol) -> Report {
    score_with(scenes, protocol, &Switches::default())
}

/// Scores detections by a protocol, some of whose rules are changed.
#[must_use]
pub fn score_with(scenes: &Scenes, protocol: Protocol, switches: &Switches) -> Report {
    let rules = switches.on(protocol);
    let (figures, per_class, tied) = match protocol {
        Protocol::Coco => by_coco(scenes, &rules),
        _ => by_voc(scenes, &rules),
    };
    let without = per_class.iter().filter(|class| class.objects == 0);
    Report {
        protocol,
        rules: switches.name(protocol),
        figures: figures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        without_ground_truth: without.map(|class| class.class.clone()).collect(),
        images: scenes.images.len(),
        objects: per_class.iter().map(|class| class.objects).sum(),
        detections: per_class.iter().map(|class| class.detections).sum(),
        tied_detections: tied,
        per_class,
    }
}

type Figures = Vec<(&'static str, Option<f64>)>;

fn by_coco(scenes: &Scenes, rules: &Rules) -> (Figures, Vec<ClassReport>, usize) {
    let (mean, classes) = coco(scenes, rules);
    let figures = vec![
        ("ap", mean.ap[0]),
        ("ap50", mean.ap50),
        ("ap75", mean.ap75),
        ("ap_small", mean.ap[1]),
        ("ap_medium", mean.ap[2]),
        ("ap_large", mean.ap[3]),
        ("ar_1", mean.recall[0]),
        ("ar_10", mean.recall[1]),
        ("ar_100", mean.recall[2]),
        ("ar_small", mean.recall_by_area[0]),
        ("ar_medium", mean.recall_by_area[1]),
        ("ar_large", mean.recall_by_area[2]),
    ];
    let classes = scenes.classes.iter().zip(classes).map(|(name, class)| ClassReport {
        class: name.clone(),
        ap: class.ap[0],
        ap50: class.ap50,
        ap75: class.ap75,
        ap_small: class.ap[1],
        ap_medium: class.ap[2],
        ap_large: class.ap[3],
        recall: class.recall[2],
        objects: class.objects,
        detections: class.detections,
    });
    (figures, classes.collect(), mean.tied)
}

fn by_voc(scenes: &Scenes, rules: &Rules) -> (Figures, Vec<ClassReport>, usize) {
    let (mean, classes) = voc(scenes, rules);
    let tied = classes.iter().map(|class| class.tied).sum();
    let of_size = |size: usize| mean_of(classes.iter().map(|class| class.ap_by_area[size]));
    let figures = vec![
        ("ap50", mean),
        ("ap50_small", of_size(0)),
        ("ap50_medium", of_size(1)),
        ("ap50_large", of_size(2)),
        ("recall", mean_of(classes.iter().map(|class| class.recall))),
    ];
    let classes = scenes.classes.iter().zip(classes).map(|(name, class)| ClassReport {
        class: name.clone(),
        ap: class.ap,
        ap50: class.ap,
        ap75: None,
        ap_small: class.ap_by_area[0],
        ap_medium: class.ap_by_area[1],
        ap_large: class.ap_by_area[2],
        recall: class.recall,
        objects: class.objects,
        detections: class.detections,
    });
    (figures, classes.collect(), tied)
}
