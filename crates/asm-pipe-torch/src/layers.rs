//! Layers that torch's C++ interface leaves to Python: convolutions with names and frozen parts, batch norm, group norm.
//!
//! Batch norm with fixed statistics is folded into the convolution before it (`w·x·s + t = (s·w)·x + t`): one pass over the
//! activations instead of three, the same gradients.
//!
//! A layer computes in the kind of its input, into which it turns its weights: so the kind of the images is that of the whole network
//! until somebody turns it back (what torch calls autocast). The weights themselves stay `Float`.

use std::cell::Cell;

use tch::nn::Path;
use tch::nn::init::{FanInOut, Init, NonLinearity, NormalOrUniform, f_init};
use tch::{Kind, TchError, Tensor};

use crate::mode::Mode;

/// Kaiming's normal distribution for rectifiers, by outputs: torchvision's for convolutions in a body.
pub(crate) const BODY_INIT: Init = Init::Kaiming {
    dist: NormalOrUniform::Normal,
    fan: FanInOut::FanOut,
    non_linearity: NonLinearity::ReLU,
};

/// Kaiming's uniform distribution with gain 1, by inputs: torchvision's for pyramids.
pub(crate) const PYRAMID_INIT: Init = Init::Kaiming {
    dist: NormalOrUniform::Uniform,
    fan: FanInOut::FanIn,
    non_linearity: NonLinearity::Linear,
};

thread_local! {
    /// Whether this thread's variables begin as their layers say.
    static DRAWN: Cell<bool> = const { Cell::new(true) };
}

/// Builds a network whose weights are put in place afterwards, all of them: until then they are whatever was in memory. To draw
/// the 41 million numbers of a `resnet50_fpn` first takes longer than an image.
pub(crate) fn undrawn<T>(build: impl FnOnce() -> T) -> T {
    /// Back to drawing, also when building panics.
    struct Draw;
    impl Drop for Draw {
        fn drop(&mut self) {
            DRAWN.set(true);
        }
    }
    let _draw = Draw;
    DRAWN.set(false);
    build()
}

/// Adds a variable to the store, learning or not.
pub(crate) fn variable(path: &Path, name: &str, shape: &[i64], init: Init, learns: bool) -> Result<Tensor, TchError> {
    let (kind, device) = (Kind::Float, path.device());
    let begun = match DRAWN.get() {
        true => f_init(init, shape, device, kind)?,
        false => Tensor::f_empty(shape, (kind, device))?,
    };
    Ok(path.add(name, begun, learns))
}

/// What surrounds the image when a kernel reaches over its edge.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Padding {
    /// Half a kernel of zeros on each side.
    Half,
    /// As many zeros as make the output `size / stride`, rounded up, the odd one after (TensorFlow's `SAME`).
    Same,
}

/// The shape of a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Input channels.
    pub(crate) input: i64,
    /// Output channels.
    pub(crate) output: i64,
    /// Side of the kernel.
    pub(crate) kernel: i64,
    /// Step in both directions.
    pub(crate) stride: i64,
    /// Groups of channels that do not see each other.
    pub(crate) groups: i64,
    /// The surrounding.
    pub(crate) padding: Padding,
}

impl Shape {
    /// A dense convolution with half padding.
    pub(crate) fn new(input: i64, output: i64, kernel: i64, stride: i64) -> Self {
        Self {
            input,
            output,
            kernel,
            stride,
            groups: 1,
            padding: Padding::Half,
        }
    }

    /// One kernel a channel.
    pub(crate) fn depthwise(channels: i64, kernel: i64, stride: i64) -> Self {
        Self {
            groups: channels,
            ..Self::new(channels, channels, kernel, stride)
        }
    }

