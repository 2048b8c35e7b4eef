//! The losses of samples that may count differently: each sample by its weight, over the number of samples.
//!
//! The divisor is not the sum of the weights: a sample that counts less pulls less, and the others pull as before. Weights that are all 1
//! change no bit.

use tch::{Reduction, TchError, Tensor};

use crate::boxes::{self, Row};

/// Where smooth L1 turns from square to straight.
pub(crate) const SMOOTH_L1_BETA: f64 = 1.0 / 9.0;
/// torch's `ignore_index` that no label has.
const NO_LABEL: i64 = -100;

/// Cross entropy of logits `[N, classes]` against labels `[N]`.
pub(crate) fn cross_entropy(logits: &Tensor, labels: &[i64], weights: &[f32]) -> Result<Tensor, TchError> {
    let labels = Tensor::f_from_slice(labels)?.f_to_device(logits.device())?;
    let loss = |reduction| logits.f_cross_entropy_loss(&labels, None::<&Tensor>, reduction, NO_LABEL, 0.0);
    match factors(weights, logits)? {
        None => loss(Reduction::Mean),
        Some(factors) => loss(Reduction::None)?.f_mul(&factors)?.f_mean(None),
    }
}

/// Binary cross entropy of logits `[N]` against labels, 1 for an object.
pub(crate) fn objectness(logits: &Tensor, labels: &[f32], weights: &[f32]) -> Result<Tensor, TchError> {
    let labels = Tensor::f_from_slice(labels)?.f_to_device(logits.device())?;
    let factors = factors(weights, logits)?;
    logits.f_binary_cross_entropy_with_logits(&labels, factors.as_ref(), None::<&Tensor>, Reduction::Mean)
}

/// Smooth L1 of offsets `[P, 4]` against those wanted, of `count` samples in all.
pub(crate) fn offsets(found: &Tensor, wanted: &[Row], weights: &[f32], count: usize) -> Result<Tensor, TchError> {
    let wanted = boxes::tensor(wanted, found.device())?;
    let loss = |reduction| found.f_smooth_l1_loss(&wanted, reduction, SMOOTH_L1_BETA);
    let sum = match factors(weights, found)? {
        None => loss(Reduction::Sum)?,
        Some(factors) => loss(Reduction::None)?.f_mul(&factors.f_view([-1, 1])?)?.f_sum(None)?,
    };
    sum.f_div_scalar(count.max(1) as f64)
}

/// The weights as a tensor beside another; none if all are 1.
fn factors(weights: &[f32], beside: &Tensor) -> Result<Option<Tensor>, TchError> {
    if weights.iter().all(|&weight| weight == 1.0) {
        return Ok(None);
    }
    Tensor::f_from_slice(weights)?.f_to_device(beside.device()).map(Some)
}

#[cfg(test)]
mod tests {
    use super::{cross_entropy, objectness, offsets};
    use tch::Tensor;

    fn near(found: &Tensor, expected: f64) {
        let found = found.double_value(&[]);
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    #[test]
    fn a_row_counts_by_its_weight_over_all_rows() {
        // -log softmax of [0, ln 3] is ln 4 for the first class and ln 4/3 for the second.
        let logits = Tensor::from_slice(&[0.0_f32, 3.0_f32.ln()]).repeat([3, 1]);
        let (rare, usual) = (4.0_f64.ln(), (4.0_f64 / 3.0).ln());
        near(
            &cross_entropy(&logits, &[0, 1, 1], &[1.0; 3]).unwrap(),
            (rare + 2.0 * usual) / 3.0,
        );
        near(
            &cross_entropy(&logits, &[0, 1, 1], &[0.25, 1.0, 0.5]).unwrap(),
            (0.25 * rare + 1.5 * usual) / 3.0,
        );
    }

    #[test]
    fn an_anchor_counts_by_its_weight_over_all_anchors() {
        // The sigmoid of ln 3 is 3/4.
        let logits = Tensor::from_slice(&[3.0_f32.ln(), 3.0_f32.ln()]);
        let (object, background) = (-0.75_f64.ln(), -0.25_f64.ln());
        near(
            &objectness(&logits, &[1.0, 0.0], &[1.0, 1.0]).unwrap(),
            (object + background) / 2.0,
        );
        near(
            &objectness(&logits, &[1.0, 0.0], &[0.5, 1.0]).unwrap(),
            (0.5 * object + background) / 2.0,
        );
    }

    #[test]
    fn offsets_count_by_their_boxs_weight() {
        // Below 1/9: d * d * 9 / 2; above: d - 1/18.
        let found = Tensor::from_slice(&[0.1_f32, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0]).view([2, 4]);
        let (first, second) = (0.1 * 0.1 * 4.5, (1.0 - 1.0 / 18.0) + (2.0 - 1.0 / 18.0));
        let wanted = [[0.0; 4]; 2];
        near(
            &offsets(&found, &wanted, &[1.0, 1.0], 5).unwrap(),
            (first + second) / 5.0,
        );
        near(
            &offsets(&found, &wanted, &[1.0, 0.5], 5).unwrap(),
            (first + 0.5 * second) / 5.0,
        );
        near(&offsets(&found.slice(0, 0, 0, 1), &[], &[], 0).unwrap(), 0.0);
    }
}
