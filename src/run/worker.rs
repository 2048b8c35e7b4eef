//! One long-lived provider process: a job folder in on stdin, messages out on stdout, anything on stderr.
//!
//! It has a process group of its own, so that a Ctrl-C on the terminal does not reach it (the run decides), and so that what it
//! starts itself can be ended with it. It must end when its stdin closes, which the kernel does for it even if the run is
//! killed; what that leaves open, see [`super::process_mark`].

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use super::pipes::{Line, Pipes, has_ended};
use super::process_mark::ProcessMark;
use crate::stage::protocol::Message;
use crate::stage::{Job, Outcome, Program, Reporter, StageError};

/// How often to look whether the job is still wanted.
const TICK: Duration = Duration::from_millis(500);

/// How long a program may take to end once it has closed its output.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running provider process.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    pipes: Pipes,
    /// What it has said and nobody has looked at.
    said: VecDeque<Line>,
    mark: Option<ProcessMark>,
}

/// Why a worker gave no outcome.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The job failed; the worker is ready for the next.
    Job(StageError),
    /// It did not take the job: it had ended before.
    Gone,
    /// It ended without a message about the job: it may have ended before it took it.
    Silent(ExitStatus),
    /// It ended in the middle of the job.
    Died(ExitStatus),
    /// It does not keep to the protocol, and is of no use any more.
    Confused(StageError),
}

impl Worker {
    /// Starts `PROGRAM work`.
    pub(crate) fn start(program: &Program) -> Result<Self, StageError> {
        let mut command = Command::new(&program.path);
        command.arg("work").process_group(0);
        let set = |(name, _): &(&String, &String)| std::env::var_os(name).is_none();
        command.envs(program.environment.iter().filter(set));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let cannot =
            |e: std::io::Error| StageError::new(format!("cannot start the provider `{}`: {e}", program.path.display()));
        let mut child = command.spawn().map_err(cannot)?;
        Ok(Self {
            pipes: Pipes::of(&mut child),
            said: VecDeque::new(),
            stdin: child.stdin.take(),
            mark: ProcessMark::of(child.id()),
            child,
        })
    }

    /// The process group.
    pub(crate) fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        has_ended(self.group())
    }

    /// Has it do a job.
    pub(crate) fn work(&mut self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, Lost> {
        let text = serde_json::to_vec_pretty(job).map_err(|e| Lost::Job(StageError::new(e.to_string())))?;
        let prepared = fs_err::write(job.folder.join("job.json"), text);
        let marked = prepared.and_then(|()| self.mark.as_ref().map_or(Ok(()), |mark| mark.leave(&job.folder)));
        marked.map_err(|e| Lost::Job(e.into()))?;
        let line = format!("{}\n", job.folder.display());
        let sent = self
            .stdin
            .as_mut()
            .map(|stdin| stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()));
        if !matches!(sent, Some(Ok(()))) {
            return Err(Lost::Gone);
        }
        let result = self.listen(reporter);
        if matches!(result, Ok(_) | Err(Lost::Job(_))) {
            ProcessMark::remove(&job.folder);
        }
        result
    }

    fn listen(&mut self, reporter: &dyn Reporter) -> Result<Outcome, Lost> {
        let mut silent = true;
        let mut asked: Option<Instant> = None;
        loop {
            match asked {
                None if reporter.cancelled() => {
                    self.signal(Signal::TERM);
                    asked = Some(Instant::now());
                }
                Some(since) if since.elapsed() > PATIENCE => self.kill(),
                _ => {}
            }
            if self.said.is_empty() {
                self.pipes.listen(TICK, &mut |line| self.said.push_back(line));
            }
            match self.said.pop_front() {
                Some(Line::Err(line)) => reporter.log(&line),
                Some(Line::Out(line)) => match parse(&line).map_err(Lost::Confused)? {
                    None => reporter.log(&line),
                    Some(Message::Progress(progress)) => {
                        silent = false;
                        reporter.progress(progress);
                    }
                    Some(Message::Log { line }) => {
                        silent = false;
                        reporter.log(&line);
                    }
                    Some(Message::Done(outcome)) => {
                        self.tell_rest(reporter);
                        return Ok(outcome);
                    }
                    Some(Message::Failed(error)) => {
                        self.tell_rest(reporter);
                        return Err(Lost::Job(error));
                    }
                },
                // Something that it started may hold its output open after its end.
                None if self.pipes.out_is_open() && !self.has_ended() => {}
                None => {
                    let status = self.bury(reporter);
                    return Err(if silent {
                        Lost::Silent(status)
                    } else {
                        Lost::Died(status)
                    });
                }
            }
        }
    }

    /// Logs what it has said besides, which was before its last message; a line that comes later is the next job's.
    fn tell_rest(&mut self, reporter: &dyn Reporter) {
        self.drain(Duration::ZERO, reporter);
    }

    fn drain(&mut self, patience: Duration, reporter: &dyn Reporter) {
        let mut tell = |(Line::Err(line) | Line::Out(line)): Line| reporter.log(&line);
        self.said.drain(..).for_each(&mut tell);
        self.pipes.drain(patience, &mut tell);
    }

    /// Waits for the end of a process that has closed its output, and ends what it has started.
    fn bury(&mut self, reporter: &dyn Reporter) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while !self.has_ended() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        // Before it is waited for, its number cannot be given to another.
        self.kill();
        let status = self
            .child
            .wait()
            .unwrap_or_else(|_| ExitStatus::from_raw(Signal::KILL.as_raw()));
        self.drain(Duration::from_millis(200), reporter);
        status
    }

    fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group() {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Closes its stdin, at which it is to end.
    pub(crate) fn dismiss(&mut self) {
        self.stdin = None;
    }
}

