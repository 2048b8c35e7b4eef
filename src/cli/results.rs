//! What a run leaves for people under `results/NAME/`: tables, charts, the page.
//!
//! The tables and charts come from the store. Computing time is added here and not in the store, whose content must not depend
//! on it. Nothing is written when all that would be written is there already.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::figures::duration;
use super::load::Loaded;
use super::tensorboard::{self, Made};
use super::workspace::Workspace;
use crate::plan::{Format, Node, Plan, draw};
use crate::report::page::{Bar, Figure, Grid, Page};
use crate::report::{RoundRow, SummaryRow, summarise};
use crate::run::{Forecast, Summary, forecast};
use crate::store::{Digest, Output, Record, Store};
use crate::table::{Table, TableError, write_atomically};

/// Where results are and what to show of them at once.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    /// The folder of all that was written.
    pub(super) folder: PathBuf,
    pub(super) page: PathBuf,
    pub(super) table: String,
}

/// What was written from what, so that it need not be written again.
#[derive(Serialize, Deserialize, PartialEq)]
struct Stamp {
    from: Digest,
    files: BTreeMap<String, (u64, u64)>,
    table: String,
}

const STAMP: &str = ".written.json";
/// With more pipelines than this, only their comparison has a page; theirs are tables in a folder beside it.
const MOST_PAGES: usize = 12;
const MEMBERS: &str = "members";
/// How many stages the page tells the time of.
const MOST_TIMES: usize = 100;
const TERMINAL_HEADS: [&str; 11] = [
    "strategy",
    "seed",
    "round",
    "AP",
    "AP50",
    "human boxes",
    "model accepted",
    "SL",
    "labelled",
    "unlabelled",
    "seconds",
];
/// Of a comparison the terminal shows the strategies, not every round of every member.
const TERMINAL_SUMMARY: [&str; 9] = [
    "strategy",
    "seeds",
    "rounds",
    "initial AP50",
    "final AP50",
    "± over seeds",
    "final AP",
    "human boxes",
    "annotation hours",
];

/// Writes the results of a run: a folder for each pipeline and one for their comparison; of many pipelines only that.
pub(super) fn write(loaded: &Loaded, summary: &Summary, store: &Store, folder: &Path) -> Result<Vec<Written>, Failure> {
    let records: Vec<Option<&Record>> = summary.nodes.iter().map(|node| node.record.as_ref()).collect();
    write_from(loaded, &records, store, folder)
}

/// Writes results from what the store has, without a run.
pub(super) fn write_again(loaded: &Loaded, workspace: &Workspace, folder: &Path) -> Result<Vec<Written>, Failure> {
    let (registry, store) = (&workspace.registry, &workspace.store);
    let forecasts = forecast(&loaded.plan, registry, store, &[]).map_err(|e| Failure::environment(e.to_string()))?;
    let mut records = Vec::new();
    for forecast in &forecasts {
        records.push(match forecast {
            Forecast::Hit { key } => key.parse().ok().map(|key| store.record(&key)).transpose()?.flatten(),
            _ => None,
        });
    }
    let records: Vec<Option<&Record>> = records.iter().map(Option::as_ref).collect();
    let written = write_from(loaded, &records, store, folder)?;
    if written.is_empty() {
        return Err(Failure::invalid("the store does not have all that the results need")
            .hint("`asm-pipe plan` says what is missing, `asm-pipe run` makes it"));
    }
    Ok(written)
}

fn write_from(
    loaded: &Loaded,
    records: &[Option<&Record>],
    store: &Store,
    folder: &Path,
) -> Result<Vec<Written>, Failure> {
    let mut written = Vec::new();
    let mut members: Members = Vec::new();
    let pipelines = &loaded.plan.pipelines;
    let has_pages = pipelines.len() <= MOST_PAGES;
    for (pipeline, nodes) in nodes_of(&loaded.plan) {
        let Some(part) = Part::of(loaded, records, &nodes) else {
            continue;
        };
        let rows = part.rows(store)?;
        if has_pages {
            written.push(part.write(loaded, pipeline, &rows, &[], (store, folder))?);
        }
        members.push((pipeline, rows));
    }
    if let Some(part) = Part::comparison(loaded, records, members.len()) {
        let rows: Vec<RoundRow> = members.iter().flat_map(|(_, rows)| rows.clone()).collect();
        let apart: &[_] = if has_pages { &[] } else { &members };
        written.push(part.write(loaded, &loaded.name, &rows, apart, (store, folder))?);
    } else if !has_pages && !members.is_empty() {
        let folder = folder.join(&loaded.name);
        let page = folder.join(MEMBERS);
        write_members(&page, &members)?;
        let rows: Vec<RoundRow> = members.into_iter().flat_map(|(_, rows)| rows).collect();
        let table = terminal_summary(&rows);
        written.push(Written { folder, page, table });
    }
    Ok(written)
}

/// Pipelines and their rows.
type Members<'a> = Vec<(&'a str, Vec<RoundRow>)>;

