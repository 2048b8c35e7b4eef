//! A pipeline from its file: `extends`, profiles, params files, overrides, then the checks.

use std::path::{Path, PathBuf};

use super::documents::Documents;
use super::{
    Diagnostic, FileId, Located, Node, Pipeline, Sources, Span, Value, apply_profiles, check, overrides, parse,
    sort_diagnostics,
};

/// What the command line adds to a pipeline, applied in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Profiles, applied in order. None: the pipeline's `default_profile`, if it has one.
    pub profile: Vec<String>,
    /// Files that hold a mapping of params.
    pub params_files: Vec<PathBuf>,
    /// `path=value`, the value read as YAML.
    pub overrides: Vec<String>,
}

/// Reads a text file; the error is a fragment such as "no such file".
pub type ReadText<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// Loads the pipeline at `path`. Every mistake is reported, sorted by place; the sources are what they point into.
pub fn load(
    path: &Path,
    options: &LoadOptions,
    read: ReadText<'_>,
) -> Result<(Pipeline, Sources), (Vec<Diagnostic>, Sources)> {
    let mut documents = Documents::new(read);
    let pipeline = pipeline(path, options, &mut documents);
    let Documents {
        sources,
        mut diagnostics,
        ..
    } = documents;
    sort_diagnostics(&mut diagnostics);
    match pipeline {
        Some(pipeline) if !diagnostics.iter().any(Diagnostic::is_error) => Ok((pipeline, sources)),
        _ => Err((diagnostics, sources)),
    }
}

/// Loads a pipeline from a text that extends nothing, under the name `pipeline.yaml`.
pub fn load_text(text: &str, options: &LoadOptions) -> Result<(Pipeline, Sources), (Vec<Diagnostic>, Sources)> {
    let path = Path::new("pipeline.yaml");
    let read = |wanted: &Path| {
        if wanted == path {
            Ok(text.to_owned())
        } else {
            Err("no such file".to_owned())
        }
    };
    load(path, options, &read)
}

fn pipeline(path: &Path, options: &LoadOptions, documents: &mut Documents<'_>) -> Option<Pipeline> {
    let mut document = documents.read_pipeline(path)?;
    check::check_profiles(&document, &mut documents.diagnostics);
    let profiles = apply_profiles::apply(&mut document, &options.profile, documents);
    let mut params = check::take_params(&mut document, &mut documents.diagnostics);
    for file in &options.params_files {
        params_file(&mut params, file, documents);
    }
    for text in &options.overrides {
        let file = documents.sources.add("-S", text.as_str());
        let said = overrides::apply_override(&mut params, &documents.sources, file);
        documents.diagnostics.extend(said);
    }
    let name = name(&document, path, &mut documents.diagnostics);
    let mut pipeline = check::build(&document, &params, name, &documents.sources, &mut documents.diagnostics)?;
    pipeline.profiles = profiles.available;
    pipeline.profile = profiles.applied;
    Some(pipeline)
}

/// The name in the file, else the file's stem.
fn name(document: &Node, path: &Path, diagnostics: &mut Vec<Diagnostic>) -> Located<String> {
    let given = document.get("name").filter(|node| !node.is_null());
    if let Some(name) = given.and_then(|node| check::text("name", node, diagnostics)) {
        return name;
    }
    let stem = path
        .file_stem()
        .map_or_else(|| "pipeline".into(), |stem| stem.to_string_lossy().into_owned());
    // The pipeline's own file is always the first text.
    let span = given.map_or(
        Span {
            file: FileId(0),
            start: 0,
            end: 0,
        },
        |node| node.span,
    );
    // A wrong `name` has been reported; its stand-in is not to be.
    Located {
        value: if given.is_some() { "pipeline".into() } else { stem },
        span,
    }
}

fn params_file(params: &mut Node, path: &Path, documents: &mut Documents<'_>) {
    let text = match (documents.read)(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot read the params file `{}`: {error}", path.display());
            documents.diagnostics.push(Diagnostic::error(None, message));
            return;
        }
    };
    let file = documents.sources.add(path.display().to_string(), text);
    let (node, said) = parse(&documents.sources, file);
    documents.diagnostics.extend(said);
    match node {
        Some(node) if matches!(node.value, Value::Mapping(_)) => {
            documents.diagnostics.extend(overrides::apply_params(params, node));
        }
        Some(node) if !node.is_null() => {
            let message = format!("a params file holds a mapping of params, found {}", node.describe());
            documents.diagnostics.push(Diagnostic::error(node.span, message));
        }
        _ => {}
    }
}
