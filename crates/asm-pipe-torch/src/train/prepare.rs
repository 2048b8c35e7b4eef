//! Reads and checks a training job's inputs before anything is computed.

use std::path::Path;

use asm_pipe::artifact::read_dataset;
use asm_pipe::detection::{AnnotatedImage, BoundingBox, Dataset, Source};
use asm_pipe::stage::{Job, Reporter, StageError};
use tch::Device;

use super::balance::{self, Balance};
use super::params::{Keep, Start, TrainParams};
use crate::config::DetectorConfig;
use crate::device;
use crate::loader::Images;
use crate::model::{Description, Model};
use crate::schedule::Schedule;
use crate::weights;

/// The objects of an image that are learned from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Objects {
    pub(super) boxes: Vec<BoundingBox>,
    /// From 1; 0 is the background.
    pub(super) labels: Vec<i64>,
    /// What each counts in the losses.
    pub(super) weights: Vec<f32>,
}

/// A training job, understood.
pub(super) struct Prepared {
    pub(super) params: TrainParams,
    pub(super) device: Device,
    pub(super) images: Images,
    pub(super) objects: Vec<Objects>,
    /// How often each image is wanted; none when each comes once.
    pub(super) balance: Option<Vec<f64>>,
    /// Ids and digests of the images: what a checkpoint belongs to.
    pub(super) identity: Vec<String>,
    pub(super) validation: Option<Validation>,
    pub(super) description: Description,
    /// The model to go on from.
    pub(super) warm: Option<Model>,
    pub(super) schedule: Schedule,
    pub(super) notes: Vec<String>,
}

/// Images that only measure.
pub(super) struct Validation {
    pub(super) dataset: Dataset,
    pub(super) images: Images,
}

impl Prepared {
    pub(super) fn new(job: &Job, params: TrainParams, reporter: &dyn Reporter) -> Result<Self, StageError> {
        let device = device::find(&params.device)?;
        let dataset = read_dataset(job.input("dataset")?)?;
        if dataset.images.is_empty() {
            return Err(StageError::new("the dataset to train on has no images")
                .hint("look at what the stage before drew or selected"));
        }
        let folder = job.input("images")?;
        let validation = validation(job, &dataset.classes, folder)?;
        if params.early_stop.is_some() && validation.is_none() {
            return Err(
                StageError::new("`early_stop` needs the input `validation`, with images in it")
                    .hint("give the stage `validation: split.validation`, or set `early_stop: null`"),
            );
        }
        let warm = match job.optional_input("model") {
            Some(folder) if params.start == Start::Warm => Some(Model::read(folder)?),
            _ => None,
        };
        let description = describe(&params, &dataset.classes, warm.as_ref())?;
        let (objects, notes) = objects(&dataset, &params);
        for note in &notes {
            reporter.log(note);
        }
        let steps = dataset.images.len().div_ceil(params.images_a_step()) as u64;
        let balance = (params.balance != Balance::None).then(|| {
            let labels: Vec<&[i64]> = objects.iter().map(|objects| objects.labels.as_slice()).collect();
            balance::weights(params.balance, &labels, params.rare_below)
        });
        Ok(Self {
            schedule: params.schedule(steps),
            images: images(folder, &dataset),
            identity: dataset
                .images
                .iter()
                .map(|e| format!("{} {}", e.image.id, e.image.digest))
                .collect(),
            params,
            device,
            objects,
            balance,
            validation,
            description,
            warm,
            notes,
        })
    }

    /// Steps of a whole epoch.
    pub(super) fn steps(&self) -> u64 {
        self.images.count().div_ceil(self.params.images_a_step()) as u64
    }

    /// Epochs in all; the last may be cut by `iterations`.
    pub(super) fn epochs(&self) -> u64 {
        self.schedule.total.div_ceil(self.steps())
    }

    /// Images that all steps together use.
    pub(super) fn images_in_all(&self) -> u64 {
        let count = self.images.count() as u64;
        let (whole, rest) = (self.schedule.total / self.steps(), self.schedule.total % self.steps());
        whole * count + (rest * self.params.images_a_step() as u64).min(count)
    }

    pub(super) fn keeps_best(&self) -> bool {
        self.params.keep == Keep::Best && self.validation.is_some()
    }

