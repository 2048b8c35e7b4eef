//! Ports of a kind in one line each.

use crate::stage::{InputPort, OutputPort};

/// An input that must be there.
pub(super) fn input(name: &str, artifact: &str, doc: &str) -> InputPort {
    InputPort { name: name.to_owned(), artifact: artifact.to_owned(), doc: doc.to_owned(), optional: false, many: false }
}

/// An input that may be left out.
pub(super) fn optional(name: &str, artifact: &str, doc: &str) -> InputPort {
    InputPort { optional: true, ..input(name, artifact, doc) }
}

/// An input that takes a list, which may be empty.
pub(super) fn many(name: &str, artifact: &str, doc: &str) -> InputPort {
    InputPort { optional: true, many: true, ..input(name, artifact, doc) }
}

/// An output.
pub(super) fn output(name: &str, artifact: &str, doc: &str) -> OutputPort {
    OutputPort { name: name.to_owned(), artifact: artifact.to_owned(), doc: doc.to_owned() }
}
