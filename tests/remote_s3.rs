//! One store for a team on a server that speaks S3's protocol, with what a network and a server can do. Ignored unless asked for, for
//! the server is fetched first: `make test` does that.

use crate::remote::{all, files};
use crate::support::s3::{Server, Wire};
use crate::support::{DATA, Project, ends};

/// Two parts of a multipart upload and a bit, and a small file behind it.
const LARGE: &str = r#"
stages:
  small: {uses: command, with: {run: "echo abc > {out.text}", out: {text: text}}}
  large: {uses: command, in: {text: small}, with: {run: "cat {in.text} > {out.text}; seq 1 2600000 >> {out.text}", out: {text: text}}}
"#;

fn project(text: &str) -> Project {
    let project = Project::new();
    project.file("p.yaml", text);
    project
}

#[test]
#[ignore = "needs moto's server"]
fn push_pull_and_read_through_answer_a_fresh_clone_from_s3() {
    let mut server = Server::start();
    let remote = "--remote s3://team/lab/store";
    let first = project(LARGE);
    first.done("run p.yaml");
    let pushed = server
        .done(&first, &format!("cache push {remote} --format json"))
        .json();
    assert_eq!(pushed["objects"]["count"], 2);
    assert!(pushed["objects"]["bytes"].as_u64().unwrap() > 2 * (8 << 20));
    let names = server.list("");
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("lab/store/")), "{names:?}");
    let again = server.done(&first, &format!("cache push {remote}")).stdout;
    assert!(again.contains("sent 0 records with 0 objects"), "{again}");
    let status = server
        .done(&first, &format!("cache status {remote} --format json"))
        .json();
    assert_eq!(
        (&status["records"]["both"], &status["objects"]["count"]),
        (&2.into(), &2.into())
    );
    let puller = project(LARGE);
    server.done(&puller, &format!("cache pull p.yaml {remote}"));
    assert_eq!(all(&puller.done("run p.yaml --format json")), ["cached"]);
    let reader = project(LARGE);
    let read = server.done(&reader, &format!("run p.yaml {remote} --format json"));
    assert_eq!(all(&read), ["cached"]);
    for clone in [&puller, &reader] {
        assert!(clone.done("cache verify").stdout.contains("all is as it should be"));
    }
}

#[test]
#[ignore = "needs moto's server"]
fn what_a_run_makes_is_sent_and_a_damaged_object_is_refused_and_healed() {
    let mut server = Server::start();
    let run = "run p.yaml --remote s3://team/a --format json";
    assert_eq!(all(&server.done(&project(DATA), run)), ["ran"]);
    for name in server.list("a/objects/") {
        server.put(&name, "damaged");
    }
    let clone = project(DATA);
    let answer = server.done(&clone, run);
    assert_eq!(all(&answer), ["ran"]);
    assert!(
        answer.stdout.contains("is refused") && answer.stdout.contains("is damaged"),
        "{}",
        answer.stdout
    );
    assert!(clone.done("cache verify").stdout.contains("all is as it should be"));
    let third = server.done(&project(DATA), run);
    assert_eq!(all(&third), ["cached"], "{}", third.stdout);
}

#[test]
#[ignore = "needs moto's server"]
fn a_push_that_is_cut_leaves_no_record_and_goes_on_with_what_is_not_there() {
    let mut server = Server::start();
    let wire = Wire::to(&server);
    let first = project(LARGE);
    first.done("run p.yaml");
    let push = "cache push --remote s3://team/cut --format json";
    // Within the second part of the large file.
    wire.cut_after(12 << 20);
    let answer = server.run_by(&first, push, &wire.endpoint, &server.secret);
    assert_eq!(answer.code, 4, "{}", answer.stderr);
    assert!(wire.cuts() > 0);
    assert!(answer.stdout.contains("say it again"), "{}", answer.stdout);
    let large = &first.done("show p.yaml large --format json").json()[0];
    let digest = large["outputs"]["text"]["digest"].as_str().unwrap().to_owned();
    let name = format!("cut/objects/{}/{}", &digest[..2], &digest[2..]);
    let names = server.list("cut/");
    assert!(!names.contains(&name), "{names:?}");
    let key = large["key"].as_str().unwrap();
    assert!(
        !names.iter().any(|name| name.contains(key)),
        "no record without its objects: {names:?}"
    );
    let there = names.iter().filter(|name| name.contains("/objects/")).count();
    wire.mend();
    let pushed = server.run_by(&first, push, &wire.endpoint, &server.secret);
    assert_eq!(pushed.code, 0, "{}", pushed.stdout);
    assert_eq!(pushed.json()["objects"]["count"], 2 - there);
    let clone = project(LARGE);
    assert_eq!(
        all(&server.done(&clone, "run p.yaml --remote s3://team/cut --format json")),
        ["cached"]
    );
}

#[test]
#[ignore = "needs moto's server"]
fn a_run_whose_connection_is_cut_ends_well_and_says_what_was_not_sent() {
    let mut server = Server::start();
    let wire = Wire::to(&server);
    let first = project(LARGE);
    wire.cut_after(1 << 20);
    let run = "run p.yaml --remote s3://team/torn --format json";
    let answer = server.run_by(&first, run, &wire.endpoint, &server.secret);
    assert_eq!(answer.code, 0, "{}", answer.stdout);
    assert_eq!(ends(&answer.events())["large"], "ran");
    assert!(answer.stdout.contains("not sent to the remote"), "{}", answer.stdout);
    assert!(answer.stdout.contains("cache push"), "{}", answer.stdout);
    let large = &first.done("show p.yaml large --format json").json()[0];
    let key = large["key"].as_str().unwrap();
    assert!(!server.list("torn/records/").iter().any(|name| name.contains(key)));
}

