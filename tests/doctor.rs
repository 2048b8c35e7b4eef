//! `doctor` from outside: what it finds, that it changes nothing, and how it ends.
//!
//! The program is put where no provider lies beside it, and sees no other program than those that a test gives it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::remote::files;
use crate::support::{Answer, Project};

const PROVIDER: &str = r#"case $1 in
describe) echo '{"format": 1, "kinds": [], "about": true}' ;;
about) echo '{"version": "7", "facts": {"devices": "cpu, abacus"}, "concerns": [{"said": "it is slow", "hint": "wait"}]}' ;;
esac"#;

/// A project, and the program in a folder of its own.
struct Clinic {
    project: Project,
    program: tempfile::TempDir,
}

impl Clinic {
    /// With one provider that is well.
    fn new() -> Self {
        let clinic = Self::bare();
        clinic.script("asm-pipe-fake", PROVIDER);
        clinic
    }

    fn bare() -> Self {
        let program = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let place = program.path().join("asm-pipe");
        if fs_err::hard_link(env!("CARGO_BIN_EXE_asm-pipe"), &place).is_err() {
            fs_err::copy(env!("CARGO_BIN_EXE_asm-pipe"), &place).unwrap();
        }
        let project = Project::new();
        fs_err::create_dir(project.path("bin")).unwrap();
        for folder in [program.path(), &project.path("")] {
            fs_err::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
        }
        Self { project, program }
    }

    /// Puts a program on PATH. It can use what the shell itself can do.
    fn script(&self, name: &str, text: &str) -> &Self {
        let path = format!("bin/{name}");
        self.project.file(&path, format!("#!/bin/sh\n{text}\n"));
        let path = self.project.path(&path);
        fs_err::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    /// A Slurm with a partition `cpu` and an account `lab`. What `sbatch` is called with is written down.
    fn slurm(&self) -> &Self {
        let calls = self.project.path("calls").display().to_string();
        self.script("sbatch", &format!("echo \"$*\" >> '{calls}'; echo slurm 23.11.4"))
            .script("scontrol", "echo 'Slurmctld(primary) at head is UP'")
            .script("sinfo", "echo 'cpu|up|idle|node1|a'; echo 'cpu|up|mixed|node2|a'")
            .script("sacctmgr", "echo lab")
            .script("squeue", "")
            .script("scancel", "")
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(self.program.path().join("asm-pipe"));
        command.current_dir(self.project.path("")).stdin(Stdio::null());
        command.env_clear().env("PATH", self.project.path("bin"));
        command.args(arguments.split_whitespace());
        command
    }

    fn run(&self, arguments: &str) -> Answer {
        Answer::of(self.command(arguments).output().unwrap())
    }

    fn found(&self, arguments: &str) -> Found {
        Found::of(&self.run(&format!("doctor --format json {arguments}")))
    }
}

/// What was found, by section and name.
#[derive(Debug)]
struct Found {
    code: i32,
    findings: BTreeMap<String, Vec<Value>>,
}

impl Found {
    fn of(answer: &Answer) -> Self {
        let said = answer.json();
        let mut findings: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for finding in said["findings"].as_array().unwrap() {
            let name = ["section", "name"]
                .map(|part| finding[part].as_str().unwrap())
                .join(": ");
            findings.entry(name).or_default().push(finding.clone());
        }
        let problems = findings
            .values()
            .flatten()
            .filter(|finding| finding["level"] == "problem");
        assert_eq!(said["problems"], problems.count());
        assert_eq!(said["good"], answer.code == 0, "{}", answer.stdout);
        Self {
            code: answer.code,
            findings,
        }
    }

    /// The names of what is not as it should be.
    fn wrong(&self) -> Vec<&str> {
        let is_wrong = |all: &&(&String, &Vec<Value>)| all.1.iter().any(|finding| finding["level"] != "ok");
        let all: Vec<(&String, &Vec<Value>)> = self.findings.iter().collect();
        all.iter().filter(is_wrong).map(|(name, _)| name.as_str()).collect()
    }

    fn one(&self, name: &str) -> &Value {
        let all = self.findings.get(name).unwrap_or_else(|| panic!("{name}: {self:#?}"));
        assert_eq!(all.len(), 1, "{all:?}");
        &all[0]
    }

