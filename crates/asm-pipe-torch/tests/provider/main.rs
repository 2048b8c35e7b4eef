//! The program from outside: jobs in, messages and files out. Each job has a process of its own, for libtorch's threads and
//! random generator belong to the process.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, not what they call")]

mod bench;

use std::io::Write as _;
use std::process::{Command, Stdio};

use asm_pipe::artifact::read_detections;
use asm_pipe::detection::Dataset;
use asm_pipe::stage::protocol::{Description, Message};
use bench::{Bench, PROGRAM, exec, messages, start, start_saving};
use serde_json::json;

#[test]
fn describe_lists_the_kinds() {
    let output = Command::new(PROGRAM).arg("describe").output().unwrap();
    let description: Description = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(description.kinds.len(), 3);
    assert_eq!(
        Command::new(PROGRAM).arg("sing").output().unwrap().status.code(),
        Some(2)
    );
}

#[test]
fn a_model_is_trained_goes_on_from_another_and_detects() {
    let bench = Bench::new();
    bench.dataset("train", 6);
    let list = bench.dataset("list", 3);
    let (log, outcome) = exec(&bench.train("first", &[("dataset", "train")], &json!({"epochs": 10})));
    let outcome = outcome.unwrap();
    assert_eq!((outcome.metrics["epochs"], outcome.metrics["iterations"]), (10.0, 30.0));
    let last = log.iter().rev().find_map(|message| match message {
        Message::Progress(progress) => Some(progress),
        _ => None,
    });
    assert_eq!((last.unwrap().done, last.unwrap().total), (60, Some(60)));
    let files: Vec<String> = bench.bytes("first").into_keys().collect();
    assert_eq!(
        files,
        [
            "events.out.tfevents.0.asm-pipe",
            "history.csv",
            "model.json",
            "model.safetensors"
        ]
    );
    let history = String::from_utf8(bench.bytes("first")["history.csv"].clone()).unwrap();
    let losses: Vec<f64> = history
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(3).unwrap().parse().unwrap())
        .collect();
    assert!(losses.len() == 10 && losses[9] < losses[0] * 0.8, "{losses:?}");

    let inputs = [("dataset", "train"), ("model", "first")];
    exec(&bench.train("second", &inputs, &json!({"iterations": 1, "learning_rate": 0.0})))
        .1
        .unwrap();
    assert!(bench.bytes("second")["model.safetensors"] == bench.bytes("first")["model.safetensors"]);

    let (_, outcome) = exec(&bench.detect("found", &[("model", "first"), ("dataset", "list")]));
    assert_eq!(outcome.unwrap().metrics["images"], 3.0);
    let found = read_detections(&bench.path("found")).unwrap();
    let ids = |list: &Dataset| {
        list.images
            .iter()
            .map(|entry| entry.image.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found.images.iter().map(|entry| entry.image.clone()).collect::<Vec<_>>(),
        ids(&list)
    );
    for image in &found.images {
        assert!(image.detections.is_sorted_by(|a, b| a.score >= b.score));
    }

    bench.write(
        "none",
        Dataset {
            images: Vec::new(),
            ..list
        },
    );
    exec(&bench.detect("nothing", &[("model", "first"), ("dataset", "none")]))
        .1
        .unwrap();
    assert!(read_detections(&bench.path("nothing")).unwrap().images.is_empty());
}

#[test]
fn each_family_trains_with_values_of_its_own_and_detects() {
    let bench = Bench::new();
    bench.dataset("train", 4);
    let families = [
        (
            "retinanet_resnet50_fpn",
            json!({"topk_candidates": 50, "box_bg_iou_thresh": 0.3, "fpn_channels": 32}),
        ),
        (
            "mobile",
            json!({"rpn_post_nms_top_n_train": 20, "rpn_pre_nms_top_n_test": 30, "head_width": 32}),
        ),
    ];
    for (architecture, network) in families {
        let params = json!({
            "architecture": architecture, "network": network, "iterations": 1, "batch_size": 4, "learning_rate": 1e-4,
        });
        exec(&bench.train(architecture, &[("dataset", "train")], &params))
            .1
            .unwrap();
        let text = String::from_utf8(bench.bytes(architecture)["model.json"].clone()).unwrap();
        let model: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (name, value) in network.as_object().unwrap() {
            assert_eq!(&model["detector"][name], value, "{name}");
        }
        let found = format!("found-{architecture}");
        let inputs = [("model", architecture), ("dataset", "train")];
        exec(&bench.detect(&found, &inputs)).1.unwrap();
        assert_eq!(read_detections(&bench.path(&found)).unwrap().images.len(), 4);
    }
}

