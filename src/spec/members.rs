//! What a file on the command line stands for: a pipeline, or every member of an experiment.
//!
//! An experiment's members are its pipelines, each with every combination of the matrix, each with every seed. What the
//! command line sets does not vary: members that are then the same are one.

use std::collections::BTreeSet;
use std::path::Path;

use super::documents::is_experiment_file;
use super::experiment::{Experiment, load_experiment};
use super::given::Given;
use super::load::{LoadOptions, Loaded, ReadText};
use super::matrix::{Combination, Setting, label_combinations};
use super::pipeline_text::PipelineText;
use super::{Diagnostic, Located, Node, Sources, Value, overrides, paths, suggest};

/// The param that seeds and a matrix over it set.
const SEED: &str = "seed";

/// The members of a file.
#[derive(Debug)]
pub struct Members {
    /// The experiment's name; none of a pipeline.
    pub name: Option<String>,
    /// Each member, or what is wrong with it. What is wrong with the experiment itself stands in front.
    pub members: Vec<Loaded>,
}

/// Loads everything that the file at `path` stands for. Members have names of their own: the pipeline's, what the matrix
/// varies, the seed.
pub fn load_members(path: &Path, options: &LoadOptions, read: ReadText<'_>) -> Members {
    let fixed = overrides::all_set(options, read);
    if !is_experiment_file(path, read) {
        let text = PipelineText::read(path, Sources::default(), read);
        let members = members_of(&text, &Experiment::default(), &Given::default(), &fixed, options);
        return Members { name: None, members };
    }
    let (experiment, sources) = match load_experiment(path, read) {
        Ok(found) => found,
        Err(wrong) => {
            return Members {
                name: None,
                members: vec![Err(wrong)],
            };
        }
    };
    let texts: Vec<PipelineText> = experiment
        .pipelines
        .iter()
        .map(|path| PipelineText::read(&path.value, sources.clone(), read))
        .collect();
    let mut members = Vec::new();
    let unknown = unknown_overrides(&experiment, &texts);
    if !unknown.is_empty() {
        members.push(Err((unknown, sources)));
    }
    for text in &texts {
        let own = experiment
            .overrides
            .iter()
            .filter(|(name, _)| name.value == text.name.value);
        let given = Given {
            profile: experiment.profile.clone(),
            params: experiment
                .params
                .iter()
                .chain(own.map(|(_, params)| params))
                .cloned()
                .collect(),
            ..Given::default()
        };
        members.extend(members_of(text, &experiment, &given, &fixed, options));
    }
    Members {
        name: Some(experiment.name),
        members,
    }
}

/// `overrides` for pipelines that are not there.
fn unknown_overrides(experiment: &Experiment, texts: &[PipelineText]) -> Vec<Diagnostic> {
    let names = || texts.iter().map(|text| text.name.value.as_str());
    let unknown = experiment
        .overrides
        .iter()
        .filter(|(name, _)| !names().any(|known| known == name.value));
    let said = |(name, _): &(Located<String>, Node)| {
        let listed: Vec<String> = names().map(|name| format!("`{name}`")).collect();
        Diagnostic::error(name.span, format!("the experiment has no pipeline `{}`", name.value))
            .did_you_mean(suggest(&name.value, names()))
            .note(format!("its pipelines are {}", listed.join(", ")))
    };
    unknown.map(said).collect()
}

/// One pipeline's members.
fn members_of(
    text: &PipelineText,
    experiment: &Experiment,
    given: &Given,
    fixed: &Node,
    options: &LoadOptions,
) -> Vec<Loaded> {
    // What an experiment says wins over what its pipelines say.
    let matrix = match experiment.matrix.is_empty() {
        true => &text.matrix,
        false => &experiment.matrix,
    };
    let variants = variants(matrix, &experiment.seeds, fixed);
    let mut varied: Vec<String> = variants
        .iter()
        .flat_map(|(combination, _)| combination.settings.iter().map(|(path, _)| path.value.clone()))
        .collect();
    varied.sort();
    varied.dedup();
    let labels = labels(&variants);
    let load = |((combination, seed), (label, seed_label)): (Variant, (String, String))| {
        let given = Given {
            settings: combination.settings.into_iter().chain(seed).collect(),
            varied: varied.clone(),
            label,
            seed_label,
            ..given.clone()
        };
        text.load(options, &given)
    };
    variants.into_iter().zip(labels).map(load).collect()
}

/// What a strategy sets, and the seed.
type Variant = (Combination, Option<Setting>);

/// Every combination with every seed, without what is fixed, each once.
fn variants(matrix: &[Combination], seeds: &[Located<i64>], fixed: &Node) -> Vec<Variant> {
    let is_free = |path: &str| !paths::is_set(fixed, path);
    let seed = |seed: &Located<i64>| {
        let path = Located::new(SEED.to_owned(), seed.span);
        Some((path, Node::new(Value::Integer(seed.value), seed.span)))
    };
    let listed: Vec<Option<Setting>> = match seeds {
        [] => vec![None],
        seeds => seeds.iter().map(seed).collect(),
    };
    let whole = [Combination::default()];
    let matrix = if matrix.is_empty() { &whole } else { matrix };
    let mut variants: Vec<Variant> = Vec::new();
    let mut known = BTreeSet::new();
    for combination in matrix {
        for seed in &listed {
            let mut combination = combination.clone();
            combination.settings.retain(|(path, _)| is_free(&path.value));
            let own = combination.take(SEED);
            let seed = seed.clone().or(own).filter(|_| is_free(SEED));
            let settings = seed.iter().cloned().collect();
            if known.insert((combination.key(), Combination { settings }.key())) {
                variants.push((combination, seed));
            }
        }
    }
    variants
}

/// What tells the members apart: matrix values and seed, in short.
fn labels(variants: &[Variant]) -> Vec<(String, String)> {
    let combinations: Vec<Combination> = variants.iter().map(|(combination, _)| combination.clone()).collect();
    let seeds = variants.iter().map(|(_, seed)| Combination {
        settings: seed.iter().cloned().collect(),
    });
    let seeds = label_combinations(&seeds.collect::<Vec<_>>());
    // `seed-2` as ever: it is no part of the strategy's name.
    let seeds = seeds.into_iter().map(|label| label.replacen('=', "-", 1));
    label_combinations(&combinations).into_iter().zip(seeds).collect()
}
