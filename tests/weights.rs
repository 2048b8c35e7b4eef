//! `weights` and `detect` from outside. What detects needs `asm-pipe-torch` beside the program.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};

use crate::support::Project;

/// A small network's state dict, saved by torch 2.13 in both of its formats.
fn golden(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/weights")
        .join(name);
    path.display().to_string()
}

#[test]
fn both_formats_of_torch_are_shown_by_name_shape_and_type() {
    let project = Project::new();
    for (file, format) in [
        ("zip.pth", "torch pickle (zip)"),
        ("legacy.pth", "torch pickle (legacy)"),
    ] {
        let answer = project.done(&format!("weights show {}", golden(file)));
        let lines: Vec<Vec<&str>> = answer
            .stdout
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert!(
            lines.contains(&vec!["conv1.weight", "F32", "2x1x3x3"]),
            "{}",
            answer.stdout
        );
        assert!(
            lines.contains(&vec!["bn1.num_batches_tracked", "I64", "-"]),
            "{}",
            answer.stdout
        );
        assert!(lines.contains(&vec!["half", "F16", "2"]), "{}", answer.stdout);
        let last = answer.stdout.lines().last().unwrap();
        assert_eq!(last, format!("10 arrays, 43 numbers, 172 B, from {format}"));
        let json = project
            .done(&format!("weights show {} --format json", golden(file)))
            .json();
        assert_eq!(json["totals"]["numbers"], 43);
        assert_eq!(json["arrays"].as_array().unwrap().len(), 10);
    }
}

#[test]
fn a_converted_file_holds_the_same_arrays_and_nothing_is_overwritten_unasked() {
    let project = Project::new();
    let show = |file: &str| project.done(&format!("weights show {file} --format json")).json();
    let mut bytes = Vec::new();
    for file in ["zip.pth", "legacy.pth"] {
        project.done(&format!("weights convert {} w.safetensors --force", golden(file)));
        let (before, after) = (show(&golden(file)), show("w.safetensors"));
        assert_eq!(after["format"], "safetensors");
        assert_eq!(before["arrays"], after["arrays"]);
        bytes.push(fs_err::read(project.path("w.safetensors")).unwrap());
    }
    assert!(bytes[0] == bytes[1], "both formats hold the same numbers");
    let again = project.run(&format!("weights convert {} w.safetensors", golden("zip.pth")));
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
}

#[test]
fn files_that_are_no_weights_are_refused_with_their_name() {
    let project = Project::new();
    project.file("notes.pth", "hello");
    let mut cut = fs_err::read(golden("zip.pth")).unwrap();
    cut.truncate(cut.len() / 2);
    project.file("cut.pth", cut);
    for (file, part) in [
        ("notes.pth", "neither"),
        ("cut.pth", "damaged"),
        ("none.pth", "no file"),
    ] {
        let answer = project.run(&format!("weights show {file}"));
        assert_eq!(answer.code, 3, "{}", answer.stderr);
        assert!(
            answer.stderr.contains(file) && answer.stderr.contains(part),
            "{}",
            answer.stderr
        );
    }
}

fn picture(project: &Project, name: &str) {
    let path = project.path(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(96, 72, Rgb([90, 120, 60])).save(path).unwrap();
}

#[test]
fn what_cannot_be_detected_in_is_told_before_anything_starts() {
    let project = Project::new();
    picture(&project, "good.png");
    let whole = fs_err::read(project.path("good.png")).unwrap();
    project.file("cut.png", &whole[..whole.len() / 2]);
    project.file("text.jpg", "no image");
    fs_err::create_dir(project.path("empty")).unwrap();
    let answer = project.run("detect good.png cut.png text.jpg empty none.png --model .");
    assert_eq!(answer.code, 3);
    assert!(answer.stderr.contains("4 images cannot be used"), "{}", answer.stderr);
    for part in ["cut.png", "text.jpg", "empty: no JPEG or PNG", "none.png"] {
        assert!(answer.stderr.contains(part), "{part}: {}", answer.stderr);
    }
    let answer = project.run("detect good.png --model empty");
    assert_eq!(answer.code, 3);
    assert!(
        answer.stderr.contains("empty is no model: it has no `model.json`"),
        "{}",
        answer.stderr
    );
    assert_eq!(project.run("detect good.png").code, 2);
    assert_eq!(project.run("detect good.png --model empty --score 2").code, 2);
    project.file("full/file", "x");
    assert_eq!(project.run("detect good.png --model empty --out full").code, 2);
    assert!(!project.path(".asm-pipe").exists());
}

#[test]
fn a_trained_model_lists_and_draws_what_it_finds() {
    let project = Project::new();
    let pipeline = "pipelines/topk_v3.yaml --profile quick";
    project.done(&format!("run {pipeline} --target initial --quiet"));
    project.done("data shapes scenes --train 3 --test 1");
    project.done(&format!("get {pipeline} initial.model model"));

    let command = "scenes/JPEGImages --score 0.02 --format json";
    let found = project
        .done(&format!("detect {command} --model model --out drawn"))
        .json();
    let images = found["images"].as_array().unwrap();
    assert_eq!(images.len(), 4);
    let boxes: usize = images
        .iter()
        .map(|image| image["boxes"].as_array().unwrap().len())
        .sum();
    assert!(boxes > 0, "{found}");
    for image in images {
        let (file, drawn) = (image["file"].as_str().unwrap(), image["drawn"].as_str().unwrap());
        let (before, after) = (
            image::open(project.path(file)).unwrap(),
            image::open(project.path(drawn)).unwrap(),
        );
        assert_eq!((before.width(), before.height()), (after.width(), after.height()));
        for found in image["boxes"].as_array().unwrap() {
            assert!(found["score"].as_f64().unwrap() > 0.02);
            assert!(found["class"].is_string() && found["box"].as_array().unwrap().len() == 4);
        }
    }

    let stored = project
        .done(
            &format!("detect {command} --pipeline PIPELINE --stage initial --profile quick").replace(
                "PIPELINE",
                &Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("pipelines/topk_v3.yaml")
                    .display()
                    .to_string(),
            ),
        )
        .json();
    for (stored, given) in stored["images"].as_array().unwrap().iter().zip(images) {
        assert_eq!(stored["boxes"], given["boxes"]);
    }

    let file = images[0]["file"].as_str().unwrap();
    let text = project.done(&format!("detect {file} --model model --score 1")).stdout;
    assert!(text.contains("nothing found"), "{text}");
    project.file("model/model.json", "{}");
    let broken = project.run(&format!("detect {file} --model model"));
    assert_eq!(broken.code, 1);
    assert!(broken.stderr.contains("model.json"), "{}", broken.stderr);
}
