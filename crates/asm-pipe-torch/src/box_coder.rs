//! Boxes as offsets from reference boxes (Girshick 2014; torchvision's `BoxCoder`): the shift of the centre in sizes of the
//! reference, and the logarithm of the change of size, each times its weight.

use crate::boxes::Row;

/// The largest logarithm of a growth that is decoded: a stray network output must not overflow.
const LARGEST_LOGARITHM: f32 = 4.135_166_6; // ln(1000 / 16)

/// Encodes and decodes with the weights of x, y, width and height.
#[derive(Clone, Copy, Debug)]
pub struct BoxCoder {
    /// Factors of the four offsets.
    pub weights: [f32; 4],
}

impl BoxCoder {
    /// A coder with these weights.
    #[must_use]
    pub fn new(weights: [f64; 4]) -> Self {
        Self {
            weights: weights.map(|weight| weight as f32),
        }
    }

    /// The offsets that lead from a reference box to a box.
    #[must_use]
    pub fn encode(&self, wanted: &Row, reference: &Row) -> Row {
        let [x, y, width, height] = centre_and_size(wanted);
        let [reference_x, reference_y, reference_width, reference_height] = centre_and_size(reference);
        [
            self.weights[0] * (x - reference_x) / reference_width,
            self.weights[1] * (y - reference_y) / reference_height,
            self.weights[2] * (width / reference_width).ln(),
            self.weights[3] * (height / reference_height).ln(),
        ]
    }

    /// The box that the offsets lead to.
    #[must_use]
    pub fn decode(&self, offsets: &Row, reference: &Row) -> Row {
        let [reference_x, reference_y, reference_width, reference_height] = centre_and_size(reference);
        let shift_x = offsets[0] / self.weights[0];
        let shift_y = offsets[1] / self.weights[1];
        let growth_x = (offsets[2] / self.weights[2]).min(LARGEST_LOGARITHM);
        let growth_y = (offsets[3] / self.weights[3]).min(LARGEST_LOGARITHM);
        let x = shift_x * reference_width + reference_x;
        let y = shift_y * reference_height + reference_y;
        let half_width = 0.5 * (growth_x.exp() * reference_width);
        let half_height = 0.5 * (growth_y.exp() * reference_height);
        [x - half_width, y - half_height, x + half_width, y + half_height]
    }
}

fn centre_and_size(row: &Row) -> [f32; 4] {
    let (width, height) = (row[2] - row[0], row[3] - row[1]);
    [row[0] + 0.5 * width, row[1] + 0.5 * height, width, height]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offsets_are_shifts_in_sizes_and_logarithms_of_growth() {
        let coder = BoxCoder::new([10.0, 10.0, 5.0, 5.0]);
        let offsets = coder.encode(&[5.0, 0.0, 25.0, 10.0], &[0.0, 0.0, 10.0, 10.0]);
        let expected = [10.0, 0.0, 5.0 * 2.0_f32.ln(), 0.0];
        assert!(
            offsets.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5),
            "{offsets:?}"
        );
    }

    #[test]
    fn growth_is_limited() {
        let coder = BoxCoder::new([1.0; 4]);
        let row = coder.decode(&[0.0, 0.0, 99.0, 0.0], &[0.0, 0.0, 16.0, 16.0]);
        assert!((row[2] - row[0] - 1000.0).abs() < 0.1, "{row:?}");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(x in 0.0..200.0_f32, y in 0.0..200.0_f32, w in 1.0..100.0_f32, h in 1.0..100.0_f32,
                                    rx in 0.0..200.0_f32, ry in 0.0..200.0_f32, rw in 4.0..100.0_f32, rh in 4.0..100.0_f32) {
            let coder = BoxCoder::new([10.0, 10.0, 5.0, 5.0]);
            let (wanted, reference) = ([x, y, x + w, y + h], [rx, ry, rx + rw, ry + rh]);
            let back = coder.decode(&coder.encode(&wanted, &reference), &reference);
            for (a, b) in back.iter().zip(wanted) {
                prop_assert!((a - b).abs() < 2e-3, "{back:?} {wanted:?}");
            }
        }
    }
}
