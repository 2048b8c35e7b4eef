//! A folder in which the program is run as a user runs it.

pub(crate) mod s3;
pub(crate) mod schema;
pub(crate) mod scripted;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use asm_pipe::run::{Event, Moment};

/// Data and pools, without a detector: done in a moment.
pub(crate) const DATA: &str = "
name: data
params: {images: 8, seed: 0}
stages:
  source: {uses: shapes, with: {set: trainval, images: \"${images}\"}}
  split: {uses: split-pools, in: {dataset: source}, with: {initial: 3, validation: 2, seed: \"${seed}\"}}
  batch: {uses: draw-batch, in: {pool: split.pool, dataset: source.dataset}, with: {take: 2}}
";

/// A folder with a store and results of its own. The shipped pipelines are used where they lie.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    /// A project with [`DATA`] in `data.yaml`.
    pub(crate) fn with_data() -> Self {
        let project = Self::new();
        project.file("data.yaml", DATA);
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
        self
    }

    /// The program in this folder; `arguments` are cut at spaces, and `pipelines/NAME` is a shipped file.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_asm-pipe"));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        for variable in [
            "ASM_PIPE_STORE",
            "ASM_PIPE_PROVIDERS",
            "ASM_PIPE_REMOTE",
            "ASM_PIPE_REMOTE_MODE",
            "ASM_PIPE_EXECUTOR",
        ] {
            command.env_remove(variable);
        }
        for argument in arguments.split_whitespace() {
            if argument.starts_with("pipelines/") || argument.starts_with("experiments/") {
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(argument));
            } else {
                command.arg(argument);
            }
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &str) -> Answer {
        Answer::of(self.command(arguments).output().unwrap())
    }

    /// Runs the program, which must end well.
    pub(crate) fn done(&self, arguments: &str) -> Answer {
        let answer = self.run(arguments);
        assert_eq!(answer.code, 0, "{arguments}\n{}\n{}", answer.stdout, answer.stderr);
        answer
    }

    /// Starts the program, with what it says on stdout to be read.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }
}

impl Answer {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The answer of `--format json` as a value.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }

    /// The events of `run --format json`.
    pub(crate) fn events(&self) -> Vec<Event> {
        let lines = self.stdout.lines().filter(|line| !line.starts_with(r#"{"error""#));
        let events = lines.map(|line| {
            let moment: Moment = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            moment.what
        });
        events.collect()
    }
}

/// How each stage ended: `ran`, `cached`, `pruned`, `failed` or `skipped`.
pub(crate) fn ends(events: &[Event]) -> BTreeMap<String, &'static str> {
    let end = |event: &Event| match event {
        Event::StageFinished { stage, .. } => Some((stage.clone(), "ran")),
        Event::StageCached { stage, .. } => Some((stage.clone(), "cached")),
        Event::StagePruned { stage, .. } => Some((stage.clone(), "pruned")),
        Event::StageFailed { stage, .. } => Some((stage.clone(), "failed")),
        Event::StageSkipped { stage, .. } => Some((stage.clone(), "skipped")),
        _ => None,
    };
    events.iter().filter_map(end).collect()
}

/// The digests of every output that a run made, by stage and output.
pub(crate) fn digests(events: &[Event]) -> BTreeMap<String, String> {
    let made = events.iter().filter_map(|event| match event {
        Event::StageFinished { stage, outputs, .. } => Some((stage, outputs)),
        _ => None,
    });
    let named = made.flat_map(|(stage, outputs)| {
        outputs
            .iter()
            .map(move |(name, digest)| (format!("{stage}.{name}"), digest.clone()))
    });
    named.collect()
}
