//! Makes nodes of checked pipelines: rounds unrolled, the same work once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::check::{self, METRICS, UNTIL};
use super::draft::{Draft, DraftUntil, Params, Source, StageIndex, Target, Wire};
use super::shapes::shapes;
use super::wiring::choose;
use super::{Kin, Node, NodeId, NodeInput, Plan};
use crate::spec::{Diagnostic, Pipeline, sort_diagnostics};
use crate::stage::{KindInfo, Registry};

/// What is wrong with one pipeline, in the order of the text; nothing if it can be planned.
///
/// For pipelines that were loaded one by one: each has sources of its own, and its mistakes point into those.
#[must_use]
pub fn check(pipeline: &Pipeline, registry: &Registry) -> Vec<Diagnostic> {
    let shapes = shapes(pipeline, registry);
    let mut found = check::draft(pipeline, registry, &shapes).err().unwrap_or_default();
    sort_diagnostics(&mut found);
    found
}

/// Plans pipelines as one graph.
///
/// # Errors
/// Everything that is wrong with them, in the order of the text when all have the same sources (see [`check`]).
pub fn plan(pipelines: &[Pipeline], registry: &Registry) -> Result<Plan, Vec<Diagnostic>> {
    let mut diagnostics = same_names(pipelines);
    let mut drafts = Vec::new();
    let shapes: Vec<_> = pipelines.iter().map(|pipeline| shapes(pipeline, registry)).collect();
    for (pipeline, shapes) in pipelines.iter().zip(&shapes) {
        match check::draft(pipeline, registry, shapes) {
            Ok(draft) => drafts.push(draft),
            Err(found) => diagnostics.extend(found),
        }
    }
    if !diagnostics.is_empty() {
        sort_diagnostics(&mut diagnostics);
        return Err(diagnostics);
    }
    let mut expansion = Expansion {
        qualified: pipelines.len() > 1,
        ..Expansion::default()
    };
    for draft in &drafts {
        expansion.add(draft);
    }
    Ok(expansion.plan)
}

/// Without a place: the two names may stand in texts of different sources.
fn same_names(pipelines: &[Pipeline]) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let twice = pipelines
        .iter()
        .map(|pipeline| &pipeline.name.value)
        .filter(|name| !seen.insert(*name));
    let said = |name: &String| {
        Diagnostic::error(None, format!("two of the pipelines are called `{name}`"))
            .help("give one of them another `name:`")
    };
    twice.map(said).collect()
}

/// Label, node, output, and the group that `rounds.last` stands for: an input without what is only for drawings.
type Origin = (String, NodeId, String, Option<u32>);

/// What makes two nodes the same work.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    kind: String,
    params: String,
    /// By port.
    inputs: Vec<(String, Vec<Origin>)>,
    guard: Option<NodeId>,
}

#[derive(Default)]
struct Expansion {
    plan: Plan,
    /// Only looked up in, so its order does not matter.
    known: HashMap<Identity, NodeId>,
    /// Whether names begin with the pipeline's.
    qualified: bool,
}

/// What the nodes of one round have in common.
#[derive(Clone, Copy)]
struct Turn<'a> {
    /// None outside of the rounds.
    round: Option<u32>,
    guard: Option<NodeId>,
    /// What each carry holds in this round.
    carried: &'a [Carried<'a>],
}

/// What a carry holds: a stage, the round that it is of, and its output if written.
#[derive(Clone, Copy)]
struct Carried<'a> {
    stage: StageIndex,
    round: Option<u32>,
    output: Option<&'a str>,
}

/// The nodes of each stage: one, or one for each round so far.
type Placed = Vec<Vec<NodeId>>;

impl Expansion {
    fn add(&mut self, draft: &Draft) {
        let pipeline = draft.pipeline;
        self.plan.pipelines.push(pipeline.name.value.clone());
        if pipeline.family != pipeline.name.value {
            let kin = Kin {
                strategy: pipeline.strategy.clone(),
                family: pipeline.family.clone(),
            };
            self.plan.kin.insert(pipeline.name.value.clone(), kin);
        }
        let mut placed: Placed = vec![Vec::new(); draft.stages.len()];
        let [before, inside, after] = &draft.phases;
        let outside = Turn {
            round: None,
            guard: None,
            carried: &[],
        };
        for &stage in before {
            self.place(draft, stage, outside, &mut placed);
        }
        self.rounds(draft, inside, &mut placed);
        for &stage in after {
            self.place(draft, stage, outside, &mut placed);
        }
    }

