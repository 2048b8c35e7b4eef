//! Kind `detect`: a model over the images of a dataset.

use std::collections::BTreeMap;
use std::time::Instant;

use asm_pipe::artifact::{read_dataset, write_detections};
use asm_pipe::detection::Detections;
use asm_pipe::stage::{InputPort, Job, KindInfo, Outcome, OutputPort, Progress, Reporter, StageError, params_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{DetectorConfig, Precision};
use crate::device;
use crate::inference::{self, Settings};
use crate::loader::Images;
use crate::model::Model;

/// What to report, and how to go about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DetectParams {
    /// Boxes with a lower score, or exactly this one, are not reported. Keep it low: stages after this one have thresholds of
    /// their own.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub score_floor: f64,
    /// IoU above which the lesser of two boxes of one class is dropped.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub nms: f64,
    /// Most boxes of an image.
    #[schemars(range(min = 1))]
    pub detections_per_image: usize,
    /// Shorter side of an image in the network; null: the model's.
    #[schemars(range(min = 32, max = 4096))]
    pub min_size: Option<i64>,
    /// Bound of the longer side; null: the model's.
    #[schemars(range(min = 32, max = 8192))]
    pub max_size: Option<i64>,
    /// Faster R-CNN: proposals kept a level before suppression; null: the model's.
    pub rpn_pre_nms_top_n: Option<usize>,
    /// Faster R-CNN: proposals kept an image after suppression; null: the model's.
    pub rpn_post_nms_top_n: Option<usize>,
    /// Faster R-CNN: IoU above which the lesser proposal is dropped; null: the model's.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rpn_nms_thresh: Option<f64>,
    /// Faster R-CNN: proposals with a lower objectness are dropped; null: the model's.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rpn_score_thresh: Option<f64>,
    /// RetinaNet: candidates kept a level before suppression; null: the model's.
    pub topk_candidates: Option<usize>,
    /// In which numbers layers compute; null: as the model was trained.
    pub precision: Option<Precision>,
    /// Most images at once. Only neighbours of equal size share a batch.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// `auto`, `cpu` or `cuda:N`.
    pub device: String,
}

impl Default for DetectParams {
    fn default() -> Self {
        Self {
            score_floor: 0.05,
            nms: 0.5,
            detections_per_image: 100,
            min_size: None,
            max_size: None,
            rpn_pre_nms_top_n: None,
            rpn_post_nms_top_n: None,
            rpn_nms_thresh: None,
            rpn_score_thresh: None,
            topk_candidates: None,
            precision: None,
            batch_size: 1,
            device: "auto".into(),
        }
    }
}

impl DetectParams {
    /// A model's configuration with what is given here.
    #[must_use]
    pub fn configure(&self, base: &DetectorConfig) -> DetectorConfig {
        DetectorConfig {
            box_score_thresh: self.score_floor,
            box_nms_thresh: self.nms,
            box_detections_per_img: self.detections_per_image,
            min_size: self.min_size.unwrap_or(base.min_size),
            max_size: self.max_size.unwrap_or(base.max_size),
            rpn_pre_nms_top_n_test: self.rpn_pre_nms_top_n.unwrap_or(base.rpn_pre_nms_top_n_test),
            rpn_post_nms_top_n_test: self.rpn_post_nms_top_n.unwrap_or(base.rpn_post_nms_top_n_test),
            rpn_nms_thresh: self.rpn_nms_thresh.unwrap_or(base.rpn_nms_thresh),
            rpn_score_thresh: self.rpn_score_thresh.unwrap_or(base.rpn_score_thresh),
            topk_candidates: self.topk_candidates.unwrap_or(base.topk_candidates),
            precision: self.precision.unwrap_or(base.precision),
            ..base.clone()
        }
    }
}

/// What the kind says of itself.
#[must_use]
pub fn kind() -> KindInfo {
    let port = |name: &str, artifact: &str, doc: &str| InputPort {
        name: name.into(),
        artifact: artifact.into(),
        doc: doc.into(),
        optional: false,
        many: false,
    };
    KindInfo {
        name: "detect".into(),
        version: 1,
        summary: "Runs a detector over the images of a dataset".into(),
        params: params_schema::<DetectParams>(),
        inputs: vec![
            port("model", "model", "The detector."),
            port("dataset", "dataset", "Which images; their boxes are not looked at."),
            port("images", "images", "The image files."),
        ],
        outputs: vec![OutputPort {
            name: "detections".into(),
            artifact: "detections".into(),
            doc: "Boxes with class and score, best first, for every image of the dataset in its order.".into(),
        }],
        external: Vec::new(),
        cpus: 1,
        memory_mib: 700,
    }
}

/// Detects.
///
/// # Errors
/// When inputs or params make no sense or an image cannot be used.
pub fn run(job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
    let params: DetectParams = job.params()?;
    let unit = 0.0..=1.0;
    if !unit.contains(&params.score_floor) || !unit.contains(&params.nms) {
        return Err(StageError::new("`score_floor` and `nms` lie between 0 and 1"));
    }
    let mut model = Model::read(job.input("model")?)?;
    model.description.detector = params.configure(&model.description.detector);

    let dataset = read_dataset(job.input("dataset")?)?;
    let list: Vec<_> = dataset.images.into_iter().map(|entry| entry.image).collect();
    let images = Images::new(job.input("images")?.to_owned(), list.clone());
    let settings = Settings {
        batch_size: params.batch_size,
        threads: job.cpus.max(1) as usize,
    };
    let classes = model.description.classes.clone();
    let network = model.into_network(device::find(&params.device)?)?;
    let begun = Instant::now();
    let pace = |done: usize| done as f64 / begun.elapsed().as_secs_f64().max(1e-9);
    let found = inference::detect(network, &list, &images, settings, &|done| {
        if reporter.cancelled() {
            return Err(StageError::new("cancelled"));
        }
        reporter.progress(Progress {
            done: done as u64,
            total: Some(list.len() as u64),
            unit: "image".into(),
            fields: BTreeMap::from([("images_per_second".to_owned(), pace(done))]),
        });
        Ok(())
    })?;
    let boxes: usize = found.iter().map(|image| image.detections.len()).sum();
    let detections = Detections { classes, images: found };
    write_detections(job.output("detections")?, &detections)?;
    let figures = [
        ("images", list.len() as f64),
        ("boxes", boxes as f64),
        ("images_per_second", pace(list.len())),
    ];
    Ok(Outcome {
        metrics: figures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        notes: Vec::new(),
    })
}
