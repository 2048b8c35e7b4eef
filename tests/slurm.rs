//! `run --executor slurm` against programs that stand in for Slurm's, and answer as oddly as a test wants.
//!
//! What a real Slurm makes of it, `tests/slurm/` shows.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use asm_pipe::run::Event;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Answer, Project, digests, ends};

/// Longer than anything takes that comes to an end at all.
const PATIENCE: Duration = Duration::from_secs(120);

const SETTINGS: &str = "executor = 'slurm'\n[slurm]\npoll_seconds = 0.1\nlag_seconds = 0\n";

/// A project whose runs go to a stand-in for Slurm.
struct Cluster {
    project: Project,
}

impl Cluster {
    fn new(pipeline: &str, more_settings: &str) -> Self {
        let project = Project::new();
        project.file("asm-pipe.toml", format!("{SETTINGS}{more_settings}"));
        project.file("p.yaml", pipeline);
        let fake = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/fake.py");
        for program in ["sbatch", "squeue", "scontrol", "sacct", "scancel"] {
            let name = format!("bin/{program}");
            project.file(
                &name,
                format!("#!/bin/sh\nexec python3 {} {program} \"$@\"\n", fake.display()),
            );
            let mode = std::fs::Permissions::from_mode(0o755);
            fs_err::set_permissions(project.path(&name), mode).unwrap();
        }
        fs_err::create_dir(project.path("slurm")).unwrap();
        Self { project }
    }

    /// Tells the stand-in how to behave.
    fn set(&self, name: &str, text: &str) -> &Self {
        self.project.file(&format!("slurm/{name}"), text);
        self
    }

    fn unset(&self, name: &str) {
        fs_err::remove_file(self.project.path("slurm").join(name)).unwrap();
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.project.command(arguments);
        let path = format!(
            "{}:{}",
            self.project.path("bin").display(),
            std::env::var("PATH").unwrap()
        );
        command.env("PATH", path).env("FAKE_SLURM", self.project.path("slurm"));
        command
    }

    fn run(&self, arguments: &str) -> Answer {
        Answer::of(self.command(arguments).output().unwrap())
    }

    fn done(&self, arguments: &str) -> Answer {
        let answer = self.run(arguments);
        assert_eq!(answer.code, 0, "{arguments}\n{}\n{}", answer.stdout, answer.stderr);
        answer
    }

    fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The calls of a program, each with its arguments.
    fn calls(&self, program: &str) -> Vec<Vec<String>> {
        let text = fs_err::read_to_string(self.project.path("slurm/calls")).unwrap_or_default();
        let calls = text
            .lines()
            .map(|line| serde_json::from_str::<Vec<String>>(line).unwrap());
        calls.filter(|call| call[0] == program).collect()
    }

    /// All jobs that were taken, as they stand.
    fn jobs(&self) -> Vec<Value> {
        let mut found = Vec::new();
        for job in fs_err::read_dir(self.project.path("slurm/jobs")).into_iter().flatten() {
            for task in fs_err::read_dir(job.unwrap().path()).unwrap() {
                let path = task.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "json") {
                    found.extend(serde_json::from_slice::<Value>(&fs_err::read(path).unwrap_or_default()).ok());
                }
            }
        }
        found
    }

    fn states(&self) -> Vec<String> {
        let mut states: Vec<String> = self
            .jobs()
            .iter()
            .map(|job| job["state"].as_str().unwrap().to_owned())
            .collect();
        states.sort();
        states
    }
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Stages that write their names and say something.
fn stages(count: usize) -> String {
    let mut text = "stages:\n".to_owned();
    for at in 0..count {
        text += &stage(
            &format!("s{at}"),
            &format!("echo said s{at}; echo s{at} > {{out.x}}"),
            "",
        );
    }
    text
}

fn stage(name: &str, run: &str, more: &str) -> String {
    format!("  {name}: {{uses: command, with: {{run: \"{run}\", out: {{x: text}}}}{more}}}\n")
}

fn flag(call: &[String], name: &str) -> Option<String> {
    let prefix = format!("--{name}=");
    call.iter()
        .find_map(|argument| argument.strip_prefix(&prefix))
        .map(str::to_owned)
}

