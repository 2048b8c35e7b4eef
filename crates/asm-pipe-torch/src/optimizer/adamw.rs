//! Adam with decoupled weight decay (`torch.optim.AdamW`).

use tch::{TchError, Tensor};

use super::Memory;

/// The constants of `AdamW`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Shares of the running means that are kept: of the gradients, and of their squares.
    pub betas: [f64; 2],
    /// Added to the divisor.
    pub epsilon: f64,
}

impl AdamW {
    /// Moves a parameter. Decay shrinks the parameter itself and never enters the running means.
    pub(super) fn step(
        self,
        parameter: &mut Tensor,
        gradient: &Tensor,
        before: Option<Memory>,
        decay: f64,
        learning_rate: f64,
    ) -> Result<Memory, TchError> {
        let [beta1, beta2] = self.betas;
        let mut memory = match before {
            Some(memory) => memory,
            None => Memory {
                steps: 0,
                first: gradient.f_zeros_like()?,
                second: None,
            },
        };
        memory.steps += 1;
        let mut squares = match memory.second.take() {
            Some(squares) => squares,
            None => gradient.f_zeros_like()?,
        };
        let _ = parameter.f_mul_scalar_(1.0 - learning_rate * decay)?;
        let _ = memory.first.f_lerp_(gradient, 1.0 - beta1)?;
        let _ = squares
            .f_mul_scalar_(beta2)?
            .f_add_(&(gradient * gradient * (1.0 - beta2)))?;
        // The means began at 0: both are divided by the share that has come in so far.
        let steps = memory.steps as f64;
        let (filled, squares_filled) = (1.0 - beta1.powf(steps), 1.0 - beta2.powf(steps));
        let divisor = (squares.f_sqrt()? / squares_filled.sqrt()) + self.epsilon;
        let _ = parameter.f_sub_(&(&memory.first / divisor * (learning_rate / filled)))?;
        memory.second = Some(squares);
        Ok(memory)
    }
}
