//! One store for a team, from outside: in a folder. What a network adds is in `remote_s3`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Answer, DATA, Project, digests, ends};

/// A folder that a team shares.
pub(crate) struct Team {
    pub(crate) folder: tempfile::TempDir,
}

impl Team {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("team")).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("team")
    }

    fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// How the stages ended, without names.
pub(crate) fn all(answer: &Answer) -> Vec<&'static str> {
    let mut ends: Vec<_> = ends(&answer.events()).into_values().collect();
    ends.dedup();
    ends
}

#[test]
fn a_run_on_a_fresh_clone_answers_from_the_remote_with_the_same_digests_and_runs_nothing() {
    let team = Team::new();
    let command = format!("run data.yaml --remote {} --format json", team.url());
    let first = Project::with_data();
    let made = first.done(&command);
    assert_eq!(all(&made), ["ran"]);
    let clone = Project::with_data();
    let fetched = clone.done(&command);
    assert_eq!(all(&fetched), ["cached"]);
    assert!(fetched.stdout.contains("stage-fetched"));
    // Said again it is answered by its seal: the remote may be gone.
    fs_err::remove_dir_all(team.path()).unwrap();
    let again = clone.done(&command);
    assert_eq!((all(&again), again.stderr.as_str()), (vec!["cached"], ""));
    let answer = &clone.done("show data.yaml batch --format json").json()[0];
    assert_eq!(
        answer["outputs"]["batch"]["digest"],
        digests(&made.events())["batch.batch"].as_str()
    );
    let host = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(answer["maker"]["host"], host.trim());
    assert!(clone.done("cache verify").stdout.contains("all is as it should be"));
}

#[test]
fn push_pull_and_status_carry_a_pipeline_to_a_clone_that_then_runs_nothing() {
    let team = Team::new();
    let remote = format!("--remote {}", team.url());
    let first = Project::with_data();
    first.file(
        "other.yaml",
        DATA.replace("name: data", "name: other")
            .replace("images: 8", "images: 9"),
    );
    first.done("run data.yaml");
    first.done("run other.yaml");
    let pushed = first
        .done(&format!("cache push data.yaml {remote} --format json"))
        .json();
    assert_eq!(pushed["sent"].as_object().unwrap().len(), 3);
    let text = first.done(&format!("cache push data.yaml {remote}")).stdout;
    assert!(
        text.contains("sent 0 records with 0 objects") && text.contains("3 there already"),
        "{text}"
    );
    let status = first.done(&format!("cache status {remote} --format json")).json();
    assert_eq!(
        (&status["records"]["both"], &status["records"]["only_here"]),
        (&3.into(), &3.into())
    );
    let clone = Project::with_data();
    let status = clone
        .done(&format!("cache status data.yaml {remote} --format json"))
        .json();
    assert_eq!(
        (&status["records"]["only_there"], &status["records"]["unknown"]),
        (&3.into(), &0.into())
    );
    assert!(!clone.path(".asm-pipe").exists(), "a look leaves no trace");
    let text = clone.done(&format!("cache pull data.yaml {remote}")).stdout;
    assert!(text.contains("fetched 3 records"), "{text}");
    assert_eq!(all(&clone.done("run data.yaml --format json")), ["cached"]);
    first.done(&format!("cache push {remote}"));
    let pulled = clone.done(&format!("cache pull {remote} --format json")).json();
    assert_eq!(pulled["pulled"]["taken"].as_object().unwrap().len(), 3);
    assert_eq!(pulled["pulled"]["present"].as_object().unwrap().len(), 3);
    // What was pulled is wanted like what was made.
    let kept = clone.done("cache gc --keep-runs 1 --format json").json();
    assert_eq!(kept["garbage"]["records"], 0, "{kept}");
    let text = clone.done(&format!("cache status {remote}")).stdout;
    assert!(text.contains("here and there  6"), "{text}");
}

