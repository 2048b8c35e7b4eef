//! Runs that are killed, disks that fill up, stores that are damaged: afterwards everything is as if nothing had happened.
//!
//! `cargo test` does a few of each. The long form: `ASM_PIPE_FAULTS=200 cargo test --test main faults -- --nocapture`.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use asm_pipe::random::Stream;
use asm_pipe::run::{Event, Moment};
use asm_pipe::store::Store;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Answer, Project, digests, ends};

const STAGES: usize = 60;
const RUN: &str = "run p.yaml --format json --jobs 4";

/// How many random moments to try.
fn moments(few: u64) -> u64 {
    std::env::var("ASM_PIPE_FAULTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(few)
}

/// Sixty stages, each of which reads two before it. Every tenth trains for five epochs and keeps each.
fn project() -> Project {
    let mut text = "stages:\n".to_owned();
    for at in 0..STAGES {
        let inputs: Vec<String> = [1, 7]
            .iter()
            .filter(|back| **back <= at)
            .map(|back| format!("p{back}: s{}", at - back))
            .collect();
        let read: String = [1, 7]
            .iter()
            .filter(|back| **back <= at)
            .map(|back| format!("cat {{in.p{back}}} >> {{out.x}}; "))
            .collect();
        let work = if at % 10 == 5 {
            "touch {keep}/epochs; for e in 1 2 3 4 5; do if test $(wc -l < {keep}/epochs) -lt $e; then sleep 0.02; echo $e >> {keep}/epochs; fi; done; cat {keep}/epochs >> {out.x}"
        } else {
            "sleep 0.01"
        };
        let run = format!(
            "printf 's{at} ' > {{out.x}}; {read}{work}; head -c 4000 {{out.x}} > {{out.x}}.part; mv {{out.x}}.part {{out.x}}"
        );
        text += &format!(
            "  s{at}: {{uses: command, in: {{{}}}, with: {{out: {{x: text}}, run: \"{run}\"}}}}\n",
            inputs.join(", ")
        );
    }
    let project = Project::new();
    project.file("p.yaml", text);
    project
}

/// The digests of an undisturbed run.
fn undisturbed() -> &'static BTreeMap<String, String> {
    static MADE: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = digests(&project().done(RUN).events());
        assert_eq!(made.len(), STAGES);
        made
    })
}

/// Everything that the runs of a store have told.
fn journals(project: &Project) -> Vec<Event> {
    let mut events = Vec::new();
    for run in fs_err::read_dir(project.path(".asm-pipe/runs")).unwrap() {
        let path = run.unwrap().path().join("journal.jsonl");
        let text = fs_err::read_to_string(path).unwrap_or_default();
        // The last line of a run that was killed may be cut.
        events.extend(
            text.lines()
                .filter_map(|line| serde_json::from_str::<Moment>(line).ok())
                .map(|moment| moment.what),
        );
    }
    events
}

/// The digests of all outputs that a run made or found. Not from journals: a run that is killed right after a record was written
/// has not told of it.
fn recorded(project: &Project, events: &[Event]) -> BTreeMap<String, String> {
    let store = Store::open_existing(&project.path(".asm-pipe")).unwrap().unwrap();
    let mut found = BTreeMap::new();
    for event in events {
        if let Event::StageCached { stage, key } | Event::StageFinished { stage, key, .. } = event {
            let record = store.record(&key.parse().unwrap()).unwrap().unwrap();
            let outputs = record.outputs.into_iter();
            found.extend(outputs.map(|(name, output)| (format!("{stage}.{name}"), output.digest.to_string())));
        }
    }
    found
}

/// The store is sound, all is as in an undisturbed run, and what had been finished did not run again.
fn assert_whole(project: &Project, expected: &BTreeMap<String, String>) {
    let last = project.done(RUN).events();
    assert!(ends(&last).values().all(|end| ["ran", "cached"].contains(end)));
    assert_eq!(&recorded(project, &last), expected);
    let events = journals(project);
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for event in &events {
        if let Event::StageFinished { stage, .. } = event {
            *times.entry(stage).or_default() += 1;
        }
    }
    assert!(
        times.values().all(|times| *times == 1),
        "a finished stage ran again: {times:?}"
    );
    let store = Store::open_existing(&project.path(".asm-pipe")).unwrap().unwrap();
    let found = store.verify().unwrap();
    assert!(found.is_good(), "{found:?}");
}

/// The children of a process, and theirs.
fn descendants(of: u32) -> Vec<u32> {
    let mut parents: Vec<(u32, u32)> = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = fs_err::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        parents.extend(parent.map(|parent| (pid, parent)));
    }
    let mut found = vec![of];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(
            parents
                .iter()
                .filter(|(_, other)| *other == parent)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    found.split_off(1)
}

fn kill(pid: u32) {
    // It may have ended by itself.
    let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL);
}

/// Runs, and at a random moment does something to the run.
fn disturbed(project: &Project, stream: &mut Stream, disturb: impl Fn(&Child)) {
    let mut child = project
        .command(RUN)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs_f64(stream.uniform(0.0, 1.5)));
    disturb(&child);
    child.wait().unwrap();
}

#[test]
fn a_killed_runner_leaves_all_that_it_had_finished_and_nothing_else() {
    let expected = undisturbed();
    let mut stream = Stream::new(1, "test/faults", &[]);
    for _ in 0..moments(2) {
        let project = project();
        disturbed(&project, &mut stream, |child| kill(child.id()));
        assert_whole(&project, expected);
    }
}