/// The failures of stages: the message with its hints.
fn failures(answer: &Answer) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = answer
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::StageFailed {
                stage, message, hints, ..
            } => Some((stage, format!("{message}; {}", hints.join("; ")))),
            _ => None,
        })
        .collect();
    found.sort();
    found
}

#[test]
fn jobs_of_one_shape_go_as_an_array_and_give_what_this_machine_gives() {
    let mut text = stages(5);
    text += &stage(
        "wide",
        "echo {cpus} > {out.x}",
        ", cpus: 3, memory: 200MiB, gpus: 1, timeout: 90min",
    );
    text +=
        "  join: {uses: command, in: {a: s0, b: wide}, with: {run: 'cat {in.a} {in.b} > {out.x}', out: {x: text}}}\n";
    let cluster = Cluster::new(
        &text,
        "partition = 'cpu'\n[slurm.kinds.command]\nflags = ['--nice=5']\n",
    );
    let there = cluster.done("run p.yaml --format json").events();
    let here = cluster
        .done("run p.yaml --format json --executor local --store here --cpus 4")
        .events();
    assert_eq!(digests(&there), digests(&here));
    assert_eq!(digests(&there).len(), 7);
    let calls = cluster.calls("sbatch");
    assert!(calls.len() < 7, "{calls:?}");
    let tasks: usize = calls
        .iter()
        .map(|call| {
            let array = flag(call, "array").unwrap();
            array.split_once('-').unwrap().1.parse::<usize>().unwrap() + 1
        })
        .sum();
    assert_eq!(tasks, 7);
    assert!(calls.iter().all(|call| call.contains(&"--nice=5".to_owned())));
    assert!(
        calls
            .iter()
            .all(|call| flag(call, "partition").as_deref() == Some("cpu"))
    );
    let wide = calls
        .iter()
        .find(|call| flag(call, "cpus-per-task").as_deref() == Some("3"))
        .unwrap();
    assert_eq!(
        ["mem", "gres", "time"].map(|name| flag(wide, name).unwrap()),
        ["200M", "gpu:1", "91"]
    );
    // Logs and status are as of local stages.
    assert!(cluster.done("log s3").stdout.contains("said s3"));
    let status = cluster.done("status").stdout;
    assert!(status.contains(" on node1, waited "), "{status}");
    let again = cluster.done("run p.yaml --format json").events();
    assert!(ends(&again).values().all(|end| *end == "cached"));
    assert_eq!(cluster.calls("sbatch").len(), calls.len());
}

#[test]
fn queued_jobs_are_seen_in_status_and_no_more_than_wanted_are_queued() {
    let cluster = Cluster::new(&stages(5), "max_queued = 2\n");
    cluster.set("hold", "");
    let mut run = cluster.start("run p.yaml");
    wait_for("two jobs are pending", || {
        let status = cluster.run("status").stdout;
        status.matches("pending (Priority) for").count() == 2
    });
    cluster.unset("hold");
    assert!(run.wait().unwrap().success());
    let alive = fs_err::read_to_string(cluster.project.path("slurm/alive")).unwrap();
    assert!(alive.lines().all(|count| count.parse::<u32>().unwrap() <= 2), "{alive}");
    assert_eq!(cluster.states(), ["COMPLETED"; 5]);
}

#[test]
fn odd_answers_are_no_end_and_nothing_is_submitted_twice() {
    let cluster = Cluster::new(&stages(3), "");
    cluster.set(
        "odd-sbatch",
        "fail sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n\
         take-then-fail sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n",
    );
    cluster.set(
        "odd-squeue",
        "fail slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n-\n\
         print what is this | no | table\nprint 101_[0-2]|DANCING||Unknown|N/A|asm-pipe-none\n\
         fail slurm_load_jobs error: Socket timed out on send/recv operation\n",
    );
    cluster.set(
        "odd-scontrol",
        "fail slurm_load_jobs error: Unable to contact slurm controller\n",
    );
    let events = cluster.done("run p.yaml --format json").events();
    assert_eq!(ends(&events).values().filter(|end| **end == "ran").count(), 3);
    assert_eq!(cluster.states(), ["COMPLETED"; 3]);
    let said = cluster.done("log s0").stdout;
    assert!(said.contains("Unable to contact slurm controller"), "{said}");
}

