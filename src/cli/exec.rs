//! `asm-pipe exec`: one stage kind alone, on files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::arguments::Exec;
use super::failure::{Failure, FailureKind};
use super::figures::short;
use super::stages::unknown_kind;
use super::terminal::{self, Format};
use super::workspace::Untouched;
use crate::run::executor::JobError;
use crate::run::executors::Executors;
use crate::run::resources::available_cpus;
use crate::spec::{assignments, render, suggest};
use crate::stage::command::{self, Given};
use crate::stage::params::{PathPart, decode};
use crate::stage::protocol::FORMAT;
use crate::stage::{Input, Job, KindInfo, Needs, Outcome, Progress, Reporter, Via};

pub(super) fn exec(arguments: &Exec) -> Result<(), Failure> {
    let opened = Untouched::open(&arguments.store)?;
    let registry = &opened.workspace.registry;
    let kind = registry
        .get(&arguments.kind)
        .ok_or_else(|| unknown_kind(&arguments.kind, registry.names()))?;
    let params = params(&arguments.set, &kind.info)?;
    let own = matches!(kind.via, Via::Command(_)).then(|| command::shaped(&given(&arguments.inputs), &params));
    let info = own.as_ref().unwrap_or(&kind.info);
    if let Some(problem) = own.iter().flat_map(|own| command::problems(own, &params)).next() {
        return Err(Failure::usage(problem.to_string()));
    }
    let inputs = inputs(&arguments.inputs, info)?;
    let job = job(
        info,
        params,
        inputs,
        &arguments.out,
        arguments.cpus.unwrap_or_else(available_cpus),
    )?;
    let reporter = Lines {
        quiet: arguments.output.format == Format::Json,
    };
    let done = Executors::new(registry).of(&job.kind).execute(&job, &reporter);
    let outcome = done.map_err(failure)?;
    place_outputs(&job, &arguments.out)?;
    tell(&job, &outcome, &arguments.out, arguments.output.format)
}

/// The failure of a command whose one job has failed.
pub(super) fn failure(error: JobError) -> Failure {
    match error {
        JobError::Stopped => Failure::new(FailureKind::Interrupted, "stopped"),
        JobError::Failed(error) | JobError::Killed(error) => Failure {
            hints: error.hints,
            ..Failure::new(FailureKind::Stage, error.message)
        },
    }
}

/// The ports that `--in` names.
fn given(inputs: &[String]) -> Vec<Given<'_>> {
    let mut found: Vec<Given> = Vec::new();
    for input in inputs {
        let name = input.split(['=', ':']).next().unwrap_or_default();
        match found.iter_mut().find(|known| known.port == name) {
            Some(known) => known.many = true,
            None => found.push(Given {
                port: name,
                many: false,
            }),
        }
    }
    found
}

/// The params of `--set`, checked, with defaults filled in.
pub(super) fn params(set: &[String], kind: &KindInfo) -> Result<serde_json::Value, Failure> {
    let given = assignments(set).map_err(|(diagnostics, sources)| {
        let mut failure = Failure::usage(String::new());
        failure.rendered = Some(render(&sources, &diagnostics, terminal::colour_on_stderr()));
        failure
    })?;
    let given = given.to_json();
    decode(&kind.params, &given).map_err(|problems| {
        let mut failure = Failure::usage(format!("the params of `{}` are wrong", kind.name));
        for problem in problems {
            let mut text = problem.to_string();
            if let Some(PathPart::Key(key)) = problem.path.last()
                && let Some(near) = suggest(key, problem.candidates.iter().map(String::as_str))
            {
                text += &format!("; did you mean `{near}`?");
            }
            failure = failure.hint(text);
        }
        failure.hint(format!("`asm-pipe stages {}` lists the params", kind.name))
    })
}

