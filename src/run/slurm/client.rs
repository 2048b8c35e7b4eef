//! Calls of Slurm's programs: each ends within bounds, and what it says is told apart by what to do about it.

use std::fmt;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Why a call has given no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The program is not there.
    Missing(String),
    /// It did not end in time, and had said this.
    Silent(String, Duration, String),
    /// It ended badly and said this.
    Said(String, String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(program) => write!(f, "`{program}` cannot be started: is Slurm installed on this machine?"),
            Self::Silent(program, patience, said) => {
                write!(f, "`{program}` did not answer within {:.0} s", patience.as_secs_f64())?;
                if said.is_empty() { Ok(()) } else { write!(f, ": {said}") }
            }
            Self::Said(program, text) => write!(f, "`{program}` said: {text}"),
        }
    }
}

/// What `sbatch` says when the same job would be refused again.
const REFUSALS: [&str; 22] = [
    "invalid partition",
    "invalid account",
    "invalid qos",
    "invalid feature",
    "invalid generic resource",
    "invalid job array",
    "invalid option",
    "invalid argument",
    "invalid time limit",
    "invalid --",
    "unrecognized option",
    "unrecognised option",
    "requires an argument",
    "requested node configuration is not available",
    "requested partition configuration not available",
    "more processors requested than permitted",
    "memory specification can not be satisfied",
    "requested time limit is invalid",
    "user's group not permitted",
    "access/permission denied",
    "job credential",
    "batch job submission failed: unspecified error",
];

/// What every program of Slurm says where it is not set up.
const UNUSABLE: [&str; 6] = [
    "configuration source",
    "slurm.conf",
    "configuration file",
    "control machine address",
    "fatal: failed to initialize",
    "cannot find auth plugin",
];

/// What one says that waits for its configuration.
const WITHOUT_CONFIGURATION: [&str; 2] = ["cannot stat file", "unable to status file"];

/// How long one may wait for its configuration: by itself it does for a minute.
const CONFIGURATION: Duration = Duration::from_secs(2);

/// What `sbatch` says when there are too many jobs for now.
const FULL: [&str; 3] = ["submitlimit", "submit limit", "temporarily unable to accept job"];

impl Trouble {
    /// Whether asking again would give the same.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Missing(_) => true,
            Self::Silent(..) => false,
            Self::Said(_, text) => {
                let text = text.to_lowercase();
                let is_refused = REFUSALS.iter().any(|refusal| text.contains(refusal));
                is_refused && !self.is_for_now() && !self.is_unusable()
            }
        }
    }

    /// Whether Slurm seems not to be set up here: anything else that it is asked would give the same.
    pub(super) fn is_unusable(&self) -> bool {
        match self {
            Self::Missing(_) => true,
            Self::Silent(_, _, text) | Self::Said(_, text) => {
                let text = text.to_lowercase();
                UNUSABLE
                    .iter()
                    .chain(&WITHOUT_CONFIGURATION)
                    .any(|words| text.contains(words))
            }
        }
    }

    /// Whether the queue is full.
    pub(super) fn is_for_now(&self) -> bool {
        match self {
            Self::Said(_, text) => {
                let text = text.to_lowercase();
                FULL.iter().any(|full| text.contains(full))
            }
            _ => false,
        }
    }

    /// Whether Slurm says that it knows no such job.
    pub(super) fn is_unknown_job(&self) -> bool {
        matches!(self, Self::Said(_, text) if text.to_lowercase().contains("invalid job id"))
    }
}

/// Calls programs, with a bound on how long each may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) patience: Duration,
}

impl Client {
    /// Calls a program with a text on its stdin; answers with what it printed.
    pub(super) fn call(self, program: &str, arguments: &[String], stdin: &str) -> Result<String, Trouble> {
        let failed = |error: std::io::Error| Trouble::Said(program.to_owned(), error.to_string());
        // Files: they take any length, and nothing that keeps them open is waited for.
        let (mut given, out, err) = (file()?, file()?, file()?);
        given.write_all(stdin.as_bytes()).map_err(failed)?;
        given.seek(SeekFrom::Start(0)).map_err(failed)?;
        let shared = |file: &std::fs::File| file.try_clone().map(Stdio::from).map_err(failed);
        let mut command = Command::new(program);
        command.args(arguments).process_group(0);
        // Lists of array tasks in full, times in seconds, words in English.
        command
            .env("SLURM_BITSTR_LEN", "0")
            .env("SLURM_TIME_FORMAT", "%s")
            .env("LC_ALL", "C");
        command
            .stdin(shared(&given)?)
            .stdout(shared(&out)?)
            .stderr(shared(&err)?);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Trouble::Missing(program.to_owned()),
            _ => failed(error),
        })?;
        let begin = Instant::now();
        let mut pause = Duration::from_millis(2);
        let status = loop {
            match child.try_wait().map_err(failed)? {
                Some(status) => break status,
                None if begin.elapsed() >= self.patience
                    || (begin.elapsed() >= CONFIGURATION && waits_for_configuration(&err)) =>
                {
                    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                        let _ = kill_process_group(group, Signal::KILL);
                    }
                    let _ = child.wait();
                    let waited = begin.elapsed().min(self.patience);
                    return Err(Trouble::Silent(program.to_owned(), waited, lines(&text(&err))));
                }
                None => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(100));
        };
        if status.success() {
            return Ok(text(&out));
        }
        // Some say on stdout what is wrong.
        let said = Some(lines(&text(&err))).filter(|said| !said.is_empty());
        let said = said.unwrap_or_else(|| lines(&text(&out)));
        let said = if said.is_empty() { status.to_string() } else { said };
        Err(Trouble::Said(program.to_owned(), said))
    }
}

