//! What a program prints, line by line, heard by the thread that started it: no thread for each pipe, and no waiting in steps for
//! its end.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

/// A line longer than this is cut: a program that prints without end must not fill the memory.
const LONGEST_LINE: usize = 1 << 20;

/// Read at once.
const CHUNK: usize = 1 << 16;

/// Something that a program said.
#[derive(Debug)]
pub(super) enum Line {
    /// On stdout.
    Out(String),
    /// On stderr.
    Err(String),
}

/// The open pipes of a child.
#[derive(Debug)]
pub(super) struct Pipes {
    streams: Vec<Stream>,
    /// Becomes readable when the child ends; none where the system has no such thing.
    exit: Option<OwnedFd>,
}

#[derive(Debug)]
struct Stream {
    file: File,
    is_out: bool,
    /// The beginning of a line.
    begun: Vec<u8>,
}

impl Pipes {
    /// Takes a child's pipes.
    pub(super) fn of(child: &mut Child) -> Self {
        let stream = |pipe: OwnedFd, is_out| Stream {
            file: File::from(pipe),
            is_out,
            begun: Vec::new(),
        };
        let out = child.stdout.take().map(|pipe| stream(pipe.into(), true));
        let err = child.stderr.take().map(|pipe| stream(pipe.into(), false));
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Self {
            streams: out.into_iter().chain(err).collect(),
            exit: pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()),
        }
    }

    /// Whether its stdout is open.
    pub(super) fn out_is_open(&self) -> bool {
        self.streams.iter().any(|stream| stream.is_out)
    }

    /// Waits until the child says something or ends, but not longer than `patience`, and takes what it said.
    pub(super) fn listen(&mut self, patience: Duration, take: &mut impl FnMut(Line)) {
        // Without a sign of the end it is looked for in steps.
        let patience = match (&self.exit, self.streams.is_empty()) {
            (None, true) => Duration::from_millis(1).min(patience),
            _ => patience,
        };
        let exit = self.exit.as_ref().map(AsFd::as_fd);
        let ready = ready(&self.streams, exit, patience);
        self.take_from(&ready, take);
    }

    /// Takes what is still in the pipes, until they are closed or nothing has come for as long as `patience`; the beginning of a
    /// line too.
    pub(super) fn drain(&mut self, patience: Duration, take: &mut impl FnMut(Line)) {
        while !self.streams.is_empty() {
            let ready = ready(&self.streams, None, patience);
            if !ready.contains(&true) {
                break;
            }
            self.take_from(&ready, take);
        }
        for stream in &mut self.streams {
            stream.finish(take);
        }
    }

    fn take_from(&mut self, ready: &[bool], take: &mut impl FnMut(Line)) {
        let mut ready = ready.iter();
        self.streams
            .retain_mut(|stream| !ready.next().is_some_and(|&ready| ready) || stream.read(take));
    }
}

/// Which streams can be read, or are closed.
fn ready(streams: &[Stream], exit: Option<BorrowedFd>, patience: Duration) -> Vec<bool> {
    let fds = streams.iter().map(|stream| stream.file.as_fd()).chain(exit);
    let mut fds: Vec<PollFd> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let patience = Timespec::try_from(patience).ok();
    // A signal ends the wait, and then nothing is ready.
    let _ = poll(&mut fds, patience.as_ref());
    let ready = fds.iter().take(streams.len()).map(|fd| !fd.revents().is_empty());
    ready.collect()
}

impl Stream {
    /// Reads what is there. Says whether more may come.
    fn read(&mut self, take: &mut impl FnMut(Line)) -> bool {
        let mut chunk = [0; CHUNK];
        let count = match self.file.read(&mut chunk) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return true,
            Ok(count @ 1..) => count,
            Ok(0) | Err(_) => {
                self.finish(take);
                return false;
            }
        };
        for part in chunk[..count].split_inclusive(|&byte| byte == b'\n') {
            self.begun.extend(part);
            if part.ends_with(b"\n") || self.begun.len() >= LONGEST_LINE {
                self.give(take);
            }
        }
        true
    }

    fn finish(&mut self, take: &mut impl FnMut(Line)) {
        if !self.begun.is_empty() {
            self.give(take);
        }
    }

    fn give(&mut self, take: &mut impl FnMut(Line)) {
        let line = std::mem::take(&mut self.begun);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        take(if self.is_out { Line::Out(text) } else { Line::Err(text) });
    }
}

/// Whether a child has ended. It is not waited for yet, so its number cannot be another's.
pub(super) fn has_ended(child: Option<Pid>) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    child.is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// What a shell script prints: each line with the stream that it came by.
    fn heard(script: &str) -> Vec<String> {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        let mut take = |line: Line| match line {
            Line::Out(text) => lines.push(format!("out {text}")),
            Line::Err(text) => lines.push(format!("err {text}")),
        };
        let mut pipes = Pipes::of(&mut child);
        while child.try_wait().unwrap().is_none() {
            pipes.listen(Duration::from_secs(60), &mut take);
        }
        pipes.drain(Duration::from_secs(60), &mut take);
        lines
    }

    #[test]
    fn lines_come_whole_with_their_stream_and_the_last_needs_no_end() {
        let lines = heard("printf 'one\\r\\ntw'; sleep 0.1; printf 'o\\nthree'");
        assert_eq!(lines, ["out one", "out two", "out three"]);
        assert_eq!(heard("echo error >&2"), ["err error"]);
        assert_eq!(heard("printf '\\377\\n'"), ["out \u{fffd}"]);
        assert_eq!(heard(":"), [""; 0]);
    }

    #[test]
    fn more_than_a_pipe_holds_comes_through_and_a_line_without_end_is_cut() {
        assert_eq!(heard("seq 100000").len(), 100_000);
        let lines = heard("head -c 3000000 /dev/zero | tr '\\0' x");
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE + CHUNK + 4));
    }

    #[test]
    fn the_end_of_a_program_that_has_closed_its_pipes_is_heard() {
        assert_eq!(heard("echo x; exec >&- 2>&-; sleep 0.2"), ["out x"]);
    }

    #[test]
    fn what_holds_a_pipe_open_and_says_nothing_is_not_waited_for() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & echo $!"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        let mut take = |line: Line| {
            if let Line::Out(text) = line {
                pid = text;
            }
        };
        let mut pipes = Pipes::of(&mut child);
        child.wait().unwrap();
        pipes.drain(Duration::from_millis(50), &mut take);
        let killed = Command::new("kill").arg(pid).status().unwrap();
        assert!(killed.success(), "it waited until the sleeper had ended");
    }
}
