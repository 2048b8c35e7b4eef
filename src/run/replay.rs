//! A run in which all was at hand, told again: when nothing that it rests on has changed, it is this run's answer too.

use serde::{Deserialize, Serialize};

use super::clock::now;
use super::event::Counts;
use super::journal::Journal;
use super::summary::{RunError, Summary};
use super::{End, Event, Moment, saved_plan};
use crate::plan::Plan;
use crate::store::{Digest, Store};

/// The stages of a run, all of which were at hand or left out at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    run: String,
    pipelines: Vec<String>,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stage {
    name: String,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Its outputs are under this key.
    Key(Digest),
    /// This guard said stop before it.
    PrunedBy(String),
}

impl Settled {
    /// What a run has come to; none if something is missing.
    #[must_use]
    pub fn of(plan: &Plan, summary: &Summary) -> Option<Self> {
        let stages = plan.nodes.iter().zip(&summary.nodes).map(|(node, ended)| {
            let outcome = match (ended.end, &ended.record, node.guard) {
                (End::Cached | End::Ran, Some(record), _) => Outcome::Key(record.key),
                (End::Pruned, _, Some(guard)) => Outcome::PrunedBy(plan.nodes[guard.0].name.clone()),
                _ => return None,
            };
            let name = node.name.clone();
            Some(Stage { name, outcome })
        });
        Some(Self {
            run: summary.run.clone(),
            pipelines: plan.pipelines.clone(),
            stages: stages.collect::<Option<_>>()?,
        })
    }

    /// Does the run again: tells of every stage and writes the journal. What it rests on must be held against collectors.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn replay(self, store: &Store, events: &mut dyn FnMut(&Moment)) -> Result<(), RunError> {
        let begin = std::time::Instant::now();
        let names = self.stages.iter().map(|stage| stage.name.clone()).collect();
        let mut journal = Journal::begin(&store.runs(), &self.pipelines, names, now())?;
        saved_plan::share(&store.runs().join(&self.run), journal.folder());
        let mut counts = Counts::default();
        let started = Event::RunStarted {
            run: journal.id().to_owned(),
            pipelines: self.pipelines,
            stages: self.stages.len(),
        };
        let mut told = vec![started];
        for Stage { name: stage, outcome } in self.stages {
            told.push(match outcome {
                Outcome::Key(key) => {
                    counts.cached += 1;
                    let key = key.to_string();
                    Event::StageCached { stage, key }
                }
                Outcome::PrunedBy(guard) => {
                    counts.pruned += 1;
                    Event::StagePruned { stage, guard }
                }
            });
        }
        let seconds = begin.elapsed().as_secs_f64();
        told.push(Event::RunFinished { counts, seconds });
        let moments: Vec<Moment> = told.into_iter().map(|what| Moment { at: now(), what }).collect();
        journal.write_all(&moments)?;
        moments.iter().for_each(events);
        Ok(())
    }
}