    fn said(&self, name: &str) -> &str {
        self.one(name)["said"].as_str().unwrap()
    }

    fn is_problem(&self, name: &str) -> &Value {
        let finding = self.one(name);
        assert_eq!(
            (self.code, finding["level"].as_str()),
            (4, Some("problem")),
            "{self:#?}"
        );
        assert!(
            finding["hint"].as_str().is_some_and(|hint| !hint.is_empty()),
            "{finding}"
        );
        finding
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
}

#[test]
fn where_all_is_well_it_says_so_and_leaves_everything_as_it_was() {
    let clinic = Clinic::new();
    let before = names(&clinic.project.path(""));
    let found = clinic.found("");
    // Whether there is room and memory is the machine's affair.
    let is_of_machine = |name: &&str| ["store: file system", "store: space", "program: memory"].contains(name);
    let mut wrong = found.wrong();
    wrong.retain(|name| !is_of_machine(name));
    assert_eq!((found.code, wrong), (0, vec!["providers: asm-pipe-fake"]), "{found:#?}");
    assert!(found.said("store: place").contains("there is none yet"));
    assert!(found.said("store: locks").contains("keeps others out"));
    assert_eq!(found.said("providers: devices"), "cpu, abacus");
    assert_eq!(found.findings["providers: asm-pipe-fake"][1]["said"], "it is slow");
    assert_eq!(names(&clinic.project.path("")), before);
    let text = clinic.run("doctor");
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    for part in [
        "program\n",
        "project file\n",
        "providers\n",
        "store\n",
        "slurm\n",
        "remote\n",
        "hint: wait\n",
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    assert!(text.stdout.contains("\nno problems, "), "{}", text.stdout);
}

#[test]
fn providers_that_are_not_there_or_do_not_start_are_problems() {
    let clinic = Clinic::bare();
    let found = clinic.found("");
    let hint = found.is_problem("providers: none")["hint"].as_str().unwrap();
    assert!(hint.contains("ASM_PIPE_PROVIDERS"), "{hint}");
    clinic.script(
        "asm-pipe-torch",
        "echo 'error while loading shared libraries: libtorch_cpu.so: cannot open' >&2; exit 127",
    );
    let found = clinic.found("");
    let hint = found.is_problem("providers: asm-pipe-torch")["hint"].as_str().unwrap();
    assert!(hint.contains("LD_LIBRARY_PATH"), "{hint}");
}

#[test]
fn a_project_file_that_is_wrong_is_a_problem_and_the_rest_is_looked_at() {
    let clinic = Clinic::new();
    clinic.project.file("asm-pipe.toml", "jobs = 2\nstroe = 'x'\n");
    assert_eq!(clinic.run("runs").code, 3);
    let found = clinic.found("");
    let said = found.is_problem("project file: file")["said"].as_str().unwrap();
    assert!(
        said.contains("asm-pipe.toml") && said.contains("line 2") && said.contains("stroe"),
        "{said}"
    );
    assert!(found.said("store: place").contains("there is none yet"));
}

#[test]
fn a_place_that_is_no_store_or_may_not_be_written_is_a_problem() {
    let clinic = Clinic::new();
    clinic.project.file("mine/file", "mine");
    let found = clinic.found("--store mine");
    assert!(
        found.is_problem("store: place")["said"]
            .as_str()
            .unwrap()
            .contains("mine")
    );
    assert_eq!(names(&clinic.project.path("mine")).len(), 1);

    clinic
        .project
        .file("p.yaml", "stages: {s: {uses: shapes, with: {images: 1}}}");
    let run = clinic.run("run p.yaml");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let found = clinic.found("");
    assert_eq!(found.code, 0, "{found:#?}");
    assert!(found.said("store: size").contains("1 records"), "{found:#?}");
    let objects = clinic.project.path(".asm-pipe/objects");
    fs_err::set_permissions(&objects, PermissionsExt::from_mode(0o555)).unwrap();
    let mut command = clinic.command("doctor --format json");
    if rustix::process::geteuid().is_root() {
        // Nobody: for root, nothing is forbidden.
        command.uid(65534).gid(65534);
    }
    let found = Found::of(&Answer::of(command.output().unwrap()));
    let said = found.is_problem("store: writing")["said"].as_str().unwrap();
    assert!(said.contains(".asm-pipe/"), "{said}");
    fs_err::set_permissions(&objects, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn slurm_is_asked_for_what_the_project_file_wants_and_given_no_job() {
    let clinic = Clinic::new();
    clinic.slurm();
    let set = |partition: &str, account: &str| {
        let text = format!("executor = 'slurm'\n[slurm]\npartition = '{partition}'\naccount = '{account}'\n");
        clinic.project.file("asm-pipe.toml", text);
    };
    set("cpu", "lab");
    let found = clinic.found("");
    assert_eq!(found.code, 0, "{found:#?}");
    assert!(found.said("slurm: controller").contains("is UP"));
    assert!(found.said("slurm: partition").contains("2 of 2 nodes"));
    set("gpu", "lab");
    let found = clinic.found("");
    assert!(
        found.is_problem("slurm: partition")["hint"]
            .as_str()
            .unwrap()
            .contains("cpu")
    );
    set("cpu", "other");
    assert!(
        clinic.found("").is_problem("slurm: account")["said"]
            .as_str()
            .unwrap()
            .contains("`other`")
    );
    let calls = fs_err::read_to_string(clinic.project.path("calls")).unwrap();
    assert_eq!(calls, "--version\n".repeat(3));
}

#[test]
fn a_slurm_that_does_not_answer_is_a_problem_only_where_runs_go_there() {
    let clinic = Clinic::new();
    clinic.slurm();
    clinic.script("scontrol", "echo 'Slurmctld(primary) at head is DOWN'; exit 1");
    let found = clinic.found("--executor slurm");
    assert!(
        found.is_problem("slurm: controller")["said"]
            .as_str()
            .unwrap()
            .contains("DOWN")
    );
    let found = clinic.found("--executor local");
    assert_eq!(
        (found.code, found.one("slurm: controller")["level"].as_str()),
        (0, Some("warning"))
    );
    let none = Clinic::new();
    let found = none.found("--executor slurm");
    assert!(
        found.is_problem("slurm: programs")["said"]
            .as_str()
            .unwrap()
            .contains("sbatch")
    );
}

#[test]
fn a_remote_is_written_only_if_it_may_be_and_is_as_empty_afterwards() {
    let clinic = Clinic::new();
    let team = clinic.project.path("team");
    fs_err::create_dir(&team).unwrap();
    let url = format!("file://{}", team.display());
    let found = clinic.found(&format!("--remote {url}"));
    assert_eq!(found.code, 0, "{found:#?}");
    assert!(found.said("remote: reading").contains("nothing was ever sent"));
    assert!(found.said("remote: writing").contains("removed"));
    let found = clinic.found(&format!("--remote {url} --remote-mode read-only"));
    assert_eq!((found.code, found.findings.contains_key("remote: writing")), (0, false));
    assert!(files(&team).is_empty(), "{:?}", files(&team));
    let found = clinic.found(&format!("--remote {url}/absent"));
    assert!(
        found.is_problem("remote: reading")["said"]
            .as_str()
            .unwrap()
            .contains("does not exist")
    );
    assert!(!team.join("absent").exists());
}

#[test]
fn no_credential_is_shown() {
    let clinic = Clinic::new();
    clinic
        .project
        .file("asm-pipe.toml", "[remote]\nurl = 's3://key:hunter2@lab/x'\n");
    for format in ["human", "json"] {
        let mut command = clinic.command(&format!("doctor --format {format}"));
        command
            .env("AWS_SECRET_ACCESS_KEY", "hunter2")
            .env("ASM_PIPE_REMOTE", "s3://key:hunter2@lab/x");
        let answer = Answer::of(command.output().unwrap());
        assert_eq!(answer.code, 4, "{}", answer.stdout);
        assert!(answer.stdout.contains("must not hold a user"), "{}", answer.stdout);
        assert!(!(answer.stdout + &answer.stderr).contains("hunter2"));
    }
}
