//! What a run leaves for people: the page with what lies behind it, the manifest and its reproduction, several results in one.

use serde_json::Value;

use crate::support::Project;

/// A detector without a network: it finds most objects, more of them in later rounds, and some that are not there.
const ORACLE: &str = r#"
import json, sys
data, certain = json.load(open(sys.argv[1])), float(sys.argv[3])
images = []
for at, image in enumerate(data["images"]):
    boxes = []
    for nth, box in enumerate(image["boxes"]):
        if (at + nth) % 3 or nth == 0:
            boxes.append({"box": box["box"], "class": box["class"], "score": certain if (at + nth) % 2 else 0.4})
    if at % 2:
        boxes.append({"box": [0, 0, 9, 9], "class": data["classes"][0], "score": 0.85})
    images.append({"id": image["id"], "boxes": boxes})
json.dump({"classes": data["classes"], "images": images}, open(sys.argv[2], "w"))
"#;

const LOOP: &str = r#"
name: NAME
params: {seed: 0}
stages:
  source: {uses: shapes, with: {set: trainval, images: 24}}
  test: {uses: shapes, with: {set: test, images: 4}}
  split: {uses: split-pools, in: {dataset: source}, with: {initial: 4, validation: 2, seed: "${seed}"}}
  find:
    uses: command
    in: {dataset: test.dataset}
    with: {run: [python3, oracle.py, "{in.dataset:json}", "{out.detections}", "0.8"], files: [oracle.py], out: {detections: detections}}
  evaluate_initial: {uses: evaluate, in: {detections: find, dataset: test.dataset}}
  tables:
    uses: tables
    in:
      initial: evaluate_initial.metrics
      initial_costs: split.costs
      initial_selection: split.stats
      evaluations: rounds.all.evaluate.metrics
      costs: rounds.all.merge.costs
      selections: rounds.all.select.stats
    with: {strategy: "${name}", seed: "${seed}"}
rounds:
  max: 2
  carry: {labelled: [split.labelled, select.labelled], pool: [split.pool, select.pool], ledger: [split.ledger, merge.ledger]}
  stages:
    batch: {uses: draw-batch, in: {pool: carry.pool, dataset: source.dataset}, with: {take: 4}}
    detect:
      uses: command
      in: {dataset: batch.batch, images: source.images}
      with: {run: [python3, oracle.py, "{in.dataset:json}", "{out.detections}", "0.9${round}"], files: [oracle.py], out: {detections: detections}}
    merge: {uses: merge-sa, in: {detections: detect, batch: batch.batch, ledger: carry.ledger}, with: {round: "${round}"}}
    select:
      uses: KIND
      in: {annotations: merge.annotations, scores: merge.scores, labelled: carry.labelled, pool: batch.pool}
      with: {take: 4, round: "${round}", seed: "${seed}"}
    detect_test:
      uses: command
      in: {dataset: test.dataset, images: test.images, after: select.stats}
      with: {run: [python3, oracle.py, "{in.dataset:json}", "{out.detections}", "0.9${round}"], files: [oracle.py], out: {detections: detections}}
    evaluate: {uses: evaluate, in: {detections: detect_test, dataset: test.dataset}}
"#;

fn project() -> Project {
    let project = Project::new();
    project.file("oracle.py", ORACLE);
    for (name, kind) in [("plain", "select-v1-plus"), ("random", "select-topk-v3")] {
        project.file(
            &format!("{name}.yaml"),
            LOOP.replace("NAME", name).replace("KIND", kind),
        );
    }
    project.file("both.yaml", "pipelines: [plain.yaml, random.yaml]\nseeds: [0, 1]\n");
    project
}

fn text(project: &Project, path: &str) -> String {
    fs_err::read_to_string(project.path(path)).unwrap()
}