#[test]
fn killed_jobs_fail_by_name_of_the_signal_and_run_again() {
    let expected = undisturbed();
    let mut stream = Stream::new(2, "test/faults", &[]);
    for _ in 0..moments(2) {
        let project = project();
        disturbed(&project, &mut stream, |child| {
            descendants(child.id()).into_iter().for_each(kill);
        });
        let failed = journals(&project).into_iter().find_map(|event| match event {
            Event::StageFailed { message, .. } => Some(message),
            _ => None,
        });
        assert!(failed.is_none_or(|message| message.contains("SIGKILL") || message.contains("exit status")));
        assert_whole(&project, expected);
    }
}

#[test]
fn a_runner_killed_with_all_its_jobs_goes_on_where_it_was() {
    let expected = undisturbed();
    let mut stream = Stream::new(3, "test/faults", &[]);
    for _ in 0..moments(2) {
        let project = project();
        for _ in 0..2 {
            disturbed(&project, &mut stream, |child| {
                let jobs = descendants(child.id());
                kill(child.id());
                jobs.into_iter().for_each(kill);
            });
        }
        assert_whole(&project, expected);
    }
}

#[test]
fn eight_runners_on_one_store_make_everything_once() {
    let expected = undisturbed();
    let project = project();
    let children: Vec<Child> = (0..8).map(|_| project.start(RUN)).collect();
    for child in children {
        let answer = Answer::of(child.wait_with_output().unwrap());
        assert_eq!(answer.code, 0, "{}", answer.stdout);
    }
    assert_whole(&project, expected);
}

#[test]
fn damage_of_every_kind_is_healed_by_the_next_run() {
    let expected = undisturbed();
    let project = project();
    project.done(RUN);
    let mut stream = Stream::new(4, "test/faults", &[]);
    for round in 0..moments(6) {
        let folder = if round % 3 == 2 { "records" } else { "objects" };
        let files = files(&project.path(&format!(".asm-pipe/{folder}")));
        let path = &files[stream.below(files.len())];
        let mut bytes = fs_err::read(path).unwrap();
        fs_err::remove_file(path).unwrap();
        match round % 4 {
            0 => {
                let at = stream.below(bytes.len());
                bytes[at] ^= 1 << stream.below(8);
                fs_err::write(path, bytes).unwrap();
            }
            1 => fs_err::write(path, &bytes[..bytes.len() / 2]).unwrap(),
            2 => fs_err::write(path, "").unwrap(),
            _ => {}
        }
        let events = project.done(RUN).events();
        let known: BTreeMap<_, _> = digests(&events);
        assert!(
            known.iter().all(|(name, digest)| expected[name] == *digest),
            "{known:?}"
        );
    }
    let again = project.done(RUN).events();
    assert!(ends(&again).values().all(|end| *end == "cached"));
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for shard in fs_err::read_dir(folder).unwrap() {
        let entries = fs_err::read_dir(shard.unwrap().path()).unwrap();
        found.extend(entries.map(|entry| entry.unwrap().path()));
    }
    found.sort();
    found
}

#[test]
fn a_full_disk_is_told_as_such_and_the_store_stays_sound() {
    let project = Project::new();
    let disk = project.path("disk");
    fs_err::create_dir(&disk).unwrap();
    let mount = |arguments: &[&str]| {
        Command::new("mount")
            .args(arguments)
            .arg(&disk)
            .status()
            .is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=3m", "tmpfs"]) {
        assert!(!rustix::process::geteuid().is_root(), "root can mount");
        return;
    }
    project.file("p.yaml", "stages:\n  a: {uses: command, with: {out: {x: text}, run: 'head -c 900000 /dev/zero > {out.x}'}}\n  b: {uses: command, in: {x: a}, with: {out: {x: text}, run: 'head -c 5000000 /dev/urandom > {out.x}'}}\n");
    let answer = project.run("run p.yaml --store disk/store");
    let store = Store::open_existing(&disk.join("store")).unwrap().unwrap();
    let sound = store.verify().unwrap().is_good();
    assert!(Command::new("umount").arg("-l").arg(&disk).status().unwrap().success());
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(
        answer.stderr.to_lowercase().contains("no space left"),
        "{}",
        answer.stderr
    );
    assert!(sound);
}

#[test]
fn a_store_that_may_not_be_written_is_told_with_its_path() {
    let project = project();
    let mut command = project.command("run p.yaml --store closed/store");
    fs_err::create_dir(project.path("closed")).unwrap();
    if rustix::process::geteuid().is_root() {
        // Nobody: for root, nothing is forbidden.
        fs_err::set_permissions(project.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        command.uid(65534).gid(65534);
    } else {
        fs_err::set_permissions(
            project.path("closed"),
            std::os::unix::fs::PermissionsExt::from_mode(0o500),
        )
        .unwrap();
    }
    let answer = Answer::of(command.output().unwrap());
    assert_eq!(answer.code, 4, "{}", answer.stderr);
    assert!(
        answer.stderr.contains("closed/store") && answer.stderr.to_lowercase().contains("permission denied"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_first_interrupt_lets_jobs_end_and_a_second_one_ends_them() {
    let project = Project::new();
    project.file(
        "p.yaml",
        "stages: {a: {uses: command, with: {out: {x: text}, run: 'trap \"\" TERM; touch ROOT/begun; sleep 60 & wait; sleep 60'}}}"
            .replace("ROOT", &project.path("").display().to_string()),
    );
    let child = project.start("run p.yaml --format json");
    let end = Instant::now() + Duration::from_secs(30);
    while !project.path("begun").exists() {
        assert!(Instant::now() < end, "the job did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = Pid::from_child(&child);
    let jobs = descendants(child.id());
    kill_process(pid, Signal::INT).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    for job in jobs {
        let stat = fs_err::read_to_string(format!("/proc/{job}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}
