//! What a command looks at: the stages of a pipeline as it stands, those of a run, or the one of a key.

use std::path::Path;

use super::arguments::PipelineArguments;
use super::failure::{Failure, FailureKind};
use super::load::{load, unknown_stages};
use super::workspace::Workspace;
use crate::plan::stage_in;
use crate::run::Member;
use crate::run::status::{self, RunStatus};
use crate::spec::suggest;

/// Some stages and what they are called together.
pub(super) struct Subject {
    /// For people: `pipeline topk_v3`, `run 20261122-114603-4821b3`.
    pub(super) title: String,
    pub(super) members: Vec<Member>,
    of: Of,
}

enum Of {
    /// With the names that mean more than one stage or are no stage's first name.
    Pipeline(Box<crate::plan::Plan>),
    Run(Box<RunStatus>),
    Key,
}

impl Subject {
    /// The subject that a text names; `arguments` say how a pipeline is changed.
    pub(super) fn of(text: &Path, arguments: &PipelineArguments, workspace: &Workspace) -> Result<Self, Failure> {
        if is_file(text) {
            return Self::of_pipeline(text, arguments, workspace);
        }
        let text = text.to_string_lossy();
        if let Some(run) = find_run(&workspace.store.runs(), &text)? {
            return Ok(Self {
                title: format!("run {} ({})", run.head.id, run.head.pipelines.join(" ")),
                members: Member::of_run(&run, &workspace.store)?,
                of: Of::Run(Box::new(run)),
            });
        }
        match &workspace.store.keys_beginning(&text)?[..] {
            [] => Err(
                Failure::invalid(format!("`{text}` is no file, no run's id and no stage's key"))
                    .hint("`asm-pipe runs` lists the runs"),
            ),
            [key] => {
                let record = workspace.store.record(key)?;
                let record = record.ok_or_else(|| Failure::environment(format!("the record of {key} is damaged")))?;
                let name = record.stage.clone();
                Ok(Self {
                    title: format!("key {}", key.short()),
                    members: vec![Member::of_record(&name, record)],
                    of: Of::Key,
                })
            }
            keys => {
                let failure = Failure::invalid(format!("{} keys begin with `{text}`", keys.len()));
                Err(keys
                    .iter()
                    .take(5)
                    .fold(failure, |failure, key| failure.hint(key.to_string())))
            }
        }
    }

    fn of_pipeline(file: &Path, arguments: &PipelineArguments, workspace: &Workspace) -> Result<Self, Failure> {
        let arguments = PipelineArguments {
            pipelines: vec![file.to_owned()],
            ..arguments.clone()
        };
        let loaded = load(&arguments, &[], &workspace.registry)?;
        let members = Member::of_plan(&loaded.plan, &workspace.registry, &workspace.store);
        Ok(Self {
            title: format!("pipeline {}", loaded.name),
            members: members.map_err(|e| Failure::environment(e.to_string()))?,
            of: Of::Pipeline(Box::new(loaded.plan)),
        })
    }

    /// The stages that a name means. The one of a key needs no name.
    pub(super) fn find(&self, name: &str) -> Result<Vec<&Member>, Failure> {
        match &self.of {
            Of::Key => Ok(self.members.iter().collect()),
            Of::Pipeline(plan) => {
                let found = plan.find(name).map_err(|unknown| unknown_stages("STAGE", &[unknown]))?;
                Ok(found.into_iter().map(|id| &self.members[id.0]).collect())
            }
            Of::Run(run) => {
                let names = means(run.head.stages.iter().map(String::as_str), name);
                if names.is_empty() {
                    let failure = Failure::usage(format!("run {} has no stage `{name}`", run.head.id));
                    return Err(match suggest(name, run.head.stages.iter().map(String::as_str)) {
                        Some(near) => failure.hint(format!("did you mean `{near}`?")),
                        None => failure.hint(format!("`asm-pipe status {}` lists them", run.head.id)),
                    });
                }
                let made = self
                    .members
                    .iter()
                    .filter(|member| names.contains(&member.name.as_str()));
                let made: Vec<&Member> = made.collect();
                if made.is_empty() {
                    return Err(
                        Failure::invalid(format!("`{name}` was not made in run {}", run.head.id))
                            .hint(format!("`asm-pipe status {}` says why", run.head.id)),
                    );
                }
                Ok(made)
            }
        }
    }

    pub(super) fn is_key(&self) -> bool {
        matches!(self.of, Of::Key)
    }
}

/// The names that a name means: itself, or else all rounds of a stage.
fn means<'a>(names: impl Iterator<Item = &'a str> + Clone, wanted: &str) -> Vec<&'a str> {
    let exact: Vec<&str> = names.clone().filter(|name| *name == wanted).collect();
    if !exact.is_empty() {
        return exact;
    }
    names.filter(|name| stage_in(name) == wanted).collect()
}

fn is_file(text: &Path) -> bool {
    let is_yaml = text
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    is_yaml || text.is_file()
}

/// The run whose id begins with a text, which must mean one.
pub(super) fn find_run(runs: &Path, text: &str) -> Result<Option<RunStatus>, Failure> {
    let mut found = status::ids(runs)?;
    found.retain(|id| id.starts_with(text));
    match &found[..] {
        [] => Ok(None),
        [id] => Ok(Some(status::read(&runs.join(id))?)),
        _ => match found.iter().find(|id| *id == text) {
            Some(id) => Ok(Some(status::read(&runs.join(id))?)),
            None => {
                let failure = Failure::new(
                    FailureKind::Invalid,
                    format!("the ids of {} runs begin with `{text}`", found.len()),
                );
                Err(found.iter().take(5).fold(failure, |failure, id| failure.hint(id)))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_itself_or_all_rounds_of_a_stage() {
        let names = ["initial", "round-1.merge", "round-2.merge", "v1/round-1.merge"];
        let found = |wanted: &str| means(names.iter().copied(), wanted);
        assert_eq!(found("initial"), ["initial"]);
        assert_eq!(found("round-1.merge"), ["round-1.merge"]);
        assert_eq!(found("merge").len(), 3);
        assert!(found("mer").is_empty());
    }

    #[test]
    fn what_looks_like_a_pipeline_is_one_though_it_is_not_there() {
        assert!(is_file(Path::new("missing.yaml")));
        assert!(!is_file(Path::new("20261122-114603")));
    }
}