impl Drop for Worker {
    /// Gives a worker that was dismissed a moment to end by itself.
    fn drop(&mut self) {
        self.dismiss();
        let end = Instant::now() + PATIENCE;
        while !self.has_ended() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// Reads a message; none for text that a library may print. A line that begins like a message must be one: if the one that
/// says `done` were passed over, the run would wait for ever.
pub(super) fn parse(line: &str) -> Result<Option<Message>, StageError> {
    if !line.trim_start().starts_with('{') {
        return Ok(None);
    }
    let wrong = |e: serde_json::Error| {
        let shown: String = line.chars().take(200).collect();
        StageError::new(format!(
            "the provider printed a line that is no message of the protocol ({e}): {shown}"
        ))
        .hint("a provider must print nothing on stdout but messages, one JSON object a line")
    };
    let mut value: Value = serde_json::from_str(line).map_err(wrong)?;
    // JSON has no NaN: a figure that is none comes as null.
    for name in ["metrics", "fields"] {
        if let Some(Value::Object(figures)) = value.get_mut(name) {
            figures.retain(|_, figure| !figure.is_null());
        }
    }
    serde_json::from_value(value).map(Some).map_err(wrong)
}

/// How a process ended, in words.
pub(crate) fn in_words(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "was killed by SIGKILL (signal 9; often out of memory)".to_owned(),
        (Some(number), _) => format!("was killed by {}", signal_name(number)),
        (None, Some(code)) => format!("ended in the middle of the job with exit status {code}"),
        (None, None) => "ended in the middle of the job".to_owned(),
    }
}

fn signal_name(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        _ => return format!("signal {number}"),
    };
    format!("{name} (signal {number})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_no_number_does_not_spoil_a_message() {
        let message = parse(r#"{"event":"done","metrics":{"a":null,"b":1.5},"notes":[]}"#).unwrap();
        let Some(Message::Done(outcome)) = message else {
            panic!("{message:?}")
        };
        assert_eq!(outcome.metrics.into_iter().collect::<Vec<_>>(), [("b".to_owned(), 1.5)]);
    }

    #[test]
    fn plain_text_is_for_the_log_and_broken_messages_are_errors() {
        assert!(parse("warming up").unwrap().is_none());
        assert!(parse("").unwrap().is_none());
        for wrong in ["{", r#"{"event":"finished"}"#, "{} trailing"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ends_are_told_in_words() {
        assert_eq!(
            in_words(ExitStatus::from_raw(9)),
            "was killed by SIGKILL (signal 9; often out of memory)"
        );
        assert_eq!(in_words(ExitStatus::from_raw(11)), "was killed by SIGSEGV (signal 11)");
        assert_eq!(
            in_words(ExitStatus::from_raw(3 << 8)),
            "ended in the middle of the job with exit status 3"
        );
    }
}
