//! Slurm with nodes that are all alike, at a clock that is told to it. It says what `squeue` would print.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::fmt::Write;

use super::Cluster;
use crate::random::Stream;

/// Slurm's `MinJobAge`: so many milliseconds it goes on showing a job that has ended.
const SHOWN: u64 = 300_000;

/// Jobs that wait, run and have ended.
#[derive(Debug)]
pub(crate) struct Slurm<'a> {
    cluster: &'a Cluster,
    free: Vec<usize>,
    arrays: BTreeMap<u64, Array>,
    by_name: BTreeMap<String, u64>,
    waiting: VecDeque<(u64, u32)>,
    ends: BinaryHeap<Reverse<(u64, u64, u32)>>,
    /// Arrays all of whose jobs have ended, and when they are forgotten.
    over: VecDeque<(u64, u64)>,
    next_job: u64,
    queued: usize,
    pub(super) most_queued: usize,
    pub(super) worked: u64,
}

#[derive(Debug)]
struct Array {
    name: String,
    tasks: Vec<Task>,
    left: usize,
}

#[derive(Debug)]
struct Task {
    attempt: String,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Pending,
    Running {
        node: usize,
        start: u64,
        is_well: bool,
    },
    Ended {
        node: usize,
        start: u64,
        end: u64,
        is_well: bool,
    },
}

/// A job that has ended.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) attempt: String,
    pub(super) job: String,
    pub(super) node: String,
    pub(super) start: u64,
    pub(super) is_well: bool,
}

/// The name of an attempt at a node, as long as real ones are.
pub(super) fn attempt_name(node: usize, attempt: u32) -> String {
    format!("{node:08x}{attempt:04x}")
}

/// The node and the attempt that a name is of.
pub(super) fn attempt_of(name: &str) -> Option<(usize, u32)> {
    let (node, attempt) = name.split_at_checked(8)?;
    Some((
        usize::from_str_radix(node, 16).ok()?,
        u32::from_str_radix(attempt, 16).ok()?,
    ))
}

