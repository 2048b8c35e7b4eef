//! Experiments: pipelines, each with several seeds and values of params, run and compared as one.

use std::path::{Path, PathBuf};

use super::documents::Documents;
use super::load::ReadText;
use super::matrix::{Combination, read_matrix};
use super::{Diagnostic, Located, Node, Sources, Span, Value, check, sort_diagnostics};

/// An experiment as written.
#[derive(Clone, Debug, Default)]
pub struct Experiment {
    /// Its name; the file's stem unless the file says otherwise.
    pub name: String,
    /// What it asks.
    pub description: Option<String>,
    /// The pipelines' files: paths in the text are relative to the experiment's file.
    pub pipelines: Vec<Located<PathBuf>>,
    /// Each sets the param `seed` of every pipeline. None: the pipelines' own.
    pub seeds: Vec<Located<i64>>,
    /// Values of params for every pipeline, each a member of its own. None: the pipelines' own.
    pub matrix: Vec<Combination>,
    /// Profiles for every pipeline. None: the pipelines' own.
    pub profile: Vec<Located<String>>,
    /// Params for every pipeline, a mapping; then those of single pipelines by name.
    pub params: Option<Node>,
    /// Params for single pipelines, mappings by the pipeline's name.
    pub overrides: Vec<(Located<String>, Node)>,
}

pub(super) const KEYS: [&str; 8] = [
    "name",
    "description",
    "pipelines",
    "seeds",
    "matrix",
    "profile",
    "params",
    "overrides",
];

/// Loads the experiment at `path`; mistakes as in [`super::load`]. The pipelines are not read.
pub fn load_experiment(path: &Path, read: ReadText<'_>) -> Result<(Experiment, Sources), (Vec<Diagnostic>, Sources)> {
    let mut documents = Documents::new(read, Sources::default());
    let document = documents.read_mapping(path, None);
    let experiment = document.and_then(|document| experiment(path, &document, &mut documents.diagnostics));
    let Documents {
        sources,
        mut diagnostics,
        ..
    } = documents;
    sort_diagnostics(&mut diagnostics);
    match experiment {
        Some(experiment) if !diagnostics.iter().any(Diagnostic::is_error) => Ok((experiment, sources)),
        _ => Err((diagnostics, sources)),
    }
}

/// The experiment as far as it can be read; what is wrong is among the diagnostics.
fn experiment(path: &Path, document: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Experiment> {
    let fields = check::Fields::of(document, "the experiment", document.span, &KEYS, diagnostics)?;
    let stem = path
        .file_stem()
        .map_or_else(|| "experiment".into(), |stem| stem.to_string_lossy().into_owned());
    let name = match fields.get("name") {
        Some(node) => check::text("name", node, diagnostics),
        None => Some(Located::new(stem, document.span)),
    };
    if let Some(name) = &name {
        check::check_name("an experiment's name", name, &[], diagnostics);
    }
    let text = |key: &str, diagnostics: &mut Vec<Diagnostic>| {
        let node = fields.get(key)?;
        check::text(key, node, diagnostics).map(|text| text.value)
    };
    let description = text("description", diagnostics);
    let pipelines = fields.required("pipelines", diagnostics);
    let pipelines = pipelines.map(|node| pipelines_of(path, node, diagnostics));
    let seeds = fields.get("seeds").map(|node| seeds(node, diagnostics));
    let matrix = fields.get("matrix").map(|node| matrix(node, &fields, diagnostics));
    let profile = fields
        .get("profile")
        .and_then(|node| check::text_list("profile", node, diagnostics));
    let params = fields
        .get("params")
        .filter(|node| is_mapping("params", node, diagnostics));
    let overrides = fields.get("overrides").map(|node| overrides(node, diagnostics));
    Some(Experiment {
        name: name?.value,
        description,
        pipelines: pipelines?,
        seeds: seeds.unwrap_or_default(),
        matrix: matrix.unwrap_or_default(),
        profile: profile.unwrap_or_default(),
        params: params.cloned(),
        overrides: overrides.unwrap_or_default(),
    })
}

fn is_mapping(key: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let is_mapping = matches!(node.value, Value::Mapping(_));
    if !is_mapping {
        diagnostics.push(check::wrong(key, "a mapping of params", node));
    }
    is_mapping
}

fn matrix(node: &Node, fields: &check::Fields<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Combination> {
    let matrix = read_matrix(node, diagnostics);
    let in_matrix = matrix.iter().flat_map(|combination| &combination.settings);
    let seed = in_matrix.map(|(path, _)| path).find(|path| path.value == "seed");
    if let (Some(seed), Some(seeds)) = (seed, fields.get("seeds")) {
        diagnostics.push(
            Diagnostic::error(seed.span, "the seeds are listed twice")
                .label("in the matrix")
                .context(seeds.span, "as `seeds`")
                .help("keep one of them"),
        );
    }
    matrix
}

fn overrides(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<(Located<String>, Node)> {
    let Value::Mapping(entries) = &node.value else {
        diagnostics.push(check::wrong("overrides", "a mapping of params by pipeline", node));
        return Vec::new();
    };
    let mut overrides = Vec::with_capacity(entries.len());
    for (name, params) in entries.iter().filter(|(_, params)| !params.is_null()) {
        if is_mapping(&name.value, params, diagnostics) {
            overrides.push((name.clone(), params.clone()));
        }
    }
    overrides
}

fn pipelines_of(path: &Path, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Located<PathBuf>> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let Value::Sequence(items) = &node.value else {
        diagnostics.push(check::wrong("pipelines", "a list of paths", node));
        return Vec::new();
    };
    if items.is_empty() {
        diagnostics.push(Diagnostic::error(node.span, "the experiment lists no pipeline"));
    }
    let mut paths: Vec<Located<PathBuf>> = Vec::with_capacity(items.len());
    for item in items {
        let Some(text) = check::text("pipelines", item, diagnostics) else {
            continue;
        };
        let path = text.map(|text| folder.join(text));
        match paths.iter().find(|other| other.value == path.value) {
            Some(other) => diagnostics.push(twice("pipeline", &path, other.span)),
            None => paths.push(path),
        }
    }
    paths
}

fn seeds(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Located<i64>> {
    let Value::Sequence(items) = &node.value else {
        diagnostics.push(check::wrong("seeds", "a list of whole numbers", node));
        return Vec::new();
    };
    let mut seeds: Vec<Located<i64>> = Vec::with_capacity(items.len());
    for item in items {
        let Value::Integer(seed) = item.value else {
            diagnostics.push(check::wrong("seeds", "a list of whole numbers", item));
            continue;
        };
        let seed = Located {
            value: seed,
            span: item.span,
        };
        match seeds.iter().find(|other| other.value == seed.value) {
            Some(other) => diagnostics.push(twice("seed", &seed, other.span)),
            None => seeds.push(seed),
        }
    }
    seeds
}

fn twice<T>(what: &str, again: &Located<T>, first: Span) -> Diagnostic {
    Diagnostic::error(again.span, format!("the {what} is listed twice"))
        .label("again here")
        .context(first, "first here")
}
