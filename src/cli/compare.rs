//! `asm-pipe report --compare`: several folders of results in one page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::results::{Manifest, Written, terminal_summary};
use crate::report::chart::{ChartError, comparison_charts};
use crate::report::page::{Behind, Page};
use crate::report::{RoundRow, SummaryRow, Trial, summarise};
use crate::store::Digest;
use crate::table::{Table, write_atomically};

/// A folder of results.
struct Results {
    label: String,
    rows: Vec<RoundRow>,
    /// None of results from before there were manifests.
    datasets: Option<BTreeSet<Digest>>,
}

impl Results {
    fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("rounds.parquet");
        if !path.is_file() {
            return Err(Failure::invalid(format!(
                "{}: no results with a table `rounds.parquet`",
                folder.display()
            ))
            .hint(
                "name folders that `asm-pipe run` or `asm-pipe report` wrote, such as results/topk_v2 results/topk_v3",
            ));
        }
        let table = Table::read_parquet(&path).map_err(|e| Failure::invalid(e.to_string()))?;
        let rows = RoundRow::from_table(&table).map_err(|e| Failure::invalid(e.to_string()))?;
        let name = folder
            .canonicalize()?
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let datasets = Manifest::read(folder)
            .ok()
            .map(|manifest| manifest.datasets.values().copied().collect());
        Ok(Self {
            label: name,
            rows,
            datasets,
        })
    }
}

/// Compares folders of results, and writes the page into a folder beside the others.
pub(super) fn compare(folders: &[PathBuf], results: &Path) -> Result<Written, Failure> {
    let mut parts: Vec<Results> = folders
        .iter()
        .map(|folder| Results::read(folder))
        .collect::<Result<_, _>>()?;
    name_apart(&mut parts, folders);
    let labels: Vec<&str> = parts.iter().map(|part| part.label.as_str()).collect();
    let title = labels.join(" and ");
    let folder = results.join(labels.join("-and-").replace(['/', '\\'], "-"));
    let differ = parts.iter().any(|part| part.datasets != parts[0].datasets);
    let (mut compared, mut shown) = (Vec::new(), Vec::new());
    let names = how_often(&parts);
    for part in &parts {
        for row in &part.rows {
            let apart = RoundRow {
                strategy: format!("{} ({})", row.strategy, part.label),
                ..row.clone()
            };
            if differ {
                // Another dataset: strategies of one name are the same strategy on both.
                let mut row = row.clone();
                row.varied.insert("dataset".to_owned(), part.label.clone());
                compared.push(row);
                shown.push(apart);
            } else {
                let row = if names[row.strategy.as_str()] > 1 {
                    apart
                } else {
                    row.clone()
                };
                compared.push(row.clone());
                shown.push(row);
            }
        }
    }
    write(&title, &folder, &parts, (&compared, &shown))
}

fn write(
    title: &str,
    folder: &Path,
    parts: &[Results],
    (compared, shown): (&[RoundRow], &[RoundRow]),
) -> Result<Written, Failure> {
    let table = RoundRow::to_table(compared)?;
    let (compared, trials) = (RoundRow::from_table(&table)?, Trial::of_table(&table)?);
    let summary = summarise(shown);
    let failed = |e: ChartError| Failure::environment(e.to_string());
    let drawn = comparison_charts(&compared, &trials).map_err(failed)?;
    let charts = folder.join("charts");
    // As the folder of a run's charts: what an earlier comparison drew is not left beside this one's.
    if charts.is_dir() {
        fs_err::remove_dir_all(&charts)?;
    }
    fs_err::create_dir_all(&charts)?;
    let mut captions = Vec::new();
    for chart in drawn {
        fs_err::write(charts.join(format!("{}.svg", chart.name)), chart.picture.svg)?;
        fs_err::write(charts.join(format!("{}.png", chart.name)), chart.picture.png)?;
        captions.push((chart.name, chart.caption));
    }
    let facts = parts.iter().map(|part| {
        let digests = part
            .datasets
            .iter()
            .flatten()
            .map(Digest::short)
            .collect::<Vec<_>>()
            .join(", ");
        let digests = if digests.is_empty() {
            "not known".to_owned()
        } else {
            digests
        };
        (format!("datasets of {}", part.label), digests)
    });
    let page = Page {
        title: title.to_owned(),
        lead: "Results of several runs, side by side.".to_owned(),
        facts: facts.collect(),
        ..Page::of(&trials, (shown, &summary), Behind::default())
    };
    let html = page
        .html()
        .map_err(|e| Failure::environment(format!("could not write the page: {e}")))?;
    let (path, text) = (folder.join("index.html"), page.markdown(&captions));
    RoundRow::to_table(shown)?.write_csv(&folder.join("rounds.csv"))?;
    SummaryRow::to_table(&summary)?.write_csv(&folder.join("summary.csv"))?;
    write_atomically(&folder.join("report.md"), |writer| writer.write_all(text.as_bytes()))?;
    write_atomically(&path, |writer| writer.write_all(html.as_bytes()))?;
    Ok(Written {
        folder: folder.to_owned(),
        page: path,
        table: terminal_summary(shown),
    })
}

/// Folders of one name are told apart by the folder above, then by their place.
fn name_apart(parts: &mut [Results], folders: &[PathBuf]) {
    let labels = |parts: &[Results]| parts.iter().map(|part| part.label.clone()).collect::<Vec<_>>();
    let is_shared = |labels: &[String], at: usize| labels.iter().filter(|label| **label == labels[at]).count() > 1;
    let before = labels(parts);
    for at in 0..parts.len() {
        let above = folders[at].canonicalize().ok();
        let above = above.as_deref().and_then(Path::parent).and_then(Path::file_name);
        if let Some(above) = above.filter(|_| is_shared(&before, at)) {
            parts[at].label = format!("{}/{}", above.to_string_lossy(), before[at]);
        }
    }
    let before = labels(parts);
    for at in 0..parts.len() {
        if is_shared(&before, at) {
            parts[at].label = format!("{} {}", before[at], at + 1);
        }
    }
}

/// In how many parts there is a strategy of a name.
fn how_often(parts: &[Results]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for part in parts {
        let names: BTreeSet<&str> = part.rows.iter().map(|row| row.strategy.as_str()).collect();
        for name in names {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}
