//! Average precision at one threshold, class by class: VOC's figures, or any other set of [`Rules`].

use rayon::prelude::*;

use super::class::ClassScenes;
use super::coco::AREAS;
use super::index::Index;
use super::outcomes::Matcher;
use super::{Rules, Scenes};

/// One class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassPrecision {
    /// Average precision; none without ground truth.
    pub ap: Option<f64>,
    /// Average precision over small, medium and large objects, by COCO's sizes.
    pub ap_by_area: [Option<f64>; 3],
    /// The share of objects that were found.
    pub recall: Option<f64>,
    /// Objects that count.
    pub objects: usize,
    /// Detections.
    pub detections: usize,
    /// Detections that have their score in common with another of the class.
    pub tied: usize,
}

/// The mean over the classes that have ground truth, and each class.
#[must_use]
pub fn voc(scenes: &Scenes, rules: &Rules) -> (Option<f64>, Vec<ClassPrecision>) {
    let index = Index::new(scenes);
    let labels = (0..scenes.classes.len()).into_par_iter();
    let classes: Vec<ClassPrecision> = labels
        .map(|label| class(&ClassScenes::new(scenes, &index, label, rules), rules))
        .collect();
    (mean(classes.iter().map(|class| class.ap)), classes)
}

fn class(scenes: &ClassScenes, rules: &Rules) -> ClassPrecision {
    let thresholds = [rules.threshold];
    let matcher = Matcher::new(scenes, rules, &thresholds);
    let ranking = |range| {
        let mut rankings = matcher.outcomes(range).rankings(scenes, scenes.counted(range));
        rankings.pop().unwrap_or_default()
    };
    let precision = |range| ranking(range).average_precision(rules.interpolation);
    let whole = ranking(None);
    ClassPrecision {
        ap: whole.average_precision(rules.interpolation),
        ap_by_area: [1, 2, 3].map(|area: usize| precision(Some(AREAS[area]))),
        recall: whole.recall(),
        objects: scenes.counted(None),
        detections: scenes.detections,
        tied: scenes.tied,
    }
}

/// The mean of those that are defined.
pub(super) fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let defined: Vec<f64> = values.flatten().collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
}
