//! What a child process prints, line by line, and whether it has ended.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStderr, ChildStdout};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// A line longer than this is cut: a program that prints without end must not fill the memory.
pub(super) const LONGEST_LINE: usize = 1 << 20;

/// Something that a program said.
pub(super) enum Line {
    /// On stdout.
    Out(String),
    /// On stderr.
    Err(String),
    /// Its stdout is closed.
    Closed,
}

/// Reads both pipes on threads of their own. The channel ends when both are closed.
pub(super) fn forward_lines(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Receiver<Line> {
    let (sender, lines) = sync_channel(1024);
    if let Some(stdout) = stdout {
        let sender = sender.clone();
        thread::spawn(move || forward(stdout, &sender, Line::Out));
    }
    if let Some(stderr) = stderr {
        thread::spawn(move || forward(stderr, &sender, Line::Err));
    }
    lines
}

fn forward(pipe: impl Read, sender: &SyncSender<Line>, wrap: fn(String) -> Line) {
    let mut pipe = BufReader::new(pipe);
    loop {
        let mut line = Vec::new();
        match pipe.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        if sender
            .send(wrap(text.trim_end_matches(['\n', '\r']).to_owned()))
            .is_err()
        {
            return;
        }
    }
    // The end of stdout is the end of the conversation; of stderr only when both are closed, by the sender's drop.
    if matches!(wrap(String::new()), Line::Out(_)) {
        let _ = sender.send(Line::Closed);
    }
}

/// Whether a child has ended. It is not waited for yet, so its number cannot be another's.
pub(super) fn has_ended(child: Option<Pid>) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    child.is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
}
