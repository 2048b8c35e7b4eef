//! Small datasets and scripted detectors for tests.

use crate::detection::{
    AnnotatedImage, Annotation, BoundingBox, Dataset, Detection, Detections, Image, ImageDetections, Marks, Source,
};
use crate::random::Stream;

/// Images `0..count` with so many objects each, well apart, of two classes in turn.
pub(in crate::learning) fn dataset(count: usize, objects: usize) -> Dataset {
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
            id: at.to_string(),
            file: format!("{at}.jpg"),
            width: 400,
            height: 40,
            digest: String::new(),
        },
        annotations: (0..objects).map(object).collect(),
    };
    Dataset {
        classes: vec!["cat".to_owned(), "dog".to_owned()],
        images: (0..count).map(image).collect(),
    }
}

/// Finds everything, with one score.
pub(in crate::learning) fn perfect(dataset: &Dataset, score: f64) -> Detections {
    scripted(dataset, |_, _| Some(score))
}

/// Finds each object with the score that the script gives for (image, object), or not at all.
pub(in crate::learning) fn scripted(dataset: &Dataset, script: impl Fn(&str, usize) -> Option<f64>) -> Detections {
    let image = |image: &AnnotatedImage| {
        let objects = image.annotations.iter().enumerate();
        let mut detections: Vec<Detection> = objects
            .filter_map(|(at, object)| {
                Some(Detection {
                    bounds: object.bounds,
                    label: object.label,
                    score: script(&image.image.id, at)?,
                })
            })
            .collect();
        detections.sort_by(|a, b| b.score.total_cmp(&a.score));
        ImageDetections {
            image: image.image.id.clone(),
            detections,
        }
    };
    Detections {
        classes: dataset.classes.clone(),
        images: dataset.images.iter().map(image).collect(),
    }
}

/// A detector that finds an object with a probability that grows with the round.
pub(in crate::learning) fn learner(dataset: &Dataset, seed: u64, round: u32) -> Detections {
    scripted(dataset, |image, object| {
        let mut stream = Stream::new(seed, &format!("test/{image}"), &[object as u64, u64::from(round)]);
        stream
            .chance(0.3 + 0.1 * f64::from(round))
            .then(|| stream.uniform(0.3, 1.0))
    })
}