    /// The same with another padding.
    pub(crate) fn padded(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    fn weight(&self) -> [i64; 4] {
        [self.output, self.input / self.groups, self.kernel, self.kernel]
    }

    fn apply(&self, input: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, TchError> {
        let kind = input.f_kind()?;
        let (weight, bias) = (
            weight.f_to_kind(kind)?,
            bias.map(|bias| bias.f_to_kind(kind)).transpose()?,
        );
        let conv = |input: &Tensor, padding: [i64; 2]| {
            input.f_conv2d(&weight, bias.as_ref(), [self.stride; 2], padding, [1, 1], self.groups)
        };
        match self.padding {
            Padding::Half => conv(input, [self.kernel / 2; 2]),
            Padding::Same => {
                let (_, _, height, width) = input.size4()?;
                let (rows, columns) = (self.same(height), self.same(width));
                if rows % 2 == 0 && columns % 2 == 0 {
                    return conv(input, [rows / 2, columns / 2]);
                }
                let [left, top] = [columns / 2, rows / 2];
                conv(
                    &input.f_constant_pad_nd([left, columns - left, top, rows - top])?,
                    [0, 0],
                )
            }
        }
    }

    /// Zeros to add along a side of this length.
    fn same(&self, length: i64) -> i64 {
        let outputs = (length + self.stride - 1) / self.stride;
        ((outputs - 1) * self.stride + self.kernel - length).max(0)
    }
}

/// A convolution with or without a bias.
#[derive(Debug)]
pub(crate) struct Convolution {
    shape: Shape,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Convolution {
    /// One without a bias.
    pub(crate) fn new(path: &Path, shape: Shape, learns: bool) -> Result<Self, TchError> {
        let weight = variable(path, "weight", &shape.weight(), BODY_INIT, learns)?;
        let bias = None;
        Ok(Self { shape, weight, bias })
    }

    /// One that learns, with a bias that starts at 0.
    pub(crate) fn with_bias(path: &Path, shape: Shape, init: Init, learns: bool) -> Result<Self, TchError> {
        let weight = variable(path, "weight", &shape.weight(), init, learns)?;
        let bias = Some(variable(path, "bias", &[shape.output], Init::Const(0.0), learns)?);
        Ok(Self { shape, weight, bias })
    }

    /// Sets every bias.
    pub(crate) fn fill_bias(&self, value: f64) -> Result<(), TchError> {
        match &self.bias {
            Some(bias) => tch::no_grad(|| bias.shallow_clone().f_fill_(value)).map(|_| ()),
            None => Ok(()),
        }
    }

    /// `[B, input, H, W]` to `[B, output, H', W']`.
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        self.shape.apply(input, &self.weight, self.bias.as_ref())
    }
}

/// How the batch norms of a network behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormRule {
    /// Added to the variance.
    pub(crate) epsilon: f64,
    /// Whether they learn, and take the statistics of each batch in training; otherwise nothing in them ever changes.
    pub(crate) live: bool,
}

/// Share of a batch's statistics in the running ones (torch's `momentum`).
const NORM_MOMENTUM: f64 = 0.1;

/// Batch norm, frozen (four buffers, nothing that learns) or live (torch's `BatchNorm2d`).
#[derive(Debug)]
struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    /// How many batches have been seen: a live one has it, as in torch, and computes nothing with it.
    counter: Option<Tensor>,
    epsilon: f64,
}

impl BatchNorm {
    fn new(path: &Path, channels: i64, rule: NormRule, learns: bool) -> Result<Self, TchError> {
        let vector = |name, value, learns| variable(path, name, &[channels], Init::Const(value), learns);
        let learns = learns && rule.live;
        let counter = rule
            .live
            .then(|| Tensor::f_zeros([], (Kind::Int64, path.device())))
            .transpose()?
            .map(|zero| path.add("num_batches_tracked", zero, false));
        Ok(Self {
            weight: vector("weight", 1.0, learns)?,
            bias: vector("bias", 0.0, learns)?,
            running_mean: vector("running_mean", 0.0, false)?,
            running_var: vector("running_var", 1.0, false)?,
            counter,
            epsilon: rule.epsilon,
        })
    }

    /// Factor and summand of each channel, by the running statistics.
    fn scale_and_shift(&self) -> Result<(Tensor, Tensor), TchError> {
        let scale = self
            .running_var
            .f_add_scalar(self.epsilon)?
            .f_rsqrt()?
            .f_mul(&self.weight)?;
        let shift = self.bias.f_sub(&self.running_mean.f_mul(&scale)?)?;
        Ok((scale, shift))
    }

