//! Two strategies on the same seeds: is the difference more than chance?

use super::mean::{Mean, quantile_of_t, two_sided};

/// A test's outcome.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct PairedTest {
    /// Pairs that it looked at.
    pub n: usize,
    /// The two-sided probability of a difference as large if there were none.
    pub p: f64,
}

/// What is nearer to equal than this is equal: sums in another order differ in their last bits.
const EQUAL: f64 = 1e-12;

/// The paired t test of differences; none of fewer than two.
#[must_use]
pub fn paired_t(differences: &[f64]) -> Option<PairedTest> {
    let n = differences.len();
    let found = Mean::of(differences)?;
    let deviation = found.deviation?;
    if found.mean.abs() < EQUAL {
        return Some(PairedTest { n, p: 1.0 });
    }
    let p = two_sided(found.mean / (deviation / (n as f64).sqrt()), n - 1)?;
    Some(PairedTest { n, p })
}

/// The least mean difference that the paired t test finds at a level, of so many pairs whose differences deviate so much.
#[must_use]
pub fn least_difference(deviation: f64, pairs: usize, level: f64) -> Option<f64> {
    let t = quantile_of_t(1.0 - level / 2.0, pairs.checked_sub(1).filter(|freedom| *freedom > 0)?)?;
    Some(t * deviation / (pairs as f64).sqrt()).filter(|least| least.is_finite())
}

/// Wilcoxon's signed-rank test of differences, exact: every assignment of signs is counted, with ties as they are. Differences of
/// nothing are left out (Wilcoxon 1945). None of no difference, and of more than sixty.
#[must_use]
pub fn wilcoxon(differences: &[f64]) -> Option<PairedTest> {
    let mut sizes: Vec<(f64, bool)> = differences
        .iter()
        .filter(|difference| difference.abs() >= EQUAL)
        .map(|difference| (difference.abs(), *difference > 0.0))
        .collect();
    let n = sizes.len();
    if n == 0 || n > 60 {
        return None;
    }
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the rank, so that shared ranks are whole numbers.
    let mut ranks = Vec::with_capacity(n);
    for tied in sizes.chunk_by(|a, b| b.0 - a.0 < EQUAL) {
        let (before, many) = (ranks.len(), tied.len());
        ranks.extend(std::iter::repeat_n(2 * before + many + 1, many));
    }
    let total: usize = ranks.iter().sum();
    let positive: usize = ranks
        .iter()
        .zip(&sizes)
        .filter(|(_, size)| size.1)
        .map(|(rank, _)| rank)
        .sum();
    let tail = positive.min(total - positive);
    // How many of the 2^n assignments give each sum of positive ranks.
    let mut ways = vec![0_u64; total + 1];
    ways[0] = 1;
    let mut reached = 0;
    for rank in ranks {
        reached += rank;
        for sum in (rank..=reached).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let below: u64 = ways[..=tail].iter().sum();
    let p = (2.0 * below as f64 / 2.0_f64.powi(n as i32)).min(1.0);
    Some(PairedTest { n, p })
}

/// The least p that Wilcoxon's test can give for so many pairs: all differences of one sign.
#[must_use]
pub fn least_wilcoxon(pairs: usize) -> f64 {
    2.0_f64.powi(1 - pairs.min(1000) as i32).min(1.0)
}

/// Holm's correction of several p values, each at its place: what they would have to be if each stood alone.
#[must_use]
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut corrected = vec![0.0; values.len()];
    let mut least = 0.0_f64;
    for (place, at) in order.into_iter().enumerate() {
        least = least.max(values[at] * (values.len() - place) as f64).min(1.0);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: [f64; 7] = [0.512, 0.547, 0.498, 0.561, 0.533, 0.520, 0.541];
    const B: [f64; 7] = [0.500, 0.520, 0.503, 0.530, 0.529, 0.490, 0.538];

    fn differences() -> Vec<f64> {
        A.iter().zip(B).map(|(a, b)| a - b).collect()
    }

    #[test]
    fn the_least_difference_is_where_the_t_test_passes_its_level() {
        for (pairs, level) in [(2, 0.05), (3, 0.05 / 36.0), (3, 0.05 / 120.0), (7, 0.05 / 3.0)] {
            let sample: Vec<f64> = (0..pairs).map(|at| 0.01 * f64::from(at)).collect();
            let deviation = crate::statistics::deviation(&sample).unwrap();
            let least = least_difference(deviation, sample.len(), level).unwrap();
            let middle = crate::statistics::mean(&sample).unwrap();
            let moved: Vec<f64> = sample.iter().map(|value| value - middle + least).collect();
            assert!(
                (paired_t(&moved).unwrap().p / level - 1.0).abs() < 1e-6,
                "{pairs} {level}"
            );
        }
        assert_eq!(least_difference(0.1, 1, 0.05), None);
        assert_eq!(least_difference(0.1, 0, 0.05), None);
    }

    #[test]
    fn the_paired_t_test_is_scipys() {
        let found = paired_t(&differences()).unwrap();
        assert_eq!(found.n, 7);
        assert!((found.p - 0.039_510_796_237_543_18).abs() < 1e-9, "{}", found.p);
        assert_eq!(paired_t(&[0.1]), None);
        assert_eq!(paired_t(&[0.0, 0.0]).unwrap().p, 1.0);
    }

    #[test]
    fn the_exact_wilcoxon_test_is_scipys_and_five_pairs_cannot_pass_it() {
        assert_eq!(wilcoxon(&differences()), Some(PairedTest { n: 7, p: 0.078_125 }));
        assert_eq!(wilcoxon(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap().p, 0.0625);
        assert_eq!((least_wilcoxon(5), least_wilcoxon(6)), (0.0625, 0.03125));
        assert_eq!(wilcoxon(&[0.0, 0.0]), None);
    }

    #[test]
    fn holms_correction_is_that_of_statsmodels() {
        let found = holm(&[0.01, 0.04, 0.03, 0.005, 0.2]);
        for (found, expected) in found.iter().zip([0.04, 0.09, 0.09, 0.025, 0.2]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn wilcoxon_is_the_share_of_all_signs_that_are_as_extreme(values in prop::collection::vec(-4_i32..=4, 1..9)) {
            let values: Vec<f64> = values.into_iter().map(|value| f64::from(value) / 10.0).collect();
            let kept: Vec<f64> = values.iter().copied().filter(|value| *value != 0.0).collect();
            let rank = |value: f64| {
                let (mut below, mut equal) = (0.0, 0.0);
                for other in &kept {
                    if (other.abs() - value.abs()).abs() < 1e-9 { equal += 1.0 } else if other.abs() < value.abs() { below += 1.0 }
                }
                below + (equal + 1.0) / 2.0
            };
            let ranks: Vec<f64> = kept.iter().map(|value| rank(*value)).collect();
            let middle = ranks.iter().sum::<f64>() / 2.0;
            let off = |is_positive: &dyn Fn(usize) -> bool| {
                let sum: f64 = (0..ranks.len()).filter(|at| is_positive(*at)).map(|at| ranks[at]).sum();
                (sum - middle).abs()
            };
            let seen = off(&|at| kept[at] > 0.0);
            let all = 1_u32 << kept.len();
            let extreme = (0..all).filter(|signs| off(&|at| signs >> at & 1 == 1) >= seen - 1e-9).count();
            match wilcoxon(&values) {
                None => prop_assert!(kept.is_empty()),
                Some(found) => prop_assert!((found.p - extreme as f64 / f64::from(all)).abs() < 1e-12),
            }
        }
    }
}
