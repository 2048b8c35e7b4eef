//! How a job of Slurm ended that left no result, and what is said of it.

use std::fmt;

use crate::stage::StageError;

/// How a job ended, by Slurm's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Its program ended well.
    Completed,
    /// Its program ended badly.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// Its time was over.
    TimedOut,
    /// It used more memory than it was given.
    OutOfMemory,
    /// Its node was lost.
    NodeLost,
    /// It had to give way.
    Preempted,
    /// Slurm does not know it any more.
    Vanished,
    /// The pilot that had it ended before it was done.
    PilotEnded,
}

impl How {
    /// By the word for a job's state; none for one in which it has not ended, or that is not known.
    pub(super) fn of(state: &str) -> Option<Self> {
        // `sacct` says who cancelled it, and cuts long words with a `+`.
        let word = state.split([' ', '+']).next().unwrap_or_default();
        Some(match word {
            "COMPLETED" => Self::Completed,
            "FAILED" | "LAUNCH_FAILED" | "RECONFIG_FAIL" => Self::Failed,
            "CANCELLED" => Self::Cancelled,
            "TIMEOUT" | "DEADLINE" => Self::TimedOut,
            "OUT_OF_MEMORY" | "OUT_OF_ME" => Self::OutOfMemory,
            "NODE_FAIL" | "BOOT_FAIL" => Self::NodeLost,
            "PREEMPTED" => Self::Preempted,
            _ => return None,
        })
    }

    /// Whether another try may well end otherwise.
    pub(super) fn is_nobodys_fault(self) -> bool {
        matches!(self, Self::NodeLost | Self::Preempted | Self::PilotEnded)
    }
}

/// The end of a job that left no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) how: How,
    /// What Slurm calls the job.
    pub(super) job: String,
    pub(super) node: Option<String>,
    /// Slurm's reason, if it is more than the state.
    pub(super) reason: Option<String>,
    /// The last lines that its program printed.
    pub(super) printed: Vec<String>,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let job = &self.job;
        let on = self
            .node
            .as_ref()
            .map_or_else(String::new, |node| format!(" on {node}"));
        match self.how {
            How::Completed => write!(f, "the Slurm job {job}{on} ended well but left no result"),
            How::Failed => write!(f, "the Slurm job {job}{on} failed before it left a result"),
            How::Cancelled => write!(f, "the Slurm job {job}{on} was cancelled"),
            How::TimedOut => write!(f, "the Slurm job {job}{on} was ended because its time was over"),
            How::OutOfMemory => write!(f, "the Slurm job {job}{on} was ended because it ran out of memory"),
            How::NodeLost => match &self.node {
                Some(node) => write!(f, "the Slurm job {job} was lost with its node {node}"),
                None => write!(f, "the Slurm job {job} was lost with its node"),
            },
            How::Preempted => write!(f, "the Slurm job {job}{on} had to give way to another"),
            How::PilotEnded => write!(f, "the pilot {job}{on} ended before the job was done"),
            How::Vanished => write!(f, "Slurm does not know the job {job} any more, and it left no result"),
        }?;
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// What Slurm prints into a job's output when it has taken too much memory. Only where it uses control groups does the state say so.
const OUT_OF_MEMORY: [&str; 3] = ["memory limit", "oom-kill", "oom_kill"];

impl Ending {
    /// The same with what was printed, which may say more than the state.
    pub(super) fn with(self, printed: Vec<String>) -> Self {
        let is_of_slurm = |line: &&String| line.starts_with("slurmstepd");
        let is_told = printed
            .iter()
            .filter(is_of_slurm)
            .any(|line| OUT_OF_MEMORY.iter().any(|words| line.to_lowercase().contains(words)));
        let how = match self.how {
            How::Failed | How::Cancelled if is_told => How::OutOfMemory,
            how => how,
        };
        Self { how, printed, ..self }
    }

    /// As the failure of a stage. `memory_mib` is what the job was given.
    pub(super) fn error(&self, memory_mib: Option<u64>) -> StageError {
        let error = StageError::new(self.to_string());
        let given = memory_mib.map_or_else(String::new, |mib| format!(" than its {mib} MiB"));
        let error = match self.how {
            How::Completed | How::Vanished => error.hint(
                "are the store and the pipelines on a file system that the nodes share? `lag_seconds` in `[slurm]` says how long a \
                 result is waited for",
            ),
            How::Failed => error.hint("can the node start this program, and see the store?"),
            How::Cancelled => error.hint("somebody, or a rule of the cluster, has cancelled it; run again to have it done"),
            How::TimedOut => error.hint("give the stage a longer `timeout`, or set `time` in `[slurm]`"),
            How::OutOfMemory => error.hint(format!(
                "give the stage more `memory`{given}, or set `memory_factor` in `[slurm]` to have it tried again with more"
            )),
            How::NodeLost | How::Preempted | How::PilotEnded => error.hint("run again: it goes on from what it has kept"),
        };
        match self.printed.as_slice() {
            [] => error,
            printed => error.hint(format!("it printed last:\n{}", printed.join("\n"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slurm_printed_tells_of_memory_where_the_state_does_not() {
        let ended = |how, line: &str| {
            let ending = Ending {
                how,
                job: "1_0".to_owned(),
                node: None,
                reason: None,
                printed: Vec::new(),
            };
            ending.with(vec![line.to_owned()]).how
        };
        let limit = "slurmstepd: error: Exceeded job memory limit";
        assert_eq!(ended(How::Failed, limit), How::OutOfMemory);
        assert_eq!(ended(How::TimedOut, limit), How::TimedOut);
        assert_eq!(ended(How::Failed, "my memory limit is low"), How::Failed);
    }

    #[test]
    fn ends_are_told_apart_and_what_is_no_end_or_unknown_is_none() {
        let ends = [
            "COMPLETED",
            "FAILED",
            "CANCELLED by 0",
            "TIMEOUT",
            "OUT_OF_ME+",
            "NODE_FAIL",
            "PREEMPTED",
        ];
        let how: Vec<How> = ends.iter().filter_map(|state| How::of(state)).collect();
        assert_eq!(
            how,
            [
                How::Completed,
                How::Failed,
                How::Cancelled,
                How::TimedOut,
                How::OutOfMemory,
                How::NodeLost,
                How::Preempted
            ]
        );
        for other in ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "REVOKED", "DANCING", ""] {
            assert_eq!(How::of(other), None, "{other}");
        }
    }
}
