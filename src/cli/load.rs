//! From the files on the command line to a plan, with every mistake told at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::arguments::PipelineArguments;
use super::failure::{Failure, FailureKind};
use super::terminal;
use crate::plan::{Plan, UnknownTarget, add_comparison, check, plan};
use crate::spec::{Diagnostic, LoadOptions, Pipeline, Sources, load_members, render};
use crate::stage::Registry;
use crate::store::Digest;

/// Pipelines and the plan of them.
pub(super) struct Loaded {
    /// The name of the whole: a pipeline's, an experiment's, or `comparison`.
    pub(super) name: String,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) plan: Plan,
    /// The files that were read, with their texts' digests.
    pub(super) texts: BTreeMap<PathBuf, Digest>,
    /// Whether something was said on the way that should be said each time.
    pub(super) warned: bool,
    /// What they were loaded from.
    pub(super) given: PipelineArguments,
}

impl Loaded {
    /// Resolved params as YAML, by strategy with a title: those of its first seed.
    pub(super) fn params_by_strategy(&self) -> Vec<(String, String, String)> {
        let mut seeds: BTreeMap<&str, usize> = BTreeMap::new();
        for pipeline in &self.pipelines {
            *seeds.entry(&pipeline.strategy).or_default() += 1;
        }
        // The first of a strategy takes its entry out; those after it find none.
        let of_strategy = self.pipelines.iter().filter_map(|pipeline| {
            let name = match seeds.remove(pipeline.strategy.as_str())? {
                1 => pipeline.name.value.clone(),
                many => format!("{}, the first of {many} seeds", pipeline.strategy),
            };
            Some((pipeline.strategy.clone(), name, crate::spec::emit(&pipeline.params)))
        });
        of_strategy.collect()
    }

    /// Resolved params as YAML, by pipeline.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        self.pipelines
            .iter()
            .map(|pipeline| (pipeline.name.value.clone(), crate::spec::emit(&pipeline.params)))
            .collect()
    }
}

/// Loads and plans, with the comparison's stages when there are several pipelines.
pub(super) fn load(arguments: &PipelineArguments, targets: &[String], registry: &Registry) -> Result<Loaded, Failure> {
    let Checked {
        name,
        pipelines,
        texts,
        mut warned,
    } = load_checked(arguments, |pipeline| check(pipeline, registry))?;
    let mut whole = plan(&pipelines, registry).map_err(|diagnostics| {
        Failure::invalid(
            diagnostics
                .first()
                .map_or_else(String::new, |diagnostic| diagnostic.message.clone()),
        )
    })?;
    if targets.is_empty() {
        let left_out = add_comparison(&mut whole, registry).map_err(|e| Failure::environment(e.to_string()))?;
        if pipelines.len() > 1 && left_out.len() < pipelines.len() {
            for pipeline in left_out {
                warned = true;
                terminal::warn(&format!(
                    "`{pipeline}` has no stage of the kind `tables`: it is not in the comparison"
                ));
            }
        }
    } else {
        whole = whole
            .only(targets)
            .map_err(|unknown| unknown_stages("--target", &unknown))?;
    }
    Ok(Loaded {
        name,
        pipelines,
        plan: whole,
        texts,
        warned,
        given: arguments.clone(),
    })
}

/// The failure for stages that an option names and the plan does not have.
pub(super) fn unknown_stages(option: &str, unknown: &[UnknownTarget]) -> Failure {
    let texts: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    let failure = Failure::usage(format!("{option}: {}", texts.join("; ")));
    let near: Vec<String> = unknown
        .iter()
        .filter_map(|unknown| Some(format!("did you mean `{}`?", unknown.suggestion.as_ref()?)))
        .collect();
    if near.is_empty() {
        return failure.hint("`asm-pipe graph` draws the stages");
    }
    near.into_iter().fold(failure, Failure::hint)
}

