//! The other side of an attempt: does the job of a folder, wherever this is, and leaves word of it there.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fs_err::File;

use super::attempt::{Attempt, AttemptEnd, Ended};
use super::clock::now;
use super::executor::{JobError, watched};
use super::executors::Executors;
use super::interrupt::Interrupt;
use super::job_thread::{timeout, too_long};
use super::resources::{node_name, slurm_job};
use super::scratch::empty;
use crate::stage::protocol::Message;
use crate::stage::{Progress, Registry, Reporter, StageError};

/// Between two words on how far it is there is at least this: they go over a network.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// How often to look whether the attempt still counts.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Executed {
    /// It has ended and left word.
    Ended(Ended),
    /// It was told to end, and left no word: whoever told it knows.
    Stopped,
    /// Another attempt counts.
    GivenUp,
}

/// Does the job of a folder. One that has ended already is not done again, and one that another `owner` does is left to that.
///
/// # Errors
/// When the folder holds no job, or cannot be written to.
pub fn exec_job(
    registry: &Registry,
    folder: &Path,
    owner: Option<&str>,
    interrupt: &Interrupt,
) -> Result<Executed, StageError> {
    exec_attempt(&Executors::new(registry), folder, owner, interrupt)
}

/// The same with executors that outlive the job.
pub(crate) fn exec_attempt(
    executors: &Executors<'_>,
    folder: &Path,
    owner: Option<&str>,
    interrupt: &Interrupt,
) -> Result<Executed, StageError> {
    let attempt = Attempt::at(folder);
    if let Some(ended) = attempt.ended() {
        return Ok(Executed::Ended(ended));
    }
    if attempt.is_given_up() || !owner.map_or(Ok(true), |owner| attempt.claim(owner))? {
        return Ok(Executed::GivenUp);
    }
    let job = attempt.job()?;
    // It may have been begun before, on a machine that is gone.
    empty(&job.folder.join("out"))?;
    fs_err::create_dir_all(&job.keep)?;
    let began_at = now();
    let timeout = timeout(job.needs.timeout);
    let reporter = FileReporter {
        file: Mutex::new(attempt.report()?),
        told: Mutex::new(None),
        deadline: timeout.map(|timeout| Instant::now() + timeout),
        looked: Mutex::new((Instant::now(), false)),
        attempt: &attempt,
    };
    let executor = executors.of(&job.kind);
    let result = watched(executor, interrupt, || executor.execute(&job, &reporter));
    if reporter.is_given_up() {
        return Ok(Executed::GivenUp);
    }
    let end = match result {
        Ok(mut outcome) => {
            // JSON has no way to write what is no number.
            outcome.metrics.retain(|_, figure| figure.is_finite());
            AttemptEnd::Done(outcome)
        }
        Err(_) if interrupt.count() > 0 => return Ok(Executed::Stopped),
        Err(JobError::Stopped) => return Ok(Executed::Stopped),
        Err(_) if reporter.is_late() => AttemptEnd::Failed(too_long(timeout.unwrap_or_default())),
        Err(JobError::Failed(error)) => AttemptEnd::Failed(error),
        Err(JobError::Killed(error)) => AttemptEnd::Killed(error),
    };
    let ended = Ended {
        end,
        node: node_name(),
        job: slurm_job(),
        began_at,
        ended_at: now(),
    };
    attempt.end(&ended)?;
    Ok(Executed::Ended(ended))
}

/// Reports to the attempt's file.
struct FileReporter<'a> {
    file: Mutex<File>,
    /// When it last said how far it is.
    told: Mutex<Option<Instant>>,
    deadline: Option<Instant>,
    /// When it last looked whether the attempt counts, and that it does not.
    looked: Mutex<(Instant, bool)>,
    attempt: &'a Attempt,
}

impl FileReporter<'_> {
    fn tell(&self, message: &Message) {
        let Ok(mut line) = serde_json::to_vec(message) else {
            return;
        };
        line.push(b'\n');
        // A word that cannot be left must not end the job.
        let _ = self
            .file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&line);
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn is_given_up(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.0.elapsed() >= LOOK_EVERY {
            *looked = (Instant::now(), self.attempt.is_given_up());
        }
        looked.1
    }
}

