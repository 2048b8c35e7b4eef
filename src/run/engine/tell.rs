//! What the run tells while it goes on, and in the end.

use super::super::clock::now;
use super::super::event::Counts;
use super::super::scheduler::Happening;
use super::super::summary::{NodeSummary, RunError, Summary};
use super::super::{End, Event, Moment};
use super::{Engine, NodeState};
use crate::plan::NodeId;
use crate::stage::StageError;

impl NodeState {
    /// That it has run, under its name.
    pub(in crate::run) fn finished(&self, stage: String) -> Event {
        let record = self.record.as_ref().expect("set when the job had ended");
        let digests = record
            .outputs
            .iter()
            .map(|(name, output)| (name.clone(), output.digest.to_string()));
        Event::StageFinished {
            stage,
            key: record.key.to_string(),
            seconds: self.seconds,
            metrics: record.metrics.clone(),
            notes: record.notes.clone(),
            outputs: digests.collect(),
        }
    }
}

impl Engine<'_, '_> {
    /// Tells of what a node's end is made of, unless it has ended otherwise meanwhile.
    pub(super) fn announce(&mut self, happening: &Happening) -> Result<(), RunError> {
        let event = match happening {
            Happening::Resolved {
                node, hit: true, key, ..
            } if self.scheduler.end(*node).is_none() => Event::StageCached {
                stage: self.name(*node),
                key: key.clone(),
            },
            Happening::Finished { node, .. } if self.scheduler.end(*node).is_none() => {
                self.nodes[node.0].finished(self.name(*node))
            }
            Happening::Failed(node) if self.scheduler.end(*node).is_none() => {
                let state = &self.nodes[node.0];
                let error = state.error.clone().unwrap_or_else(|| StageError::new("failed"));
                Event::StageFailed {
                    stage: self.name(*node),
                    message: error.message,
                    hints: error.hints,
                    log: state.log.clone(),
                }
            }
            _ => return Ok(()),
        };
        self.emit(event)
    }

    pub(super) fn first_unfinished(&self) -> String {
        let mut ids = (0..self.nodes.len()).map(NodeId);
        ids.find(|node| self.scheduler.end(*node).is_none())
            .map(|node| self.name(node))
            .unwrap_or_default()
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for at in 0..self.nodes.len() {
            counts.add(self.scheduler.end(NodeId(at)).unwrap_or(End::Skipped));
        }
        counts
    }

    pub(super) fn emit(&mut self, what: Event) -> Result<(), RunError> {
        let moment = Moment { at: now(), what };
        self.journal.write(&moment)?;
        (self.events)(&moment);
        Ok(())
    }

    pub(super) fn summary(self) -> Summary {
        let counts = self.counts();
        let scheduler = self.scheduler;
        let ended = self.nodes.into_iter().enumerate().map(|(at, state)| NodeSummary {
            end: scheduler.end(NodeId(at)).unwrap_or(End::Skipped),
            record: state.record,
            seconds: state.seconds,
            error: state.error,
        });
        Summary {
            run: self.shared.run.to_owned(),
            nodes: ended.collect(),
            counts,
            seconds: self.begin.elapsed().as_secs_f64(),
            interrupted: scheduler.is_interrupted(),
            outside: self.outside.into_known(),
        }
    }
}
