//! Random streams that depend on what they are for and on nothing else.
//!
//! A stream is ChaCha8 keyed by BLAKE3 of (seed, purpose, position), so that a job that was cut off, moved
//! or run beside others draws the same numbers. The draws are written here rather than taken from `rand`, whose
//! algorithms may change with a release: these must not, for digests depend on them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of random numbers for one purpose.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// Opens the stream of a purpose, such as `"train/shuffle"`, at a position, such as the epoch and the image's number.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, position: &[u64]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("asm-pipe random stream v1");
        hasher.update(&seed.to_le_bytes());
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        for value in position {
            hasher.update(&value.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Whether an event of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number in `0..bound`, without bias (Lemire 2019).
    ///
    /// # Panics
    /// If `bound` is 0: there is nothing to draw.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "a draw from nothing");
        let bound = bound as u64;
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }

    /// A number from the normal distribution with mean 0 and deviation 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Puts the items into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Draws `count` of the items without replacement, or all of them, in the order drawn.
    pub fn sample<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut order: Vec<usize> = (0..items.len()).collect();
        let count = count.min(items.len());
        for place in 0..count {
            let other = place + self.below(items.len() - place);
            order.swap(place, other);
        }
        order[..count].iter().map(|&at| items[at].clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn streams_differ_by_seed_purpose_and_position() {
        let first = |seed, purpose, position: &[u64]| Stream::new(seed, purpose, position).bits();
        let base = first(1, "shuffle", &[2, 3]);
        assert_eq!(base, first(1, "shuffle", &[2, 3]));
        for other in [
            first(2, "shuffle", &[2, 3]),
            first(1, "flip", &[2, 3]),
            first(1, "shuffle", &[3, 2]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn draws_below_a_bound_reach_every_value_about_equally() {
        let mut stream = Stream::new(0, "test", &[]);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_sample_has_no_repeats_and_no_more_than_there_is() {
        let items: Vec<u32> = (0..50).collect();
        let mut drawn = Stream::new(3, "test", &[]).sample(&items, 20);
        assert_eq!(drawn.len(), 20);
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 20);
        assert_eq!(Stream::new(3, "test", &[]).sample(&items, 99).len(), 50);
    }

    #[test]
    fn normal_draws_have_mean_zero_and_deviation_one() {
        let mut stream = Stream::new(4, "test", &[]);
        let draws: Vec<f64> = (0..50_000).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