/// The files of `--in`, by port.
fn inputs(given: &[String], kind: &KindInfo) -> Result<BTreeMap<String, Vec<Input>>, Failure> {
    let mut inputs: BTreeMap<String, Vec<Input>> = BTreeMap::new();
    for text in given {
        let Some((name, path)) = text.split_once('=') else {
            return Err(Failure::usage(format!(
                "--in {text}: give a port and a path, NAME=PATH"
            )));
        };
        let (name, label) = name.split_once(':').unwrap_or((name, ""));
        let Some(port) = kind.inputs.iter().find(|port| port.name == name) else {
            let names: Vec<&str> = kind.inputs.iter().map(|port| port.name.as_str()).collect();
            return Err(
                Failure::usage(format!("--in {text}: `{}` has no input `{name}`", kind.name))
                    .hint(format!("it has: {}", names.join(", "))),
            );
        };
        let path = std::path::absolute(path)?;
        if !path.exists() {
            return Err(Failure::invalid(format!(
                "--in {name}: there is nothing at {}",
                path.display()
            )));
        }
        let list = inputs.entry(name.to_owned()).or_default();
        if !port.many && !list.is_empty() {
            return Err(Failure::usage(format!("--in {text}: `{name}` takes one input")));
        }
        let label = if port.many && label.is_empty() {
            (list.len() + 1).to_string()
        } else {
            label.to_owned()
        };
        list.push(Input { label, path });
    }
    let missing = kind
        .inputs
        .iter()
        .find(|port| !port.optional && !inputs.contains_key(&port.name));
    match missing {
        Some(port) => Err(
            Failure::usage(format!("`{}` needs the input `{}`", kind.name, port.name))
                .hint(format!("{}=PATH: {}", port.name, port.doc)),
        ),
        None => Ok(inputs),
    }
}

/// A job whose outputs are written in a folder beside their place.
fn job(
    kind: &KindInfo,
    params: serde_json::Value,
    inputs: BTreeMap<String, Vec<Input>>,
    out: &Path,
    cpus: u32,
) -> Result<Job, Failure> {
    let out = std::path::absolute(out)?;
    if out.exists() && fs_err::read_dir(&out)?.next().is_some() {
        return Err(Failure::usage(format!(
            "--out {}: there is something already",
            out.display()
        )));
    }
    let folder = out.join(".job");
    let made = folder.join("out");
    fs_err::create_dir_all(&made)?;
    let keep = folder.join("keep");
    fs_err::create_dir_all(&keep)?;
    let outputs: BTreeMap<String, PathBuf> = kind
        .outputs
        .iter()
        .map(|port| (port.name.clone(), made.join(&port.name)))
        .collect();
    let job = Job {
        format: FORMAT,
        kind: kind.name.clone(),
        params,
        inputs,
        outputs,
        folder: folder.clone(),
        keep,
        cpus,
        needs: Needs::default(),
    };
    let text = serde_json::to_vec_pretty(&job).map_err(|e| Failure::environment(e.to_string()))?;
    fs_err::write(folder.join("job.json"), text)?;
    Ok(job)
}

fn place_outputs(job: &Job, out: &Path) -> Result<(), Failure> {
    for (name, path) in &job.outputs {
        if !path.exists() {
            return Err(Failure::new(
                FailureKind::Stage,
                format!("`{}` did not write its output `{name}`", job.kind),
            ));
        }
        fs_err::rename(path, out.join(name))?;
    }
    Ok(fs_err::remove_dir_all(&job.folder)?)
}

fn tell(job: &Job, outcome: &Outcome, out: &Path, format: Format) -> Result<(), Failure> {
    let outputs: BTreeMap<&String, PathBuf> = job.outputs.keys().map(|name| (name, out.join(name))).collect();
    if format == Format::Json {
        return terminal::print_json(
            &json!({ "metrics": outcome.metrics, "notes": outcome.notes, "outputs": outputs }),
        );
    }
    let mut text = String::new();
    for (name, value) in &outcome.metrics {
        text += &format!("{name} {}\n", short(*value));
    }
    for note in &outcome.notes {
        text += &format!("note: {note}\n");
    }
    for path in outputs.values() {
        text += &format!("{}\n", path.display());
    }
    terminal::print(&text)
}

/// Tells the log on stderr.
pub(super) struct Lines {
    pub(super) quiet: bool,
}

impl Reporter for Lines {
    fn progress(&self, _: Progress) {}

    fn log(&self, line: &str) {
        if !self.quiet {
            terminal::tell(line);
        }
    }
}
