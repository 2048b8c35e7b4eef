//! Measures the network on noise: `cargo run --release --example detector_speed -- tiny 160 8 2 bfloat16` (architecture, shorter side,
//! batch, threads, numbers). Says what time of one thread an image takes in training (forward alone, then with the way back) and in detection, and
//! wall-clock images a second.
#![expect(clippy::print_stdout, reason = "its purpose")]

use std::time::Instant;

use asm_pipe::random::Stream;
use asm_pipe_torch::boxes;
use asm_pipe_torch::config::{Architecture, DetectorConfig, Precision};
use asm_pipe_torch::detector::Detector;
use asm_pipe_torch::faster_rcnn::Target;
use tch::{Device, Kind, Tensor, nn};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: i64| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let name = arguments.first().map_or("tiny", String::as_str);
    let architecture: Architecture = serde_json::from_value(name.into())?;
    let (side, batch, threads) = (number(1, 160), number(2, 4), number(3, 2));
    let precision: Precision = match arguments.get(4) {
        Some(name) => serde_json::from_value(name.as_str().into())?,
        None => Precision::Float32,
    };
    tch::set_num_threads(threads as i32);
    tch::manual_seed(0);
    let config = DetectorConfig {
        min_size: side,
        max_size: side * 4 / 3 + 1,
        precision,
        ..DetectorConfig::new(architecture, 4)
    };
    let store = nn::VarStore::new(Device::Cpu);
    let network = Detector::new(&store.root(), &config)?;
    let images: Vec<Tensor> = (0..batch)
        .map(|_| Tensor::rand([3, side, side * 4 / 3], (Kind::Float, Device::Cpu)))
        .collect();
    let mut targets = Vec::new();
    let mut stream = Stream::new(0, "speed/objects", &[]);
    for _ in 0..batch {
        let rows: Vec<boxes::Row> = (0..8)
            .map(|_| {
                let size = side as f64 * stream.uniform(0.1, 0.4);
                let (x, y) = (
                    stream.uniform(0.0, side as f64),
                    stream.uniform(0.0, side as f64 - size),
                );
                [x, y, x + size, y + size].map(|edge| edge as f32)
            })
            .collect();
        targets.push(Target {
            labels: Tensor::from_slice(&vec![1_i64; rows.len()]),
            boxes: boxes::tensor(&rows, Device::Cpu)?,
            weights: Vec::new(),
        });
    }
    measure("losses alone", batch, || {
        network.losses(&images, &targets, &mut stream).map(|_| ())
    })?;
    measure("losses and gradients", batch, || {
        let losses = network.losses(&images, &targets, &mut stream)?;
        losses.total().f_backward()?;
        Ok(())
    })?;
    measure("detection", batch, || network.detect(&images).map(|_| ()))
}

fn measure(
    what: &str,
    batch: i64,
    mut step: impl FnMut() -> Result<(), asm_pipe_torch::faster_rcnn::DetectorError>,
) -> Result<(), Box<dyn std::error::Error>> {
    step()?;
    let (busy, start) = (thread_seconds()?, Instant::now());
    let repeats = 6;
    for _ in 0..repeats {
        step()?;
    }
    let images = f64::from(repeats) * batch as f64;
    let (busy, wall) = (thread_seconds()? - busy, start.elapsed().as_secs_f64());
    println!(
        "{what}: {:.1} ms of the first thread an image, {:.1} images/s",
        busy / images * 1e3,
        images / wall
    );
    Ok(())
}

/// Processor time of this thread: what counts on a busy machine.
fn thread_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = fs_err::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
