//! The studentised range with no end of degrees of freedom: how far the largest and the smallest of k normal numbers lie apart.

use statrs::function::erf::erf;

/// Below which a share of the range of `k` normal numbers lies, by halving.
pub(super) fn quantile(share: f64, k: usize) -> f64 {
    let (mut low, mut high) = (0.0, 20.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if probability(middle, k) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The probability of a range below `range`: k ∫ φ(z) [Φ(z) - Φ(z - range)]^(k-1) dz, by Simpson's rule.
fn probability(range: f64, k: usize) -> f64 {
    const STEPS: i32 = 800;
    let width = 16.0 / f64::from(STEPS);
    let inner = |z: f64| density(z) * (below(z) - below(z - range)).powi(k as i32 - 1);
    let weight = |step: i32| match step {
        0 | STEPS => 1.0,
        step if step % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=STEPS)
        .map(|step| weight(step) * inner(-8.0 + f64::from(step) * width))
        .sum();
    k as f64 * sum * width / 3.0
}

pub(super) fn density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

fn below(z: f64) -> f64 {
    0.5 * (1.0 + erf(z / std::f64::consts::SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_scipys() {
        let expected = [
            (2, 1.959_963_984_54, 1.644_853_626_95),
            (3, 2.343_700_586_38, 2.052_292_730_50),
            (5, 2.727_774_370_87, 2.459_515_764_27),
            (10, 3.163_683_577_05, 2.919_888_840_06),
            (40, 3.887_627_306_81, 3.678_630_575_79),
        ];
        for (k, at_95, at_90) in expected {
            for (share, expected) in [(0.95, at_95), (0.90, at_90)] {
                let found = quantile(share, k) / std::f64::consts::SQRT_2;
                assert!((found - expected).abs() < 1e-7, "{k}: {found} is not {expected}");
            }
        }
    }
}
