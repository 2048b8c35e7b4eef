//! A folder with small generated images, datasets of them, and jobs for the program.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use asm_pipe::artifact::write_dataset;
use asm_pipe::detection::{AnnotatedImage, Annotation, BoundingBox, Dataset, Image, Marks, Source};
use asm_pipe::random::Stream;
use asm_pipe::stage::protocol::Message;
use asm_pipe::stage::{Input, Job, Needs, Outcome, StageError};
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_asm-pipe-torch");

pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("images")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Images of noise with a bright or a dark square in each but the last, written with their dataset.
    pub(crate) fn dataset(&self, name: &str, count: usize) -> Dataset {
        let images = (0..count)
            .map(|at| self.picture(name, at, at + 1 < count || count == 1))
            .collect();
        self.write(
            name,
            Dataset {
                classes: vec!["bright".into(), "dark".into()],
                images,
            },
        )
    }

    pub(crate) fn write(&self, name: &str, dataset: Dataset) -> Dataset {
        write_dataset(&self.path(name), &dataset).unwrap();
        dataset
    }

    fn picture(&self, name: &str, at: usize, object: bool) -> AnnotatedImage {
        let (width, height) = (64 + 16 * (at as u32 % 2), 56);
        let mut stream = Stream::new(at as u64, name, &[]);
        let (x, y, side) = (
            stream.below(30) as u32,
            stream.below(24) as u32,
            16 + stream.below(12) as u32,
        );
        let label = stream.below(2) as u32;
        let mut picture = RgbImage::from_fn(width, height, |_, _| Rgb([100 + stream.below(40) as u8; 3]));
        let mut annotations = Vec::new();
        if object {
            let colour = [[250, 240, 60], [10, 20, 70]][label as usize];
            (0..side * side).for_each(|p| picture.put_pixel(x + p % side, y + p / side, Rgb(colour)));
            let edges = [x, y, x + side, y + side].map(f64::from);
            annotations.push(Annotation {
                bounds: BoundingBox::new(edges),
                label,
                difficult: false,
                truncated: false,
                source: Source::Human,
                score: None,
                round: None,
                marks: Marks::default(),
            });
        }
        let file = format!("{name}_{at}.png");
        picture.save(self.path("images").join(&file)).unwrap();
        let image = Image {
            id: format!("{name}_{at}"),
            file,
            width,
            height,
            digest: String::new(),
        };
        AnnotatedImage { image, annotations }
    }

    /// Writes a job that trains; inputs are names of folders here.
    pub(crate) fn train(&self, name: &str, inputs: &[(&str, &str)], params: &Value) -> PathBuf {
        let mut all = json!({"architecture": "tiny", "epochs": 4, "batch_size": 2, "min_size": 64, "max_size": 96});
        for (key, value) in params.as_object().unwrap() {
            all[key] = value.clone();
        }
        self.job(name, "train", "model", inputs, all)
    }

    pub(crate) fn detect(&self, name: &str, inputs: &[(&str, &str)]) -> PathBuf {
        self.job(name, "detect", "detections", inputs, json!({}))
    }

    fn job(&self, name: &str, kind: &str, output: &str, inputs: &[(&str, &str)], params: Value) -> PathBuf {
        let folder = self.path(&format!("job-{name}"));
        let input = |path: &str| {
            vec![Input {
                label: String::new(),
                path: self.path(path),
            }]
        };
        let mut inputs: BTreeMap<_, _> = inputs
            .iter()
            .map(|(port, path)| ((*port).to_owned(), input(path)))
            .collect();
        inputs.insert("images".into(), input("images"));
        let job = Job {
            format: 1,
            kind: kind.into(),
            params,
            inputs,
            outputs: BTreeMap::from([(output.to_owned(), self.path(name))]),
            folder: folder.clone(),
            keep: self.path(&format!("keep-{name}")),
            cpus: 2,
            needs: Needs::default(),
        };
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::create_dir_all(&job.keep).unwrap();
        fs_err::write(folder.join("job.json"), serde_json::to_string(&job).unwrap()).unwrap();
        folder
    }

    /// All files of a folder with their bytes.
    pub(crate) fn bytes(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs_err::read_dir(self.path(name))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .map(|path| {
                (
                    path.file_name().unwrap().to_str().unwrap().to_owned(),
                    fs_err::read(path).unwrap(),
                )
            })
            .collect()
    }
}

/// Starts the program on a job; its stdout is a pipe.
pub(crate) fn start(folder: &Path) -> Child {
    command(folder).spawn().unwrap()
}

/// The same, with a checkpoint after every step of a training.
pub(crate) fn start_saving(folder: &Path) -> Child {
    command(folder).env("ASM_PIPE_CHECKPOINT_SECONDS", "0").spawn().unwrap()
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    // As the runner starts it: without a bound to the spinning of its threads, one that finds the cores busy takes minutes.
    command
        .envs(asm_pipe_torch::provider::description().environment)
        .arg("exec-job")
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The messages of a program, one a line; anything else on stdout fails the test.
pub(crate) fn messages(child: &mut Child) -> impl Iterator<Item = Message> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map_while(Result::ok)
        .map(|line| serde_json::from_str(&line).expect("stdout carries only the protocol"))
}

/// Does a job to its end.
pub(crate) fn exec(folder: &Path) -> (Vec<Message>, Result<Outcome, StageError>) {
    let mut child = start(folder);
    let mut list: Vec<Message> = messages(&mut child).collect();
    let status = child.wait().unwrap();
    let outcome = match list.pop() {
        Some(Message::Done(outcome)) => Ok(outcome),
        Some(Message::Failed(error)) => Err(error),
        other => panic!("the last message is {other:?}, {status}"),
    };
    assert_eq!(status.success(), outcome.is_ok());
    (list, outcome)
}
