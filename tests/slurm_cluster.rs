//! `run --executor slurm` on a real Slurm, which `tests/slurm/cluster` starts: `make slurm` does it all.
//!
//! Ignored unless asked for. Nothing here depends on how long something takes: conditions are waited for. Of the two partitions only
//! `spare` loses nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use asm_pipe::run::Event;

use crate::support::{Answer, Project, ends};

/// Longer than anything takes that comes to an end at all.
const PATIENCE: Duration = Duration::from_secs(170);

struct Cluster {
    project: Project,
}

impl Cluster {
    fn new(pipeline: &str, settings: &str) -> Self {
        assert!(
            std::env::var_os("SLURM_CONF").is_some(),
            "start a cluster and set SLURM_CONF; `make slurm` does both"
        );
        let project = Project::new();
        project.file(
            "asm-pipe.toml",
            format!("executor = 'slurm'\n[slurm]\npoll_seconds = 0.5\nlag_seconds = 5\n{settings}"),
        );
        project.file("p.yaml", pipeline);
        Self { project }
    }

    fn done(&self, arguments: &str) -> Answer {
        self.project.done(arguments)
    }

    fn start(&self, arguments: &str) -> Child {
        let mut command = self.project.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn status(&self) -> String {
        self.project.run("status").stdout
    }

    /// The failure of the only stage: the message with its hints, and what its log says.
    fn failure(&self) -> String {
        let answer = self.project.run("run p.yaml --format json");
        assert_eq!(answer.code, 1, "{}", answer.stdout);
        let told = answer.events().into_iter().find_map(|event| match event {
            Event::StageFailed { message, hints, .. } => Some(format!("{message}; {}", hints.join("; "))),
            _ => None,
        });
        told.unwrap()
    }

    /// The numbers of the jobs that a run's stages were, without those that were submitted again.
    fn jobs(&self) -> Vec<String> {
        let status = self.status();
        let words: Vec<&str> = status.split_whitespace().collect();
        let jobs = words.windows(2).filter(|pair| pair[0] == "job");
        jobs.map(|pair| pair[1].to_owned()).collect()
    }
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn stage(name: &str, run: &str, more: &str) -> String {
    format!("  {name}: {{uses: command, with: {{run: \"{run}\", out: {{x: text}}}}{more}}}\n")
}

/// Stages that mark that they have begun, and go on when `go` is there.
fn held(project: &Path, count: usize) -> String {
    let folder = project.display();
    let mut text = "stages:\n".to_owned();
    for at in 0..count {
        let run =
            format!("touch {folder}/begun-{at}; until test -e {folder}/go; do sleep 0.1; done; echo {at} > {{out.x}}");
        text += &stage(&format!("s{at}"), &run, "");
    }
    text
}

fn slurm(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/cluster")
}

/// The digests of five strategies are those of a run on this machine, with as many cores for each training.
#[test]
#[ignore = "needs a cluster"]
fn the_strategies_give_there_what_they_give_here() {
    let cluster = Cluster::new("stages: {}", "memory = '1500MiB'\n");
    let run = "run experiments/strategies.yaml --profile quick -S seed=0 --cpus 1 --format json";
    let there = cluster.done(run).events();
    let here = cluster
        .done(&format!("{run} --executor local --store here --results results-here"))
        .events();
    // By key: which of two equal stages of several strategies is made, and which is taken, is not said.
    let by_key = |events: &[Event]| -> BTreeMap<String, BTreeMap<String, String>> {
        let made = events.iter().filter_map(|event| match event {
            Event::StageFinished { key, outputs, .. } => Some((key.clone(), outputs.clone())),
            _ => None,
        });
        made.collect()
    };
    assert!(by_key(&there).len() > 50);
    assert!(by_key(&there) == by_key(&here), "some digests differ");
    let placed = |events: &[Event]| {
        events
            .iter()
            .filter(|event| matches!(event, Event::StagePlaced { .. }))
            .count()
    };
    assert!(placed(&there) > 0 && placed(&here) == 0);
}

#[test]
#[ignore = "needs a cluster"]
fn a_run_that_is_killed_goes_on_and_an_array_is_submitted_once_within_the_limit() {
    let cluster = Cluster::new("", "max_queued = 6\n");
    cluster.project.file("p.yaml", held(&cluster.project.path(""), 9));
    let mut run = cluster.start("run p.yaml");
    let begun = || {
        (0..9)
            .filter(|at| cluster.project.path(&format!("begun-{at}")).exists())
            .count()
    };
    // Two nodes of two cores: four run, two wait, three are not handed over.
    wait_for("six are there", || cluster.jobs().len() == 6 && begun() == 4);
    let first = cluster.jobs();
    wait_for("Slurm says why two wait", || {
        cluster.status().matches("pending (").count() == 2
    });
    run.kill().unwrap();
    run.wait().unwrap();
    let mut run = cluster.start("run p.yaml");
    wait_for("the same six are there again", || {
        let now = cluster.jobs();
        now.len() == 6 && now.iter().all(|job| first.contains(job))
    });
    cluster.project.file("go", "");
    assert!(run.wait().unwrap().success());
    let jobs = cluster.jobs();
    assert_eq!(jobs.len(), 9);
    assert!(first.iter().all(|job| jobs.contains(job)), "{first:?} {jobs:?}");
    assert_eq!(begun(), 9);
}

#[test]
#[ignore = "needs a cluster"]
fn a_node_that_is_lost_is_made_up_for_from_what_was_kept() {
    let cluster = Cluster::new("", "partition = 'spare'\n");
    let mark = cluster.project.path("mark");
    let work = format!(
        "echo x >> {{keep}}/n; touch {}; test $(wc -l < {{keep}}/n) -ge 2 || sleep 1000; cp {{keep}}/n {{out.x}}",
        mark.display()
    );
    cluster
        .project
        .file("p.yaml", format!("stages:\n{}", stage("s", &work, "")));
    let mut run = cluster.start("run p.yaml");
    wait_for("it has begun", || {
        mark.exists() && cluster.status().contains("running on node")
    });
    let status = cluster.status();
    let node = status
        .split("running on ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    let place = Path::new(&std::env::var_os("SLURM_CONF").unwrap())
        .parent()
        .unwrap()
        .to_owned();
    // What the daemon has started lives on where nobody reaches it, and has to notice by itself that it counts no more.
    let pid = fs_err::read_to_string(place.join("run").join(format!("{node}.pid"))).unwrap();
    slurm("kill", &["-9", pid.trim()]);
    let ended = run.wait().unwrap();
    let place = Path::new(&std::env::var_os("SLURM_CONF").unwrap())
        .parent()
        .unwrap()
        .to_owned();
    let number = node.trim_start_matches("node").to_owned();
    let begun = Command::new(script())
        .arg("node")
        .arg(place)
        .arg(number)
        .status()
        .unwrap();
    assert!(ended.success() && begun.success());
    let said = cluster.done("log s").stdout;
    assert!(said.contains("was lost with its node"), "{said}");
    cluster.done("get p.yaml s.x out");
    assert_eq!(fs_err::read_to_string(cluster.project.path("out")).unwrap(), "x\nx\n");
}

#[test]
#[ignore = "needs a cluster"]
fn over_memory_is_told_and_made_up_for_with_more() {
    let eat = "import time; x = bytearray(300 << 20); x[::4096] = b'a' * len(x[::4096]); time.sleep(20); open('{out.x}', 'w').write('x')";
    let text = format!(
        "stages:\n{}",
        stage("s", &format!("python3 -c \\\"{eat}\\\""), ", memory: 100MiB")
    );
    let cluster = Cluster::new(&text, "");
    let failure = cluster.failure();
    assert!(
        failure.contains("ran out of memory") && failure.contains("100 MiB"),
        "{failure}"
    );
    let cluster = Cluster::new(&text, "memory_factor = 6\n");
    cluster.done("run p.yaml");
    assert!(cluster.done("log s").stdout.contains("submitted again with 600 MiB"));
}

#[test]
#[ignore = "needs a cluster"]
fn over_time_is_told() {
    let text = format!("stages:\n{}", stage("s", "sleep 1000", ""));
    let failure = Cluster::new(&text, "time = '1min'\n").failure();
    assert!(
        failure.contains("its time was over") && failure.contains("`timeout`"),
        "{failure}"
    );
}

#[test]
#[ignore = "needs a cluster"]
fn scancel_by_hand_is_told_and_ctrl_c_cancels() {
    let cluster = Cluster::new("", "");
    cluster.project.file("p.yaml", held(&cluster.project.path(""), 1));
    let begun = cluster.project.path("begun-0");
    let told = std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_for("it runs", || begun.exists() && cluster.jobs().len() == 1);
            slurm("scancel", &[&cluster.jobs()[0]]);
        });
        cluster.failure()
    });
    assert!(told.contains("was cancelled"), "{told}");
    fs_err::remove_file(&begun).unwrap();
    let mut run = cluster.start("run p.yaml");
    wait_for("it runs", || begun.exists() && cluster.jobs().len() == 1);
    let job = cluster.jobs().remove(0);
    rustix::process::kill_process(rustix::process::Pid::from_child(&run), rustix::process::Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    wait_for("it is gone", || {
        slurm(
            "squeue",
            &["--noheader", "--states=all", "--format=%T", &format!("--jobs={job}")],
        )
        .trim()
            == "CANCELLED"
    });
    cluster.project.file("go", "");
    let events = cluster.done("run p.yaml --format json").events();
    assert_eq!(ends(&events)["s0"], "ran");
}

#[test]
#[ignore = "needs a cluster"]
fn pilots_do_many_short_jobs_each() {
    let mut text = "stages:\n".to_owned();
    for at in 0..30 {
        text += &stage(&format!("s{at}"), &format!("echo {at} > {{out.x}}"), "");
    }
    let cluster = Cluster::new(&text, "pilot = {allocations = 2, time = '5min'}\n");
    let events = cluster.done("run p.yaml --format json").events();
    assert!(ends(&events).values().all(|end| *end == "ran"));
    let place = |event: &Event| match event {
        Event::StagePlaced { place, .. } => Some(place.job.clone()),
        _ => None,
    };
    let is_pilot = |job: &String| job.chars().all(|letter| letter.is_ascii_digit() || letter == '_');
    let pilots: BTreeSet<String> = events.iter().filter_map(place).filter(is_pilot).collect();
    assert!(!pilots.is_empty() && pilots.len() <= 4, "{pilots:?}");
}
