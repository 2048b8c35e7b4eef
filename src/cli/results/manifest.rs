//! `manifest.json`: all that is needed to make results again, and what must come out.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::facts;
use crate::artifact::read_json;
use crate::cli::failure::Failure;
use crate::cli::load::Loaded;
use crate::plan::Node;
use crate::store::{Digest, Record};

/// The name of the file in a folder of results.
pub(in crate::cli) const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

/// What results were made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Manifest {
    /// The layout of this file.
    format: u32,
    /// What the results are of: a pipeline or an experiment.
    pub(in crate::cli) name: String,
    /// The program's version.
    pub(in crate::cli) version: String,
    /// The files that were given, and what was changed in them.
    given: Given,
    /// The pipelines, with profiles and changes applied.
    pub(in crate::cli) pipelines: Vec<Text>,
    /// Digests of the datasets, by stage.
    pub(in crate::cli) datasets: BTreeMap<String, Digest>,
    /// Every stage that was made, by name.
    pub(in crate::cli) stages: BTreeMap<String, Made>,
}

/// The command line's part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    files: Vec<String>,
    profile: Vec<String>,
    set: Vec<String>,
    params: Vec<String>,
}

/// A pipeline that needs no other file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Text {
    pub(in crate::cli) name: String,
    /// The name without the seed.
    strategy: String,
    /// YAML.
    pub(in crate::cli) yaml: String,
}

/// What a stage gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Made {
    kind: String,
    version: u32,
    key: Digest,
    /// Cores it had.
    pub(in crate::cli) cpus: u32,
    pub(in crate::cli) outputs: BTreeMap<String, Digest>,
    /// One that is not a number is null.
    pub(in crate::cli) metrics: BTreeMap<String, Option<f64>>,
}

impl Made {
    pub(in crate::cli) fn of(record: &Record) -> Self {
        Self {
            kind: record.material.kind.clone(),
            version: record.material.version,
            key: record.key,
            cpus: record.cpus,
            outputs: record
                .outputs
                .iter()
                .map(|(name, output)| (name.clone(), output.digest))
                .collect(),
            metrics: record
                .metrics
                .iter()
                .map(|(name, value)| (name.clone(), value.is_finite().then_some(*value)))
                .collect(),
        }
    }
}

impl Manifest {
    /// The manifest of the stages of one pipeline, or of all.
    pub(super) fn of(loaded: &Loaded, name: &str, only: Option<&str>, nodes: &[(&Node, &Record)]) -> Self {
        let wanted = loaded
            .pipelines
            .iter()
            .filter(|pipeline| only.is_none_or(|only| pipeline.name.value == only));
        let text = |pipeline: &crate::spec::Pipeline| Text {
            name: pipeline.name.value.clone(),
            strategy: pipeline.strategy.clone(),
            yaml: pipeline.to_yaml(),
        };
        // A pipeline alone has stages without its name before them.
        let stage = |node: &Node| match (only, node.name.split_once('/')) {
            (Some(_), Some((_, stage))) => stage.to_owned(),
            _ => node.name.clone(),
        };
        let listed = |paths: &[std::path::PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
        let given = &loaded.given;
        Self {
            format: FORMAT,
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            given: Given {
                files: listed(&given.pipelines),
                profile: given.profile.clone(),
                set: given.set.clone(),
                params: listed(&given.params),
            },
            pipelines: wanted.map(text).collect(),
            datasets: facts::datasets(nodes),
            stages: nodes
                .iter()
                .map(|(node, record)| (stage(node), Made::of(record)))
                .collect(),
        }
    }

    /// The manifest of a folder of results.
    pub(in crate::cli) fn read(results: &Path) -> Result<Self, Failure> {
        let path = results.join(MANIFEST);
        if !path.is_file() {
            return Err(
                Failure::invalid(format!("{}: no results with a `{MANIFEST}`", results.display()))
                    .hint("name a folder that `asm-pipe run` or `asm-pipe report` wrote, such as results/topk_v3"),
            );
        }
        let manifest: Self = read_json(&path).map_err(|e| Failure::invalid(e.to_string()))?;
        match manifest.format {
            FORMAT => Ok(manifest),
            other => Err(Failure::invalid(format!(
                "{}: written in the layout {other}; this program knows {FORMAT}",
                path.display()
            ))),
        }
    }
}