/// The places of each pipeline's nodes, in the order of the pipelines.
fn nodes_of(plan: &Plan) -> Vec<(&str, Vec<usize>)> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, node) in plan.nodes.iter().enumerate().filter(|(_, node)| !node.compares()) {
        for pipeline in &node.pipelines {
            places.entry(pipeline).or_default().push(place);
        }
    }
    let own = |pipeline: &String| places.get(pipeline.as_str()).cloned().unwrap_or_default();
    plan.pipelines
        .iter()
        .map(|pipeline| (pipeline.as_str(), own(pipeline)))
        .collect()
}

/// Writes the rows of each member as a table of its own, and removes those of members that there are no more.
fn write_members(folder: &Path, members: &[(&str, Vec<RoundRow>)]) -> Result<(), Failure> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    fs_err::create_dir_all(folder)?;
    for (name, rows) in members {
        RoundRow::to_table(rows)?.write_csv(&folder.join(format!("{name}.csv")))?;
    }
    Ok(())
}

fn terminal_summary(rows: &[RoundRow]) -> String {
    Grid::of_summary(&summarise(rows)).columns(&TERMINAL_SUMMARY).text()
}

/// The stages of one page.
struct Part<'a> {
    nodes: Vec<(&'a Node, &'a Record)>,
    rounds: &'a Output,
    /// None of a pipeline without such a stage.
    charts: Option<&'a Output>,
    title: Option<&'a str>,
}

impl<'a> Part<'a> {
    /// A pipeline's stages, by their places; none if it has no tables, or they or its charts are not made.
    fn of(loaded: &'a Loaded, records: &[Option<&'a Record>], places: &[usize]) -> Option<Self> {
        let nodes = places.iter().map(|&place| (&loaded.plan.nodes[place], records[place]));
        let nodes: Vec<_> = nodes.filter_map(|(node, record)| Some((node, record?))).collect();
        let output = |kind: &str, name: &str| {
            let (_, record) = nodes.iter().find(|(node, _)| node.kind == kind)?;
            record.outputs.get(name)
        };
        let (rounds, charts) = (output("tables", "rounds")?, output("charts", "charts"));
        let has_charts = places.iter().any(|&place| loaded.plan.nodes[place].kind == "charts");
        if has_charts && charts.is_none() {
            return None;
        }
        Some(Self {
            rounds,
            charts,
            title: None,
            nodes,
        })
    }

    /// The comparison's own stages, with all others for their times; none unless it is of as many pipelines.
    fn comparison(loaded: &'a Loaded, records: &[Option<&'a Record>], pipelines: usize) -> Option<Self> {
        let nodes: Vec<_> = loaded
            .plan
            .nodes
            .iter()
            .zip(records)
            .filter_map(|(node, record)| Some((node, (*record)?)))
            .collect();
        let is_whole = |node: &Node| node.inputs.values().map(Vec::len).sum::<usize>() == pipelines;
        let (compare, rounds) = nodes
            .iter()
            .find(|(node, _)| node.kind == "compare" && is_whole(node))?;
        let place = loaded.plan.nodes.iter().position(|node| node.name == compare.name)?;
        let reads = |node: &&&Node| node.inputs.values().flatten().any(|input| input.node.0 == place);
        let (_, charts) = nodes.iter().find(|(node, _)| node.kind == "charts" && reads(&node))?;
        let (rounds, charts) = (rounds.outputs.get("rounds")?, Some(charts.outputs.get("charts")?));
        Some(Self {
            rounds,
            charts,
            title: Some(&loaded.name),
            nodes,
        })
    }

    /// The rows with the computing time of each round, as its stages were made.
    fn rows(&self, store: &Store) -> Result<Vec<RoundRow>, Failure> {
        let mut rows = RoundRow::from_table(&Table::read_parquet(&store.view(self.rounds)?)?)?;
        for row in &mut rows {
            let of_round = self
                .nodes
                .iter()
                .filter(|(node, _)| node.round.unwrap_or(0) == row.round);
            row.seconds = Some(of_round.map(|(_, record)| record.seconds).sum());
        }
        Ok(rows)
    }

    fn write(
        &self,
        loaded: &Loaded,
        name: &str,
        rows: &[RoundRow],
        members: &[(&str, Vec<RoundRow>)],
        (store, folder): (&Store, &Path),
    ) -> Result<Written, Failure> {
        let folder = folder.join(name);
        let page = folder.join("index.html");
        let from = self.fingerprint(loaded, rows);
        if let Some(table) = up_to_date(&folder, &from) {
            return Ok(Written { folder, page, table });
        }
        fs_err::create_dir_all(&folder)?;
        let summary = summarise(rows);
        let table = RoundRow::to_table(rows)?;
        table.write_csv(&folder.join("rounds.csv"))?;
        table.write_parquet(&folder.join("rounds.parquet"))?;
        SummaryRow::to_table(&summary)?.write_csv(&folder.join("summary.csv"))?;
        let figures = match self.charts {
            Some(charts) => {
                store.export(charts, &folder.join("charts"))?;
                figures(&folder.join("charts"))?
            }
            None => Vec::new(),
        };
        let (plan, nodes) = (&loaded.plan, &self.nodes[..]);
        tensorboard::write(&folder, rows, &Made { plan, nodes, store })?;
        let html = self.page(loaded, name, rows, &summary, figures).html();
        let html = html.map_err(|e| Failure::environment(format!("could not write the page: {e}")))?;
        write_atomically(&page, |writer| writer.write_all(html.as_bytes()))?;
        if !members.is_empty() {
            write_members(&folder.join(MEMBERS), members)?;
        }
        let table = match self.title {
            Some(_) => terminal_summary(rows),
            None => Grid::of_rounds(rows).columns(&TERMINAL_HEADS).text(),
        };
        let stamp = Stamp {
            from,
            files: files(&folder)?,
            table: table.clone(),
        };
        let text = serde_json::to_string(&stamp).map_err(|e| Failure::environment(e.to_string()))?;
        fs_err::write(folder.join(STAMP), text)?;
        Ok(Written { folder, page, table })
    }

    /// All that the results depend on, as a digest.
    fn fingerprint(&self, loaded: &Loaded, rows: &[RoundRow]) -> Digest {
        let seconds: Vec<_> = self
            .nodes
            .iter()
            .map(|(node, record)| (&node.name, record.seconds.to_bits(), &record.notes))
            .collect();
        let params: Vec<String> = loaded.params().into_iter().map(|(_, yaml)| yaml).collect();
        let parts = (
            env!("CARGO_PKG_VERSION"),
            &self.rounds.digest,
            self.charts.map(|charts| charts.digest),
            seconds,
            params,
            rows.len(),
            self.title,
        );
        Digest::of_bytes(format!("{parts:?}").as_bytes())
    }

    fn page(
        &self,
        loaded: &Loaded,
        name: &str,
        rows: &[RoundRow],
        summary: &[SummaryRow],
        charts: Vec<Figure>,
    ) -> Page {
        let mut notes: Vec<String> = Vec::new();
        for (node, record) in &self.nodes {
            notes.extend(record.notes.iter().map(|note| format!("{}: {note}", node.name)));
        }
        if summary.iter().any(|row| row.seeds < 2) {
            notes.insert(0, "One seed: differences between strategies may be chance. Use an experiment with several seeds to compare.".to_owned());
        }
        let times: Vec<(String, f64)> = self
            .nodes
            .iter()
            .map(|(node, record)| (node.name.clone(), record.seconds))
            .collect();
        let total: f64 = times.iter().map(|(_, seconds)| seconds).sum();
        let strategies: Vec<&str> = summary.iter().map(|row| row.strategy.as_str()).collect();
        let protocol = self.nodes.iter().find_map(|(node, _)| {
            node.params
                .get("protocol")
                .filter(|_| node.kind == "evaluate")?
                .as_str()
        });
        let detector = self.nodes.iter().find_map(|(node, _)| {
            node.params
                .get("architecture")
                .filter(|_| node.kind == "train")?
                .as_str()
        });
        let mut facts = vec![
            ("asm-pipe".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("computing time, as made".to_owned(), duration(total)),
            (
                "digest of the table of rounds".to_owned(),
                self.rounds.digest.to_string(),
            ),
        ];
        facts.extend(detector.map(|name| ("detector".to_owned(), name.to_owned())));
        facts.extend(protocol.map(|name| ("evaluation protocol".to_owned(), name.to_owned())));
        Page {
            title: name.to_owned(),
            lead: format!("Active learning for object detection: {}.", strategies.join(", ")),
            summary: Grid::of_summary(summary),
            notes,
            charts,
            rounds: Grid::of_rounds(rows),
            graph: draw(&loaded.plan, Format::Svg, true),
            params: loaded.params_by_strategy(),
            facts,
            times: Bar::of(&times, MOST_TIMES),
        }
    }
}

