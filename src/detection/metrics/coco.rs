//! COCO's figures as pycocotools computes them, per class and in the mean.

use rayon::prelude::*;

use super::class::{AreaRange, ClassScenes};
use super::{Rules, Scenes};

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

/// Computes the figures of each class and their means.
#[must_use]
pub fn coco(scenes: &Scenes) -> (CocoFigures, Vec<CocoFigures>) {
    let labels = 0..scenes.classes.len() as u32;
    let classes: Vec<CocoFigures> = labels.into_par_iter().map(|label| class(scenes, label)).collect();
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

fn class(scenes: &Scenes, label: u32) -> CocoFigures {
    let scenes = ClassScenes::new(scenes, label, &Rules::coco(0.5));
    let mut figures = CocoFigures {
        objects: scenes.objects(Some(AREAS[0])),
        detections: scenes.detections,
        tied: scenes.tied,
        ..CocoFigures::default()
    };
    for (area, &range) in AREAS.iter().enumerate() {
        let objects = scenes.objects(Some(range));
        if objects == 0 {
            continue;
        }
        let (mut precisions, mut recalls, mut hits) = (Vec::new(), Vec::new(), [0; MOST.len()]);
        for step in 0..10 {
            let rules = Rules::coco(threshold(step));
            let outcomes = scenes.outcomes(&rules, Some(range));
            let ranking = scenes.ranking(&outcomes, objects);
            precisions.push(ranking.average_precision(rules.interpolation).unwrap_or(0.0));
            recalls.push(ranking.recall().unwrap_or(0.0));
            if area == 0 {
                for (hits, &most) in hits.iter_mut().zip(&MOST) {
                    *hits += scenes.hits_within(&outcomes, most);
                }
            }
        }
        figures.ap[area] = mean(precisions.iter().copied());
        if area == 0 {
            figures.ap50 = Some(precisions[0]);
            figures.ap75 = Some(precisions[5]);
            figures.recall = hits.map(|hits| Some(hits as f64 / (10 * objects) as f64));
        } else {
            figures.recall_by_area[area - 1] = mean(recalls.iter().copied());
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
