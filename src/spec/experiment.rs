//! Experiments: several pipelines, each with several seeds, run and compared as one.

use std::path::{Path, PathBuf};

use super::documents::Documents;
use super::load::ReadText;
use super::{Diagnostic, FileId, Located, Node, Sources, Span, Value, check, emit, sort_diagnostics};

/// An experiment as written.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its name; the file's stem unless the file says otherwise.
    pub name: Located<String>,
    /// What it asks.
    pub description: Option<String>,
    /// The pipelines' files: paths in the text are relative to the experiment's file.
    pub pipelines: Vec<Located<PathBuf>>,
    /// Each sets the param `seed` of every pipeline. None: the pipelines' own.
    pub seeds: Vec<Located<i64>>,
    /// Params for every pipeline: a mapping.
    pub overrides: Node,
}

pub(super) const KEYS: [&str; 5] = ["name", "description", "pipelines", "seeds", "params"];

impl Experiment {
    /// What `LoadOptions::overrides` takes to load a member: the params, then the seed.
    pub fn overrides_for(&self, seed: Option<i64>) -> Vec<String> {
        let params = self.overrides.entries().iter().map(|(key, value)| {
            let mut text = format!("{}=", key.value);
            emit::flow(value, &mut text);
            text
        });
        params.chain(seed.map(|seed| format!("seed={seed}"))).collect()
    }
}

/// Loads the experiment at `path`; mistakes as in [`super::load`]. The pipelines are not read.
pub fn load_experiment(path: &Path, read: ReadText<'_>) -> Result<(Experiment, Sources), (Vec<Diagnostic>, Sources)> {
    let mut documents = Documents::new(read);
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

fn experiment(path: &Path, document: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Experiment> {
    let fields = check::Fields::of(document, "the experiment", document.span, &KEYS, diagnostics)?;
    let stem = path
        .file_stem()
        .map_or_else(|| "experiment".into(), |stem| stem.to_string_lossy().into_owned());
    let name = match fields.get("name") {
        Some(node) => check::text("name", node, diagnostics),
        None => Some(Located {
            value: stem,
            span: Span {
                file: FileId(0),
                start: 0,
                end: 0,
            },
        }),
    };
    if let Some(name) = &name {
        check::check_name("an experiment's name", name, &[], diagnostics);
    }
    let description = fields
        .get("description")
        .and_then(|node| check::text("description", node, diagnostics));
    let pipelines = fields
        .required("pipelines", diagnostics)
        .map(|node| pipelines(path, node, diagnostics));
    let seeds = fields
        .get("seeds")
        .map(|node| seeds(node, diagnostics))
        .unwrap_or_default();
    let overrides = match fields.get("params") {
        Some(node) if !matches!(node.value, Value::Mapping(_)) => {
            diagnostics.push(check::wrong("params", "a mapping", node));
            return None;
        }
        Some(node) => node.clone(),
        None => Node {
            value: Value::Mapping(Vec::new()),
            span: document.span,
        },
    };
    let description = description.map(|text| text.value);
    Some(Experiment {
        name: name?,
        description,
        pipelines: pipelines?,
        seeds,
        overrides,
    })
}

fn pipelines(path: &Path, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Located<PathBuf>> {
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
