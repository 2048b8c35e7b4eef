//! The stop test: `ap_shift`, the mean absolute deviation of the last values.

use serde::{Deserialize, Serialize};

/// What the stop test says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the rounds end here.
    pub stop: bool,
    /// The deviation; none before the window is full or while a value in it is undefined.
    pub shift: Option<f64>,
    /// The values looked at, oldest first.
    pub values: Vec<Option<f64>>,
}

/// Mean absolute deviation from their mean of the last `window` values; none before there are as many, or when one of
/// them is undefined.
#[must_use]
pub fn shift(values: &[Option<f64>], window: usize) -> Option<f64> {
    let start = values.len().checked_sub(window.max(1))?;
    let last: Vec<f64> = values[start..].iter().copied().collect::<Option<_>>()?;
    if last.iter().any(|value| !value.is_finite()) {
        return None;
    }
    // Differences to the first value, so that equal values give exactly 0.
    let mean = last.iter().map(|value| value - last[0]).sum::<f64>() / last.len() as f64;
    Some(last.iter().map(|value| (value - last[0] - mean).abs()).sum::<f64>() / last.len() as f64)
}

/// Stops when the last `window` values of this phase deviate by less than `shift_below`; exactly flat values stop too.
#[must_use]
pub fn decide(values: &[Option<f64>], window: usize, shift_below: f64) -> Decision {
    let shift = shift(values, window);
    Decision {
        stop: shift.is_some_and(|shift| shift < shift_below),
        shift,
        values: values.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shift_is_the_mean_absolute_deviation_of_the_window() {
        let values = [9.0, 0.1, 0.2, 0.6].map(Some);
        assert!((shift(&values, 3).unwrap() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn no_stop_before_the_window_is_full() {
        let decision = decide(&[Some(0.5), Some(0.5)], 3, 0.1);
        assert_eq!((decision.stop, decision.shift), (false, None));
    }

    #[test]
    fn flat_values_stop() {
        let decision = decide(&[Some(0.3), Some(0.7), Some(0.7), Some(0.7)], 3, 0.001);
        assert_eq!((decision.stop, decision.shift), (true, Some(0.0)));
    }

    #[test]
    fn an_undefined_value_in_the_window_does_not_stop() {
        assert!(!decide(&[Some(0.7), None, Some(0.7)], 3, 0.1).stop);
        assert!(!decide(&[Some(0.7), Some(f64::NAN), Some(0.7)], 3, 0.1).stop);
        assert!(decide(&[None, Some(0.7), Some(0.7)], 2, 0.1).stop);
    }

    #[test]
    fn a_window_of_nothing_is_a_window_of_one() {
        assert_eq!(shift(&[Some(1.0)], 0), Some(0.0));
        assert_eq!(shift(&[], 0), None);
    }
}
