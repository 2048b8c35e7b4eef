//! A detector without a network, for the shipped pipelines as they are: `train` counts the images that it has learned from, `detect` and
//! `scan` find the more objects the more these are. All follows from the model and the image's name.

use std::collections::BTreeSet;
use std::sync::Arc;

use asm_pipe::artifact::{read_dataset, read_json, write_detections, write_evidence, write_json};
use asm_pipe::detection::{
    AnnotatedImage, BoundingBox, Detection, Detections, Evidence, ImageDetections, ImageEvidence, SeenBox, View,
};
use asm_pipe::random::Stream;
use asm_pipe::stage::{InputPort, Job, KindInfo, Outcome, OutputPort, Reporter, Stage, StageError};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What stands in a model: the classes, and the names of all images that it was trained on.
#[derive(Serialize, Deserialize)]
struct Model {
    classes: Vec<String>,
    known: BTreeSet<String>,
    seed: u64,
}

enum Kind {
    Train,
    Detect,
    Scan,
}

/// The three kinds.
pub(crate) fn kinds() -> Vec<Arc<dyn Stage>> {
    vec![Arc::new(Kind::Train), Arc::new(Kind::Detect), Arc::new(Kind::Scan)]
}

impl Stage for Kind {
    fn info(&self) -> KindInfo {
        let input = |name: &str, artifact: &str, optional| InputPort {
            name: name.to_owned(),
            artifact: artifact.to_owned(),
            doc: String::new(),
            optional,
            many: false,
        };
        let output = |name: &str| OutputPort {
            name: name.to_owned(),
            artifact: name.to_owned(),
            doc: String::new(),
        };
        let images = input("images", "images", false);
        let (name, inputs, outputs) = match self {
            Self::Train => (
                "train",
                vec![
                    input("dataset", "dataset", false),
                    images,
                    input("model", "model", true),
                    input("validation", "dataset", true),
                ],
                vec![output("model")],
            ),
            Self::Detect | Self::Scan => {
                let mut outputs = vec![output("detections")];
                let name = match self {
                    Self::Scan => {
                        outputs.push(output("evidence"));
                        "scan"
                    }
                    _ => "detect",
                };
                let inputs = vec![
                    input("model", "model", false),
                    input("dataset", "dataset", false),
                    images,
                ];
                (name, inputs, outputs)
            }
        };
        KindInfo {
            name: name.to_owned(),
            version: 1,
            summary: String::new(),
            params: json!({"type": "object"}),
            inputs,
            outputs,
            external: Vec::new(),
            cpus: 1,
            memory_mib: 1,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        match self {
            Self::Train => train(job)?,
            Self::Detect | Self::Scan => look(job, matches!(self, Self::Scan))?,
        }
        Ok(Outcome::default())
    }
}

fn train(job: &Job) -> Result<(), StageError> {
    let dataset = read_dataset(job.input("dataset")?)?;
    let before: Option<Model> = match job.params["start"] == "fresh" {
        true => None,
        false => job.optional_input("model").map(read_json).transpose()?,
    };
    let mut known = before.map(|model| model.known).unwrap_or_default();
    known.extend(dataset.images.iter().map(|image| image.image.id.clone()));
    let model = Model {
        classes: dataset.classes,
        known,
        seed: job.params["seed"].as_u64().unwrap_or(0),
    };
    Ok(write_json(job.output("model")?, &model)?)
}

fn look(job: &Job, with_evidence: bool) -> Result<(), StageError> {
    let model: Model = read_json(job.input("model")?)?;
    let dataset = read_dataset(job.input("dataset")?)?;
    let images: Vec<ImageEvidence> = dataset.images.iter().map(|image| model.see(image)).collect();
    let found = images.iter().map(|image| ImageDetections {
        image: image.image.clone(),
        detections: image.boxes.iter().map(|seen| seen.detection.clone()).collect(),
    });
    let detections = Detections {
        classes: model.classes.clone(),
        images: found.collect(),
    };
    write_detections(job.output("detections")?, &detections)?;
    if with_evidence {
        let classes = model.classes;
        write_evidence(job.output("evidence")?, &Evidence { classes, images })?;
    }
    Ok(())
}

impl Model {
    fn see(&self, image: &AnnotatedImage) -> ImageEvidence {
        let id = &image.image.id;
        let view = |name: &str| {
            let mut stream = Stream::new(self.seed, &format!("scripted/{name}/{id}"), &[self.known.len() as u64]);
            let skill = self.known.len() as f64 / (self.known.len() as f64 + 8.0);
            let mut boxes: Vec<SeenBox> = Vec::new();
            for object in &image.annotations {
                let score = (skill + stream.uniform(-0.4, 0.5)).clamp(0.06, 0.99);
                let shift = if stream.chance(skill) {
                    0.0
                } else {
                    0.2 * object.bounds.width()
                };
                let [left, top, right, bottom] = object.bounds.xyxy();
                boxes.push(self.seen(
                    object.label,
                    score,
                    BoundingBox::new([left + shift, top, right + shift, bottom]),
                ));
            }
            if stream.chance(0.3) {
                let label = stream.below(self.classes.len()) as u32;
                let score = stream.uniform(0.1, 0.9);
                boxes.push(self.seen(label, score, BoundingBox::new([0.0, 0.0, 15.0, 15.0])));
            }
            boxes.sort_by(|a, b| b.detection.score.total_cmp(&a.detection.score));
            boxes
        };
        let mut place = Stream::new(0, &format!("scripted/place/{id}"), &[]);
        ImageEvidence {
            image: id.clone(),
            features: vec![place.unit(), place.unit()],
            boxes: view("plain"),
            views: vec![View {
                name: "flip".to_owned(),
                boxes: view("flip"),
            }],
        }
    }

    /// A box whose remaining probability is the background's.
    fn seen(&self, label: u32, score: f64, bounds: BoundingBox) -> SeenBox {
        let mut probabilities = vec![0.0; self.classes.len() + 1];
        probabilities[0] = 1.0 - score;
        probabilities[label as usize + 1] = score;
        SeenBox {
            detection: Detection { bounds, label, score },
            probabilities,
            features: vec![bounds.width(), bounds.height()],
        }
    }
}
