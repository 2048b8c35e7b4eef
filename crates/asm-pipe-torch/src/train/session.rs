//! A training under way: epoch after epoch, with a checkpoint after each.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use asm_pipe::random::Stream;
use asm_pipe::stage::{Job, Progress, Reporter, StageError};
use rayon::ThreadPool;

use super::early_stop::at_rest;
use super::history::{History, Row};
use super::prepare::Prepared;
use super::step::{Step, step};
use super::validation::{Figures, measure};
use crate::augment::{Sample, augmented};
use crate::checkpoint::{self, Checkpoint, Owner};
use crate::loader;
use crate::model::{Model, Network};
use crate::optimizer::Optimizer;
use crate::weights::{self, Arrays, Rule};

/// The state of a training.
pub(super) struct Session<'a> {
    prepared: &'a Prepared,
    reporter: &'a dyn Reporter,
    keep: &'a Path,
    owner: Owner,
    threads: usize,
    pool: ThreadPool,
    network: Network,
    optimizer: Optimizer,
    history: History,
    best: Option<Arrays>,
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
            pool: loader::threads(threads)?,
            optimizer: Optimizer::new(&network.store, prepared.params.momentum()),
            network,
            history: History::default(),
            best: None,
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
        weights::load(&self.network.store, &checkpoint.weights, Rule::Exact)?;
        self.optimizer.restore(&checkpoint.momentum)?;
        self.history = checkpoint.history;
        self.best = checkpoint.best;
        self.reporter
            .log(&format!("goes on after epoch {}", self.epochs_done()));
        Ok(())
    }

    fn epochs_done(&self) -> u64 {
        self.history.rows().len() as u64
    }

    /// Whether the last epoch is done or AP50 has come to rest.
    pub(super) fn finished(&self) -> bool {
        let rule = self.prepared.params.early_stop;
        self.epochs_done() >= self.prepared.epochs() || rule.is_some_and(|rule| at_rest(&self.history.ap50s(), rule))
    }

    /// Trains an epoch, measures, and saves the checkpoint.
    pub(super) fn epoch(&mut self) -> Result<(), StageError> {
        let mut row = self.steps()?;
        if self.prepared.measures(row.epoch) {
            let figures = self.measure()?;
            (row.ap50, row.ap) = (figures.ap50, figures.ap);
        }
        self.history.push(row);
        let weights = self.network.weights()?;
        if self.prepared.keeps_best() && self.history.best().is_some_and(|best| best.epoch == row.epoch) {
            self.best = Some(weights.clone());
        }
        let checkpoint = Checkpoint {
            weights,
            momentum: self
                .optimizer
                .state()
                .map_err(|e| StageError::new(format!("libtorch: {e}")))?,
            best: self.best.clone(),
            history: self.history.clone(),
        };
        checkpoint::save(self.keep, &self.owner, &checkpoint)?;
        self.reporter.log(&line(&row));
        Ok(())
    }

    /// The optimizer steps of an epoch.
    fn steps(&mut self) -> Result<Row, StageError> {
        let Self { prepared, reporter, .. } = *self;
        let epoch = self.epochs_done();
        let params = &prepared.params;
        let first = epoch * prepared.steps();
        let batches = batches(prepared, epoch);
        let make = |at: usize| {
            let mut stream = Stream::new(params.seed, "train/augment", &[epoch, at as u64]);
            let pixels = prepared.images.pixels(at)?;
            Ok(augmented(
                &pixels,
                &prepared.objects[at].boxes,
                params.augmentation(),
                &mut stream,
            ))
        };
        let (network, optimizer, pace) = (&self.network, &mut self.optimizer, &mut self.pace);
        let mut sums = [0.0; 4];
        let mut iteration = first;
        let mut done = epoch * prepared.images.count() as u64;
        let mut rate = 0.0;
        let mut since = Instant::now();
        loader::ahead(&self.pool, &batches, make, |batch, samples: Vec<Sample>| {
            if reporter.cancelled() {
                return Err(StageError::new("cancelled"));
            }
            rate = prepared.schedule.rate(iteration);
            let now = Step {
                seed: params.seed,
                iteration,
                learning_rate: rate,
                clip_norm: params.clip_norm,
                device: prepared.device,
            };
            let pairs: Vec<_> = samples
                .into_iter()
                .zip(batch.iter().map(|&at| &prepared.objects[at]))
                .collect();
            let parts = step(network, optimizer, &pairs, now)?;
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            iteration += 1;
            done += batch.len() as u64;
            pace.0 += batch.len() as u64;
            pace.1 += since.elapsed().as_secs_f64();
            since = Instant::now();
            reporter.progress(progress(prepared, epoch, done, parts.iter().sum(), *pace));
            Ok(())
        })?;
        let [classifier, box_reg, objectness, rpn_box_reg] = sums.map(|sum| sum / (iteration - first).max(1) as f64);
        Ok(Row {
            epoch: epoch + 1,
            iteration,
            learning_rate: rate,
            loss: classifier + box_reg + objectness + rpn_box_reg,
            loss_classifier: classifier,
            loss_box_reg: box_reg,
            loss_objectness: objectness,
            loss_rpn_box_reg: rpn_box_reg,
            ap50: None,
            ap: None,
        })
    }

    fn measure(&self) -> Result<Figures, StageError> {
        let Some(validation) = &self.prepared.validation else {
            return Ok(Figures::default());
        };
        let model = self.model(self.network.weights()?);
        let figures = measure(&model, validation, self.prepared.device, self.threads);
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
    pub(super) fn end(self) -> Result<(Model, History), StageError> {
        let weights = match self.best.clone() {
            Some(best) => best,
            None => self.network.weights()?,
        };
        Ok((self.model(weights), self.history))
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
    for line in weights::begin(&network.store, Path::new(path))? {
        reporter.log(&line);
    }
    Ok(())
}

/// The epoch's images in a random order, in batches; fewer when `iterations` ends the training in this epoch.
fn batches(prepared: &Prepared, epoch: u64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..prepared.images.count()).collect();
    Stream::new(prepared.params.seed, "train/shuffle", &[epoch]).shuffle(&mut order);
    let left = prepared.schedule.total - epoch * prepared.steps();
    let batches = order.chunks(prepared.params.batch_size).map(<[usize]>::to_vec);
    batches.take(usize::try_from(left).unwrap_or(usize::MAX)).collect()
}

fn progress(prepared: &Prepared, epoch: u64, done: u64, loss: f64, (images, seconds): (u64, f64)) -> Progress {
    let fields = [
        ("epoch", (epoch + 1) as f64),
        ("epochs", prepared.epochs() as f64),
        ("loss", loss),
        ("images_per_second", images as f64 / seconds.max(1e-9)),
    ];
    Progress {
        done,
        total: Some(prepared.images_in_all()),
        unit: "image".into(),
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn line(row: &Row) -> String {
    let measured = row.ap50.map_or(String::new(), |ap50| format!(", AP50 {ap50:.4}"));
    format!(
        "epoch {}: loss {:.4}, learning rate {:.2e}{measured}",
        row.epoch, row.loss, row.learning_rate
    )
}
