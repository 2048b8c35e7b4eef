//! The stages of a round one after the other on files, with a scripted detector in the model's place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::built_in;
use crate::artifact::{read_dataset, read_json, write_dataset, write_detections};
use crate::detection::{
    AnnotatedImage, Annotation, BoundingBox, Dataset, Detection, Detections, Image, ImageDetections, Marks, Source,
};
use crate::learning::{Decision, Pool};
use crate::random::Stream;
use crate::stage::{Input, Job, Needs, Outcome, Silent, StageError};
use crate::table::Table;

fn dataset(count: usize) -> Dataset {
    let object = |at: usize| Annotation {
        bounds: BoundingBox::new([at as f64 * 40.0, 0.0, at as f64 * 40.0 + 20.0, 20.0]),
        label: at as u32 % 2,
        difficult: false,
        truncated: false,
        source: Source::Human,
        score: None,
        round: None,
        marks: Marks::default(),
    };
    let image = |at: usize| AnnotatedImage {
        image: Image {
            id: format!("{at:03}"),
            file: format!("{at}.jpg"),
            width: 400,
            height: 40,
            digest: "00".to_owned(),
        },
        annotations: (0..at % 4).map(object).collect(),
    };
    Dataset {
        classes: vec!["cat".to_owned(), "dog".to_owned()],
        images: (0..count).map(image).collect(),
    }
}

