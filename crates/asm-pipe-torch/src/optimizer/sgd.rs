//! Stochastic gradient descent (`torch.optim.SGD` without dampening).

use tch::{TchError, Tensor};

use super::Memory;

/// The constants of gradient descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// Share of the last step that is kept.
    pub momentum: f64,
    /// Looks ahead along the momentum (Nesterov), as torch defines it.
    pub nesterov: bool,
}

impl Momentum {
    /// Moves a parameter. Decay is added to the gradient, so momentum carries it on.
    pub(super) fn step(
        self,
        parameter: &mut Tensor,
        gradient: Tensor,
        before: Option<Memory>,
        decay: f64,
        learning_rate: f64,
    ) -> Result<Option<Memory>, TchError> {
        let change = if decay == 0.0 {
            gradient
        } else {
            &gradient + &*parameter * decay
        };
        if self.momentum == 0.0 {
            let _ = parameter.f_sub_(&(change * learning_rate))?;
            return Ok(None);
        }
        let memory = match before {
            Some(mut memory) => {
                let _ = memory.first.f_mul_scalar_(self.momentum)?.f_add_(&change)?;
                memory.steps += 1;
                memory
            }
            None => Memory {
                steps: 1,
                first: change.copy(),
                second: None,
            },
        };
        let change = if self.nesterov {
            change + &memory.first * self.momentum
        } else {
            memory.first.shallow_clone()
        };
        let _ = parameter.f_sub_(&(change * learning_rate))?;
        Ok(Some(memory))
    }
}
