//! Datasets from outside: formats in and out, what is wrong with them, and how they look.

use crate::support::{Project, digests, ends};

#[test]
fn a_dataset_is_the_same_whichever_format_it_went_through() {
    let project = Project::new();
    project.done("data shapes voc --train 6 --test 2");
    project.done("data export voc coco --set trainval --to coco --as train");
    project.done("data export coco/annotations/instances_train.json again --to voc --as trainval");
    project.done("data export voc yolo --set trainval --to yolo --as train");
    project.done("data export yolo plain --to voc --as trainval");
    project.file(
        "read.yaml",
        "stages:
  voc: {uses: parse-voc, with: {roots: voc}}
  coco: {uses: parse-coco, with: {annotations: coco/annotations/instances_train.json, images: coco/train}}
  again: {uses: parse-voc, with: {roots: again}}
  yolo: {uses: parse-yolo, with: {root: yolo}}
  plain: {uses: parse-voc, with: {roots: plain}}
  export: {uses: export-dataset, in: {dataset: yolo.dataset, images: yolo.images}, with: {format: yolo}}
",
    );
    let made = digests(&project.done("run read.yaml --format json").events());
    assert_eq!(made["voc.dataset"], made["coco.dataset"]);
    assert_eq!(made["voc.dataset"], made["again.dataset"]);
    assert_eq!(made["voc.images"], made["yolo.images"]);
    let bytes = |file: &str| fs_err::read(project.path(file)).unwrap();
    project.done("get read.yaml export.folder out");
    assert_eq!(bytes("out/data.yaml"), bytes("yolo/data.yaml"));
    let names = fs_err::read_dir(project.path("voc/Annotations")).unwrap();
    for name in names.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let file = |folder: &str| format!("{folder}/Annotations/{name}");
        if project.path(&file("again")).exists() {
            let text = |folder| {
                String::from_utf8(bytes(&file(folder)))
                    .unwrap()
                    .replace(&format!("<folder>{folder}<"), "<folder><")
            };
            assert_eq!(text("voc"), text("again"));
        }
    }
}

#[test]
fn an_export_says_what_it_leaves_out_and_writes_nothing_over() {
    let project = Project::new();
    project.done("data shapes voc --train 12 --test 2");
    let told = project
        .done("data export voc yolo --set trainval --to yolo --format json")
        .json();
    assert!(told["left_out"]["difficult flag"].as_u64().unwrap() > 0, "{told}");
    assert_eq!((&told["set"], &told["images"]), (&"trainval".into(), &12.into()));
    let text = project.done("data export voc yolo --set test --to yolo").stdout;
    assert!(text.starts_with("yolo: set `test`, 2 images"), "{text}");
    for (arguments, code, part) in [
        (
            "data export voc yolo --set test --to yolo",
            2,
            "the set `test` is there already",
        ),
        ("data export voc voc --set test --to coco", 2, "it is no coco dataset"),
        ("data export nowhere out --to coco", 3, "there is nothing"),
        ("data export yolo/labels out --to coco", 3, "neither VOC"),
        ("data export voc out --to mnist", 2, "mnist"),
        ("data export voc out --set vla --to coco", 3, "there are test, trainval"),
    ] {
        let answer = project.run(arguments);
        assert_eq!(answer.code, code, "{arguments}\n{}", answer.stderr);
        assert!(answer.stderr.contains(part), "{arguments}\n{}", answer.stderr);
    }
}

#[test]
fn what_a_stage_has_written_is_a_dataset_too() {
    let project = Project::new();
    project.done("exec shapes --set images=4 --out drawn");
    project.done("data export drawn/dataset coco --to coco");
    let health = project.done("data health drawn/dataset --format json").json();
    assert_eq!(
        (&health["format"], &health["found"]["images"]),
        (&"dataset".into(), &4.into())
    );
    fs_err::rename(project.path("drawn/images"), project.path("elsewhere")).unwrap();
    let answer = project.run("data health drawn/dataset");
    assert_eq!(answer.code, 3);
    assert!(answer.stderr.contains("--images DIR"), "{}", answer.stderr);
    project.done("data health drawn/dataset --images elsewhere");
}

