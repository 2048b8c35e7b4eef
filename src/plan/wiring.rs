//! Looks references up: which stage, which output, and whether it fits the port.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::{Source, StageIndex, Target, Wire};
use super::reference::{self, Output, Reference};
use crate::spec::{Carry, Diagnostic, Located, Pipeline, Span, StageSpec, suggest};
use crate::stage::command::ANY;
use crate::stage::{InputPort, KindInfo, OutputPort, Registry};

/// The names of a pipeline.
pub(super) struct Names<'a> {
    /// The stages with their kinds, as far as these are known.
    pub(super) stages: Vec<(&'a StageSpec, Option<&'a KindInfo>)>,
    /// How many of the stages are outside of the rounds: those come first.
    pub(super) outside: usize,
    pub(super) has_rounds: bool,
    pub(super) carries: &'a [Carry],
    by_name: BTreeMap<&'a str, StageIndex>,
    carry_by_name: BTreeMap<&'a str, usize>,
}

/// Where a reference stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// In a stage outside of the rounds.
    Outside,
    /// In a stage of the rounds.
    Rounds,
    /// First value of a carry.
    First,
    /// Next value of a carry.
    Next,
}

type Checked<T> = Result<T, Box<Diagnostic>>;

impl<'a> Names<'a> {
    /// Collects the names. Those that are there twice, or mean something else, are diagnosed.
    ///
    /// `shapes` are the stages' own kinds.
    pub(super) fn new(
        pipeline: &'a Pipeline,
        registry: &'a Registry,
        shapes: &'a [Option<Arc<KindInfo>>],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let rounds = pipeline.rounds.as_ref();
        let inside = rounds.map_or(&[][..], |rounds| &rounds.stages);
        let with_kind = |(spec, own): (&'a StageSpec, &'a Option<Arc<KindInfo>>)| {
            let known = || registry.get(&spec.uses.value).map(|kind| &kind.info);
            (spec, own.as_deref().or_else(known))
        };
        let stages: Vec<_> = pipeline
            .stages
            .iter()
            .chain(inside)
            .zip(shapes)
            .map(with_kind)
            .collect();
        let carries = rounds.map_or(&[][..], |rounds| &rounds.carry);
        let mut by_name: BTreeMap<&str, StageIndex> = BTreeMap::new();
        for (index, (spec, _)) in stages.iter().enumerate() {
            let name = &spec.name;
            if let Some(first) = by_name.get(name.value.as_str()) {
                let twice = Diagnostic::error(name.span, format!("there are two stages `{}`", name.value));
                diagnostics.push(twice.context(stages[*first].0.name.span, "the first is here"));
            } else {
                by_name.insert(&name.value, index);
            }
        }
        Self {
            outside: pipeline.stages.len(),
            has_rounds: rounds.is_some(),
            carries,
            by_name,
            carry_by_name: carries
                .iter()
                .enumerate()
                .map(|(at, carry)| (carry.name.value.as_str(), at))
                .collect(),
            stages,
        }
    }

    pub(super) fn is_in_rounds(&self, stage: StageIndex) -> bool {
        stage >= self.outside
    }