/// Finds some objects, with scores that look like a network's.
fn detect(dataset: &Dataset, round: u64) -> Detections {
    let image = |image: &AnnotatedImage| {
        let mut stream = Stream::new(round, &format!("test/{}", image.image.id), &[]);
        let mut found: Vec<Detection> = Vec::new();
        for object in &image.annotations {
            let score = f64::from(stream.uniform(0.1, 1.0) as f32);
            let bounds = object.bounds;
            found.push(Detection {
                bounds,
                label: object.label,
                score,
            });
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        ImageDetections {
            image: image.image.id.clone(),
            detections: found,
        }
    };
    Detections {
        classes: dataset.classes.clone(),
        images: dataset.images.iter().map(image).collect(),
    }
}

struct Bench {
    folder: tempfile::TempDir,
    jobs: u32,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            jobs: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a kind; the outputs' paths by name, and what it says.
    fn run(
        &mut self,
        kind: &str,
        params: Value,
        inputs: &[(&str, &[&Path])],
    ) -> Result<(BTreeMap<String, PathBuf>, Outcome), StageError> {
        self.jobs += 1;
        let folder = self.path(&format!("job{}", self.jobs));
        fs_err::create_dir_all(&folder).unwrap();
        let stage = built_in().into_iter().find(|stage| stage.info().name == kind).unwrap();
        let info = stage.info();
        for (port, _) in inputs {
            assert!(
                info.inputs.iter().any(|input| input.name == *port),
                "{kind} has no port {port}"
            );
        }
        let outputs: BTreeMap<String, PathBuf> = info
            .outputs
            .iter()
            .map(|output| (output.name.clone(), folder.join(&output.name)))
            .collect();
        let listed = |paths: &[&Path]| {
            let paths = paths.iter().enumerate();
            paths
                .map(|(at, path)| Input {
                    label: (at + 1).to_string(),
                    path: path.to_path_buf(),
                })
                .collect()
        };
        let job = Job {
            format: 1,
            kind: kind.to_owned(),
            params,
            inputs: inputs
                .iter()
                .map(|(port, paths)| ((*port).to_owned(), listed(paths)))
                .collect(),
            outputs: outputs.clone(),
            keep: folder.join("keep"),
            folder,
            cpus: 1,
            needs: Needs::default(),
        };
        let outcome = stage.run(&job, &Silent)?;
        for output in outputs.values() {
            assert!(output.exists(), "{} was not written", output.display());
        }
        Ok((outputs, outcome))
    }
}

#[test]
fn every_strategy_goes_round_on_files_until_the_pool_is_empty() {
    for (kind, threshold) in [
        ("select-v1", Value::Null),
        ("select-v1-plus", Value::Null),
        ("select-topk-v1", Value::Null),
        ("select-topk-v2", json!(0.3)),
        ("select-topk-v3", json!(0.5)),
    ] {
        let mut bench = Bench::new();
        let source = bench.path("source");
        write_dataset(&source, &dataset(40)).unwrap();
        let params = json!({"initial": 8, "validation": 4, "seed": 3});
        let (split, _) = bench.run("split-pools", params, &[("dataset", &[&source])]).unwrap();
        let (mut labelled, mut pool, mut ledger) = (
            split["labelled"].clone(),
            split["pool"].clone(),
            split["ledger"].clone(),
        );
        let mut opened = 12.0;
        let mut stopped = false;
        for round in 1..=20_u32 {
            let (batch, _) = bench
                .run(
                    "draw-batch",
                    json!({"take": 6}),
                    &[("pool", &[&pool]), ("dataset", &[&source])],
                )
                .unwrap();
            let detections = bench.path(&format!("detections{round}"));
            write_detections(
                &detections,
                &detect(&read_dataset(&batch["batch"]).unwrap(), u64::from(round)),
            )
            .unwrap();
            let inputs: [(&str, &[&Path]); 3] = [
                ("detections", &[&detections]),
                ("batch", &[&batch["batch"]]),
                ("ledger", &[&ledger]),
            ];
            let (merge, _) = bench.run("merge-sa", json!({"round": round}), &inputs).unwrap();
            let mut params = json!({"take": 6, "seed": 3, "round": round});
            if !threshold.is_null() {
                params["certain"] = threshold.clone();
            }
            let inputs: [(&str, &[&Path]); 4] = [
                ("annotations", &[&merge["annotations"]]),
                ("scores", &[&merge["scores"]]),
                ("labelled", &[&labelled]),
                ("pool", &[&batch["pool"]]),
            ];
            let (select, _) = bench.run(kind, params, &inputs).unwrap();
            assert!(!read_dataset(&select["train"]).unwrap().images.is_empty());
            let costs: BTreeMap<String, f64> = read_json(&merge["costs"]).unwrap();
            opened += costs["images_opened"];
            (labelled, pool, ledger) = (
                select["labelled"].clone(),
                select["pool"].clone(),
                merge["ledger"].clone(),
            );

            let inputs: [(&str, &[&Path]); 2] = [("metrics", &[&merge["costs"]]), ("pool", &[&pool])];
            let (until, _) = bench.run("until", json!({"metric": "human_boxes"}), &inputs).unwrap();
            stopped = read_json::<Decision>(&until["decision"]).unwrap().stop;
            if stopped {
                break;
            }
        }
        assert!(stopped, "{kind}: the pool is empty at last");
        assert!(read_json::<Pool>(&pool).unwrap().exhausted());
        assert!(
            (opened - 40.0).abs() < 1e-9,
            "{kind}: every image was opened once, not {opened}"
        );
    }
}

#[test]
fn evaluate_writes_flat_figures_and_a_table_of_classes() {
    let mut bench = Bench::new();
    let (source, detections) = (bench.path("source"), bench.path("detections"));
    let mut data = dataset(12);
    data.classes.push("bird".to_owned());
    write_dataset(&source, &data).unwrap();
    write_detections(&detections, &detect(&data, 1)).unwrap();
    let inputs: [(&str, &[&Path]); 2] = [("detections", &[&detections]), ("dataset", &[&source])];
    let (outputs, outcome) = bench.run("evaluate", json!({}), &inputs).unwrap();
    let metrics: Value = read_json(&outputs["metrics"]).unwrap();
    assert_eq!(metrics["ap"], 1.0);
    assert_eq!(metrics["voc07_ap50"], 1.0);
    assert_eq!(metrics["ap_large"], Value::Null);
    assert_eq!(metrics["per_class"]["bird"]["ap"], Value::Null);
    assert_eq!(
        (&metrics["protocol"], &metrics["rules"]),
        (&json!("coco"), &json!("coco"))
    );
    assert_eq!(metrics["per_class"]["bird"]["ap_small"], Value::Null);
    for (table, rows) in [("per_class", 3), ("curves", 2 * 101), ("confusion", 16)] {
        let table = Table::read_parquet(&outputs[table]).unwrap();
        assert_eq!(table.height(), rows);
        assert!(table.text("protocol").unwrap().iter().all(|name| *name == "coco"));
    }
    assert!(outputs["charts"].join("confusion.svg").is_file());
    assert_eq!(outcome.notes, ["no ground truth, so left out of the means: bird"]);
    let (voc, _) = bench.run("evaluate", json!({"protocol": "voc07"}), &inputs).unwrap();
    let voc: Value = read_json(&voc["metrics"]).unwrap();
    assert!(voc["ap"].is_null() && voc["ap50"] == 1.0);
    let params = json!({"protocol": "voc07", "rules": {"difficult": "count"}, "confusion_score": 0.0});
    let (changed, _) = bench.run("evaluate", params, &inputs).unwrap();
    let changed: Value = read_json(&changed["metrics"]).unwrap();
    assert_eq!(changed["rules"], "voc07 difficult=count");
}

#[test]
fn until_sorts_rounds_by_number_and_names_a_figure_that_is_not_there() {
    let mut bench = Bench::new();
    let files: Vec<PathBuf> = (0..12).map(|at| bench.path(&format!("m{at}.json"))).collect();
    for (at, file) in files.iter().enumerate() {
        crate::artifact::write_json(file, &json!({"ap50": at, "ap": null})).unwrap();
    }
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let (outputs, _) = bench
        .run("until", json!({"window": 3}), &[("metrics", &paths)])
        .unwrap();
    let decision: Decision = read_json(&outputs["decision"]).unwrap();
    assert_eq!(
        decision.values,
        (0..12).map(|at| Some(f64::from(at))).collect::<Vec<_>>()
    );
    assert!(!decision.stop);
    let error = bench
        .run("until", json!({"metric": "ap51"}), &[("metrics", &paths)])
        .unwrap_err();
    assert_eq!(error.message, "the metrics of round 1 have no figure `ap51`");
    assert_eq!(error.hints, ["there are ap, ap50"]);
}

#[test]
fn a_split_that_is_too_large_names_the_numbers() {
    let mut bench = Bench::new();
    let source = bench.path("source");
    write_dataset(&source, &dataset(10)).unwrap();
    let error = bench
        .run("split-pools", json!({"initial": 11}), &[("dataset", &[&source])])
        .unwrap_err();
    assert_eq!(
        error.message,
        "11 initial and 0 validation images asked for, but the dataset has 10"
    );
}