#[test]
fn the_file_that_sends_a_run_to_the_cluster_is_named_unless_somebody_says_otherwise() {
    let cluster = Cluster::new(&stages(1), "");
    let told = |arguments: &str| {
        cluster
            .done(arguments)
            .stderr
            .contains("asm-pipe.toml` sets the executor `slurm`\n")
    };
    assert!(told("run p.yaml"));
    assert!(
        told("run p.yaml --format json"),
        "also when it is all answered from the store"
    );
    assert!(!told("run p.yaml --quiet"));
    assert!(!told("run p.yaml --executor local"));
}

const NOT_SET_UP: &str = "fail sbatch: fatal: Could not establish a configuration source\n";

#[test]
fn a_slurm_that_is_not_set_up_ends_the_run_soon_and_points_to_doctor() {
    let cluster = Cluster::new(&stages(2), "");
    for program in ["sbatch", "squeue"] {
        cluster.set(&format!("odd-{program}"), &NOT_SET_UP.repeat(30));
    }
    let answer = cluster.run("run p.yaml --format json");
    assert_eq!(answer.code, 1);
    let failed = failures(&answer);
    assert!(
        failed[0].1.contains("Could not establish a configuration source"),
        "{failed:?}"
    );
    assert!(failed[0].1.contains("`asm-pipe doctor --executor slurm`"), "{failed:?}");
    assert_eq!((cluster.calls("sbatch").len(), cluster.calls("squeue").len()), (1, 2));
    cluster.unset("odd-sbatch");
    cluster.unset("odd-squeue");
    cluster.done("run p.yaml");
    assert_eq!(cluster.states(), ["COMPLETED"; 2]);
}

#[test]
fn without_its_programs_the_run_ends_at_once() {
    let cluster = Cluster::new(&stages(1), "");
    fs_err::remove_dir_all(cluster.project.path("bin")).unwrap();
    let mut command = cluster.command("run p.yaml --format json");
    command.env("PATH", cluster.project.path("bin"));
    let failed = failures(&Answer::of(command.output().unwrap()));
    assert!(failed[0].1.contains("`sbatch` cannot be started"), "{failed:?}");
    assert!(failed[0].1.contains("`asm-pipe doctor --executor slurm`"), "{failed:?}");
}

#[test]
fn a_slurm_that_has_answered_before_is_asked_again_whatever_it_says() {
    let text = stages(1) + "  t: {uses: command, in: {a: s0}, with: {run: 'cat {in.a} > {out.x}', out: {x: text}}}\n";
    let cluster = Cluster::new(&text, "");
    cluster.set("odd-sbatch", &format!("-\n{}", NOT_SET_UP.repeat(4)));
    cluster.done("run p.yaml");
    assert_eq!(cluster.states(), ["COMPLETED"; 2]);
    assert_eq!(cluster.calls("sbatch").len(), 6);
}

#[test]
fn a_job_of_an_earlier_run_is_kept_when_slurm_cannot_be_asked_for_it() {
    let cluster = Cluster::new(&stages(1), "");
    cluster.set("hold", "");
    let mut run = cluster.start("run p.yaml");
    wait_for("it is pending", || {
        cluster.run("status").stdout.contains("pending (Priority)")
    });
    run.kill().unwrap();
    run.wait().unwrap();
    cluster.set("odd-squeue", &NOT_SET_UP.repeat(30));
    let answer = cluster.run("run p.yaml --format json");
    assert_eq!(answer.code, 1);
    let failed = failures(&answer);
    assert!(failed[0].1.contains("`asm-pipe doctor --executor slurm`"), "{failed:?}");
    cluster.unset("odd-squeue");
    cluster.unset("hold");
    cluster.done("run p.yaml");
    assert_eq!(cluster.states(), ["COMPLETED"]);
}

#[test]
fn what_slurm_refuses_fails_at_once_with_its_words() {
    let cluster = Cluster::new(&stages(1), "partition = 'none'\n");
    cluster.set(
        "odd-sbatch",
        "fail sbatch: error: Batch job submission failed: Invalid partition name specified\n",
    );
    let answer = cluster.run("run p.yaml --format json");
    assert_eq!(answer.code, 1);
    let failed = failures(&answer);
    assert!(failed[0].1.contains("Invalid partition name specified"), "{failed:?}");
    assert!(failed[0].1.contains("asm-pipe.toml"), "{failed:?}");
    assert_eq!(cluster.calls("sbatch").len(), 1);
}