    fn rounds(&mut self, draft: &Draft, inside: &[StageIndex], placed: &mut Placed) {
        let Some(rounds) = &draft.pipeline.rounds else { return };
        let mut guard = None;
        let mut carried: Vec<Carried> = Vec::new();
        for round in 1..=rounds.max.value {
            carried = draft
                .carries
                .iter()
                .map(|targets| hold(targets, round, draft, &carried))
                .collect();
            let turn = Turn {
                round: Some(round),
                guard,
                carried: &carried,
            };
            for &stage in inside {
                self.place(draft, stage, turn, placed);
            }
            if let Some(until) = draft.until.as_ref().filter(|until| {
                let has_say = round >= until.window || !handed_on(draft, until).is_empty();
                round < rounds.max.value && has_say
            }) {
                guard = Some(self.until(draft, until, turn, placed));
            }
        }
    }

    fn until(&mut self, draft: &Draft, until: &DraftUntil, turn: Turn, placed: &Placed) -> NodeId {
        let round = turn.round.unwrap_or_default();
        let rounds = (round + 1).saturating_sub(until.window).max(1)..=round;
        let input = |round: u32| NodeInput {
            label: round.to_string(),
            node: placed[until.stage][round as usize - 1],
            output: until.output.to_owned(),
            ..NodeInput::default()
        };
        let mut inputs = BTreeMap::from([(METRICS.to_owned(), rounds.map(input).collect())]);
        for (port, stage, output) in handed_on(draft, until) {
            let of_round = NodeInput {
                node: placed[stage][round as usize - 1],
                output: output.to_owned(),
                carried: Some(port.to_owned()),
                ..NodeInput::default()
            };
            inputs.insert(port.to_owned(), vec![of_round]);
        }
        self.node(draft, UNTIL, until.kind, &until.params, inputs, turn)
    }

    fn place(&mut self, draft: &Draft, index: StageIndex, turn: Turn, placed: &mut Placed) {
        let stage = &draft.stages[index];
        let mut inputs: BTreeMap<String, Vec<NodeInput>> = BTreeMap::new();
        for (port, wires) in stage.ports.iter().filter(|(_, wires)| !wires.is_empty()) {
            let many = stage.kind.inputs.iter().any(|input| input.name == *port && input.many);
            let mut list: Vec<NodeInput> = Vec::new();
            for (group, wire) in (0..).zip(wires) {
                connect(draft, index, (port, many), (group, wire), turn, placed, &mut list);
            }
            inputs.insert((*port).to_owned(), list);
        }
        let of_round = turn.round.map_or(0, |round| round as usize - 1);
        let params = &stage.params[of_round.min(stage.params.len() - 1)];
        let node = self.node(draft, &stage.spec.name.value, stage.kind, params, inputs, turn);
        let made = &mut self.plan.nodes[node.0];
        if made.aliases.is_empty() {
            made.own = stage.own.cloned();
            made.limits = stage.spec.limits.clone();
        }
        placed[index].push(node);
    }

