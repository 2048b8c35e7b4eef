//! The built-in stage kinds: adapters that read inputs, call one function, write outputs.
//!
//! Knows no runner and no command line.

mod charts;
mod draw_batch;
mod evaluate;
pub mod evaluation;
mod export_dataset;
mod held_images;
mod hold_out;
mod merge_sa;
mod parse_coco;
mod parse_voc;
mod parse_yolo;
mod ports;
mod query;
mod read_folder;
mod select;
mod select_ceal;
mod shapes;
mod split_pools;
mod tables;
mod until;

use std::sync::Arc;

use crate::stage::{Job, Stage, StageError};

/// THE list: every stage kind that runs in this process.
#[must_use]
pub fn built_in() -> Vec<Arc<dyn Stage>> {
    let mut kinds: Vec<Arc<dyn Stage>> = vec![
        Arc::new(parse_voc::ParseVoc),
        Arc::new(parse_coco::ParseCoco),
        Arc::new(parse_yolo::ParseYolo),
        Arc::new(shapes::Shapes),
        Arc::new(split_pools::SplitPools),
        Arc::new(draw_batch::DrawBatch),
        Arc::new(query::Candidates),
        Arc::new(hold_out::HoldOut),
        Arc::new(merge_sa::MergeSa),
        Arc::new(held_images::HeldImages),
        Arc::new(held_images::ScoreImages),
        Arc::new(select_ceal::SelectCeal),
        Arc::new(evaluate::Evaluate),
        Arc::new(export_dataset::ExportDataset),
        Arc::new(until::Until),
        Arc::new(tables::Tables),
        Arc::new(charts::Charts),
        Arc::new(charts::Compare),
    ];
    kinds.extend(query::Query::ALL.map(|kind| Arc::new(kind) as Arc<dyn Stage>));
    kinds.extend(select::Select::ALL.map(|kind| Arc::new(kind) as Arc<dyn Stage>));
    kinds
}

/// The threads that a job may use.
fn pool(job: &Job) -> Result<rayon::ThreadPool, StageError> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(job.cpus.max(1) as usize);
    builder
        .build()
        .map_err(|e| StageError::new(format!("cannot start threads: {e}")))
}

#[cfg(test)]
mod loop_tests;

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
            let params = kind.params["properties"].as_object();
            for (name, schema) in params.into_iter().flatten() {
                assert!(schema["description"].is_string(), "{} {name}", kind.name);
            }
            assert_eq!(kind.params["additionalProperties"], false, "{}", kind.name);
        }
    }
}
