//! What the runner must know of artifacts when a program that does not write them itself has a part in a pipeline.

use std::path::Path;

use super::StageError;

/// Checks artifacts, and gives them as JSON.
pub trait Exchange: Send + Sync {
    /// Checks what was written as an artifact of this name. What was written in a form for exchange takes the artifact's own.
    ///
    /// # Errors
    /// When it is none, with the file and what is wrong with it. A name that is not known is no error.
    fn check(&self, artifact: &str, path: &Path) -> Result<(), StageError>;

    /// Writes an artifact as JSON.
    ///
    /// # Errors
    /// When it has no such form.
    fn to_json(&self, path: &Path, json: &Path) -> Result<(), StageError>;
}
