//! The built-in stage kinds: adapters that read inputs, call one function, write outputs.
//!
//! Knows no runner and no command line.

mod parse_voc;
mod shapes;

use std::sync::Arc;

use crate::stage::{Job, Stage, StageError};

/// THE list: every stage kind that runs in this process.
#[must_use]
pub fn built_in() -> Vec<Arc<dyn Stage>> {
    vec![Arc::new(parse_voc::ParseVoc), Arc::new(shapes::Shapes)]
}

/// The threads that a job may use.
fn pool(job: &Job) -> Result<rayon::ThreadPool, StageError> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(job.cpus.max(1) as usize);
    builder
        .build()
        .map_err(|e| StageError::new(format!("cannot start threads: {e}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn kinds_have_names_of_their_own_and_say_what_their_params_are() {
        let kinds: Vec<_> = built_in().iter().map(|stage| stage.info()).collect();
        let names: BTreeSet<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        assert_eq!(names.len(), kinds.len());
        for kind in &kinds {
            let params = kind.params["properties"].as_object().unwrap();
            for (name, schema) in params {
                assert!(schema["description"].is_string(), "{} {name}", kind.name);
            }
            assert_eq!(kind.params["additionalProperties"], false, "{}", kind.name);
        }
    }
}