#[test]
fn ends_without_a_result_are_told_apart() {
    for (state, part, hint) in [
        ("TIMEOUT", "its time was over", "`timeout`"),
        ("OUT_OF_MEMORY", "ran out of memory", "`memory_factor`"),
        ("CANCELLED", "was cancelled", "has cancelled it"),
        (
            "FAILED",
            "failed before it left a result",
            "can the node start this program",
        ),
        ("COMPLETED", "ended well but left no result", "`lag_seconds`"),
    ] {
        let cluster = Cluster::new(&stages(1), "");
        cluster.set("doom", &format!("{state}\n"));
        let answer = cluster.run("run p.yaml --format json");
        assert_eq!(answer.code, 1, "{state}");
        let failed = failures(&answer);
        assert!(
            failed[0].1.contains(part) && failed[0].1.contains(hint),
            "{state}: {failed:?}"
        );
        assert_eq!(cluster.jobs().len(), 1, "{state}");
        // The next run begins anew.
        cluster.done("run p.yaml");
    }
}

#[test]
fn a_job_that_left_the_queue_is_asked_for_one_by_one() {
    let cluster = Cluster::new(&stages(1), "");
    cluster.set("doom", "TIMEOUT\n").set("forget", "").set("accounting", "");
    let failed = failures(&cluster.run("run p.yaml --format json"));
    assert!(failed[0].1.contains("its time was over"), "{failed:?}");
    cluster.unset("accounting");
    cluster.set("doom", "TIMEOUT\n");
    let failed = failures(&cluster.run("run p.yaml --format json"));
    assert!(failed[0].1.contains("does not know the job"), "{failed:?}");
}

#[test]
fn a_lost_node_is_made_up_for_and_not_for_ever() {
    let cluster = Cluster::new(&stages(1), "");
    cluster.set("doom", "NODE_FAIL\nPREEMPTED\n");
    cluster.done("run p.yaml");
    let said = cluster.done("log s0").stdout;
    assert!(
        said.contains("was lost with its node node1; submitted again (1 of 3)"),
        "{said}"
    );
    assert!(
        said.contains("had to give way to another; submitted again (2 of 3)"),
        "{said}"
    );
    cluster.set("doom", &"NODE_FAIL\n".repeat(4));
    let answer = cluster.run("run p.yaml --format json --force s0");
    assert!(failures(&answer)[0].1.contains("was lost with its node"));
    assert_eq!(cluster.jobs().len(), 3 + 4);
}

#[test]
fn more_memory_is_asked_for_when_that_is_wanted() {
    let text = format!("stages:\n{}", stage("s", "echo > {out.x}", ", memory: 100MiB"));
    let cluster = Cluster::new(&text, "memory_factor = 1.5\n");
    cluster.set("doom", "OUT_OF_MEMORY\nOUT_OF_MEMORY\n");
    cluster.done("run p.yaml");
    let asked: Vec<String> = cluster
        .calls("sbatch")
        .iter()
        .filter_map(|call| flag(call, "mem"))
        .collect();
    assert_eq!(asked, ["100M", "150M", "225M"]);
}

#[test]
fn a_time_out_is_tried_again_when_the_stage_has_retries() {
    let text = format!("stages:\n{}", stage("s", "echo > {out.x}", ", retries: 1"));
    let cluster = Cluster::new(&text, "");
    cluster.set("doom", "TIMEOUT\n");
    let events = cluster.done("run p.yaml --format json").events();
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::StageRetried { message, .. } if message.contains("its time was over")))
    );
}

#[test]
fn what_was_kept_is_there_after_the_node_was_lost() {
    let work = "echo x >> {keep}/n; touch $MARK; test $(wc -l < {keep}/n) -ge 2 || sleep 100; cp {keep}/n {out.x}";
    let text = format!("stages:\n{}", stage("s", work, ""));
    let cluster = Cluster::new(&text, "");
    let mark = cluster.project.path("mark");
    let mut run = cluster
        .command("run p.yaml")
        .env("MARK", &mark)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("it has begun", || mark.exists());
    cluster.set("kill-now", "NODE_FAIL");
    wait_for("it is lost", || cluster.states().contains(&"NODE_FAIL".to_owned()));
    cluster.unset("kill-now");
    assert!(run.wait().unwrap().success());
    cluster.done("get p.yaml s.x out");
    assert_eq!(fs_err::read_to_string(cluster.project.path("out")).unwrap(), "x\nx\n");
}

