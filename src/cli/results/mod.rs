//! What a run leaves for people under `results/NAME/`: tables, charts, the page.
//!
//! The tables and charts come from the store; what the page shows of images, classes and times is read from there along the plan. Computing time is added here and not in the store, whose content must not depend
//! on it. Nothing is written when all that would be written is there already.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

mod behind;
mod cloud;
mod facts;
mod manifest;
mod pictures;
mod trace;
mod views;

use super::failure::Failure;
use super::load::Loaded;
use super::tensorboard;
use super::workspace::Workspace;
use crate::artifact::write_json;
use crate::plan::{Node, Plan};
use crate::report::page::Page;
use crate::report::{Grid, RoundRow, SummaryRow, Trial, summarise};
use crate::run::{Forecast, Summary, forecast};
use crate::store::{Digest, Output, Record, Store};
use crate::table::{Table, TableError, write_atomically};
pub(super) use behind::{box_names, graphs};
pub(super) use manifest::{MANIFEST, Made, Manifest};
pub(super) use pictures::{of_stage, with_pictures};
pub(super) use trace::Trace;

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
/// How many families of pipelines have their stages drawn.
const MOST_GRAPHS: usize = 16;
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
        let Some(part) = Part::of(loaded, records, (pipeline, &nodes)) else {
            continue;
        };
        let rows = part.rows(store)?;
        if has_pages {
            let trace = Trace {
                plan: &loaded.plan,
                records,
                store,
            };
            written.push(part.write(loaded, pipeline, &rows, &[], (trace, folder))?);
        }
        members.push((pipeline, rows));
    }
    if let Some(part) = Part::comparison(loaded, records, members.len()) {
        let rows: Vec<RoundRow> = members.iter().flat_map(|(_, rows)| rows.clone()).collect();
        let apart: &[_] = if has_pages { &[] } else { &members };
        let trace = Trace {
            plan: &loaded.plan,
            records,
            store,
        };
        written.push(part.write(loaded, &loaded.name, &rows, apart, (trace, folder))?);
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

/// The table of strategies as the terminal shows it.
pub(super) fn terminal_summary(rows: &[RoundRow]) -> String {
    Grid::of_summary(&summarise(rows)).columns(&TERMINAL_SUMMARY).text()
}

/// The stages of one page.
struct Part<'a> {
    /// The places of its stages in the plan, made or not.
    places: BTreeSet<usize>,
    nodes: Vec<(&'a Node, &'a Record)>,
    rounds: &'a Output,
    /// None of a pipeline without such a stage.
    charts: Option<&'a Output>,
    /// The pipeline, where there are others.
    only: Option<&'a str>,
    compares: bool,
}

impl<'a> Part<'a> {
    /// A pipeline's stages, by their places; none if it has no tables, or they or its charts are not made.
    fn of(loaded: &'a Loaded, records: &[Option<&'a Record>], (name, places): (&'a str, &[usize])) -> Option<Self> {
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
            places: places.iter().copied().collect(),
            rounds,
            charts,
            only: (loaded.plan.pipelines.len() > 1).then_some(name),
            compares: false,
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
            places: (0..loaded.plan.nodes.len()).collect(),
            rounds,
            charts,
            only: None,
            compares: true,
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
        (trace, folder): (Trace<'_>, &Path),
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
        let captions = match self.charts {
            Some(charts) => {
                trace.store.export(charts, &folder.join("charts"))?;
                captions(&folder.join("charts"))?
            }
            None => Vec::new(),
        };
        let (plan, nodes, store) = (&loaded.plan, &self.nodes[..], trace.store);
        tensorboard::write(&folder, rows, &tensorboard::Made { plan, nodes, store })?;
        let mut trials = Trial::of_table(&table)?;
        let shown = self.page(loaded, name, (rows, &summary), &mut trials, &trace);
        let html = shown.html();
        let html = html.map_err(|e| Failure::environment(format!("could not write the page: {e}")))?;
        let text = shown.markdown(&captions);
        write_atomically(&folder.join("report.md"), |writer| writer.write_all(text.as_bytes()))?;
        let manifest = Manifest::of(loaded, name, self.only, &self.nodes);
        write_json(&folder.join(MANIFEST), &manifest).map_err(|e| Failure::environment(e.to_string()))?;
        write_atomically(&page, |writer| writer.write_all(html.as_bytes()))?;
        if !members.is_empty() {
            write_members(&folder.join(MEMBERS), members)?;
        }
        let table = if self.compares {
            terminal_summary(rows)
        } else {
            Grid::of_rounds(rows).columns(&TERMINAL_HEADS).text()
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
            self.only,
        );
        Digest::of_bytes(format!("{parts:?}").as_bytes())
    }

    fn page(
        &self,
        loaded: &Loaded,
        name: &str,
        tables: (&[RoundRow], &[SummaryRow]),
        trials: &mut [Trial],
        trace: &Trace<'_>,
    ) -> Page {
        let mut notes: Vec<String> = Vec::new();
        for (node, record) in &self.nodes {
            notes.extend(record.notes.iter().map(|note| format!("{}: {note}", node.name)));
        }
        let wants = |pipeline: &str| self.only.is_none_or(|only| only == pipeline);
        let sources = behind::Source::all(trace, wants);
        let behind = behind::behind(trace, &sources, &self.places, trials);
        let lead = facts::lead(trials, &facts::presets(self.nodes.iter().map(|(node, _)| *node)));
        let own = |strategy: &str| tables.1.iter().any(|row| strategy == row.strategy);
        let params = loaded.params_by_strategy().into_iter();
        Page {
            title: name.to_owned(),
            lead,
            notes,
            graphs: behind::graphs(&loaded.plan, MOST_GRAPHS, wants),
            params: params
                .filter(|(strategy, _, _)| own(strategy))
                .map(|(_, title, yaml)| (title, yaml))
                .collect(),
            facts: facts::facts(&self.nodes, tables.0, &self.rounds.digest),
            ..Page::of(trials, tables, behind)
        }
    }
}

/// The names and captions of the charts in a folder.
fn captions(folder: &Path) -> Result<Vec<(String, String)>, Failure> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let caption = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, fs_err::read_to_string(path)?))
    };
    paths.iter().map(caption).collect()
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
