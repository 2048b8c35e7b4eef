//! Ports in a line each, and how errors of the functions called become a stage's.

use crate::detection::metrics::ScenesError;
use crate::learning::LearningError;
use crate::stage::{InputPort, OutputPort, StageError};

/// A port that takes one artifact.
pub(super) fn input(name: &str, artifact: &str, doc: &str) -> InputPort {
    InputPort {
        name: name.to_owned(),
        artifact: artifact.to_owned(),
        doc: doc.to_owned(),
        optional: false,
        many: false,
    }
}

/// A port that may be left out.
pub(super) fn optional(name: &str, artifact: &str, doc: &str) -> InputPort {
    InputPort {
        optional: true,
        ..input(name, artifact, doc)
    }
}

/// A port that takes a list.
pub(super) fn many(name: &str, artifact: &str, doc: &str) -> InputPort {
    InputPort {
        many: true,
        ..input(name, artifact, doc)
    }
}

/// A port that takes a list and may be left out.
pub(super) fn any(name: &str, artifact: &str, doc: &str) -> InputPort {
    InputPort {
        optional: true,
        ..many(name, artifact, doc)
    }
}

/// An output.
pub(super) fn output(name: &str, artifact: &str, doc: &str) -> OutputPort {
    OutputPort {
        name: name.to_owned(),
        artifact: artifact.to_owned(),
        doc: doc.to_owned(),
    }
}

impl From<LearningError> for StageError {
    fn from(error: LearningError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<ScenesError> for StageError {
    fn from(error: ScenesError) -> Self {
        Self::new(error.to_string())
    }
}
