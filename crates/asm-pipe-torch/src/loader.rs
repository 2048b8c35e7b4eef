//! Images made ready in parallel, ahead of the step that uses them, and handed over in order.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;

use asm_pipe::detection;
use asm_pipe::stage::StageError;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::augment::Sample;
use crate::image::{Pixels, decode};
use tch::{Device, TchError, Tensor};

/// Batches that may be ready before they are used.
const AHEAD: usize = 2;

/// Decoded images are kept in memory if all together take no more than this.
const CACHE_BYTES: u64 = 384 << 20;

/// The images of a dataset, decoded when first asked for.
#[derive(Debug)]
pub struct Images {
    folder: PathBuf,
    images: Vec<detection::Image>,
    /// One cell an image, or none at all when the dataset is too large.
    decoded: Vec<OnceLock<Pixels>>,
}

impl Images {
    /// The images of a dataset, whose files lie in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, images: Vec<detection::Image>) -> Self {
        let bytes: u64 = images
            .iter()
            .map(|image| 3 * u64::from(image.width) * u64::from(image.height))
            .sum();
        let cells = if bytes <= CACHE_BYTES { images.len() } else { 0 };
        Self {
            folder,
            images,
            decoded: (0..cells).map(|_| OnceLock::new()).collect(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.images.len()
    }

    /// An image's pixels.
    ///
    /// # Errors
    /// When its file cannot be used.
    pub fn pixels(&self, at: usize) -> Result<Cow<'_, Pixels>, StageError> {
        let Some(cell) = self.decoded.get(at) else {
            return decode(&self.folder, &self.images[at]).map(Cow::Owned);
        };
        if let Some(pixels) = cell.get() {
            return Ok(Cow::Borrowed(pixels));
        }
        let pixels = decode(&self.folder, &self.images[at])?;
        Ok(Cow::Borrowed(cell.get_or_init(|| pixels)))
    }
}

/// A sample as a tensor `[3, H, W]` on a device.
///
/// # Errors
/// When libtorch fails.
pub fn tensor(sample: &Sample, device: Device) -> Result<Tensor, TchError> {
    let shape = [3, sample.height as i64, sample.width as i64];
    Tensor::f_from_slice(&sample.planes)?.f_view(shape)?.f_to_device(device)
}

/// Threads that make things ready.
///
/// # Errors
/// When the system gives no threads.
pub fn threads(count: usize) -> Result<ThreadPool, StageError> {
    ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|at| format!("loader-{at}"))
        .build()
        .map_err(|e| StageError::new(format!("cannot start threads to load images: {e}")))
}

/// Makes the items of each batch on the pool's threads and hands the batches over in order, a few ahead of their use.
///
/// # Errors
/// The first error, in order, of making or using.
pub fn ahead<T: Send>(
    pool: &ThreadPool,
    batches: &[Vec<usize>],
    make: impl Fn(usize) -> Result<T, StageError> + Send + Sync,
    mut consume: impl FnMut(&[usize], Vec<T>) -> Result<(), StageError>,
) -> Result<(), StageError> {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(AHEAD);
        scope.spawn(move || {
            for batch in batches {
                let made: Vec<Result<T, StageError>> =
                    pool.install(|| batch.par_iter().map(|&item| make(item)).collect());
                let made: Result<Vec<T>, StageError> = made.into_iter().collect();
                let failed = made.is_err();
                if sender.send(made).is_err() || failed {
                    break;
                }
            }
        });
        for (batch, made) in batches.iter().zip(receiver) {
            consume(batch, made?)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::{ahead, threads};
    use asm_pipe::stage::StageError;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn batches(count: usize) -> Vec<Vec<usize>> {
        (0..count)
            .map(|batch| vec![3 * batch, 3 * batch + 1, 3 * batch + 2])
            .collect()
    }

    #[test]
    fn batches_come_in_order_however_long_each_takes() {
        let make = |item: usize| {
            std::thread::sleep(Duration::from_millis(if item.is_multiple_of(3) { 3 } else { 0 }));
            Ok(item * 10)
        };
        let mut seen = Vec::new();
        let pool = threads(3).unwrap();
        ahead(&pool, &batches(5), make, |batch, items| {
            assert_eq!(items, batch.iter().map(|item| item * 10).collect::<Vec<_>>());
            seen.extend(items);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (0..15).map(|item| item * 10).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_than_a_few_batches_are_made_ahead() {
        let made = AtomicUsize::new(0);
        let make = |item: usize| {
            made.fetch_add(1, Ordering::SeqCst);
            Ok(item)
        };
        let pool = threads(2).unwrap();
        ahead(&pool, &batches(30), make, |batch, _| {
            std::thread::sleep(Duration::from_millis(2));
            // Two wait in the channel, one waits to be put there.
            assert!(made.load(Ordering::SeqCst) <= batch[2] + 1 + 3 * 4);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn the_first_error_in_order_ends_it() {
        let make = |item: usize| {
            if item >= 4 {
                Err(StageError::new(format!("item {item}")))
            } else {
                Ok(item)
            }
        };
        let pool = threads(2).unwrap();
        let mut used = 0;
        let error = ahead(&pool, &batches(9), make, |_, _| {
            used += 1;
            Ok(())
        });
        assert_eq!((error.unwrap_err().message.as_str(), used), ("item 4", 1));
    }

    #[test]
    fn a_user_that_stops_stops_the_makers() {
        let pool = threads(2).unwrap();
        let error = ahead(&pool, &batches(1000), Ok, |_, _| Err(StageError::new("enough")));
        assert_eq!(error.unwrap_err().message, "enough");
    }
}