    /// By the statistics of this batch, of which the running ones take their share.
    fn by_batch(&self, input: &Tensor, counter: &Tensor) -> Result<Tensor, TchError> {
        let (images, _, height, width) = input.size4()?;
        if images * height * width == 1 {
            // Its variance would be 0/0, for ever after in the running statistics too.
            let problem = "live batch norm needs more than one value a channel: raise `batch_size` or `min_size`";
            return Err(TchError::Shape(problem.into()));
        }
        let _ = tch::no_grad(|| counter.shallow_clone().f_add_scalar_(1))?;
        input.f_batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_var),
            true,
            NORM_MOMENTUM,
            self.epsilon,
            false,
        )
    }
}

/// A convolution without bias followed by batch norm.
#[derive(Debug)]
pub(crate) struct NormedConvolution {
    convolution: Convolution,
    norm: BatchNorm,
}

impl NormedConvolution {
    /// Under the two names that the network gives its convolution and its norm.
    pub(crate) fn new(
        convolution: &Path,
        norm: &Path,
        shape: Shape,
        rule: NormRule,
        learns: bool,
    ) -> Result<Self, TchError> {
        Self::with_init(convolution, norm, shape, BODY_INIT, rule, learns)
    }

    /// The same with other fresh weights.
    pub(crate) fn with_init(
        convolution: &Path,
        norm: &Path,
        shape: Shape,
        init: Init,
        rule: NormRule,
        learns: bool,
    ) -> Result<Self, TchError> {
        let weight = variable(convolution, "weight", &shape.weight(), init, learns)?;
        Ok(Self {
            convolution: Convolution {
                shape,
                weight,
                bias: None,
            },
            norm: BatchNorm::new(norm, shape.output, rule, learns)?,
        })
    }

    /// `[B, input, H, W]` to `[B, output, H', W']`.
    pub(crate) fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        if let (Mode::Training, Some(counter)) = (mode, &self.norm.counter) {
            return self.norm.by_batch(&self.convolution.forward(input)?, counter);
        }
        let (scale, shift) = self.norm.scale_and_shift()?;
        let weight = self.convolution.weight.f_mul(&scale.f_view([-1, 1, 1, 1])?)?;
        self.convolution.shape.apply(input, &weight, Some(&shift))
    }
}

/// A convolution followed by group norm, which needs no statistics and so learns from scratch on small batches (Wu and He 2018).
#[derive(Debug)]
pub(crate) struct GroupNormedConvolution {
    convolution: Convolution,
    weight: Tensor,
    bias: Tensor,
}

impl GroupNormedConvolution {
    /// Channels in a group.
    const GROUP: i64 = 8;

    /// Under `conv` and `norm`.
    pub(crate) fn new(path: &Path, shape: Shape, learns: bool) -> Result<Self, TchError> {
        let norm = path.sub("norm");
        Ok(Self {
            convolution: Convolution::new(&path.sub("conv"), shape, learns)?,
            weight: variable(&norm, "weight", &[shape.output], Init::Const(1.0), learns)?,
            bias: variable(&norm, "bias", &[shape.output], Init::Const(0.0), learns)?,
        })
    }

    /// `[B, input, H, W]` to `[B, output, H', W']`; `output` must be a multiple of 8.
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let groups = self.convolution.shape.output / Self::GROUP;
        self.convolution
            .forward(input)?
            .f_group_norm(groups, Some(&self.weight), Some(&self.bias), 1e-5, false)
    }
}

/// A fully connected layer.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// With torch's usual start: uniform within one over the root of the inputs.
    pub(crate) fn new(path: &Path, inputs: i64, outputs: i64) -> Result<Self, TchError> {
        let bound = 1.0 / (inputs as f64).sqrt();
        let init = Init::Uniform { lo: -bound, up: bound };
        Ok(Self {
            weight: variable(path, "weight", &[outputs, inputs], init, true)?,
            bias: variable(path, "bias", &[outputs], init, true)?,
        })
    }

    /// `[N, inputs]` to `[N, outputs]`.
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let kind = input.f_kind()?;
        input.f_linear(&self.weight.f_to_kind(kind)?, Some(self.bias.f_to_kind(kind)?))
    }
}

