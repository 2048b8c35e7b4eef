//! Which images are asked about: the next of the list, or what a query prefers among those it looks at.

use super::second::State;
use super::sight::{aggregate, class_distance, unsteadiness, visible};
use super::two_stages::two_stages;
use super::world::seen;
use super::{SURPLUS, Trace, Which};
use crate::learning::{Aggregate, Measure};
use crate::random::Stream;

/// Moves the batch from the pool into the trace; the images that a query looks at.
pub(super) fn ask(state: &mut State<'_>, trace: &mut Trace) -> Vec<String> {
    let (setting, take) = (state.setting, state.setting.take);
    let open = candidates(state);
    let of = |id: &String| seen(state.by_id[id.as_str()], setting.seed, state.round);
    let by_uncertainty = |measure, together| {
        let value = |id: &String| aggregate(&visible(&of(id).boxes, setting.floor), measure, together).unwrap_or(0.0);
        highest(
            open.iter().map(|id| (value(id), id.clone())).collect(),
            take,
            setting.seed,
        )
    };
    trace.batch = match setting.which {
        Which::Random => {
            let mut stream = Stream::new(setting.seed, "query/random", &[u64::from(state.round)]);
            stream.sample(&state.unlabelled, take)
        }
        Which::Uncertain(measure, together) => by_uncertainty(measure, together),
        Which::Ceal => by_uncertainty(Measure::Entropy, Aggregate::Max),
        Which::CoreSet => farthest(state, &open),
        Which::Consistency => {
            let steady = open
                .iter()
                .map(|id| (-unsteadiness(&of(id), setting.floor), id.clone()));
            let more = take + (take as f64 * SURPLUS).ceil() as usize;
            let some = highest(steady.collect(), more, setting.seed);
            let labelled: Vec<_> = state.labelled.iter().map(|id| state.by_id[id.as_str()]).collect();
            let unlike = some
                .iter()
                .map(|id| (class_distance(&labelled, &of(id), setting.floor), id.clone()));
            highest(unlike.collect(), take, setting.seed)
        }
        Which::TwoStage => two_stages(state, &open),
        Which::Full => state.unlabelled.clone(),
        Which::InitialOnly => Vec::new(),
        _ => return listed(state, trace),
    };
    state.unlabelled.retain(|id| !trace.batch.contains(id));
    open
}

/// Those that wait come first, up to a share, then new ones.
fn listed(state: &mut State<'_>, trace: &mut Trace) -> Vec<String> {
    let take = state.setting.take;
    let share = if state.setting.published { take } else { take / 2 };
    let batch = &mut trace.batch;
    while batch.len() < take
        && !state.requeue.is_empty()
        && (batch.len() < share || state.unlabelled.len() < take - batch.len())
    {
        batch.push(state.requeue.remove(0));
    }
    while batch.len() < take && !state.unlabelled.is_empty() {
        batch.push(state.unlabelled.remove(0));
    }
    Vec::new()
}

/// The unlabelled images, or so many of them as may be looked at, as the pool lists them.
fn candidates(state: &State<'_>) -> Vec<String> {
    let limit = state.setting.limit.unwrap_or(usize::MAX);
    let mut stream = Stream::new(state.setting.seed, "query/candidates", &[u64::from(state.round)]);
    let some = stream.sample(&state.unlabelled, limit);
    let all = state.unlabelled.iter();
    all.filter(|id| some.contains(id)).cloned().collect()
}

/// Of equal values the one with the lowest of these goes first.
pub(super) fn lot(seed: u64, id: &str) -> u64 {
    Stream::new(seed, &format!("query/tie/{id}"), &[]).bits()
}

/// Takes the highest value that is left, again and again.
pub(super) fn highest(mut valued: Vec<(f64, String)>, count: usize, seed: u64) -> Vec<String> {
    let mut chosen = Vec::new();
    while chosen.len() < count && !valued.is_empty() {
        let mut best = 0;
        for at in 1..valued.len() {
            let (value, leader) = (valued[at].0 as f32, valued[best].0 as f32);
            let sooner = lot(seed, &valued[at].1) < lot(seed, &valued[best].1);
            if value > leader || (value == leader && sooner) {
                best = at;
            }
        }
        chosen.push(valued.remove(best).1);
    }
    chosen
}

/// Core-set: again and again the candidate whose nearest image, of all that are labelled or chosen, is the farthest.
fn farthest(state: &State<'_>, open: &[String]) -> Vec<String> {
    let point = |id: &str| seen(state.by_id[id], state.setting.seed, state.round).features;
    let distance = |a: &str, b: &str| {
        let (a, b) = (point(a), point(b));
        ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
    };
    let mut chosen: Vec<String> = Vec::new();
    while chosen.len() < state.setting.take {
        let mut valued = Vec::new();
        for id in open.iter().filter(|id| !chosen.contains(id)) {
            let mut nearest = f64::INFINITY;
            for other in state.labelled.iter().chain(&chosen) {
                nearest = nearest.min(distance(id, other));
            }
            valued.push((nearest, id.clone()));
        }
        match highest(valued, 1, state.setting.seed).pop() {
            Some(id) => chosen.push(id),
            None => break,
        }
    }
    chosen
}
