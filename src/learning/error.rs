//! What can be wrong with the data of a round.

/// Data that do not belong together, or a request that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LearningError {
    /// A split wants more images than there are.
    #[error("{initial} initial and {validation} validation images asked for, but the dataset has {size}")]
    TooFewImages {
        /// Initial labelled images asked for.
        initial: usize,
        /// Validation images asked for.
        validation: usize,
        /// Images there are.
        size: usize,
    },
    /// An id that must be unique is not.
    #[error("image `{image}` is in the {first} and in the {second}")]
    InTwoPlaces {
        /// The image's id.
        image: String,
        /// Where it is.
        first: &'static str,
        /// Where it is as well.
        second: &'static str,
    },
    /// An id that is needed is not there.
    #[error("image `{image}` of the {wanted_by} is not in the {missing_from}")]
    Missing {
        /// The image's id.
        image: String,
        /// What names it.
        wanted_by: &'static str,
        /// Where it should be.
        missing_from: &'static str,
    },
    /// Two inputs speak of different classes.
    #[error("the classes of the {first} and of the {second} differ: {first_classes:?}, {second_classes:?}")]
    ClassesDiffer {
        /// The one.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// The one's classes.
        first_classes: Vec<String>,
        /// The other's classes.
        second_classes: Vec<String>,
    },
    /// A model is to draw boxes, but nobody says which it finds.
    #[error("only a human alone annotates without detections")]
    NoDetections,
    /// A parameter outside its range.
    #[error("`{name}` is {value}, but must be {range}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        range: &'static str,
    },
}
