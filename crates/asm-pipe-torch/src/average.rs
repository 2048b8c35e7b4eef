//! A running average of a network's weights (Polyak and Juditsky 1992, with exponential weights), kept beside the weights that learn.

use std::collections::BTreeMap;

use tch::nn::VarStore;
use tch::{Kind, TchError, Tensor};

use crate::weights::{Array, Arrays, AsTensor as _, WeightsError};

/// How slowly the average follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Share of the average that a step keeps.
    pub decay: f64,
    /// Keeps less at first, `(1 + t) / (10 + t)` after `t` steps: what the weights began with is soon forgotten.
    pub warm_up: bool,
}

impl Pace {
    /// The share that is kept in a step, counted from 0.
    #[must_use]
    pub fn kept(self, step: u64) -> f64 {
        let step = step as f64;
        if self.warm_up {
            self.decay.min((1.0 + step) / (10.0 + step))
        } else {
            self.decay
        }
    }
}

/// The average of the parameters that learn. Everything else of a network is as it is there.
#[derive(Debug)]
pub struct Average {
    pace: Pace,
    values: BTreeMap<String, (Tensor, Tensor)>,
}

impl Average {
    /// An average that begins with what the network holds.
    #[must_use]
    pub fn new(store: &VarStore, pace: Pace) -> Self {
        let learns = store
            .variables()
            .into_iter()
            .filter(|(_, variable)| variable.requires_grad());
        let values = learns.map(|(name, variable)| {
            let average = variable.detach().copy();
            (name, (variable, average))
        });
        Self {
            pace,
            values: values.collect(),
        }
    }

    /// Follows the network after its optimizer's step, counted from 0.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn follow(&mut self, step: u64) -> Result<(), TchError> {
        let share = 1.0 - self.pace.kept(step);
        tch::no_grad(|| {
            for (variable, average) in self.values.values_mut() {
                let _ = average.f_lerp_(variable, share)?;
            }
            Ok(())
        })
    }

    /// The average by name.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn arrays(&self) -> Result<Arrays, TchError> {
        let arrays = self.values.iter();
        arrays
            .map(|(name, (_, average))| Ok((name.clone(), Array::of(average)?)))
            .collect()
    }

    /// Takes up what [`Average::arrays`] gave.
    ///
    /// # Errors
    /// When it is not of the same parameters.
    pub fn restore(&mut self, arrays: &Arrays) -> Result<(), WeightsError> {
        if arrays.len() != self.values.len() {
            return Err(WeightsError::Foreign("the average is of another network".into()));
        }
        for (name, (_, average)) in &mut self.values {
            let tensor = arrays.get(name).map(Array::tensor).transpose()?;
            let fits = |tensor: &Tensor| tensor.size() == average.size() && tensor.kind() == Kind::Float;
            let Some(tensor) = tensor.filter(fits) else {
                return Err(WeightsError::Foreign(format!(
                    "the average has no parameter like `{name}`"
                )));
            };
            *average = tensor.f_to_device(average.device())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Average, Pace};
    use crate::golden::{golden, numbers, rows};
    use tch::nn::VarStore;
    use tch::{Device, Tensor};

    fn weight(values: &[f64]) -> Tensor {
        let values: Vec<f32> = values[..4].iter().map(|value| *value as f32).collect();
        Tensor::from_slice(&values)
    }

    fn store(values: &[f64]) -> (VarStore, Tensor) {
        let store = VarStore::new(Device::Cpu);
        let mut variable = store.root().zeros("weight", &[4]);
        tch::no_grad(|| variable.copy_(&weight(values)));
        let _ = store.root().zeros_no_train("mean", &[2]);
        (store, variable)
    }

    #[test]
    fn it_follows_as_torchs_averaged_model_does() {
        let golden = golden();
        let (store, mut variable) = store(&numbers(&golden["start"]));
        let pace = Pace {
            decay: 0.9,
            warm_up: false,
        };
        let mut average = Average::new(&store, pace);
        let expected = rows(&golden["average_of_gradients"]["values"]);
        for (step, (next, expected)) in (0..).zip(rows(&golden["gradients"]).iter().zip(&expected)) {
            tch::no_grad(|| variable.copy_(&weight(next)));
            average.follow(step).unwrap();
            let found = Vec::<f32>::try_from(&average.values["weight"].1).unwrap();
            let near = found
                .iter()
                .zip(expected)
                .all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6);
            assert!(near, "step {step}: {found:?} for {expected:?}");
        }
        assert_eq!(average.arrays().unwrap().len(), 1, "what does not learn has no average");
    }

    #[test]
    fn at_first_it_follows_faster() {
        let pace = Pace {
            decay: 0.99,
            warm_up: true,
        };
        assert_eq!([0, 10, 80].map(|step| pace.kept(step)), [0.1, 11.0 / 20.0, 0.9]);
        assert_eq!(pace.kept(10_000), 0.99);
    }

    #[test]
    fn a_restored_average_is_the_same() {
        let pace = Pace {
            decay: 0.5,
            warm_up: false,
        };
        let (from, mut variable) = store(&[1.0, 2.0, 3.0, 4.0]);
        let mut average = Average::new(&from, pace);
        let _ = tch::no_grad(|| variable.fill_(9.0));
        average.follow(0).unwrap();
        let (to, _) = store(&[0.0; 4]);
        let mut other = Average::new(&to, pace);
        other.restore(&average.arrays().unwrap()).unwrap();
        assert_eq!(other.arrays().unwrap(), average.arrays().unwrap());
        assert!(other.restore(&crate::weights::Arrays::new()).is_err());
    }
}
