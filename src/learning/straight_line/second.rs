//! The rounds straight down: ask, annotate and pay, choose.

use std::collections::{BTreeMap, BTreeSet};

use super::asking::ask;
use super::choosing::choose;
use super::judging::{Judged, judge};
use super::paying::{Paid, pay};
use super::world::found;
use super::{INITIAL, ROUNDS, Setting, Trace};
use crate::detection::{AnnotatedImage, Dataset};

/// Where every image is, and what has been said of it.
pub(super) struct State<'a> {
    pub(super) setting: Setting,
    pub(super) round: u32,
    pub(super) by_id: BTreeMap<&'a str, &'a AnnotatedImage>,
    pub(super) labelled: Vec<String>,
    pub(super) unlabelled: Vec<String>,
    pub(super) requeue: Vec<String>,
    pub(super) dropped: BTreeSet<String>,
    /// How often an image has been put back.
    pub(super) asked: BTreeMap<String, u32>,
    /// topK v1's list of all annotated images with their ratios.
    pub(super) seen: Vec<(String, f64)>,
}

impl State<'_> {
    /// What annotation of an image by the round's model comes to.
    pub(super) fn judge(&self, id: &str, published: bool) -> Judged {
        let image = self.by_id[id];
        judge(image, &found(image, self.setting.seed, self.round), published)
    }
}

pub(super) fn straight_down(source: &Dataset, setting: Setting) -> Vec<Trace> {
    let names: Vec<String> = source.images.iter().map(|image| image.image.id.clone()).collect();
    let mut state = State {
        setting,
        round: 0,
        by_id: source
            .images
            .iter()
            .map(|image| (image.image.id.as_str(), image))
            .collect(),
        labelled: names[..INITIAL].to_vec(),
        unlabelled: names[INITIAL..].to_vec(),
        requeue: Vec::new(),
        dropped: BTreeSet::new(),
        asked: BTreeMap::new(),
        seen: Vec::new(),
    };
    let mut paid = Paid::new(&state.labelled);
    let mut traces = Vec::new();
    for round in 1..=ROUNDS {
        state.round = round;
        let mut trace = Trace::default();
        let looked_at = ask(&mut state, &mut trace);
        let batch = trace.batch.clone();
        let judged: Vec<Judged> = batch.iter().map(|id| state.judge(id, setting.published)).collect();
        pay(&state, &judged, &mut paid, &mut trace);
        choose(&mut state, &judged, &looked_at, &mut trace);
        trace.labelled = state.labelled.clone();
        trace.unlabelled = state.unlabelled.clone();
        trace.requeue = state.requeue.clone();
        trace.dropped = state.dropped.clone();
        traces.push(trace);
    }
    traces
}
