//! The network against torchvision's answers, under weights that follow from the parameters' names.
//!
//! `tests/golden/*.safetensors` hold what torchvision 0.28 computed. Frozen parts, sizes and thresholds are theirs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use asm_pipe::random::Stream;
use tch::{Device, Kind, Tensor, nn};

use crate::boxes;
use crate::config::{Architecture, DetectorConfig};
use crate::faster_rcnn::{FasterRcnn, Target};
use crate::rpn::Mode;

/// FNV-1a of the name, then SplitMix64 from there: numbers in `[-1, 1)`.
fn uniform(name: &str, count: usize) -> Vec<f64> {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    (1..=count as u64)
        .map(|number| {
            let mut z = hash.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            (z >> 40) as f64 / f64::from(1 << 24) * 2.0 - 1.0
        })
        .collect()
}

/// Fills every variable by its name and its role.
fn fill(store: &nn::VarStore) {
    for (name, mut tensor) in store.variables() {
        let shape = tensor.size();
        let leaf = name.rsplit('.').next().unwrap();
        let gain = if name.ends_with("cls_score.weight") || name.ends_with("cls_logits.weight") {
            8.0
        } else if name.ends_with("bbox_pred.weight") {
            0.5
        } else {
            1.0
        };
        let fan_in = shape[1..].iter().product::<i64>() as f64;
        let values: Vec<f32> = uniform(&name, tensor.numel())
            .into_iter()
            .map(|u| match leaf {
                _ if shape.len() >= 2 => u * gain * (3.0 / fan_in).sqrt(),
                "weight" => 0.75 + 0.25 * u,
                "running_var" => 1.0 + 0.25 * u,
                _ => 0.05 * u,
            } as f32)
            .collect();
        tch::no_grad(|| tensor.copy_(&Tensor::from_slice(&values).view(shape.as_slice())));
    }
}

fn golden(name: &str) -> BTreeMap<String, Tensor> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.safetensors"));
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

/// At most 512 values, evenly taken.
fn sample(tensor: &Tensor) -> Tensor {
    let flat = tensor.detach().contiguous().view([-1]);
    let step = (flat.numel() as i64 + 511) / 512;
    flat.slice(0, None, None, step.max(1))
}

/// Holds two tensors to 1e-3 of the larger one's greatest value.
fn assert_close(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let expected = expected.to_kind(Kind::Float);
    if expected.numel() == 0 {
        return;
    }
    let difference = (found.to_kind(Kind::Float) - &expected).abs().max().double_value(&[]);
    let size = expected.abs().max().double_value(&[]);
    assert!(
        difference <= 1e-3 * size.max(1e-6),
        "{what}: off by {difference} where values reach {size}"
    );
}

/// Holds rows `[N, D]` to 1e-3 of the greatest value. Rows of nearly the same score may have changed places: each expected
/// one must be found within two places of its own.
fn assert_same_rows(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let tolerance = 1e-3 * expected.abs().max().double_value(&[]);
    let count = expected.size()[0];
    for place in 0..count {
        let from = (place - 2).max(0);
        let near = found.narrow(0, from, (place + 3).min(count) - from);
        let differences = (near - expected.get(place)).abs().amax([1], false);
        let least = differences.min().double_value(&[]);
        assert!(least <= tolerance, "{what}, row {place}: off by {least}");
    }
}

/// Detections as rows: box, label, and score stretched to the range of pixels.
fn detection_rows(boxes: &Tensor, labels: &Tensor, scores: &Tensor) -> Tensor {
    let column = |tensor: &Tensor| tensor.view([-1, 1]).to_kind(Kind::Float);
    Tensor::cat(&[boxes.shallow_clone(), column(labels), column(scores) * 200.0], 1)
}

