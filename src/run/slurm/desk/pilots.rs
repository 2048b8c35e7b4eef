//! Jobs that are left to pilots: where their tickets are, who has them, and whether more pilots are needed.

use super::super::ending::How;
use super::super::pilot::{Queue, Tickets};
use super::super::queue::Row;
use super::super::shape::pilot_script;
use super::{Shared, Sight};
use crate::run::submission::Submission;
use crate::stage::StageError;

impl Shared {
    /// Looks where the tickets of a queue are, and has more pilots come if they are needed.
    pub(super) fn look_at_queue(&self, name: &str, attempts: &[String], rows: &[Row]) {
        let Some((queue, tickets)) = self.queue(name).and_then(|queue| {
            let tickets = queue.tickets().ok()?;
            Some((queue, tickets))
        }) else {
            return;
        };
        for attempt in attempts {
            match tickets.claimed.get(attempt) {
                Some(pilot) => self.look_at_claim(&queue, attempt, pilot, rows),
                None => self.look_at_ticket(&queue, attempt, tickets.ready.contains(attempt)),
            }
        }
        self.have_pilots(&queue, &tickets, rows);
    }

    /// A ticket that no pilot has: none has come yet, or it is done.
    fn look_at_ticket(&self, queue: &Queue, attempt: &str, is_ready: bool) {
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(attempt) else {
            return;
        };
        if !is_ready {
            // Its outcome is there, or on its way.
            watch.ended(How::Completed, None);
        } else if self.pilot.is_none() {
            // An earlier run had pilots; this one has none come.
            queue.withdraw(attempt);
            watch.sight = Sight::NeverSubmitted;
        }
    }

    /// A ticket that a pilot has: does that still live?
    fn look_at_claim(&self, queue: &Queue, attempt: &str, pilot: &str, rows: &[Row]) {
        let Some((how, node)) = self.ask_for_pilot(&queue.name(), pilot, rows) else {
            return;
        };
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(attempt) else {
            return;
        };
        pilot.clone_into(&mut watch.place.job);
        watch.stands("RUNNING", node, None, None);
        if let Some(how) = how {
            let how = match how {
                How::OutOfMemory => how,
                _ => How::PilotEnded,
            };
            watch.ended(how, None);
            queue.drop_claim(attempt, pilot);
        }
    }

    /// How a pilot ended, if it has, and its node. None if that cannot be known now.
    fn ask_for_pilot(&self, name: &str, pilot: &str, rows: &[Row]) -> Option<(Option<How>, Option<String>)> {
        let (job, index) = pilot.split_once('_')?;
        let (job, index): (u64, u32) = (job.parse().ok()?, index.parse().ok()?);
        if let Some(row) = rows.iter().find(|row| row.job == job && row.is_of(index)) {
            return Some((How::of(&row.state), row.node.clone()));
        }
        let submission = Submission {
            attempt: String::new(),
            name: name.to_owned(),
            index,
            job: Some(job),
            at: 0,
            memory_mib: None,
        };
        match self.ask_for(&submission) {
            Ok(Some((state, node, _))) => Some((How::of(&state), node)),
            Ok(None) => Some((Some(How::Vanished), None)),
            Err(_) => None,
        }
    }

    /// Has pilots come for the tickets that none of those who wait will take.
    fn have_pilots(&self, queue: &Queue, tickets: &Tickets, rows: &[Row]) {
        let (Some(pilot), Some(mut shape)) = (&self.pilot, queue.shape()) else {
            return;
        };
        let name = queue.name();
        let living = rows
            .iter()
            .filter(|row| row.name == name && How::of(&row.state).is_none());
        let (waiting, running): (Vec<&Row>, Vec<&Row>) = living.partition(|row| row.state == "PENDING");
        let count = |rows: &[&Row]| rows.iter().map(|row| row.count()).sum::<usize>();
        let more = (pilot.allocations as usize)
            .saturating_sub(count(&waiting) + count(&running))
            .min(tickets.ready.len().saturating_sub(count(&waiting)));
        if more == 0 || self.state().stopping.is_some() {
            return;
        }
        shape.minutes = Some(((pilot.time / 60.0).ceil() as u64).max(1));
        let flags = shape.flags(&name, more, &self.printed());
        let script = pilot_script(&self.program, &self.store, queue.folder(), pilot.time);
        match self.call("sbatch", &flags, &script) {
            Err(trouble) if trouble.is_refusal() => {
                let error = StageError::new(format!("no pilot could be submitted to Slurm: {trouble}"));
                let mut state = self.state();
                for attempt in &tickets.ready {
                    if let Some(watch) = state.watches.get_mut(attempt) {
                        queue.withdraw(attempt);
                        watch.sight = Sight::Refused(error.clone());
                    }
                }
            }
            // What was taken nevertheless is seen in the queue next time.
            Err(trouble) => self.tell_trouble(&trouble),
            Ok(_) => {}
        }
    }
}
