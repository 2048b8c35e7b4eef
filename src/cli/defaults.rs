//! What the project file fixes, as defaults of the command line: so that what is given there wins over the environment, and that
//! over the file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ArgMatches;
use clap::{Command, CommandFactory, FromArgMatches};

use super::arguments::Arguments;
use super::failure::Failure;
use super::terminal;
use crate::project::{self, Project};
use crate::spec::render;

/// The store unless somebody says otherwise; a command whose store has another default wants none of the project's.
pub(super) const STORE: &str = ".asm-pipe";

/// Arguments that the project may set in the commands of these names; in all, where no name stands.
const PLACES: [(&str, &[&str]); 10] = [
    ("store", &[]),
    ("profile", &[]),
    ("results", &["run", "report"]),
    ("jobs", &["run"]),
    ("cpus", &["run"]),
    ("memory", &["run"]),
    ("gpus", &["run"]),
    ("executor", &["run", "doctor"]),
    ("remote", &[]),
    ("remote_mode", &[]),
];

/// The project file that counts for a command, if there is one, and what it says.
#[derive(Debug)]
pub(super) struct ProjectFile {
    pub(super) path: Option<PathBuf>,
    pub(super) project: Result<Project, Failure>,
}

/// The arguments with the project's defaults, and the project. Ends the program when they make no sense to clap.
pub(super) fn parse() -> (Arguments, ProjectFile) {
    let matches = Arguments::command().get_matches();
    let path = path(&matches);
    let project = path.as_deref().map_or_else(|| Ok(Project::default()), read);
    let arguments = match (&path, &project) {
        (Some(_), Ok(project)) => of(&with_defaults(Arguments::command(), project).get_matches()),
        _ => of(&matches),
    };
    (arguments, ProjectFile { path, project })
}

fn of(matches: &ArgMatches) -> Arguments {
    Arguments::from_arg_matches(matches).unwrap_or_else(|error| error.exit())
}

/// The file: by the first pipeline that is named, or else by the folder that the user is in.
fn path(matches: &ArgMatches) -> Option<PathBuf> {
    let mut leaf = matches;
    while let Some((_, below)) = leaf.subcommand() {
        leaf = below;
    }
    let pipelines = leaf.try_get_many::<PathBuf>("pipelines").ok().flatten();
    let folder = pipelines
        .and_then(|mut pipelines| pipelines.next())
        .and_then(|first| first.parent());
    let near = |folder: &Path| {
        let here = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        project::find(here)
    };
    folder.and_then(near).or_else(|| near(Path::new(".")))
}

fn read(path: &Path) -> Result<Project, Failure> {
    let text = fs_err::read_to_string(path).map_err(|error| Failure::invalid(error.to_string()))?;
    project::read(path, &text).map_err(|(mistakes, sources)| Failure {
        rendered: Some(render(&sources, &mistakes, terminal::colour_on_stderr())),
        diagnostics: mistakes.iter().map(|mistake| mistake.to_json(&sources)).collect(),
        ..Failure::invalid(format!("`{}` is wrong", path.display()))
    })
}

fn with_defaults(command: Command, project: &Project) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|argument| {
        let id = argument.get_id().as_str();
        let place = PLACES.iter().find(|(known, _)| *known == id);
        let wanted = place.is_some_and(|(_, commands)| commands.is_empty() || commands.contains(&name.as_str()));
        let values = if wanted { values(project, id) } else { Vec::new() };
        let own = argument.get_default_values();
        if values.is_empty() || (id == "store" && own != [STORE]) {
            argument
        } else {
            argument.default_values(values)
        }
    });
    command.mut_subcommands(|below| with_defaults(below, project))
}

/// What the project says of an argument.
fn values(project: &Project, id: &str) -> Vec<OsString> {
    let path = |path: &Option<PathBuf>| path.iter().map(|path| path.clone().into_os_string()).collect();
    let number = |number: Option<u64>| number.iter().map(|number| number.to_string().into()).collect();
    match id {
        "store" => path(&project.store),
        "results" => path(&project.results),
        "profile" => project.profile.iter().map(OsString::from).collect(),
        "jobs" => number(project.jobs.map(u64::from)),
        "cpus" => number(project.cpus.map(u64::from)),
        "memory" => number(project.memory_mib),
        "gpus" => number(project.gpus.map(u64::from)),
        "executor" => project.executor.iter().map(|name| name.as_str().into()).collect(),
        "remote" => project.remote.iter().map(|remote| remote.url.clone().into()).collect(),
        "remote_mode" => project
            .remote
            .iter()
            .map(|remote| remote.mode.as_str().into())
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(project: &Project, line: &[&str]) -> Arguments {
        let command = with_defaults(Arguments::command(), project);
        Arguments::from_arg_matches(&command.try_get_matches_from(line).unwrap()).unwrap()
    }

    #[test]
    fn the_project_sets_what_the_command_line_leaves_open() {
        let project = Project {
            store: Some(PathBuf::from("/team")),
            profile: vec!["quick".to_owned(), "gpu".to_owned()],
            jobs: Some(3),
            ..Project::default()
        };
        let run = |line: &[&str]| match matches(&project, line).command {
            super::super::arguments::Command::Run(run) => run,
            other => panic!("{other:?}"),
        };
        let open = run(&["asm-pipe", "run", "a.yaml"]);
        assert_eq!(open.pipelines.profile, ["quick", "gpu"]);
        assert_eq!((open.jobs, open.cpus), (Some(3), None));
        let given = run(&[
            "asm-pipe",
            "run",
            "a.yaml",
            "--store",
            "mine",
            "--profile",
            "full",
            "-j",
            "9",
        ]);
        assert_eq!(given.store.store, PathBuf::from("mine"));
        assert_eq!(given.pipelines.profile, ["full"]);
        assert_eq!(given.jobs, Some(9));
    }

    #[test]
    fn a_store_that_is_empty_by_default_stays_so() {
        let project = Project {
            store: Some(PathBuf::from("/team")),
            ..Project::default()
        };
        match matches(&project, &["asm-pipe", "reproduce", "results/a"]).command {
            super::super::arguments::Command::Reproduce(reproduce) => assert_eq!(reproduce.store, None),
            other => panic!("{other:?}"),
        }
    }
}
