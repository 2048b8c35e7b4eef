//! Random worlds, and what the model of a round finds in them: both programs look at the same.

use crate::detection::{
    AnnotatedImage, Annotation, BoundingBox, Dataset, Detection, Image, ImageEvidence, Marks, SeenBox, Source, View,
};
use crate::random::Stream;

/// Images of up to four objects on a grid, some of them difficult.
pub(super) fn world(seed: u64) -> Dataset {
    let mut stream = Stream::new(seed, "test/world", &[]);
    let count = 10 + stream.below(20);
    let images = (0..count).map(|at| {
        let objects = (0..stream.below(5)).map(|place| Annotation {
            bounds: square(place as f64 * 30.0),
            label: stream.below(3) as u32,
            difficult: stream.chance(0.15),
            truncated: false,
            source: Source::Human,
            score: None,
            round: None,
            marks: Marks::default(),
        });
        AnnotatedImage {
            annotations: objects.collect(),
            image: Image {
                id: format!("i{at}"),
                file: String::new(),
                width: 150,
                height: 20,
                digest: String::new(),
            },
        }
    });
    Dataset {
        images: images.collect(),
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
    }
}

fn square(left: f64) -> BoundingBox {
    BoundingBox::new([left, 0.0, left + 20.0, 20.0])
}

/// What the model of a round finds in an image: objects exactly, nearly or badly placed, of the right or a wrong class, and boxes beside them.
/// Coarse scores, so that many are equal.
pub(super) fn found(image: &AnnotatedImage, seed: u64, round: u32) -> Vec<Detection> {
    let mut stream = Stream::new(seed, &format!("test/found/{}", image.image.id), &[u64::from(round)]);
    let mut boxes = Vec::new();
    let score = |stream: &mut Stream| f64::from((2 + stream.below(9)) as f32 / 10.0);
    for object in &image.annotations {
        for _ in 0..stream.below(3) {
            let shift = [0.0, 1.0, 4.0, 9.0][stream.below(4)];
            let label = if stream.chance(0.8) {
                object.label
            } else {
                stream.below(3) as u32
            };
            boxes.push(Detection {
                bounds: square(object.bounds.x_min + shift),
                label,
                score: score(&mut stream),
            });
        }
    }
    if stream.chance(0.3) {
        boxes.push(Detection {
            bounds: square(125.0),
            label: stream.below(3) as u32,
            score: score(&mut stream),
        });
    }
    boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
    boxes
}

/// What the model of a round sees in an image: its boxes with what it weighed, a faint one beside them, and two views. Numbers are coarse,
/// and box features of a length that is a whole number, so that equals are equal to the last bit.
pub(super) fn seen(image: &AnnotatedImage, seed: u64, round: u32) -> ImageEvidence {
    let mut stream = Stream::new(seed, &format!("test/seen/{}", image.image.id), &[u64::from(round)]);
    let mut boxes: Vec<SeenBox> = found(image, seed, round)
        .into_iter()
        .map(|detection| weighed(detection, &mut stream))
        .collect();
    let faint = Detection {
        bounds: square(60.0),
        label: stream.below(3) as u32,
        score: 0.03125,
    };
    if stream.chance(0.5) {
        boxes.push(weighed(faint, &mut stream));
    }
    let views = ["flip", "resize"].map(|name| {
        let mut again: Vec<SeenBox> = Vec::new();
        for seen in &boxes {
            if stream.chance(0.3) {
                continue;
            }
            let mut detection = seen.detection.clone();
            if stream.chance(0.5) {
                detection.bounds = square(detection.bounds.x_min + 3.0);
                again.push(weighed(detection, &mut stream));
            } else {
                again.push(seen.clone());
            }
        }
        View {
            name: name.to_owned(),
            boxes: again,
        }
    });
    ImageEvidence {
        image: image.image.id.clone(),
        features: (0..2).map(|_| stream.below(5) as f64).collect(),
        boxes,
        views: views.to_vec(),
    }
}

/// The box's score for its class, the rest for the background, another class, or halved between them.
fn weighed(detection: Detection, stream: &mut Stream) -> SeenBox {
    let rest = 1.0 - detection.score;
    let background = rest * [0.0, 0.5, 1.0][stream.below(3)];
    let mut probabilities = vec![background, 0.0, 0.0, 0.0];
    probabilities[detection.label as usize + 1] = detection.score;
    probabilities[(detection.label as usize + 1 + stream.below(2)) % 3 + 1] += rest - background;
    SeenBox {
        detection,
        probabilities,
        features: [[1.0, 0.0], [0.0, 2.0], [3.0, 4.0], [4.0, 3.0], [0.0, 0.0]][stream.below(5)].to_vec(),
    }
}

/// How difficult each class is for the model of a round.
pub(super) fn difficulty(seed: u64, round: u32) -> [f64; 3] {
    let mut stream = Stream::new(seed, "test/difficulty", &[u64::from(round)]);
    [(); 3].map(|()| [0.0, 0.25, 1.0][stream.below(3)])
}
