//! What a run of a million stages costs whoever runs it, on a cluster that is not there.
//!
//! Reads a pipeline, plans it, and has `asm_pipe::run::simulation` run the plan: the scheduler, the keys, the journal and what is said to Slurm are
//! the real ones. Then the journal is read back as `status` does. One process a measurement, for memory is told as the most that the process ever had.
//!
//! ```sh
//! cargo build --release --example simulate
//! for shape in fan chains rounds; do for count in 1000 10000 100000 1000000; do
//!     target/release/examples/simulate $shape $count; done; done
//! target/release/examples/simulate fan 1000000 --queue 10000 --poll 30     # another use of the cluster
//! target/release/examples/simulate fan 10000 --engine                      # the engine and the store for true, on this machine's cores
//! ```
//!
//! `fan`: stages that need nothing. `chains`: 1,000 of them. `rounds`: an experiment of strategies and seeds, 100 rounds of
//! eight stages each.
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use asm_pipe::plan::{Plan, plan};
use asm_pipe::run::simulation::{Cluster, Simulated, simulate};
use asm_pipe::run::{Interrupt, RunOptions, forecast, run, status};
use asm_pipe::spec::{LoadOptions, Pipeline, load_text, render};
use asm_pipe::stage::{Job, KindInfo, Outcome, Registry, Reporter, Stage, StageError};
use asm_pipe::store::Store;
use serde_json::{Value, json};

const USAGE: &str = "simulate fan|chains|rounds STAGES [--nodes N] [--queue N] [--poll SECONDS] [--engine]";

/// Rounds of each pipeline, and stages of each round.
const ROUNDS: usize = 100;
const OF_ROUND: usize = 8;

/// Stages of a file, where there are no rounds.
const IN_FILE: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [shape, count, rest @ ..] = words.as_slice() else {
        return Err(USAGE.into());
    };
    let (mut cluster, mut is_engine) = (Cluster::default(), false);
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or(USAGE);
        match word.as_str() {
            "--nodes" => cluster.nodes = value()?.parse()?,
            "--queue" => cluster.max_queued = value()?.parse()?,
            "--poll" => cluster.poll_seconds = value()?.parse()?,
            "--engine" => is_engine = true,
            _ => return Err(USAGE.into()),
        }
    }
    let place = tempfile::tempdir()?;
    let store = Store::open(&place.path().join("store"))?;
    let registry = registry();
    let plan = planned(shape, count.parse()?, &registry)?;
    if is_engine {
        with_engine(&plan, &registry, &store)
    } else {
        with_cluster(&plan, &registry, &store, &cluster)
    }
}

/// Reads and plans what a shape is as text.
fn planned(shape: &str, count: usize, registry: &Registry) -> Result<Plan, Box<dyn Error>> {
    let texts = match shape {
        "fan" => fan(count),
        "chains" => chains(count),
        "rounds" => rounds(count),
        _ => return Err(USAGE.into()),
    };
    let bytes: usize = texts.iter().map(String::len).sum();
    tell(
        "text",
        Instant::now(),
        &format!("{} in {} pipelines", mib(bytes), texts.len()),
    );
    let begin = Instant::now();
    let pipelines: Vec<Pipeline> = texts.iter().map(|text| read(text)).collect::<Result<_, _>>()?;
    tell("read", begin, "");
    let begin = Instant::now();
    let plan = plan(&pipelines, registry).map_err(|found| format!("{found:?}"))?;
    tell("plan", begin, &format!("{} stages", plan.nodes.len()));
    Ok(plan)
}

fn read(text: &str) -> Result<Pipeline, String> {
    load_text(text, &LoadOptions::default())
        .map(|(pipeline, _)| pipeline)
        .map_err(|(found, sources)| render(&sources, &found, false))
}

fn with_cluster(plan: &Plan, registry: &Registry, store: &Store, cluster: &Cluster) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let forecasts = forecast(plan, registry, store, &[])?;
    tell("forecast", begin, &format!("{} stages", forecasts.len()));
    drop(forecasts);
    let begin = Instant::now();
    let simulated = simulate(plan, registry, store, cluster, &mut |_| {})?;
    tell("run", begin, &of_run(&simulated, plan.nodes.len(), cluster));
    let folder = store.runs().join(&simulated.run);
    for file in ["journal.jsonl", "plan.json", "run.json"] {
        println!("{file:>9} {}", mib(fs_err::metadata(folder.join(file))?.len() as usize));
    }
    read_back(&folder)
}

