//! What a stage kind says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Job, Outcome, Reporter, StageError};

/// A stage kind: its name, version, parameters and ports. A provider's `describe` prints a list of these as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindInfo {
    /// The name after `uses:`, such as `merge-sa`.
    pub name: String,
    /// Raised when the same inputs and params come to give other outputs; part of the stage key.
    pub version: u32,
    /// One line for lists.
    pub summary: String,
    /// JSON Schema of the params object: types, defaults, docs, bounds. Made by [`params_schema`].
    pub params: Value,
    /// What it reads.
    pub inputs: Vec<InputPort>,
    /// What it writes.
    pub outputs: Vec<OutputPort>,
    /// Params that name files or folders outside the store.
    #[serde(default)]
    pub external: Vec<ExternalInput>,
    /// Processor cores that a job takes; 0 stands for all that the run may use.
    #[serde(default = "one")]
    pub cpus: u32,
    /// Memory that a job may need, in MiB.
    #[serde(default)]
    pub memory_mib: u64,
}

fn one() -> u32 {
    1
}

/// A named input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputPort {
    /// The name under `in:`.
    pub name: String,
    /// What kind of artifact it takes, such as `dataset`; an output of the same artifact fits.
    pub artifact: String,
    /// A sentence.
    pub doc: String,
    /// May be left out.
    #[serde(default)]
    pub optional: bool,
    /// Takes a list, such as the same output of every round.
    #[serde(default)]
    pub many: bool,
}

/// A named output: a file or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputPort {
    /// The name after the dot in `stage.output`.
    pub name: String,
    /// What kind of artifact it is, such as `dataset`.
    pub artifact: String,
    /// A sentence.
    pub doc: String,
}

/// A param that names a file or folder outside the store. Its content goes into the stage key, its path does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalInput {
    /// The param: a path, a list of paths, or null.
    pub param: String,
    /// Which files of a folder count: path prefixes inside it, such as `Annotations/`. Empty: all.
    #[serde(default)]
    pub include: Vec<String>,
}

/// A stage kind that runs in this process.
pub trait Stage: Send + Sync {
    /// What it is.
    fn info(&self) -> KindInfo;

    /// Reads the job's inputs, writes its outputs.
    ///
    /// # Errors
    /// When an input cannot be read or makes no sense, or an output cannot be written.
    fn run(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError>;
}

/// The JSON Schema of a params type, without references to definitions elsewhere.
#[must_use]
pub fn params_schema<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}