impl<'a> Slurm<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            free: (0..cluster.nodes.max(1)).rev().collect(),
            arrays: BTreeMap::new(),
            by_name: BTreeMap::new(),
            waiting: VecDeque::new(),
            ends: BinaryHeap::new(),
            over: VecDeque::new(),
            next_job: 1_000_000,
            queued: 0,
            most_queued: 0,
            worked: 0,
        }
    }

    /// Takes an array; answers as `sbatch --parsable` does.
    pub(crate) fn sbatch(&mut self, at: u64, name: &str, attempts: Vec<String>) -> String {
        let job = self.next_job;
        self.next_job += attempts.len().max(1) as u64;
        self.queued += attempts.len();
        self.most_queued = self.most_queued.max(self.queued);
        self.waiting.extend((0..).zip(&attempts).map(|(index, _)| (job, index)));
        self.by_name.insert(name.to_owned(), job);
        let left = attempts.len();
        let tasks = attempts.into_iter().map(|attempt| Task {
            attempt,
            state: State::Pending,
        });
        let (name, tasks) = (name.to_owned(), tasks.collect());
        self.arrays.insert(job, Array { name, tasks, left });
        self.start(at);
        format!("{job}\n")
    }

    /// When the next job ends.
    pub(super) fn next_end(&self) -> Option<u64> {
        self.ends.peek().map(|Reverse((end, _, _))| *end)
    }

    /// The jobs that have ended by now.
    pub(super) fn ended(&mut self, now: u64) -> Vec<Done> {
        let mut done = Vec::new();
        while let Some(&Reverse((end, job, index))) = self.ends.peek().filter(|Reverse((end, _, _))| *end <= now) {
            self.ends.pop();
            let Some(array) = self.arrays.get_mut(&job) else {
                continue;
            };
            let task = &mut array.tasks[index as usize];
            let State::Running { node, start, is_well } = task.state else {
                continue;
            };
            task.state = State::Ended {
                node,
                start,
                end,
                is_well,
            };
            done.push(Done {
                attempt: task.attempt.clone(),
                job: format!("{job}_{index}"),
                node: node_name(node),
                start,
                is_well,
            });
            array.left -= 1;
            if array.left == 0 {
                self.over.push_back((end + SHOWN, job));
            }
            self.worked += end - start;
            self.queued -= 1;
            self.free.push(node);
            self.start(end);
        }
        while let Some((_, job)) = self.over.front().copied().filter(|(until, _)| *until <= now) {
            self.over.pop_front();
            if let Some(array) = self.arrays.remove(&job) {
                self.by_name.remove(&array.name);
            }
        }
        done
    }

    fn start(&mut self, now: u64) {
        while !self.free.is_empty()
            && let Some((job, index)) = self.waiting.pop_front()
        {
            let Some(array) = self.arrays.get_mut(&job) else {
                continue;
            };
            let task = &mut array.tasks[index as usize];
            let (seconds, is_well) = self.cluster.draw(&task.attempt);
            let node = self.free.pop().expect("seen to be there");
            let start = now;
            task.state = State::Running { node, start, is_well };
            self.ends.push(Reverse((now + (seconds * 1000.0) as u64, job, index)));
        }
    }

    /// What `squeue` prints of arrays of these names; of all if none is given.
    pub(crate) fn squeue(&self, now: u64, names: Option<&BTreeSet<String>>) -> String {
        let mut text = String::new();
        let jobs: BTreeSet<u64> = match names {
            Some(names) => names
                .iter()
                .filter_map(|name| self.by_name.get(name))
                .copied()
                .collect(),
            None => self.arrays.keys().copied().collect(),
        };
        for job in jobs {
            self.show(job, &self.arrays[&job], now, &mut text);
        }
        text
    }

    fn show(&self, job: u64, array: &Array, now: u64, text: &mut String) {
        let name = &array.name;
        let pending = array.tasks.iter().position(|task| matches!(task.state, State::Pending));
        if let Some(first) = pending {
            // Jobs of an array begin in order.
            let last = array.tasks.len() - 1;
            let _ = writeln!(text, "{job}_[{first}-{last}]|PENDING||Priority|N/A|{name}");
        }
        for (index, task) in array.tasks.iter().enumerate() {
            let (state, node, start) = match task.state {
                State::Pending => break,
                State::Running { node, start, .. } => ("RUNNING", node, start),
                State::Ended { end, .. } if end + SHOWN <= now => continue,
                State::Ended {
                    node, start, is_well, ..
                } => (if is_well { "COMPLETED" } else { "FAILED" }, node, start),
            };
            let (node, start) = (node_name(node), start / 1000);
            let _ = writeln!(text, "{job}_{index}|{state}|{node}|None|{start}|{name}");
        }
    }
}

fn node_name(node: usize) -> String {
    format!("node{node:04}")
}

impl Cluster {
    /// How long an attempt takes, and whether it ends well.
    fn draw(&self, attempt: &str) -> (f64, bool) {
        let (node, attempt) = attempt_of(attempt).unwrap_or_default();
        let mut stream = Stream::new(self.seed, "simulation/attempt", &[node as u64, u64::from(attempt)]);
        let [least, most] = self.seconds;
        let seconds = stream.uniform(least, most);
        (seconds, !stream.chance(self.fails) && !self.is_broken(node))
    }

    /// Whether a node fails at every attempt.
    pub(super) fn is_broken(&self, node: usize) -> bool {
        Stream::new(self.seed, "simulation/broken", &[node as u64]).chance(self.broken)
    }

    /// Whether a node says stop if it is a guard.
    pub(super) fn says_stop(&self, node: usize) -> bool {
        Stream::new(self.seed, "simulation/stop", &[node as u64]).chance(self.stops)
    }
}
