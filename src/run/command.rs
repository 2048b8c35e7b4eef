//! Jobs of the kind `command`: a program of the user's in a folder of its own.
//!
//! ```text
//! scratch/<key>/work/     where it runs, with the files that it declares
//! scratch/<key>/json/     inputs as JSON, those that it asks for
//! scratch/<key>/out/NAME  its outputs
//! scratch/<key>/keep/     what outlives a cut-off
//! ```
//!
//! What it prints is its log; a line of the provider protocol (`{"event": "progress", ..}`, `{"event": "done", "metrics": ..}`) is taken
//! as that. It has a process group of its own, which is ended as a whole.

use std::cell::RefCell;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::executor::{Executor, JobError};
use super::groups::Groups;
use super::pipes::{Line, Pipes, has_ended};
use super::process_mark::ProcessMark;
use super::scheduler::Manner;
use super::scratch::empty;
use super::worker::{in_words, parse};
use crate::stage::command::{CommandParams, Filled, Run, fill};
use crate::stage::protocol::Message;
use crate::stage::{Exchange, Job, Outcome, Registry, Reporter, StageError, Via};

/// How often to look whether the job is still wanted.
const TICK: Duration = Duration::from_millis(100);

/// By its path, so that PATH need not be searched for each stage.
const SHELL: &str = "/bin/sh";

/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// Runs programs of users.
#[derive(Debug)]
pub struct Commands<'a> {
    registry: &'a Registry,
    groups: Groups,
}

impl<'a> Commands<'a> {
    /// An executor for the kind `command` of a registry.
    #[must_use]
    pub fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            groups: Groups::default(),
        }
    }
}

impl Executor for Commands<'_> {
    fn execute(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, JobError> {
        let Some(Via::Command(exchange)) = self.registry.get(&job.kind).map(|kind| &kind.via) else {
            return Err(StageError::new(format!("kind `{}` is no command", job.kind)).into());
        };
        let params: CommandParams = job.params()?;
        let work = working_folder(job, &params.files)?;
        let arguments = arguments(job, &params.run, exchange)?;
        let mut child = start(job, &arguments, &work, &params)?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(mark) = ProcessMark::of(child.id()) {
            mark.leave(&job.folder).map_err(StageError::from)?;
        }
        if !self.groups.enter(group) {
            end(group, Signal::KILL);
        }
        let (outcome, status) = listen(&mut child, group, reporter);
        self.groups.leave(group);
        ProcessMark::remove(&job.folder);
        if self.groups.is_stopping() {
            return Err(JobError::Stopped);
        }
        let status = status.map_err(StageError::from)?;
        if !status.success() {
            return Err(failed(&arguments, status));
        }
        for (name, path) in &job.outputs {
            if !path.exists() {
                let message = format!("the command ended well but did not write its output `{name}`");
                return Err(StageError::new(message)
                    .hint(format!("it is to be written to {}: `{{out.{name}}}`", path.display()))
                    .into());
            }
            let artifact = params.out.get(name).map_or("", String::as_str);
            let wrong = |error: StageError| StageError {
                message: format!("output `{name}` is no `{artifact}`: {}", error.message),
                hints: error.hints,
            };
            exchange.check(artifact, path).map_err(wrong)?;
        }
        Ok(outcome)
    }

    fn stop(&self, manner: Manner) {
        self.groups.stop(manner);
    }
}

/// An empty folder with the files that the program declares.
fn working_folder(job: &Job, files: &[String]) -> Result<PathBuf, StageError> {
    let work = job.folder.join("work");
    empty(&work)?;
    for file in files {
        let path = Path::new(file);
        let stays = path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let inside = if stays {
            path
        } else {
            Path::new(path.file_name().unwrap_or_default())
        };
        copy(path, &work.join(inside))?;
    }
    Ok(work)
}

fn copy(from: &Path, to: &Path) -> Result<(), StageError> {
    if from.is_dir() {
        fs_err::create_dir_all(to)?;
        for entry in fs_err::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs_err::create_dir_all(folder)?;
    }
    // With its permissions: a script may be executable.
    fs_err::copy(from, to)?;
    Ok(())
}

