//! What this provider says of itself and the machine: which libtorch it has, and what that can compute on.

use std::path::{Path, PathBuf};

use asm_pipe::stage::protocol::{About, Concern};
use tch::Cuda;

/// The version of libtorch that this program is made for.
const MADE_FOR: &str = "2.13.0";

/// Asks libtorch.
#[must_use]
pub fn about() -> About {
    let gpus = match Cuda::is_available() {
        true => usize::try_from(Cuda::device_count()).unwrap_or(0),
        false => 0,
    };
    let library = library(&fs_err::read_to_string("/proc/self/maps").unwrap_or_default());
    let version = library.as_deref().and_then(version);
    let built = match (tch::utils::has_cuda(), Cuda::cudnn_is_available()) {
        (false, _) => "for processors only",
        (true, false) => "for CUDA, without cuDNN",
        (true, true) => "for CUDA, with cuDNN",
    };
    let place = library.map_or_else(String::new, |path| format!(", {}", path.display()));
    let names = std::iter::once("cpu".to_owned()).chain((0..gpus).map(|number| format!("cuda:{number}")));
    let devices: Vec<String> = names.collect();
    About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        facts: [
            (
                "libtorch".to_owned(),
                format!(
                    "{}, {built}{place}",
                    version.as_deref().unwrap_or("of an unknown version")
                ),
            ),
            ("devices".to_owned(), devices.join(", ")),
            ("threads".to_owned(), tch::get_num_threads().to_string()),
        ]
        .into(),
        concerns: concerns(version.as_deref(), gpus, tch::utils::has_cuda(), gpu_files()),
    }
}

/// What is probably not as the user wants it.
fn concerns(version: Option<&str>, gpus: usize, has_cuda: bool, gpu_files: usize) -> Vec<Concern> {
    let mut concerns = Vec::new();
    let is_other = |found: &&str| found.split('+').next() != Some(MADE_FOR);
    if let Some(found) = version.filter(is_other) {
        concerns.push(Concern {
            said: format!("libtorch is {found}, and this program is made for {MADE_FOR}"),
            hint: format!("build with `LIBTORCH` set to libtorch {MADE_FOR}; `make` gets one"),
        });
    }
    if gpu_files > gpus {
        let hint = match has_cuda {
            false => format!("build with `LIBTORCH` set to a CUDA build of libtorch {MADE_FOR}"),
            true => "does `nvidia-smi` see them, and does CUDA_VISIBLE_DEVICES name them? the driver may be too old"
                .to_owned(),
        };
        concerns.push(Concern {
            said: format!("the machine has {gpu_files} NVIDIA graphics processors, and libtorch sees {gpus}"),
            hint,
        });
    }
    concerns
}

/// The file of libtorch in a list of what this process has loaded.
fn library(maps: &str) -> Option<PathBuf> {
    let line = maps.lines().find(|line| line.contains("/libtorch_cpu."))?;
    Some(PathBuf::from(&line[line.find('/')?..]))
}

/// The version of the libtorch that a library belongs to: from the headers beside it, or from the package of Python.
fn version(library: &Path) -> Option<String> {
    let root = library.parent()?.parent()?;
    let header = fs_err::read_to_string(root.join("include/torch/headeronly/version.h")).ok();
    let package = fs_err::read_to_string(root.join("version.py")).ok();
    let build = fs_err::read_to_string(root.join("build-version")).ok();
    let build = build.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let of_package = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        Some(line.trim_matches(['\'', '"']).to_owned())
    };
    package.and_then(of_package).or(build).or_else(|| in_header(&header?))
}

/// The version in `version.h`, where it stands in three lines.
fn in_header(text: &str) -> Option<String> {
    let number = |part: &str| {
        let start = format!("#define TORCH_VERSION_{part} ");
        let line = text.lines().find_map(|line| line.strip_prefix(start.as_str()))?;
        line.trim().parse::<u32>().ok()
    };
    Some(format!(
        "{}.{}.{}",
        number("MAJOR")?,
        number("MINOR")?,
        number("PATCH")?
    ))
}

/// The graphics processors that the machine has a file for, unless the user hides some.
fn gpu_files() -> usize {
    if std::env::var_os("CUDA_VISIBLE_DEVICES").is_some() {
        return 0;
    }
    let is_gpu = |name: &str| {
        name.strip_prefix("nvidia")
            .is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_gpu))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_headers_or_from_the_package() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib/libtorch_cpu.so");
        assert_eq!(version(&library), None);
        let header = folder.path().join("include/torch/headeronly/version.h");
        fs_err::create_dir_all(header.parent().unwrap()).unwrap();
        let lines = ["MAJOR 2", "MINOR 13", "PATCH 0"].map(|line| format!("#define TORCH_VERSION_{line}\n"));
        fs_err::write(header, lines.concat()).unwrap();
        assert_eq!(version(&library).as_deref(), Some("2.13.0"));
        fs_err::write(folder.path().join("version.py"), "__version__ = '2.13.0+cpu'\n").unwrap();
        assert_eq!(version(&library).as_deref(), Some("2.13.0+cpu"));
    }

    #[test]
    fn another_version_and_processors_that_libtorch_does_not_see_are_told() {
        assert_eq!(concerns(Some("2.13.0+cpu"), 1, true, 1), []);
        assert_eq!(concerns(None, 0, false, 0), []);
        assert!(concerns(Some("2.9.1"), 0, false, 0)[0].said.contains("2.9.1"));
        assert!(concerns(Some("2.13.0"), 0, false, 2)[0].hint.contains("CUDA build"));
        assert!(concerns(Some("2.13.0"), 1, true, 2)[0].hint.contains("nvidia-smi"));
    }

    #[test]
    fn this_process_has_loaded_a_libtorch_with_a_processor() {
        let about = about();
        assert!(about.facts["devices"].starts_with("cpu"), "{about:?}");
        assert!(about.facts["libtorch"].contains("libtorch_cpu"), "{about:?}");
    }
}
