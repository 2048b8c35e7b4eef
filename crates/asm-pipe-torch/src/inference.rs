//! A model over a list of images, on as many threads as there are cores.
//!
//! Each thread has one libtorch thread and a twin of the network, so results do not depend on how many there are; the weights are
//! in memory once. A batch holds only neighbours of equal size: within it nothing is padded, so an image's boxes do not depend on
//! its company.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use asm_pipe::detection::{self, BoundingBox, Detection, ImageDetections};
use asm_pipe::stage::StageError;
use tch::{TchError, Tensor};

use crate::augment::unchanged;
use crate::faster_rcnn::ImageBoxes;
use crate::loader::{Images, tensor};
use crate::model::Network;

/// How to go about it; no field changes what is found on a CPU but `batch_size`, in the last digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Most images at once.
    pub batch_size: usize,
    /// Threads, each with a twin of the network.
    pub threads: usize,
}

/// Detects on every image; `done` is told how many are, and says whether to go on.
///
/// Changes libtorch's count of threads: whoever trains sets its own again.
///
/// # Errors
/// When an image cannot be used or libtorch fails.
pub fn detect(
    network: Network,
    list: &[detection::Image],
    images: &Images,
    settings: Settings,
    done: &(dyn Fn(usize) -> Result<(), StageError> + Sync),
) -> Result<Vec<ImageDetections>, StageError> {
    let found = each(network, list, settings, done, &|network, batch| {
        run(network, images, batch)
    })?;
    let named = list.iter().zip(found).map(|(image, detections)| ImageDetections {
        image: image.id.clone(),
        detections,
    });
    Ok(named.collect())
}

/// What is done with a batch, given by its places in the list: an answer for each image.
type Look<'a, T> = dyn Fn(&Network, std::ops::Range<usize>) -> Result<Vec<T>, StageError> + Sync + 'a;

/// Looks at every image, in batches; the answers in the order of the list.
///
/// # Errors
/// The first of `look` or `done`, or when libtorch fails.
pub fn each<T: Clone + Send>(
    network: Network,
    list: &[detection::Image],
    settings: Settings,
    done: &(dyn Fn(usize) -> Result<(), StageError> + Sync),
    look: &Look<'_, T>,
) -> Result<Vec<T>, StageError> {
    let batches = batches(list, settings.batch_size);
    let next = AtomicUsize::new(0);
    let finished = AtomicUsize::new(0);
    let results = Mutex::new(vec![None; batches.len()]);
    let work = |network: Network| -> Result<(), StageError> {
        tch::set_num_threads(1);
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::SeqCst)) {
            let found = look(&network, batch.clone())
                // The other threads need not go on.
                .inspect_err(|_| next.store(batches.len(), Ordering::SeqCst))?;
            let at = batches.partition_point(|other| other.start < batch.start);
            results.lock().expect("no thread panics while it holds the lock")[at] = Some(found);
            let count = finished.fetch_add(batch.len(), Ordering::SeqCst) + batch.len();
            done(count)?;
        }
        Ok(())
    };
    let threads = if network.store.device().is_cuda() {
        1
    } else {
        settings.threads.clamp(1, batches.len().max(1))
    };
    let mut networks = (1..threads).map(|_| network.twin()).collect::<Result<Vec<_>, _>>()?;
    networks.push(network);
    std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = networks
            .into_iter()
            .map(|network| scope.spawn(move || work(network)))
            .collect();
        let mut outcome = Ok(());
        for worker in workers {
            match worker.join() {
                Ok(result) => outcome = outcome.and(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcome
    })?;
    let results = results.into_inner().expect("no thread panicked");
    Ok(results.into_iter().flatten().flatten().collect())
}

/// Runs of neighbours of equal size, as ranges.
fn batches(list: &[detection::Image], size: usize) -> Vec<std::ops::Range<usize>> {
    let mut batches = Vec::new();
    let mut from = 0;
    for to in 1..=list.len() {
        let shape = |at: usize| (list[at].width, list[at].height);
        if to == list.len() || to - from == size.max(1) || shape(to) != shape(from) {
            batches.push(from..to);
            from = to;
        }
    }
    batches
}

fn run(network: &Network, images: &Images, batch: std::ops::Range<usize>) -> Result<Vec<Vec<Detection>>, StageError> {
    let _guard = tch::no_grad_guard();
    let device = network.store.device();
    let tensors = batch
        .map(|at| {
            let sample = unchanged(images.pixels(at)?.as_ref());
            tensor(&sample, device).map_err(|e| torch(&e))
        })
        .collect::<Result<Vec<Tensor>, StageError>>()?;
    let found = network
        .detector
        .detect(&tensors)
        .map_err(|e| StageError::new(e.to_string()))?;
    found
        .iter()
        .map(|boxes| detections(boxes).map_err(|e| torch(&e)))
        .collect()
}

pub(crate) fn torch(error: &TchError) -> StageError {
    StageError::new(format!("libtorch: {error}"))
}

pub(crate) fn detections(found: &ImageBoxes) -> Result<Vec<Detection>, TchError> {
    let boxes = Vec::<f32>::try_from(&found.boxes.f_reshape([-1])?)?;
    let labels = Vec::<i64>::try_from(&found.labels)?;
    let scores = Vec::<f32>::try_from(&found.scores)?;
    let rows = boxes.chunks_exact(4).zip(labels).zip(scores);
    let detection = |((edges, label), score): ((&[f32], i64), f32)| Detection {
        bounds: BoundingBox::new([edges[0], edges[1], edges[2], edges[3]].map(f64::from)),
        // The network's 0 is the background, which it never reports.
        label: (label - 1).max(0) as u32,
        score: f64::from(score),
    };
    Ok(rows.map(detection).collect())
}

#[cfg(test)]
mod tests {
    use super::{batches, detections};
    use crate::faster_rcnn::ImageBoxes;
    use asm_pipe::detection::Image;
    use tch::Tensor;

    fn images(widths: &[u32]) -> Vec<Image> {
        let image = |(at, &width): (usize, &u32)| Image {
            id: at.to_string(),
            file: String::new(),
            width,
            height: 10,
            digest: String::new(),
        };
        widths.iter().enumerate().map(image).collect()
    }

    #[test]
    fn a_batch_holds_neighbours_of_one_size() {
        assert_eq!(batches(&images(&[5, 5, 5, 7, 5, 5]), 2), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(batches(&images(&[5, 5]), 0), [0..1, 1..2]);
        assert!(batches(&[], 4).is_empty());
    }

    #[test]
    fn labels_count_classes_without_the_background() {
        let found = ImageBoxes {
            boxes: Tensor::from_slice(&[1.5_f32, 2.0, 3.0, 4.0, 0.0, 0.0, 1.0, 1.0]).view([2, 4]),
            labels: Tensor::from_slice(&[3_i64, 1]),
            scores: Tensor::from_slice(&[0.75_f32, 0.5]),
        };
        let list = detections(&found).unwrap();
        assert_eq!((list[0].label, list[1].label), (2, 0));
        assert_eq!(list[0].bounds.xyxy(), [1.5, 2.0, 3.0, 4.0]);
        assert_eq!(list[1].score, 0.5);
    }
}
