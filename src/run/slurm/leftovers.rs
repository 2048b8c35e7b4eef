//! What jobs have left in the store's `slurm` that nobody will look at any more: what they printed, and queues of pilots.
//!
//! A job's folder names the batch before that is handed over (`submission.json`), and as long as somebody may go on with it. So the
//! files of batches that no folder names are left over. They are listed before the folders are read: a file that comes later, or
//! whose word is left in between, is not in the list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::pilot::QUEUES;
use super::{PREFIX, place};
use crate::run::submission::Submission;

/// What is left over in a store, with its bytes. `is_going` says of a job's folder that it goes as well. Queues stay while runs live:
/// one that begins to use a queue has not named it yet.
pub(in crate::run) fn leftovers(
    store: &Path,
    is_going: impl Fn(&str) -> bool,
    runs_live: bool,
) -> BTreeMap<String, u64> {
    let place = place(store);
    let printed = names(&place).into_iter().filter_map(|name| {
        let batch = batch(&name)?.to_owned();
        Some((name, batch))
    });
    let mut found: Vec<(String, String)> = printed.collect();
    if !runs_live {
        let queues = names(&place.join(QUEUES)).into_iter();
        found.extend(queues.map(|name| (format!("{QUEUES}/{name}"), super::pilot::name(&name))));
    }
    if found.is_empty() {
        return BTreeMap::new();
    }
    let scratch = store.join("scratch");
    let folders = names(&scratch).into_iter().filter(|name| !is_going(name));
    let named: BTreeSet<String> = folders
        .filter_map(|folder| Submission::left_in(&scratch.join(folder)))
        .map(|submission| submission.name)
        .collect();
    let left = found.into_iter().filter(|(_, batch)| !named.contains(batch));
    left.map(|(name, _)| {
        let bytes = bytes(&place.join(&name));
        (name, bytes)
    })
    .collect()
}

/// The batch that a file belongs to: `asm-pipe-0a1b_12_3.out`. None for what is not of a job.
fn batch(file: &str) -> Option<&str> {
    let (batch, job) = file.strip_suffix(".out")?.rsplit_once('_').and_then(|(rest, index)| {
        let (batch, job) = rest.rsplit_once('_')?;
        Some((batch, [job, index]))
    })?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (batch.starts_with(PREFIX) && job.into_iter().all(is_number)).then_some(batch)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn bytes(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => names(path).iter().map(|name| bytes(&path.join(name))).sum(),
        Ok(data) => data.len(),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(store: &Path, going: &str, runs_live: bool) -> Vec<String> {
        leftovers(store, |key| key == going, runs_live).into_keys().collect()
    }

    #[test]
    fn what_a_job_prints_stays_while_a_folder_names_its_batch_and_a_queue_while_runs_live() {
        let store = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = store.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let submission = |key: &str, name: &str| {
            let submission = Submission {
                attempt: "a".to_owned(),
                name: name.to_owned(),
                index: 0,
                job: None,
                at: 0,
                memory_mib: None,
            };
            let folder = store.path().join("scratch").join(key);
            fs_err::create_dir_all(&folder).unwrap();
            submission.leave(&folder).unwrap();
        };
        assert_eq!(left(store.path(), "", false), [""; 0]);
        write("slurm/asm-pipe-one_1_0.out", "12345");
        write("slurm/asm-pipe-two_2_17.out", "");
        write("slurm/asm-pipe-pilot-q1_3_0.out", "");
        write("slurm/notes.out", "somebody's own");
        write("slurm/queue/q1/shape.json", "123");
        write("slurm/queue/q1/ready/a", "4567");
        submission("k1", "asm-pipe-two");
        submission("k2", "asm-pipe-pilot-q1");
        assert_eq!(left(store.path(), "", false), ["asm-pipe-one_1_0.out"]);
        assert_eq!(
            left(store.path(), "k1", true),
            ["asm-pipe-one_1_0.out", "asm-pipe-two_2_17.out"]
        );
        let of_pilots = ["asm-pipe-one_1_0.out", "asm-pipe-pilot-q1_3_0.out"];
        assert_eq!(left(store.path(), "k2", true), of_pilots);
        let with_queue = [of_pilots[0], of_pilots[1], "queue/q1"];
        assert_eq!(left(store.path(), "k2", false), with_queue);
        let sizes = leftovers(store.path(), |key| key == "k2", false);
        assert_eq!((sizes["asm-pipe-one_1_0.out"], sizes["queue/q1"]), (5, 7));
    }

    #[test]
    fn only_files_that_jobs_print_to_are_taken_for_theirs() {
        assert_eq!(batch("asm-pipe-0a1b_12_3.out"), Some("asm-pipe-0a1b"));
        assert_eq!(batch("asm-pipe-pilot-x_1_0.out"), Some("asm-pipe-pilot-x"));
        for other in [
            "asm-pipe-0a1b_12_x.out",
            "other_12_3.out",
            "asm-pipe-0a1b.out",
            "_.out",
            "queue",
        ] {
            assert_eq!(batch(other), None, "{other}");
        }
    }
}
