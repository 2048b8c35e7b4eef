//! The confusion matrix: which class is taken for which, and what is missed or found where nothing is.
//!
//! Detections below a score are left out. Of all pairs of a detection and an object, of whatever classes, that overlap enough, those that
//! overlap most are taken first, and each detection and each object once.

use rayon::prelude::*;
use serde::Serialize;

use super::class::overlap;
use super::protocol::{DifficultObjects, Rules};
use super::{Object, Scene, Scenes, ScoredBox};

/// Counts of pairs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// The classes, and last `background`.
    pub names: Vec<String>,
    /// A row for what is there, a column for what is reported. The last row counts detections of nothing, the last column objects that
    /// were missed.
    pub counts: Vec<Vec<u64>>,
}

/// The name of what is no object.
pub const BACKGROUND: &str = "background";

/// Counts, under the rules' threshold and treatment of difficult objects. What is ignored is not counted, nor what is paired with it.
#[must_use]
pub fn confusion(scenes: &Scenes, rules: &Rules, least_score: f64) -> Confusion {
    let classes = scenes.classes.len();
    let width = classes + 1;
    let add = |mut sum: Vec<u64>, scene: &Scene| {
        for (actual, reported) in pairs(scene, rules, least_score, classes) {
            sum[actual * width + reported] += 1;
        }
        sum
    };
    let empty = || vec![0; width * width];
    let counts = scenes.images.par_iter().fold(empty, add).reduce(empty, |mut a, b| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    });
    let names = scenes.classes.iter().cloned().chain([BACKGROUND.to_owned()]);
    Confusion {
        names: names.collect(),
        counts: counts.chunks(width).map(<[u64]>::to_vec).collect(),
    }
}

/// What is there and what is reported, for an image; the number of classes stands for nothing.
fn pairs(scene: &Scene, rules: &Rules, least_score: f64, nothing: usize) -> Vec<(usize, usize)> {
    let known = |label: u32| (label as usize) < nothing;
    let there =
        |object: &&Object| known(object.label) && !(object.difficult && rules.difficult == DifficultObjects::Drop);
    let objects: Vec<&Object> = scene.objects.iter().filter(there).collect();
    let sure = |found: &&ScoredBox| known(found.label) && found.score >= least_score;
    let found: Vec<&ScoredBox> = scene.detections.iter().filter(sure).collect();
    let ignored = |object: &Object| {
        let by_voc = object.difficult || object.ignored_by_voc;
        object.crowd || rules.difficult == DifficultObjects::Ignore && by_voc
    };

    let mut near = Vec::new();
    for (at, found) in found.iter().enumerate() {
        for (place, object) in objects.iter().enumerate() {
            let overlap = overlap(&found.extent, &object.extent, rules.overlap, object.crowd);
            let enough = match rules.strictly_above {
                true => overlap > rules.threshold,
                false => overlap >= rules.threshold,
            };
            if enough {
                near.push((ignored(object), overlap, found.score, at, place));
            }
        }
    }
    // Objects that count before those that do not, then by overlap; equal ones by score, then as given.
    near.sort_by(|a, b| {
        let numbers = b.1.total_cmp(&a.1).then(b.2.total_cmp(&a.2));
        a.0.cmp(&b.0).then(numbers).then((a.3, a.4).cmp(&(b.3, b.4)))
    });
    let (mut of_detection, mut taken) = (vec![None; found.len()], vec![false; objects.len()]);
    for (ignored, _, _, at, place) in near {
        // Any number of detections may lie on an object that does not count.
        if of_detection[at].is_none() && (ignored || !taken[place]) {
            (of_detection[at], taken[place]) = (Some(place), true);
        }
    }
    let reported = found
        .iter()
        .zip(&of_detection)
        .filter_map(|(found, place)| match place {
            Some(place) if ignored(objects[*place]) => None,
            Some(place) => Some((objects[*place].label as usize, found.label as usize)),
            None => Some((nothing, found.label as usize)),
        });
    let missed = objects
        .iter()
        .zip(&taken)
        .filter(|&(object, &taken)| !taken && !ignored(object));
    let missed = missed.map(|(object, _)| (object.label as usize, nothing));
    reported.chain(missed).collect()
}
