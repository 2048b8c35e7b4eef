//! `asm-pipe serve` as a browser meets it: over a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;

use crate::support::Project;

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(project: &Project) -> Self {
        let mut process = project.start("serve --port 0 --format json");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = told["address"].as_str().unwrap();
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { process, address }
    }

    /// What a request line with a host is answered with: head and body.
    fn ask(&self, request: &str, host: &str) -> (String, String) {
        let mut peer = TcpStream::connect(&self.address).unwrap();
        write!(peer, "{request} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut text = String::new();
        peer.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn json(&self, path: &str) -> serde_json::Value {
        let (head, body) = self.ask(&format!("GET {path}"), &self.address);
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        serde_json::from_str(&body).unwrap()
    }

    fn status(&self, request: &str) -> String {
        let (head, _) = self.ask(request, &self.address);
        head.split(' ').nth(1).unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn runs_are_shown_with_their_stages_graphs_and_logs() {
    let project = Project::with_data();
    project.file(
        "talk.yaml",
        "stages:\n  talk: {uses: command, with: {run: \"echo said; echo x > {out.text}\", out: {text: text}}}\n",
    );
    project.done("run data.yaml");
    project.done("run talk.yaml");
    let server = Server::start(&project);
    let (head, page) = server.ask("GET /", &server.address);
    assert!(
        page.contains("<h1>Runs</h1>") && head.contains("default-src 'none'"),
        "{head}"
    );

    let runs = server.json("/api/runs");
    let runs: Vec<&str> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["id"].as_str().unwrap())
        .collect();
    assert_eq!(runs.len(), 2);
    let view = server.json(&format!("/api/runs/{}", runs[1]));
    assert_eq!(view["boxes"]["data/source"]["ran"], 1);
    assert_eq!(view["status"]["state"]["state"], "finished");
    let graphs = server.json(&format!("/api/runs/{}/graphs", runs[1]));
    assert_eq!(graphs[0][0], "data");
    assert!(graphs[0][1].as_str().unwrap().contains("data-stage=\"split\""));
    let (_, log) = server.ask(&format!("GET /api/runs/{}/log?stage=talk", runs[0]), &server.address);
    assert!(log.contains("said"), "{log}");

    // A run that begins now is there at once.
    project.done("run data.yaml -S seed=5");
    assert_eq!(server.json("/api/runs").as_array().unwrap().len(), 3);
}

#[test]
fn nothing_can_be_changed_and_no_path_leads_out() {
    let project = Project::with_data();
    project.done("run data.yaml");
    project.file("secret", "secret");
    let server = Server::start(&project);
    let run = server.json("/api/runs")[0]["id"].as_str().unwrap().to_owned();
    for path in [
        "/../secret".to_owned(),
        "/api/runs/..%2f..%2fsecret".to_owned(),
        "/api/runs/..".to_owned(),
        format!("/api/runs/{run}/../../../secret"),
        format!("/api/runs/{run}/log?stage=..%2f..%2f..%2f..%2fsecret"),
        format!("/api/runs/{run}/log"),
        format!("/api/runs/{run}/pictures?stage=split"),
        format!("/api/runs/{}", &run[..8]),
    ] {
        let (head, body) = server.ask(&format!("GET {path}"), &server.address);
        assert!(
            head.starts_with("HTTP/1.1 404") || body == "null",
            "{path}: {head} {body}"
        );
        assert!(!body.contains("secret"), "{path}: {body}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(server.status(&format!("{method} /api/runs")), "405");
    }
    let (head, _) = server.ask("GET /api/runs", "evil.example");
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert_eq!(server.status(&format!("GET /{}", "x".repeat(20_000))), "431");
}

#[test]
fn it_ends_well_on_ctrl_c_and_needs_a_store() {
    let project = Project::with_data();
    assert_eq!(project.run("serve --port 0").code, 4);
    project.done("run data.yaml");
    let mut server = Server::start(&project);
    let process = rustix::process::Pid::from_child(&server.process);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}