fn with_engine(plan: &Plan, registry: &Registry, store: &Store) -> Result<(), Box<dyn Error>> {
    let options = RunOptions::for_this_machine();
    for step in ["cold", "again"] {
        let begin = Instant::now();
        let summary = run(plan, registry, store, &options, &mut |_| {}, &Interrupt::default())?;
        tell(step, begin, &format!("{:?}", summary.counts));
        if step == "again" {
            read_back(&store.runs().join(&summary.run))?;
        }
    }
    let begin = Instant::now();
    let forecasts = forecast(plan, registry, store, &[])?;
    tell("forecast", begin, &format!("{} stages", forecasts.len()));
    Ok(())
}

fn read_back(folder: &Path) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let read = status::read(folder)?;
    tell("status", begin, &format!("{:?}", read.counts()));
    Ok(())
}

fn of_run(simulated: &Simulated, stages: usize, cluster: &Cluster) -> String {
    let (costs, calls) = (simulated.costs, simulated.calls);
    let micros = |duration: std::time::Duration| duration.as_secs_f64() * 1e6 / stages as f64;
    let minutes = simulated.seconds / 60.0;
    let busy = simulated.worked / simulated.seconds / cluster.nodes as f64;
    format!(
        "{:?}\n  runner {:.2} s; µs a stage {:.1}: begin {:.1}, keys {:.1}, scheduler {:.1}, journal {:.1}, desk {:.1}\n  \
         clock {:.1} h, nodes {:.0} % busy, at most {} queued\n  \
         sbatch {:.1} a minute, squeue {:.1}; script {}, names {}, answer {}",
        simulated.counts,
        costs.total().as_secs_f64(),
        micros(costs.total()),
        micros(costs.begin),
        micros(costs.keys),
        micros(costs.scheduler),
        micros(costs.journal),
        micros(costs.desk),
        minutes / 60.0,
        busy * 100.0,
        simulated.most_queued,
        calls.sbatch as f64 / minutes,
        calls.squeue as f64 / minutes,
        kib(calls.longest_script),
        kib(calls.longest_argument),
        kib(calls.longest_answer),
    )
}

/// A line: what was done, how long it took, what memory there is now and was at most, and what came of it.
fn tell(what: &str, begin: Instant, said: &str) {
    let (now, most) = (memory("VmRSS:"), memory("VmHWM:"));
    let seconds = begin.elapsed().as_secs_f64();
    println!("{what:>9} {seconds:8.2} s  {now:6} MiB now  {most:6} MiB at most  {said}");
}

fn memory(line: &str) -> u64 {
    let text = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let found = text.lines().find_map(|text| text.strip_prefix(line));
    let kib = found.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) >> 10
}

fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn kib(bytes: usize) -> String {
    format!("{:.0} KiB", bytes as f64 / 1024.0)
}

fn fan(count: usize) -> Vec<String> {
    let stage = |at: usize| format!("  stage-{at}: {{uses: step, with: {{word: part-{at}}}}}");
    files("fan", count, stage)
}

fn chains(count: usize) -> Vec<String> {
    let length = (count / 1000).clamp(10, 1000);
    let stage = |at: usize| {
        let (chain, place) = (at / length, at % length);
        let from = match place {
            0 => String::new(),
            _ => format!(", in: {{one: chain-{chain}-{}}}", place - 1),
        };
        format!("  chain-{chain}-{place}: {{uses: step{from}, with: {{word: part-{chain}}}}}")
    };
    files("chains", count, stage)
}

/// Stages in as many files as it takes: a file that is much larger is refused.
fn files(name: &str, count: usize, stage: impl Fn(usize) -> String) -> Vec<String> {
    let starts = (0..count).step_by(IN_FILE);
    let file = |(number, start): (usize, usize)| {
        let mut text = format!("name: {name}-{number}\nstages:\n");
        for at in start..count.min(start + IN_FILE) {
            let _ = writeln!(text, "{}", stage(at));
        }
        text
    };
    starts.enumerate().map(file).collect()
}