/// The same `[B, C, H, W]` values with the channels of a pixel side by side in memory, the layout that CPU convolutions are fastest in.
pub(crate) fn channels_last(input: &Tensor) -> Result<Tensor, TchError> {
    input.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn};

    use super::*;

    const FROZEN: NormRule = NormRule {
        epsilon: 1e-3,
        live: false,
    };

    fn layer(store: &nn::VarStore, rule: NormRule) -> NormedConvolution {
        tch::manual_seed(0);
        let root = store.root();
        let layer =
            NormedConvolution::new(&root.sub("conv"), &root.sub("bn"), Shape::new(3, 4, 3, 2), rule, true).unwrap();
        let norm = &layer.norm;
        for buffer in [&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var] {
            let _ = tch::no_grad(|| buffer.shallow_clone().uniform_(0.5, 1.5));
        }
        layer
    }

    /// By the definition, with these statistics.
    fn normed(layer: &NormedConvolution, plain: &Tensor, mean: &Tensor, var: &Tensor) -> Tensor {
        let column = |tensor: &Tensor| tensor.view([1, -1, 1, 1]);
        let (weight, bias) = (column(&layer.norm.weight), column(&layer.norm.bias));
        (plain - column(mean)) / (column(var) + 1e-3).sqrt() * weight + bias
    }

    fn far(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn fixed_batch_norm_folds_into_the_convolution() {
        let input = Tensor::randn([2, 3, 9, 7], (Kind::Float, Device::Cpu));
        for (rule, mode, trainable) in [
            (FROZEN, Mode::Training, 1),
            (NormRule { live: true, ..FROZEN }, Mode::Detection, 3),
        ] {
            let store = nn::VarStore::new(Device::Cpu);
            let layer = layer(&store, rule);
            let plain = layer.convolution.forward(&input).unwrap();
            let expected = normed(&layer, &plain, &layer.norm.running_mean, &layer.norm.running_var);
            assert!(far(&layer.forward(&input, mode).unwrap(), &expected) < 1e-5);
            assert_eq!(store.trainable_variables().len(), trainable);
        }
    }

    #[test]
    fn live_batch_norm_takes_the_batchs_statistics_and_remembers_a_tenth_of_them() {
        let store = nn::VarStore::new(Device::Cpu);
        let layer = layer(&store, NormRule { live: true, ..FROZEN });
        let input = Tensor::randn([2, 3, 9, 7], (Kind::Float, Device::Cpu));
        let plain = layer.convolution.forward(&input).unwrap().detach();
        let (mean, var) = (
            plain.mean_dim([0, 2, 3].as_slice(), false, Kind::Float),
            plain.var_dim([0, 2, 3].as_slice(), false, false),
        );
        let before = layer.norm.running_mean.copy();
        let found = layer.forward(&input, Mode::Training).unwrap();
        assert!(far(&found, &normed(&layer, &plain, &mean, &var)) < 1e-4);
        assert!(far(&layer.norm.running_mean, &(before * 0.9 + mean * 0.1)) < 1e-6);
        assert_eq!(store.variables()["bn.num_batches_tracked"].int64_value(&[]), 1);
        let one = Tensor::zeros([1, 3, 1, 1], (Kind::Float, Device::Cpu));
        assert!(layer.forward(&one, Mode::Training).is_err());
    }

    #[test]
    fn same_padding_puts_the_odd_zero_after() {
        let store = nn::VarStore::new(Device::Cpu);
        let shape = Shape::new(1, 1, 3, 2).padded(Padding::Same);
        let mut layer = Convolution::new(&store.root(), shape, false).unwrap();
        layer.weight = Tensor::ones([1, 1, 3, 3], (Kind::Float, Device::Cpu));
        let output = layer
            .forward(&Tensor::ones([1, 1, 4, 5], (Kind::Float, Device::Cpu)))
            .unwrap();
        let values = Vec::<f32>::try_from(output.view([-1])).unwrap();
        // Rows 0-2 and 2-4 (the last one outside); columns -1..1, 1..3 and 3..5.
        assert_eq!(values, [6.0, 9.0, 6.0, 4.0, 6.0, 4.0]);
    }
}
