//! Whether AP50 has come to rest.

use super::params::EarlyStop;

/// The mean absolute deviation of the last values; none until there are enough of them.
#[must_use]
pub fn shift(values: &[f64], window: usize) -> Option<f64> {
    let from = values.len().checked_sub(window)?;
    let last = &values[from..];
    let mean = last.iter().sum::<f64>() / window as f64;
    Some(last.iter().map(|value| (value - mean).abs()).sum::<f64>() / window as f64)
}

/// Whether a training with these values should end.
#[must_use]
pub fn at_rest(values: &[f64], rule: EarlyStop) -> bool {
    shift(values, rule.window).is_some_and(|shift| shift < rule.shift_below)
}

#[cfg(test)]
mod tests {
    use super::{at_rest, shift};
    use crate::train::params::EarlyStop;

    #[test]
    fn the_shift_is_the_mean_absolute_deviation_of_the_last_values() {
        assert_eq!(shift(&[0.9, 0.1], 3), None);
        let value = shift(&[9.0, 0.2, 0.4, 0.6], 3).unwrap();
        assert!((value - 0.4 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn exactly_flat_is_at_rest_too() {
        let rule = EarlyStop {
            window: 3,
            shift_below: 0.01,
            every: 1,
        };
        assert!(at_rest(&[0.5, 0.5, 0.5], rule));
        assert!(!at_rest(&[0.5, 0.5], rule));
        assert!(!at_rest(&[0.5, 0.5, 0.6], rule));
    }
}