    /// Whether validation is measured after this epoch.
    pub(super) fn measures(&self, epoch: u64) -> bool {
        let every = self.params.early_stop.map_or(1, |rule| u64::from(rule.every));
        let wanted = self.params.early_stop.is_some() || self.keeps_best();
        self.validation.is_some() && (epoch == self.epochs() || wanted && epoch.is_multiple_of(every))
    }
}

fn images(folder: &Path, dataset: &Dataset) -> Images {
    Images::new(
        folder.to_owned(),
        dataset.images.iter().map(|entry| entry.image.clone()).collect(),
    )
}

fn validation(job: &Job, classes: &[String], folder: &Path) -> Result<Option<Validation>, StageError> {
    let Some(path) = job.optional_input("validation") else {
        return Ok(None);
    };
    let dataset = read_dataset(path)?;
    same_classes("the validation set", &dataset.classes, classes)?;
    let images = images(folder, &dataset);
    Ok((!dataset.images.is_empty()).then_some(Validation { dataset, images }))
}

fn same_classes(what: &str, theirs: &[String], ours: &[String]) -> Result<(), StageError> {
    if theirs == ours {
        return Ok(());
    }
    let (theirs, ours) = (theirs.join(", "), ours.join(", "));
    Err(StageError::new(format!(
        "{what} has the classes [{theirs}], the dataset to train on has [{ours}]"
    ))
    .hint("names and order must be equal: list `classes` where the data is read"))
}

fn describe(params: &TrainParams, classes: &[String], warm: Option<&Model>) -> Result<Description, StageError> {
    let base = match warm {
        None => fresh(params)?,
        Some(model) => {
            same_classes("the model", &model.description.classes, classes)?;
            let detector = &model.description.detector;
            if detector.architecture != params.architecture {
                let (theirs, ours) = (detector.architecture, params.architecture);
                return Err(
                    StageError::new(format!("the model is a {theirs:?}, the params say {ours:?}"))
                        .hint("give both trainings the same `architecture`, or set `start: fresh`"),
                );
            }
            detector.clone()
        }
    };
    let config = params.configure(base);
    if config.min_size > config.max_size {
        let (min, max) = (config.min_size, config.max_size);
        return Err(StageError::new(format!(
            "`min_size` is {min} and `max_size` only {max}"
        )));
    }
    Ok(Description::new(classes.to_vec(), config))
}

/// The architecture's configuration, with the constant that the pretrained weights were made with.
fn fresh(params: &TrainParams) -> Result<DetectorConfig, StageError> {
    let mut config = DetectorConfig::new(params.architecture, 0);
    if let Some(path) = &params.weights
        && let Some(epsilon) = weights::epsilon(Path::new(path), params.architecture)?
    {
        config.batch_norm_epsilon = epsilon;
    }
    Ok(config)
}

/// What is learned from each image: boxes cut to the image, without those that have no extent or are difficult.
fn objects(dataset: &Dataset, params: &TrainParams) -> (Vec<Objects>, Vec<String>) {
    let mut without_extent = 0;
    let mut all = Vec::with_capacity(dataset.images.len());
    for AnnotatedImage { image, annotations } in &dataset.images {
        let (width, height) = (f64::from(image.width), f64::from(image.height));
        let mut objects = Objects::default();
        for annotation in annotations.iter().filter(|a| params.difficult || !a.difficult) {
            let [x_min, y_min, x_max, y_max] = annotation.bounds.xyxy();
            let cut = BoundingBox::new([x_min.max(0.0), y_min.max(0.0), x_max.min(width), y_max.min(height)]);
            // A hundredth of a pixel: less may vanish in single precision.
            if cut.width() < 0.01 || cut.height() < 0.01 {
                without_extent += 1;
                continue;
            }
            objects.boxes.push(cut);
            objects.labels.push(i64::from(annotation.label) + 1);
            objects.weights.push(match annotation.source {
                Source::Human => 1.0,
                Source::Model => params.pseudo_label_weight as f32,
            });
        }
        all.push(objects);
    }
    let notes = (without_extent > 0).then(|| format!("{without_extent} boxes without extent were left out"));
    (all, notes.into_iter().collect())
}