impl Reporter for FileReporter<'_> {
    fn progress(&self, mut progress: Progress) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_last = progress.total == Some(progress.done);
        if is_last || told.is_none_or(|told| told.elapsed() >= PROGRESS_EVERY) {
            *told = Some(Instant::now());
            progress.fields.retain(|_, figure| figure.is_finite());
            self.tell(&Message::Progress(progress));
        }
    }

    fn log(&self, line: &str) {
        self.tell(&Message::Log { line: line.to_owned() });
    }

    fn cancelled(&self) -> bool {
        self.is_late() || self.is_given_up()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::submission::Submission;
    use super::super::test_support::World;
    use super::*;
    use crate::stage::{Job, Needs, Outcome};

    /// An attempt called `one` at a job of the fake provider, which counts.
    fn attempt(world: &World, does: &str, needs: Needs) -> Attempt {
        let folder = world.folder.path().join("job");
        fs_err::create_dir_all(folder.join("out")).unwrap();
        let job = Job {
            format: 1,
            kind: "remote".to_owned(),
            params: json!({"do": does, "pids": world.folder.path().join("pids")}),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::from([("out".to_owned(), folder.join("out/out"))]),
            keep: folder.join("keep"),
            folder,
            cpus: 3,
            needs,
        };
        let attempt = Attempt::prepare(&job, "one").unwrap();
        counts(&attempt, "one");
        attempt
    }

    fn counts(attempt: &Attempt, name: &str) {
        let submission = Submission {
            attempt: name.to_owned(),
            name: "asm-pipe-x".to_owned(),
            index: 0,
            job: None,
            at: 0,
            memory_mib: None,
        };
        let job = attempt.folder().ancestors().nth(2).unwrap();
        submission.leave(job).unwrap();
    }

    fn exec(world: &World, attempt: &Attempt) -> Executed {
        exec_job(&world.registry, attempt.folder(), None, &world.interrupt).unwrap()
    }

    fn end(executed: Executed) -> AttemptEnd {
        match executed {
            Executed::Ended(ended) => ended.end,
            other => panic!("{other:?}"),
        }
    }

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Reporter for Heard {
        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().push(format!("{}", progress.done));
        }
        fn log(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
    }

    #[test]
    fn what_is_done_and_said_is_left_in_the_folder_and_not_done_twice() {
        let world = World::new();
        let attempt = attempt(&world, "pid", Needs::default());
        let done = exec(&world, &attempt);
        let first = fs_err::read_to_string(attempt.out().join("out")).unwrap();
        assert!(first.starts_with("pid 3 "), "{first}");
        let heard = Heard::default();
        attempt.follow().tell(&heard);
        let mut heard = heard.0.into_inner().unwrap();
        heard.sort();
        assert_eq!(heard, ["1", "half way", "on stderr"]);
        assert_eq!(
            end(done.clone()),
            AttemptEnd::Done(Outcome {
                metrics: [("loss".to_owned(), 0.25)].into(),
                notes: vec!["a note".to_owned()],
            })
        );
        assert_eq!(exec(&world, &attempt), done);
        assert_eq!(fs_err::read_to_string(attempt.out().join("out")).unwrap(), first);
    }

    #[test]
    fn a_failure_a_kill_and_a_time_out_are_told_apart() {
        let world = World::new();
        let failed = end(exec(&world, &attempt(&world, "fail", Needs::default())));
        assert_eq!(
            failed,
            AttemptEnd::Failed(StageError::new("cannot do that").hint("try less"))
        );
        let killed = end(exec(&world, &attempt(&world, "kill", Needs::default())));
        assert!(matches!(killed, AttemptEnd::Killed(_)), "{killed:?}");
        let needs = Needs {
            timeout: Some(0.5),
            ..Needs::default()
        };
        match end(exec(&world, &attempt(&world, "sleep", needs))) {
            AttemptEnd::Failed(error) => assert!(error.message.contains("`timeout` of 0.5 s"), "{error}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_attempt_that_does_not_count_any_more_does_nothing() {
        let world = World::new();
        let attempt = attempt(&world, "well", Needs::default());
        counts(&attempt, "two");
        assert_eq!(exec(&world, &attempt), Executed::GivenUp);
        assert!(!attempt.has_begun());
        counts(&attempt, "one");
        assert!(attempt.claim("4711").unwrap());
        let as_owner = |owner| exec_job(&world.registry, attempt.folder(), Some(owner), &world.interrupt).unwrap();
        assert_eq!(as_owner("4712"), Executed::GivenUp);
        // The same job again, after Slurm has put it back into its queue.
        assert!(matches!(as_owner("4711"), Executed::Ended(_)));
    }

    #[test]
    fn an_attempt_that_is_told_to_end_leaves_no_word() {
        let world = World::new();
        let attempt = attempt(&world, "sleep", Needs::default());
        let interrupt = world.interrupt.clone();
        let pids = world.folder.path().join("pids");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while fs_err::read_to_string(&pids).unwrap_or_default().is_empty() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                interrupt.raise();
            });
            assert_eq!(exec(&world, &attempt), Executed::Stopped);
        });
        assert_eq!(attempt.ended(), None);
    }
}
