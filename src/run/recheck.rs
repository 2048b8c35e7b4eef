//! Whether stages give the same bytes again: each is run a second time, aside, and compared with its record.
//!
//! The second time has the same inputs, params and cores as the first, its own scratch folder, and no record. The folder is
//! under a key of its own, which is locked, so that nobody clears it away or works in it.

use super::executor::{JobError, watched};
use super::executors::Executors;
use super::interrupt::Interrupt;
use super::perform::{check_written, make};
use super::resolve::{Outside, resolve, store_error};
use crate::plan::{NodeId, Plan};
use crate::stage::{Progress, Registry, Reporter, StageError};
use crate::store::{Digest, Output, Record, Store, Unlike};

/// How a stage did.
#[derive(Clone, Debug, PartialEq)]
pub enum Recheck {
    /// All outputs are the same.
    Same,
    /// An output is not.
    Different {
        /// The output.
        output: String,
        /// Where.
        unlike: Unlike,
        /// What is there, in the terms of the file's format, if somebody could say.
        values: Option<String>,
    },
    /// It failed the second time.
    Failed(StageError),
    /// It did not come to its end: the user wants to stop.
    Stopped,
}

/// Runs nodes a second time.
pub struct Rechecker<'a> {
    plan: &'a Plan,
    registry: &'a Registry,
    store: &'a Store,
    /// What the first time gave, in the plan's order; none for what was pruned.
    records: &'a [Option<Record>],
    executors: Executors<'a>,
    outside: Outside<'a>,
    interrupt: &'a Interrupt,
}

impl<'a> Rechecker<'a> {
    /// For the nodes of a plan that has been run.
    #[must_use]
    pub fn new(
        plan: &'a Plan,
        registry: &'a Registry,
        store: &'a Store,
        records: &'a [Option<Record>],
        interrupt: &'a Interrupt,
    ) -> Self {
        Self {
            plan,
            registry,
            store,
            records,
            executors: Executors::new(registry),
            outside: Outside::new(store),
            interrupt,
        }
    }

    /// Runs a node once more and compares. `explain` is asked what is different between two files of the same name. None
    /// when the node was pruned.
    pub fn recheck(&mut self, node: NodeId, explain: &dyn Fn(&Unlike) -> Option<String>) -> Option<Recheck> {
        let record = self.records.get(node.0)?.as_ref()?;
        Some(match self.again(node, record, explain) {
            Ok(recheck) => recheck,
            Err(JobError::Failed(error) | JobError::Killed(error)) => Recheck::Failed(error),
            Err(JobError::Stopped) => Recheck::Stopped,
        })
    }

    fn again(
        &mut self,
        node: NodeId,
        record: &Record,
        explain: &dyn Fn(&Unlike) -> Option<String>,
    ) -> Result<Recheck, JobError> {
        let planned = &self.plan.nodes[node.0];
        let kind = planned
            .info(self.registry)
            .ok_or_else(|| StageError::new(format!("nothing here serves the kind `{}`", planned.kind)))?;
        let made = |node: NodeId| self.records[node.0].as_ref();
        let resolved = resolve(&mut self.outside, kind, planned, made)?;
        if resolved.key != record.key {
            return Err(StageError::new("what lies outside the store has changed since it was run").into());
        }
        let aside = Digest::of_bytes(format!("run again: {}", record.key).as_bytes());
        let lock = self.store.try_lock(&aside).map_err(|e| store_error(&e))?;
        let lock = lock.ok_or_else(|| StageError::new("it is being checked already"))?;
        let folder = self.store.scratch(&aside);
        let clear = || self.store.clear_scratch(&lock).map_err(|e| store_error(&e));
        clear()?;
        let job = make(self.store, kind, &planned.params, &resolved, record.cpus, &folder)?;
        let executor = self.executors.of(&planned.kind);
        let done = watched(executor, self.interrupt, || {
            executor.execute(&job, &Watch(self.interrupt))
        });
        let compared = done.and_then(|_| {
            check_written(kind, &job)?;
            for (name, path) in &job.outputs {
                let stored = stored(record, name)?;
                let unlike = self.store.first_difference(stored, path).map_err(|e| store_error(&e))?;
                if let Some(unlike) = unlike {
                    return Ok(Recheck::Different {
                        output: name.clone(),
                        values: explain(&unlike),
                        unlike,
                    });
                }
            }
            Ok(Recheck::Same)
        });
        clear()?;
        compared
    }
}

fn stored<'a>(record: &'a Record, name: &str) -> Result<&'a Output, StageError> {
    let output = record.outputs.get(name);
    output.ok_or_else(|| StageError::new(format!("its record has no output `{name}`")))
}

/// Tells nobody how far it is: nothing depends on it.
struct Watch<'a>(&'a Interrupt);

impl Reporter for Watch<'_> {
    fn progress(&self, _: Progress) {}
    fn log(&self, _: &str) {}
    fn cancelled(&self) -> bool {
        self.0.count() > 0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_support::{World, make, node, plan};
    use super::*;
    use crate::store::How;

    fn rechecks(world: &World, plan: &Plan) -> Vec<Option<Recheck>> {
        let (summary, _) = world.run(plan);
        let records: Vec<_> = summary.nodes.into_iter().map(|node| node.record).collect();
        let interrupt = Interrupt::default();
        let mut rechecker = Rechecker::new(plan, &world.registry, &world.store, &records, &interrupt);
        (0..plan.nodes.len())
            .map(|at| rechecker.recheck(NodeId(at), &|_| Some("seen".to_owned())))
            .collect()
    }

    #[test]
    fn a_stage_in_process_and_one_of_a_provider_are_run_again_and_leave_nothing() {
        let world = World::new();
        let plan = plan([
            make("a", &[]),
            make("b", &[0]),
            node("far", "remote", json!({"do": "well"}), &[1]),
        ]);
        assert_eq!(rechecks(&world, &plan), [const { Some(Recheck::Same) }; 3]);
        assert_eq!(world.take_calls(), ["a", "a", "b", "b"]);
        assert_eq!(
            fs_err::read_dir(world.store.root().join("scratch")).map_or(0, Iterator::count),
            0
        );
        assert_eq!(world.store.records().unwrap().len(), 3);
    }

    #[test]
    fn an_output_that_differs_is_named_with_the_first_byte() {
        let world = World::new();
        // Its output ends with the worker's process id, and each executor has workers of its own.
        let plan = plan([node("far", "remote", json!({"do": "pid"}), &[])]);
        let found = rechecks(&world, &plan).remove(0);
        let Some(Recheck::Different { output, unlike, values }) = found else {
            panic!("{found:?}")
        };
        assert_eq!((output.as_str(), values.as_deref()), ("out", Some("seen")));
        assert!(matches!(unlike.how, How::Bytes { offset } if offset >= 6), "{unlike:?}");
    }

    #[test]
    fn what_fails_the_second_time_and_what_never_ran_is_told() {
        let world = World::new();
        let once = world.folder.path().join("once");
        fs_err::write(&once, "x").unwrap();
        let plan = plan([node("read", "read", json!({"path": once, "spoil": false}), &[])]);
        let (summary, _) = world.run(&plan);
        fs_err::remove_file(&once).unwrap();
        let records = [summary.nodes[0].record.clone()];
        let interrupt = Interrupt::default();
        let recheck = |records: &[Option<Record>]| {
            Rechecker::new(&plan, &world.registry, &world.store, records, &interrupt).recheck(NodeId(0), &|_| None)
        };
        assert!(matches!(recheck(&records), Some(Recheck::Failed(error)) if error.message.contains("once")));
        assert_eq!(recheck(&[None]), None);
    }
}
