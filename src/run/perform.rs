//! One job from the lock to the record, on the job's own thread.
//!
//! ```text
//! scratch/<key>/job.json   for a provider's worker
//! scratch/<key>/out/       outputs; cleared before each start
//! scratch/<key>/keep/      checkpoints; stays when the job is cut off or fails, gone when it has succeeded
//! ```
//!
//! Nothing is recorded unless every declared output is there and everything outside the store is what it was when the key
//! was made. The record is written last, while the key is locked.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::clock::now;
use super::executor::{Executor, JobError};
use super::maker;
use super::process_mark::end_orphan;
use super::resolve::{Resolved, check_outside, store_error};
use super::scratch::{Spares, empty};
use super::submission::Submission;
use crate::stage::{Input, Job, KindInfo, Needs, Outcome, Reporter, StageError, protocol};
use crate::store::{KeyLock, Output, Record, Store};

/// A job that may begin: its key is locked.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) stage: &'a str,
    pub(crate) params: &'a serde_json::Value,
    pub(crate) kind: &'a KindInfo,
    pub(crate) resolved: Resolved,
    pub(crate) lock: KeyLock,
    pub(crate) cpus: u32,
    pub(crate) needs: Needs,
    pub(crate) run: &'a str,
    /// Begin from nothing, without the checkpoints of an earlier attempt.
    pub(crate) afresh: bool,
    /// Another machine is to do it, and may have begun for an earlier run.
    pub(crate) away: bool,
}

/// Does the job and records what it made.
pub(crate) fn perform(
    store: &Store,
    work: &Work<'_>,
    (executor, spares): (&dyn Executor, &Spares),
    reporter: &dyn Reporter,
) -> Result<Record, JobError> {
    let folder = store.scratch(&work.resolved.key);
    spares.give(&folder);
    end_orphan(&folder);
    let job = prepare(store, work, &folder)?;
    let begin = Instant::now();
    let outcome = executor.execute(&job, reporter)?;
    let seconds = begin.elapsed().as_secs_f64();
    check_outside(store, &work.resolved)?;
    // What is stored belongs to nobody until it is recorded. The key is in the run's journal already.
    let in_use = store.in_use().map_err(|e| store_error(&e))?;
    let outputs = take_in(store, work.kind, &job)?;
    let record = record(work, outcome, outputs, seconds);
    store.commit(&work.lock, &record).map_err(|e| store_error(&e))?;
    drop(in_use);
    spares.take(&folder);
    Ok(record)
}

fn prepare(store: &Store, work: &Work<'_>, folder: &Path) -> Result<Job, StageError> {
    empty(&folder.join("out"))?;
    if work.afresh {
        empty(&folder.join("keep"))?;
    }
    if work.afresh || !work.away {
        // Whoever does it for an earlier run sees this and ends.
        Submission::abandon(folder);
    }
    let job = make(store, work.kind, work.params, &work.resolved, work.cpus, folder)?;
    let needs = work.needs;
    Ok(Job { needs, ..job })
}

/// Makes the job's folder and brings its inputs to hand.
pub(crate) fn make(
    store: &Store,
    kind: &KindInfo,
    params: &serde_json::Value,
    resolved: &Resolved,
    cpus: u32,
    folder: &Path,
) -> Result<Job, StageError> {
    fs_err::create_dir_all(folder.join("out"))?;
    fs_err::create_dir_all(folder.join("keep"))?;
    // Absolute: a worker gets these paths by themselves.
    let folder = fs_err::canonicalize(folder)?;
    let mut inputs = BTreeMap::new();
    for (port, sources) in &resolved.inputs {
        let mut at_hand = Vec::new();
        for (label, output) in sources {
            let path = store.view(output).map_err(|e| store_error(&e))?;
            let path = std::path::absolute(path)?;
            at_hand.push(Input {
                label: label.clone(),
                path,
            });
        }
        inputs.insert(port.clone(), at_hand);
    }
    let out = folder.join("out");
    let outputs = kind
        .outputs
        .iter()
        .map(|port| (port.name.clone(), out.join(&port.name)));
    Ok(Job {
        format: protocol::FORMAT,
        kind: kind.name.clone(),
        params: params.clone(),
        inputs,
        outputs: outputs.collect(),
        keep: folder.join("keep"),
        folder,
        cpus,
        needs: Needs::default(),
    })
}

/// Brings the outputs into the store, but none before all are seen to be there.
fn take_in(store: &Store, kind: &KindInfo, job: &Job) -> Result<BTreeMap<String, Output>, StageError> {
    check_written(kind, job)?;
    let mut outputs = BTreeMap::new();
    for (name, path) in &job.outputs {
        outputs.insert(name.clone(), store.ingest(path).map_err(|e| store_error(&e))?);
    }
    Ok(outputs)
}

/// Checks that a job which has ended well has written all that its kind declares.
pub(crate) fn check_written(kind: &KindInfo, job: &Job) -> Result<(), StageError> {
    let missing = job.outputs.iter().filter(|(_, path)| !path.exists());
    let missing: Vec<String> = missing.map(|(name, _)| format!("`{name}`")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(
        StageError::new(format!("kind `{}` ended well but did not write {missing}", kind.name))
            .hint("this is a bug in the kind: it must write every output that it declares"),
    )
}

fn record(work: &Work<'_>, outcome: Outcome, outputs: BTreeMap<String, Output>, seconds: f64) -> Record {
    Record {
        key: work.resolved.key,
        material: work.resolved.material.clone(),
        stage: work.stage.to_owned(),
        outputs,
        // Not a number is not a figure, and JSON has no way to write it.
        metrics: outcome
            .metrics
            .into_iter()
            .filter(|(_, value)| value.is_finite())
            .collect(),
        notes: outcome.notes,
        seconds,
        finished_at: now() / 1000,
        run: work.run.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cpus: work.cpus,
        maker: Some(Box::new(maker::maker())),
    }
}
