//! Which runs are kept, and with them what they need; the rest is the store's to remove.
//!
//! How that is safe while runs go on is told in `store/collect.rs`.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::slurm::leftovers;
use super::usage::{Usage, usages};
use crate::store::{Census, Digest, Garbage, Store, StoreError, Wanted};

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
    survey_of(&store.census()?, store, policy)
}

/// The same for a census that has just been taken.
///
/// # Errors
/// When the store or the runs cannot be read.
pub fn survey_of(census: &Census, store: &Store, policy: &Policy) -> Result<Survey, StoreError> {
    survey_beside(census, store, policy, BTreeSet::new())
}

/// The same when these keys are wanted besides.
fn survey_beside(
    census: &Census,
    store: &Store,
    policy: &Policy,
    keys: BTreeSet<Digest>,
) -> Result<Survey, StoreError> {
    let runs = store.runs();
    // After the census: what is recorded in between is not in it and so not garbage.
    let usages = usages(&runs).map_err(|source| StoreError::Io {
        action: "read",
        path: runs,
        source,
    })?;
    let kept = kept(&usages, census, policy);
    let mut wanted = Wanted {
        keys,
        ..Wanted::default()
    };
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
    survey.garbage = store.garbage(census, &wanted)?;
    let scratch = &survey.garbage.scratch;
    survey.garbage.slurm = leftovers(store.root(), |key| scratch.contains_key(key), !survey.living.is_empty());
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
    // A record that was not shown stays, and so must its objects: when it was not there yet, they may have been shown as
    // content that no record names.
    let census = store.census()?;
    let new = census.records.keys().filter(|key| !shown.records.contains_key(key));
    let new = new.copied().collect();
    let going = shown.clone().and(&survey_beside(&census, store, policy, new)?.garbage);
    let removed = store.remove(&alone, &going)?;
    drop(alone);
    removed.delete()?;
    Ok(going)
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::super::test_support::{World, make, plan};
    use super::*;

    fn usage(id: &str, lives: bool) -> Usage {
        Usage {
            id: id.to_owned(),
            lives,
            keys: [Digest::of_bytes(id.as_bytes())].into(),
            ..Usage::default()
        }
    }

    #[test]
    fn a_run_that_lives_is_kept_however_old_it_is_and_the_latest_however_much_it_needs() {
        let usages = [
            usage("d", false),
            usage("c", false),
            usage("b", true),
            usage("a", false),
        ];
        let names = |keep_runs, max_bytes| -> Vec<String> {
            let policy = Policy { keep_runs, max_bytes };
            let kept = kept(&usages, &Census::default(), &policy);
            kept.into_iter().map(|usage| usage.id.clone()).collect()
        };
        assert_eq!(names(10, None), ["d", "c", "b", "a"]);
        assert_eq!(names(1, None), ["d", "b"]);
        assert_eq!(names(0, None), ["b"]);
        assert_eq!(
            names(10, Some(0)),
            ["d", "c", "b", "a"],
            "nothing is needed, so all fit"
        );
    }

    #[test]
    fn a_run_is_a_user_of_the_store_when_it_tells_what_it_has_found_and_not_when_it_has_ended() {
        let world = World::new();
        let plan = plan([make("a", &[]), make("b", &[0]), make("c", &[])]);
        world.run(&plan);
        let mut found = 0;
        let mut hear = |moment: &super::super::Moment| {
            if matches!(moment.what, Event::StageCached { .. }) {
                assert!(world.store.alone(Duration::ZERO).unwrap().is_none());
                found += 1;
            }
        };
        world.run_with(&plan, &mut hear).unwrap();
        assert_eq!(found, 3);
        assert!(world.store.alone(Duration::ZERO).unwrap().is_some());
    }

    #[test]
    fn what_has_not_been_shown_is_not_removed() {
        let world = World::new();
        let nobody = Policy {
            keep_runs: 0,
            max_bytes: None,
        };
        let stray = |name: &str| {
            let path = world.folder.path().join(name);
            fs_err::write(&path, name).unwrap();
            world.store.ingest(&path).unwrap().digest
        };
        let shown_object = stray("shown");
        let shown = survey(&world.store, &nobody).unwrap().garbage;
        let later = stray("later");
        let gone = collect(&world.store, &nobody, &shown).unwrap();
        assert_eq!(gone.objects.keys().collect::<Vec<_>>(), [&shown_object]);
        let left = survey(&world.store, &nobody).unwrap().garbage;
        assert_eq!(left.objects.keys().collect::<Vec<_>>(), [&later]);
    }

    #[test]
    fn content_that_a_new_record_has_come_to_name_stays_with_it() {
        let world = World::new();
        let nobody = Policy {
            keep_runs: 0,
            max_bytes: None,
        };
        let path = world.folder.path().join("nameless");
        fs_err::write(&path, "a").unwrap();
        world.store.ingest(&path).unwrap();
        let shown = survey(&world.store, &nobody).unwrap().garbage;
        let plan = plan([make("a", &[])]);
        world.run(&plan);
        // Its process lives, for it is this one: without its journal it has ended.
        fs_err::remove_dir_all(world.store.runs()).unwrap();
        collect(&world.store, &nobody, &shown).unwrap();
        assert!(world.store.verify().unwrap().is_good());
        assert_eq!(world.run(&plan).0.counts.cached, 1);
    }

    #[test]
    fn a_scratch_folder_whose_key_is_held_stays() {
        let world = World::new();
        let key = Digest::of_bytes(b"held");
        let folder = world.store.scratch(&key);
        fs_err::create_dir_all(&folder).unwrap();
        let lock = world.store.lock(&key).unwrap();
        let policy = Policy::default();
        assert!(survey(&world.store, &policy).unwrap().garbage.is_empty());
        drop(lock);
        let shown = survey(&world.store, &policy).unwrap().garbage;
        assert_eq!(shown.scratch.len(), 1);
        let lock = world.store.lock(&key).unwrap();
        let gone = collect(&world.store, &policy, &shown).unwrap();
        assert!(gone.is_empty() && folder.exists());
        drop(lock);
        collect(&world.store, &policy, &shown).unwrap();
        assert!(!folder.exists());
    }
}
