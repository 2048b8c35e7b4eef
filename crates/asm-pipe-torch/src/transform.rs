//! The entrance of the network: images of any size become one normalised batch (torchvision's `GeneralizedRCNNTransform`).

use tch::{Device, Kind, TchError, Tensor};

use crate::boxes::Row;
use crate::config::DetectorConfig;
use crate::layers::channels_last;

/// Sides of a batch are multiples of this, the coarsest stride.
const SIZE_DIVISOR: i64 = 32;

/// Height and width in pixels.
pub(crate) type Size = (i64, i64);

/// How images are resized and normalised.
#[derive(Clone, Debug)]
pub(crate) struct Transform {
    /// The shorter side wanted.
    pub(crate) min_size: i64,
    /// The longer side allowed.
    pub(crate) max_size: i64,
    /// Subtracted from each channel.
    pub(crate) mean: [f64; 3],
    /// Divides each channel.
    pub(crate) std: [f64; 3],
}

/// Images of one size, with what is needed to go back.
#[derive(Debug)]
pub(crate) struct Batch {
    /// `[B, 3, H, W]`, zeros outside each image.
    pub(crate) tensor: Tensor,
    /// Size of each image in it.
    pub(crate) sizes: Vec<Size>,
    /// Size of each image as given.
    pub(crate) original: Vec<Size>,
}

impl Batch {
    /// Height and width of the batch.
    pub(crate) fn padded(&self) -> Result<Size, TchError> {
        let (_, _, height, width) = self.tensor.size4()?;
        Ok((height, width))
    }

    /// A box of an image as given, in the batch.
    pub(crate) fn enlarge(&self, image: usize, row: &Row) -> Row {
        rescale(row, self.original[image], self.sizes[image])
    }

    /// A box of the batch, in the image as given.
    pub(crate) fn restore(&self, image: usize, row: &Row) -> Row {
        rescale(row, self.sizes[image], self.original[image])
    }
}

fn rescale(row: &Row, from: Size, to: Size) -> Row {
    let (y, x) = (to.0 as f32 / from.0 as f32, to.1 as f32 / from.1 as f32);
    [row[0] * x, row[1] * y, row[2] * x, row[3] * y]
}

impl Transform {
    /// That of a configuration.
    pub(crate) fn new(config: &DetectorConfig) -> Self {
        Self {
            min_size: config.min_size,
            max_size: config.max_size,
            mean: config.image_mean,
            std: config.image_std,
        }
    }

    /// The size that an image gets.
    pub(crate) fn resized(&self, (height, width): Size) -> Size {
        let (shorter, longer) = (height.min(width) as f64, height.max(width) as f64);
        let scale = (self.min_size as f64 / shorter).min(self.max_size as f64 / longer);
        // libtorch's `recompute_scale_factor` rounds down.
        let side = |length: i64| ((length as f64 * scale).floor() as i64).max(1);
        (side(height), side(width))
    }

    /// One batch of images `[3, H, W]`.
    pub(crate) fn batch(&self, images: &[Tensor], device: Device) -> Result<Batch, TchError> {
        let mut original = Vec::with_capacity(images.len());
        for image in images {
            let (_, height, width) = image.size3()?;
            original.push((height, width));
        }
        let sizes: Vec<Size> = original.iter().map(|&size| self.resized(size)).collect();
        let most = |side: &dyn Fn(&Size) -> i64| {
            let longest = sizes.iter().map(side).max().unwrap_or(1);
            (longest + SIZE_DIVISOR - 1) / SIZE_DIVISOR * SIZE_DIVISOR
        };
        let (height, width) = (most(&|size| size.0), most(&|size| size.1));
        let channel = |values: [f64; 3]| {
            Tensor::f_from_slice(&values.map(|value| value as f32))?
                .f_view([3, 1, 1])?
                .f_to_device(device)
        };
        let (mean, std) = (channel(self.mean)?, channel(self.std)?);
        let tensor = Tensor::f_zeros([images.len() as i64, 3, height, width], (Kind::Float, device))?;
        for ((place, image), (&size, &given)) in (0..).zip(images).zip(sizes.iter().zip(&original)) {
            let mut image = image.f_to_device(device)?.f_sub(&mean)?.f_div(&std)?;
            if size != given {
                image = image
                    .f_unsqueeze(0)?
                    .f_upsample_bilinear2d([size.0, size.1], false, None, None)?
                    .f_squeeze_dim(0)?;
            }
            tensor
                .f_get(place)?
                .f_narrow(1, 0, size.0)?
                .f_narrow(2, 0, size.1)?
                .f_copy_(&image)?;
        }
        Ok(Batch {
            tensor: channels_last(&tensor)?,
            sizes,
            original,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform() -> Transform {
        Transform {
            min_size: 160,
            max_size: 224,
            mean: [0.5; 3],
            std: [0.25; 3],
        }
    }

    #[test]
    fn the_shorter_side_decides_unless_the_longer_would_be_too_long() {
        assert_eq!(transform().resized((80, 100)), (160, 200));
        assert_eq!(transform().resized((100, 400)), (56, 224));
        assert_eq!(transform().resized((1, 4000)), (1, 224));
    }

    #[test]
    fn a_batch_is_normalised_and_padded_with_zeros() {
        let image = |height, width| Tensor::full([3, height, width], 1.0, (Kind::Float, Device::Cpu));
        let batch = transform()
            .batch(&[image(160, 170), image(80, 90)], Device::Cpu)
            .unwrap();
        assert_eq!(batch.tensor.size(), [2, 3, 160, 192]);
        assert_eq!(batch.sizes, [(160, 170), (160, 180)]);
        assert_eq!(batch.tensor.double_value(&[0, 0, 159, 169]), 2.0);
        assert_eq!(batch.tensor.double_value(&[0, 0, 0, 170]), 0.0);
        assert_eq!(
            batch.restore(1, &batch.enlarge(1, &[1.0, 2.0, 3.0, 4.0])),
            [1.0, 2.0, 3.0, 4.0]
        );
    }
}
