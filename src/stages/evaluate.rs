//! `evaluate`: detections against a dataset's ground truth.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evaluation::{Drawn, class_table, confusion_table, curve_table};
use super::ports::{input, output};
use crate::artifact::{read_dataset, read_detections, write_json};
use crate::detection::metrics::{
    ClassReport, Protocol, Report, Scenes, Switches, confusion, curves, score, score_with,
};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct Evaluate;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// Whose rules `ap50`, the figures by class and, with `coco`, all others follow. `voc07_ap50` and `voc10_ap50` are always there.
    protocol: Protocol,
    /// Single rules that are to be other than the protocol's. Tables then say so beside its name.
    rules: Switches,
    /// The score from which on a detection counts in the confusion matrix.
    #[schemars(range(min = 0.0, max = 1.0))]
    confusion_score: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            rules: Switches::default(),
            confusion_score: 0.5,
        }
    }
}

impl Stage for Evaluate {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "evaluate".to_owned(),
            version: 4,
            summary: "scores detections by COCO's or VOC's rules".to_owned(),
            params: params_schema::<Params>(),
            inputs: vec![
                input(
                    "detections",
                    "detections",
                    "What the model finds in each image of the dataset.",
                ),
                input("dataset", "dataset", "The images with their ground truth."),
            ],
            outputs: vec![
                output(
                    "metrics",
                    "metrics",
                    "`ap50` and the protocol's other figures; none where there is nothing to find.",
                ),
                output(
                    "per_class",
                    "table",
                    "AP, AP50, AP75, AP by size, recall, objects and detections of each class.",
                ),
                output(
                    "curves",
                    "table",
                    "Precision at recalls 0, 0.01, .. 1 at an IoU of 0.5, by class, with the score that reaches it.",
                ),
                output(
                    "confusion",
                    "table",
                    "How often an object of one class is reported as another, is missed, or is none.",
                ),
                output(
                    "charts",
                    "charts",
                    "The curves and the confusion matrix, as SVG and PNG.",
                ),
            ],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 512,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let detections = read_detections(job.input("detections")?)?;
        let dataset = read_dataset(job.input("dataset")?)?;
        let scenes = Scenes::new(&dataset, &detections)?;
        let rules = params.rules.on(params.protocol);
        let (report, extra, drawn) = super::pool(job)?.install(|| {
            let extra = [("voc07_ap50", Protocol::Voc07), ("voc10_ap50", Protocol::Voc10)];
            let extra = extra.map(|(name, protocol)| (name, score(&scenes, protocol).figures["ap50"]));
            let drawn = Drawn {
                curves: curves(&scenes, &rules),
                confusion: confusion(&scenes, &rules, params.confusion_score),
                least_score: params.confusion_score,
            };
            (score_with(&scenes, params.protocol, &params.rules), extra, drawn)
        });
        let mut figures = report.figures.clone();
        figures.extend(extra.map(|(name, figure)| (name.to_owned(), figure)));
        class_table(&report)?.write_parquet(job.output("per_class")?)?;
        curve_table(&drawn.curves, &report.rules)?.write_parquet(job.output("curves")?)?;
        confusion_table(&drawn.confusion, &report.rules)?.write_parquet(job.output("confusion")?)?;
        drawn.write_charts(&report, job.output("charts")?)?;
        let mut outcome = Outcome::default();
        for (name, figure) in &figures {
            outcome.metrics.extend(figure.map(|figure| (name.clone(), figure)));
        }
        if !report.without_ground_truth.is_empty() {
            let classes = report.without_ground_truth.join(", ");
            outcome
                .notes
                .push(format!("no ground truth, so left out of the means: {classes}"));
        }
        write_json(job.output("metrics")?, &metrics(report, figures))?;
        Ok(outcome)
    }
}

/// The `metrics` file: numbers by name, and the classes below them.
fn metrics(report: Report, figures: BTreeMap<String, Option<f64>>) -> BTreeMap<String, serde_json::Value> {
    let counts = [
        ("images", report.images),
        ("objects", report.objects),
        ("detections", report.detections),
        ("tied_detections", report.tied_detections),
    ];
    let mut all: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    all.extend(figures.into_iter().map(|(name, figure)| (name, figure.into())));
    all.extend(counts.map(|(name, count)| (name.to_owned(), count.into())));
    let class = |class: ClassReport| {
        let figures = serde_json::json!({
            "ap": class.ap, "ap50": class.ap50, "ap75": class.ap75, "ap_small": class.ap_small, "ap_medium": class.ap_medium,
            "ap_large": class.ap_large, "recall": class.recall, "objects": class.objects, "detections": class.detections,
        });
        (class.class, figures)
    };
    all.insert(
        "per_class".to_owned(),
        report.per_class.into_iter().map(class).collect(),
    );
    all.insert("protocol".to_owned(), report.protocol.name().into());
    all.insert("rules".to_owned(), report.rules.into());
    all
}