#[test]
fn another_detectors_weights_replace_all_but_the_predictor_and_the_log_says_so() {
    let bench = Bench::new();
    let list = bench.dataset("train", 4);
    exec(&bench.train("first", &[("dataset", "train")], &json!({"epochs": 1})))
        .1
        .unwrap();
    let mut more = list;
    more.classes.push("grey".into());
    bench.write("more", more);
    let weights = bench.path("first").join("model.safetensors");
    let params = json!({"weights": weights, "iterations": 1, "learning_rate": 0.0});
    let (log, outcome) = exec(&bench.train("second", &[("dataset", "more")], &params));
    outcome.unwrap();
    assert!(
        log.iter().any(|message| is_log(
            message,
            "the predictor begins anew, the file's is for other classes: roi_heads.box_predictor"
        )),
        "{log:?}"
    );
}

#[test]
fn what_is_found_in_an_image_does_not_depend_on_the_others() {
    let bench = Bench::new();
    let list = bench.dataset("list", 4);
    exec(&bench.train("model", &[("dataset", "list")], &json!({"epochs": 6})))
        .1
        .unwrap();
    exec(&bench.detect("all", &[("model", "model"), ("dataset", "list")]))
        .1
        .unwrap();
    let all = read_detections(&bench.path("all")).unwrap();
    for at in 0..4 {
        let one = Dataset {
            classes: list.classes.clone(),
            images: vec![list.images[at].clone()],
        };
        bench.write("one", one);
        let job = bench.detect(&format!("alone{at}"), &[("model", "model"), ("dataset", "one")]);
        exec(&job).1.unwrap();
        assert_eq!(
            read_detections(&bench.path(&format!("alone{at}"))).unwrap().images,
            all.images[at..=at]
        );
    }
}

#[test]
fn the_same_training_gives_the_same_bytes_on_two_threads() {
    let bench = Bench::new();
    bench.dataset("train", 5);
    bench.dataset("validation", 3);
    let inputs = [("dataset", "train"), ("validation", "validation")];
    for name in ["a", "b"] {
        exec(&bench.train(name, &inputs, &json!({"epochs": 3}))).1.unwrap();
    }
    assert!(bench.bytes("a") == bench.bytes("b"));
    exec(&bench.train("c", &inputs, &json!({"epochs": 3, "seed": 1})))
        .1
        .unwrap();
    assert!(bench.bytes("a")["model.safetensors"] != bench.bytes("c")["model.safetensors"]);
}