#[test]
#[ignore = "needs moto's server"]
fn wrong_credentials_are_told_once_and_the_run_goes_on_without() {
    let server = Server::start();
    let wrong = "not-the-secret-of-this-key";
    let member = project(DATA);
    let answer = server.run_by(&member, "run p.yaml --remote s3://team/x", &server.endpoint, wrong);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(
        answer.stderr.matches("denies access; the run goes on").count(),
        1,
        "{}",
        answer.stderr
    );
    for command in ["push", "pull", "status"] {
        let answer = server.run_by(
            &member,
            &format!("cache {command} --remote s3://team/x"),
            &server.endpoint,
            wrong,
        );
        assert_eq!(answer.code, 4, "{command}: {}", answer.stderr);
        assert!(
            answer.stderr.contains("`s3://team/x` denies access"),
            "{}",
            answer.stderr
        );
        assert!(answer.stderr.contains("AWS_ACCESS_KEY_ID"), "{}", answer.stderr);
    }
    let strict = "run p.yaml --force split --require-remote --remote s3://team/x";
    let fresh = project(DATA);
    assert_eq!(server.run_by(&fresh, strict, &server.endpoint, wrong).code, 4);
}

#[test]
#[ignore = "needs moto's server"]
fn a_bucket_that_does_not_exist_and_a_server_that_does_not_answer_are_told_as_such() {
    let server = Server::start();
    let member = project(DATA);
    let answer = server.run(&member, "cache status --remote s3://no-such-bucket/x");
    assert_eq!(answer.code, 4);
    assert!(
        answer.stderr.contains("`s3://no-such-bucket/x` does not exist"),
        "{}",
        answer.stderr
    );
    // A port that nobody listens at: this process had it, and gave it back.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let endpoint = format!("http://{nobody}");
    let answer = server.run_by(&member, "run p.yaml --remote s3://team/x", &endpoint, &server.secret);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(
        answer.stderr.matches("cannot be used: Connection refused").count(),
        2,
        "asked and sent: {}",
        answer.stderr
    );
}

#[test]
#[ignore = "needs moto's server"]
fn two_writers_at_once_leave_a_remote_that_is_whole() {
    let server = Server::start();
    let other = DATA.replace("images: 8", "images: 12");
    std::thread::scope(|scope| {
        for text in [DATA, DATA, &other] {
            let server = &server;
            scope.spawn(move || {
                let answer = server.done(&project(text), "run p.yaml --remote s3://team/two --format json");
                assert!(!answer.stdout.contains("remote-warned"), "{}", answer.stdout);
            });
        }
    });
    for text in [DATA, &other] {
        let clone = project(text);
        let answer = server.done(
            &clone,
            "run p.yaml --remote s3://team/two --remote-mode read-only --format json",
        );
        assert_eq!(all(&answer), ["cached"], "{}", answer.stdout);
        assert!(clone.done("cache verify").stdout.contains("all is as it should be"));
    }
}

#[test]
#[ignore = "needs moto's server"]
fn no_secret_is_written_anywhere() {
    let mut server = Server::start();
    let member = project(DATA);
    let (endpoint, secret) = (server.endpoint.clone(), server.secret.clone());
    let nobody = "http://127.0.0.1:9";
    let mut said = String::new();
    for (arguments, endpoint, secret) in [
        (
            "run p.yaml --remote s3://team/s --format json",
            &endpoint[..],
            &secret[..],
        ),
        ("run p.yaml --remote s3://team/s", &endpoint, &secret),
        (
            "run p.yaml --remote s3://team/s --force split",
            &endpoint,
            "a-secret-that-is-wrong",
        ),
        (
            "run p.yaml -S images=9 --remote s3://team/s",
            &endpoint,
            "a-secret-that-is-wrong",
        ),
        (
            "run p.yaml -S images=10 --remote s3://team/s --format json",
            nobody,
            &secret,
        ),
        ("cache push --remote s3://team/s", &endpoint, &secret),
        ("cache push --remote s3://team/t", &endpoint, "a-secret-that-is-wrong"),
        ("cache pull --remote s3://team/s --format json", &endpoint, &secret),
        ("cache status --remote s3://team/s", nobody, &secret),
        ("show p.yaml batch", &endpoint, &secret),
        ("cache export archive", &endpoint, &secret),
    ] {
        let answer = server.run_by(&member, arguments, endpoint, secret);
        said += &(answer.stdout + &answer.stderr);
    }
    let mut written: Vec<(String, String)> = vec![("what was said".to_owned(), said)];
    for path in files(&member.path("")) {
        let bytes = fs_err::read(&path).unwrap();
        written.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    for name in server.list("") {
        let text = server.get(&name);
        written.push((name, text));
    }
    let journals = written
        .iter()
        .filter(|(name, _)| name.ends_with("journal.jsonl"))
        .count();
    let remote = written
        .iter()
        .filter(|(name, _)| name.starts_with("s/records/"))
        .count();
    assert!(
        journals >= 5 && remote >= 3,
        "everything was looked at: {journals} journals, {remote} records"
    );
    for (name, text) in written {
        for secret in [&server.secret[..], &server.key, "a-secret-that-is-wrong"] {
            assert!(!text.contains(secret), "{name} holds {secret}");
        }
    }
}
