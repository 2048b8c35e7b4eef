//! Which images an epoch takes, and how often. Pure: labels and a stream in, an order out.
//!
//! An epoch has as many images as the dataset in any case, so a balanced training costs what another does and its schedule is the same.

use asm_pipe::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How images of rare classes are preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// Not at all: every image once.
    #[default]
    None,
    /// By the rarest class in an image: the root of `rare_below` over the class's share of the images, at least 1 (Gupta 2019).
    RepeatFactor,
    /// By the mean over the classes in an image of one over the class's share of the images; no object at all counts as a class.
    InverseFrequency,
}

/// An image in an epoch's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Its number.
    pub(super) image: usize,
    /// How often it came before in this epoch.
    pub(super) before: u64,
}

/// How often each image is wanted, as a weight; `labels` has a list an image.
pub(super) fn weights(balance: Balance, labels: &[&[i64]], rare_below: f64) -> Vec<f64> {
    let classes = 1 + labels.iter().flat_map(|list| list.iter()).copied().max().unwrap_or(0);
    // Class 0 stands for images without objects.
    let kinds: Vec<Vec<usize>> = labels.iter().map(|list| distinct(list)).collect();
    let mut shares = vec![0.0; usize::try_from(classes).unwrap_or(1)];
    for kind in kinds.iter().flatten() {
        shares[*kind] += 1.0 / labels.len() as f64;
    }
    let weight = |kinds: &Vec<usize>| match balance {
        Balance::None => 1.0,
        Balance::RepeatFactor => {
            let factors = kinds.iter().filter(|kind| **kind > 0);
            factors
                .map(|&kind| (rare_below / shares[kind]).sqrt())
                .fold(1.0, f64::max)
        }
        Balance::InverseFrequency => kinds.iter().map(|&kind| 1.0 / shares[kind]).sum::<f64>() / kinds.len() as f64,
    };
    kinds.iter().map(weight).collect()
}

fn distinct(labels: &[i64]) -> Vec<usize> {
    let mut kinds: Vec<usize> = labels.iter().filter_map(|&label| usize::try_from(label).ok()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        kinds.push(0);
    }
    kinds
}

/// As many turns as there are weights, in a random order. An image comes as often as its share of the weights says, rounded up or down
/// by chance (systematic sampling): no image of the usual weight is missed for long.
pub(super) fn balanced(weights: &[f64], stream: &mut Stream) -> Vec<Turn> {
    let count = weights.len();
    let sum: f64 = weights.iter().sum();
    let mut images: Vec<usize> = (0..count).collect();
    stream.shuffle(&mut images);
    let offset = stream.unit();
    let mut turns = Vec::with_capacity(count);
    let mut reached = 0.0;
    for &image in &images {
        reached += count as f64 * weights[image] / sum;
        let mut before = 0;
        while turns.len() < count && turns.len() as f64 + offset < reached {
            turns.push(Turn { image, before });
            before += 1;
        }
    }
    // Only rounding leaves a place at the end.
    if let Some(last) = turns.last().copied() {
        while turns.len() < count {
            let before = turns[turns.len() - 1].before + 1;
            turns.push(Turn { before, ..last });
        }
    }
    stream.shuffle(&mut turns);
    turns
}

#[cfg(test)]
mod tests {
    use super::{Balance, Turn, balanced, weights};
    use asm_pipe::random::Stream;
    use proptest::prelude::*;

    fn counts(turns: &[Turn], images: usize) -> Vec<u64> {
        let mut counts = vec![0; images];
        turns.iter().for_each(|turn| counts[turn.image] += 1);
        counts
    }

    proptest! {
        #[test]
        fn an_epoch_keeps_its_length_and_each_image_its_share(
            weights in prop::collection::vec(0.1..20.0_f64, 1..60), seed in any::<u64>(),
        ) {
            let turns = balanced(&weights, &mut Stream::new(seed, "test", &[]));
            prop_assert_eq!(turns.len(), weights.len());
            let sum: f64 = weights.iter().sum();
            for (count, weight) in counts(&turns, weights.len()).iter().zip(&weights) {
                let wanted = weights.len() as f64 * weight / sum;
                prop_assert!((*count as f64 - wanted).abs() < 1.0 + 1e-9, "{} for {}", count, wanted);
            }
            for image in 0..weights.len() {
                let mut before: Vec<u64> = turns.iter().filter(|t| t.image == image).map(|t| t.before).collect();
                before.sort_unstable();
                prop_assert_eq!(&before, &(0..before.len() as u64).collect::<Vec<_>>());
            }
            prop_assert_eq!(turns, balanced(&weights, &mut Stream::new(seed, "test", &[])));
        }
    }

    #[test]
    fn equal_weights_give_every_image_once() {
        let turns = balanced(&[1.0; 50], &mut Stream::new(1, "test", &[]));
        assert_eq!(counts(&turns, 50), [1; 50]);
        assert!(!turns.is_sorted_by_key(|turn| turn.image));
    }

    #[test]
    fn the_rarest_class_of_an_image_decides_its_repeat_factor() {
        // Class 1 in three images of four, class 2 in one, and one image without objects.
        let labels: [&[i64]; 4] = [&[1, 1], &[1], &[1, 2], &[]];
        let factors = weights(Balance::RepeatFactor, &labels, 0.5);
        assert_eq!(factors, [1.0, 1.0, 2.0_f64.sqrt(), 1.0]);
        assert_eq!(weights(Balance::None, &labels, 0.5), [1.0; 4]);
    }

    #[test]
    fn inverse_frequency_counts_no_object_as_a_class() {
        let labels: [&[i64]; 4] = [&[1, 1], &[1], &[1, 2], &[]];
        let found = weights(Balance::InverseFrequency, &labels, 0.5);
        let expected = [4.0 / 3.0, 4.0 / 3.0, (4.0 / 3.0 + 4.0) / 2.0, 4.0];
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12),
            "{found:?}"
        );
    }

    #[test]
    fn images_of_a_rare_class_come_more_often() {
        let labels: Vec<Vec<i64>> = (0..100).map(|at| vec![if at < 5 { 2 } else { 1 }]).collect();
        let labels: Vec<&[i64]> = labels.iter().map(Vec::as_slice).collect();
        for (balance, least) in [(Balance::RepeatFactor, 9), (Balance::InverseFrequency, 45)] {
            let turns = balanced(&weights(balance, &labels, 0.3), &mut Stream::new(3, "test", &[]));
            let rare: u64 = counts(&turns, 100)[..5].iter().sum();
            assert!((least..60).contains(&rare), "{balance:?}: {rare}");
        }
    }
}
