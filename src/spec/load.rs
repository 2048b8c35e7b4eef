//! A pipeline from its file: `extends`, profiles, params files, overrides, then the checks.

use std::path::{Path, PathBuf};

use super::given::Given;
use super::pipeline_text::PipelineText;
use super::{Diagnostic, Pipeline, Sources};

/// What the command line adds to a pipeline, applied in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Profiles, applied in order. None: the pipeline's `default_profile`, if it has one.
    pub profile: Vec<String>,
    /// Files that hold a mapping of params.
    pub params_files: Vec<PathBuf>,
    /// `path=value`, the value read as YAML.
    pub overrides: Vec<String>,
}

/// Reads a text file; the error is a fragment such as "no such file".
pub type ReadText<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// A pipeline, or everything that is wrong with it, sorted by place; the sources are what both point into.
pub type Loaded = Result<(Pipeline, Sources), (Vec<Diagnostic>, Sources)>;

/// Loads the pipeline at `path`, without what its `matrix` would set.
pub fn load(path: &Path, options: &LoadOptions, read: ReadText<'_>) -> Loaded {
    PipelineText::read(path, Sources::default(), read).load(options, &Given::default())
}

/// Loads a pipeline from a text that extends nothing, under the name `pipeline.yaml`.
pub fn load_text(text: &str, options: &LoadOptions) -> Loaded {
    let path = Path::new("pipeline.yaml");
    let read = |wanted: &Path| {
        if wanted == path {
            Ok(text.to_owned())
        } else {
            Err("no such file".to_owned())
        }
    };
    load(path, options, &read)
}
