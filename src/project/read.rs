//! The text of a project file to a [`Project`], or to everything that is wrong with it.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::Project;
use super::section::Section;
use super::settings::{ExecutorName, Pilot, Remote, RemoteMode, Request, Slurm};
use crate::spec::{Diagnostic, Sources, Span, memory_mib, seconds, sort_diagnostics};

const MEMORY: &str = "a size such as `\"8GiB\"`";
const TIME: &str = "a time such as `\"90min\"`";

/// Reads the text of the file at `path`. Relative paths in it are seen from its folder.
///
/// # Errors
/// With all mistakes, sorted by place, and what they point into.
pub fn read(path: &Path, text: &str) -> Result<Project, (Vec<Diagnostic>, Sources)> {
    let mut sources = Sources::default();
    let file = sources.add(path.display().to_string(), text);
    // Without a byte order mark, so that places are the same.
    let (document, errors) = DeTable::parse_recoverable(sources.text(file));
    let mut mistakes: Vec<Diagnostic> = errors
        .iter()
        .map(|error| {
            let span = error.span().unwrap_or_default();
            let (start, end) = (span.start, span.end);
            Diagnostic::error(Span { file, start, end }, error.message().replace('\n', "; "))
        })
        .collect();
    let project = if mistakes.is_empty() {
        let mut section = Section::new(document.get_ref(), file, "", &mut mistakes);
        let project = project(&mut section, path.parent().unwrap_or(Path::new("")));
        section.end();
        project
    } else {
        Project::default()
    };
    drop(document);
    if mistakes.is_empty() {
        return Ok(project);
    }
    sort_diagnostics(&mut mistakes);
    Err((mistakes, sources))
}

fn project(section: &mut Section<'_, '_>, folder: &Path) -> Project {
    let place = |path: Option<String>| path.map(|path| folder.join(PathBuf::from(path)));
    Project {
        store: place(section.text("store")),
        results: place(section.text("results")),
        profile: section.texts("profile").unwrap_or_default(),
        jobs: section.whole("jobs", 1),
        cpus: section.whole("cpus", 1),
        memory_mib: section.amount("memory", MEMORY, memory_mib),
        gpus: section.whole("gpus", 0),
        executor: section.choice("executor", &ExecutorName::ALL),
        slurm: section.section("slurm").map(slurm).unwrap_or_default(),
        remote: section.section("remote").and_then(remote),
    }
}

fn slurm(mut section: Section<'_, '_>) -> Slurm {
    let usual = Slurm::default();
    let mut kinds = std::collections::BTreeMap::new();
    if let Some(section) = section.section("kinds") {
        section.each(|kind, mut section| {
            kinds.insert(kind.to_owned(), request(&mut section));
            section.end();
        });
    }
    let factor = |factor: f64| factor > 1.0 && factor <= 100.0;
    let slurm = Slurm {
        request: request(&mut section),
        kinds,
        max_queued: section.whole("max_queued", 1).unwrap_or(usual.max_queued),
        poll_seconds: section
            .number("poll_seconds", "a number of seconds above 0", |seconds| seconds > 0.0)
            .unwrap_or(usual.poll_seconds),
        memory_factor: section.number("memory_factor", "a number above 1", factor),
        lag_seconds: section
            .number("lag_seconds", "a number of seconds", |seconds| seconds >= 0.0)
            .unwrap_or(usual.lag_seconds),
        pilot: section.section("pilot").map(pilot),
    };
    section.end();
    slurm
}

fn request(section: &mut Section<'_, '_>) -> Request {
    Request {
        partition: section.text("partition"),
        account: section.text("account"),
        qos: section.text("qos"),
        constraint: section.text("constraint"),
        flags: section.texts("flags"),
        cpus: section.whole("cpus", 1),
        memory_mib: section.amount("memory", MEMORY, memory_mib),
        gpus: section.whole("gpus", 0),
        time: section.amount("time", TIME, seconds),
    }
}

fn pilot(mut section: Section<'_, '_>) -> Pilot {
    let usual = Pilot::default();
    let pilot = Pilot {
        allocations: section.whole("allocations", 1).unwrap_or(usual.allocations),
        time: section.amount("time", TIME, seconds).unwrap_or(usual.time),
    };
    section.end();
    pilot
}