#[test]
fn a_run_that_is_killed_goes_on_with_its_jobs_and_submits_nothing_twice() {
    let cluster = Cluster::new(&stages(4), "");
    cluster.set("hold", "");
    let mut run = cluster.start("run p.yaml");
    wait_for("all are handed over", || {
        cluster.run("status").stdout.matches("pending").count() == 4
    });
    run.kill().unwrap();
    run.wait().unwrap();
    // One set ends while nobody looks, the others while the next run does.
    cluster.unset("hold");
    let events = cluster.done("run p.yaml --format json").events();
    assert!(ends(&events).values().all(|end| *end == "ran"));
    assert_eq!(cluster.jobs().len(), 4);
    assert!(cluster.done("log s0").stdout.contains("an earlier run submitted"));
}

#[test]
fn a_run_that_is_killed_in_the_middle_of_sbatch_submits_nothing_twice() {
    for moment in ["kill-first", "kill-after"] {
        let cluster = Cluster::new(&stages(2), "");
        cluster.set("odd-sbatch", &format!("{moment}\n"));
        assert_ne!(cluster.start("run p.yaml").wait().unwrap().code(), Some(0));
        let events = cluster.done("run p.yaml --format json").events();
        assert!(ends(&events).values().all(|end| *end == "ran"), "{moment}");
        assert_eq!(cluster.states(), ["COMPLETED"; 2], "{moment}");
    }
}

#[test]
fn what_another_user_has_submitted_is_waited_for_and_not_submitted_again() {
    let cluster = Cluster::new(&stages(2), "");
    cluster.set("hold", "").set("odd-sbatch", "kill-after\n");
    let mut first = cluster.command("run p.yaml");
    first.env("FAKE_SLURM_USER", "first").stderr(Stdio::null());
    assert_ne!(first.status().unwrap().code(), Some(0));
    let mut second = cluster.command("run p.yaml --format json");
    second.env("FAKE_SLURM_USER", "second").stdout(Stdio::piped());
    let second = second.spawn().unwrap();
    // Its own queue is empty: only among all users' jobs it finds out why they wait.
    wait_for("it has found the jobs", || {
        cluster.run("status").stdout.matches("pending (Priority)").count() == 2 || cluster.jobs().len() > 2
    });
    cluster.unset("hold");
    let answer = Answer::of(second.wait_with_output().unwrap());
    assert!(ends(&answer.events()).values().all(|end| *end == "ran"));
    assert_eq!(cluster.states(), ["COMPLETED"; 2]);
}

#[test]
fn a_queue_that_does_not_show_the_jobs_of_others_is_told_of_and_asked_again() {
    let cluster = Cluster::new(&stages(2), "");
    cluster
        .set("hold", "")
        .set("odd-sbatch", "kill-after\n")
        .set("private", "");
    let mut first = cluster.command("run p.yaml");
    first.env("FAKE_SLURM_USER", "first").stderr(Stdio::null());
    assert_ne!(first.status().unwrap().code(), Some(0));
    let mut second = cluster.command("run p.yaml --format json");
    second.env("FAKE_SLURM_USER", "second").stdout(Stdio::piped());
    let second = second.spawn().unwrap();
    wait_for("it has said what it cannot see", || {
        cluster.run("log s0").stdout.contains("Access/permission denied")
    });
    cluster.unset("private");
    cluster.unset("hold");
    let answer = Answer::of(second.wait_with_output().unwrap());
    assert!(ends(&answer.events()).values().all(|end| *end == "ran"));
    assert_eq!(cluster.states(), ["COMPLETED"; 2]);
}

