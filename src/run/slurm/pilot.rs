//! Allocations that do one job after the other: for thousands of short jobs, each of which would wait in Slurm's queue by itself.
//!
//! ```text
//! slurm/queue/<shape>/shape.json             what a pilot of this queue asks Slurm for
//! slurm/queue/<shape>/ready/ATTEMPT          a ticket: the folder of an attempt
//! slurm/queue/<shape>/claimed/ATTEMPT.PILOT  taken by a pilot, by renaming it; gone when the attempt has left its outcome
//! ```
//!
//! A pilot ends when no ticket is left for a while, or when its time is nearly over. All runs of a store share queues and pilots. What a
//! pilot had claimed when it was lost is put back as a new attempt: the old one may go on where nobody reaches it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::shape::Shape;
use crate::run::attempt::{Attempt, AttemptEnd, Ended};
use crate::run::clock::now;
use crate::run::durable;
use crate::run::exec_job::{Executed, exec_attempt};
use crate::run::executors::Executors;
use crate::run::interrupt::Interrupt;
use crate::run::resources::node_name;
use crate::stage::{Registry, StageError};
use crate::store::Digest;

/// What the names of pilots' jobs begin with.
const PREFIX: &str = "asm-pipe-pilot-";

/// Where the queues are, in the folder of what is Slurm's.
pub(super) const QUEUES: &str = "queue";

/// A pilot without a ticket waits this long for one: what the jobs just done make possible comes soon.
const LINGER: Duration = Duration::from_secs(5);

/// The part of its time after which a pilot takes no more.
const MOSTLY: f64 = 0.9;

/// The tickets of jobs that ask for the same.
#[derive(Debug)]
pub(super) struct Queue {
    folder: PathBuf,
}

/// Where the tickets of a queue are.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    pub(super) ready: BTreeSet<String>,
    /// By attempt: which pilot has it.
    pub(super) claimed: BTreeMap<String, String>,
}

impl Queue {
    /// Makes the queue of a shape, in the folder of what is Slurm's.
    pub(super) fn make(place: &Path, shape: &Shape) -> std::io::Result<Self> {
        let name = Digest::of_bytes(format!("{} {shape:?}", place.display()).as_bytes()).to_string();
        let queue = Self {
            folder: place.join(QUEUES).join(&name[..12]),
        };
        fs_err::create_dir_all(queue.ready())?;
        fs_err::create_dir_all(queue.claimed())?;
        durable::write(&queue.folder.join("shape.json"), shape)?;
        Ok(queue)
    }

    /// The queue whose pilots have this name.
    pub(super) fn of(place: &Path, name: &str) -> Option<Self> {
        let folder = place.join(QUEUES).join(name.strip_prefix(PREFIX)?);
        Some(Self { folder })
    }

    /// The name of its pilots' jobs.
    pub(super) fn name(&self) -> String {
        name(&self.folder.file_name().unwrap_or_default().to_string_lossy())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn shape(&self) -> Option<Shape> {
        durable::read(&self.folder.join("shape.json"))
    }

    /// Adds a ticket.
    pub(super) fn put(&self, attempt: &Attempt) -> std::io::Result<()> {
        durable::write(&self.ready().join(attempt.name()), &attempt.folder())
    }

    /// Takes a ticket away that no pilot has taken.
    pub(super) fn withdraw(&self, attempt: &str) {
        // A pilot that has it finds out by itself that the attempt does not count.
        let _ = fs_err::remove_file(self.ready().join(attempt));
    }

    /// Takes away what is left of a ticket whose pilot is gone.
    pub(super) fn drop_claim(&self, attempt: &str, pilot: &str) {
        let _ = fs_err::remove_file(self.claimed().join(format!("{attempt}.{pilot}")));
    }

    /// Where all tickets are now. One that is taken meanwhile may still be seen as ready.
    pub(super) fn tickets(&self) -> std::io::Result<Tickets> {
        let ready = names(&self.ready())?
            .into_iter()
            .filter(|name| !name.contains('.'))
            .collect();
        let claimed = names(&self.claimed())?.into_iter().filter_map(|name| {
            let (attempt, pilot) = name.split_once('.')?;
            Some((attempt.to_owned(), pilot.to_owned()))
        });
        Ok(Tickets {
            ready,
            claimed: claimed.collect(),
        })
    }

    /// Takes a ticket for a pilot: of two that want the same, one gets it.
    fn claim(&self, pilot: &str) -> std::io::Result<Option<(PathBuf, PathBuf)>> {
        for attempt in self.tickets()?.ready {
            let ticket = self.claimed().join(format!("{attempt}.{pilot}"));
            if fs_err::rename(self.ready().join(&attempt), &ticket).is_ok()
                && let Some(folder) = durable::read(&ticket)
            {
                return Ok(Some((ticket, folder)));
            }
        }
        Ok(None)
    }

    fn ready(&self) -> PathBuf {
        self.folder.join("ready")
    }

    fn claimed(&self) -> PathBuf {
        self.folder.join("claimed")
    }
}

/// The name of the pilots' jobs of a queue in this folder.
pub(super) fn name(folder: &str) -> String {
    format!("{PREFIX}{folder}")
}

fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        found.extend(entry?.file_name().into_string());
    }
    found.sort_unstable();
    Ok(found)
}

