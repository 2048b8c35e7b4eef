//! Against `tests/golden/training.json`, which `training.py` beside it makes with torch.

use serde_json::Value;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::{AdamW, Method, Momentum, Optimizer, Settings};
use crate::golden::{golden, numbers, rows};

const PLAIN: Settings = Settings {
    method: Method::Sgd(Momentum {
        momentum: 0.0,
        nesterov: false,
    }),
    weight_decay: 0.0,
    decay_norm_and_bias: true,
};

const HEAVY: Method = Method::Sgd(Momentum {
    momentum: 0.9,
    nesterov: false,
});

const ADAM: AdamW = AdamW {
    betas: [0.9, 0.999],
    epsilon: 1e-8,
};

fn decayed(method: Method) -> Settings {
    Settings {
        method,
        weight_decay: 0.05,
        ..PLAIN
    }
}

/// A weight of two by two and a bias of two, with the golden start.
struct Model {
    _store: VarStore,
    weight: Tensor,
    bias: Tensor,
    optimizer: Optimizer,
}

impl Model {
    fn new(start: &[f64], settings: Settings) -> Self {
        let store = VarStore::new(Device::Cpu);
        let (mut weight, mut bias) = (store.root().zeros("weight", &[2, 2]), store.root().zeros("bias", &[2]));
        let (given_weight, given_bias) = parts(start);
        tch::no_grad(|| {
            weight.copy_(&given_weight);
            bias.copy_(&given_bias);
        });
        Self {
            optimizer: Optimizer::new(&store, settings),
            _store: store,
            weight,
            bias,
        }
    }

    /// A step under a gradient: that of a product with it.
    fn step(&mut self, gradient: &[f64], rate: f64) {
        let (of_weight, of_bias) = parts(gradient);
        self.optimizer.zero_gradients();
        let loss = (&self.weight * of_weight).sum(Kind::Float) + (&self.bias * of_bias).sum(Kind::Float);
        loss.backward();
        self.optimizer.step(rate).unwrap();
    }

    fn values(&self) -> Vec<f64> {
        let all = Tensor::cat(&[self.weight.detach().view([4]), self.bias.detach()], 0);
        Vec::<f32>::try_from(all).unwrap().into_iter().map(f64::from).collect()
    }
}

fn parts(values: &[f64]) -> (Tensor, Tensor) {
    let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    (
        Tensor::from_slice(&values[..4]).view([2, 2]),
        Tensor::from_slice(&values[4..]),
    )
}

fn train(golden: &Value, settings: Settings) -> Vec<Vec<f64>> {
    let mut model = Model::new(&numbers(&golden["start"]), settings);
    let steps = rows(&golden["gradients"])
        .into_iter()
        .zip(numbers(&golden["learning_rates"]));
    steps
        .map(|(gradient, rate)| {
            model.step(&gradient, rate);
            model.values()
        })
        .collect()
}

#[test]
fn every_optimizer_moves_as_torchs_does() {
    let golden = golden();
    let nesterov = Method::Sgd(Momentum {
        momentum: 0.9,
        nesterov: true,
    });
    let other = AdamW {
        betas: [0.8, 0.95],
        epsilon: 1e-3,
    };
    let weights_only = |method| Settings {
        decay_norm_and_bias: false,
        ..decayed(method)
    };
    let adam = Method::AdamW(ADAM);
    let cases = [
        ("sgd", PLAIN),
        ("sgd_momentum_decay", decayed(HEAVY)),
        ("sgd_nesterov_decay", decayed(nesterov)),
        ("sgd_decay_of_weights_only", weights_only(HEAVY)),
        ("adamw", Settings { method: adam, ..PLAIN }),
        ("adamw_decay", decayed(adam)),
        ("adamw_other_betas", decayed(Method::AdamW(other))),
        ("adamw_decay_of_weights_only", weights_only(adam)),
    ];
    let expected = golden["optimizers"].as_object().unwrap();
    assert_eq!(expected.len(), cases.len());
    for (name, settings) in cases {
        let steps = rows(&expected[name]);
        for (step, (found, expected)) in train(&golden, settings).iter().zip(&steps).enumerate() {
            let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-6);
            assert!(near, "{name}, step {step}: {found:?} for {expected:?}");
        }
    }
}

#[test]
fn clipping_keeps_the_direction_and_bounds_the_norm() {
    let mut model = Model::new(&[0.0; 6], PLAIN);
    let (weight, bias) = parts(&[1.0, 2.0, 0.0, 0.0, 2.0, 0.0]);
    let loss = (&model.weight * weight).sum(Kind::Float) + (&model.bias * bias).sum(Kind::Float);
    loss.backward();
    assert!((model.optimizer.clip(1.5).unwrap() - 3.0).abs() < 1e-6);
    assert!((model.weight.grad().double_value(&[0, 1]) - 1.0).abs() < 1e-5);
    assert!((model.bias.grad().double_value(&[0]) - 1.0).abs() < 1e-5);
    assert!((model.optimizer.clip(9.0).unwrap() - 1.5).abs() < 1e-5);
}

#[test]
fn a_restored_optimizer_goes_on_exactly() {
    let golden = golden();
    let steps: Vec<_> = rows(&golden["gradients"])
        .into_iter()
        .zip(numbers(&golden["learning_rates"]))
        .collect();
    for settings in [decayed(HEAVY), decayed(Method::AdamW(ADAM))] {
        let whole = train(&golden, settings);
        let mut first = Model::new(&numbers(&golden["start"]), settings);
        for (gradient, rate) in &steps[..2] {
            first.step(gradient, *rate);
        }
        let mut second = Model::new(&first.values(), settings);
        second.optimizer.restore(&first.optimizer.state().unwrap()).unwrap();
        for (gradient, rate) in &steps[2..] {
            second.step(gradient, *rate);
        }
        assert_eq!(second.values(), whole[5]);
    }
}

#[test]
fn the_state_of_another_method_or_network_is_refused() {
    let mut heavy = Model::new(&[1.0; 6], decayed(HEAVY));
    heavy.step(&[1.0; 6], 0.1);
    let mut state = heavy.optimizer.state().unwrap();
    let mut adam = Model::new(&[1.0; 6], decayed(Method::AdamW(ADAM)));
    assert!(
        adam.optimizer
            .restore(&state)
            .unwrap_err()
            .to_string()
            .contains("`bias`")
    );
    let array = state["first/bias"].clone();
    state.insert("first/other".into(), array);
    assert!(
        heavy
            .optimizer
            .restore(&state)
            .unwrap_err()
            .to_string()
            .contains("`other`")
    );
}

#[test]
fn frozen_variables_are_left_alone() {
    let store = VarStore::new(Device::Cpu);
    let _ = store.root().zeros_no_train("mean", &[3]);
    assert!(Optimizer::new(&store, PLAIN).parameters.is_empty());
}
