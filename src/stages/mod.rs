//! The built-in stage kinds: adapters that read inputs, call one function, write outputs.
//!
//! Knows no runner and no command line.

mod parse_voc;

use std::sync::Arc;

use crate::stage::{Job, Stage, StageError};

/// THE list: every stage kind that runs in this process.
#[must_use]
pub fn built_in() -> Vec<Arc<dyn Stage>> {
    vec![Arc::new(parse_voc::ParseVoc)]
}

/// The threads that a job may use.
fn pool(job: &Job) -> Result<rayon::ThreadPool, StageError> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(job.cpus.max(1) as usize);
    builder
        .build()
        .map_err(|e| StageError::new(format!("cannot start threads: {e}")))
}
