//! What this machine lets a run use: cores, and memory that is free now.

use std::path::Path;

/// The processor cores that this process may use.
#[must_use]
pub fn available_cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// The graphics processors: those that `CUDA_VISIBLE_DEVICES` names, else those that the machine has a device file for.
#[must_use]
pub fn available_gpus() -> u32 {
    if let Some(named) = std::env::var_os("CUDA_VISIBLE_DEVICES") {
        let named = named.to_string_lossy().into_owned();
        return u32::try_from(
            named
                .split(',')
                .filter(|name| !name.trim().is_empty() && name.trim() != "-1")
                .count(),
        )
        .unwrap_or(0);
    }
    let is_gpu = |name: &str| {
        name.strip_prefix("nvidia")
            .is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let Ok(devices) = fs_err::read_dir("/dev") else {
        return 0;
    };
    let found = devices
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_gpu));
    u32::try_from(found.count()).unwrap_or(0)
}

/// The memory in MiB that jobs may take: what is free on the machine, or what the control group leaves, if that is less.
/// Without an answer from the system there is no bound.
#[must_use]
pub fn available_memory_mib() -> u64 {
    let read = |path: &str| fs_err::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| available_in_meminfo(&text));
    let group = read("/proc/self/cgroup").and_then(|text| {
        let group = unified_group(&text)?.trim_start_matches('/').to_owned();
        left_in_groups(Path::new("/sys/fs/cgroup"), Path::new(&group))
    });
    let bytes = machine.into_iter().chain(group).min();
    bytes.map_or(u64::MAX, |bytes| bytes >> 20)
}

/// Bytes, from the line `MemAvailable:  123 kB`.
fn available_in_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The path of the process's group in the unified hierarchy, from the line `0::/user.slice/..`.
fn unified_group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The least that a group and those above it leave: each has its own limit.
fn left_in_groups(root: &Path, group: &Path) -> Option<u64> {
    let number = |path: &Path| fs_err::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let left = |group: &Path| {
        let folder = root.join(group);
        // A group without a limit says `max`, which is no number.
        let limit = number(&folder.join("memory.max"))?;
        let used = number(&folder.join("memory.current"))?;
        // Cached file pages count as used but make way.
        let cached = fs_err::read_to_string(folder.join("memory.stat")).ok();
        let cached = cached.and_then(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok())
        });
        Some(limit.saturating_sub(used.saturating_sub(cached.unwrap_or(0))))
    };
    group.ancestors().filter_map(left).min()
}

/// What this machine is called: by Slurm, if that has started this program.
#[must_use]
pub(crate) fn node_name() -> String {
    let given = std::env::var("SLURMD_NODENAME").ok().filter(|name| !name.is_empty());
    let own = || fs_err::read_to_string("/proc/sys/kernel/hostname").ok();
    given.or_else(own).unwrap_or_default().trim().to_owned()
}

/// What Slurm calls the job of an array that this program runs in.
#[must_use]
pub(crate) fn slurm_job() -> Option<String> {
    let given = |name: &str| std::env::var(name).ok();
    let (array, task) = (given("SLURM_ARRAY_JOB_ID")?, given("SLURM_ARRAY_TASK_ID")?);
    Some(format!("{array}_{task}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read_from_meminfo() {
        let text = "MemTotal:       8000 kB\nMemFree:  10 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available_in_meminfo(text), Some(2048 << 10));
        assert_eq!(available_in_meminfo("MemFree: 10 kB\n"), None);
    }

    #[test]
    fn the_tightest_group_above_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        write("a/memory.max", "1000\n");
        write("a/memory.current", "700\n");
        write("a/memory.stat", "anon 3\ninactive_file 200\n");
        write("a/b/memory.max", "max\n");
        write("a/b/memory.current", "100\n");
        assert_eq!(left_in_groups(root.path(), Path::new("a/b")), Some(500));
        assert_eq!(left_in_groups(root.path(), Path::new("c")), None);
        assert_eq!(unified_group("1:cpu:/x\n0::/a/b\n"), Some("/a/b"));
    }

    #[test]
    fn this_machine_has_at_least_a_core_and_some_memory() {
        assert!(available_cpus() >= 1);
        assert!(available_memory_mib() > 0);
    }
}