/// Does one job after the other from a queue, as `name`, for at most so many seconds. Answers how many it did.
///
/// # Errors
/// When the queue cannot be read.
pub fn pilot(
    registry: &Registry,
    queue: &Path,
    (name, seconds): (&str, f64),
    interrupt: &Interrupt,
) -> Result<u32, StageError> {
    let queue = Queue {
        folder: queue.to_owned(),
    };
    let (begin, mut idle, mut done) = (Instant::now(), Instant::now(), 0);
    // One for all: workers stay up from job to job.
    let executors = Executors::new(registry);
    while interrupt.count() == 0 && begin.elapsed().as_secs_f64() < seconds * MOSTLY {
        let Some((ticket, folder)) = queue.claim(name)? else {
            if idle.elapsed() >= LINGER {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
            continue;
        };
        let began_at = now();
        match exec_attempt(&executors, &folder, None, interrupt) {
            Ok(Executed::Ended(_) | Executed::GivenUp) => {}
            // Its claim says to whoever looks that it was not done.
            Ok(Executed::Stopped) => break,
            Err(error) => {
                let ended = Ended {
                    end: AttemptEnd::Failed(error),
                    node: node_name(),
                    job: Some(name.to_owned()),
                    began_at,
                    ended_at: now(),
                };
                // A folder that is gone was given up.
                let _ = Attempt::at(&folder).end(&ended);
            }
        }
        let _ = fs_err::remove_file(ticket);
        done += 1;
        idle = Instant::now();
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_pilots_one_gets_a_ticket_and_each_ticket_is_got() {
        let place = tempfile::tempdir().unwrap();
        let shape = Shape {
            cpus: 1,
            memory_mib: None,
            gpus: 0,
            minutes: None,
            flags: Vec::new(),
        };
        let queue = Queue::make(place.path(), &shape).unwrap();
        assert_eq!(Queue::of(place.path(), &queue.name()).unwrap().shape(), Some(shape));
        for number in 0..40 {
            queue
                .put(&Attempt::at(Path::new(&format!("/jobs/{number:02}"))))
                .unwrap();
        }
        queue.withdraw("07");
        let claim_all = |pilot: &str| {
            let mut got = Vec::new();
            while let Some((_, folder)) = queue.claim(pilot).unwrap() {
                got.push(folder);
            }
            got
        };
        let mut got: Vec<PathBuf> = std::thread::scope(|scope| {
            let pilots = ["1_0", "1_1", "2_0"].map(|pilot| scope.spawn(move || claim_all(pilot)));
            pilots.into_iter().flat_map(|pilot| pilot.join().unwrap()).collect()
        });
        got.sort();
        assert_eq!(got.len(), 39);
        got.dedup();
        assert_eq!(got.len(), 39);
        let tickets = queue.tickets().unwrap();
        assert_eq!((tickets.ready.len(), tickets.claimed.len()), (0, 39));
    }
}