#[test]
fn ctrl_c_cancels_the_jobs_and_with_detach_leaves_them() {
    let cluster = Cluster::new(&stages(2), "");
    cluster.set("hold", "");
    let interrupted = |arguments: &str, count: usize| {
        let mut run = cluster.start(arguments);
        wait_for("they are pending", || {
            cluster.states().iter().filter(|state| *state == "PENDING").count() == count
                && cluster.run("status").stdout.matches("pending").count() == 2
        });
        kill_process(Pid::from_child(&run), Signal::INT).unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(130));
    };
    interrupted("run p.yaml", 2);
    assert_eq!(cluster.states(), ["CANCELLED"; 2]);
    interrupted("run p.yaml --detach", 2);
    assert_eq!(cluster.states(), ["CANCELLED", "CANCELLED", "PENDING", "PENDING"]);
    cluster.unset("hold");
    cluster.done("run p.yaml");
    assert_eq!(cluster.states(), ["CANCELLED", "CANCELLED", "COMPLETED", "COMPLETED"]);
}

#[test]
fn what_fails_in_a_job_fails_as_here_and_a_timeout_is_kept_by_the_job() {
    let mut text = "stages:\n".to_owned();
    text += &stage("wrong", "echo no way; exit 3", "");
    text += &stage("slow", "sleep 100", ", timeout: 1s");
    let cluster = Cluster::new(&text, "");
    let there = failures(&cluster.run("run p.yaml --format json --keep-going"));
    assert!(
        there[0].1.contains("took longer than its `timeout` of 1 s"),
        "{there:?}"
    );
    assert!(
        there[1].1.contains("exit status 3") && there[1].1.contains("no way"),
        "{there:?}"
    );
}

#[test]
fn pilots_do_many_jobs_each_and_give_what_this_machine_gives() {
    let cluster = Cluster::new(&stages(8), "pilot = {allocations = 2, time = '10min'}\n");
    let there = cluster.done("run p.yaml --format json").events();
    let here = cluster
        .done("run p.yaml --format json --executor local --store here")
        .events();
    assert_eq!(digests(&there).len(), 8);
    assert_eq!(digests(&there), digests(&here));
    // A second pair comes only if the first had ended before all were ready.
    assert!(cluster.jobs().len() <= 4, "{:?}", cluster.jobs());
    assert!(cluster.done("log s3").stdout.contains("said s3"));
    let call = &cluster.calls("sbatch")[0];
    assert_eq!(flag(call, "time").as_deref(), Some("10"));
}

#[test]
fn what_a_lost_pilot_had_taken_is_put_back() {
    let work = "touch $MARK; test -e $GO || sleep 100; echo x > {out.x}";
    let text = format!("stages:\n{}", stage("s", work, ""));
    let cluster = Cluster::new(&text, "pilot = {allocations = 1, time = '10min'}\n");
    let (mark, go) = (cluster.project.path("mark"), cluster.project.path("go"));
    let mut run = cluster.command("run p.yaml");
    run.env("MARK", &mark).env("GO", &go).stderr(Stdio::null());
    let mut run = run.spawn().unwrap();
    wait_for("it has begun", || mark.exists());
    cluster.project.file("go", "");
    cluster.set("kill-now", "TIMEOUT");
    wait_for("the pilot is gone", || cluster.states().contains(&"TIMEOUT".to_owned()));
    cluster.unset("kill-now");
    assert!(run.wait().unwrap().success());
    let said = cluster.done("log s").stdout;
    assert!(
        said.contains("ended before the job was done; submitted again (1 of 3)"),
        "{said}"
    );
}

#[test]
fn pilots_of_a_run_that_was_killed_serve_the_next_one() {
    let cluster = Cluster::new(&stages(4), "pilot = {allocations = 1, time = '10min'}\n");
    cluster.set("hold", "");
    let mut run = cluster.start("run p.yaml");
    wait_for("the pilot waits", || {
        cluster.jobs().len() == 1 && cluster.run("status").stdout.matches(" as job").count() == 4
    });
    run.kill().unwrap();
    run.wait().unwrap();
    cluster.unset("hold");
    cluster.done("run p.yaml");
    assert_eq!(cluster.jobs().len(), 1);
}

