//! A pipeline whose names are all looked up: what stands between the text and the nodes.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use crate::spec::{Pipeline, StageSpec};
use crate::stage::KindInfo;

/// A stage's place in its draft: those outside of the rounds first, then those of the rounds.
pub(super) type StageIndex = usize;

/// A pipeline, ready to become nodes.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) stages: Vec<DraftStage<'a>>,
    /// What a carry's first value is, and then its next ones. In the order of the pipeline's carries.
    pub(super) carries: Vec<[Target<'a>; 2]>,
    pub(super) until: Option<DraftUntil<'a>>,
    /// The stages before the rounds, those of the rounds, those after; each in the order in which they can be made.
    pub(super) phases: [Vec<StageIndex>; 3],
}

/// A stage with its kind, params and wires.
#[derive(Debug)]
pub(super) struct DraftStage<'a> {
    pub(super) spec: &'a StageSpec,
    pub(super) kind: &'a KindInfo,
    /// Its own kind, when ports depend on the stage.
    pub(super) own: Option<&'a Arc<KindInfo>>,
    pub(super) in_rounds: bool,
    /// Checked params: one for all rounds, or one for each.
    pub(super) params: Vec<Rc<Params>>,
    /// What comes into each port.
    pub(super) ports: BTreeMap<&'a str, Vec<Wire<'a>>>,
}

/// Params and their text, by which they are compared.
#[derive(Debug)]
pub(super) struct Params {
    pub(super) value: Value,
    pub(super) text: String,
}

impl Params {
    pub(super) fn new(value: Value) -> Rc<Self> {
        let text = value.to_string();
        Rc::new(Self { value, text })
    }
}

/// One reference of a port, looked up.
#[derive(Clone, Debug)]
pub(super) struct Wire<'a> {
    /// The reference as written.
    pub(super) text: &'a str,
    pub(super) from: Source<'a>,
}

/// Where a wire comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// This output of this stage, of the same round if it is of the rounds.
    Stage(StageIndex, &'a str),
    /// What a carry holds. Its output depends on the port that it goes to, and on the round.
    Carry(usize),
    /// That of every round.
    All(StageIndex, &'a str),
    /// That of the last round that happens.
    Last(StageIndex, &'a str),
}

/// What a carry refers to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// A stage and, if written, its output.
    Stage(StageIndex, Option<&'a str>),
    /// What another carry, or this one, held in the round before.
    Carry(usize),
}

/// The stop test.
#[derive(Debug)]
pub(super) struct DraftUntil<'a> {
    pub(super) kind: &'a KindInfo,
    pub(super) stage: StageIndex,
    pub(super) output: &'a str,
    pub(super) window: u32,
    pub(super) params: Rc<Params>,
}
