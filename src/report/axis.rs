//! What annotation costs, in three units.

/// A unit of cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// The annotator's time by the cost model.
    Hours,
    /// Boxes drawn or corrected by hand.
    Boxes,
    /// Images opened.
    Images,
}

impl Axis {
    /// All, the one that counts all work first.
    pub const ALL: [Self; 3] = [Self::Hours, Self::Boxes, Self::Images];

    /// Its name in data.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Boxes => "boxes",
            Self::Images => "images",
        }
    }

    /// What stands at an axis of a chart.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hours => "hours of annotation",
            Self::Boxes => "boxes drawn by hand",
            Self::Images => "images opened",
        }
    }

    /// The column of the table of rounds that is added up, and what a unit of it is worth.
    pub(super) const fn column(self) -> (&'static str, f64) {
        match self {
            Self::Hours => ("annotation_seconds", 1.0 / 3600.0),
            Self::Boxes => ("human_boxes", 1.0),
            Self::Images => ("images_opened", 1.0),
        }
    }

    /// A cost as people read it.
    #[must_use]
    pub fn figure(self, cost: f64) -> String {
        match self {
            Self::Hours => format!("{cost:.2}"),
            Self::Boxes | Self::Images => format!("{cost:.0}"),
        }
    }
}