/// The charts in a folder with their captions, by name.
fn figures(folder: &Path) -> Result<Vec<Figure>, Failure> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "svg"));
    paths.sort();
    let figure = |path: &PathBuf| {
        let caption = fs_err::read_to_string(path.with_extension("txt"))?;
        Ok(Figure {
            caption,
            svg: fs_err::read_to_string(path)?,
        })
    };
    paths.iter().map(figure).collect()
}

/// The files of a folder, those of folders in it too, with size and time of change.
pub(super) fn files(folder: &Path) -> Result<BTreeMap<String, (u64, u64)>, Failure> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs_err::read_dir(&inside)? {
            let entry = entry?;
            let (path, about) = (entry.path(), entry.metadata()?);
            if about.is_dir() {
                folders.push(path);
            } else if entry.file_name() != STAMP {
                let changed = about
                    .modified()?
                    .duration_since(std::time::UNIX_EPOCH)
                    .map_or(0, |time| time.as_nanos() as u64);
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                found.insert(name, (about.len(), changed));
            }
        }
    }
    Ok(found)
}

/// The table for the terminal, if everything is as it was written from the same things.
fn up_to_date(folder: &Path, from: &Digest) -> Option<String> {
    let stamp: Stamp = serde_json::from_str(&fs_err::read_to_string(folder.join(STAMP)).ok()?).ok()?;
    (stamp.from == *from && files(folder).ok()? == stamp.files).then_some(stamp.table)
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self::environment(error.to_string())
    }
}
