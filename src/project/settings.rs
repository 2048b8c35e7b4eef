//! Plain data: executors, how Slurm is asked, the remote store.

use std::collections::BTreeMap;

/// Who does the jobs that need a process of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutorName {
    /// This machine.
    #[default]
    Local,
    /// A cluster that Slurm schedules.
    Slurm,
}

impl ExecutorName {
    /// All, as they are written.
    pub const ALL: [(&'static str, Self); 2] = [("local", Self::Local), ("slurm", Self::Slurm)];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, name)| *name == self);
        known.map_or("", |(text, _)| text)
    }
}

/// How Slurm is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Slurm {
    /// What every job asks for, unless its kind or its stage says otherwise.
    pub request: Request,
    /// What jobs of a kind ask for, where it differs.
    pub kinds: BTreeMap<String, Request>,
    /// How many jobs may be queued or running at once.
    pub max_queued: u32,
    /// Seconds between two looks at the queue.
    pub poll_seconds: f64,
    /// After an end by lack of memory: try again with so many times the memory.
    pub memory_factor: Option<f64>,
    /// How many seconds the result of a job that has ended may take to be seen.
    pub lag_seconds: f64,
    /// Allocations that do many short jobs each, instead of one job each.
    pub pilot: Option<Pilot>,
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            request: Request::default(),
            kinds: BTreeMap::new(),
            max_queued: 500,
            poll_seconds: 10.0,
            memory_factor: None,
            lag_seconds: 60.0,
            pilot: None,
        }
    }
}

impl Slurm {
    /// What jobs of a kind ask for: what is said of the kind, and where nothing is, what is said of all.
    #[must_use]
    pub fn request(&self, kind: &str) -> Request {
        match self.kinds.get(kind) {
            Some(own) => own.over(&self.request),
            None => self.request.clone(),
        }
    }
}

/// What a job asks Slurm for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--qos`.
    pub qos: Option<String>,
    /// `--constraint`.
    pub constraint: Option<String>,
    /// Further flags of `sbatch`, as they are.
    pub flags: Option<Vec<String>>,
    /// Cores, for stages that do not say themselves.
    pub cpus: Option<u32>,
    /// Memory in MiB, for stages that do not say themselves.
    pub memory_mib: Option<u64>,
    /// Graphics processors, for stages that do not say themselves.
    pub gpus: Option<u32>,
    /// Seconds that a job may take, for stages without a `timeout`.
    pub time: Option<f64>,
}

impl Request {
    /// This, and where it says nothing the other.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let text = |own: &Option<String>, other: &Option<String>| own.clone().or_else(|| other.clone());
        Self {
            partition: text(&self.partition, &other.partition),
            account: text(&self.account, &other.account),
            qos: text(&self.qos, &other.qos),
            constraint: text(&self.constraint, &other.constraint),
            flags: self.flags.clone().or_else(|| other.flags.clone()),
            cpus: self.cpus.or(other.cpus),
            memory_mib: self.memory_mib.or(other.memory_mib),
            gpus: self.gpus.or(other.gpus),
            time: self.time.or(other.time),
        }
    }
}

/// Allocations that each take one job after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pilot {
    /// How many there may be at once.
    pub allocations: u32,
    /// Seconds that each may take. What has begun when they are over is put back.
    pub time: f64,
}

impl Default for Pilot {
    fn default() -> Self {
        Self {
            allocations: 4,
            time: 3600.0,
        }
    }
}

/// The store that a team shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it is: `s3://bucket/folder`, `gs://..`, `az://..`, `file:///..`.
    pub url: String,
    /// What is done with it.
    pub mode: RemoteMode,
}

/// What is done with a remote store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemoteMode {
    /// What it has is taken from it, what is made is given to it.
    #[default]
    ReadWrite,
    /// What it has is taken from it.
    ReadOnly,
    /// Nothing.
    Off,
}

impl RemoteMode {
    /// All, as they are written.
    pub const ALL: [(&'static str, Self); 3] = [
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("off", Self::Off),
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, mode)| *mode == self);
        known.map_or("", |(text, _)| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_kind_stands_over_what_is_said_of_all() {
        let partition = |name: &str| Request {
            partition: Some(name.to_owned()),
            ..Request::default()
        };
        let slurm = Slurm {
            request: Request {
                gpus: Some(0),
                time: Some(60.0),
                ..partition("short")
            },
            kinds: BTreeMap::from([(
                "train".to_owned(),
                Request {
                    gpus: Some(1),
                    ..partition("gpu")
                },
            )]),
            ..Slurm::default()
        };
        let train = slurm.request("train");
        assert_eq!((train.gpus, train.time), (Some(1), Some(60.0)));
        assert_eq!(train.partition.as_deref(), Some("gpu"));
        assert_eq!(slurm.request("detect").partition.as_deref(), Some("short"));
    }
}
