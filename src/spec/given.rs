//! What an experiment gives to one of its pipelines, beside what the command line says.

use super::matrix::Setting;
use super::{Located, Node};

/// Profiles, params and a name. The params come after the pipeline's profiles and before those of the command line.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// Applied unless the command line names profiles.
    pub(super) profile: Vec<Located<String>>,
    /// Mappings of params, each laid on those before.
    pub(super) params: Vec<Node>,
    /// Then single params.
    pub(super) settings: Vec<Setting>,
    /// The params that the matrix varies; `${matrix}` holds their values.
    pub(super) varied: Vec<String>,
    /// The matrix values in short; empty where nothing varies.
    pub(super) label: String,
    /// The seed in short; empty where there is one.
    pub(super) seed_label: String,
}