#[test]
fn a_training_that_was_killed_goes_on_to_the_same_bytes() {
    let bench = Bench::new();
    bench.dataset("train", 5);
    bench.dataset("validation", 2);
    let inputs = [("dataset", "train"), ("validation", "validation")];
    exec(&bench.train("whole", &inputs, &json!({}))).1.unwrap();

    let job = bench.train("cut", &inputs, &json!({}));
    let mut child = start(&job);
    let second = messages(&mut child).find(|message| is_log(message, "epoch 2:"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(second.is_some() && !bench.path("cut").exists());
    let (log, outcome) = exec(&job);
    assert!(
        log.iter().any(|message| is_log(message, "goes on after epoch")),
        "{log:?}"
    );
    assert_eq!(outcome.unwrap().metrics["epochs"], 4.0);
    assert!(bench.bytes("cut") == bench.bytes("whole"));
    assert_eq!(fs_err::read_dir(bench.path("keep-cut")).unwrap().count(), 0);
}

/// Cuts a training off again and again, wherever it is when so many images are done, with a checkpoint after every step.
#[test]
fn a_training_cut_in_the_midst_of_epochs_ends_with_the_same_bytes() {
    let bench = Bench::new();
    bench.dataset("train", 9);
    bench.dataset("validation", 2);
    let inputs = [("dataset", "train"), ("validation", "validation")];
    let cases = [
        ("sgd", json!({"momentum": 0.9, "nesterov": true, "epochs": 3})),
        (
            "adamw",
            json!({
                "optimizer": "adamw", "learning_rate": 0.001, "schedule": "one-cycle", "average": {"decay": 0.9}, "accumulate": 2,
                "balance": "inverse-frequency", "crop": {}, "scale_jitter": {}, "epochs": 6, "keep": "last"
            }),
        ),
        // The running statistics are part of what a training is at.
        (
            "live",
            json!({"architecture": "mobile", "network": {"head_width": 32}, "epochs": 3}),
        ),
    ];
    for (name, params) in cases {
        let whole = format!("whole-{name}");
        exec(&bench.train(&whole, &inputs, &params)).1.unwrap();
        let job = bench.train(name, &inputs, &params);
        let mut within = 0;
        for images in [3, 11, 17, 22] {
            let mut child = start_saving(&job);
            for message in messages(&mut child) {
                within += usize::from(matches!(&message, Message::Log { line } if line.contains("steps of the next")));
                if matches!(&message, Message::Progress(progress) if progress.done >= images) {
                    break;
                }
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(within > 0, "{name} never went on within an epoch");
        exec(&job).1.unwrap();
        assert!(bench.bytes(name) == bench.bytes(&whole), "{name}");
    }
}

fn is_log(message: &Message, start: &str) -> bool {
    matches!(message, Message::Log { line } if line.starts_with(start))
}

#[test]
fn validation_chooses_the_epoch_and_stops_what_stands_still() {
    let bench = Bench::new();
    bench.dataset("train", 4);
    bench.dataset("validation", 2);
    let inputs = [("dataset", "train"), ("validation", "validation")];
    let rule = json!({"early_stop": {"window": 2, "shift_below": 1.0}, "learning_rate": 0.0});
    let outcome = exec(&bench.train("still", &inputs, &rule)).1.unwrap();
    assert_eq!((outcome.metrics["epochs"], outcome.metrics["best_epoch"]), (2.0, 1.0));
    assert!(outcome.notes[0].contains("stands still"), "{:?}", outcome.notes);
    let error = exec(&bench.train("blind", &inputs[..1], &rule)).1.unwrap_err();
    assert!(error.message.contains("validation"), "{error}");
}

#[test]
fn inputs_that_make_no_sense_are_told() {
    let bench = Bench::new();
    let good = bench.dataset("train", 3);
    exec(&bench.train("model", &[("dataset", "train")], &json!({"epochs": 1})))
        .1
        .unwrap();
    bench.write(
        "empty",
        Dataset {
            images: Vec::new(),
            ..good.clone()
        },
    );
    bench.write(
        "renamed",
        Dataset {
            classes: vec!["bright".into(), "pale".into()],
            ..good.clone()
        },
    );
    let mut lost = good;
    lost.images[1].image.file = "lost.png".into();
    bench.write("lost", lost);
    let text = bench.path("text.pth");
    fs_err::write(&text, "no weights").unwrap();
    let cases = [
        (vec![("dataset", "empty")], json!({}), "no images"),
        (vec![("dataset", "lost")], json!({}), "lost.png"),
        (
            vec![("dataset", "renamed"), ("model", "model")],
            json!({}),
            "[bright, pale]",
        ),
        (
            vec![("dataset", "train"), ("model", "model")],
            json!({"architecture": "efficientnet_lite0"}),
            "architecture",
        ),
        (
            vec![("dataset", "train")],
            json!({"weights": "/nowhere/w.pth"}),
            "/nowhere/w.pth",
        ),
        (vec![("dataset", "train")], json!({"weights": text}), "text.pth"),
        (vec![("dataset", "train")], json!({"device": "cuda:7"}), "cuda:7"),
        (vec![("dataset", "train")], json!({"momentum": 2.0}), "`momentum`"),
        (vec![("dataset", "train")], json!({"schedule": "step"}), "step_epochs"),
        (
            vec![("dataset", "train")],
            json!({"scale_jitter": {"least": 2.0, "most": 1.0}}),
            "`scale_jitter`",
        ),
        (vec![("dataset", "train")], json!({"epoch": 2}), "epoch"),
        (
            vec![("dataset", "train")],
            json!({"learning_rate": 1e18, "warm_up_iterations": 0, "clip_norm": null, "epochs": 8}),
            "not a finite number",
        ),
    ];
    for (at, (inputs, params, part)) in cases.iter().enumerate() {
        let error = exec(&bench.train(&format!("case{at}"), inputs, params)).1.unwrap_err();
        let text = format!("{} {}", error.message, error.hints.join(" "));
        assert!(text.contains(part), "{part}: {text}");
        assert!(!bench.path(&format!("case{at}")).exists());
    }
}

#[test]
fn a_worker_does_job_after_job_and_goes_when_its_input_ends() {
    let bench = Bench::new();
    bench.dataset("train", 3);
    let mut child = Command::new(PROGRAM)
        .arg("work")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut messages = messages(&mut child);
    let mut end = |message: &Message| matches!(message, Message::Done(_) | Message::Failed(_));
    writeln!(input, "{}", bench.path("nothing-here").display()).unwrap();
    assert!(matches!(messages.find(&mut end), Some(Message::Failed(_))));
    let job = bench.train("model", &[("dataset", "train")], &json!({"epochs": 1}));
    writeln!(input, "{}", job.display()).unwrap();
    assert!(matches!(messages.find(&mut end), Some(Message::Done(_))));

    let long = bench.train("long", &[("dataset", "train")], &json!({"epochs": 100_000}));
    writeln!(input, "{}", long.display()).unwrap();
    assert!(matches!(
        messages.next(),
        Some(Message::Progress(_) | Message::Log { .. })
    ));
    drop(input);
    let end = child.wait().unwrap();
    assert!(end.success(), "{end}");
}
