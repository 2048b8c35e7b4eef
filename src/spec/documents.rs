//! Documents and what they extend.

use std::path::{Component, Path, PathBuf};

use super::load::ReadText;
use super::{Diagnostic, Node, Sources, Span, Value, merge, parse};

/// The texts read so far and what is wrong with them.
#[derive(Clone)]
pub(super) struct Documents<'a> {
    pub(super) read: ReadText<'a>,
    pub(super) sources: Sources,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The files on the way to the one that is being read.
    chain: Vec<PathBuf>,
}

impl<'a> Documents<'a> {
    /// Texts that are read come after `sources`.
    pub(super) fn new(read: ReadText<'a>, sources: Sources) -> Documents<'a> {
        Documents {
            read,
            sources,
            diagnostics: Vec::new(),
            chain: Vec::new(),
        }
    }

    /// The document at `path` laid on those that it extends. None if one of them cannot be read.
    pub(super) fn read_pipeline(&mut self, path: &Path) -> Option<Node> {
        let document = self.read_mapping(path, None)?;
        if is_experiment(&document) {
            let (key, _) = document.entries().iter().find(|(key, _)| key.value == "pipelines")?;
            self.diagnostics.push(
                Diagnostic::error(key.span, "this is an experiment, not a pipeline")
                    .note("a file with `pipelines` lists pipelines and has no stages of its own"),
            );
            return None;
        }
        self.extended(path, document)
    }

    fn extended(&mut self, path: &Path, document: Node) -> Option<Node> {
        let Some(extends) = document.get("extends").filter(|node| !node.is_null()) else {
            return Some(document);
        };
        let span = extends.span;
        let Some(name) = extends.as_str().filter(|name| !name.is_empty()) else {
            let message = format!("`extends` must be the path of a pipeline, found {}", extends.describe());
            self.diagnostics.push(Diagnostic::error(span, message));
            return None;
        };
        let base_path = path.parent().unwrap_or(Path::new("")).join(name);
        self.chain.push(normal(path));
        let base = if self.chain.contains(&normal(&base_path)) {
            let again = normal(&base_path);
            let names: Vec<_> = self
                .chain
                .iter()
                .chain([&again])
                .map(|path| path.display().to_string())
                .collect();
            let message = format!("`extends` goes round in a circle: {}", names.join(" -> "));
            self.diagnostics.push(Diagnostic::error(span, message));
            None
        } else {
            self.read_mapping(&base_path, Some(span))
                .and_then(|base| self.extended(&base_path, base))
        };
        self.chain.pop();
        let mut merged = base?;
        merge::merge_document(&mut merged, document);
        Some(merged)
    }

    /// The mapping that a file holds; `wanted` is the place that named the file.
    pub(super) fn read_mapping(&mut self, path: &Path, wanted: Option<Span>) -> Option<Node> {
        let text = match (self.read)(path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                let diagnostic = Diagnostic::error(wanted, message);
                self.diagnostics.push(match wanted {
                    Some(_) => diagnostic.note("the path is relative to the file that names it"),
                    None => diagnostic,
                });
                return None;
            }
        };
        let file = self.sources.add(path.display().to_string(), text);
        let (node, said) = parse(&self.sources, file);
        self.diagnostics.extend(said);
        let node = node?;
        let message = match &node.value {
            Value::Mapping(_) => return Some(node),
            Value::Null => "the file is empty".to_owned(),
            _ => format!("the file must hold a mapping, found {}", node.describe()),
        };
        self.diagnostics.push(Diagnostic::error(node.span, message));
        None
    }
}

/// Whether a document is an experiment, which lists pipelines, rather than a pipeline.
fn is_experiment(document: &Node) -> bool {
    document.get("pipelines").is_some()
}

/// Whether a file holds an experiment. One that cannot be read or parsed is taken for a pipeline: its loader says why.
pub(super) fn is_experiment_file(path: &Path, read: ReadText<'_>) -> bool {
    // Most files are pipelines, and parsing is most of what a run without work does: a text without the word has no such key.
    if read(path).is_ok_and(|text| !text.contains("pipelines")) {
        return false;
    }
    let document = Documents::new(read, Sources::default()).read_mapping(path, None);
    document.is_some_and(|document| is_experiment(&document))
}

/// The path without `.` and `..`, to recognise a file by. Reading goes by the path as given.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
