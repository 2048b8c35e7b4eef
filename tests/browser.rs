//! The page in a real browser, driven over Chromium's pipe. Ignored unless asked for, since a bare machine has no Chromium:
//! `make test` runs it where one is on PATH and says so where none is.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use asm_pipe::report::evidence::{Gallery, Mark, MarkKind, ScoreCloud, ScoredBatch, Shot, Thumbnail};
use asm_pipe::report::page::{Behind, Page};
use asm_pipe::report::{RoundRow, Trial, summarise};
use fs_err::File;
use serde_json::{Value, json};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// A name that would do harm if it ever became markup.
const NASTY: &str = "</script><img src=x onerror=window.harm=1>";

/// The browser on PATH.
fn browser() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file());
    found.expect("this test needs one of chromium, chromium-browser, google-chrome on PATH")
}

/// One tab, spoken to by the DevTools protocol: JSON with a zero byte after it.
struct Tab {
    process: Child,
    to: File,
    from: File,
    session: Option<String>,
    count: u64,
    pending: Vec<u8>,
    faults: Vec<String>,
}

impl Tab {
    fn open(folder: &Path, url: &str, width: u32) -> Self {
        let [to, from] = ["to", "from"].map(|name| folder.join(name));
        for pipe in [&to, &from] {
            let _ = fs_err::remove_file(pipe);
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        // The shell puts the pipes where Chromium looks for them. `<>` opens without waiting for the other end.
        let script = r#"exec "$0" --headless --no-sandbox --disable-gpu --remote-debugging-pipe --user-data-dir="$3" 3<>"$1" 4<>"$2""#;
        let process = Command::new("sh")
            .args(["-c", script])
            .args([&browser(), &to, &from, &folder.join("profile")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = fs_err::OpenOptions::new().write(true).open(to).unwrap();
        let from = File::open(from).unwrap();
        let mut tab = Self {
            process,
            to,
            from,
            session: None,
            count: 0,
            pending: Vec::new(),
            faults: Vec::new(),
        };
        let target = tab.command("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let session = tab.command("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        tab.session = session["sessionId"].as_str().map(str::to_owned);
        tab.command("Runtime.enable", &json!({}));
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        tab.command("Emulation.setDeviceMetricsOverride", &size);
        tab.command("Page.enable", &json!({}));
        tab.command("Page.navigate", &json!({"url": url}));
        tab.run("new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', () => done()))");
        tab
    }

    fn command(&mut self, method: &str, params: &Value) -> Value {
        self.count += 1;
        let mut message = json!({"id": self.count, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let message = self.message();
            if message["id"] == self.count {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            if message["method"] == "Runtime.exceptionThrown" {
                self.faults.push(message["params"].to_string());
            }
        }
    }

    fn message(&mut self) -> Value {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == 0) {
                let rest = self.pending.split_off(end + 1);
                let whole = std::mem::replace(&mut self.pending, rest);
                return serde_json::from_slice(&whole[..end]).unwrap();
            }
            let mut part = [0; 65_536];
            let count = self.from.read(&mut part).unwrap();
            assert!(count > 0, "the browser has gone");
            self.pending.extend(&part[..count]);
        }
    }

    /// What a script gives.
    fn run(&mut self, script: &str) -> Value {
        let asked = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let answer = self.command("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn page(folder: &Path) -> String {
    let row = |strategy: &str, seed: i64, round: u32, ap50: f64| RoundRow {
        strategy: strategy.to_owned(),
        seed,
        round,
        ap: Some(ap50 / 2.0),
        ap50: Some(ap50),
        images_opened: 10 + round,
        human_boxes: 30 + 5 * round,
        annotation_seconds: 900.0,
        sl_ratio: Some(0.25),
        rank_certain_sum: Some(0.25),
        ..RoundRow::default()
    };
    let mut rows = Vec::new();
    for (strategy, gain) in [("random", 0.05), ("full", 0.3), (NASTY, 0.11), ("topk", 0.2)] {
        for seed in 0..3 {
            rows.extend((0..4).map(|round| {
                row(
                    strategy,
                    seed,
                    round,
                    0.1 + gain * f64::from(round) + 0.01 * seed as f64,
                )
            }));
        }
    }
    let mark = |kind| Mark {
        kind,
        bounds: [1.0, 1.0, 5.0, 5.0],
        label: NASTY.to_owned(),
    };
    let shot = |seed, round, marks| Shot {
        strategy: NASTY.to_owned(),
        seed,
        round,
        picture: "p".to_owned(),
        about: NASTY.to_owned(),
        marks,
    };
    let picture = Thumbnail {
        source: "data:image/gif;base64,R0lGODlhAQABAAAAACw=".to_owned(),
        width: 10,
        height: 10,
    };
    let gallery = Gallery {
        pictures: BTreeMap::from([("p".to_owned(), picture)]),
        shots: vec![
            shot(
                0,
                Some(1),
                vec![
                    mark(MarkKind::Accepted),
                    mark(MarkKind::Rejected),
                    mark(MarkKind::Human),
                ],
            ),
            shot(0, None, vec![mark(MarkKind::Missed)]),
            shot(7, Some(1), vec![mark(MarkKind::Human)]),
        ],
        about: NASTY.to_owned(),
    };
    let batch = |seed, round| ScoredBatch {
        strategy: NASTY.to_owned(),
        seed,
        round,
        rho: vec![Some(0.25 * f64::from(round)), None],
        points: vec![vec![0.2, 0.3, 0.0], vec![0.6, 0.9, 0.0]],
    };
    let cloud = ScoreCloud {
        scores: vec!["certain_sum".to_owned(), NASTY.to_owned()],
        batches: vec![batch(0, 1), batch(0, 2), batch(1, 1)],
        images: 9,
    };
    let trials = Trial::of_table(&RoundRow::to_table(&rows).unwrap()).unwrap();
    let behind = Behind {
        gallery,
        cloud,
        ..Behind::default()
    };
    let page = Page {
        title: NASTY.to_owned(),
        ..Page::of(&trials, (&rows, &summarise(&rows)), behind)
    };
    let file = folder.join("index.html");
    fs_err::write(&file, page.html().unwrap()).unwrap();
    format!("file://{}", file.display())
}

#[test]
#[ignore = "needs Chromium on PATH; `make test` runs it where there is one"]
fn the_page_opens_from_a_file_sorts_tables_and_switches_axes() {
    let folder = tempfile::tempdir().unwrap();
    let url = page(folder.path());
    let mut tab = Tab::open(folder.path(), &url, 1400);

    // A table: by a figure, downwards first, then upwards.
    let column = "[...document.querySelector('table[data-name=strategies]').tBodies[0].rows].map((row) => row.cells[6].textContent)";
    let sort =
        "document.querySelector('table[data-name=strategies]').tHead.rows[0].cells[6].querySelector('button').click()";
    tab.run(sort);
    assert_eq!(tab.run(column), json!(["1.010", "0.710", "0.440", "0.260"]));
    tab.run(sort);
    assert_eq!(tab.run(column), json!(["0.260", "0.440", "0.710", "1.010"]));
    let sorted = "document.querySelector('table[data-name=strategies] th[aria-sort]').ariaSort";
    assert_eq!(tab.run(sorted), "ascending");

    // A chart: another axis across draws other curves, and full supervision stays a line.
    let curve = "document.querySelector('[data-chart=ap] path.curve').getAttribute('d')";
    let label = "document.querySelector('[data-chart=ap] svg').ariaLabel";
    let (before, count) = (
        tab.run(curve),
        tab.run("document.querySelectorAll('[data-chart=ap] path.curve').length"),
    );
    assert_eq!(
        (tab.run(label), count),
        ("AP50 over hours of annotation".into(), 3.into())
    );
    let choose = |select: &str, value: &str| {
        format!(
            "{{ const select = document.querySelector('{select}'); select.value = '{value}'; select.dispatchEvent(new Event('change')); }}"
        )
    };
    tab.run(&choose("[data-chart=ap] select[aria-label=Across]", "images"));
    assert_ne!(tab.run(curve), before);
    assert_eq!(tab.run(label), "AP50 over images opened");
    tab.run(&choose("[data-chart=ap] select[aria-label=Up]", "ap"));
    assert_eq!(tab.run(label), "AP over images opened");

    // A name in a legend switches its curve off in all charts.
    tab.run("document.querySelector('[data-chart=ap] .legend button').click()");
    assert_eq!(
        tab.run("document.querySelectorAll('[data-chart=ap] path.curve').length"),
        2
    );
    assert_eq!(
        tab.run("document.querySelectorAll('[data-chart=shares] path.curve').length"),
        3
    );

    // Tables by another unit of cost, and pictures of another round.
    tab.run(&choose("#axis", "boxes"));
    assert_eq!(
        tab.run("[...document.querySelectorAll('.by-axis:not([hidden])')].map((part) => part.dataset.axis).join()"),
        "boxes"
    );
    assert_eq!(tab.run("document.querySelectorAll('#shots rect.mark').length"), 3);
    tab.run(&choose("#gallery-choice select[aria-label=Round]", "null"));
    assert_eq!(tab.run("document.querySelectorAll('#shots rect.missed').length"), 1);

    tab.run(&choose("#gallery-choice select[aria-label=Seed]", "7"));
    assert_eq!(tab.run("document.querySelectorAll('#shots rect.mark').length"), 1);

    // Images by their scores: of a round, of a seed, and by a score that orders nothing.
    let (points, rho) = (
        "document.querySelectorAll('#cloud circle.image').length",
        "document.querySelector('#cloud p.about').textContent",
    );
    assert_eq!(tab.run(points), 6);
    assert_eq!(
        tab.run(rho),
        "Spearman's rho within a batch: 0.33, the mean of 3 batches (0.25 to 0.50)."
    );
    tab.run(&choose("#cloud select[aria-label=Round]", "1"));
    tab.run(&choose("#cloud select[aria-label=Seed]", "1"));
    assert_eq!(
        (tab.run(points), tab.run(rho)),
        (2.into(), "Spearman's rho within a batch: 0.25, of one batch.".into())
    );
    tab.run("{ const select = document.querySelector('#cloud select[aria-label=Score]'); select.selectedIndex = 1; select.dispatchEvent(new Event('change')); }");
    assert!(tab.run(rho).as_str().unwrap().starts_with("No batch here has an order"));

    // Light and dark, by the button.
    let paper = "getComputedStyle(document.body).backgroundColor";
    let light = tab.run(paper);
    tab.run("document.getElementById('theme').click()");
    assert_ne!(tab.run(paper), light);

    assert_eq!(tab.run("window.harm || 0"), 0, "a name from the data became markup");
    assert_eq!(
        tab.run("performance.getEntriesByType('resource').filter((entry) => !entry.name.startsWith('data:')).length"),
        0
    );
    assert_eq!(tab.faults, Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium on PATH; `make test` runs it where there is one"]
fn datasets_are_looked_at_one_at_a_time_or_all_together() {
    let row = |strategy: &str, dataset: &str, round: u32| RoundRow {
        strategy: strategy.to_owned(),
        varied: BTreeMap::from([("dataset".to_owned(), dataset.to_owned())]),
        round,
        ap50: Some(0.1 * f64::from(round)),
        annotation_seconds: 900.0,
        ..RoundRow::default()
    };
    let members = [("a", "x"), ("b", "x"), ("b", NASTY)];
    let rows: Vec<RoundRow> = members
        .iter()
        .flat_map(|(strategy, dataset)| (0..3).map(|round| row(strategy, dataset, round)))
        .collect();
    let trials = Trial::of_table(&RoundRow::to_table(&rows).unwrap()).unwrap();
    let page = Page::of(&trials, (&rows, &summarise(&rows)), Behind::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("index.html");
    fs_err::write(&file, page.html().unwrap()).unwrap();
    let mut tab = Tab::open(folder.path(), &format!("file://{}", file.display()), 1400);

    let choose = |place: &str| {
        format!(
            "{{ const select = document.querySelector('#charts select[aria-label=Dataset]'); select.value = '{place}'; select.dispatchEvent(new Event('change')); }}"
        )
    };
    let names = "[...document.querySelectorAll('[data-chart=ap] .legend button')].map((button) => button.textContent)";
    let paint =
        "[...document.querySelectorAll('[data-chart=ap] path.curve')].map((curve) => curve.getAttribute('stroke'))";
    assert_eq!(
        (tab.run(names), tab.run(paint)),
        (json!(["a", "b"]), json!(["var(--c0)", "var(--c1)"]))
    );
    tab.run(&choose("1"));
    assert_eq!(
        (tab.run(names), tab.run(paint)),
        (json!(["b"]), json!(["var(--c1)"])),
        "the same colour"
    );
    tab.run(&choose("all"));
    assert_eq!(tab.run(names), json!(["a (x)", "b (x)", format!("b ({NASTY})")]));
    assert_eq!(tab.run("window.harm || 0"), 0);
    assert_eq!(tab.faults, Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium on PATH; `make test` runs it where there is one"]
fn the_page_fits_a_telephone() {
    let folder = tempfile::tempdir().unwrap();
    let url = page(folder.path());
    let mut tab = Tab::open(folder.path(), &url, 420);
    let width = tab.run("document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(width <= 420, "the page is {width} pixels wide");
    assert_eq!(tab.faults, Vec::<String>::new());
}
