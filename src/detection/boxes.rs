//! The box and its geometry.

use serde::{Deserialize, Serialize};

/// An axis-aligned box in continuous pixel coordinates, counted from 0, `xyxy`. No pixel is added to widths.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Left edge.
    pub x_min: f64,
    /// Upper edge.
    pub y_min: f64,
    /// Right edge.
    pub x_max: f64,
    /// Lower edge.
    pub y_max: f64,
}

impl BoundingBox {
    /// A box from `[x_min, y_min, x_max, y_max]`.
    #[must_use]
    pub const fn new([x_min, y_min, x_max, y_max]: [f64; 4]) -> Self {
        Self {
            x_min,
            y_min,
            x_max,
            y_max,
        }
    }

    /// `[x_min, y_min, x_max, y_max]`.
    #[must_use]
    pub const fn xyxy(&self) -> [f64; 4] {
        [self.x_min, self.y_min, self.x_max, self.y_max]
    }

    /// Width in pixels; negative for a box whose edges are swapped.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.x_max - self.x_min
    }

    /// Height in pixels; negative for a box whose edges are swapped.
    #[must_use]
    pub fn height(&self) -> f64 {
        self.y_max - self.y_min
    }

    /// Area in square pixels; 0 for a box without extent.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Area shared with another box.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> f64 {
        let width = self.x_max.min(other.x_max) - self.x_min.max(other.x_min);
        let height = self.y_max.min(other.y_max) - self.y_min.max(other.y_min);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union (Jaccard index) in `[0, 1]`; 0 when neither box has an area.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f64 {
        let shared = self.intersection(other);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }
}
