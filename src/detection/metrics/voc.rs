//! Average precision at one threshold, class by class: VOC's figures, or any other set of [`Rules`].

use rayon::prelude::*;

use super::class::ClassScenes;
use super::{Rules, Scenes};

/// One class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassPrecision {
    /// Average precision; none without ground truth.
    pub ap: Option<f64>,
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
    let class = |label| {
        let scenes = ClassScenes::new(scenes, label, rules);
        let objects = scenes.objects(None);
        let outcomes = scenes.outcomes(rules, None);
        ClassPrecision {
            ap: scenes
                .ranking(&outcomes, objects)
                .average_precision(rules.interpolation),
            objects,
            detections: scenes.detections,
            tied: scenes.tied,
        }
    };
    let labels = 0..scenes.classes.len() as u32;
    let classes: Vec<ClassPrecision> = labels.into_par_iter().map(class).collect();
    let defined: Vec<f64> = classes.iter().filter_map(|class| class.ap).collect();
    let mean = (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64);
    (mean, classes)
}
