//! Fake kinds, a fake provider and plans made of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Event, Interrupt, Moment, RunError, RunOptions, Summary, run};
use crate::plan::{Node, NodeId, NodeInput, Plan};
use crate::stage::{Job, KindInfo, Outcome, Progress, Registry, Reporter, Stage, StageError};
use crate::store::Store;

/// A folder with a store, the fake kinds, and what they were called with.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) calls: Arc<Mutex<Vec<String>>>,
    pub(crate) options: RunOptions,
    pub(crate) interrupt: Interrupt,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let calls = Arc::default();
        let mut registry = Registry::new();
        for name in ["make", "guard", "fail", "panic", "slow", "read", "lazy"] {
            let (name, calls) = (name.to_owned(), Arc::clone(&calls));
            registry.register(Arc::new(Fake { name, calls })).unwrap();
        }
        let provider = provider(folder.path());
        registry.register_provider(provider, vec![info("remote")]).unwrap();
        let options = RunOptions {
            jobs: 2,
            cpus: 2,
            memory_mib: 1000,
            gpus: 0,
            keep_going: true,
            force: Vec::new(),
            remote: None,
            remote_required: false,
            slurm: None,
        };
        Self {
            folder,
            store,
            registry,
            calls,
            options,
            interrupt: Interrupt::default(),
        }
    }

    /// Runs a plan; answers with the summary and everything that was told.
    pub(crate) fn run(&self, plan: &Plan) -> (Summary, Vec<Moment>) {
        let mut told = Vec::new();
        (
            self.run_with(plan, &mut |moment| told.push(moment.clone())).unwrap(),
            told,
        )
    }

    pub(crate) fn run_with(&self, plan: &Plan, events: &mut dyn FnMut(&Moment)) -> Result<Summary, RunError> {
        run(
            plan,
            &self.registry,
            &self.store,
            &self.options,
            events,
            &self.interrupt,
        )
    }

    /// What the kinds were called with since the last time, sorted.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap());
        calls.sort();
        calls
    }

    /// The text of a node's output.
    pub(crate) fn text(&self, summary: &Summary, node: usize) -> String {
        let output = summary.nodes[node].record.as_ref().unwrap().outputs["out"];
        fs_err::read_to_string(self.store.view(&output).unwrap()).unwrap()
    }
}

/// A plan of one pipeline from nodes in order.
pub(crate) fn plan(nodes: impl IntoIterator<Item = Node>) -> Plan {
    Plan {
        pipelines: vec!["p".to_owned()],
        nodes: nodes.into_iter().collect(),
        ..Plan::default()
    }
}

/// A node that takes the outputs of others at the port `in`.
pub(crate) fn node(name: &str, kind: &str, params: Value, inputs: &[usize]) -> Node {
    let input = |at: &usize| NodeInput {
        label: at.to_string(),
        node: NodeId(*at),
        output: "out".to_owned(),
        ..NodeInput::default()
    };
    let mut node = Node {
        name: name.to_owned(),
        stage: name.rsplit('.').next().unwrap().to_owned(),
        kind: kind.to_owned(),
        params,
        ..Node::default()
    };
    if !inputs.is_empty() {
        node.inputs.insert("in".to_owned(), inputs.iter().map(input).collect());
    }
    node
}

/// A `make` node: its output is its word behind the texts of its inputs.
pub(crate) fn make(word: &str, inputs: &[usize]) -> Node {
    node(word, "make", json!({"word": word}), inputs)
}

/// Puts a node under a guard.
pub(crate) fn under(guard: usize, node: Node) -> Node {
    Node {
        guard: Some(NodeId(guard)),
        ..node
    }
}

fn info(name: &str) -> KindInfo {
    let artifact = if name == "guard" { "decision" } else { "text" };
    serde_json::from_value(json!({
        "name": name, "version": 1, "summary": "", "params": {},
        "inputs": [{"name": "in", "artifact": "text", "doc": "", "optional": true, "many": true},
                   {"name": "one", "artifact": "text", "doc": ""}],
        "outputs": [{"name": "out", "artifact": artifact, "doc": ""}],
        "external": if name == "read" { json!([{"param": "path"}]) } else { json!([]) },
    }))
    .unwrap()
}