#[test]
fn plan_and_explain_tell_what_the_remote_has_and_take_nothing_of_it() {
    let team = Team::new();
    let remote = format!("--remote {}", team.url());
    let first = Project::with_data();
    first.done(&format!("run data.yaml --target split {remote}"));
    let clone = Project::with_data();
    let would = |command: &str| {
        let answer = clone.done(command).json();
        let stages = answer.as_array().unwrap().iter();
        let would = stages.map(|stage| stage["forecast"]["would"].as_str().unwrap().to_owned());
        would.collect::<Vec<String>>()
    };
    assert_eq!(would("plan data.yaml --format json"), ["run", "after", "after"]);
    for command in ["plan", "explain"] {
        let command = format!("{command} data.yaml {remote} --format json");
        assert_eq!(would(&command), ["remote", "remote", "run"], "{command}");
    }
    // The project's remote counts, unless it is switched off.
    clone.file("asm-pipe.toml", format!("[remote]\nurl = '{}'\n", team.url()));
    let text = clone.done("plan data.yaml").stdout;
    assert!(
        text.starts_with("remote  source") && text.contains("1 to run, 0 perhaps, 0 cached, 2 on the remote"),
        "{text}"
    );
    let text = clone.done("explain data.yaml").stdout;
    assert!(
        text.starts_with("remote   source") && text.contains("by run "),
        "{text}"
    );
    assert!(
        clone
            .done("plan data.yaml --remote-mode off")
            .stdout
            .starts_with("run ")
    );
    assert!(!clone.path(".asm-pipe").exists(), "a look leaves no trace");
    // Without the remote it goes on, unless that is not wanted.
    fs_err::write(team.path().join("asm-pipe-remote"), "99\n").unwrap();
    let answer = clone.done("plan data.yaml");
    assert!(answer.stdout.contains("3 to run"), "{}", answer.stdout);
    assert_eq!(answer.stderr.matches("warning").count(), 1, "{}", answer.stderr);
    assert_eq!(clone.run("explain data.yaml --require-remote").code, 4);
}

#[test]
fn a_pull_says_what_is_not_there_and_a_run_makes_the_rest() {
    let team = Team::new();
    let remote = format!("--remote {}", team.url());
    let first = Project::with_data();
    first.done(&format!("run data.yaml --target source {remote}"));
    let clone = Project::with_data();
    let answer = clone.done(&format!("cache pull data.yaml {remote}"));
    assert!(answer.stdout.contains("fetched 1 record"), "{}", answer.stdout);
    assert!(answer.stderr.contains("not there: `split`"), "{}", answer.stderr);
    let ends = ends(&clone.done("run data.yaml --format json").events());
    assert_eq!((ends["source"], ends["split"]), ("cached", "ran"));
}

#[test]
fn the_project_file_names_the_remote_and_the_mode() {
    let team = Team::new();
    let project = Project::with_data();
    project.file(
        "asm-pipe.toml",
        format!("[remote]\nurl = '{}'\nmode = 'read-only'\n", team.url()),
    );
    let said = project.done("run data.yaml").stderr;
    let told = format!("asm-pipe.toml` sets the remote `{}`", team.url());
    assert!(said.contains(&told), "{said}");
    assert_eq!(files(&team.path()).len(), 0, "only read");
    let answer = project.run("cache push");
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("is only read"), "{}", answer.stderr);
    project.done("cache push --remote-mode read-write");
    assert!(files(&team.path().join("records")).len() == 3);
    let clone = Project::with_data();
    clone.file("asm-pipe.toml", format!("[remote]\nurl = '{}'\n", team.url()));
    let mut command = clone.command("run data.yaml --format json");
    command.env("ASM_PIPE_REMOTE_MODE", "off");
    let answer = Answer::of(command.output().unwrap());
    assert_eq!((all(&answer), answer.stderr.as_str()), (vec!["ran"], ""));
    let other = clone.done(&format!("run data.yaml --quiet --remote {}/", team.url()));
    assert_eq!(other.stderr, "");
}

#[test]
fn a_remote_that_is_not_there_is_one_warning_unless_it_is_required() {
    let project = Project::with_data();
    let remote = "--remote file:///no/such/team";
    let answer = project.done(&format!("run data.yaml {remote}"));
    assert_eq!(answer.stderr.matches("warning").count(), 1, "{}", answer.stderr);
    assert!(
        answer.stderr.contains("file:///no/such/team` does not exist"),
        "{}",
        answer.stderr
    );
    assert_eq!(
        project
            .run(&format!("run data.yaml --force split --require-remote {remote}"))
            .code,
        4
    );
    for command in ["pull", "status"] {
        assert_eq!(project.run(&format!("cache {command} {remote}")).code, 4, "{command}");
    }
    let answer = project.run("cache status");
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("no remote is named"), "{}", answer.stderr);
}

#[test]
fn a_push_makes_the_folder_of_a_team() {
    let team = Team::new();
    let project = Project::with_data();
    project.done("run data.yaml");
    project.done(&format!("cache push --remote {}/deeper/store", team.url()));
    assert!(team.path().join("deeper/store/asm-pipe-remote").exists());
}

