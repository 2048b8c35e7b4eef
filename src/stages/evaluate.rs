//! `evaluate`: detections against a dataset's ground truth.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::{input, output};
use crate::artifact::{read_dataset, read_detections, write_json};
use crate::detection::metrics::{ClassReport, Protocol, Report, Scenes, score};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};
use crate::table::{Table, TableError};

/// The stage kind.
pub(super) struct Evaluate;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// Whose rules `ap50`, the figures by class and, with `coco`, all others follow. `voc07_ap50` and `voc10_ap50` are always there.
    protocol: Protocol,
}

impl Stage for Evaluate {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "evaluate".to_owned(),
            version: 1,
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
                output("per_class", "table", "AP, AP50, objects and detections of each class."),
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
        let (report, extra) = super::pool(job)?.install(|| {
            let extra = [("voc07_ap50", Protocol::Voc07), ("voc10_ap50", Protocol::Voc10)];
            let extra = extra.map(|(name, protocol)| (name, score(&scenes, protocol).figures["ap50"]));
            (score(&scenes, params.protocol), extra)
        });
        let mut figures = report.figures.clone();
        figures.extend(extra.map(|(name, figure)| (name.to_owned(), figure)));
        table(&report.per_class)?.write_parquet(job.output("per_class")?)?;
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
            "ap": class.ap, "ap50": class.ap50, "objects": class.objects, "detections": class.detections,
        });
        (class.class, figures)
    };
    all.insert(
        "per_class".to_owned(),
        report.per_class.into_iter().map(class).collect(),
    );
    all.insert("protocol".to_owned(), report.protocol.name().into());
    all
}

fn table(classes: &[ClassReport]) -> Result<Table, TableError> {
    let count = |count: usize| count as u32;
    Table::builder()
        .text("class", classes.iter().map(|class| &class.class))
        .optional_numbers("ap", classes.iter().map(|class| class.ap))
        .optional_numbers("ap50", classes.iter().map(|class| class.ap50))
        .counts("objects", classes.iter().map(|class| count(class.objects)))
        .counts("detections", classes.iter().map(|class| count(class.detections)))
        .finish()
}
