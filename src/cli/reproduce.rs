//! `asm-pipe reproduce`: a published result again, and whether every digest and metric agrees.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::arguments::{PipelineArguments, Reproduce, StoreArguments};
use super::columns::columns;
use super::failure::{Failure, FailureKind};
use super::load::{Loaded, load};
use super::progress::Display;
use super::results::{MANIFEST, Made, Manifest};
use super::run::{interruptible, options, verdict};
use super::terminal::{self, Format};
use super::workspace::Workspace;
use crate::run::Summary;
use crate::store::Digest;

/// How many differences are told in words.
const MOST_TOLD: usize = 20;

pub(super) fn reproduce(arguments: &Reproduce) -> Result<(), Failure> {
    let manifest = Manifest::read(&arguments.results)?;
    // The store must lie on a disk that has room, which is where the user works.
    let fresh = tempfile::Builder::new()
        .prefix(".asm-pipe-reproduce-")
        .tempdir_in(".")?;
    let store = arguments.store.clone().unwrap_or_else(|| fresh.path().join("store"));
    let workspace = Workspace::open(&StoreArguments { store })?;
    let loaded = load(&written(&manifest, fresh.path())?, &[], &workspace.registry)?;
    let published_cpus = manifest.stages.values().map(|made| made.cpus).max();
    let options = options(arguments.jobs, arguments.cpus.or(published_cpus), arguments.memory);
    let quiet = arguments.output.format == Format::Json;
    let mut display = Display::new(Format::Human, quiet);
    let mut show = |moment: &_| display.show(moment);
    let summary = crate::run::run(
        &loaded.plan,
        &workspace.registry,
        &workspace.store,
        &options,
        &mut show,
        &interruptible(),
    )
    .map_err(|e| Failure::environment(e.to_string()))?;
    verdict(&summary).map_err(|failure| match arguments.store {
        Some(_) => failure,
        None => failure.hint("with `--store DIR` what is made is kept, and saying the same again goes on from it"),
    })?;
    let found = Agreement::of(&manifest, &made(&loaded, &summary));
    match arguments.output.format {
        Format::Json => terminal::print_json(&found)?,
        Format::Human => terminal::print(&found.text(&arguments.results))?,
    }
    if found.agrees {
        return Ok(());
    }
    let (outputs, metrics) = (found.outputs.different.len(), found.metrics.different.len());
    let mut failure = Failure::new(
        FailureKind::Stage,
        format!(
            "the result does not agree with {MANIFEST}: {outputs} outputs, {metrics} metrics and {} stages differ",
            found.missing.len()
        ),
    );
    if let Some(cpus) = published_cpus.filter(|cpus| *cpus != options.cpus) {
        failure = failure.hint(format!(
            "it was made with {cpus} cores, this with {}: trainings depend on it",
            options.cpus
        ));
    }
    if manifest.version != env!("CARGO_PKG_VERSION") {
        failure = failure.hint(format!(
            "it was made by asm-pipe {}, this is {}",
            manifest.version,
            env!("CARGO_PKG_VERSION")
        ));
    }
    Err(failure)
}

/// The pipelines of a manifest as files.
fn written(manifest: &Manifest, folder: &Path) -> Result<PipelineArguments, Failure> {
    let mut pipelines: Vec<PathBuf> = Vec::new();
    for (place, pipeline) in manifest.pipelines.iter().enumerate() {
        let path = folder.join(format!("{place}.yaml"));
        fs_err::write(&path, &pipeline.yaml)?;
        pipelines.push(path);
    }
    if pipelines.is_empty() {
        return Err(Failure::invalid(format!(
            "`{}` has no pipelines in its manifest",
            manifest.name
        )));
    }
    Ok(PipelineArguments {
        pipelines,
        set: Vec::new(),
        profile: Vec::new(),
        params: Vec::new(),
    })
}

