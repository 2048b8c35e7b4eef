//! How likely the paired t test is to find a difference that is there, and how many pairs that takes.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::mean::quantile_of_t;
use super::studentised::density;

/// More pairs than this are not looked for.
const MOST_PAIRS: usize = 1000;

/// The probability that the two-sided paired t test of so many pairs passes its level, if the true mean difference is `effect`
/// deviations of the differences. The statistic then is noncentral t.
#[must_use]
pub fn paired_power(effect: f64, pairs: usize, level: f64) -> Option<f64> {
    let freedom = pairs.checked_sub(1).filter(|freedom| *freedom > 0)?;
    let bound = quantile_of_t(1.0 - level / 2.0, freedom)?;
    let squares = ChiSquared::new(freedom as f64).ok()?;
    let shift = effect * (pairs as f64).sqrt();
    Some(beyond(shift, bound, &squares) + beyond(-shift, bound, &squares))
}

/// P((Z + shift) / sqrt(V / freedom) > bound) for a normal Z and V of chi-squared: ∫ φ(z) P(V < freedom ((z + shift) / bound)²) dz
/// from -shift on, by Simpson's rule.
fn beyond(shift: f64, bound: f64, squares: &ChiSquared) -> f64 {
    const STEPS: i32 = 800;
    const REACH: f64 = 9.0;
    let from = (-shift).max(-REACH);
    if from >= REACH {
        return 0.0;
    }
    let width = (REACH - from) / f64::from(STEPS);
    let inner = |z: f64| density(z) * squares.cdf(squares.freedom() * ((z + shift).max(0.0) / bound).powi(2));
    let weight = |step: i32| match step {
        0 | STEPS => 1.0,
        step if step % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let value = |step: i32| weight(step) * inner(from + f64::from(step) * width);
    (0..=STEPS).map(value).sum::<f64>() * width / 3.0
}

/// The true mean difference that the paired t test finds with a power, of so many pairs whose differences deviate so much.
#[must_use]
pub fn detectable_difference(deviation: f64, pairs: usize, level: f64, power: f64) -> Option<f64> {
    let is_found = |effect: f64| Some(paired_power(effect, pairs, level)? >= power);
    let mut high = 1.0;
    while !is_found(high)? {
        high *= 2.0;
        if high > 1e9 {
            return None;
        }
    }
    let mut low = 0.0;
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if is_found(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high * deviation).filter(|difference| difference.is_finite())
}

/// The fewest pairs with which the paired t test finds a true mean difference with a power, if the differences deviate so much; none
/// if a thousand are too few.
#[must_use]
pub fn pairs_needed(difference: f64, deviation: f64, level: f64, power: f64) -> Option<usize> {
    let is_enough = |pairs: usize| Some(paired_power(difference / deviation, pairs, level)? >= power);
    let (mut few, mut enough) = (1, 2);
    while !is_enough(enough)? {
        if enough == MOST_PAIRS {
            return None;
        }
        (few, enough) = (enough, (2 * enough).min(MOST_PAIRS));
    }
    while enough - few > 1 {
        let middle = usize::midpoint(few, enough);
        if is_enough(middle)? {
            enough = middle;
        } else {
            few = middle;
        }
    }
    Some(enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with SciPy 1.17.1: `stats.nct.sf(t, n - 1, d) + stats.nct.cdf(-t, n - 1, d)` for `t = stats.t.isf(level / 2, n - 1)`
    /// and `d = effect * sqrt(n)`. Where that is not a number (the third), by `integrate.quad` of the same integral.
    #[test]
    fn the_power_is_that_of_scipys_noncentral_t() {
        let expected = [
            (1.0, 2, 0.05, 0.092_809_155_056),
            (3.0, 2, 0.05, 0.260_770_714_229),
            (20.0, 2, 0.05, 0.973_524_046_184),
            (400.0, 2, 0.05 / 36.0, 0.782_846_714_994),
            (2.0, 3, 0.05, 0.470_749_431_278),
            (10.0, 3, 0.05 / 15.0, 0.632_735_225_482),
            (1.0, 5, 0.05, 0.401_389_917_372),
            (1.0, 5, 0.05 / 3.0, 0.190_888_015_339),
            (3.0, 5, 0.05 / 36.0, 0.424_091_646_715),
            (0.5, 10, 0.05, 0.293_175_606_514),
            (0.3, 100, 0.05 / 36.0, 0.391_997_353_983),
            (0.1, 1000, 0.05, 0.884_789_098_891),
        ];
        for (effect, pairs, level, expected) in expected {
            for effect in [effect, -effect] {
                let found = paired_power(effect, pairs, level).unwrap();
                assert!((found - expected).abs() < 1e-7, "{effect} {pairs} {level}: {found}");
            }
        }
        assert_eq!(paired_power(1.0, 1, 0.05), None);
    }

    #[test]
    fn without_a_difference_the_power_is_the_level() {
        for (pairs, level) in [(2, 0.05), (4, 0.05), (3, 0.05 / 36.0), (40, 0.01)] {
            let found = paired_power(0.0, pairs, level).unwrap();
            assert!((found - level).abs() < 1e-8, "{pairs} {level}: {found}");
        }
    }

    /// By `optimize.brentq` of SciPy 1.17.1 on the power above.
    #[test]
    fn the_detectable_difference_is_scipys() {
        let expected = [
            (2, 0.05, 11.549_888_435_9),
            (2, 0.05 / 36.0, 415.368_971_906),
            (3, 0.05, 3.264_043_549_7),
            (3, 0.05 / 15.0, 12.683_770_384_6),
            (5, 0.05, 1.681_996_965_96),
            (5, 0.05 / 10.0, 3.155_348_630_99),
            (10, 0.05, 0.996_001_371_46),
            (50, 0.05 / 36.0, 0.602_715_383_48),
        ];
        for (pairs, level, expected) in expected {
            let found = detectable_difference(0.5, pairs, level, 0.8).unwrap();
            assert!((found / expected - 0.5).abs() < 1e-6, "{pairs} {level}: {found}");
        }
        assert_eq!(detectable_difference(0.5, 1, 0.05, 0.8), None);
    }

    /// The first number of pairs whose power is 0.8 by the same; as found by counting up from 2.
    #[test]
    fn the_pairs_needed_are_the_fewest_that_are_enough() {
        let expected = [
            (1.0, 0.05, Some(10)),
            (0.5, 0.05, Some(34)),
            (0.2, 0.05, Some(199)),
            (0.1, 0.05, Some(787)),
            (1.0, 0.05 / 36.0, Some(22)),
            (0.4, 0.05 / 15.0, Some(94)),
            (3.0, 0.05, Some(4)),
            (20.0, 0.05, Some(2)),
            (0.05, 0.05, None),
        ];
        for (effect, level, expected) in expected {
            assert_eq!(
                pairs_needed(effect * 0.01, 0.01, level, 0.8),
                expected,
                "{effect} {level}"
            );
        }
    }
}
