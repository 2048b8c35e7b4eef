//! Optimizers whose state can be saved; tch's own keep it where nobody can reach it. The formulas are torch's.

mod adamw;
mod sgd;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use safetensors::Dtype;
use tch::nn::VarStore;
use tch::{Kind, TchError, Tensor};

use crate::weights::{Array, Arrays, AsTensor as _, WeightsError};

pub use adamw::AdamW;
pub use sgd::Momentum;

/// How gradients become changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Stochastic gradient descent.
    Sgd(Momentum),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW(AdamW),
}

/// What stays the same over a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How gradients become changes.
    pub method: Method,
    /// Pull of each parameter towards 0.
    pub weight_decay: f64,
    /// Whether it pulls at parameters of one dimension too: biases, and the factors of norms.
    pub decay_norm_and_bias: bool,
}

/// What is remembered of a parameter between steps.
#[derive(Debug)]
struct Memory {
    /// Steps that it has moved.
    steps: i64,
    /// Velocity, or the running mean of gradients.
    first: Tensor,
    /// The running mean of their squares.
    second: Option<Tensor>,
}

/// An optimizer of the parameters of a network that learn, in the order of their names.
#[derive(Debug)]
pub struct Optimizer {
    settings: Settings,
    parameters: BTreeMap<String, Tensor>,
    memories: BTreeMap<String, Memory>,
}

impl Optimizer {
    /// An optimizer that has not moved yet, for all variables that require a gradient.
    #[must_use]
    pub fn new(store: &VarStore, settings: Settings) -> Self {
        let parameters = store
            .variables()
            .into_iter()
            .filter(|(_, variable)| variable.requires_grad())
            .collect();
        Self {
            settings,
            parameters,
            memories: BTreeMap::new(),
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
        let settings = self.settings;
        tch::no_grad(|| {
            for (name, parameter) in &mut self.parameters {
                let gradient = parameter.grad();
                if !gradient.defined() {
                    continue;
                }
                let decay = if settings.decay_norm_and_bias || parameter.dim() > 1 {
                    settings.weight_decay
                } else {
                    0.0
                };
                let before = self.memories.remove(name);
                let after = match settings.method {
                    Method::Sgd(method) => method.step(parameter, gradient, before, decay, learning_rate)?,
                    Method::AdamW(method) => Some(method.step(parameter, &gradient, before, decay, learning_rate)?),
                };
                self.memories.extend(after.map(|memory| (name.clone(), memory)));
            }
            Ok(())
        })
    }

    /// All that is remembered, as arrays `first/NAME`, `second/NAME` and `steps/NAME`.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn state(&self) -> Result<Arrays, TchError> {
        let mut arrays = Arrays::new();
        for (name, memory) in &self.memories {
            arrays.insert(format!("first/{name}"), Array::of(&memory.first)?);
            if let Some(second) = &memory.second {
                arrays.insert(format!("second/{name}"), Array::of(second)?);
            }
            let steps = Array {
                dtype: Dtype::I64,
                shape: vec![1],
                data: memory.steps.to_le_bytes().to_vec(),
            };
            arrays.insert(format!("steps/{name}"), steps);
        }
        Ok(arrays)
    }

    /// Takes up what [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// When it belongs to other parameters or another method.
    pub fn restore(&mut self, state: &Arrays) -> Result<(), WeightsError> {
        let mut memories = BTreeMap::new();
        for key in state.keys() {
            let name = key.split_once('/').map_or(key.as_str(), |(_, name)| name);
            if !self.parameters.contains_key(name) {
                return Err(unlike(name));
            }
        }
        for (name, parameter) in &self.parameters {
            let Some(first) = fitting(state, "first", name, parameter)? else {
                continue;
            };
            let second = fitting(state, "second", name, parameter)?;
            if second.is_some() != matches!(self.settings.method, Method::AdamW(_)) {
                return Err(unlike(name));
            }
            let steps = state.get(&format!("steps/{name}"));
            let steps = steps.and_then(|array| <[u8; 8]>::try_from(array.data.as_slice()).ok());
            let steps = i64::from_le_bytes(steps.ok_or_else(|| unlike(name))?);
            memories.insert(name.clone(), Memory { steps, first, second });
        }
        self.memories = memories;
        Ok(())
    }
}

/// An array of the state as a tensor like its parameter; none if there is none.
fn fitting(state: &Arrays, part: &str, name: &str, parameter: &Tensor) -> Result<Option<Tensor>, WeightsError> {
    let Some(array) = state.get(&format!("{part}/{name}")) else {
        return Ok(None);
    };
    let tensor = array.tensor()?;
    if tensor.size() != parameter.size() || tensor.kind() != Kind::Float {
        return Err(unlike(name));
    }
    Ok(Some(tensor.f_to_device(parameter.device())?))
}

fn unlike(name: &str) -> WeightsError {
    WeightsError::Foreign(format!("the optimizer has no parameter like `{name}`"))
}