/// What the run has made or found, by all the names that a stage has.
fn made(loaded: &Loaded, summary: &Summary) -> BTreeMap<String, Made> {
    let nodes = loaded.plan.nodes.iter().zip(&summary.nodes);
    let made = nodes.filter_map(|(node, ended)| Some((node, Made::of(ended.record.as_ref()?))));
    let named = made.flat_map(|(node, made)| {
        let names = std::iter::once(&node.name).chain(&node.aliases);
        names.map(move |name| (name.clone(), made.clone()))
    });
    named.collect()
}

/// Whether a result agrees with a published one.
#[derive(Debug, PartialEq, Serialize)]
struct Agreement {
    agrees: bool,
    outputs: Compared<Digest>,
    metrics: Compared<Option<f64>>,
    /// Metrics that say how fast a machine was, which are not compared.
    speeds: usize,
    /// Stages that were published and are not made here.
    missing: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Compared<T> {
    agree: usize,
    of: usize,
    different: Vec<Different<T>>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Different<T> {
    /// `stage.name`.
    what: String,
    published: T,
    /// None if the stage has no such thing here.
    here: Option<T>,
}

/// Whether a metric says how fast a machine was: no two runs agree in it.
fn is_speed(name: &str) -> bool {
    name == "seconds" || name.ends_with("_per_second")
}

impl<T: Clone + PartialEq> Compared<T> {
    fn new() -> Self {
        Self {
            agree: 0,
            of: 0,
            different: Vec::new(),
        }
    }

    fn add(&mut self, stage: &str, published: &BTreeMap<String, T>, here: &BTreeMap<String, T>) {
        for (name, value) in published {
            self.of += 1;
            let found = here.get(name);
            if found == Some(value) {
                self.agree += 1;
            } else {
                let (what, published, here) = (format!("{stage}.{name}"), value.clone(), found.cloned());
                self.different.push(Different { what, published, here });
            }
        }
    }
}

impl Agreement {
    fn of(manifest: &Manifest, here: &BTreeMap<String, Made>) -> Self {
        let (mut outputs, mut metrics, mut missing) = (Compared::new(), Compared::new(), Vec::new());
        let mut speeds = 0;
        for (stage, published) in &manifest.stages {
            match here.get(stage) {
                Some(made) => {
                    let mut figures = published.metrics.clone();
                    figures.retain(|name, _| !is_speed(name));
                    speeds += published.metrics.len() - figures.len();
                    outputs.add(stage, &published.outputs, &made.outputs);
                    metrics.add(stage, &figures, &made.metrics);
                }
                None => missing.push(stage.clone()),
            }
        }
        let agrees = outputs.different.is_empty() && metrics.different.is_empty() && missing.is_empty();
        Self {
            agrees,
            outputs,
            metrics,
            speeds,
            missing,
        }
    }

    fn text(&self, results: &Path) -> String {
        let word = if self.agrees { "agrees" } else { "does not agree" };
        let mut text = format!(
            "{} {word}: {} of {} outputs and {} of {} metrics are the same\n",
            results.display(),
            self.outputs.agree,
            self.outputs.of,
            self.metrics.agree,
            self.metrics.of
        );
        if self.speeds > 0 {
            text += &format!("{} speeds are not compared: they are the machine's\n", self.speeds);
        }
        let figure = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
        let outputs = self.outputs.different.iter().map(|different| {
            let here = different.here.map_or_else(|| "–".to_owned(), |digest| digest.short());
            vec![different.what.clone(), different.published.short(), here]
        });
        let metrics = self.metrics.different.iter().map(|different| {
            vec![
                different.what.clone(),
                figure(different.published),
                figure(different.here.flatten()),
            ]
        });
        let rows: Vec<Vec<String>> = metrics.chain(outputs).collect();
        if !rows.is_empty() {
            let head = ["", "published", "here"].map(str::to_owned).to_vec();
            let told: Vec<Vec<String>> = std::iter::once(head)
                .chain(rows.iter().take(MOST_TOLD).cloned())
                .collect();
            text += &columns(&told);
        }
        if rows.len() > MOST_TOLD {
            text += &format!("and {} more; `--format json` tells all\n", rows.len() - MOST_TOLD);
        }
        if !self.missing.is_empty() {
            text += &format!("not made here: {}\n", self.missing.join(" "));
        }
        text
    }
}