    fn name(&self, stage: StageIndex) -> &'a str {
        &self.stages[stage].0.name.value
    }

    /// Looks up the reference of a port. Nothing when it needs a kind that is unknown: that is reported elsewhere.
    pub(super) fn wire(&self, from: From, port: &InputPort, text: &'a Located<String>) -> Checked<Option<Wire<'a>>> {
        let source = match parsed(text)? {
            Reference::Stage(output) => {
                let stage = self.stage(from, output, text)?;
                self.output(stage, output.output, port, text.span)?
                    .map(|output| Source::Stage(stage, output))
            }
            Reference::Carry(name) => Some(Source::Carry(self.carry(from, name, text, port)?)),
            Reference::All(output) => {
                let stage = self.stage_of_rounds(from, "all", output, text)?;
                if !port.many {
                    let message = format!("the port `{}` takes one, and `{}` is a list", port.name, text.value);
                    let one = format!(
                        "write `{}` for the last round",
                        text.value.replacen(".all.", ".last.", 1)
                    );
                    return Err(Box::new(Diagnostic::error(text.span, message).help(one)));
                }
                self.output(stage, output.output, port, text.span)?
                    .map(|output| Source::All(stage, output))
            }
            Reference::Last(output) => {
                let stage = self.stage_of_rounds(from, "last", output, text)?;
                self.output(stage, output.output, port, text.span)?
                    .map(|output| Source::Last(stage, output))
            }
        };
        Ok(source.map(|from| Wire {
            text: &text.value,
            from,
        }))
    }

    /// Looks up what a carry refers to. Its output is checked where the carry is used: it may depend on the port.
    pub(super) fn target(&self, from: From, text: &'a Located<String>) -> Checked<Target<'a>> {
        match parsed(text)? {
            Reference::Stage(output) => {
                let stage = self.stage(from, output, text)?;
                match (output.output, self.stages[stage].1) {
                    (Some(name), Some(kind)) if !kind.outputs.iter().any(|output| output.name == name) => {
                        Err(self.unknown_output(stage, kind, name, text.span))
                    }
                    _ => Ok(Target::Stage(stage, output.output)),
                }
            }
            Reference::Carry(name) if from == From::Next => self.known_carry(name, text).map(Target::Carry),
            Reference::Carry(_) => {
                let message = "the first value of a carry cannot be a carry: no round was before";
                Err(Box::new(
                    Diagnostic::error(text.span, message).help("name a stage outside of the rounds"),
                ))
            }
            Reference::All(_) | Reference::Last(_) => Err(inside_of_rounds(text)),
        }
    }

    fn stage(&self, from: From, output: Output, text: &Located<String>) -> Checked<StageIndex> {
        let Some(&stage) = self.by_name.get(output.stage) else {
            let visible = self.stages.iter().enumerate().filter(|(index, _)| match from {
                From::Outside | From::First => !self.is_in_rounds(*index),
                From::Rounds | From::Next => true,
            });
            let near = suggest(output.stage, visible.map(|(index, _)| self.name(index)));
            let unknown = Diagnostic::error(text.span, format!("no stage is called `{}`", output.stage));
            return Err(Box::new(match (near, self.carry_by_name.get(output.stage)) {
                (None, Some(_)) => unknown.help(format!("write `carry.{}`", output.stage)),
                (near, _) => unknown.did_you_mean(near.map(|near| with_output(&near, output.output))),
            }));
        };
        let wrong = match from {
            From::Outside if self.is_in_rounds(stage) => {
                let rest = with_output(output.stage, output.output);
                let message = format!(
                    "`{}` is a stage of the rounds: there is one of it in each",
                    output.stage
                );
                let help = format!("write `rounds.last.{rest}` for the last, `rounds.all.{rest}` for all");
                Diagnostic::error(text.span, message).help(help)
            }
            From::First if self.is_in_rounds(stage) => {
                let message = format!(
                    "`{}` is a stage of the rounds: before the first round there is none",
                    output.stage
                );
                Diagnostic::error(text.span, message).help("name a stage outside of the rounds")
            }
            _ => return Ok(stage),
        };
        Err(Box::new(
            wrong.context(self.stages[stage].0.name.span, "it is declared here"),
        ))
    }

    fn stage_of_rounds(&self, from: From, which: &str, output: Output, text: &Located<String>) -> Checked<StageIndex> {
        if from != From::Outside {
            return Err(inside_of_rounds(text));
        }
        if !self.has_rounds {
            return Err(Box::new(Diagnostic::error(text.span, "this pipeline has no rounds")));
        }
        match self.by_name.get(output.stage) {
            Some(&stage) if self.is_in_rounds(stage) => Ok(stage),
            Some(_) => {
                let message = format!("`{}` is not a stage of the rounds: there is one of it", output.stage);
                let help = format!("write `{}`", with_output(output.stage, output.output));
                Err(Box::new(Diagnostic::error(text.span, message).help(help)))
            }
            None => {
                let near = suggest(
                    output.stage,
                    (self.outside..self.stages.len()).map(|index| self.name(index)),
                );
                let message = format!("no stage of the rounds is called `{}`", output.stage);
                let near = near.map(|near| format!("rounds.{which}.{}", with_output(&near, output.output)));
                Err(Box::new(Diagnostic::error(text.span, message).did_you_mean(near)))
            }
        }
    }

    fn carry(&self, from: From, name: &str, text: &Located<String>, port: &InputPort) -> Checked<usize> {
        if from == From::Outside {
            let message = format!("`{}` can only be used in the rounds", text.value);
            let diagnostic = Diagnostic::error(text.span, message);
            let in_rounds = self.carry_by_name.get(name).map(|&at| &self.carries[at].next.value);
            return Err(Box::new(match in_rounds {
                Some(next) if !next.starts_with("carry.") => diagnostic.help(format!("write `rounds.last.{next}`")),
                _ => diagnostic,
            }));
        }
        let carry = self.known_carry(name, text)?;
        self.carry_fits(carry, port, text)?;
        Ok(carry)
    }

    fn known_carry(&self, name: &str, text: &Located<String>) -> Checked<usize> {
        self.carry_by_name.get(name).copied().ok_or_else(|| {
            let near = suggest(name, self.carry_by_name.keys().copied()).map(|near| format!("carry.{near}"));
            let unknown = Diagnostic::error(text.span, format!("nothing is carried by the name `{name}`"));
            Box::new(match near {
                None if self.by_name.contains_key(name) => unknown.help(format!("for the stage write `{name}`")),
                near => unknown.did_you_mean(near),
            })
        })
    }

    /// Whether everything that the carry can come to hold fits the port.
    fn carry_fits(&self, carry: usize, port: &InputPort, text: &Located<String>) -> Checked<()> {
        let mut seen = vec![false; self.carries.len()];
        let mut open = vec![carry];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let references = [
                (From::First, &self.carries[at].first),
                (From::Next, &self.carries[at].next),
            ];
            for (from, reference) in references {
                // What is wrong with the reference itself is reported where it stands.
                match self.target(from, reference) {
                    Ok(Target::Carry(other)) => open.push(other),
                    Ok(Target::Stage(stage, output)) => {
                        self.output(stage, output, port, text.span).map_err(|diagnostic| {
                            Box::new(diagnostic.context(reference.span, format!("`{}` comes from here", text.value)))
                        })?;
                    }
                    Err(_) => {}
                }
            }
        }
        Ok(())
    }

    /// The output that is meant, checked against the port. Nothing when the stage's kind is unknown.
    fn output(
        &self,
        stage: StageIndex,
        output: Option<&str>,
        port: &InputPort,
        span: Span,
    ) -> Checked<Option<&'a str>> {
        let Some(kind) = self.stages[stage].1 else {
            return Ok(None);
        };
        let name = self.name(stage);
        let Some(chosen) = choose(kind, output, port) else {
            return Err(match output {
                Some(output) => self.unknown_output(stage, kind, output, span),
                None => Box::new(ambiguous(name, kind, port, span)),
            });
        };
        if fits(chosen, port) {
            return Ok(Some(&chosen.name));
        }
        let full = if kind.outputs.len() == 1 {
            name.to_owned()
        } else {
            format!("{name}.{}", chosen.name)
        };
        let message = format!(
            "the port `{}` takes {}, and `{full}` is {}",
            port.name,
            article(&port.artifact),
            article(&chosen.artifact)
        );
        let mut diagnostic = Diagnostic::error(span, message);
        let fitting = kind.outputs.iter().filter(|output| fits(output, port));
        let fitting: Vec<String> = fitting.map(|output| format!("`{name}.{}`", output.name)).collect();
        if !fitting.is_empty() {
            diagnostic = diagnostic.help(format!("{} would fit", fitting.join(" or ")));
        }
        Err(Box::new(diagnostic))
    }

    fn unknown_output(&self, stage: StageIndex, kind: &KindInfo, output: &str, span: Span) -> Box<Diagnostic> {
        let name = self.name(stage);
        let near = suggest(output, kind.outputs.iter().map(|output| &output.name));
        let diagnostic = Diagnostic::error(span, format!("`{name}` has no output `{output}`"));
        Box::new(
            diagnostic
                .did_you_mean(near.map(|near| format!("{name}.{near}")))
                .note(outputs(name, kind)),
        )
    }
}

