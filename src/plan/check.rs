//! Checks a pipeline against the kinds there are, and reports every mistake at once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;

use super::draft::{Draft, DraftStage, DraftUntil, Params, Source, StageIndex, Target, Wire};
use super::graph;
use super::wiring::{From, Names};
use crate::spec::{Diagnostic, InputSpec, Node, Pipeline, Rounds, Span, StageSpec, Step, Until, locate, suggest};
use crate::stage::params::{ParamProblem, PathPart, decode};
use crate::stage::{KindInfo, Registry, command};

/// The stage kind of the stop test, the port it reads, and the artifact that it reads there.
pub(super) const UNTIL: &str = "until";
pub(super) const METRICS: &str = "metrics";

/// Looks up and checks everything that a pipeline says.
pub(super) fn draft<'a>(
    pipeline: &'a Pipeline,
    registry: &'a Registry,
    shapes: &'a [Option<Arc<KindInfo>>],
) -> Result<Draft<'a>, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let names = Names::new(pipeline, registry, shapes, &mut diagnostics);
    let mut check = Check {
        names,
        registry,
        shapes,
        rounds: pipeline.rounds.as_ref(),
        diagnostics,
        needs: BTreeMap::new(),
    };
    let carries = check.carries();
    let stages: Vec<Option<DraftStage>> = (0..check.names.stages.len())
        .map(|index| check.stage(index, &carries))
        .collect();
    let until = check
        .rounds
        .and_then(|rounds| rounds.until.as_ref())
        .map(|until| check.until(until));
    let phases = check.phases();
    if !check.diagnostics.is_empty() {
        return Err(check.diagnostics);
    }
    Ok(Draft {
        pipeline,
        stages: stages.into_iter().flatten().collect(),
        carries: carries.into_iter().flatten().collect(),
        until: until.flatten(),
        phases: phases.unwrap_or_default(),
    })
}

struct Check<'a> {
    names: Names<'a>,
    registry: &'a Registry,
    shapes: &'a [Option<Arc<KindInfo>>],
    rounds: Option<&'a Rounds>,
    diagnostics: Vec<Diagnostic>,
    /// Which stage needs which, and where it says so. The number after the last stage stands for the rounds as a whole.
    needs: BTreeMap<(StageIndex, StageIndex), Span>,
}

impl<'a> Check<'a> {
    fn carries(&mut self) -> Vec<Option<[Target<'a>; 2]>> {
        let mut carries = Vec::new();
        for carry in self.names.carries {
            let first = self.names.target(From::First, &carry.first);
            let next = self.names.target(From::Next, &carry.next);
            let (first, next) = (self.keep(first), self.keep(next));
            carries.push(first.zip(next).map(|(first, next)| [first, next]));
        }
        carries
    }

