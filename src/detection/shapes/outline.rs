//! Outlines as signed distances: negative inside, in pixels near the edge, which is all that smooth edges need.

/// A form of about unit radius around the origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outline {
    Circle,
    /// A circle with a hole.
    Ring {
        thickness: f32,
    },
    /// A square with rounded corners.
    Square {
        rounding: f32,
    },
    /// A plus sign.
    Cross {
        arm: f32,
    },
    /// A circle pressed to this share of its height.
    Ellipse {
        ratio: f32,
    },
    /// A thin line from -1 to 1.
    Bar {
        thickness: f32,
    },
    /// Corners in order.
    Polygon(Vec<[f32; 2]>),
}

impl Outline {
    /// A triangle with equal sides.
    pub(super) fn triangle() -> Self {
        Self::Polygon(regular(3, 1.15, 1.15))
    }

    /// A pentagon.
    pub(super) fn pentagon() -> Self {
        Self::Polygon(regular(5, 1.05, 1.05))
    }

    /// A star with five points.
    pub(super) fn star() -> Self {
        Self::Polygon(regular(10, 1.2, 0.52))
    }

    /// The furthest that any part of it is from the origin.
    pub(super) fn reach(&self) -> f32 {
        match self {
            Self::Circle | Self::Ring { .. } | Self::Ellipse { .. } => 1.0,
            Self::Square { .. } => SQUARE_SIDE * std::f32::consts::SQRT_2,
            Self::Bar { thickness } => length(1.0, thickness / 2.0),
            Self::Cross { .. } | Self::Polygon(_) => 1.2,
        }
    }

    /// The distance from a point to the edge, negative inside.
    fn distance(&self, [x, y]: [f32; 2]) -> f32 {
        let radius = length(x, y);
        match self {
            Self::Circle => radius - 1.0,
            Self::Ring { thickness } => (radius - 1.0 + thickness / 2.0).abs() - thickness / 2.0,
            Self::Square { rounding } => {
                let side = SQUARE_SIDE - rounding;
                rectangle([x, y], side, side) - rounding
            }
            Self::Cross { arm } => rectangle([x, y], 1.1, *arm).min(rectangle([x, y], *arm, 1.1)),
            // Right in sign, and in size near the edge up to the ratio.
            Self::Ellipse { ratio } => (length(x, y / ratio) - 1.0) * ratio,
            Self::Bar { thickness } => rectangle([x, y], 1.0, thickness / 2.0),
            Self::Polygon(corners) => polygon([x, y], corners),
        }
    }
}

/// Half the side of the square.
const SQUARE_SIDE: f32 = 0.86;

/// Plain, for `f32::hypot` is many times slower and overflow is far.
fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

fn rectangle([x, y]: [f32; 2], half_width: f32, half_height: f32) -> f32 {
    let (dx, dy) = (x.abs() - half_width, y.abs() - half_height);
    length(dx.max(0.0), dy.max(0.0)) + dx.max(dy).min(0.0)
}

fn regular(corners: u32, even: f32, odd: f32) -> Vec<[f32; 2]> {
    let corner = |number: u32| {
        let angle = std::f32::consts::TAU * number as f32 / corners as f32;
        let radius = if number.is_multiple_of(2) { even } else { odd };
        [radius * angle.sin(), -radius * angle.cos()]
    };
    (0..corners).map(corner).collect()
}

/// Distance to the nearest edge; inside by how often a ray to the right crosses edges.
fn polygon([x, y]: [f32; 2], corners: &[[f32; 2]]) -> f32 {
    let mut nearest = f32::INFINITY;
    let mut inside = false;
    let mut previous = corners[corners.len() - 1];
    for &corner in corners {
        let (ex, ey) = (corner[0] - previous[0], corner[1] - previous[1]);
        let (px, py) = (x - previous[0], y - previous[1]);
        let along = ((px * ex + py * ey) / (ex * ex + ey * ey)).clamp(0.0, 1.0);
        let (dx, dy) = (px - along * ex, py - along * ey);
        nearest = nearest.min(dx * dx + dy * dy);
        if (corner[1] > y) != (previous[1] > y) && x < previous[0] + ex * (y - previous[1]) / ey {
            inside = !inside;
        }
        previous = corner;
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

/// An outline at its place in an image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) outline: Outline,
    pub(super) centre: [f32; 2],
    /// Pixels per unit.
    pub(super) radius: f32,
    /// Radians.
    pub(super) angle: f32,
}

impl Placed {
    /// Distance in pixels from a point of the image to the edge, negative inside.
    pub(super) fn distances(&self) -> impl Fn([f32; 2]) -> f32 {
        let (sin, cos) = self.angle.sin_cos();
        move |[x, y]| {
            let (dx, dy) = ((x - self.centre[0]) / self.radius, (y - self.centre[1]) / self.radius);
            self.outline.distance([dx * cos + dy * sin, dy * cos - dx * sin]) * self.radius
        }
    }

    /// The furthest that any part is from the centre, in pixels.
    pub(super) fn reach(&self) -> f32 {
        self.outline.reach() * self.radius
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Outline> {
        vec![
            Outline::Circle,
            Outline::Ring { thickness: 0.3 },
            Outline::Square { rounding: 0.1 },
            Outline::Cross { arm: 0.3 },
            Outline::Ellipse { ratio: 0.5 },
            Outline::Bar { thickness: 0.1 },
            Outline::triangle(),
            Outline::pentagon(),
            Outline::star(),
        ]
    }

    #[test]
    fn nothing_of_an_outline_is_beyond_its_reach() {
        for outline in all() {
            for step in 0..360 {
                let angle = (step as f32).to_radians();
                let reach = outline.reach() + 1e-3;
                assert!(
                    outline.distance([reach * angle.cos(), reach * angle.sin()]) > 0.0,
                    "{outline:?} {step}"
                );
            }
        }
    }

    #[test]
    fn the_centre_is_inside_all_but_the_ring() {
        for outline in all() {
            let hollow = matches!(outline, Outline::Ring { .. });
            assert_eq!(outline.distance([0.0, 0.0]) > 0.0, hollow, "{outline:?}");
        }
    }

    #[test]
    fn distances_are_in_pixels_and_turn_with_the_shape() {
        let outline = Outline::Square { rounding: 0.0 };
        let (centre, radius) = ([50.0, 40.0], 10.0);
        let straight = Placed {
            outline,
            centre,
            radius,
            angle: 0.0,
        };
        assert!((straight.distances()([61.6, 40.0]) - 3.0).abs() < 1e-4);
        let turned = Placed {
            angle: std::f32::consts::FRAC_PI_4,
            ..straight
        };
        assert!((turned.distances()([50.0 + 8.6 * std::f32::consts::SQRT_2, 40.0])).abs() < 1e-4);
    }
}