/// Whether an output is what a port takes.
fn fits(output: &OutputPort, port: &InputPort) -> bool {
    output.artifact == port.artifact
        || [&output.artifact, &port.artifact]
            .into_iter()
            .any(|artifact| artifact == ANY)
}

/// The output that a reference means: the one it names; else the kind's only one; else that named like the port; else the
/// only one that is such an artifact.
pub(super) fn choose<'k>(kind: &'k KindInfo, output: Option<&str>, port: &InputPort) -> Option<&'k OutputPort> {
    let named = |name: &str| kind.outputs.iter().find(|output| output.name == name);
    if let Some(name) = output {
        return named(name);
    }
    let only = |fits: &dyn Fn(&OutputPort) -> bool| {
        let mut fitting = kind.outputs.iter().filter(|output| fits(output));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    only(&|_| true)
        .or_else(|| named(&port.name).filter(|output| fits(output, port)))
        .or_else(|| only(&|output| fits(output, port)))
}

fn ambiguous(name: &str, kind: &KindInfo, port: &InputPort, span: Span) -> Diagnostic {
    let fitting: Vec<_> = kind.outputs.iter().filter(|output| fits(output, port)).collect();
    if fitting.is_empty() {
        let message = format!(
            "`{name}` makes nothing for the port `{}`, which takes {}",
            port.name,
            article(&port.artifact)
        );
        return Diagnostic::error(span, message).note(outputs(name, kind));
    }
    let choices: Vec<String> = fitting
        .iter()
        .map(|output| format!("`{name}.{}`", output.name))
        .collect();
    Diagnostic::error(
        span,
        format!("which output of `{name}` goes to the port `{}`?", port.name),
    )
    .help(format!("write {}", choices.join(" or ")))
}

