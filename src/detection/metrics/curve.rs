//! Precision over recall, class by class, at one overlap threshold.

use rayon::prelude::*;
use serde::Serialize;

use super::average_precision::linspace;
use super::class::ClassScenes;
use super::index::Index;
use super::outcomes::Matcher;
use super::{Ranking, Rules, Scenes};

/// Recalls from 0 to 1 by 0.01.
const POINTS: usize = 101;

/// A class's curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// The class.
    pub class: String,
    /// At recalls 0, 0.01, .. 1.
    pub points: Vec<CurvePoint>,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The recall.
    pub recall: f64,
    /// The highest precision at this recall or a higher one; 0 where it is never reached.
    pub precision: f64,
    /// The score that detections must have for this recall; none where it is never reached.
    pub score: Option<f64>,
}

/// The curves of the classes that have ground truth, at the rules' threshold.
#[must_use]
pub fn curves(scenes: &Scenes, rules: &Rules) -> Vec<Curve> {
    let index = Index::new(scenes);
    let labels = (0..scenes.classes.len()).into_par_iter();
    let curve = |label: usize| {
        let class = ClassScenes::new(scenes, &index, label, rules);
        let points = points(&class, rules)?;
        let class = scenes.classes[label].clone();
        Some(Curve { class, points })
    };
    labels.filter_map(curve).collect()
}

/// The mean of curves at each recall; none of no curves.
#[must_use]
pub fn mean_curve(curves: &[Curve]) -> Option<Vec<CurvePoint>> {
    let mean = |at: usize| {
        let sum: f64 = curves.iter().map(|curve| curve.points[at].precision).sum();
        CurvePoint {
            recall: linspace(at, POINTS - 1),
            precision: sum / curves.len() as f64,
            score: None,
        }
    };
    (!curves.is_empty()).then(|| (0..POINTS).map(mean).collect())
}

fn points(class: &ClassScenes, rules: &Rules) -> Option<Vec<CurvePoint>> {
    let objects = class.counted(None);
    let thresholds = [rules.threshold];
    let outcomes = Matcher::new(class, rules, &thresholds).outcomes(None);
    let (mut ranks, mut scores) = (Vec::new(), Vec::new());
    outcomes.each_hit(class, |_, rank, at| {
        ranks.push(rank);
        scores.push(class.scores[at]);
    });
    let ranking = Ranking::new(&ranks, objects);
    ranking.recall()?;
    let envelope = ranking.envelope();
    let mut hit = 0;
    let point = |at: usize| {
        let recall = linspace(at, POINTS - 1);
        while hit < envelope.len() && ranking.recall_at(hit + 1) < recall {
            hit += 1;
        }
        CurvePoint {
            recall,
            precision: envelope.get(hit).copied().unwrap_or(0.0),
            score: scores.get(hit).copied(),
        }
    };
    Some((0..POINTS).map(point).collect())
}
