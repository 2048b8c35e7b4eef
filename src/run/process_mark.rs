//! A process by more than its number, and the worker that an ended run may have left behind.
//!
//! The key's lock is closed on `exec`, so a worker never holds it. When a run is killed with `kill -9`, the kernel lets
//! go of the lock at once, while its worker lives on until it notices that its stdin is closed: between two jobs, that
//! is. Another run may take the lock meanwhile and start on the same scratch folder. So a run that gives a worker a job
//! leaves a mark of the worker in the folder, and takes it away before it lets go of the lock. Whoever holds the lock
//! and finds a mark has found an orphan, and kills it before touching the folder.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

/// A process: its number alone could by now be another's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMark {
    /// The process id.
    pub pid: u32,
    /// When it started, in the kernel's ticks since the machine did.
    pub start: u64,
    /// The machine's run, from boot to halt.
    pub boot: String,
}

/// The bytes of a mark's file. It is written over in place: files that are cut to nothing and written again are forced to the
/// disk by some file systems.
const SIZE: usize = 256;

impl ProcessMark {
    /// The name of the mark in a job's folder.
    pub(crate) const FILE: &'static str = "worker.json";

    /// The mark of a living process.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Some(Self {
            pid,
            start: start_of(pid)?,
            boot: boot()?,
        })
    }

    /// Whether that very process still lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Leaves the mark in a job's folder.
    pub(crate) fn leave(&self, folder: &Path) -> std::io::Result<()> {
        write(
            folder,
            true,
            &serde_json::to_string(self).map_err(std::io::Error::other)?,
        )
    }

    /// The mark in a job's folder, if there is one.
    pub(crate) fn left_in(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs_err::read(folder.join(Self::FILE)).ok()?).ok()
    }

    /// Takes the mark away.
    pub(crate) fn remove(folder: &Path) {
        // If it stays behind it names a process that has ended, or one that the next holder of the lock may end.
        let _ = write(folder, false, "");
    }
}

/// Writes a mark, or that there is none.
fn write(folder: &Path, create: bool, text: &str) -> std::io::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    let file = options
        .write(true)
        .create(create)
        .truncate(false)
        .open(folder.join(ProcessMark::FILE))?;
    file.file().write_all_at(format!("{text:SIZE$}").as_bytes(), 0)
}

/// Ends the worker that a run which is gone left in a job's folder. Call it only while holding the key's lock.
pub(crate) fn end_orphan(folder: &Path) {
    if let Some(mark) = ProcessMark::left_in(folder) {
        let end = Instant::now() + Duration::from_secs(5);
        while mark.is_alive() && Instant::now() < end {
            if let Some(pid) = i32::try_from(mark.pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        ProcessMark::remove(folder);
    }
}

/// The 22nd field of `stat`; the second, the program's name in parentheses, may hold anything. A zombie has ended.
fn start_of(pid: u32) -> Option<u64> {
    let text = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn boot() -> Option<String> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    let read = || fs_err::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    BOOT.get_or_init(|| read().map(|text| text.trim().to_owned())).clone()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_known_by_more_than_its_number() {
        let mark = ProcessMark::of(std::process::id()).unwrap();
        assert!(mark.is_alive());
        assert!(
            !ProcessMark {
                start: mark.start + 1,
                ..mark.clone()
            }
            .is_alive()
        );
        assert!(
            !ProcessMark {
                boot: String::new(),
                ..mark
            }
            .is_alive()
        );
    }

    #[test]
    fn an_orphan_is_ended_and_a_stranger_of_the_same_number_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let mark = ProcessMark::of(child.id()).unwrap();
        let stranger = ProcessMark {
            start: mark.start + 1,
            ..mark.clone()
        };
        stranger.leave(folder.path()).unwrap();
        end_orphan(folder.path());
        assert!(child.try_wait().unwrap().is_none());
        mark.leave(folder.path()).unwrap();
        end_orphan(folder.path());
        assert!(!child.wait().unwrap().success());
        assert_eq!(ProcessMark::left_in(folder.path()), None);
    }
}
