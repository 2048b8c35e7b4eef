//! `asm-pipe serve`: a page on this machine that shows runs, those that go on and those that are past. Reads, never writes.

mod http;
mod watch;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::arguments::Serve;
use super::failure::Failure;
use super::status::{existing_store, word};
use super::terminal::{self, Format};
use crate::run::status::{self, RunStatus};
use crate::store::Store;
use http::{Answer, Request};
use watch::Watched;

/// How many runs are listed, how many peers are served at once, and how much of the end of a log is shown.
const MOST_RUNS: usize = 100;
const MOST_PEERS: usize = 24;
const LOG_END: usize = 64 * 1024;
/// How long nobody is looked for when nobody is there.
const PAUSE: Duration = Duration::from_millis(40);

pub(super) fn serve(arguments: &Serve) -> Result<(), Failure> {
    let store = existing_store(&arguments.store)?;
    let asked = SocketAddr::new(arguments.address, arguments.port);
    let listener = TcpListener::bind(asked).map_err(|e| {
        Failure::environment(format!("cannot listen on {asked}: {e}")).hint("`--port 0` takes any port that is free")
    })?;
    let bound = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    if !bound.ip().is_loopback() {
        terminal::warn("everybody who reaches this address can read the runs, their logs and images");
    }
    let ended = Arc::new(AtomicBool::new(false));
    let asked_to_end = Arc::clone(&ended);
    ctrlc::set_handler(move || asked_to_end.store(true, Ordering::Relaxed))
        .map_err(|e| Failure::environment(e.to_string()))?;
    let address = format!("http://{bound}/");
    match arguments.output.format {
        Format::Json => terminal::print_json_line(&json!({ "address": address }))?,
        Format::Human => {
            terminal::print(&format!("{address}\n"))?;
            terminal::tell("runs of this store, live and past; Ctrl-C ends it");
        }
    }
    let peers = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        while !ended.load(Ordering::Relaxed) {
            let Ok((peer, _)) = listener.accept() else {
                std::thread::sleep(PAUSE);
                continue;
            };
            if peers.fetch_add(1, Ordering::Relaxed) >= MOST_PEERS {
                peers.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            threads.spawn(|| {
                http::serve(peer, bound, |request| answer(request, &store));
                peers.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    Ok(())
}

/// What a question is answered with. Names of runs and stages are compared with those that there are: no path is made of them.
fn answer(request: &Request, store: &Store) -> Answer {
    let parts: Vec<&str> = request.parts.iter().map(String::as_str).collect();
    let found = match parts[..] {
        [] => return Answer::html(&page()),
        ["api", "runs"] => runs(store),
        ["api", "runs", run, ref rest @ ..] => one(store, run).and_then(|status| of_run(request, status, rest, store)),
        _ => None,
    };
    found.unwrap_or_else(|| Answer::no(404, "there is nothing here"))
}

fn of_run(request: &Request, run: RunStatus, rest: &[&str], store: &Store) -> Option<Answer> {
    // What is looked at must not be removed meanwhile.
    let _in_use = store.in_use().ok()?;
    match rest {
        [] => Some(Answer::json(&Watched::of(run, store).view(store))),
        ["graphs"] => Some(Answer::json(&Watched::of(run, store).graphs())),
        ["pictures"] => Some(Answer::json(
            &Watched::of(run, store).pictures(request.query("stage")?, store)?,
        )),
        ["log"] => {
            let stage = run
                .head
                .stages
                .iter()
                .find(|stage| Some(stage.as_str()) == request.query("stage"))?;
            let text = fs_err::read(status::log_path(&store.runs(), &run.head.id, stage)).unwrap_or_default();
            let end = text[text.len().saturating_sub(LOG_END)..].to_vec();
            Some(Answer::text(String::from_utf8_lossy(&end).into_owned()))
        }
        _ => None,
    }
}

fn runs(store: &Store) -> Option<Answer> {
    let listed = status::latest(&store.runs()).ok()?.take(MOST_RUNS).map(|run| {
        json!({
            "id": run.head.id, "started_at": run.head.started_at, "pipelines": run.head.pipelines, "state": word(&run),
            "counts": run.counts(), "stages": run.head.stages.len(), "seconds": run.seconds(),
        })
    });
    Some(Answer::json(&listed.collect::<Vec<_>>()))
}

fn one(store: &Store, run: &str) -> Option<RunStatus> {
    let known = status::ids(&store.runs()).ok()?;
    let id = known.iter().find(|id| *id == run)?;
    status::read(&store.runs().join(id)).ok()
}

/// The page, with its style and scripts inside.
fn page() -> String {
    let script = [
        include_str!("../../../assets/charts.js"),
        include_str!("../../../assets/pictures.js"),
        include_str!("../../../assets/serve.js"),
    ];
    include_str!("../../../assets/serve.html")
        .replace("/*style*/", include_str!("../../../assets/page.css"))
        .replace("/*script*/", &script.concat())
}
