//! The next batch: images that wait to be asked again, up to a share, then new ones.

use std::collections::BTreeMap;

use super::{LearningError, Pool};
use crate::detection::{AnnotatedImage, Dataset};

/// A batch and what is left.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// The images to annotate, with the oracle's boxes.
    pub batch: Dataset,
    /// The pool, with the batch marked as drawn.
    pub pool: Pool,
    /// How many of the batch have been asked before.
    pub asked_again: usize,
}

/// Draws up to `take` images. Re-queued ones get at most `requeue_share` of the places, unless there are not enough new ones; a pool
/// that runs out gives fewer, then none.
///
/// # Errors
/// When the share is no share, a batch is still out, or the dataset lacks an image of the pool.
pub fn draw(pool: &Pool, dataset: &Dataset, take: usize, requeue_share: f64) -> Result<Draw, LearningError> {
    if !(0.0..=1.0).contains(&requeue_share) {
        return Err(LearningError::OutOfRange {
            name: "requeue_share",
            value: requeue_share.to_string(),
            range: "in 0..=1",
        });
    }
    pool.check()?;
    pool.check_settled()?;
    let capped = (requeue_share * take as f64).floor() as usize;
    let free = take.saturating_sub(pool.unlabelled.len());
    let again = capped.max(free).min(pool.requeue.len()).min(take);
    let new = (take - again).min(pool.unlabelled.len());

    let mut rest = pool.clone();
    let mut drawn: Vec<String> = rest.requeue.drain(..again).collect();
    drawn.extend(rest.unlabelled.drain(..new));
    let by_id: BTreeMap<&str, &AnnotatedImage> = dataset
        .images
        .iter()
        .map(|image| (image.image.id.as_str(), image))
        .collect();
    let image = |id: &String| {
        let image = by_id.get(id.as_str()).copied().cloned();
        image.ok_or_else(|| LearningError::Missing {
            image: id.clone(),
            wanted_by: "pool",
            missing_from: "dataset",
        })
    };
    let images = drawn.iter().map(image).collect::<Result<_, _>>()?;
    rest.drawn = drawn;
    Ok(Draw {
        batch: Dataset {
            classes: dataset.classes.clone(),
            images,
        },
        pool: rest,
        asked_again: again,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::strategies::testing::dataset;

    fn pool(unlabelled: std::ops::Range<u32>, requeue: std::ops::Range<u32>) -> Pool {
        let mut pool = Pool::new(unlabelled.map(|id| id.to_string()).collect()).unwrap();
        for id in requeue {
            pool.put_back(&id.to_string());
        }
        pool
    }

    fn drawn(pool: &Pool, take: usize, share: f64) -> Vec<String> {
        draw(pool, &dataset(20, 1), take, share).unwrap().pool.drawn
    }

    #[test]
    fn waiting_images_come_first_but_leave_room_for_new_ones() {
        let waiting = pool(0..10, 10..18);
        assert_eq!(drawn(&waiting, 4, 0.5), ["10", "11", "0", "1"]);
        assert_eq!(drawn(&waiting, 4, 1.0), ["10", "11", "12", "13"]);
        assert_eq!(drawn(&waiting, 4, 0.0), ["0", "1", "2", "3"]);
    }

    #[test]
    fn waiting_images_fill_the_places_that_new_ones_cannot() {
        assert_eq!(drawn(&pool(0..1, 10..18), 4, 0.5), ["10", "11", "12", "0"]);
    }

    #[test]
    fn a_pool_that_runs_out_gives_fewer_then_none() {
        assert_eq!(drawn(&pool(0..2, 10..11), 8, 0.5), ["10", "0", "1"]);
        let nothing = draw(&Pool::default(), &dataset(5, 1), 8, 0.5).unwrap();
        assert!(nothing.batch.images.is_empty());
    }

    #[test]
    fn drawing_moves_ids_and_loses_none() {
        let before = pool(0..10, 10..18);
        let done = draw(&before, &dataset(20, 1), 7, 0.5).unwrap();
        done.pool.check().unwrap();
        assert_eq!(done.pool.places().count(), before.places().count());
        assert_eq!(done.batch.images.len(), 7);
    }

    #[test]
    fn a_second_draw_before_the_first_is_settled_is_refused() {
        let once = draw(&pool(0..10, 0..0), &dataset(20, 1), 2, 0.5).unwrap();
        assert!(draw(&once.pool, &dataset(20, 1), 2, 0.5).is_err());
    }

    #[test]
    fn an_image_that_the_dataset_lacks_is_named() {
        let error = draw(&pool(0..10, 0..0), &dataset(1, 1), 2, 0.5).unwrap_err();
        assert_eq!(error.to_string(), "image `1` of the pool is not in the dataset");
    }
}