/// The program and its arguments.
fn arguments(job: &Job, run: &Run, exchange: &Arc<dyn Exchange>) -> Result<Vec<String>, StageError> {
    let values = Values {
        job,
        exchange: exchange.as_ref(),
        made: RefCell::default(),
    };
    match run {
        Run::Shell(text) => {
            let text = fill(text, true, &values)?.concat();
            Ok([SHELL, "-e", "-c", &text].map(str::to_owned).to_vec())
        }
        Run::Program(list) => {
            let filled: Result<Vec<Vec<String>>, StageError> =
                list.iter().map(|text| fill(text, false, &values)).collect();
            Ok(filled?.concat())
        }
    }
}

/// What stands for the placeholders of a job.
struct Values<'a> {
    job: &'a Job,
    exchange: &'a dyn Exchange,
    /// JSON forms that are there already.
    made: RefCell<Vec<PathBuf>>,
}

impl Filled for Values<'_> {
    type Error = StageError;

    fn input(&self, name: &str, json: bool) -> Result<Vec<String>, StageError> {
        let inputs = self.job.inputs(name).iter().enumerate();
        let one = |(at, input): (usize, &crate::stage::Input)| {
            if !json {
                return Ok(input.path.display().to_string());
            }
            let path = self.job.folder.join("json").join(format!("{name}-{at}.json"));
            if !self.made.borrow().contains(&path) {
                fs_err::create_dir_all(self.job.folder.join("json"))?;
                self.exchange.to_json(&input.path, &path)?;
                self.made.borrow_mut().push(path.clone());
            }
            Ok(path.display().to_string())
        };
        inputs.map(one).collect()
    }

    fn output(&self, name: &str) -> String {
        self.job
            .outputs
            .get(name)
            .map(|path| path.display().to_string())
            .unwrap_or_default()
    }

    fn keep(&self) -> String {
        self.job.keep.display().to_string()
    }

    fn cpus(&self) -> String {
        self.job.cpus.to_string()
    }
}

fn start(job: &Job, arguments: &[String], work: &Path, params: &CommandParams) -> Result<Child, StageError> {
    let program = arguments.first().map_or("", String::as_str);
    let mut command = Command::new(program);
    command.args(&arguments[1..]).current_dir(work).process_group(0);
    command.env("ASM_PIPE_CPUS", job.cpus.to_string()).envs(&params.env);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().map_err(|error| {
        StageError::new(format!("cannot start `{program}`: {error}"))
            .hint("a program is looked for on PATH; a script of yours must be listed under `files`")
    })
}

/// Takes in what the program says until it has ended. It is ended when the job is not wanted any more.
fn listen(child: &mut Child, group: Option<Pid>, reporter: &dyn Reporter) -> (Outcome, std::io::Result<ExitStatus>) {
    let mut pipes = Pipes::of(child);
    let mut outcome = Outcome::default();
    let mut asked: Option<Instant> = None;
    let mut take = |line: Line| match line {
        Line::Out(text) => match parse(&text) {
            Ok(Some(Message::Progress(progress))) => reporter.progress(progress),
            Ok(Some(Message::Done(said))) => outcome = said,
            Ok(Some(Message::Log { line })) => reporter.log(&line),
            _ => reporter.log(&text),
        },
        Line::Err(text) => reporter.log(&text),
    };
    loop {
        pipes.listen(TICK, &mut take);
        match asked {
            None if reporter.cancelled() => {
                end(group, Signal::TERM);
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() > GRACE => end(group, Signal::KILL),
            _ => {}
        }
        if has_ended(group) {
            break;
        }
    }
    // What it has started and left behind must not outlive it: it could still write.
    end(group, Signal::KILL);
    let status = child.wait();
    pipes.drain(TICK, &mut take);
    (outcome, status)
}

fn end(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

fn failed(arguments: &[String], status: ExitStatus) -> JobError {
    let program = match arguments {
        [shell, _, _, _] if shell == SHELL => "the command",
        [program, ..] => program,
        [] => "the command",
    };
    match status.code() {
        Some(code) => StageError::new(format!("`{program}` ended with exit status {code}")).into(),
        None if status.signal() == Some(9) => {
            JobError::Killed(StageError::new(format!("`{program}` {}", in_words(status))))
        }
        None => StageError::new(format!("`{program}` {}", in_words(status))).into(),
    }
}
