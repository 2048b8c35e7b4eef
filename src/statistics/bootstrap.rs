//! How sure a mean is, without assuming that the values are normal.

use super::Interval;
use super::mean::mean;
use crate::random::Stream;

const DRAWS: usize = 10_000;

/// The 95 % interval of the mean by resampling with replacement (percentiles); none of fewer than two values. The draws are the
/// same each time.
#[must_use]
pub fn bootstrap_interval(values: &[f64]) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let mut stream = Stream::new(0, "statistics/bootstrap", &[values.len() as u64]);
    let mut draw = || {
        let sample: Vec<f64> = values.iter().map(|_| values[stream.below(values.len())]).collect();
        mean(&sample)
    };
    let mut means: Vec<f64> = (0..DRAWS).filter_map(|_| draw()).collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((share * DRAWS as f64) as usize).min(DRAWS - 1)];
    Some(Interval {
        low: at(0.025),
        high: at(0.975),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_all_samples_there_are() {
        // 4^4 = 256 samples, each as likely: the percentiles of their means are known.
        let values = [0.1, 0.35, 0.4, 0.9];
        let mut all = Vec::new();
        for sample in 0..256_usize {
            let drawn: Vec<f64> = (0..4).map(|place| values[sample >> (2 * place) & 3]).collect();
            all.push(mean(&drawn).unwrap());
        }
        all.sort_by(f64::total_cmp);
        let found = bootstrap_interval(&values).unwrap();
        // The sample of draws may miss the place by a step of the sorted means.
        let near = |found: f64, place: usize| (all[place - 3] - 1e-9..=all[place + 3] + 1e-9).contains(&found);
        assert!(near(found.low, 6) && near(found.high, 249), "{found:?}");
        assert_eq!(bootstrap_interval(&values), Some(found));
        assert_eq!(bootstrap_interval(&[1.0]), None);
    }
}
