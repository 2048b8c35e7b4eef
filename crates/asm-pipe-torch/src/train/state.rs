//! All that a training changes, and its way to a checkpoint and back.

use asm_pipe::stage::StageError;
use tch::TchError;

use super::curve::Curve;
use super::history::{History, Row};
use super::prepare::Prepared;
use crate::average::Average;
use crate::checkpoint::{Checkpoint, Within};
use crate::model::Network;
use crate::optimizer::Optimizer;
use crate::weights::{self, Arrays, Rule};

/// The state of a training between two steps.
pub(super) struct State {
    pub(super) network: Network,
    pub(super) optimizer: Optimizer,
    average: Option<Average>,
    pub(super) history: History,
    pub(super) best: Option<Arrays>,
    pub(super) within: Within,
    pub(super) curve: Curve,
}

impl State {
    /// That of a network which has not moved yet.
    pub(super) fn new(network: Network, prepared: &Prepared) -> Self {
        let params = &prepared.params;
        Self {
            optimizer: Optimizer::new(&network.store, params.optimizer()),
            average: params.average().map(|pace| Average::new(&network.store, pace)),
            network,
            history: History::default(),
            best: None,
            within: Within::default(),
            curve: Curve::default(),
        }
    }

    /// Takes up a checkpoint.
    pub(super) fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), StageError> {
        weights::load(&self.network.store, &checkpoint.weights, Rule::Exact)?;
        self.optimizer.restore(&checkpoint.optimizer)?;
        if let Some(average) = &mut self.average {
            average.restore(&checkpoint.average.unwrap_or_default())?;
        }
        self.history = checkpoint.history;
        self.best = checkpoint.best;
        self.within = checkpoint.within;
        self.curve = checkpoint.curve;
        Ok(())
    }

    /// A copy of everything.
    pub(super) fn checkpoint(&self) -> Result<Checkpoint, StageError> {
        let average = self.average.as_ref().map(Average::arrays);
        Ok(Checkpoint {
            weights: self.network.weights()?,
            optimizer: self.optimizer.state().map_err(|e| torch(&e))?,
            average: average.transpose().map_err(|e| torch(&e))?,
            best: self.best.clone(),
            history: self.history.clone(),
            within: self.within,
            curve: self.curve.clone(),
        })
    }

    /// The weights to use: the average where there is one.
    pub(super) fn weights(&self) -> Result<Arrays, StageError> {
        let mut weights = self.network.weights()?;
        if let Some(average) = &self.average {
            weights.extend(average.arrays().map_err(|e| torch(&e))?);
        }
        Ok(weights)
    }

    pub(super) fn epochs_done(&self) -> u64 {
        self.history.rows().len() as u64
    }

    /// Steps done, all epochs together.
    pub(super) fn iteration(&self, prepared: &Prepared) -> u64 {
        self.epochs_done() * prepared.steps() + self.within.steps
    }

    /// Notes a step that the optimizer has made.
    pub(super) fn stepped(&mut self, prepared: &Prepared, rate: f64, parts: [f64; 4]) -> Result<(), StageError> {
        let iteration = self.iteration(prepared);
        if let Some(average) = &mut self.average {
            average.follow(iteration).map_err(|e| torch(&e))?;
        }
        self.curve.add(iteration, rate, parts, prepared.schedule.total);
        self.within.steps += 1;
        self.within
            .sums
            .iter_mut()
            .zip(parts)
            .for_each(|(sum, part)| *sum += part);
        Ok(())
    }

    /// The row of an epoch whose steps are done.
    pub(super) fn row(&self, prepared: &Prepared) -> Row {
        let steps = self.within.steps.max(1) as f64;
        let iteration = self.iteration(prepared);
        let [classifier, box_reg, objectness, rpn_box_reg] = self.within.sums.map(|sum| sum / steps);
        Row {
            epoch: self.epochs_done() + 1,
            iteration,
            learning_rate: prepared.schedule.rate(iteration.saturating_sub(1)),
            loss: classifier + box_reg + objectness + rpn_box_reg,
            loss_classifier: classifier,
            loss_box_reg: box_reg,
            loss_objectness: objectness,
            loss_rpn_box_reg: rpn_box_reg,
            ap50: None,
            ap75: None,
            ap: None,
        }
    }
}

fn torch(error: &TchError) -> StageError {
    StageError::new(format!("libtorch: {error}"))
}