#[test]
fn what_is_damaged_on_the_remote_is_refused_by_pull_and_made_anew_by_a_run() {
    let team = Team::new();
    let remote = format!("--remote {}", team.url());
    let first = Project::with_data();
    let made = digests(&first.done(&format!("run data.yaml {remote} --format json")).events());
    let digest = &made["batch.batch"];
    let path = team.path().join("objects").join(&digest[..2]).join(&digest[2..]);
    let good = fs_err::read(&path).unwrap();
    let mut bad = good.clone();
    bad[0] ^= 1;
    fs_err::write(&path, &bad).unwrap();
    let clone = Project::with_data();
    let answer = clone.run(&format!("cache pull data.yaml {remote}"));
    assert_eq!(answer.code, 4);
    assert!(
        answer.stderr.contains("`batch` is refused") && answer.stderr.contains("is damaged"),
        "{}",
        answer.stderr
    );
    let answer = clone.done(&format!("run data.yaml {remote} --format json"));
    assert_eq!(ends(&answer.events())["batch"], "ran");
    assert_eq!(fs_err::read(&path).unwrap(), good, "sent anew");
    assert!(clone.done("cache verify").stdout.contains("all is as it should be"));
}

#[test]
fn a_run_that_is_interrupted_waits_for_no_server_that_never_answers() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let project = Project::with_data();
    let mut command = project.command("run data.yaml --remote s3://team/x --format json");
    command
        .env("AWS_ENDPOINT_URL", format!("http://{}", server.local_addr().unwrap()))
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stdout(Stdio::piped());
    let mut run = command.spawn().unwrap();
    // It has asked, and will hear nothing.
    let (mut asked, _) = server.accept().unwrap();
    assert!(asked.read(&mut [0; 16]).unwrap() > 0);
    let signalled = Command::new("kill").args(["-INT", &run.id().to_string()]).status();
    assert!(signalled.unwrap().success());
    let mut said = String::new();
    run.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains(r#""because":"interrupted""#), "{said}");
    assert!(!said.contains("no answer"), "{said}");
}

/// Answers every request with a refusal in which all stands that was sent.
fn talkative_server() -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", server.local_addr().unwrap());
    std::thread::spawn(move || {
        for (at, stream) in server.incoming().map_while(Result::ok).enumerate() {
            let mut stream = BufReader::new(stream);
            let mut request = String::new();
            while stream.read_line(&mut request).is_ok_and(|count| count > 2) {}
            let status = ["400 Bad Request", "403 Forbidden", "401 Unauthorized"][at % 3];
            let sent = request.replace(['\r', '\n'], " ");
            let length = sent.len();
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
            let _ = stream.get_mut().write_all((head + &sent).as_bytes());
        }
    });
    address
}

#[test]
fn what_a_server_repeats_of_the_credentials_is_written_nowhere() {
    let endpoint = talkative_server();
    let project = Project::with_data();
    let mut said = String::new();
    for arguments in [
        "run data.yaml --remote s3://team/x",
        "run data.yaml --remote s3://team/x --force split --format json",
        "run data.yaml --remote s3://team/x -S images=9 --require-remote",
        "cache push --remote s3://team/x",
        "cache pull --remote s3://team/x --format json",
        "cache status --remote s3://team/x",
        "plan data.yaml --remote s3://team/x",
        "explain data.yaml --remote s3://team/x --format json --require-remote",
    ] {
        let mut command = project.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "AKIAHUNTER2")
            .env("AWS_SECRET_ACCESS_KEY", "hunter2-the-secret")
            .env("AWS_SESSION_TOKEN", "hunter2-the-token");
        let answer = Answer::of(command.output().unwrap());
        said += &(answer.stdout + &answer.stderr);
    }
    assert!(
        said.contains("the server answers 400 Bad Request") && said.contains("denies access"),
        "{said}"
    );
    let mut written = vec![("what was said".to_owned(), said)];
    for path in files(&project.path("")) {
        let bytes = fs_err::read(&path).unwrap();
        written.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(written.iter().any(|(name, _)| name.ends_with("journal.jsonl")));
    for (name, text) in written {
        assert!(!text.to_lowercase().contains("hunter2"), "{name}: {text}");
    }
}

#[test]
fn a_secret_in_a_url_is_refused_and_repeated_nowhere() {
    for url in [
        "s3://AKIAEXAMPLE:hunter2hunter2@team/x",
        "az://team/x?sig=hunter2hunter2",
    ] {
        let project = Project::with_data();
        for command in [
            "run data.yaml",
            "cache push",
            "cache pull",
            "cache status",
            "plan data.yaml",
            "explain data.yaml --format json",
            "run data.yaml --format json",
        ] {
            if command == "cache push" {
                project.done("run data.yaml");
            }
            let answer = project.run(&format!("{command} --remote {url}"));
            assert_eq!(answer.code, 2, "{command}: {}", answer.stderr);
            let said = answer.stdout + &answer.stderr;
            assert!(!said.contains("hunter2"), "{said}");
        }
        for path in files(&project.path("")) {
            let bytes = fs_err::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("hunter2"), "{}", path.display());
        }
    }
}