#[test]
fn health_ends_with_one_only_if_there_are_faults() {
    let project = Project::new();
    project.done("data shapes voc --train 4 --test 1");
    project.done("data export voc yolo --to yolo");
    let answer = project.done("data health yolo");
    assert!(answer.stdout.contains("no faults"), "{}", answer.stdout);
    let labels = fs_err::read_dir(project.path("yolo/labels/train")).unwrap();
    let name = labels
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .min()
        .unwrap();
    project.file(
        &format!("yolo/labels/train/{name}"),
        "0 0.9 0.5 0.5 0.5\n17 0.5 0.5 0.1 0.1\n",
    );
    let answer = project.run("data health yolo");
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(
        answer
            .stdout
            .contains(&format!("labels/train/{name}:2:1: class `17` is not in the list")),
        "{}",
        answer.stdout
    );
    let answer = project.run("data health yolo --format json");
    assert_eq!((answer.code, &answer.json()["good"]), (1, &false.into()));
    assert_eq!(answer.json()["found"]["counts"]["box-outside"], 1);
}

#[test]
fn a_page_of_images_holds_all_it_needs_and_draws_the_same_again() {
    let project = Project::new();
    project.done("data shapes voc --train 8 --test 1");
    let read = |name: &str| fs_err::read_to_string(project.path(name)).unwrap();
    project.done("data view voc --out a.html --limit 3 --seed 5");
    project.done("data view voc --out b.html --limit 3 --seed 5");
    project.done("data view voc --out c.html --limit 3 --seed 6");
    assert_eq!(read("a.html"), read("b.html"));
    assert_ne!(read("a.html"), read("c.html"));
    assert_eq!(read("a.html").matches("<figure").count(), 3);
    assert_eq!(read("a.html").matches("data:image/jpeg;base64,").count(), 3);
    assert!(!read("a.html").contains("http"));
}

#[test]
fn a_faulty_coco_or_yolo_folder_is_told_with_its_line_or_skipped() {
    let project = Project::new();
    project.done("data shapes voc --train 3 --test 1");
    project.done("data export voc coco --to coco");
    let file = project.path("coco/annotations/instances_train.json");
    let text = fs_err::read_to_string(&file)
        .unwrap()
        .replacen("\"bbox\":[", "\n\"bbox\":[9999.0,", 1);
    fs_err::write(&file, text).unwrap();
    let read = |more: &str| {
        format!(
            "stages: {{read: {{uses: parse-coco, with: {{annotations: coco/annotations/instances_train.json, images: coco/train{more}}}}}}}"
        )
    };
    project.file("coco.yaml", read(""));
    let answer = project.run("run coco.yaml");
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("instances_train.json:1:"), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("not x, y, width and height") && answer.stderr.contains("on_error: skip"),
        "{}",
        answer.stderr
    );
    project.file("skip.yaml", read(", on_error: skip"));
    let answer = project.done("run skip.yaml");
    assert!(
        answer.stderr.contains("skipped 1 images and 0 boxes: key-value 1"),
        "{}",
        answer.stderr
    );
    let again = project.done("run skip.yaml --format json").events();
    assert_eq!(ends(&again)["read"], "cached");
}

#[test]
fn score_writes_curves_and_confusion_and_takes_other_rules() {
    let project = Project::new();
    project.file(
        "truth.json",
        r#"{"images": [{"id": 1}], "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "plate"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 20]},
                            {"id": 2, "image_id": 1, "category_id": 2, "bbox": [50, 5, 20, 20], "difficult": 1}]}"#,
    );
    project.file(
        "found.json",
        r#"[{"image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 20], "score": 0.9},
            {"image_id": 1, "category_id": 1, "bbox": [50, 5, 20, 20], "score": 0.8}]"#,
    );
    let score = "score --ground-truth truth.json --detections found.json";
    let text = project
        .done(&format!(
            "{score} --protocol voc10 --rule difficult=count --out figures"
        ))
        .stdout;
    for part in [
        "class (voc10 difficult=count)",
        "precision at recall (voc10 difficult=count, IoU 0.5)",
        "there / reported (voc10 difficult=count",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for file in [
        "per_class.csv",
        "curves.parquet",
        "confusion.csv",
        "precision_recall.svg",
        "confusion.png",
    ] {
        assert!(project.path("figures").join(file).is_file(), "{file}");
    }
    let answer = project
        .done(&format!(
            "{score} --protocol voc10 --rule difficult=count --format json"
        ))
        .json();
    assert_eq!(answer["rules"], "voc10 difficult=count");
    assert_eq!(
        answer["confusion"]["counts"],
        serde_json::json!([[1, 0, 0], [1, 0, 0], [0, 0, 0]])
    );
    let answer = project.run(&format!("{score} --rule difficlt=count"));
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("there are cap, difficult"), "{}", answer.stderr);
}
