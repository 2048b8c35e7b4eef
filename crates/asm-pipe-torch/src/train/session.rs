//! A training under way: epoch after epoch, with a checkpoint after each, and within those that take long.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use asm_pipe::random::Stream;
use asm_pipe::stage::{Job, Progress, Reporter, StageError};

use super::balance::{Turn, balanced};
use super::curve::Curve;
use super::early_stop::at_rest;
use super::history::{History, Row};
use super::prepare::{Objects, Prepared};
use super::saving::Saving;
use super::state::State;
use super::step::{Part, add_gradients, move_weights};
use super::validation::{Figures, measure};
use crate::augment::{Sample, augmented};
use crate::checkpoint::{self, Owner};
use crate::config::DetectorConfig;
use crate::loader;
use crate::model::{Model, Network};
use crate::weights::{self, Arrays, Rule};

/// A training in this process.
pub(super) struct Session<'a> {
    prepared: &'a Prepared,
    reporter: &'a dyn Reporter,
    keep: &'a Path,
    owner: Owner,
    threads: usize,
    state: State,
    saving: Saving,
    /// Images and seconds of this process's steps: for people only.
    pace: (u64, f64),
}

impl<'a> Session<'a> {
    /// Builds the network, or goes on from the job's checkpoint.
    pub(super) fn begin(prepared: &'a Prepared, job: &'a Job, reporter: &'a dyn Reporter) -> Result<Self, StageError> {
        let threads = job.cpus.max(1) as usize;
        tch::set_num_threads(threads as i32);
        tch::manual_seed(prepared.params.seed as i64);
        let network = Network::new(&prepared.description.detector, prepared.device)?;
        initialise(&network, prepared, reporter)?;
        let mut session = Self {
            prepared,
            reporter,
            keep: &job.keep,
            owner: Owner::new(job.params.clone(), prepared.identity.clone()),
            threads,
            state: State::new(network, prepared),
            saving: Saving::new()?,
            pace: (0, 0.0),
        };
        session.resume()?;
        Ok(session)
    }

    /// Takes up a checkpoint, if there is a good one.
    fn resume(&mut self) -> Result<(), StageError> {
        let checkpoint = match checkpoint::load(self.keep, &self.owner) {
            Ok(Some(checkpoint)) => checkpoint,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.reporter.log(&format!("{error}; training begins anew"));
                return Ok(());
            }
        };
        self.state.restore(checkpoint)?;
        let (epochs, steps) = (self.state.epochs_done(), self.state.within.steps);
        let within = if steps == 0 {
            String::new()
        } else {
            format!(" and {steps} steps of the next")
        };
        self.reporter.log(&format!("goes on after epoch {epochs}{within}"));
        Ok(())
    }

    /// Whether the last epoch is done or AP50 has come to rest.
    pub(super) fn finished(&self) -> bool {
        let rule = self.prepared.params.early_stop;
        let done = self.state.epochs_done() >= self.prepared.epochs();
        done || rule.is_some_and(|rule| at_rest(&self.state.history.ap50s(), rule))
    }

    /// Trains an epoch or what is left of it, measures, and saves the checkpoint.
    pub(super) fn epoch(&mut self) -> Result<(), StageError> {
        self.steps()?;
        let mut row = self.state.row(self.prepared);
        if self.prepared.measures(row.epoch) {
            let figures = self.measure()?;
            (row.ap50, row.ap75, row.ap) = (figures.ap50, figures.ap75, figures.ap);
        }
        self.state.history.push(row);
        self.state.within = checkpoint::Within::default();
        let is_best = self.state.history.best().is_some_and(|best| best.epoch == row.epoch);
        if self.prepared.keeps_best() && is_best {
            self.state.best = Some(self.state.weights()?);
        }
        self.save()?;
        self.reporter.log(&line(&row));
        Ok(())
    }

    fn save(&mut self) -> Result<(), StageError> {
        let since = Instant::now();
        checkpoint::save(self.keep, &self.owner, &self.state.checkpoint()?)?;
        self.saving.saved(since);
        Ok(())
    }

    /// The optimizer steps of an epoch that are not done yet.
    fn steps(&mut self) -> Result<(), StageError> {
        let prepared = self.prepared;
        let params = &prepared.params;
        let epoch = self.state.epochs_done();
        let turns = turns(prepared, epoch);
        let (batches, shares) = batches(prepared, turns.len(), epoch, self.state.within.steps);
        let make = |place: usize| {
            let Turn { image, before } = turns[place];
            let position = [epoch, image as u64, before];
            // An image that comes once is changed as it would be without `balance`.
            let position = &position[..if before == 0 { 2 } else { 3 }];
            let (pixels, boxes) = (prepared.images.pixels(image)?, &prepared.objects[image].boxes);
            Ok(augmented(&pixels, boxes, params.augmentation(), params.seed, position))
        };
        let pool = loader::threads(self.threads)?;
        let mut shares = shares.into_iter();
        let mut step = (0, [0.0; 4]);
        let mut since = Instant::now();
        loader::ahead(&pool, &batches, make, |batch, samples: Vec<Sample>| {
            if self.reporter.cancelled() {
                return Err(StageError::new("cancelled"));
            }
            let objects = batch.iter().map(|&place| &prepared.objects[turns[place].image]);
            let pairs: Vec<(Sample, &Objects)> = samples.into_iter().zip(objects).collect();
            let (share, is_last) = shares.next().unwrap_or((1.0, true));
            let iteration = self.state.iteration(prepared);
            let rate = prepared.schedule.rate(iteration);
            let part = Part {
                seed: params.seed,
                iteration,
                number: step.0,
                share,
                learning_rate: rate,
                device: prepared.device,
            };
            let parts = add_gradients(&self.state.network, &pairs, part)?;
            step.0 += 1;
            step.1.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            self.pace.0 += batch.len() as u64;
            if is_last {
                move_weights(&mut self.state.optimizer, params.clip_norm, rate)?;
                let (_, parts) = std::mem::replace(&mut step, (0, [0.0; 4]));
                self.state.stepped(prepared, rate, parts)?;
                self.pace.1 += since.elapsed().as_secs_f64();
                self.reporter
                    .progress(self.progress(turns.len() as u64, parts.iter().sum()));
                if self.saving.is_due() {
                    self.save()?;
                }
                since = Instant::now();
            }
            Ok(())
        })
    }

    fn measure(&self) -> Result<Figures, StageError> {
        let Some(validation) = &self.prepared.validation else {
            return Ok(Figures::default());
        };
        let model = self.model(self.state.weights()?);
        let figures = measure(model, validation, self.prepared.device, self.threads);
        tch::set_num_threads(self.threads as i32);
        figures
    }

    fn model(&self, weights: Arrays) -> Model {
        Model {
            description: self.prepared.description.clone(),
            weights,
        }
    }

    /// Images that this process trained on in a second.
    pub(super) fn images_per_second(&self) -> Option<f64> {
        let (images, seconds) = self.pace;
        (images > 0 && seconds > 0.0).then(|| images as f64 / seconds)
    }

    /// The model to keep, and how it came about.
    pub(super) fn end(self) -> Result<(Model, History, Curve), StageError> {
        let weights = match self.state.best.clone() {
            Some(best) => best,
            None => self.state.weights()?,
        };
        Ok((self.model(weights), self.state.history, self.state.curve))
    }

    /// How far it is, after a step of an epoch of so many images.
    fn progress(&self, images: u64, loss: f64) -> Progress {
        let (prepared, state) = (self.prepared, &self.state);
        let epoch = state.epochs_done();
        let in_epoch = (state.within.steps * prepared.params.images_a_step() as u64).min(images);
        let fields = [
            ("epoch", (epoch + 1) as f64),
            ("epochs", prepared.epochs() as f64),
            ("loss", loss),
            ("images_per_second", self.pace.0 as f64 / self.pace.1.max(1e-9)),
        ];
        Progress {
            done: epoch * images + in_epoch,
            total: Some(prepared.images_in_all()),
            unit: "image".into(),
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<BTreeMap<_, _>>(),
        }
    }
}

