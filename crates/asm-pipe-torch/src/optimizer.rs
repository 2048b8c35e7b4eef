//! Stochastic gradient descent whose state can be saved; tch's own keeps it where nobody can reach it.

use std::collections::BTreeMap;

use tch::nn::VarStore;
use tch::{Kind, TchError, Tensor};

use crate::weights::{Array, Arrays, AsTensor as _, WeightsError};

/// What stays the same over a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// Share of the last step that is kept.
    pub momentum: f64,
    /// Pull of each parameter towards 0.
    pub weight_decay: f64,
    /// Looks ahead along the momentum (Nesterov), as torch defines it.
    pub nesterov: bool,
}

/// SGD over the parameters of a network that learn, in the order of their names.
#[derive(Debug)]
pub struct Optimizer {
    settings: Momentum,
    parameters: BTreeMap<String, Tensor>,
    velocities: BTreeMap<String, Tensor>,
}

impl Optimizer {
    /// An optimizer without momentum yet, for all variables that require a gradient.
    #[must_use]
    pub fn new(store: &VarStore, settings: Momentum) -> Self {
        let parameters = store
            .variables()
            .into_iter()
            .filter(|(_, variable)| variable.requires_grad())
            .collect();
        Self {
            settings,
            parameters,
            velocities: BTreeMap::new(),
        }
    }

    /// Forgets the gradients of the last iteration.
    pub fn zero_gradients(&mut self) {
        for parameter in self.parameters.values_mut() {
            parameter.zero_grad();
        }
    }

