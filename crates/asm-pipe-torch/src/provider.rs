//! The provider protocol: `describe`, `work`, `exec-job`.
//!
//! The output that is given here carries the protocol and nothing else.

use std::any::Any;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use asm_pipe::stage::protocol::{Description, FORMAT, Message};
use asm_pipe::stage::{Job, Outcome, Progress, Reporter, StageError};

use crate::{detect, scan, train};

/// The job's description in its folder.
const JOB: &str = "job.json";

/// How long libtorch's threads spin at each barrier before they sleep. Without a bound, training beside any other busy
/// program runs at an eighth of its speed; with this one at a third, for 4 percent when it has the machine to itself (measured).
const SPINS: &str = "10000";

/// What this provider serves. Touches nothing of libtorch.
#[must_use]
pub fn description() -> Description {
    Description {
        format: FORMAT,
        kinds: vec![train::kind(), detect::kind(), scan::kind()],
        environment: [
            ("GOMP_SPINCOUNT".to_owned(), SPINS.to_owned()),
            ("MALLOC_ARENA_MAX".to_owned(), heaps().to_string()),
        ]
        .into(),
        about: true,
    }
}

/// How many heaps glibc spreads its threads over: by itself eight a processor, each of which keeps what it once had. With two on two processors,
/// detection by `resnet50_fpn` takes 725 to 770 MiB in place of 780 to 830, at the same speed; with one, small detectors lose 7 percent (measured).
fn heaps() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (processors / 2).max(2)
}

/// Does the jobs whose folders come in, a line each. `end` is called when the input ends, even in the midst of a job: then
/// whoever gave the jobs is gone, and nobody wants the rest.
///
/// # Errors
/// When nobody reads the output any more.
pub fn work(
    input: impl BufRead + Send + 'static,
    output: impl Write + Send,
    end: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in input.lines() {
            match line {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => match sender.send(line) {
                    Ok(()) => {}
                    Err(_) => break,
                },
                Err(_) => break,
            }
        }
        end();
    });
    let speaker = Speaker::new(output);
    for folder in receiver {
        let last = perform(Path::new(&folder), &speaker);
        speaker.say(&last)?;
    }
    Ok(())
}

/// Does one job; says whether it is done.
///
/// # Errors
/// When nobody reads the output any more.
pub fn exec_job(folder: &Path, output: impl Write + Send) -> std::io::Result<bool> {
    let speaker = Speaker::new(output);
    let last = perform(folder, &speaker);
    speaker.say(&last)?;
    Ok(matches!(last, Message::Done(_)))
}

/// Does the job of a folder; whatever happens becomes a message.
fn perform(folder: &Path, reporter: &dyn Reporter) -> Message {
    let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(folder, reporter)));
    match outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))) {
        Ok(outcome) => Message::Done(outcome),
        Err(error) => Message::Failed(error),
    }
}

fn dispatch(folder: &Path, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
    let path = folder.join(JOB);
    let text = fs_err::read_to_string(&path)?;
    let job: Job =
        serde_json::from_str(&text).map_err(|e| StageError::new(format!("`{}` is not a job: {e}", path.display())))?;
    if job.format != FORMAT {
        let format = job.format;
        return Err(
            StageError::new(format!("the job has format {format}, this provider speaks {FORMAT}"))
                .hint("`asm-pipe` and `asm-pipe-torch` are of different versions: build both"),
        );
    }
    match job.kind.as_str() {
        "train" => train::run(&job, reporter),
        "detect" => detect::run(&job, reporter),
        "scan" => scan::run(&job, reporter),
        other => Err(StageError::new(format!("this provider has no kind `{other}`"))),
    }
}

/// libtorch's errors come as panics whose text goes on with a C++ backtrace.
fn panicked(panic: &(dyn Any + Send)) -> StageError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(panic.downcast_ref::<&str>().copied());
    let first = text
        .unwrap_or("no message")
        .split("\\nException raised from")
        .next()
        .unwrap_or_default();
    let short: String = first
        .split("\nException raised from")
        .next()
        .unwrap_or_default()
        .chars()
        .take(600)
        .collect();
    StageError::new(format!("it panicked: {short}"))
        .hint("the stage's log has the whole message; if memory was short, lower `batch_size` or `max_size`")
}

/// Says messages, a line each.
struct Speaker<W>(Mutex<W>);

impl<W: Write> Speaker<W> {
    fn new(output: W) -> Self {
        Self(Mutex::new(output))
    }

    fn say(&self, message: &Message) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut output = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        output.write_all(&line)?;
        output.flush()
    }
}

impl<W: Write + Send> Reporter for Speaker<W> {
    fn progress(&self, progress: Progress) {
        // A reader that is gone is noticed at the job's last message.
        let _ = self.say(&Message::Progress(progress));
    }

    fn log(&self, line: &str) {
        let _ = self.say(&Message::Log { line: line.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::{description, exec_job, panicked};
    use asm_pipe::stage::protocol::{Description, Message};

    #[test]
    fn the_description_survives_json_and_names_its_kinds_and_ports() {
        let text = serde_json::to_string(&description()).unwrap();
        let back: Description = serde_json::from_str(&text).unwrap();
        let names: Vec<&str> = back.kinds.iter().map(|kind| kind.name.as_str()).collect();
        assert_eq!(names, ["train", "detect", "scan"]);
        assert_eq!(back.kinds[0].external[0].param, "weights");
        assert!(
            back.kinds[0]
                .inputs
                .iter()
                .any(|port| port.name == "validation" && port.optional)
        );
    }

    #[test]
    fn a_job_that_makes_no_sense_fails_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        for text in [None, Some("{"), Some("{}")] {
            if let Some(text) = text {
                fs_err::write(folder.path().join("job.json"), text).unwrap();
            }
            let mut output = Vec::new();
            assert!(!exec_job(folder.path(), &mut output).unwrap());
            let message: Message = serde_json::from_slice(&output).unwrap();
            assert!(matches!(message, Message::Failed(error) if error.message.contains("job.json")));
        }
    }

    #[test]
    fn a_panic_is_told_without_its_backtrace() {
        let text = "Torch(\"shape '[3]' is invalid\\nException raised from infer_size at x.cpp\")".to_owned();
        let error = panicked(&text);
        assert!(
            error.message.contains("is invalid") && !error.message.contains("infer_size"),
            "{error}"
        );
    }
}
