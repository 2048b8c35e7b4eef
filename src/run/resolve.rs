//! From a node whose inputs are known to its key, and from a guard's output to its answer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::keys::{External, externals, material, taking_part};
use crate::plan::{Node, NodeId};
use crate::stage::{KindInfo, StageError};
use crate::store::{Digest, InputDigest, KeyMaterial, Output, Record, Store, StoreError};

/// A node with all that its key is made of.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) key: Digest,
    pub(crate) material: KeyMaterial,
    /// By port, with labels: only what takes part.
    pub(crate) inputs: BTreeMap<String, Vec<(String, Output)>>,
    pub(crate) outside: Vec<(External, Digest)>,
}

/// The digests of what lies outside, each looked for once in a run: many stages may name the same folder.
#[derive(Debug)]
pub(crate) struct Outside<'a> {
    store: &'a Store,
    known: BTreeMap<(PathBuf, Vec<String>), Digest>,
}

impl<'a> Outside<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        let known = BTreeMap::new();
        Self { store, known }
    }

    /// All that was looked for: the path, what counts of it, the digest.
    pub(crate) fn into_known(self) -> Vec<(PathBuf, Vec<String>, Digest)> {
        let known = self.known.into_iter();
        known.map(|((path, include), digest)| (path, include, digest)).collect()
    }

    fn digest(&mut self, external: &External) -> Result<Digest, StageError> {
        let name = (external.path.clone(), external.include.clone());
        if let Some(digest) = self.known.get(&name) {
            return Ok(*digest);
        }
        let digest = told(external, self.store.external(&external.path, &external.include))?;
        self.known.insert(name, digest);
        Ok(digest)
    }
}

fn told(external: &External, digest: Result<Digest, StoreError>) -> Result<Digest, StageError> {
    digest.map_err(|error| {
        let told = StageError::new(format!("param `{}`: {error}", external.param));
        error.hints().into_iter().fold(told, StageError::hint)
    })
}

/// Finds out a node's key. `made` has the outputs of the nodes before it, none for those that were pruned.
pub(crate) fn resolve<'a>(
    outside: &mut Outside<'_>,
    kind: &KindInfo,
    node: &Node,
    made: impl Fn(NodeId) -> Option<&'a Record>,
) -> Result<Resolved, StageError> {
    let mut inputs = BTreeMap::new();
    let mut digests = BTreeMap::new();
    for (port, sources) in &node.inputs {
        let single = kind.inputs.iter().any(|known| &known.name == port && !known.many);
        let mut found = Vec::new();
        for source in taking_part(sources, |node| made(node).is_none()) {
            let record = made(source.node);
            let output = record
                .and_then(|record| record.outputs.get(&source.output))
                .ok_or_else(|| {
                    StageError::new(format!(
                        "the input `{port}` has no output `{}` to come from",
                        source.output
                    ))
                })?;
            let label = if single { String::new() } else { source.label.clone() };
            found.push((label, *output));
        }
        let digest = |(label, output): &(String, Output)| InputDigest {
            label: label.clone(),
            digest: output.digest,
        };
        if !found.is_empty() {
            digests.insert(port.clone(), found.iter().map(digest).collect());
            inputs.insert(port.clone(), found);
        }
    }
    let mut found_outside = Vec::new();
    for external in externals(kind, node)? {
        let digest = outside.digest(&external)?;
        found_outside.push((external, digest));
    }
    let named = found_outside.iter().map(|(external, digest)| {
        let label = external.label.clone();
        (external.param.clone(), InputDigest { label, digest: *digest })
    });
    let material = material(kind, node, digests, named);
    Ok(Resolved {
        key: material.key(),
        material,
        inputs,
        outside: found_outside,
    })
}

/// Checks that what lies outside is still what went into the key, before a record of it is written.
pub(crate) fn check_outside(store: &Store, resolved: &Resolved) -> Result<(), StageError> {
    for (external, digest) in &resolved.outside {
        let now = store.external_for_record(&external.path, &external.include);
        if told(external, now)? != *digest {
            let path = external.path.display();
            return Err(
                StageError::new(format!("`{path}` changed during the run: nothing was recorded"))
                    .hint("run again when nothing writes there any more"),
            );
        }
    }
    Ok(())
}

/// What a guard writes; more may be in it.
#[derive(Deserialize)]
struct Decision {
    stop: bool,
}

/// The output that a guard's answer is in: its first of the artifact `decision`.
pub(crate) fn decision<'r>(kind: &KindInfo, record: &'r Record) -> Option<&'r Output> {
    let port = kind.outputs.iter().find(|port| port.artifact == "decision")?;
    record.outputs.get(&port.name)
}

/// Whether the text of a decision says stop.
pub(crate) fn decided(text: &[u8]) -> Result<bool, serde_json::Error> {
    serde_json::from_slice(text).map(|decision: Decision| decision.stop)
}

/// Whether a guard says stop.
pub(crate) fn says_stop(store: &Store, kind: &KindInfo, record: &Record) -> Result<bool, StageError> {
    let output = decision(kind, record).ok_or_else(|| {
        StageError::new(format!(
            "kind `{}` guards a round but has no output of the artifact `decision`",
            kind.name
        ))
    })?;
    let path = store.view(output).map_err(|e| store_error(&e))?;
    let text = fs_err::read(&path)?;
    decided(&text).map_err(|e| StageError::new(format!("`{}` is no decision: {e}", path.display())))
}

/// What the store said, for the stage that it was asked for.
pub(crate) fn store_error(error: &StoreError) -> StageError {
    error
        .hints()
        .into_iter()
        .fold(StageError::new(error.to_string()), StageError::hint)
}
