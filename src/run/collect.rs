//! Which runs are kept, and with them what they need; the rest is the store's to remove.
//!
//! How that is safe while runs go on is told in `store/collect.rs`.

use std::collections::HashSet;
use std::time::Duration;

use super::usage::{Usage, usages};
use crate::store::{Census, Garbage, Store, StoreError, Wanted};

/// How long to wait for a moment in which nobody uses the store.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which runs to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// So many of the latest. Those that live are kept in any case.
    pub keep_runs: usize,
    /// Of these, as many of the latest as need no more than so many bytes; the latest in any case.
    pub max_bytes: Option<u64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            keep_runs: 10,
            max_bytes: None,
        }
    }
}

/// What a collection would remove, and keep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// What nobody wants.
    pub garbage: Garbage,
    /// The runs that are kept, the latest first.
    pub kept: Vec<String>,
    /// Those of them that live.
    pub living: Vec<String>,
    /// Bytes of content that they need.
    pub kept_bytes: u64,
}

/// Looks what a collection would remove. Changes nothing.
///
/// # Errors
/// When the store or the runs cannot be read.
pub fn survey(store: &Store, policy: &Policy) -> Result<Survey, StoreError> {
    let census = store.census()?;
    let runs = store.runs();
    // After the census: what is recorded in between is not in it and so not garbage.
    let usages = usages(&runs).map_err(|source| StoreError::Io {
        action: "read",
        path: runs,
        source,
    })?;
    let kept = kept(&usages, &census, policy);
    let mut wanted = Wanted::default();
    let mut survey = Survey::default();
    for usage in kept {
        wanted.keys.extend(&usage.keys);
        wanted.stages.extend(usage.ahead.iter().cloned());
        wanted.runs.insert(usage.id.clone());
        survey.kept.push(usage.id.clone());
        if usage.lives {
            survey.living.push(usage.id.clone());
        }
    }
    survey.garbage = store.garbage(&census, &wanted)?;
    let all: u64 = census.objects.values().sum();
    survey.kept_bytes = all.saturating_sub(survey.garbage.objects.values().sum());
    Ok(survey)
}

/// The runs to keep: those that live, and the latest as long as they are few and need little enough.
fn kept<'a>(usages: &'a [Usage], census: &Census, policy: &Policy) -> Vec<&'a Usage> {
    let mut reached = HashSet::new();
    let mut bytes = 0;
    let mut add = |usage: &Usage| {
        let records = usage.keys.iter().filter_map(|key| census.records.get(key));
        bytes += records.map(|record| census.reach(record, &mut reached)).sum::<u64>();
        bytes
    };
    let mut is_full = false;
    for usage in usages.iter().filter(|usage| usage.lives) {
        add(usage);
    }
    let mut kept = Vec::new();
    for (at, usage) in usages.iter().enumerate() {
        // Once a run needs more than may stay, no older one is kept, even if it would fit.
        is_full = is_full || at >= policy.keep_runs;
        if !usage.lives && !is_full {
            // The latest is kept whatever it needs.
            is_full = add(usage) > policy.max_bytes.unwrap_or(u64::MAX) && at > 0;
        }
        if usage.lives || !is_full {
            kept.push(usage);
        }
    }
    kept
}

/// Removes what was shown, as far as nobody has come to want it meanwhile. Answers what has been removed.
///
/// # Errors
/// When the store cannot be read or something cannot be moved; [`StoreError::Busy`] when it is never left alone.
pub fn collect(store: &Store, policy: &Policy, shown: &Garbage) -> Result<Garbage, StoreError> {
    let Some(alone) = store.alone(PATIENCE)? else {
        return Err(StoreError::Busy {
            path: store.root().to_owned(),
        });
    };
    let going = shown.clone().and(&survey(store, policy)?.garbage);
    let removed = store.remove(&alone, &going)?;
    drop(alone);
    removed.delete()?;
    Ok(going)
}
