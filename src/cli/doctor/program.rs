//! The program and the machine, as the runner counts it.

use super::finding::Finding;
use crate::cli::figures;
use crate::run::resources::{available_cpus, available_gpus, available_memory_mib};

/// Less than this is little for a training.
const LITTLE_MIB: u64 = 1024;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    executable: Option<String>,
    platform: String,
    kernel: Option<String>,
    cpus: u32,
    gpus: u32,
    /// All ones where the system does not say.
    memory_mib: u64,
}

pub(super) fn look() -> Facts {
    let kernel = fs_err::read_to_string("/proc/sys/kernel/osrelease").ok();
    Facts {
        executable: std::env::current_exe().ok().map(|path| path.display().to_string()),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        kernel: kernel.map(|text| text.trim().to_owned()),
        cpus: available_cpus(),
        gpus: available_gpus(),
        memory_mib: available_memory_mib(),
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let place = facts
        .executable
        .as_ref()
        .map_or_else(String::new, |path| format!(", {path}"));
    let kernel = facts
        .kernel
        .as_ref()
        .map_or_else(String::new, |kernel| format!(", kernel {kernel}"));
    let cpus = facts.cpus;
    let gpus = match facts.gpus {
        0 => "no graphics processors".to_owned(),
        1 => "1 graphics processor".to_owned(),
        count => format!("{count} graphics processors"),
    };
    vec![
        Finding::ok("version", format!("asm-pipe {}{place}", env!("CARGO_PKG_VERSION"))),
        Finding::ok("platform", format!("{}{kernel}", facts.platform)),
        Finding::ok("cores", format!("{cpus} that stages may use, {gpus}")),
        memory(facts.memory_mib),
    ]
}

fn memory(mib: u64) -> Finding {
    let said = format!("{} that stages may use", figures::size(mib.saturating_mul(1 << 20)));
    match mib {
        u64::MAX => Finding::ok(
            "memory",
            "the system does not say how much there is, so it is not bounded",
        ),
        mib if mib < LITTLE_MIB => Finding::warning(
            "memory",
            said,
            "a training may need more: end other programs, or lower `batch_size` and `max_size`",
        ),
        _ => Finding::ok("memory", said),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn the_machine_is_told_and_little_memory_is_doubtful() {
        let facts = Facts {
            platform: "linux x86_64".to_owned(),
            cpus: 2,
            memory_mib: 512,
            ..Facts::default()
        };
        let found = judge(&facts);
        assert!(found[2].said.starts_with("2 that stages may use"));
        assert_eq!(
            (found[3].level, found[3].said.as_str()),
            (Level::Warning, "512.0 MiB that stages may use")
        );
        assert_eq!(memory(4096).level, Level::Ok);
        assert_eq!(memory(u64::MAX).level, Level::Ok);
    }
}
