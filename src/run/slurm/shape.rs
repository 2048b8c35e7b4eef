//! What a job asks Slurm for, as flags of `sbatch`, and the script of jobs that ask for the same.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::project::Request;
use crate::stage::Job;

/// A stage's own `timeout` is kept by whoever does it; Slurm's limit stands behind it.
const GRACE: f64 = 60.0;

/// What a job asks for. Jobs that ask for the same go together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Shape {
    pub(super) cpus: u32,
    pub(super) memory_mib: Option<u64>,
    pub(super) gpus: u32,
    /// How long it may take; Slurm counts in minutes.
    pub(super) minutes: Option<u64>,
    /// Partition, account and so on, as they are.
    pub(super) flags: Vec<String>,
}

impl Shape {
    /// What the stage says wins over what is requested for its kind, and that over what the kind says (`usual`).
    pub(super) fn new(job: &Job, request: Request, usual_memory: Option<u64>) -> Self {
        let needs = job.needs;
        let seconds = needs.timeout.map(|timeout| timeout + GRACE).or(request.time);
        let named = [
            ("partition", request.partition),
            ("account", request.account),
            ("qos", request.qos),
            ("constraint", request.constraint),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| format!("--{name}={value}")));
        Self {
            cpus: job.cpus,
            memory_mib: needs.memory_mib.or(request.memory_mib).or(usual_memory),
            gpus: needs.gpus.or(request.gpus).unwrap_or(0),
            minutes: seconds.map(|seconds| ((seconds / 60.0).ceil() as u64).max(1)),
            flags: named.chain(request.flags.unwrap_or_default()).collect(),
        }
    }

    /// The flags of `sbatch` for so many jobs under one name. What they print goes into files of this folder.
    pub(super) fn flags(&self, name: &str, count: usize, printed: &Path) -> Vec<String> {
        let mut flags = vec![
            "--parsable".to_owned(),
            format!("--job-name={name}"),
            format!("--array=0-{}", count.saturating_sub(1)),
            // A lost job is handed over again by the run, so that this is said and bounded.
            "--no-requeue".to_owned(),
            format!(
                "--output={}/{name}_%A_%a.out",
                printed.display().to_string().replace('%', "%%")
            ),
            format!("--cpus-per-task={}", self.cpus),
        ];
        flags.extend(self.memory_mib.map(|mib| format!("--mem={mib}M")));
        flags.extend((self.gpus > 0).then(|| format!("--gres=gpu:{}", self.gpus)));
        flags.extend(self.minutes.map(|minutes| format!("--time={minutes}")));
        flags.extend(self.flags.iter().cloned());
        flags
    }
}

/// The script of an array: each task does the attempt of its place in the list.
pub(super) fn script<'a>(program: &Path, store: &Path, attempts: impl Iterator<Item = &'a Path>) -> String {
    let mut text = "#!/bin/sh\ncase \"${SLURM_ARRAY_TASK_ID:-0}\" in\n".to_owned();
    for (index, attempt) in attempts.enumerate() {
        text += &format!("{index}) at={} ;;\n", quoted(attempt));
    }
    text += "esac\n\
             # A network file system may show the folder late.\n\
             tries=0\n\
             until [ -d \"$at\" ] || [ $tries -ge 60 ]; do sleep 1; tries=$((tries + 1)); done\n";
    text += &format!("exec {} exec-job \"$at\" --store {}\n", quoted(program), quoted(store));
    text
}

/// The script of pilots of a queue that have so many seconds.
pub(super) fn pilot_script(program: &Path, store: &Path, queue: &Path, seconds: f64) -> String {
    format!(
        "#!/bin/sh\nexec {} exec-job --pilot {} --seconds {seconds} --store {}\n",
        quoted(program),
        quoted(queue),
        quoted(store)
    )
}

/// For `sh`.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::stage::Needs;

    fn job(needs: Needs) -> Job {
        Job {
            format: 1,
            kind: "train".to_owned(),
            params: serde_json::Value::Null,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            folder: PathBuf::new(),
            keep: PathBuf::new(),
            cpus: 4,
            needs,
        }
    }

    #[test]
    fn what_the_stage_says_wins_over_the_request_and_that_over_the_kind() {
        let request = Request {
            partition: Some("gpu".to_owned()),
            account: Some("vision".to_owned()),
            flags: Some(vec!["--exclusive".to_owned()]),
            memory_mib: Some(2000),
            gpus: Some(1),
            time: Some(7200.0),
            ..Request::default()
        };
        let shape = Shape::new(&job(Needs::default()), request.clone(), Some(500));
        assert_eq!(
            shape.flags("n", 3, Path::new("/100%"))[2..],
            [
                "--array=0-2",
                "--no-requeue",
                "--output=/100%%/n_%A_%a.out",
                "--cpus-per-task=4",
                "--mem=2000M",
                "--gres=gpu:1",
                "--time=120",
                "--partition=gpu",
                "--account=vision",
                "--exclusive"
            ]
        );
        let own = Needs {
            memory_mib: Some(100),
            gpus: Some(0),
            timeout: Some(90.0),
        };
        let shape = Shape::new(&job(own), request, Some(500));
        assert_eq!((shape.memory_mib, shape.gpus, shape.minutes), (Some(100), 0, Some(3)));
        let shape = Shape::new(&job(Needs::default()), Request::default(), Some(500));
        assert_eq!((shape.memory_mib, shape.minutes), (Some(500), None));
    }

    #[test]
    fn each_task_of_the_script_does_its_own_attempt_whatever_the_path_holds() {
        let place = tempfile::tempdir().unwrap();
        let folders = ["a b", "it's", "$HOME"].map(|name| place.path().join(name));
        for folder in &folders {
            fs_err::create_dir(folder).unwrap();
        }
        let text = script(
            Path::new("echo"),
            Path::new("/s t"),
            folders.iter().map(PathBuf::as_path),
        );
        for (index, folder) in folders.iter().enumerate() {
            let output = std::process::Command::new("sh")
                .args(["-c", &text])
                .env("SLURM_ARRAY_TASK_ID", index.to_string())
                .output();
            let said = String::from_utf8(output.unwrap().stdout).unwrap();
            assert_eq!(said.trim(), format!("exec-job {} --store /s t", folder.display()));
        }
    }
}