fn answers_as_torchvision(architecture: Architecture, name: &str) {
    let golden = golden(name);
    // The second file leaves out what the first one has.
    let images = self::golden("fasterrcnn_resnet50_fpn");
    let config = DetectorConfig {
        min_size: 160,
        max_size: 224,
        rpn_batch_size_per_image: 10_000_000,
        box_batch_size_per_image: 1_000_000,
        ..DetectorConfig::new(architecture, 21)
    };
    let store = nn::VarStore::new(Device::Cpu);
    let network = FasterRcnn::new(&store.root(), &config).unwrap();
    fill(&store);
    let trainable: usize = store.trainable_variables().iter().map(Tensor::numel).sum();
    assert_eq!(trainable as i64, golden["trainable"].int64_value(&[0]));

    let images: Vec<Tensor> = (0..2)
        .map(|number| images[&format!("image.{number}")].shallow_clone())
        .collect();
    tch::no_grad(|| {
        let batch = network.transform.batch(&images, Device::Cpu).unwrap();
        if let Some(expected) = golden.get("batch") {
            assert_close("batch", &batch.tensor, expected);
        }
        let sizes: Vec<i64> = batch.sizes.iter().flat_map(|size| [size.0, size.1]).collect();
        assert_eq!(sizes, boxes::integers(&golden["batch.image_sizes"]).unwrap());
        let levels = network.features(&batch.tensor).unwrap();
        let head = network.rpn.head(&levels).unwrap();
        for (level, (feature, (objectness, offsets))) in levels.iter().zip(&head).enumerate() {
            for (what, tensor) in [("feature", feature), ("objectness", objectness), ("rpn_delta", offsets)] {
                let shape = boxes::integers(&golden[&format!("{what}.{level}.shape")]).unwrap();
                assert_eq!(tensor.size(), shape, "{what} {level}");
                assert_close(
                    &format!("{what} {level}"),
                    &sample(tensor),
                    &golden[&format!("{what}.{level}.sample")],
                );
            }
        }
        let found = network.rpn.predict(&levels, batch.padded().unwrap()).unwrap();
        let proposals = network.rpn.proposals(&found, &batch.sizes, Mode::Detection).unwrap();
        for (image, proposals) in proposals.iter().enumerate() {
            let expected = &golden[&format!("proposals.{image}")];
            let first = &proposals[..proposals.len().min(200)];
            assert_same_rows(
                &format!("proposals {image}"),
                &boxes::tensor(first, Device::Cpu).unwrap(),
                expected,
            );
        }
        for (image, found) in network.detect(&images).unwrap().iter().enumerate() {
            let expected = |what: &str| &golden[&format!("detections.{image}.{what}")];
            assert_same_rows(
                &format!("detections {image}"),
                &detection_rows(&found.boxes, &found.labels, &found.scores),
                &detection_rows(expected("boxes"), expected("labels"), expected("scores")),
            );
        }
    });

    let targets: Vec<Target> = (0..2)
        .map(|image| Target {
            boxes: golden[&format!("target.{image}.boxes")].shallow_clone(),
            labels: golden[&format!("target.{image}.labels")].shallow_clone(),
            weights: Vec::new(),
        })
        .collect();
    let losses = network
        .losses(&images, &targets, &mut Stream::new(0, "test", &[]))
        .unwrap();
    for (what, value) in losses.parts() {
        let expected = golden[&format!("loss.{what}")].double_value(&[0]);
        assert!(
            (value - expected).abs() <= 1e-3 * expected,
            "{what}: {value} for {expected}"
        );
    }
    losses.total().backward();
    let variables = store.variables();
    let mut gradients = 0;
    for (key, expected) in &golden {
        let Some(key) = key.strip_prefix("grad.") else { continue };
        if let Some(name) = key.strip_suffix(".sample") {
            assert_close(key, &sample(&variables[name].grad()), expected);
        } else if let Some(name) = key.strip_suffix(".norm") {
            assert_close(key, &variables[name].grad().norm().view([1]), expected);
        }
        gradients += 1;
    }
    assert!(gradients >= 8, "{gradients}");
}

#[test]
fn resnet50_fpn_answers_as_torchvision() {
    answers_as_torchvision(Architecture::FasterrcnnResnet50Fpn, "fasterrcnn_resnet50_fpn");
}

#[test]
fn mobilenet_v3_large_320_fpn_answers_as_torchvision() {
    answers_as_torchvision(
        Architecture::FasterrcnnMobilenetV3Large320Fpn,
        "fasterrcnn_mobilenet_v3_large_320_fpn",
    );
}
