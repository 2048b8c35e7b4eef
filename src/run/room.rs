//! What may be in use at once, and what is.

/// What may be in use at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processor cores.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Graphics processors.
    pub gpus: u32,
    /// Jobs.
    pub jobs: usize,
    /// Jobs that other machines do, or are asked to.
    pub away: usize,
}

/// What jobs take together: kept as they come and go, for there may be thousands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) cpus: u64,
    pub(super) memory_mib: u128,
    pub(super) gpus: u64,
    /// How many of them are larger than a limit.
    pub(super) oversized: usize,
}

impl Used {
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            cpus: self.cpus + other.cpus,
            memory_mib: self.memory_mib + other.memory_mib,
            gpus: self.gpus + other.gpus,
            oversized: self.oversized + other.oversized,
        }
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self {
            cpus: self.cpus - other.cpus,
            memory_mib: self.memory_mib - other.memory_mib,
            gpus: self.gpus - other.gpus,
            oversized: self.oversized - other.oversized,
        }
    }
    /// Whether as much may be in use at once by several jobs: none of them is larger than a limit.
    pub(super) fn is_within(self, limits: &Limits) -> bool {
        self.oversized == 0
            && self.cpus <= u64::from(limits.cpus)
            && self.memory_mib <= u128::from(limits.memory_mib)
            && self.gpus <= u64::from(limits.gpus)
    }
}
