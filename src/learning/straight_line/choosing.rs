//! What is trained on, kept, asked again and thrown away.

use super::judging::{Judged, judge};
use super::second::State;
use super::sight::{aggregate, visible};
use super::world::{found, seen};
use super::{DECAY, Setting, THRESHOLD, Trace, Which};
use crate::learning::{Aggregate, Measure};
use crate::random::Stream;

/// The images that a query looked at are `looked_at`.
pub(super) fn choose(state: &mut State<'_>, judged: &[Judged], looked_at: &[String], trace: &mut Trace) {
    let batch = trace.batch.clone();
    match state.setting.which {
        Which::V1 => {
            trace.train = batch.clone();
            replay(state, trace);
            state.dropped.extend(batch);
        }
        Which::SlOnly => {
            let (sure, unsure): (Vec<usize>, Vec<usize>) =
                (0..batch.len()).partition(|&at| !judged[at].kept.is_empty());
            let own: Vec<String> = sure.into_iter().map(|at| batch[at].clone()).collect();
            state.requeue.extend(unsure.into_iter().map(|at| batch[at].clone()));
            trace.train = own.clone();
            replay(state, trace);
            state.labelled.extend(own);
        }
        Which::Ceal => {
            trace.train = batch.clone();
            replay(state, trace);
            let mut own: Vec<String> = Vec::new();
            for id in looked_at.iter().filter(|id| !batch.contains(id)) {
                let boxes = labelled_by_the_model(state, id);
                if !boxes.is_empty() {
                    own.push(id.clone());
                    trace.own.extend(boxes);
                }
            }
            trace.train.splice(batch.len()..batch.len(), own);
            state.labelled.extend(batch);
        }
        Which::TopkV1 => rank(state, judged, trace),
        Which::TopkV2 | Which::TopkV3 | Which::AlOnly => cut(state, judged, trace),
        _ => {
            trace.train = batch.clone();
            replay(state, trace);
            state.labelled.extend(batch);
        }
    }
}

/// Adds labelled images that are not trained on yet: all, or K of them.
fn replay(state: &State<'_>, trace: &mut Trace) {
    let chosen = trace.train.clone();
    let free: Vec<String> = state
        .labelled
        .iter()
        .filter(|id| !chosen.contains(id))
        .cloned()
        .collect();
    let setting = state.setting;
    if setting.all || setting.which == Which::Full || setting.which == Which::InitialOnly {
        trace.train.extend(free);
        return;
    }
    let mut stream = Stream::new(setting.seed, "select/labelled", &[u64::from(state.round)]);
    trace.train.extend(stream.sample(&free, setting.take));
}

/// The boxes that the model is sure of in an image whose every box of 0.3 and more has an entropy below the threshold of the round.
fn labelled_by_the_model(state: &State<'_>, id: &str) -> Vec<(String, u32, i64)> {
    let image = state.by_id[id];
    let threshold = THRESHOLD - DECAY * f64::from(state.round - 1);
    let seen = seen(image, state.setting.seed, state.round);
    let boxes: Vec<_> = seen.boxes.iter().map(|seen| seen.detection.clone()).collect();
    let highest = aggregate(&visible(&seen.boxes, 0.3), Measure::Entropy, Aggregate::Max);
    if highest.is_none_or(|highest| highest >= threshold) {
        return Vec::new();
    }
    let kept = judge(image, &boxes, false).kept.into_iter();
    kept.map(|at| (id.to_owned(), boxes[at].label, boxes[at].bounds.x_min as i64))
        .collect()
}

fn ratio(setting: Setting, judged: &Judged) -> f64 {
    if setting.deploy {
        1.0 - judged.deploy
    } else {
        judged.al_ratio
    }
}

fn score(setting: Setting, judged: &Judged) -> f64 {
    if setting.deploy { judged.deploy } else { judged.sl_score }
}

fn hash(seed: u64, id: &str) -> u64 {
    Stream::new(seed, &format!("select/tie/{id}"), &[]).bits()
}

/// topK v1.
fn rank(state: &mut State<'_>, judged: &[Judged], trace: &mut Trace) {
    let (setting, take) = (state.setting, state.setting.take);
    if !setting.published {
        for (id, value) in &mut state.seen {
            let image = state.by_id[id.as_str()];
            *value = ratio(setting, &judge(image, &found(image, setting.seed, state.round), false));
        }
    }
    let ratios = judged.iter().map(|judged| ratio(setting, judged));
    state.seen.extend(trace.batch.iter().cloned().zip(ratios));
    let mut order = state.seen.clone();
    order.sort_by(|a, b| {
        let by_value = (a.1 as f32).partial_cmp(&(b.1 as f32)).unwrap();
        if setting.published {
            by_value
        } else {
            by_value.then(hash(setting.seed, &a.0).cmp(&hash(setting.seed, &b.0)))
        }
    });
    let (low, high) = if setting.published {
        (take.min(order.len()), take.min(order.len()))
    } else {
        (take.min(order.len() / 2), take.min(order.len().div_ceil(2)))
    };
    trace.train = order[order.len() - high..].iter().map(|(id, _)| id.clone()).collect();
    replay(state, trace);
    for (id, _) in &order[..low] {
        if !state.labelled.contains(id) {
            state.labelled.push(id.clone());
        }
    }
}

/// topK v2 and v3.
fn cut(state: &mut State<'_>, judged: &[Judged], trace: &mut Trace) {
    let (setting, batch) = (state.setting, trace.batch.clone());
    let (mut middle, mut unsure): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for at in 0..batch.len() {
        let (certain, uncertain) = if setting.which == Which::TopkV2 {
            (ratio(setting, &judged[at]) <= 0.3, ratio(setting, &judged[at]) >= 0.6)
        } else {
            (score(setting, &judged[at]) >= 0.5, score(setting, &judged[at]) <= 0.3)
        };
        if certain {
            state.labelled.push(batch[at].clone());
        } else if uncertain {
            unsure.push(at);
        } else {
            middle.push(at);
        }
    }
    for at in middle {
        if setting.published {
            state.dropped.insert(batch[at].clone());
        } else {
            state.labelled.push(batch[at].clone());
        }
    }
    if !setting.published {
        unsure.sort_by(|&a, &b| {
            let certainty = |at: usize| match setting.which {
                Which::TopkV2 => -ratio(setting, &judged[at]),
                _ => score(setting, &judged[at]),
            };
            let by_value = (certainty(a) as f32).partial_cmp(&(certainty(b) as f32)).unwrap();
            by_value.then(hash(setting.seed, &batch[a]).cmp(&hash(setting.seed, &batch[b])))
        });
    }
    trace.train = unsure.iter().map(|&at| batch[at].clone()).collect();
    let own = trace.train.clone();
    replay(state, trace);
    for id in own {
        let times = state.asked.entry(id.clone()).or_default();
        if setting.published || *times < 2 {
            *times += 1;
            state.requeue.push(id);
        } else {
            state.labelled.push(id);
        }
    }
}