/// Gives a new network the weights to begin with: a model's, a file's, or those it was made with.
fn initialise(network: &Network, prepared: &Prepared, reporter: &dyn Reporter) -> Result<(), StageError> {
    if let Some(model) = &prepared.warm {
        weights::load(&network.store, &model.weights, Rule::Exact)?;
        return Ok(());
    }
    let Some(path) = &prepared.params.weights else {
        return Ok(());
    };
    weights::begin(&network.store, Path::new(path), &|line| reporter.log(line))?;
    let config = &prepared.description.detector;
    let usual = DetectorConfig::new(config.architecture, 0).batch_norm_epsilon;
    if config.batch_norm_epsilon != usual && prepared.params.network.batch_norm_epsilon.is_none() {
        reporter.log(&format!(
            "taken for torchvision's first COCO weights: batch norm's epsilon is {}, not {usual}; if they are others, say \
             `network: {{batch_norm_epsilon: {usual}}}`",
            config.batch_norm_epsilon
        ));
    }
    Ok(())
}

/// The images of an epoch in their order.
fn turns(prepared: &Prepared, epoch: u64) -> Vec<Turn> {
    let seed = prepared.params.seed;
    if let Some(weights) = &prepared.balance {
        return balanced(weights, &mut Stream::new(seed, "train/balance", &[epoch]));
    }
    let mut order: Vec<usize> = (0..prepared.images.count()).collect();
    Stream::new(seed, "train/shuffle", &[epoch]).shuffle(&mut order);
    order.into_iter().map(|image| Turn { image, before: 0 }).collect()
}

/// The batches of an epoch from a step on, as places in its order; fewer when `iterations` ends the training in this epoch. With each
/// its share of its step's images, and whether it is the step's last.
fn batches(prepared: &Prepared, images: usize, epoch: u64, done: u64) -> (Vec<Vec<usize>>, Vec<(f64, bool)>) {
    let left = prepared.schedule.total - epoch * prepared.steps();
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    let places: Vec<usize> = (0..images).collect();
    let steps = places.chunks(prepared.params.images_a_step());
    let (mut batches, mut shares) = (Vec::new(), Vec::new());
    for step in steps.take(left).skip(usize::try_from(done).unwrap_or(usize::MAX)) {
        for batch in step.chunks(prepared.params.batch_size) {
            batches.push(batch.to_vec());
            shares.push((batch.len() as f64 / step.len() as f64, false));
        }
        shares.last_mut().expect("a chunk is not empty").1 = true;
    }
    (batches, shares)
}

fn line(row: &Row) -> String {
    let measured = row.ap50.map_or(String::new(), |ap50| format!(", AP50 {ap50:.4}"));
    format!(
        "epoch {}: loss {:.4}, learning rate {:.2e}{measured}",
        row.epoch, row.loss, row.learning_rate
    )
}