fn file() -> Result<std::fs::File, Trouble> {
    tempfile::tempfile().map_err(|error| Trouble::Said("a temporary file".to_owned(), error.to_string()))
}

/// What is in a file by now. Whoever writes to it shares its position, which stays.
fn text(file: &std::fs::File) -> String {
    let mut bytes = vec![0; file.metadata().map_or(0, |data| data.len() as usize)];
    let mut read = 0;
    // What was read before an error is still worth having.
    while let Ok(more @ 1..) = file.read_at(&mut bytes[read..], read as u64) {
        read += more;
    }
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

/// The lines of a text in one.
fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

fn waits_for_configuration(said: &std::fs::File) -> bool {
    let said = text(said).to_lowercase();
    WITHOUT_CONFIGURATION.iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Trouble {
        Trouble::Said("sbatch".to_owned(), text.to_owned())
    }

    #[test]
    fn refusals_full_queues_and_passing_troubles_are_told_apart() {
        let refused = said("sbatch: error: Batch job submission failed: Invalid partition name specified");
        assert!(refused.is_refusal() && !refused.is_for_now());
        let full = said(
            "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size limits)",
        );
        assert!(full.is_for_now() && !full.is_refusal());
        let full = said("sbatch: error: AssocMaxSubmitJobLimit");
        assert!(!full.is_refusal());
        for passing in [
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
            "Batch job submission failed: Socket timed out on send/recv operation",
            "something new",
        ] {
            assert!(!said(passing).is_refusal() && !said(passing).is_for_now(), "{passing}");
        }
        assert!(said("slurm_load_jobs error: Invalid job id specified").is_unknown_job());
    }

    #[test]
    fn where_slurm_is_not_set_up_is_told_apart_from_a_controller_that_is_busy() {
        for unusable in [
            "sbatch: fatal: Could not establish a configuration source",
            "sbatch: error: s_p_parse_file: cannot stat file /etc/slurm/slurm.conf: No such file or directory",
            "sbatch: error: Unable to establish control machine address; Batch job submission failed: Invalid argument",
        ] {
            assert!(
                said(unusable).is_unusable() && !said(unusable).is_refusal(),
                "{unusable}"
            );
        }
        for other in [
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
            "sbatch: error: Batch job submission failed: Invalid partition name specified",
            "something new",
        ] {
            assert!(!said(other).is_unusable(), "{other}");
        }
    }

    #[test]
    fn one_that_waits_for_its_configuration_is_ended_before_its_time() {
        let client = Client {
            patience: Duration::from_secs(600),
        };
        let script = "echo 'error: cannot stat file /x: No such file, retrying in 1sec up to 60sec' >&2; sleep 600";
        let told = client.call("sh", &["-c".to_owned(), script.to_owned()], "");
        let trouble = told.unwrap_err();
        assert!(
            trouble.is_unusable() && trouble.to_string().contains("cannot stat file /x"),
            "{trouble}"
        );
    }

    #[test]
    fn a_call_gets_its_text_and_gives_what_is_printed_and_one_without_end_is_ended() {
        let client = Client {
            patience: Duration::from_millis(300),
        };
        let call = |script: &str, stdin: &str| client.call("sh", &["-c".to_owned(), script.to_owned()], stdin);
        let long = "x".repeat(300_000);
        assert_eq!(call("cat", &long), Ok(long));
        assert_eq!(
            call("echo no >&2; echo way >&2; exit 3", ""),
            Err(Trouble::Said("sh".to_owned(), "no; way".to_owned()))
        );
        assert!(matches!(call("sleep 60", ""), Err(Trouble::Silent(..))));
        assert!(matches!(
            client.call("no-such-program", &[], ""),
            Err(Trouble::Missing(_))
        ));
    }
}
