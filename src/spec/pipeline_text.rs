//! A pipeline's file with what it extends, read once and loaded once for each of its members.

use std::path::Path;

use super::documents::Documents;
use super::given::Given;
use super::load::{LoadOptions, Loaded, ReadText};
use super::matrix::{Combination, read_matrix};
use super::overrides::Params;
use super::{
    Diagnostic, FileId, Located, Node, Pipeline, Sources, Span, Value, apply_profiles, check, parse, resolve,
    sort_diagnostics,
};

/// The texts, the document, and what it says that comes before profiles.
pub(super) struct PipelineText<'a> {
    documents: Documents<'a>,
    /// None if a file cannot be read.
    document: Option<Node>,
    /// The name in the file, else the file's stem.
    pub(super) name: Located<String>,
    /// The pipeline's own matrix.
    pub(super) matrix: Vec<Combination>,
}

impl<'a> PipelineText<'a> {
    /// Reads the file at `path`; its texts come after `sources`.
    pub(super) fn read(path: &Path, sources: Sources, read: ReadText<'a>) -> PipelineText<'a> {
        let mut documents = Documents::new(read, sources);
        let own = documents.sources.next();
        let document = documents.read_pipeline(path);
        let name = name(document.as_ref(), (path, own), &mut documents.diagnostics);
        check::check_pipeline_name(&name, &mut documents.diagnostics);
        let matrix = document.as_ref().and_then(|document| document.get("matrix"));
        let matrix = match matrix.filter(|node| !node.is_null()) {
            Some(node) => read_matrix(node, &mut documents.diagnostics),
            None => Vec::new(),
        };
        PipelineText {
            documents,
            document,
            name,
            matrix,
        }
    }

    /// Loads one member.
    pub(super) fn load(&self, options: &LoadOptions, given: &Given) -> Loaded {
        let mut documents = self.documents.clone();
        let document = self.document.clone();
        let pipeline = document.and_then(|document| self.pipeline(document, options, given, &mut documents));
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

    fn pipeline(
        &self,
        mut document: Node,
        options: &LoadOptions,
        given: &Given,
        documents: &mut Documents<'_>,
    ) -> Option<Pipeline> {
        check::check_profiles(&document, &mut documents.diagnostics);
        let profiles = apply_profiles::apply(&mut document, (&given.profile, &options.profile), documents);
        let mut params = Params::new(check::take_params(&mut document, &mut documents.diagnostics));
        for mapping in &given.params {
            documents.diagnostics.extend(params.merge(mapping.clone()));
        }
        for (path, value) in &given.settings {
            documents.diagnostics.extend(params.set(path, value.clone()));
        }
        for file in &options.params_files {
            params_file(&mut params, file, documents);
        }
        for text in &options.overrides {
            let file = documents.sources.add("-S", text.as_str());
            let said = params.apply_override(&documents.sources, file);
            documents.diagnostics.extend(said);
        }
        let strategy = joined(&self.name.value, &given.label);
        let names = check::PipelineNames {
            name: self.name.clone().map(|_| joined(&strategy, &given.seed_label)),
            strategy,
            family: self.name.value.clone(),
        };
        let matrix = matrix(&params.values, &given.varied, self.name.span);
        let values = (&params.values, &matrix);
        let mut pipeline = check::build(&document, values, names, &documents.sources, &mut documents.diagnostics)?;
        pipeline.profiles = profiles.available;
        pipeline.profile = profiles.applied;
        Some(pipeline)
    }
}

fn joined(name: &str, label: &str) -> String {
    match label {
        "" => name.to_owned(),
        label => format!("{name}-{label}"),
    }
}

/// The params that vary, with their values, by path.
fn matrix(params: &Node, varied: &[String], span: Span) -> Node {
    let value = |path: &String| {
        let found = path.split('.').try_fold(params, resolve::child)?;
        Some((Located::new(path.clone(), found.span), found.clone()))
    };
    Node::new(Value::Mapping(varied.iter().filter_map(value).collect()), span)
}

fn name(document: Option<&Node>, (path, own): (&Path, FileId), diagnostics: &mut Vec<Diagnostic>) -> Located<String> {
    let given = document
        .and_then(|document| document.get("name"))
        .filter(|node| !node.is_null());
    if let Some(name) = given.and_then(|node| check::text("name", node, diagnostics)) {
        return name;
    }
    let stem = path
        .file_stem()
        .map_or_else(|| "pipeline".into(), |stem| stem.to_string_lossy().into_owned());
    let span = given.map_or(
        Span {
            file: own,
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

fn params_file(params: &mut Params, path: &Path, documents: &mut Documents<'_>) {
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
            documents.diagnostics.extend(params.merge(node));
        }
        Some(node) if !node.is_null() => {
            let message = format!("a params file holds a mapping of params, found {}", node.describe());
            documents.diagnostics.push(Diagnostic::error(node.span, message));
        }
        _ => {}
    }
}