struct Fake {
    name: String,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Stage for Fake {
    fn info(&self) -> KindInfo {
        info(&self.name)
    }

    fn run(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, StageError> {
        let word = job.params["word"].as_str().unwrap_or(&self.name).to_owned();
        self.calls.lock().unwrap().push(word.clone());
        let mut text = String::new();
        for input in job.inputs("in").iter().chain(job.inputs("one")) {
            text.push_str(&fs_err::read_to_string(&input.path)?);
        }
        match self.name.as_str() {
            "guard" => fs_err::write(job.output("out")?, json!({"stop": job.params["stop"]}).to_string())?,
            "fail" => {
                reporter.log("it was about to fail");
                return Err(StageError::new("it failed").hint("do better"));
            }
            "panic" => panic!("out of cheese"),
            "slow" => {
                let end = Instant::now() + Duration::from_millis(job.params["ms"].as_u64().unwrap_or(20_000));
                while Instant::now() < end {
                    if reporter.cancelled() {
                        return Err(StageError::new("cancelled"));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                fs_err::write(job.output("out")?, word)?;
            }
            "read" => {
                let path = Path::new(job.params["path"].as_str().unwrap());
                let text = fs_err::read_to_string(path)?;
                if job.params["spoil"] == json!(true) {
                    fs_err::write(path, format!("{text}!"))?;
                }
                fs_err::write(job.output("out")?, text)?;
            }
            "lazy" => {}
            _ => {
                let shown = job.params["show"].as_str().unwrap_or(&word);
                fs_err::write(job.output("out")?, text + shown)?;
            }
        }
        reporter.progress(Progress::default());
        Ok(Outcome {
            metrics: [("ap".to_owned(), 0.5), ("none".to_owned(), f64::NAN)].into(),
            notes: Vec::new(),
        })
    }
}

/// Writes a program by way of another process: one that this process had open for writing while another test's thread
/// forks could not be started ("text file busy").
pub(crate) fn program(path: &Path, text: &str) {
    let mut child = Command::new("sh")
        .args(["-c", "cat > \"$1\"; chmod 755 \"$1\"", "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A provider whose param `do` says how it behaves.
fn provider(folder: &Path) -> PathBuf {
    let path = folder.join("asm-pipe-fake");
    program(&path, PROVIDER);
    path
}

const PROVIDER: &str = r#"#!/usr/bin/env python3
import json, os, signal, subprocess, sys, time

def tell(**message):
    print(json.dumps(message), flush=True)

for line in sys.stdin:
    folder = line.rstrip("\n")
    with open(folder + "/job.json") as file:
        job = json.load(file)
    params = job["params"]
    do = params["do"]
    print("on stderr", file=sys.stderr, flush=True)
    if do == "fail":
        tell(event="failed", message="cannot do that", hints=["try less"])
        continue
    if do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "exit":
        sys.exit(3)
    if do == "rubbish":
        print('{"event": "dance"}', flush=True)
        time.sleep(60)
    if do == "chat":
        print("loading the library ...", flush=True)
    if do == "crash-once":
        mark = job["keep"] + "/epoch"
        if not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
    if do == "sleep":
        child = subprocess.Popen(["sleep", "60"])
        with open(params["pids"], "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        time.sleep(60)
    tell(event="progress", done=1, total=2, unit="epoch", fields={"loss": None, "rate": 0.5})
    tell(event="log", line="half way")
    with open(job["outputs"]["out"], "w") as file:
        file.write(f"{do} {job['cpus']}" + (f" {os.getpid()}" if do == "pid" else ""))
    tell(event="done", metrics={"ap": None, "loss": 0.25}, notes=["a note"])
    if do == "last":
        sys.exit(0)
"#;

/// The names of the events about a stage, in order, without progress and log.
pub(crate) fn told_of(moments: &[Moment], name: &str) -> Vec<String> {
    let of = moments.iter().filter_map(|moment| {
        let value = serde_json::to_value(&moment.what).unwrap();
        (value["stage"] == json!(name)).then(|| value["event"].as_str().unwrap().to_owned())
    });
    of.filter(|event| event != "stage-progress" && event != "stage-log")
        .collect()
}

/// What was told of the failure of a stage: message, hints, log.
pub(crate) fn failure_of(moments: &[Moment], name: &str) -> (String, Vec<String>, Option<String>) {
    let found = moments.iter().find_map(|moment| match &moment.what {
        Event::StageFailed {
            stage,
            message,
            hints,
            log,
        } if stage == name => Some((message.clone(), hints.clone(), log.clone())),
        _ => None,
    });
    found.unwrap()
}
