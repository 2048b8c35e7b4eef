//! How the loss went within the epochs: a point for every few steps, so that a long training has no more than a thousand or so.

use safetensors::Dtype;

use crate::weights::Array;

/// Most points of a training.
const POINTS: u64 = 1000;
const COLUMNS: usize = 6;

/// The mean of some steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Point {
    /// Steps until its end.
    pub(crate) iteration: u64,
    /// The learning rate of its last step.
    pub(crate) learning_rate: f64,
    /// The four parts of the loss.
    pub(crate) parts: [f64; 4],
}

/// The points so far, and the sum of the steps that make no whole one yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Curve {
    points: Vec<Point>,
    /// Its `iteration` counts the steps in it.
    open: Point,
}

impl Curve {
    /// Adds a step of a training of so many.
    pub(crate) fn add(&mut self, iteration: u64, learning_rate: f64, parts: [f64; 4], total: u64) {
        self.open.iteration += 1;
        self.open
            .parts
            .iter_mut()
            .zip(parts)
            .for_each(|(sum, part)| *sum += part);
        let steps = self.open.iteration;
        if steps >= total.div_ceil(POINTS).max(1) || iteration + 1 == total {
            self.points.push(Point {
                iteration: iteration + 1,
                learning_rate,
                parts: self.open.parts.map(|sum| sum / steps as f64),
            });
            self.open = Point::default();
        }
    }

    /// The points.
    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    /// Exact to the bit, for a checkpoint: what is open comes last.
    pub(crate) fn to_array(&self) -> Array {
        let rows = self.points.iter().chain([&self.open]).flat_map(|point| {
            let [a, b, c, d] = point.parts;
            [point.iteration as f64, point.learning_rate, a, b, c, d]
        });
        Array {
            dtype: Dtype::F64,
            shape: vec![self.points.len() + 1, COLUMNS],
            data: rows.flat_map(f64::to_le_bytes).collect(),
        }
    }

    /// The inverse of [`Curve::to_array`].
    pub(crate) fn of_array(array: &Array) -> Option<Self> {
        if array.dtype != Dtype::F64 || array.shape.get(1) != Some(&COLUMNS) {
            return None;
        }
        let (bytes, _) = array.data.as_chunks::<8>();
        let numbers: Vec<f64> = bytes.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        let (rows, _) = numbers.as_chunks::<COLUMNS>();
        let point = |&[iteration, learning_rate, a, b, c, d]: &[f64; COLUMNS]| Point {
            iteration: iteration as u64,
            learning_rate,
            parts: [a, b, c, d],
        };
        let mut points: Vec<Point> = rows.iter().map(point).collect();
        let open = points.pop()?;
        Some(Self { points, open })
    }
}

#[cfg(test)]
mod tests {
    use super::{Curve, Point};

    fn curve(steps: u64, total: u64) -> Curve {
        let mut curve = Curve::default();
        for iteration in 0..steps {
            curve.add(iteration, 0.1, [iteration as f64, 1.0, 0.0, 0.0], total);
        }
        curve
    }

    #[test]
    fn a_short_training_has_a_point_a_step_and_a_long_one_a_mean_of_several() {
        assert_eq!(curve(30, 30).points().len(), 30);
        let long = curve(2500, 2500);
        assert_eq!(long.points().len(), 834);
        let first = Point {
            iteration: 3,
            learning_rate: 0.1,
            parts: [1.0, 1.0, 0.0, 0.0],
        };
        assert_eq!((long.points()[0], long.points()[833].iteration), (first, 2500));
    }

    #[test]
    fn a_curve_that_was_cut_off_goes_on_the_same() {
        let half = curve(1001, 2500);
        let mut again = Curve::of_array(&half.to_array()).unwrap();
        assert_eq!(again, half);
        for iteration in 1001..2500 {
            again.add(iteration, 0.1, [iteration as f64, 1.0, 0.0, 0.0], 2500);
        }
        assert_eq!(again, curve(2500, 2500));
    }
}
