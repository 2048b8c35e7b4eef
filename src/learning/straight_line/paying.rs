//! What annotation costs: each image, object and box once.

use std::collections::BTreeSet;

use super::judging::Judged;
use super::second::State;
use super::world::found;
use super::{Trace, Which};

/// Paid for: images, drawn objects, accepted objects, refused boxes.
pub(super) struct Paid {
    opened: BTreeSet<String>,
    by_hand: BTreeSet<(String, usize)>,
    verified: BTreeSet<(String, usize)>,
    refused: BTreeSet<(String, u32, i64)>,
}

impl Paid {
    pub(super) fn new(labelled: &[String]) -> Self {
        Self {
            opened: labelled.iter().cloned().collect(),
            by_hand: BTreeSet::new(),
            verified: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }
}

pub(super) fn pay(state: &State<'_>, judged: &[Judged], paid: &mut Paid, trace: &mut Trace) {
    let shown = matches!(
        state.setting.which,
        Which::V1 | Which::V1Plus | Which::TopkV1 | Which::TopkV2 | Which::TopkV3
    );
    for (id, judged) in trace.batch.clone().iter().zip(judged) {
        if state.setting.which == Which::SlOnly {
            continue;
        }
        trace.opened += u64::from(paid.opened.insert(id.clone()));
        let boxes = found(state.by_id[id.as_str()], state.setting.seed, state.round);
        if shown {
            for &(_, object) in &judged.accepted {
                let place = (id.clone(), object);
                if !paid.by_hand.contains(&place) && paid.verified.insert(place) {
                    trace.accepted += 1;
                }
            }
            for (places, count) in [
                (&judged.rejected, &mut trace.rejected),
                (&judged.ignored, &mut trace.ignored),
            ] {
                for &at in places {
                    let refused = (id.clone(), boxes[at].label, boxes[at].bounds.x_min as i64);
                    *count += u64::from(paid.refused.insert(refused));
                }
            }
        }
        for &object in &judged.counted {
            let place = (id.clone(), object);
            if shown && judged.accepted.iter().any(|&(_, accepted)| accepted == object) {
                continue;
            }
            if shown && judged.corrected.contains(&object) {
                trace.corrected += u64::from(paid.by_hand.insert(place));
            } else {
                trace.drawn += u64::from(paid.by_hand.insert(place));
            }
        }
    }
    let looked_at = trace.accepted + trace.corrected + trace.rejected + trace.ignored;
    trace.seconds = trace.opened as f64
        + 35.0 * trace.drawn as f64
        + 1.7 * looked_at as f64
        + 7.0 * trace.corrected as f64
        + 1.8 * (trace.rejected + trace.ignored) as f64;
}
