//! From the files on the command line to a plan, with every mistake told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::arguments::PipelineArguments;
use super::failure::{Failure, FailureKind};
use super::terminal;
use crate::plan::{Plan, UnknownTarget, add_comparison, plan};
use crate::spec::{Diagnostic, LoadOptions, Pipeline, Sources, is_experiment, load_experiment, parse, render};
use crate::stage::Registry;

/// Pipelines and the plan of them.
pub(super) struct Loaded {
    /// The name of the whole: a pipeline's, an experiment's, or `comparison`.
    pub(super) name: String,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) plan: Plan,
}

impl Loaded {
    /// Resolved params as YAML, by pipeline.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        self.pipelines
            .iter()
            .map(|pipeline| (pipeline.name.value.clone(), crate::spec::emit(&pipeline.params)))
            .collect()
    }
}

/// One pipeline to load: its file, what is set, and the seed of an experiment.
struct Member {
    path: PathBuf,
    options: LoadOptions,
    seed: Option<i64>,
}

/// Loads and plans, with the comparison's stages when there are several pipelines.
pub(super) fn load(arguments: &PipelineArguments, targets: &[String], registry: &Registry) -> Result<Loaded, Failure> {
    let (name, pipelines) = load_checked(arguments, |pipeline| {
        plan(std::slice::from_ref(pipeline), registry).err()
    })?;
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
    load_checked(arguments, |_| None).map(|(_, pipelines)| pipelines)
}

fn load_checked(
    arguments: &PipelineArguments,
    check: impl Fn(&Pipeline) -> Option<Vec<Diagnostic>>,
) -> Result<(String, Vec<Pipeline>), Failure> {
    let mut mistakes = Mistakes::default();
    let (name, members) = members(arguments, &mut mistakes);
    let seeds = members
        .iter()
        .filter_map(|member| member.seed)
        .collect::<BTreeSet<_>>()
        .len();
    let mut pipelines: Vec<Pipeline> = Vec::new();
    for member in &members {
        match crate::spec::load(&member.path, &member.options, &read) {
            Ok((mut pipeline, sources)) => {
                mistakes.add(&sources, check(&pipeline).unwrap_or_default());
                if let (Some(seed), true) = (member.seed, seeds > 1) {
                    pipeline.name.value = format!("{}-seed-{seed}", pipeline.name.value);
                }
                if pipelines.iter().any(|other| other.name.value == pipeline.name.value) {
                    let message = format!("two pipelines are called `{}`", pipeline.name.value);
                    mistakes.add(&sources, vec![Diagnostic::error(pipeline.name.span, message)]);
                }
                pipelines.push(pipeline);
            }
            Err((diagnostics, sources)) => mistakes.add(&sources, diagnostics),
        }
    }
    mistakes.verdict()?;
    let name = name.unwrap_or_else(|| match &pipelines[..] {
        [only] => only.name.value.clone(),
        _ => "comparison".to_owned(),
    });
    Ok((name, pipelines))
}

/// The pipelines of the command line; an experiment file stands for those that it names.
fn members(arguments: &PipelineArguments, mistakes: &mut Mistakes) -> (Option<String>, Vec<Member>) {
    let mut members = Vec::new();
    let mut name = None;
    let base = LoadOptions {
        profile: arguments.profile.clone(),
        params_files: arguments.params.clone(),
        overrides: arguments.set.clone(),
    };
    for path in &arguments.pipelines {
        if !names_pipelines(path) {
            members.push(Member {
                path: path.clone(),
                options: base.clone(),
                seed: None,
            });
            continue;
        }
        match load_experiment(path, &read) {
            Err((diagnostics, sources)) => mistakes.add(&sources, diagnostics),
            Ok((experiment, _)) => {
                name.get_or_insert(experiment.name.value.clone());
                let seeds: Vec<Option<i64>> = match &experiment.seeds[..] {
                    [] => vec![None],
                    seeds => seeds.iter().map(|seed| Some(seed.value)).collect(),
                };
                for pipeline in &experiment.pipelines {
                    for &seed in &seeds {
                        // What stands on the command line comes last, so that it wins.
                        let overrides = experiment
                            .overrides_for(seed)
                            .into_iter()
                            .chain(arguments.set.clone())
                            .collect();
                        let options = LoadOptions {
                            overrides,
                            ..base.clone()
                        };
                        members.push(Member {
                            path: pipeline.value.clone(),
                            options,
                            seed,
                        });
                    }
                }
            }
        }
    }
    (name, members)
}

/// Whether a file is an experiment. One that cannot be read or parsed is left to the loader, which says why.
fn names_pipelines(path: &Path) -> bool {
    let Ok(text) = read(path) else { return false };
    let mut sources = Sources::default();
    let file = sources.add(path.display().to_string(), text);
    parse(&sources, file).0.is_some_and(|node| is_experiment(&node))
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

    fn verdict(self) -> Result<(), Failure> {
        let text = self.drawn.join("\n");
        if !self.errors {
            if !text.is_empty() {
                terminal::tell(text.trim_end());
            }
            return Ok(());
        }
        let mut failure = Failure::new(FailureKind::Invalid, String::new());
        failure.rendered = Some(text);
        failure.diagnostics = self.json.into_values().collect();
        Err(failure)
    }
}
