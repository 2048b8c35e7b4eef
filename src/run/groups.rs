//! The process groups that are at work for a run, and their end.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use super::scheduler::Manner;

/// Process groups at work.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Raw ids.
    busy: BTreeSet<i32>,
    stopping: bool,
}

impl Groups {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a group works; not when all are being ended.
    pub(crate) fn enter(&self, group: Option<Pid>) -> bool {
        let mut state = self.state();
        if !state.stopping {
            state.busy.insert(group.map_or(0, Pid::as_raw_pid));
        }
        !state.stopping
    }

    /// Notes that a group works no more. Call it before the number can be another's.
    pub(crate) fn leave(&self, group: Option<Pid>) {
        self.state().busy.remove(&group.map_or(0, Pid::as_raw_pid));
    }

    /// Whether all are being ended.
    pub(crate) fn is_stopping(&self) -> bool {
        self.state().stopping
    }

    /// Ends all groups that work; none enters after that.
    pub(crate) fn stop(&self, manner: Manner) {
        let mut state = self.state();
        state.stopping = true;
        let signal = match manner {
            Manner::Gently => Signal::TERM,
            Manner::AtOnce => Signal::KILL,
        };
        for group in state.busy.iter().filter_map(|group| Pid::from_raw(*group)) {
            let _ = kill_process_group(group, signal);
        }
    }
}