    fn node(
        &mut self,
        draft: &Draft,
        stage: &str,
        kind: &KindInfo,
        params: &Rc<Params>,
        inputs: BTreeMap<String, Vec<NodeInput>>,
        turn: Turn,
    ) -> NodeId {
        let pipeline = &draft.pipeline.name.value;
        let name = turn
            .round
            .map_or_else(|| stage.to_owned(), |round| format!("round-{round}.{stage}"));
        let name = if self.qualified {
            format!("{pipeline}/{name}")
        } else {
            name
        };
        let origin = |input: &NodeInput| (input.label.clone(), input.node, input.output.clone(), input.last_of);
        let identity = Identity {
            kind: kind.name.clone(),
            params: params.text.clone(),
            inputs: inputs
                .iter()
                .map(|(port, list)| (port.clone(), list.iter().map(origin).collect()))
                .collect(),
            guard: turn.guard,
        };
        if let Some(&id) = self.known.get(&identity) {
            let node = &mut self.plan.nodes[id.0];
            node.aliases.push(name);
            if node.pipelines.last() != Some(pipeline) {
                node.pipelines.push(pipeline.clone());
            }
            return id;
        }
        let id = NodeId(self.plan.nodes.len());
        self.known.insert(identity, id);
        self.plan.nodes.push(Node {
            name,
            aliases: Vec::new(),
            stage: stage.to_owned(),
            pipelines: vec![pipeline.clone()],
            kind: kind.name.clone(),
            params: params.value.clone(),
            inputs,
            guard: turn.guard,
            round: turn.round,
            ..Node::default()
        });
        id
    }
}

/// What the rounds hand on to the stop test beside the metric: a carry with the name of one of its optional ports, such as the pool,
/// which ends the rounds when it is empty.
fn handed_on<'d>(draft: &'d Draft, until: &'d DraftUntil) -> Vec<(&'d str, StageIndex, &'d str)> {
    let carries = draft.pipeline.rounds.iter().flat_map(|rounds| &rounds.carry);
    let mut found = Vec::new();
    for (carry, targets) in carries.zip(&draft.carries) {
        let port = until
            .kind
            .inputs
            .iter()
            .find(|port| port.optional && port.name == carry.name.value);
        if let (Some(port), Target::Stage(stage, output)) = (port, targets[1])
            && draft.stages[stage].in_rounds
            && let Some(output) = choose(draft.stages[stage].kind, output, port)
        {
            found.push((port.name.as_str(), stage, output.name.as_str()));
        }
    }
    found
}

/// What a carry holds in a round, from what all held in the round before.
fn hold<'a>(targets: &[Target<'a>; 2], round: u32, draft: &Draft, before: &[Carried<'a>]) -> Carried<'a> {
    match targets[usize::from(round > 1)] {
        Target::Carry(other) => before[other],
        Target::Stage(stage, output) => {
            let round = draft.stages[stage].in_rounds.then(|| round - 1);
            Carried { stage, round, output }
        }
    }
}

/// Adds the inputs that one wire stands for.
fn connect(
    draft: &Draft,
    index: StageIndex,
    (port, many): (&str, bool),
    (group, wire): (u32, &Wire),
    turn: Turn,
    placed: &Placed,
    list: &mut Vec<NodeInput>,
) {
    let input = |stage: StageIndex, round: Option<u32>, output: &str| NodeInput {
        label: match round {
            _ if !many => String::new(),
            Some(round) => round.to_string(),
            None => wire.text.to_owned(),
        },
        node: placed[stage][round.map_or(0, |round| round as usize - 1)],
        output: output.to_owned(),
        ..NodeInput::default()
    };
    match wire.from {
        Source::Stage(stage, output) => {
            let round = turn.round.filter(|_| draft.stages[stage].in_rounds);
            list.push(input(stage, round, output));
        }
        Source::Carry(carry) => {
            let Carried { stage, round, output } = turn.carried[carry];
            let port = draft.stages[index].kind.inputs.iter().find(|input| input.name == port);
            let output = port.and_then(|port| choose(draft.stages[stage].kind, output, port));
            let output = output.expect("carries are checked against each port that they go to");
            let carried = draft
                .pipeline
                .rounds
                .as_ref()
                .map(|rounds| rounds.carry[carry].name.value.clone());
            // A carry that still holds what came from outside is labelled like any reference to outside.
            list.push(NodeInput {
                carried,
                ..input(stage, round, &output.name)
            });
        }
        Source::All(stage, output) => {
            list.extend(
                (1..)
                    .zip(&placed[stage])
                    .map(|(round, _)| input(stage, Some(round), output)),
            );
        }
        Source::Last(stage, output) => {
            let of_round = |round| NodeInput {
                last_of: Some(group),
                ..input(stage, Some(round), output)
            };
            list.extend((1..).zip(&placed[stage]).map(|(round, _)| of_round(round)));
        }
    }
}