fn remote(mut section: Section<'_, '_>) -> Option<Remote> {
    let mode = section.choice("mode", &RemoteMode::ALL).unwrap_or_default();
    let url = section.text("url");
    if !section.has("url") {
        section.missing("url", "where the remote store is, such as `s3://bucket/folder`");
    }
    section.end();
    url.map(|url| Remote { url, mode })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::render;

    fn wrong(text: &str) -> String {
        let (mistakes, sources) = read(Path::new("/p/asm-pipe.toml"), text).unwrap_err();
        render(&sources, &mistakes, false)
    }

    #[test]
    fn all_that_a_team_may_fix_is_read() {
        let text = r#"
            store = "../store"
            results = "/results"
            profile = "quick"
            jobs = 4
            cpus = 8
            memory = "8GiB"
            gpus = 0
            executor = "slurm"

            [slurm]
            partition = "cpu"
            account = "vision"
            qos = "normal"
            constraint = "avx2"
            flags = ["--exclusive", "--nice=10"]
            max_queued = 20
            poll_seconds = 0.5
            memory_factor = 1.5
            lag_seconds = 30
            pilot = { allocations = 2, time = "4h" }

            [slurm.kinds.train]
            partition = "gpu"
            gpus = 1
            time = "2d"

            [remote]
            url = "s3://bucket/folder"
            mode = "read-only"
        "#;
        let project = read(Path::new("/p/asm-pipe.toml"), text).unwrap();
        assert_eq!(project.store, Some(PathBuf::from("/p/../store")));
        assert_eq!(project.results, Some(PathBuf::from("/results")));
        assert_eq!(project.profile, ["quick"]);
        assert_eq!((project.jobs, project.cpus, project.gpus), (Some(4), Some(8), Some(0)));
        assert_eq!(project.memory_mib, Some(8192));
        assert_eq!(project.executor, Some(ExecutorName::Slurm));
        let slurm = &project.slurm;
        assert_eq!(
            (slurm.max_queued, slurm.poll_seconds, slurm.lag_seconds),
            (20, 0.5, 30.0)
        );
        assert_eq!(slurm.memory_factor, Some(1.5));
        assert_eq!(
            slurm.pilot,
            Some(Pilot {
                allocations: 2,
                time: 14_400.0
            })
        );
        let train = slurm.request("train");
        assert_eq!((train.gpus, train.time), (Some(1), Some(172_800.0)));
        assert_eq!(
            (train.partition.as_deref(), train.account.as_deref()),
            (Some("gpu"), Some("vision"))
        );
        assert_eq!(train.flags.unwrap(), ["--exclusive", "--nice=10"]);
        let remote = project.remote.unwrap();
        assert_eq!(
            (remote.url.as_str(), remote.mode),
            ("s3://bucket/folder", RemoteMode::ReadOnly)
        );
    }

    #[test]
    fn an_empty_file_fixes_nothing() {
        assert_eq!(read(Path::new("asm-pipe.toml"), "").unwrap(), Project::default());
    }

    #[test]
    fn every_mistake_is_told_at_its_place_with_what_was_probably_meant() {
        let text = "stroe = 'a'\njobs = 0\nmemory = 8\nexecutor = 'slrum'\n\
            [slurm]\npartitoin = 'x'\nmemory_factor = 1\n[slurm.kinds.train]\nbanana = 1\n[remote]\nmode = 'both'\n";
        insta::assert_snapshot!(wrong(text), @r#"
        error: unknown key `stroe`
         --> /p/asm-pipe.toml:1:1
          |
        1 | stroe = 'a'
          | ^^^^^
          |
          = help: did you mean `store`?

        error: `jobs` must be a whole number from 1
         --> /p/asm-pipe.toml:2:8
          |
        2 | jobs = 0
          |        ^

        error: `memory` must be a size such as `"8GiB"`
         --> /p/asm-pipe.toml:3:10
          |
        3 | memory = 8
          |          ^

        error: `executor` must be `local` or `slurm`
         --> /p/asm-pipe.toml:4:12
          |
        4 | executor = 'slrum'
          |            ^^^^^^^
          |
          = help: did you mean `slurm`?

        error: unknown key `partitoin` in `[slurm]`
         --> /p/asm-pipe.toml:6:1
          |
        6 | partitoin = 'x'
          | ^^^^^^^^^
          |
          = help: did you mean `partition`?

        error: `slurm.memory_factor` must be a number above 1
         --> /p/asm-pipe.toml:7:17
          |
        7 | memory_factor = 1
          |                 ^

        error: unknown key `banana` in `[slurm.kinds.train]`
         --> /p/asm-pipe.toml:9:1
          |
        9 | banana = 1
          | ^^^^^^
          |
          = help: there may be: account, constraint, cpus, flags, gpus, memory, partition, qos, time

        error: `remote.url` is missing: where the remote store is, such as `s3://bucket/folder`
          --> /p/asm-pipe.toml:11:1
           |
        11 | mode = 'both'
           | ^^^^

        error: `remote.mode` must be `read-write` or `read-only` or `off`
          --> /p/asm-pipe.toml:11:8
           |
        11 | mode = 'both'
           |        ^^^^^^
        "#);
    }

    #[test]
    fn what_is_no_toml_is_told_at_its_place() {
        let told = wrong("store = \n");
        assert!(told.contains("/p/asm-pipe.toml:1:"), "{told}");
        assert!(wrong("a = 1\na = 2\n").contains("duplicate key"));
    }
}