fn outputs(name: &str, kind: &KindInfo) -> String {
    let list: Vec<String> = kind
        .outputs
        .iter()
        .map(|output| format!("`{}` ({})", output.name, output.artifact))
        .collect();
    match list.as_slice() {
        [] => format!("`{name}` is of the kind `{}`, which has no outputs", kind.name),
        _ => format!("the outputs of `{name}` are {}", list.join(", ")),
    }
}

fn article(artifact: &str) -> String {
    let vowel = artifact.starts_with(['a', 'e', 'i', 'o', 'u']);
    // Plural names, such as `images`, take none.
    let word = if artifact.ends_with('s') {
        ""
    } else if vowel {
        "an "
    } else {
        "a "
    };
    format!("{word}`{artifact}`")
}

fn with_output(stage: &str, output: Option<&str>) -> String {
    output.map_or_else(|| stage.to_owned(), |output| format!("{stage}.{output}"))
}

fn parsed(text: &Located<String>) -> Checked<Reference<'_>> {
    reference::parse(&text.value).map_err(|message| Box::new(Diagnostic::error(text.span, message)))
}

fn inside_of_rounds(text: &Located<String>) -> Box<Diagnostic> {
    let message = format!("`{}` can only be used outside of the rounds", text.value);
    let help = "in the rounds, name a stage of the same round, or `carry.name` for what the round before hands over";
    Box::new(Diagnostic::error(text.span, message).help(help))
}