/// Loads pipelines without planning them.
pub(super) fn load_pipelines(arguments: &PipelineArguments) -> Result<Vec<Pipeline>, Failure> {
    load_checked(arguments, |_| Vec::new()).map(|checked| checked.pipelines)
}

/// Pipelines without mistakes, with what else [`Loaded`] says of them.
struct Checked {
    name: String,
    pipelines: Vec<Pipeline>,
    texts: BTreeMap<PathBuf, Digest>,
    warned: bool,
}

fn load_checked(
    arguments: &PipelineArguments,
    check: impl Fn(&Pipeline) -> Vec<Diagnostic>,
) -> Result<Checked, Failure> {
    let options = LoadOptions {
        profile: arguments.profile.clone(),
        params_files: arguments.params.clone(),
        overrides: arguments.set.clone(),
    };
    let texts = RefCell::new(BTreeMap::new());
    let read = |path: &Path| {
        let text = read(path)?;
        texts
            .borrow_mut()
            .insert(path.to_owned(), Digest::of_bytes(text.as_bytes()));
        Ok(text)
    };
    let mut mistakes = Mistakes::default();
    let mut name = None;
    let mut pipelines: Vec<Pipeline> = Vec::new();
    let mut names = BTreeSet::new();
    for path in &arguments.pipelines {
        let found = load_members(path, &options, &read);
        name = name.or(found.name);
        for member in found.members {
            match member {
                Ok((pipeline, sources)) => {
                    mistakes.add(&sources, check(&pipeline));
                    if !names.insert(pipeline.name.value.clone()) {
                        let message = format!("two pipelines are called `{}`", pipeline.name.value);
                        mistakes.add(&sources, vec![Diagnostic::error(pipeline.name.span, message)]);
                    }
                    pipelines.push(pipeline);
                }
                Err((diagnostics, sources)) => mistakes.add(&sources, diagnostics),
            }
        }
    }
    let name = name.unwrap_or_else(|| name_of_all(&pipelines));
    if pipelines.len() > 1 && names.contains(&name) {
        let message = format!("the experiment and one of its pipelines are called `{name}`");
        let clash = Diagnostic::error(None, message).help("give one of them another `name:`");
        mistakes.add(&Sources::default(), vec![clash]);
    }
    let warned = mistakes.verdict()?;
    let texts = texts.into_inner();
    Ok(Checked {
        name,
        pipelines,
        texts,
        warned,
    })
}

/// The name of several pipelines without an experiment: that of their file, if they are of one.
fn name_of_all(pipelines: &[Pipeline]) -> String {
    match pipelines {
        [only] => only.name.value.clone(),
        [first, others @ ..] if others.iter().all(|other| other.family == first.family) => first.family.clone(),
        _ => "comparison".to_owned(),
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::File::open(path)
        .and_then(std::io::read_to_string)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        })
}

/// What is wrong, drawn; what two pipelines have in common is told once.
#[derive(Default)]
struct Mistakes {
    drawn: Vec<String>,
    json: BTreeMap<String, serde_json::Value>,
    errors: bool,
}

impl Mistakes {
    fn add(&mut self, sources: &Sources, diagnostics: Vec<Diagnostic>) {
        for diagnostic in diagnostics {
            self.errors |= diagnostic.is_error();
            let json = diagnostic.to_json(sources);
            if self.json.insert(json.to_string(), json).is_none() {
                self.drawn
                    .push(render(sources, &[diagnostic], terminal::colour_on_stderr()));
            }
        }
    }

    /// Tells of warnings, and says whether there were any.
    fn verdict(self) -> Result<bool, Failure> {
        let text = self.drawn.join("\n");
        if !self.errors {
            if !text.is_empty() {
                terminal::tell(text.trim_end());
            }
            return Ok(!text.is_empty());
        }
        let mut failure = Failure::new(FailureKind::Invalid, String::new());
        failure.rendered = Some(text);
        failure.diagnostics = self.json.into_values().collect();
        Err(failure)
    }
}
