//! What annotation of an image comes to: which boxes stand, which objects they are for, and the scores.

use crate::detection::{AnnotatedImage, BoundingBox, Detection};

pub(super) fn overlap(a: &BoundingBox, b: &BoundingBox) -> f64 {
    let across = (a.x_max.min(b.x_max) - a.x_min.max(b.x_min)).max(0.0);
    let down = (a.y_max.min(b.y_max) - a.y_min.max(b.y_min)).max(0.0);
    let area = |b: &BoundingBox| (b.x_max - b.x_min) * (b.y_max - b.y_min);
    across * down / (area(a) + area(b) - across * down)
}

/// Places of objects and of boxes.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) accepted: Vec<(usize, usize)>,
    pub(super) corrected: Vec<usize>,
    pub(super) rejected: Vec<usize>,
    pub(super) ignored: Vec<usize>,
    pub(super) counted: Vec<usize>,
    pub(super) kept: Vec<usize>,
    pub(super) al_ratio: f64,
    pub(super) sl_score: f64,
    pub(super) deploy: f64,
}

pub(super) fn judge(image: &AnnotatedImage, boxes: &[Detection], published: bool) -> Judged {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |at: usize| (boxes[at].label, boxes[at].bounds.x_min as i64);
        let scores = boxes[b].score.partial_cmp(&boxes[a].score).unwrap();
        if published {
            scores
        } else {
            scores.then(key(a).cmp(&key(b)))
        }
    });
    let certain: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&at| boxes[at].score as f32 >= 0.8)
        .collect();
    let mut uncertain: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&at| boxes[at].score as f32 >= 0.3 && (boxes[at].score as f32) < 0.8)
        .collect();
    let near = |a: usize, b: usize| overlap(&boxes[a].bounds, &boxes[b].bounds) >= 0.5;

    // Clusters, for the score that needs no ground truth.
    let mut clusters: Vec<Vec<usize>> = Vec::new();
    for &at in certain.iter().chain(&uncertain) {
        match clusters.iter_mut().find(|cluster| near(cluster[0], at)) {
            Some(cluster) => cluster.push(at),
            None => clusters.push(vec![at]),
        }
    }

    let mut kept = Vec::new();
    if published {
        for &c in &certain {
            let hits: Vec<usize> = uncertain.iter().copied().filter(|&u| near(c, u)).collect();
            uncertain.retain(|u| !hits.contains(u));
            if hits.is_empty() || hits.iter().any(|&u| boxes[u].label == boxes[c].label) {
                kept.push(c);
            }
        }
    } else {
        for &c in &certain {
            let mut all = certain.iter().chain(&uncertain);
            if !all.any(|&other| boxes[other].label != boxes[c].label && near(c, other)) {
                kept.push(c);
            }
        }
    }

    let truth = &image.annotations;
    let mut result = Judged {
        counted: (0..truth.len()).filter(|&at| !truth[at].difficult).collect(),
        kept: kept.clone(),
        ..Judged::default()
    };
    let sums = clusters.iter().map(|cluster| {
        let best = cluster.iter().find(|at| kept.contains(at));
        best.map_or(0.0, |&at| boxes[at].score)
    });
    result.deploy = if clusters.is_empty() {
        0.0
    } else {
        sums.sum::<f64>() / clusters.len() as f64
    };

    let mut taken: Vec<usize> = Vec::new();
    let mut wrong: Vec<usize> = Vec::new();
    for &at in &kept {
        let mut best: Option<(f64, usize)> = None;
        for &object in &result.counted {
            if !published && (truth[object].label != boxes[at].label || taken.contains(&object)) {
                continue;
            }
            let iou = overlap(&boxes[at].bounds, &truth[object].bounds);
            if best.is_none_or(|(highest, _)| iou > highest) {
                best = Some((iou, object));
            }
        }
        match best {
            Some((iou, object)) if iou >= 0.8 && truth[object].label == boxes[at].label => {
                taken.push(object);
                result.accepted.push((at, object));
            }
            _ => wrong.push(at),
        }
    }
    for at in wrong {
        let fits = |object: usize| {
            truth[object].label == boxes[at].label && overlap(&boxes[at].bounds, &truth[object].bounds) >= 0.5
        };
        if published {
            result.rejected.push(at);
        } else if (0..truth.len()).any(|object| truth[object].difficult && fits(object)) {
            result.ignored.push(at);
        } else {
            let free = result
                .counted
                .iter()
                .copied()
                .filter(|&object| fits(object) && !taken.contains(&object));
            let mut free: Vec<usize> = free.collect();
            free.sort_by(|&a, &b| {
                let iou = |object: usize| overlap(&boxes[at].bounds, &truth[object].bounds);
                iou(b).partial_cmp(&iou(a)).unwrap()
            });
            match free.first() {
                Some(&object) => {
                    taken.push(object);
                    result.corrected.push(object);
                }
                None => result.rejected.push(at),
            }
        }
    }
    let count = result.counted.len() as f64;
    if result.counted.is_empty() {
        let silent = certain.is_empty();
        (result.al_ratio, result.sl_score) = if silent { (0.0, 1.0) } else { (1.0, 0.0) };
    } else {
        result.al_ratio = (count - result.accepted.len() as f64) / count;
        result.sl_score = result.accepted.iter().map(|&(at, _)| boxes[at].score).sum::<f64>() / count;
    }
    result
}
