//! `asm-pipe complete`: what may stand at the cursor. The functions of `asm-pipe completions` call it.
//!
//! Where nothing can be offered, such as for a pipeline that is wrong, nothing is; a mistake is never told here.

mod candidates;

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use clap::{Args, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, complete as find};

use super::arguments::{Arguments, PipelineArguments, StoreArguments};
use super::defaults::STORE;
use super::failure::Failure;
use super::load::load_pipelines;
use super::terminal;
use super::workspace::Untouched;
use crate::spec::Pipeline;
use crate::stage::KindInfo;
use candidates::Candidate;

/// `asm-pipe complete`.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Complete {
    /// The words of the line up to the cursor, the program first.
    #[arg(last = true, required = true)]
    words: Vec<OsString>,
}

pub(super) fn complete(arguments: &Complete) -> Result<(), Failure> {
    let line = |candidate: &CompletionCandidate| {
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        format!("{}\t{help}\n", candidate.get_value().to_string_lossy())
    };
    let text: String = at_the_cursor(&arguments.words).iter().map(line).collect();
    terminal::print(&text)
}

fn at_the_cursor(words: &[OsString]) -> Vec<CompletionCandidate> {
    let line = Arc::new(Line::read(words));
    let mut command = Arguments::command().mut_subcommands(|command| with_values(command, &line));
    let last = words.len() - 1;
    find(
        &mut command,
        words.to_vec(),
        last,
        std::env::current_dir().ok().as_deref(),
    )
    .unwrap_or_default()
}

/// The command with what its arguments may be.
fn with_values(command: clap::Command, line: &Arc<Line>) -> clap::Command {
    command.mut_args(|argument| {
        let of = match argument.get_id().as_str() {
            "pipelines" | "params" => {
                let yaml =
                    PathCompleter::any().filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"));
                return argument.add(ArgValueCompleter::new(yaml));
            }
            "target" | "force" => Line::stages,
            "profile" => Line::profiles,
            "set" => Line::params,
            "kind" => Line::kinds,
            "inputs" => Line::ports,
            _ => return argument,
        };
        let line = Arc::clone(line);
        argument.add(ArgValueCompleter::new(move |current: &OsStr| {
            let current = current.to_string_lossy();
            of(&line, &current)
                .into_iter()
                .filter(|candidate| candidate.value.starts_with(&*current))
                .map(|candidate| CompletionCandidate::new(candidate.value).help(Some(candidate.help.into())))
                .collect::<Vec<_>>()
        }))
    })
}

/// What stands on the line already, as far as it can be made out.
#[derive(Debug, Default)]
struct Line {
    files: Vec<std::path::PathBuf>,
    set: Vec<String>,
    profile: Vec<String>,
    params: Vec<std::path::PathBuf>,
    kind: Option<String>,
    store: Option<std::path::PathBuf>,
}

impl Line {
    fn read(words: &[OsString]) -> Self {
        let Ok(matches) = Arguments::command().ignore_errors(true).try_get_matches_from(words) else {
            return Self::default();
        };
        let Some((_, of)) = matches.subcommand() else {
            return Self::default();
        };
        let paths = |name: &str| of.try_get_many::<std::path::PathBuf>(name).ok().flatten();
        let texts = |name: &str| of.try_get_many::<String>(name).ok().flatten();
        Self {
            files: paths("pipelines").into_iter().flatten().cloned().collect(),
            set: texts("set").into_iter().flatten().cloned().collect(),
            profile: texts("profile").into_iter().flatten().cloned().collect(),
            params: paths("params").into_iter().flatten().cloned().collect(),
            kind: of.try_get_one::<String>("kind").ok().flatten().cloned(),
            store: of.try_get_one::<std::path::PathBuf>("store").ok().flatten().cloned(),
        }
    }

    /// The pipelines as the line changes them, or as they are in their files when that makes no sense.
    fn pipelines(&self, with_set: bool) -> Vec<Pipeline> {
        let changed = PipelineArguments {
            pipelines: self.files.clone(),
            set: if with_set { self.set.clone() } else { Vec::new() },
            profile: self.profile.clone(),
            params: self.params.clone(),
        };
        load_pipelines(&changed).unwrap_or_else(|_| self.unchanged())
    }

    fn unchanged(&self) -> Vec<Pipeline> {
        let bare = PipelineArguments {
            pipelines: self.files.clone(),
            set: Vec::new(),
            profile: Vec::new(),
            params: Vec::new(),
        };
        load_pipelines(&bare).unwrap_or_default()
    }

    fn stages(&self, current: &str) -> Vec<Candidate> {
        candidates::stages(&self.pipelines(true), current)
    }

    fn profiles(&self, _: &str) -> Vec<Candidate> {
        candidates::profiles(&self.unchanged())
    }

    fn params(&self, current: &str) -> Vec<Candidate> {
        match &self.kind {
            Some(_) => candidates::params_of_kind(self.chosen_kind().as_ref()),
            None => candidates::params(&self.pipelines(false), current),
        }
    }

    fn kinds(&self, _: &str) -> Vec<Candidate> {
        let candidate = |kind: KindInfo| Candidate::new(kind.name, kind.summary);
        self.known_kinds().into_iter().map(candidate).collect()
    }

    fn ports(&self, _: &str) -> Vec<Candidate> {
        candidates::ports(self.chosen_kind().as_ref())
    }

    fn chosen_kind(&self) -> Option<KindInfo> {
        let name = self.kind.as_ref()?;
        self.known_kinds().into_iter().find(|kind| kind.name == *name)
    }

    fn known_kinds(&self) -> Vec<KindInfo> {
        let store = self.store.clone().unwrap_or_else(|| STORE.into());
        let Ok(opened) = Untouched::open(&StoreArguments { store }) else {
            return Vec::new();
        };
        opened.workspace.registry.iter().map(|kind| kind.info.clone()).collect()
    }
}
