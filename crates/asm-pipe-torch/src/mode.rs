//! Whether a network learns or is used: it chooses other numbers of proposals, and live batch norm other statistics.

/// What a network is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Learning.
    Training,
    /// In use.
    Detection,
}
