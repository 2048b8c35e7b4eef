//! PPAL's two stages, from their definitions: many uncertain images of difficult classes, of these few that are unlike.

use super::asking::highest;
use super::second::State;
use super::sight::{uncertainty, visible};
use super::world::{difficulty, seen};
use super::{ALPHA, BETA, EXPANSION};
use crate::detection::SeenBox;
use crate::learning::Measure;
use crate::random::Stream;

pub(super) fn two_stages(state: &State<'_>, open: &[String]) -> Vec<String> {
    let setting = state.setting;
    let difficulty = difficulty(setting.seed, state.round);
    let boxes = |id: &String| {
        let all = seen(state.by_id[id.as_str()], setting.seed, state.round).boxes;
        visible(&all, setting.floor)
    };
    let mut valued = Vec::new();
    for id in open {
        let mut sum = 0.0;
        for seen in boxes(id) {
            let difficult = difficulty[seen.detection.label as usize];
            let weight = 1.0 + ALPHA * BETA * (1.0 + ((1.0 / ALPHA).exp() - 1.0) * difficult).ln();
            sum += weight * uncertainty(&seen.probabilities, Measure::Entropy);
        }
        valued.push((sum, id.clone()));
    }
    let some = highest(valued, (EXPANSION * setting.take as f64) as usize, setting.seed);

    let mut stream = Stream::new(setting.seed, "query/two-stage", &[u64::from(state.round)]);
    let mut chosen: Vec<String> = some.iter().take(1).cloned().collect();
    while chosen.len() < setting.take.min(some.len()) {
        let left: Vec<&String> = some.iter().filter(|id| !chosen.contains(id)).collect();
        let mut chances = Vec::new();
        for id in &left {
            let mut nearest = f64::INFINITY;
            for other in &chosen {
                nearest = nearest.min(1.0 - likeness(&boxes(id), &boxes(other)));
            }
            chances.push(nearest * nearest);
        }
        let lot = stream.unit() * chances.iter().sum::<f64>();
        let mut passed = 0.0;
        let mut next = 0;
        for (at, chance) in chances.iter().enumerate() {
            passed += chance;
            if passed > lot {
                next = at;
                break;
            }
        }
        chosen.push(left[next].clone());
    }
    chosen
}

/// The mean of both ways.
fn likeness(a: &[SeenBox], b: &[SeenBox]) -> f64 {
    let one_way = |from: &[SeenBox], to: &[SeenBox]| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for seen in from {
            let mut best = 0.0_f64;
            for other in to {
                if other.detection.label == seen.detection.label {
                    best = best.max(cosine(&seen.features, &other.features));
                }
            }
            sum += best * seen.detection.score;
            weights += seen.detection.score;
        }
        if from.is_empty() { 0.0 } else { sum / weights }
    };
    (one_way(a, b) + one_way(b, a)) / 2.0
}

/// Points of no length are like all others.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let (long, other) = (a[0].hypot(a[1]), b[0].hypot(b[1]));
    if long == 0.0 || other == 0.0 {
        return 1.0;
    }
    (a[0] * b[0] + a[1] * b[1]) / (long * other)
}
