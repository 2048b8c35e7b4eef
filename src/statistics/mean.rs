//! The mean of a sample and how sure it is.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A sample's mean.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Mean {
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their deviation (n - 1); none of one value.
    pub deviation: Option<f64>,
    /// The 95 % interval of the mean by Student's t; none of one value.
    pub interval: Option<Interval>,
}

impl Mean {
    /// The mean of these values; none of none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let middle = mean(values)?;
        let deviation = deviation(values);
        let interval = deviation.and_then(|deviation| {
            let half = quantile_of_t(0.975, values.len() - 1)? * deviation / (values.len() as f64).sqrt();
            Some(Interval {
                low: middle - half,
                high: middle + half,
            })
        });
        Some(Self {
            n: values.len(),
            mean: middle,
            deviation,
            interval,
        })
    }
}

/// The mean, if there is anything.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The deviation of a sample, if it has two values or more.
#[must_use]
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Below which a share of Student's t lies.
pub(super) fn quantile_of_t(share: f64, freedom: usize) -> Option<f64> {
    let t = student(freedom)?;
    // Newton steps on what the crate's search leaves: its last digits are not right.
    let mut at = t.inverse_cdf(share);
    for _ in 0..3 {
        at -= (t.cdf(at) - share) / statrs::distribution::Continuous::pdf(&t, at);
    }
    Some(at)
}

/// How likely Student's t is to be at least so far from 0, on either side.
pub(super) fn two_sided(t: f64, freedom: usize) -> Option<f64> {
    if t.is_infinite() {
        return Some(0.0);
    }
    Some((2.0 * student(freedom)?.sf(t.abs())).min(1.0))
}

fn student(freedom: usize) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, freedom as f64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        let off = (found - expected).abs();
        assert!(off <= 1e-9 * expected.abs().max(1e-3), "{found} is not {expected}");
    }

    #[test]
    fn the_interval_is_scipys() {
        let found = Mean::of(&[0.512, 0.547, 0.498, 0.561, 0.533, 0.520, 0.541]).unwrap();
        let interval = found.interval.unwrap();
        close(found.mean, 0.530_285_714_285_714_4);
        close(interval.low, 0.510_209_145_074_236_2);
        close(interval.high, 0.550_362_283_497_192_5);
    }

    #[test]
    fn quantiles_and_tails_of_t_are_scipys() {
        let quantiles = [
            (1, 12.706_204_736_174_694),
            (2, 4.302_652_729_749_462),
            (4, 2.776_445_105_197_793_4),
            (9, 2.262_157_162_798_205),
            (30, 2.042_272_456_301_237_8),
        ];
        for (freedom, expected) in quantiles {
            close(quantile_of_t(0.975, freedom).unwrap(), expected);
        }
        let tails = [
            (2.0, 1, 0.295_167_235_300_866_5),
            (-3.5, 2, 0.072_827_350_054_469_33),
            (0.1, 9, 0.922_536_447_956_680_2),
            (12.0, 5, 7.089_492_517_161_522e-5),
        ];
        for (t, freedom, expected) in tails {
            close(two_sided(t, freedom).unwrap(), expected);
        }
    }

    #[test]
    fn one_value_has_a_mean_and_no_interval_and_none_has_nothing() {
        let one = Mean::of(&[0.5]).unwrap();
        assert_eq!((one.n, one.mean, one.deviation, one.interval), (1, 0.5, None, None));
        assert_eq!(Mean::of(&[]), None);
    }
}