/// The data that the page's script draws.
fn data(page: &str) -> Value {
    let (_, rest) = page
        .split_once(r#"<script type="application/json" id="data">"#)
        .unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_page_has_the_verdict_and_what_lies_behind_and_a_manifest_makes_it_again() {
    let project = project();
    project.done("run both.yaml");
    let page = text(&project, "results/both/index.html");
    for id in [
        "verdict", "charts", "classes", "scores", "cloud", "gallery", "chosen", "rounds", "graph", "params", "origin",
    ] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    let data = data(&page);
    let groups: Vec<&str> = data["charts"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|group| group["id"].as_str())
        .collect();
    assert_eq!(
        groups,
        [
            "ap",
            "cost",
            "shares",
            "pseudo",
            "deploy",
            "pools",
            "time",
            "class_ap",
            "class_share",
            "other"
        ]
    );
    let shots = data["gallery"]["shots"].as_array().unwrap();
    let of = |strategy: &str, round: Value| {
        shots
            .iter()
            .filter(|shot| shot["strategy"] == strategy && shot["round"] == round && shot["seed"] == 1)
            .count()
    };
    assert_eq!(
        (of("plain", 1.into()), of("random", 2.into()), of("random", Value::Null)),
        (4, 4, 4),
        "the second seed has its pictures too"
    );
    assert_eq!(shots.len(), 48);
    let kinds = |kind: &str| {
        shots
            .iter()
            .filter_map(|shot| shot["marks"].as_array())
            .flatten()
            .filter(|mark| mark["kind"] == kind)
            .count()
    };
    for kind in ["accepted", "rejected", "human", "correct", "false", "missed"] {
        assert!(kinds(kind) > 0, "no box of the kind {kind}");
    }
    let picture = data["gallery"]["pictures"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap();
    assert!(
        picture["source"]
            .as_str()
            .unwrap()
            .starts_with("data:image/jpeg;base64,")
    );
    assert_eq!(data["boxes"]["cached"], 0);
    assert!(
        data["spans"].as_array().unwrap().len() > 20,
        "the time line has the stages of the run"
    );
    let report = text(&project, "results/both/report.md");
    for part in [
        "seeds",
        "## By hours of annotation",
        "## AP50 by class",
        "charts/ap50_over_hours.svg",
        "Preset sound: ",
        "## Scores without ground truth",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }

    // Said again, nothing is written: not even when all of it comes from the store.
    let before = fs_err::metadata(project.path("results/both/index.html"))
        .unwrap()
        .modified()
        .unwrap();
    project.done("run both.yaml");
    assert_eq!(
        fs_err::metadata(project.path("results/both/index.html"))
            .unwrap()
            .modified()
            .unwrap(),
        before
    );

    let answer = project.done("reproduce results/both --format json").json();
    assert_eq!(
        (&answer["agrees"], &answer["missing"]),
        (&true.into(), &Value::Array(Vec::new()))
    );
    assert!(answer["outputs"]["of"].as_u64().unwrap() > 60, "{answer}");
    let left: Vec<_> = fs_err::read_dir(project.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().contains("reproduce")),
        "{left:?}"
    );

    // A page of one of several pipelines is made again alone, and kept where it is told to be.
    let alone = project.done("reproduce results/random-seed-1 --store again");
    assert!(
        alone.stdout.starts_with("results/random-seed-1 agrees: "),
        "{}",
        alone.stdout
    );
    assert!(project.path("again").is_dir());
}

#[test]
fn a_result_that_does_not_agree_is_told_thing_by_thing_and_ends_with_1() {
    let project = project();
    project.done("run plain.yaml");
    let path = "results/plain/manifest.json";
    let mut manifest: Value = serde_json::from_str(&text(&project, path)).unwrap();
    manifest["stages"]["evaluate_initial"]["metrics"]["ap50"] = 0.125.into();
    let digest = manifest["stages"]["split"]["outputs"]["stats"].clone();
    manifest["stages"]["split"]["outputs"]["pool"] = digest;
    manifest["stages"]["gone"] = manifest["stages"]["split"].clone();
    project.file(path, manifest.to_string());
    let answer = project.run("reproduce results/plain --store .asm-pipe");
    assert_eq!(answer.code, 1);
    for told in ["evaluate_initial.ap50", "0.125", "split.pool", "not made here: gone"] {
        assert!(answer.stdout.contains(told), "{told}\n{}", answer.stdout);
    }
    assert!(
        answer.stderr.contains("1 outputs, 1 metrics and 1 stages differ"),
        "{}",
        answer.stderr
    );
    for (content, code) in [("{}", 3), ("[", 3)] {
        project.file(path, content);
        assert_eq!(project.run("reproduce results/plain").code, code, "{content}");
    }
    assert_eq!(project.run("reproduce nowhere").code, 3);
}

#[test]
fn results_on_the_same_data_are_put_side_by_side_and_those_on_others_are_ranked() {
    let project = project();
    project.done("run both.yaml");
    project.done("report --compare results/plain-seed-0 results/random-seed-0");
    let page = text(&project, "results/plain-seed-0-and-random-seed-0/index.html");
    let names = |page: &str| -> Vec<String> {
        let data = data(page);
        let strategies = data["charts"]["strategies"].as_array().unwrap().iter();
        strategies
            .map(|strategy| strategy["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&page), ["plain", "random"]);
    assert!(page.contains("One seed"), "one seed is said to be one");

    project.done("run both.yaml --results more -S seed=7");
    fs_err::rename(project.path("more/both"), project.path("more/seven")).unwrap();
    project.done("report --compare results/both more/seven");
    let page = text(&project, "results/both-and-seven/index.html");
    assert_eq!(
        names(&page),
        ["plain (both)", "random (both)", "plain (seven)", "random (seven)"]
    );

    for name in ["plain", "random"] {
        let kind = if name == "plain" {
            "select-v1-plus"
        } else {
            "select-topk-v3"
        };
        let other = LOOP
            .replace("NAME", name)
            .replace("KIND", kind)
            .replace("images: 24", "images: 25");
        project.file(&format!("{name}.yaml"), other);
    }
    project.done("run both.yaml --results other");
    project.done("report --compare results/both other/both");
    let page = text(&project, "results/results-both-and-other-both/index.html");
    assert!(
        page.contains("id=\"ranks\"") && page.contains("critical difference"),
        "two datasets are ranked"
    );
    assert!(page.contains("On results/both: ") && page.contains("On other/both: "));
    let folder = project.path("results/results-both-and-other-both");
    fs_err::write(folder.join("charts/old.svg"), "").unwrap();
    project.done("report --compare results/both other/both");
    for (chart, is_there) in [
        ("ap50_over_hours_results_both", true),
        ("ap50_over_hours_other_both", true),
        ("critical_difference", true),
        ("ap50_over_hours", false),
        ("old", false),
    ] {
        let found = folder.join(format!("charts/{chart}.svg")).exists();
        assert_eq!(
            found, is_there,
            "a picture for each dataset and none of before: {chart}"
        );
    }
    let report = text(&project, "results/results-both-and-other-both/report.md");
    assert!(
        report.contains("(charts/ap50_over_hours_other_both.svg)\n\nOn other/both: AP50"),
        "{report}"
    );
    assert_eq!(project.run("report --compare results/both nowhere").code, 3);
    assert_eq!(project.run("report --compare results/both").code, 2);
}
