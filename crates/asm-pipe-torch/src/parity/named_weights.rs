//! Weights that follow from the parameters' names: two programs hold the same network without a checkpoint.

use tch::{Tensor, nn};

/// FNV-1a of the name, then SplitMix64 from there: numbers in `[-1, 1)`.
fn uniform(name: &str, count: usize) -> Vec<f64> {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    (1..=count as u64)
        .map(|number| {
            let mut z = hash.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            (z >> 40) as f64 / f64::from(1 << 24) * 2.0 - 1.0
        })
        .collect()
}

/// Fills every variable by its name and its role.
pub(crate) fn fill(store: &nn::VarStore) {
    for (name, mut tensor) in store.variables() {
        let shape = tensor.size();
        let leaf = name.rsplit('.').next().unwrap();
        if leaf == "num_batches_tracked" {
            continue;
        }
        let gain = if name.ends_with("cls_score.weight") || name.ends_with("cls_logits.weight") {
            8.0
        } else if name.ends_with("bbox_pred.weight") {
            0.5
        } else {
            1.0
        };
        let fan_in = shape[1..].iter().product::<i64>() as f64;
        let values: Vec<f32> = uniform(&name, tensor.numel())
            .into_iter()
            .map(|u| match leaf {
                _ if shape.len() >= 2 => u * gain * (3.0 / fan_in).sqrt(),
                "weight" => 0.75 + 0.25 * u,
                "running_var" => 1.0 + 0.25 * u,
                _ => 0.05 * u,
            } as f32)
            .collect();
        tch::no_grad(|| tensor.copy_(&Tensor::from_slice(&values).view(shape.as_slice())));
    }
}
