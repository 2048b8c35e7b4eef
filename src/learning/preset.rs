//! The two sets of choices that have a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a choice is not made by itself, how all of them are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The recommended choices: no order decides, an object is claimed once, nothing that was paid for is lost.
    #[default]
    Sound,
    /// Those of the first implementation, faults included.
    AsPublished,
}