/// As many strategies and seeds as give that many stages.
fn rounds(count: usize) -> Vec<String> {
    let members = (count / (ROUNDS * OF_ROUND)).max(1);
    let rounds = ROUNDS.min(count / OF_ROUND).max(1);
    let text = |member: usize| {
        LOOP.replace("NAME", &format!("strategy-{}-seed-{}", member / 10, member % 10))
            .replace("SEED", &(member % 10).to_string())
            .replace("MODE", &format!("mode-{}", member / 10))
            .replace("MAX", &rounds.to_string())
    };
    (0..members).map(text).collect()
}

const LOOP: &str = "
name: NAME
params: {seed: SEED}
stages:
  source: {uses: step}
  split: {uses: step, in: {one: source}, with: {word: split, seed: '${seed}'}}
  initial: {uses: step, in: {one: split}, with: {word: train, seed: '${seed}'}}
  tables: {uses: join, in: {parts: rounds.all.evaluate}, with: {word: MODE}}
rounds:
  max: MAX
  until: {metric: evaluate.ap50, shift_below: 0.001, window: 2}
  carry:
    model: [initial, retrain]
    pool: [split, select]
  stages:
    batch: {uses: step, in: {one: carry.pool}, with: {word: MODE, seed: '${seed}'}}
    detect: {uses: step, in: {one: carry.model, two: batch}, with: {word: detect}}
    merge: {uses: step, in: {one: detect, two: batch}, with: {word: merge, seed: '${round}'}}
    select: {uses: step, in: {one: merge, two: carry.pool}, with: {word: select}}
    retrain: {uses: step, in: {one: select, two: carry.model}, with: {word: train, seed: '${seed}'}}
    found: {uses: step, in: {one: retrain, two: source}, with: {word: detect}}
    evaluate: {uses: evaluate, in: {one: found, two: source}}
";

fn registry() -> Registry {
    let mut registry = Registry::new();
    for name in ["step", "join", "evaluate", "until"] {
        let taken = registry.register(Arc::new(Simple { name }));
        taken.expect("each name once");
    }
    registry
}

/// Writes its word behind the digests' worth of its inputs: a small file that is another for other inputs.
struct Simple {
    name: &'static str,
}

impl Stage for Simple {
    fn info(&self) -> KindInfo {
        let port = |name: &str, optional: bool, many: bool| json!({"name": name, "artifact": "text", "doc": "", "optional": optional, "many": many});
        let (inputs, artifact): (Value, &str) = match self.name {
            "join" => (
                json!([{"name": "parts", "artifact": "metrics", "doc": "", "optional": true, "many": true}]),
                "text",
            ),
            "until" => (
                json!([{"name": "metrics", "artifact": "metrics", "doc": "", "many": true}]),
                "decision",
            ),
            "evaluate" => (json!([port("one", true, false), port("two", true, false)]), "metrics"),
            _ => (json!([port("one", true, false), port("two", true, false)]), "text"),
        };
        let info = json!({
            "name": self.name, "version": 1, "summary": "",
            "params": {"type": "object", "additionalProperties": false, "properties": {
                "word": {"type": "string", "default": ""}, "seed": {"type": "integer", "default": 0},
                "metric": {"type": "string", "default": ""}, "shift_below": {"type": "number", "default": 0.5},
                "window": {"type": "integer", "default": 2}, "rate": {"type": "number", "default": 0.01},
                "take": {"type": "integer", "default": 24}}},
            "inputs": inputs, "outputs": [{"name": "out", "artifact": artifact, "doc": ""}],
        });
        serde_json::from_value(info).expect("what a kind says of itself")
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let texts = job.inputs.values().flatten().map(|input| read_text(&input.path));
        let texts: String = texts.collect::<Result<Vec<_>, _>>()?.concat();
        let text = match self.name {
            "until" => json!({"stop": false}).to_string(),
            _ => format!("{}{}", texts.len(), job.params["word"]) + &texts[..texts.len().min(200)],
        };
        fs_err::write(job.output("out")?, text)?;
        Ok(Outcome::default())
    }
}

fn read_text(path: &PathBuf) -> Result<String, StageError> {
    Ok(fs_err::read_to_string(path)?)
}
