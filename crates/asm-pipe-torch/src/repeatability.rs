//! That a training step has the same bits each time: digests of trained models depend on it.

use asm_pipe::random::Stream;
use tch::{Device, Kind, Tensor, nn};

use crate::boxes;
use crate::config::{Architecture, DetectorConfig, Precision};
use crate::detector::Detector;
use crate::faster_rcnn::Target;
use crate::parity::named_weights::fill;

/// Images of noise with a few objects each, more than one thread's share of work; always the same.
fn batch(count: usize, height: i64, width: i64, classes: i64) -> (Vec<Tensor>, Vec<Target>) {
    let mut stream = Stream::new(0, "test/objects", &[]);
    let images = (0..count)
        .map(|_| {
            let pixels: Vec<f32> = (0..3 * height * width)
                .map(|_| stream.uniform(0.0, 1.0) as f32)
                .collect();
            Tensor::from_slice(&pixels).view([3, height, width])
        })
        .collect();
    let targets = (0..count)
        .map(|_| {
            let rows: Vec<boxes::Row> = (0..8)
                .map(|_| {
                    let (x, y) = (
                        stream.uniform(0.0, width as f64 * 0.7),
                        stream.uniform(0.0, height as f64 * 0.7),
                    );
                    let (w, h) = (
                        stream.uniform(10.0, width as f64 * 0.3),
                        stream.uniform(10.0, height as f64 * 0.3),
                    );
                    [x, y, x + w, y + h].map(|edge| edge as f32)
                })
                .collect();
            let labels: Vec<i64> = rows.iter().map(|_| 1 + stream.below(classes as usize) as i64).collect();
            Target {
                boxes: boxes::tensor(&rows, Device::Cpu).unwrap(),
                labels: Tensor::from_slice(&labels),
                weights: Vec::new(),
            }
        })
        .collect();
    (images, targets)
}

/// The bits of the losses and of all gradients, by name.
fn step(network: &Detector, store: &nn::VarStore, images: &[Tensor], targets: &[Target]) -> Vec<(String, Vec<u32>)> {
    let losses = network
        .losses(images, targets, &mut Stream::new(7, "test/sampler", &[]))
        .unwrap();
    let mut bits: Vec<(String, Vec<u32>)> = losses
        .parts()
        .iter()
        .map(|(name, value)| ((*name).to_owned(), vec![(*value as f32).to_bits()]))
        .collect();
    losses.total().backward();
    for (name, variable) in store.variables() {
        let mut gradient = variable.grad();
        if gradient.defined() {
            let values = boxes::numbers(&gradient).unwrap();
            bits.push((name, values.into_iter().map(f32::to_bits).collect()));
            let _ = gradient.zero_();
        }
    }
    bits.sort();
    bits
}

fn config(architecture: Architecture, size: (i64, i64)) -> DetectorConfig {
    DetectorConfig {
        min_size: size.0,
        max_size: size.1,
        box_batch_size_per_image: 64,
        ..DetectorConfig::new(architecture, 4)
    }
}

fn repeats_to_the_bit(config: &DetectorConfig) {
    tch::manual_seed(0);
    tch::set_num_threads(2);
    let store = nn::VarStore::new(Device::Cpu);
    let network = Detector::new(&store.root(), config).unwrap();
    let (images, targets) = batch(4, config.min_size, config.max_size, 3);
    let first = step(&network, &store, &images, &targets);
    assert_eq!(first.len(), 4 + store.trainable_variables().len());
    for repeat in 1..5 {
        for (now, then) in step(&network, &store, &images, &targets).iter().zip(&first) {
            assert!(now == then, "{} changed in repeat {repeat}", now.0);
        }
    }
}

#[test]
fn a_step_of_the_tiny_network_repeats_to_the_bit() {
    repeats_to_the_bit(&config(Architecture::Tiny, (160, 208)));
}

#[test]
fn a_step_of_efficientnet_lite0_repeats_to_the_bit() {
    repeats_to_the_bit(&config(Architecture::EfficientnetLite0, (240, 320)));
}

#[test]
fn a_step_through_live_batch_norm_repeats_to_the_bit() {
    repeats_to_the_bit(&config(Architecture::Mobile, (160, 208)));
}

#[test]
fn a_step_of_a_single_stage_repeats_to_the_bit() {
    repeats_to_the_bit(&config(Architecture::RetinanetResnet50Fpn, (96, 128)));
}

#[test]
fn a_step_in_bfloat16_repeats_to_the_bit_and_is_near_that_in_float32() {
    for architecture in [
        Architecture::FasterrcnnResnet50Fpn,
        Architecture::Mobile,
        Architecture::Tiny,
    ] {
        let exact = config(architecture, (160, 208));
        let coarse = DetectorConfig {
            precision: Precision::Bfloat16,
            ..exact.clone()
        };
        repeats_to_the_bit(&coarse);
        let (images, targets) = batch(2, exact.min_size, exact.max_size, 3);
        let [exact, coarse] = [exact, coarse].map(|config| {
            let store = nn::VarStore::new(Device::Cpu);
            let network = Detector::new(&store.root(), &config).unwrap();
            // Not from libtorch's generator, which all tests of this process share.
            fill(&store);
            let losses = network.losses(&images, &targets, &mut Stream::new(7, "test/sampler", &[]));
            let losses = losses.unwrap();
            losses.total().backward();
            let variables = store.variables();
            assert!(variables.values().all(|weights| weights.kind() != Kind::BFloat16));
            losses.parts()
        });
        assert_ne!(exact, coarse, "{architecture:?}");
        // What only proposals decide may be drawn from others; the losses over anchors look at the same ones.
        for part in ["loss_objectness", "loss_rpn_box_reg"] {
            let of = |parts: &[(&str, f64); 4]| parts.iter().find(|(name, _)| *name == part).unwrap().1;
            let (exact, coarse) = (of(&exact), of(&coarse));
            assert!(
                (exact - coarse).abs() <= 0.03 * exact,
                "{architecture:?} {part}: {exact} {coarse}"
            );
        }
    }
}