    fn stage(&mut self, index: StageIndex, carries: &[Option<[Target<'a>; 2]>]) -> Option<DraftStage<'a>> {
        let (spec, kind) = self.names.stages[index];
        let Some(kind) = kind else {
            self.unknown_kind(spec);
            self.needs_of_unknown(index, spec);
            return None;
        };
        let params = self.params(index, spec, kind);
        if let (Some(own), Some(params)) = (&self.shapes[index], params.first()) {
            let with = spec.with_for_round(1);
            let wrong = command::problems(own, &params.value);
            self.diagnostics
                .extend(wrong.iter().map(|problem| located(kind, problem, &with)));
        }
        let mut ports: BTreeMap<&str, Vec<Wire>> = BTreeMap::new();
        for input in &spec.inputs {
            if let Some((port, wires)) = self.port(index, kind, input, carries) {
                ports.insert(port, wires);
            }
        }
        let given = |name: &str| {
            spec.inputs
                .iter()
                .any(|input| input.port.value == name && !input.references.is_empty())
        };
        let missing: Vec<_> = kind
            .inputs
            .iter()
            .filter(|port| !port.optional && !given(&port.name))
            .collect();
        for port in missing {
            let message = format!("stage `{}` needs the input `{}`", spec.name.value, port.name);
            let takes = format!(
                "`{}` takes {}: {}",
                port.name,
                quoted(&port.artifact, port.many),
                port.doc
            );
            let help = format!("add `{}: ...` under its `in:`", port.name);
            self.diagnostics
                .push(Diagnostic::error(spec.name.span, message).note(takes).help(help));
        }
        let in_rounds = self.names.is_in_rounds(index);
        Some(DraftStage {
            spec,
            kind,
            own: self.shapes[index].as_ref(),
            in_rounds,
            params,
            ports,
        })
    }

    fn unknown_kind(&mut self, spec: &StageSpec) {
        let near = suggest(&spec.uses.value, self.registry.names());
        let unknown = Diagnostic::error(spec.uses.span, format!("no stage kind is called `{}`", spec.uses.value));
        self.diagnostics.push(match near {
            None => unknown.help("`asm-pipe stages` lists those there are"),
            near => unknown.did_you_mean(near),
        });
    }

    /// The references of a stage whose kind is unknown are looked up nevertheless: a name may be wrong too.
    fn needs_of_unknown(&mut self, index: StageIndex, spec: &'a StageSpec) {
        let from = self.from(index);
        for text in spec.inputs.iter().flat_map(|input| &input.references) {
            if !text.value.starts_with("rounds.") && !text.value.starts_with("carry.") {
                let target = self
                    .names
                    .target(if from == From::Outside { From::First } else { From::Next }, text);
                if let Some(Target::Stage(other, _)) = self.keep(target) {
                    self.needs.entry((index, other)).or_insert(text.span);
                }
            }
        }
    }

    fn port(
        &mut self,
        index: StageIndex,
        kind: &'a KindInfo,
        input: &'a InputSpec,
        carries: &[Option<[Target<'a>; 2]>],
    ) -> Option<(&'a str, Vec<Wire<'a>>)> {
        let Some(port) = kind.inputs.iter().find(|port| port.name == input.port.value) else {
            self.unknown_port(kind, input);
            return None;
        };
        if let (false, [first, second, ..]) = (port.many, input.references.as_slice()) {
            let message = format!(
                "the port `{}` takes one, and this is a list of {}",
                port.name,
                input.references.len()
            );
            self.diagnostics
                .push(Diagnostic::error(second.span, message).context(first.span, "the list begins here"));
        }
        let from = self.from(index);
        let mut wires = Vec::new();
        for text in &input.references {
            let wire = self.names.wire(from, port, text);
            let Some(wire) = self.keep(wire).flatten() else {
                continue;
            };
            self.remember_needs(index, text.span, wire.from, carries);
            wires.push(wire);
        }
        Some((&port.name, wires))
    }

    fn unknown_port(&mut self, kind: &KindInfo, input: &InputSpec) {
        let near = suggest(&input.port.value, kind.inputs.iter().map(|port| &port.name));
        let message = format!("the kind `{}` has no input `{}`", kind.name, input.port.value);
        let ports: Vec<String> = kind.inputs.iter().map(|port| format!("`{}`", port.name)).collect();
        let note = match ports.as_slice() {
            [] => "it takes no inputs".to_owned(),
            _ => format!("its inputs are {}", ports.join(", ")),
        };
        self.diagnostics.push(
            Diagnostic::error(input.port.span, message)
                .did_you_mean(near)
                .note(note),
        );
    }

    fn remember_needs(&mut self, index: StageIndex, span: Span, source: Source, carries: &[Option<[Target; 2]>]) {
        let whole = self.names.stages.len();
        let mut needs = Vec::new();
        match source {
            Source::Stage(stage, _) => needs.push(stage),
            Source::All(stage, _) | Source::Last(stage, _) => needs.extend([stage, whole]),
            Source::Carry(carry) => {
                let mut seen = BTreeSet::new();
                let mut open = vec![carry];
                while let Some(carry) = open.pop().filter(|carry| seen.insert(*carry)) {
                    for target in carries[carry].iter().flatten() {
                        match *target {
                            // What the round before made is there already.
                            Target::Stage(stage, _) if self.names.is_in_rounds(stage) => {}
                            Target::Stage(stage, _) => needs.push(stage),
                            Target::Carry(other) => open.push(other),
                        }
                    }
                }
            }
        }
        for need in needs {
            self.needs.entry((index, need)).or_insert(span);
        }
    }

    fn params(&mut self, index: StageIndex, spec: &StageSpec, kind: &KindInfo) -> Vec<Rc<Params>> {
        if !self.names.is_in_rounds(index) {
            return self.decoded(kind, &spec.with).into_iter().collect();
        }
        let rounds = self.rounds.map_or(0, |rounds| rounds.max.value);
        let mut all: Vec<Rc<Params>> = Vec::new();
        let mut before = None;
        for round in 1..=rounds {
            let with = spec.with_for_round(round);
            let given = with.to_json();
            match (before.as_ref() == Some(&given), all.last()) {
                (true, Some(same)) => all.push(Rc::clone(same)),
                _ => all.extend(self.decoded(kind, &with)),
            }
            if all.len() < round as usize {
                return all;
            }
            before = Some(given);
        }
        all
    }

    fn decoded(&mut self, kind: &KindInfo, with: &Node) -> Option<Rc<Params>> {
        match decode(&kind.params, &with.to_json()) {
            Ok(value) => Some(Params::new(value)),
            Err(problems) => {
                self.diagnostics
                    .extend(problems.iter().map(|problem| located(kind, problem, with)));
                None
            }
        }
    }

    fn until(&mut self, until: &'a Until) -> Option<DraftUntil<'a>> {
        let own = self.names.stages[self.names.outside..]
            .iter()
            .find(|(spec, _)| spec.name.value == UNTIL);
        if let Some((spec, _)) = own {
            let message = "the stop test of the rounds is called `until`: no stage of the rounds can be";
            self.diagnostics
                .push(Diagnostic::error(spec.name.span, message).help("give it another name"));
        }
        let found = self.metric(until);
        let metric = self.keep(found);
        let Some(kind) = self.registry.get(UNTIL).map(|kind| &kind.info) else {
            let message = format!("the stop test needs the stage kind `{UNTIL}`, which is not there");
            self.diagnostics.push(Diagnostic::error(until.metric.span, message));
            return None;
        };
        let (stage, output, metric) = metric?;
        let window = until.window.value;
        let given = json!({"metric": metric, "shift_below": until.shift_below.value, "window": window});
        match decode(&kind.params, &given) {
            Ok(params) => Some(DraftUntil {
                kind,
                stage,
                output,
                window: window.max(1),
                params: Params::new(params),
            }),
            Err(problems) => {
                self.diagnostics.extend(problems.iter().map(|problem| {
                    let span = match problem.path.first() {
                        Some(PathPart::Key(key)) if key == "window" => until.window.span,
                        Some(PathPart::Key(key)) if key == "shift_below" => until.shift_below.span,
                        _ => until.metric.span,
                    };
                    Diagnostic::error(span, problem.to_string())
                }));
                None
            }
        }
    }

    /// The stage, its output, and the metric in it.
    fn metric(&self, until: &'a Until) -> Result<(StageIndex, &'a str, &'a str), Box<Diagnostic>> {
        let text = &until.metric;
        let wrong = |message: String| Diagnostic::error(text.span, message);
        let Some((name, metric)) = text
            .value
            .split_once('.')
            .filter(|(name, metric)| !name.is_empty() && !metric.is_empty())
        else {
            let message = format!("`{}` is not a metric of a stage: write `stage.metric`", text.value);
            return Err(Box::new(wrong(message)));
        };
        let inside = self.names.stages.iter().enumerate().skip(self.names.outside);
        let Some((index, (_, kind))) = inside.clone().find(|(_, (spec, _))| spec.name.value == name) else {
            let near = suggest(name, inside.map(|(_, (spec, _))| &spec.name.value));
            let message = format!("no stage of the rounds is called `{name}`");
            return Err(Box::new(
                wrong(message).did_you_mean(near.map(|near| format!("{near}.{metric}"))),
            ));
        };
        let Some(kind) = kind else {
            // The kind is unknown, which is reported there.
            return Ok((index, METRICS, metric));
        };
        let mut fitting: Vec<_> = kind
            .outputs
            .iter()
            .filter(|output| output.artifact == METRICS)
            .collect();
        if fitting.len() > 1 {
            fitting.retain(|output| output.name == METRICS);
        }
        match fitting.as_slice() {
            [output] => Ok((index, &output.name, metric)),
            _ => {
                let makers = inside.filter(|(_, (_, kind))| {
                    kind.is_some_and(|kind| kind.outputs.iter().any(|output| output.artifact == METRICS))
                });
                let makers: Vec<String> = makers.map(|(_, (spec, _))| format!("`{}`", spec.name.value)).collect();
                let diagnostic = wrong(format!(
                    "`{name}` has no output `{METRICS}` that the stop test could read"
                ));
                let help = format!("stages of the rounds that have metrics: {}", makers.join(", "));
                Err(Box::new(if makers.is_empty() {
                    diagnostic
                } else {
                    diagnostic.help(help)
                }))
            }
        }
    }

    /// The stages before, in and after the rounds, each after what it needs.
    fn phases(&mut self) -> Option<[Vec<StageIndex>; 3]> {
        let whole = self.names.stages.len();
        let mut needs: Vec<Vec<usize>> = vec![Vec::new(); whole + 1];
        for &(stage, need) in self.needs.keys() {
            needs[stage].push(need);
        }
        needs[whole] = (self.names.outside..whole).collect();
        match graph::order(&needs) {
            Ok(order) => {
                // Those that can come before the rounds do: they have the smaller numbers.
                let end = order.iter().position(|&index| index == whole).unwrap_or(order.len());
                let (first, after) = order.split_at(end);
                let (inside, before) = first.iter().partition(|&&index| self.names.is_in_rounds(index));
                Some([before, inside, after[1..].to_vec()])
            }
            Err(circles) => {
                let found: Vec<_> = circles.iter().map(|circle| self.circle(circle)).collect();
                self.diagnostics.extend(found);
                None
            }
        }
    }

    fn circle(&self, circle: &[usize]) -> Diagnostic {
        let whole = self.names.stages.len();
        let name = |index: usize| match self.names.stages.get(index) {
            Some((spec, _)) => spec.name.value.as_str(),
            None => "rounds",
        };
        let round: Vec<&str> = circle.iter().chain(circle.first()).map(|&index| name(index)).collect();
        let pairs = circle.iter().zip(circle.iter().cycle().skip(1));
        let mut spans = pairs.filter_map(|(&stage, &need)| Some((stage, need, *self.needs.get(&(stage, need))?)));
        let message = match circle {
            [one] => format!("stage `{}` needs itself", name(*one)),
            _ => format!("stages need each other: `{}`", round.join("` -> `")),
        };
        let first = spans.next();
        let mut diagnostic = Diagnostic::error(first.map(|(.., span)| span), message);
        if let (Some((stage, need, _)), true) = (first, circle.len() > 1) {
            diagnostic = diagnostic.label(format!("`{}` needs `{}`", name(stage), name(need)));
        }
        for (stage, need, span) in spans {
            diagnostic = diagnostic.context(span, format!("`{}` needs `{}`", name(stage), name(need)));
        }
        if circle.contains(&whole) {
            diagnostic = diagnostic.note("what uses `rounds.all` or `rounds.last` comes after all of the rounds");
        }
        diagnostic
    }

    fn from(&self, index: StageIndex) -> From {
        if self.names.is_in_rounds(index) {
            From::Rounds
        } else {
            From::Outside
        }
    }

    fn keep<T>(&mut self, result: Result<T, Box<Diagnostic>>) -> Option<T> {
        result.map_err(|diagnostic| self.diagnostics.push(*diagnostic)).ok()
    }
}

fn quoted(artifact: &str, many: bool) -> String {
    if many {
        format!("a list of `{artifact}`")
    } else {
        format!("`{artifact}`")
    }
}

/// A problem of params, at its place in the text.
fn located(kind: &KindInfo, problem: &ParamProblem, with: &Node) -> Diagnostic {
    let step = |part: &PathPart| match part {
        PathPart::Key(key) => Step::Key(key.clone()),
        PathPart::Index(index) => Step::Index(*index),
    };
    let path: Vec<Step> = problem.path.iter().map(step).collect();
    let found = locate(with, &path);
    let given = match (path.last(), problem.unknown_key) {
        (Some(Step::Key(key)), true) => {
            let near = suggest(key, &problem.candidates);
            let help = format!("`asm-pipe stages {}` lists the params", kind.name);
            let message = format!("the kind `{}` has no param `{}`", kind.name, dotted(&problem.path));
            let diagnostic = Diagnostic::error(found.key.unwrap_or(found.value), message);
            return if near.is_some() {
                diagnostic.did_you_mean(near)
            } else {
                diagnostic.help(help)
            };
        }
        _ => with_value(with, &path),
    };
    let near = given.and_then(|given| suggest(given, &problem.candidates));
    Diagnostic::error(found.value, problem.to_string()).did_you_mean(near)
}

fn with_value<'n>(with: &'n Node, path: &[Step]) -> Option<&'n str> {
    let mut node = with;
    for step in path {
        node = match step {
            Step::Key(key) => node.get(key)?,
            Step::Index(index) => match &node.value {
                crate::spec::Value::Sequence(items) => items.get(*index)?,
                _ => return None,
            },
        };
    }
    node.as_str()
}

fn dotted(path: &[PathPart]) -> String {
    let problem = ParamProblem {
        path: path.to_vec(),
        message: String::new(),
        unknown_key: false,
        candidates: Vec::new(),
    };
    problem.to_string().trim_end_matches(": ").to_owned()
}
