//! What a scene is set in: how hard it is, its background, and clutter that is no object.

use super::canvas::{Canvas, Owner};
use super::colour::{Rgb, from_hue, mix, shade};
use super::outline::{Outline, Placed};
use crate::random::Stream;

/// How hard the objects of a scene are to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difficulty {
    Easy,
    Ordinary,
    Hard,
}

/// The figures of a difficulty.
pub(super) struct Setting {
    /// How many objects there are, from and to.
    pub(super) objects: (usize, usize),
    /// Radius in 128ths of the scene's side, from and to.
    pub(super) radius: (f64, f64),
    /// How far apart centres are at least, as a share of both radii.
    pub(super) apart: f32,
    /// Least contrast to the background.
    pub(super) contrast: f32,
    /// Chance of a rare class, times this.
    pub(super) rare: f64,
    /// Shapes that are no class, at most.
    pub(super) strangers: usize,
    /// Lines and blobs behind the objects, at most.
    behind: usize,
    /// Lines before the objects, at most.
    before: usize,
    /// Passes of blur, at most.
    pub(super) blur: usize,
    /// Noise, at most.
    pub(super) noise: f64,
    /// Depth of the background's texture.
    texture: f64,
}

impl Difficulty {
    pub(super) fn setting(self) -> Setting {
        match self {
            Self::Easy => Setting {
                objects: (1, 3),
                radius: (11.0, 25.0),
                apart: 1.1,
                contrast: 0.45,
                rare: 0.6,
                strangers: 0,
                behind: 3,
                before: 0,
                blur: 0,
                noise: 0.08,
                texture: 0.12,
            },
            Self::Ordinary => Setting {
                objects: (2, 5),
                radius: (9.0, 23.0),
                apart: 0.95,
                contrast: 0.36,
                rare: 1.2,
                strangers: 1,
                behind: 6,
                before: 1,
                blur: 1,
                noise: 0.14,
                texture: 0.2,
            },
            Self::Hard => Setting {
                objects: (4, 8),
                radius: (7.5, 19.0),
                apart: 0.6,
                contrast: 0.22,
                rare: 1.8,
                strangers: 2,
                behind: 9,
                before: 2,
                blur: 2,
                noise: 0.2,
                texture: 0.26,
            },
        }
    }
}

/// A background: two colours that run into each other, and texture.
pub(super) fn background(width: u32, height: u32, setting: &Setting, stream: &mut Stream) -> Canvas {
    let colour = |stream: &mut Stream| {
        let (hue, saturation) = (stream.unit() as f32, stream.uniform(0.05, 0.4) as f32);
        from_hue(hue, saturation, stream.uniform(0.2, 0.85) as f32)
    };
    let first = colour(stream);
    let second = mix(first, colour(stream), stream.uniform(0.2, 0.6) as f32);
    let (sin, cos) = (stream.uniform(0.0, std::f64::consts::TAU) as f32).sin_cos();
    let depth = stream.uniform(0.3, 1.0) as f32 * setting.texture as f32;
    let coarse = Lattice::new(stream.uniform(18.0, 40.0) as f32, width, height, stream);
    let fine = Lattice::new(stream.uniform(4.0, 10.0) as f32, width, height, stream);
    let stripes = stream
        .chance(0.25)
        .then(|| (stream.uniform(6.0, 16.0) as f32, stream.unit() as f32 - 0.5));
    let side = width.max(height) as f32;
    Canvas::new(width, height, |[x, y]| {
        let along = (((x - width as f32 / 2.0) * cos + (y - height as f32 / 2.0) * sin) / side + 0.5).clamp(0.0, 1.0);
        let mut brightness = 0.65 * coarse.at(x, y) + 0.35 * fine.at(x, y);
        if let Some((period, slope)) = stripes {
            brightness += 0.4 * (std::f32::consts::TAU * (x * slope + y * (1.0 - slope.abs())) / period).sin();
        }
        shade(mix(first, second, along), 1.0 + depth * brightness)
    })
}

/// Values in `[-1, 1]` on a grid, smooth in between.
struct Lattice {
    step: f32,
    columns: usize,
    values: Vec<f32>,
}

impl Lattice {
    fn new(step: f32, width: u32, height: u32, stream: &mut Stream) -> Self {
        let count = |side: u32| (side as f32 / step) as usize + 2;
        let (columns, rows) = (count(width), count(height));
        let values = (0..columns * rows).map(|_| stream.uniform(-1.0, 1.0) as f32).collect();
        Self { step, columns, values }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x / self.step, y / self.step);
        let corner = y as usize * self.columns + x as usize;
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (right, down) = (ease(x.fract()), ease(y.fract()));
        let row = |from: usize| self.values[from] + (self.values[from + 1] - self.values[from]) * right;
        let (upper, lower) = (row(corner), row(corner + self.columns));
        upper + (lower - upper) * down
    }
}

/// Lines, arcs and soft blobs behind the objects.
pub(super) fn clutter_behind(canvas: &mut Canvas, setting: &Setting, stream: &mut Stream) {
    for _ in 0..stream.below(setting.behind + 1) {
        let colour = any_colour(stream);
        let opacity = stream.uniform(0.2, 0.6) as f32;
        if stream.chance(0.5) {
            line(canvas, Owner::Background, opacity, colour, stream);
        } else {
            blob(canvas, opacity * 0.6, colour, stream);
        }
    }
}

/// Lines before the objects: they cover what is behind them.
pub(super) fn clutter_before(canvas: &mut Canvas, setting: &Setting, stream: &mut Stream) {
    for _ in 0..stream.below(setting.before + 1) {
        let colour = any_colour(stream);
        line(canvas, Owner::Clutter, 0.9, colour, stream);
    }
}

fn any_colour(stream: &mut Stream) -> Rgb {
    from_hue(
        stream.unit() as f32,
        stream.uniform(0.1, 0.8) as f32,
        stream.uniform(0.15, 0.95) as f32,
    )
}

fn anywhere(canvas: &Canvas, stream: &mut Stream) -> [f32; 2] {
    let (width, height) = (f64::from(canvas.width), f64::from(canvas.height));
    [stream.uniform(0.0, width) as f32, stream.uniform(0.0, height) as f32]
}

fn line(canvas: &mut Canvas, owner: Owner, opacity: f32, colour: Rgb, stream: &mut Stream) {
    let centre = anywhere(canvas, stream);
    let radius = stream.uniform(0.15, 0.5) as f32 * canvas.width as f32;
    let thickness = stream.uniform(1.2, 3.2) as f32 / radius;
    let angle = stream.uniform(0.0, std::f64::consts::TAU) as f32;
    let shape = Placed {
        outline: Outline::Bar { thickness },
        centre,
        radius,
        angle,
    };
    canvas.paint(&shape, owner, |_, _| (colour, opacity));
}

/// An ellipse that fades out: a stain or a shadow.
fn blob(canvas: &mut Canvas, opacity: f32, colour: Rgb, stream: &mut Stream) {
    let centre = anywhere(canvas, stream);
    let radius = stream.uniform(0.06, 0.25) as f32 * canvas.width as f32;
    let ratio = stream.uniform(0.3, 0.9) as f32;
    let angle = stream.uniform(0.0, std::f64::consts::TAU) as f32;
    let shape = Placed {
        outline: Outline::Ellipse { ratio },
        centre,
        radius,
        angle,
    };
    canvas.paint(&shape, Owner::Background, |_, distance| {
        (colour, opacity * (-distance / (radius * ratio)).clamp(0.0, 1.0))
    });
}
