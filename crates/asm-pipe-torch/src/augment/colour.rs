//! Brightness, saturation and contrast.

use asm_pipe::random::Stream;

/// What each is multiplied by; 1.0 leaves it as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Factors {
    pub(super) brightness: f64,
    pub(super) saturation: f64,
    pub(super) contrast: f64,
}

impl Factors {
    pub(super) const NONE: Self = Self {
        brightness: 1.0,
        saturation: 1.0,
        contrast: 1.0,
    };

    /// Each moves with this chance, by at most `jitter`. Always takes the same count of numbers.
    pub(super) fn draw(chance: f64, jitter: f64, stream: &mut Stream) -> Self {
        let mut factor = || {
            let (change, factor) = (stream.chance(chance), stream.uniform(-1.0, 1.0));
            if change { 1.0 + jitter * factor } else { 1.0 }
        };
        Self {
            brightness: factor(),
            saturation: factor(),
            contrast: factor(),
        }
    }

    /// Brightness blends with black, saturation with the pixel's own grey, contrast with the image's mean grey: the
    /// meaning that Pillow's `ImageEnhance` gives these words.
    pub(super) fn apply(self, mut planes: [&mut [f32]; 3]) {
        if self.brightness != 1.0 {
            let factor = self.brightness as f32;
            planes
                .iter_mut()
                .flat_map(|plane| plane.iter_mut())
                .for_each(|v| *v = (*v * factor).clamp(0.0, 1.0));
        }
        let [red, green, blue] = planes;
        if self.saturation != 1.0 {
            let factor = self.saturation as f32;
            for ((r, g), b) in red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()) {
                let grey = luma(*r, *g, *b);
                for value in [r, g, b] {
                    *value = (grey + (*value - grey) * factor).clamp(0.0, 1.0);
                }
            }
        }
        if self.contrast != 1.0 {
            let factor = self.contrast as f32;
            let sum: f64 = red
                .iter()
                .zip(&*green)
                .zip(&*blue)
                .map(|((r, g), b)| f64::from(luma(*r, *g, *b)))
                .sum();
            let mean = (sum / red.len().max(1) as f64) as f32;
            for value in red.iter_mut().chain(green).chain(blue) {
                *value = (mean + (*value - mean) * factor).clamp(0.0, 1.0);
            }
        }
    }
}

/// ITU-R 601 luma.
fn luma(red: f32, green: f32, blue: f32) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}
