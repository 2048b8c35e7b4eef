//! A command line said again: if the run that it meant had all at hand, and nothing that this rests on has changed, then it
//! has all at hand now, and no pipeline need be read or planned to know it.
//!
//! What it rests on: the texts of the pipelines, this program and the providers, the files outside, every record and object, and
//! the results as they were written.

use std::env;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::arguments::Run;
use super::load::Loaded;
use super::results::{self, Written};
use super::workspace::Workspace;
use crate::run::{Settled, Summary};
use crate::store::{Digest, Grounds, Store};

/// What is told of a run in which all was at hand.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) run: Settled,
    pub(super) written: Vec<Written>,
}

/// All of a command line that its answer depends on, besides files; none if it asks for something to be run.
pub(super) fn question(arguments: &Run) -> Option<Digest> {
    if !arguments.force.is_empty() {
        return None;
    }
    let given = &arguments.pipelines;
    let places = (env::current_exe().ok()?, env::current_dir().ok()?);
    let environment = ["ASM_PIPE_PROVIDERS", "PATH", "HOME"].map(env::var_os);
    let asked = (
        (&given.pipelines, &given.set, &given.profile, &given.params),
        (&arguments.target.target, &arguments.results),
        (places, environment, env!("CARGO_PKG_VERSION")),
    );
    Some(Digest::of_bytes(format!("{asked:?}").as_bytes()))
}

/// The answer to a question from an earlier run, if it still holds.
pub(super) fn answer(store: &Store, question: Option<&Digest>) -> Option<Answer> {
    store.sealed(question?)
}

/// Keeps the answer for the next time, if all is at hand now.
pub(super) fn keep(
    question: Option<&Digest>,
    (loaded, workspace): (&Loaded, &Workspace),
    summary: &Summary,
    written: Vec<Written>,
) {
    let (Some(question), false) = (question, loaded.warned || workspace.warned()) else {
        return;
    };
    if let Some(run) = Settled::of(&loaded.plan, summary)
        && let Some(grounds) = grounds(loaded, workspace, summary, &written)
    {
        workspace.store.seal(question, grounds, &Answer { run, written });
    }
}

/// All that the answer rests on; none if some of it is not good, or may change without being seen to.
fn grounds(loaded: &Loaded, workspace: &Workspace, summary: &Summary, written: &[Written]) -> Option<Grounds> {
    let store = &workspace.store;
    let mut grounds = Grounds::default();
    for (path, digest) in &loaded.texts {
        grounds.add_text(path, *digest);
    }
    for path in workspace.sources() {
        grounds.add_place(&path);
    }
    for (path, include, digest) in &summary.outside {
        if !store.rest_on_outside(&mut grounds, (path, include), *digest).ok()? {
            return None;
        }
    }
    for record in summary.nodes.iter().filter_map(|node| node.record.as_ref()) {
        if !store.rest_on_record(&mut grounds, record).ok()? {
            return None;
        }
    }
    for Written { folder, .. } in written {
        add_folder(&mut grounds, folder)?;
    }
    Some(grounds)
}

fn add_folder(grounds: &mut Grounds, folder: &Path) -> Option<()> {
    for name in results::files(folder).ok()?.keys() {
        grounds.add_place(&folder.join(name));
    }
    Some(())
}
