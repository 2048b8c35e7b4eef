//! COCO's figures as pycocotools computes them, per class and in the mean.

use rayon::prelude::*;

use super::class::{AreaRange, ClassScenes};
use super::index::Index;
use super::outcomes::Matcher;
use super::{Ranking, Rules, Scenes};

/// Area ranges in square pixels, bounds inclusive: all, small, medium, large.
pub const AREAS: [AreaRange; 4] = [(0.0, 1e10), (0.0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10)];

/// How many detections an image count for recall.
const MOST: [usize; 3] = [1, 10, 100];

/// The figures of one class, or the means over the classes that have ground truth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CocoFigures {
    /// AP averaged over IoU 0.5, 0.55, .. 0.95; for all sizes, small, medium and large objects.
    pub ap: [Option<f64>; 4],
    /// AP at IoU 0.5.
    pub ap50: Option<f64>,
    /// AP at IoU 0.75.
    pub ap75: Option<f64>,
    /// Recall averaged over the same IoUs with 1, 10 and 100 detections an image.
    pub recall: [Option<f64>; 3],
    /// Recall with 100 detections for small, medium and large objects.
    pub recall_by_area: [Option<f64>; 3],
    /// Objects that count.
    pub objects: usize,
    /// Detections.
    pub detections: usize,
    /// Detections that have their score in common with another of the class.
    pub tied: usize,
}

/// Computes the figures of each class and their means. The rules' threshold is not used: there are ten.
#[must_use]
pub fn coco(scenes: &Scenes, rules: &Rules) -> (CocoFigures, Vec<CocoFigures>) {
    let index = Index::new(scenes);
    let labels = (0..scenes.classes.len()).into_par_iter();
    let classes: Vec<CocoFigures> = labels
        .map(|label| class(&ClassScenes::new(scenes, &index, label, rules), rules))
        .collect();
    let over = |figure: &dyn Fn(&CocoFigures) -> Option<f64>| mean(classes.iter().filter_map(figure));
    let means = CocoFigures {
        ap: std::array::from_fn(|area| over(&|class| class.ap[area])),
        ap50: over(&|class| class.ap50),
        ap75: over(&|class| class.ap75),
        recall: std::array::from_fn(|most| over(&|class| class.recall[most])),
        recall_by_area: std::array::from_fn(|area| over(&|class| class.recall_by_area[area])),
        objects: classes.iter().map(|class| class.objects).sum(),
        detections: classes.iter().map(|class| class.detections).sum(),
        tied: classes.iter().map(|class| class.tied).sum(),
    };
    (means, classes)
}

fn class(scenes: &ClassScenes, rules: &Rules) -> CocoFigures {
    let thresholds: [f64; 10] = std::array::from_fn(|step| threshold(step as u32));
    let matcher = Matcher::new(scenes, rules, &thresholds);
    let mut figures = CocoFigures {
        objects: scenes.counted(Some(AREAS[0])),
        detections: scenes.detections,
        tied: scenes.tied,
        ..CocoFigures::default()
    };
    for (area, &range) in AREAS.iter().enumerate() {
        let objects = scenes.counted(Some(range));
        if objects == 0 {
            continue;
        }
        let outcomes = matcher.outcomes(Some(range));
        let rankings = outcomes.rankings(scenes, objects);
        let precision = |ranking: &Ranking| ranking.average_precision(rules.interpolation).unwrap_or(0.0);
        let precisions: Vec<f64> = rankings.iter().map(precision).collect();
        figures.ap[area] = mean(precisions.iter().copied());
        if area == 0 {
            figures.ap50 = Some(precisions[0]);
            figures.ap75 = Some(precisions[5]);
            let recall = |most| outcomes.hits_within(scenes, most) as f64 / (10 * objects) as f64;
            figures.recall = MOST.map(|most| Some(recall(most)));
        } else {
            let recalls = rankings.iter().map(|ranking| ranking.recall().unwrap_or(0.0));
            figures.recall_by_area[area - 1] = mean(recalls);
        }
    }
    figures
}

/// numpy's `linspace(0.5, 0.95, 10)[step]`.
fn threshold(step: u32) -> f64 {
    let width = (0.95 - 0.5) / 9.0;
    if step == 9 { 0.95 } else { 0.5 + f64::from(step) * width }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::threshold;

    #[test]
    fn thresholds_have_numpys_last_bit() {
        assert_eq!(threshold(0), 0.5);
        assert_eq!(threshold(8), 0.899_999_999_999_999_9);
        assert_eq!(threshold(9), 0.95);
    }
}
