//! Kind `train`: a dataset and its images in, a model out.
//!
//! The same inputs and params give the same bytes, whether it ran through or was cut off and went on from a checkpoint.

pub mod balance;
pub(crate) mod curve;
pub mod early_stop;
mod events;
pub mod history;
pub mod params;
mod prepare;
mod saving;
mod session;
mod state;
mod step;
mod validation;

use std::collections::BTreeMap;

use asm_pipe::stage::{
    ExternalInput, InputPort, Job, KindInfo, Outcome, OutputPort, Reporter, StageError, params_schema,
};

use crate::checkpoint;
use crate::model::HISTORY;
use params::TrainParams;
use prepare::Prepared;
use session::Session;

/// What the kind says of itself.
#[must_use]
pub fn kind() -> KindInfo {
    let port = |name: &str, artifact: &str, optional, doc: &str| InputPort {
        name: name.into(),
        artifact: artifact.into(),
        doc: doc.into(),
        optional,
        many: false,
    };
    KindInfo {
        name: "train".into(),
        version: 3,
        summary: "Trains a detector on a dataset".into(),
        params: params_schema::<TrainParams>(),
        inputs: vec![
            port(
                "dataset",
                "dataset",
                false,
                "The images to learn from; one without objects is a negative example.",
            ),
            port(
                "images",
                "images",
                false,
                "The image files, those of `validation` included.",
            ),
            port(
                "model",
                "model",
                true,
                "The model to go on from; it must know the same classes.",
            ),
            port(
                "validation",
                "dataset",
                true,
                "Images that choose the best epoch and stop the training early.",
            ),
        ],
        outputs: vec![OutputPort {
            name: "model".into(),
            artifact: "model".into(),
            doc: "Weights, description, a table of the epochs, and an event file of the steps for TensorBoard.".into(),
        }],
        external: vec![ExternalInput {
            param: "weights".into(),
            include: Vec::new(),
        }],
        cpus: 0,
        memory_mib: 1500,
    }
}

/// Trains.
///
/// # Errors
/// When inputs or params make no sense, an image cannot be used, or the loss stops being a number.
pub fn run(job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
    let params: TrainParams = job.params()?;
    params.check()?;
    let prepared = Prepared::new(job, params, reporter)?;
    let mut session = Session::begin(&prepared, job, reporter)?;
    while !session.finished() {
        session.epoch()?;
    }
    let images_per_second = session.images_per_second();
    let (model, history, curve) = session.end()?;
    let folder = job.output("model")?;
    model.write(folder)?;
    history.write(&folder.join(HISTORY))?;
    events::write(folder, &curve, &history)?;
    checkpoint::clear(&job.keep)?;

    let mut metrics = BTreeMap::new();
    let mut notes = prepared.notes.clone();
    if let Some(last) = history.rows().last() {
        metrics.insert("epochs".to_owned(), last.epoch as f64);
        metrics.insert("iterations".to_owned(), last.iteration as f64);
        metrics.insert("loss".to_owned(), last.loss);
        if last.epoch < prepared.epochs() {
            notes.push(format!(
                "stopped after epoch {} of {}: AP50 stands still",
                last.epoch,
                prepared.epochs()
            ));
        }
    }
    let kept = history
        .best()
        .filter(|_| prepared.keeps_best())
        .or(history.rows().last());
    for (name, value) in [
        ("ap50", kept.and_then(|row| row.ap50)),
        ("ap", kept.and_then(|row| row.ap)),
    ] {
        metrics.extend(value.map(|value| (name.to_owned(), value)));
    }
    if prepared.keeps_best() {
        metrics.extend(kept.map(|row| ("best_epoch".to_owned(), row.epoch as f64)));
    }
    metrics.extend(images_per_second.map(|value| ("images_per_second".to_owned(), value)));
    Ok(Outcome { metrics, notes })
}