#[test]
fn what_jobs_have_left_goes_with_gc_once_nobody_waits_for_it() {
    let cluster = Cluster::new(&stages(2), "pilot = {allocations = 1, time = '10min'}\n");
    cluster.done("run p.yaml");
    wait_for("the pilot has ended", || {
        cluster.states().iter().all(|state| state == "COMPLETED")
    });
    let slurm = cluster.project.path(".asm-pipe/slurm");
    let dry = cluster.done("cache gc --dry-run").stdout;
    assert!(dry.contains("(what jobs of Slurm have left)"), "{dry}");
    let removed = &cluster.done("cache gc --format json").json()["removed"];
    let names: Vec<&String> = removed["slurm"].as_object().unwrap().keys().collect();
    assert!(
        names[0].starts_with("asm-pipe-pilot-") && names[1].starts_with("queue/"),
        "{names:?}"
    );
    assert!(removed["bytes"].as_u64() >= removed["slurm"][names[1]].as_u64());
    assert_eq!(names.len(), 2);
    assert_eq!(below(&slurm), 0);
    assert!(cluster.done("cache gc").stdout.contains("there is nothing to remove"));
    cluster.done("run p.yaml --force s0 --force s1");
}

#[test]
fn gc_leaves_what_a_run_is_waiting_for() {
    let text = format!(
        "stages:\n{}",
        stage(
            "s",
            "touch $MARK; until test -e $GO; do sleep 0.05; done; echo x > {out.x}",
            ""
        )
    );
    for settings in ["", "pilot = {allocations = 1, time = '10min'}\n"] {
        let cluster = Cluster::new(&text, settings);
        let mark = cluster.project.path("mark");
        let mut run = cluster.command("run p.yaml");
        run.env("MARK", &mark)
            .env("GO", cluster.project.path("go"))
            .stderr(Stdio::null());
        let mut run = run.spawn().unwrap();
        wait_for("it has begun", || mark.exists());
        let before = below(&cluster.project.path(".asm-pipe/slurm"));
        assert!(before > 0);
        let removed = &cluster.done("cache gc --keep-runs 0 --format json").json()["removed"];
        assert_eq!(removed["slurm"], serde_json::json!({}));
        run.kill().unwrap();
        run.wait().unwrap();
        // The job goes on, and the next run with it.
        let removed = &cluster.done("cache gc --format json").json()["removed"];
        assert_eq!(removed["slurm"], serde_json::json!({}));
        cluster.project.file("go", "");
        cluster.done("run p.yaml");
        assert_eq!(cluster.jobs().len(), 1);
    }
}

/// How many files there are below a folder.
fn below(folder: &std::path::Path) -> usize {
    crate::remote::files(folder).len()
}

#[test]
fn ctrl_c_takes_back_what_pilots_have_not_done() {
    let text = format!(
        "stages:\n{}{}",
        stage("s", "touch $MARK; sleep 100; echo > {out.x}", ""),
        stage("t", "sleep 100; echo > {out.x}", "")
    );
    let cluster = Cluster::new(&text, "pilot = {allocations = 1, time = '10min'}\n");
    let mark = cluster.project.path("mark");
    let mut run = cluster.command("run p.yaml");
    let mut run = run.env("MARK", &mark).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a pilot has one", || {
        cluster.run("status").stdout.contains("running on node1")
    });
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    wait_for("the pilot is cancelled", || cluster.states() == ["CANCELLED"]);
}

#[test]
fn a_job_that_this_machine_has_taken_over_does_nothing_more() {
    let text = format!(
        "stages:\n{}",
        stage("s", "echo x >> $MARK; test -e $GO; echo x > {out.x}", "")
    );
    let cluster = Cluster::new(&text, "");
    let mark = cluster.project.path("mark");
    let start = |arguments: &str| {
        let mut command = cluster.command(arguments);
        command
            .env("MARK", &mark)
            .env("GO", cluster.project.path("go"))
            .stderr(Stdio::null());
        command.spawn().unwrap()
    };
    cluster.set("hold", "");
    let mut run = start("run p.yaml");
    wait_for("it is pending", || {
        cluster.run("status").stdout.contains("pending (Priority)")
    });
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(start("run p.yaml --executor local").wait().unwrap().code(), Some(1));
    cluster.unset("hold");
    wait_for("the job has ended", || cluster.states() == ["COMPLETED"]);
    assert_eq!(fs_err::read_to_string(&mark).unwrap(), "x\n");
}
