//! Which project file is read, from where, and what it sets; and what the environment says beside it.

use std::path::Path;

use super::finding::Finding;
use crate::cli::defaults::ProjectFile;
use crate::project::{self, ExecutorName, Project};
use crate::remote::Location;

/// Variables that say what options say, and whether their values can be shown.
const VARIABLES: [(&str, bool); 6] = [
    ("ASM_PIPE_STORE", true),
    ("ASM_PIPE_EXECUTOR", true),
    ("ASM_PIPE_REMOTE", false),
    ("ASM_PIPE_REMOTE_MODE", true),
    ("ASM_PIPE_PROVIDERS", true),
    ("ASM_PIPE_CHECKPOINT_SECONDS", true),
];

/// What the environment says, for people.
pub(super) fn environment() -> Vec<String> {
    let said = |(name, is_shown): (&str, bool)| {
        let value = std::env::var_os(name)?;
        Some(match is_shown {
            true => format!("{name}={}", value.to_string_lossy()),
            false => format!("{name} is set"),
        })
    };
    VARIABLES.into_iter().filter_map(said).collect()
}

pub(super) fn judge(file: &ProjectFile, environment: &[String]) -> Vec<Finding> {
    let mut found = match (&file.path, &file.project) {
        (None, _) => vec![Finding::ok(
            "file",
            format!(
                "no `{}` here or in a folder above: nothing is set by one",
                project::FILE
            ),
        )],
        (Some(path), Ok(project)) => vec![Finding::ok("file", path.display().to_string()), sets(project)],
        (Some(path), Err(failure)) => vec![wrong(path, failure)],
    };
    if !environment.is_empty() {
        found.push(Finding::ok("environment", environment.join("\n")));
    }
    found
}

fn wrong(path: &Path, failure: &crate::cli::Failure) -> Finding {
    let mistakes = failure.diagnostics.iter().filter_map(|mistake| {
        let line = mistake["line"]
            .as_u64()
            .map_or_else(String::new, |line| format!("line {line}: "));
        Some(format!("{line}{}", mistake["message"].as_str()?))
    });
    let said = std::iter::once(failure.message.clone()).chain(mistakes);
    Finding::problem(
        "file",
        said.collect::<Vec<_>>().join("\n"),
        format!(
            "mend or remove `{}`: no command that needs it goes on before",
            path.display()
        ),
    )
}

/// What a file sets. A URL that may hold a secret is not shown.
fn sets(project: &Project) -> Finding {
    let path = |name: &str, path: &Option<std::path::PathBuf>| {
        let path = path.as_ref()?;
        Some(format!("{name} = {}", path.display()))
    };
    let number = |name: &str, number: Option<u64>| number.map(|number| format!("{name} = {number}"));
    let slurm = || {
        let text = |name: &str, value: Option<&String>| value.map(|value| format!("slurm.{name} = {value}"));
        let request = &project.slurm.request;
        let kinds = project.slurm.kinds.keys().map(|kind| format!("slurm.kinds.{kind}"));
        let named = [
            text("partition", request.partition.as_ref()),
            text("account", request.account.as_ref()),
        ];
        named.into_iter().flatten().chain(kinds).collect::<Vec<_>>()
    };
    let remote = project.remote.as_ref().map(|remote| {
        let place = remote.url.parse::<Location>();
        let place = place.map_or_else(|_| "(not shown)".to_owned(), |place| place.to_string());
        format!("remote = {place}, {}", remote.mode.as_str())
    });
    let profile = Some(project.profile.join(", ")).filter(|names| !names.is_empty());
    let all = [
        path("store", &project.store),
        path("results", &project.results),
        profile.map(|names| format!("profile = {names}")),
        number("jobs", project.jobs.map(u64::from)),
        number("cpus", project.cpus.map(u64::from)),
        number("memory", project.memory_mib).map(|text| text + " MiB"),
        number("gpus", project.gpus.map(u64::from)),
        project
            .executor
            .map(|executor: ExecutorName| format!("executor = {}", executor.as_str())),
        remote,
    ];
    let all: Vec<String> = all.into_iter().flatten().chain(slurm()).collect();
    Finding::ok(
        "sets",
        if all.is_empty() {
            "nothing".to_owned()
        } else {
            all.join("\n")
        },
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::super::finding::Level;
    use super::*;
    use crate::cli::Failure;
    use crate::project::{Remote, RemoteMode};

    fn file(project: Result<Project, Failure>) -> ProjectFile {
        ProjectFile {
            path: Some(PathBuf::from("/p/asm-pipe.toml")),
            project,
        }
    }

    #[test]
    fn what_a_file_sets_is_told_and_a_url_with_a_secret_is_not() {
        let remote = |url: &str| Project {
            executor: Some(ExecutorName::Slurm),
            remote: Some(Remote {
                url: url.to_owned(),
                mode: RemoteMode::ReadOnly,
            }),
            ..Project::default()
        };
        let found = judge(&file(Ok(remote("s3://lab/x"))), &["ASM_PIPE_STORE=/s".to_owned()]);
        assert_eq!(found[0].said, "/p/asm-pipe.toml");
        assert_eq!(found[1].said, "executor = slurm\nremote = s3://lab/x, read-only");
        assert_eq!(found[2].said, "ASM_PIPE_STORE=/s");
        let found = judge(&file(Ok(remote("s3://key:hunter2@lab/x"))), &[]);
        assert!(!found[1].said.contains("hunter2"), "{found:?}");
    }

    #[test]
    fn no_file_is_fine_and_a_wrong_one_is_not() {
        let none = ProjectFile {
            path: None,
            project: Ok(Project::default()),
        };
        assert_eq!(judge(&none, &[])[0].level, Level::Ok);
        let mut failure = Failure::invalid("`/p/asm-pipe.toml` is wrong");
        failure
            .diagnostics
            .push(json!({"message": "unknown key `stroe`", "line": 3}));
        let found = judge(&file(Err(failure)), &[]);
        assert_eq!(found[0].level, Level::Problem);
        assert!(found[0].said.contains("line 3: unknown key `stroe`"));
    }
}