    /// Scales all gradients together so that their norm is at most `limit`; says what it was.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn clip(&mut self, limit: f64) -> Result<f64, TchError> {
        tch::no_grad(|| {
            let gradients: Vec<Tensor> = self
                .parameters
                .values()
                .map(Tensor::grad)
                .filter(Tensor::defined)
                .collect();
            if gradients.is_empty() {
                return Ok(0.0);
            }
            let norms = gradients.iter().map(Tensor::f_norm).collect::<Result<Vec<_>, _>>()?;
            let norm = Tensor::f_stack(&norms, 0)?.f_norm()?.f_double_value(&[])?;
            // The small term and the test are those of torch's `clip_grad_norm_`.
            let factor = limit / (norm + 1e-6);
            if factor < 1.0 {
                for mut gradient in gradients {
                    let _ = gradient.f_mul_scalar_(factor)?;
                }
            }
            Ok(norm)
        })
    }

    /// Moves every parameter that has a gradient.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn step(&mut self, learning_rate: f64) -> Result<(), TchError> {
        let Momentum {
            momentum,
            weight_decay,
            nesterov,
        } = self.settings;
        tch::no_grad(|| {
            for (name, parameter) in &mut self.parameters {
                let gradient = parameter.grad();
                if !gradient.defined() {
                    continue;
                }
                let mut change = if weight_decay == 0.0 {
                    gradient
                } else {
                    &gradient + &*parameter * weight_decay
                };
                if momentum != 0.0 {
                    let velocity = match self.velocities.get_mut(name) {
                        Some(velocity) => {
                            let _ = velocity.f_mul_scalar_(momentum)?.f_add_(&change)?;
                            velocity.shallow_clone()
                        }
                        None => self
                            .velocities
                            .entry(name.clone())
                            .or_insert(change.copy())
                            .shallow_clone(),
                    };
                    change = if nesterov {
                        change + velocity * momentum
                    } else {
                        velocity
                    };
                }
                let _ = parameter.f_sub_(&(change * learning_rate))?;
            }
            Ok(())
        })
    }

    /// The momentum of each parameter that has moved.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn state(&self) -> Result<Arrays, TchError> {
        self.velocities
            .iter()
            .map(|(name, tensor)| Ok((name.clone(), Array::of(tensor)?)))
            .collect()
    }

    /// Takes up the momentum that [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// When it belongs to other parameters.
    pub fn restore(&mut self, state: &Arrays) -> Result<(), WeightsError> {
        let mut velocities = BTreeMap::new();
        for (name, array) in state {
            let parameter = self.parameters.get(name);
            let tensor = array.tensor()?;
            let fits = parameter.is_some_and(|p| p.size() == tensor.size() && tensor.kind() == Kind::Float);
            let Some(parameter) = parameter.filter(|_| fits) else {
                return Err(WeightsError::Mismatch(format!(
                    "the optimizer has no parameter like `{name}`"
                )));
            };
            velocities.insert(name.clone(), tensor.f_to_device(parameter.device())?);
        }
        self.velocities = velocities;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Momentum, Optimizer};
    use tch::nn::VarStore;
    use tch::{Device, Tensor};

    const PLAIN: Momentum = Momentum {
        momentum: 0.0,
        weight_decay: 0.0,
        nesterov: false,
    };

    /// A single parameter x = 2 with the loss 3x, so the gradient is always 3.
    fn line(settings: Momentum) -> (VarStore, Tensor, Optimizer) {
        let store = VarStore::new(Device::Cpu);
        let mut x = store.root().zeros("x", &[1]);
        let _ = tch::no_grad(|| x.fill_(2.0));
        let optimizer = Optimizer::new(&store, settings);
        (store, x, optimizer)
    }

    fn steps(x: &Tensor, optimizer: &mut Optimizer, count: usize) -> f64 {
        for _ in 0..count {
            optimizer.zero_gradients();
            (x * 3.0).sum(tch::Kind::Float).backward();
            optimizer.step(0.1).unwrap();
        }
        x.double_value(&[0])
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn plain_descent_goes_down_the_gradient() {
        let (_store, x, mut optimizer) = line(PLAIN);
        assert!(near(steps(&x, &mut optimizer, 2), 2.0 - 2.0 * 0.3));
    }

    #[test]
    fn momentum_adds_up_and_nesterov_looks_ahead() {
        let heavy = Momentum { momentum: 0.9, ..PLAIN };
        let (_store, x, mut optimizer) = line(heavy);
        // Velocities 3, 5.7, 8.13.
        assert!(near(steps(&x, &mut optimizer, 3), 2.0 - 0.1 * (3.0 + 5.7 + 8.13)));
        let (_store, x, mut optimizer) = line(Momentum {
            nesterov: true,
            ..heavy
        });
        let ahead = (3.0 + 0.9 * 3.0) + (3.0 + 0.9 * 5.7);
        assert!(near(steps(&x, &mut optimizer, 2), 2.0 - 0.1 * ahead));
    }

    #[test]
    fn weight_decay_pulls_towards_zero() {
        let (_store, x, mut optimizer) = line(Momentum {
            weight_decay: 0.5,
            ..PLAIN
        });
        assert!(near(steps(&x, &mut optimizer, 1), 2.0 - 0.1 * (3.0 + 0.5 * 2.0)));
    }

    #[test]
    fn clipping_keeps_the_direction_and_bounds_the_norm() {
        let store = VarStore::new(Device::Cpu);
        let (a, b) = (store.root().zeros("a", &[2]), store.root().zeros("b", &[1]));
        let mut optimizer = Optimizer::new(&store, PLAIN);
        let loss = a.dot(&Tensor::from_slice(&[1.0_f32, 2.0])) + &b * 2.0;
        loss.sum(tch::Kind::Float).backward();
        assert!(near(optimizer.clip(1.5).unwrap(), 3.0));
        assert!((a.grad().double_value(&[1]) - 1.0).abs() < 1e-5);
        assert!((b.grad().double_value(&[0]) - 1.0).abs() < 1e-5);
        assert!((optimizer.clip(9.0).unwrap() - 1.5).abs() < 1e-5);
    }

    #[test]
    fn a_restored_optimizer_goes_on_exactly() {
        let heavy = Momentum {
            momentum: 0.9,
            weight_decay: 0.01,
            nesterov: false,
        };
        let (_store, x, mut optimizer) = line(heavy);
        let whole = steps(&x, &mut optimizer, 5);
        let (_first, x, mut optimizer) = line(heavy);
        let half = steps(&x, &mut optimizer, 2);
        let state = optimizer.state().unwrap();
        let (_second, mut x, mut optimizer) = line(heavy);
        let _ = tch::no_grad(|| x.fill_(half));
        optimizer.restore(&state).unwrap();
        assert_eq!(steps(&x, &mut optimizer, 3).to_bits(), whole.to_bits());
    }

    #[test]
    fn frozen_variables_are_left_alone() {
        let store = VarStore::new(Device::Cpu);
        let _ = store.root().zeros_no_train("mean", &[3]);
        assert!(Optimizer::new(&store, PLAIN).parameters.is_empty());
    }
}
