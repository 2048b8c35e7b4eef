//! A YOLO folder read whole: all images, all problems.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;

use fs_err as fs;
use rayon::prelude::*;

use super::layout::{Layout, labels_of};
use super::line;
use crate::detection::reading::{
    Fault, Loaded, OnProblem, Problem, ReadDataset, ReadError, flat_names, image, place, spread,
};
use crate::detection::{Annotation, BoundingBox, Marks, Source};

/// How a folder is to be read.
#[derive(Clone, Debug)]
pub struct YoloOptions {
    /// The folder with `data.yaml` or `classes.txt`.
    pub root: PathBuf,
    /// The set: a key of `data.yaml` or a folder in `images`; `all` for every image.
    pub set: String,
    /// The classes to have, in order; empty: those that the folder names.
    pub classes: Vec<String>,
    /// What happens to an image with a problem.
    pub on_problem: OnProblem,
    /// Only so many images, evenly spread over the set.
    pub limit: Option<usize>,
    /// Whether every image is decoded, to find those that are damaged.
    pub check_pixels: bool,
}

/// Reads a folder.
///
/// `done` is called after each image, from several threads.
///
/// # Errors
/// When the folder or set is not there, when there are problems and the options say so, or when no image is left.
pub fn read(options: &YoloOptions, done: &(dyn Fn() + Sync)) -> Result<ReadDataset, ReadError> {
    let root = &options.root;
    let layout = Layout::of(root)?;
    let files = layout.images(root, &options.set)?;
    let classes = match options.classes.is_empty() {
        true => layout.classes.clone(),
        false => options.classes.clone(),
    };
    let mut labels = BTreeMap::new();
    for (label, class) in (0..).zip(&classes) {
        if labels.insert(class.as_str(), label).is_some() {
            return Err(Fault::ClassTwice(class.clone()).at(root, &layout.file).into());
        }
    }
    // Named before the limit: an image is called the same with and without it.
    let inside = files.iter().map(|file| file.strip_prefix("images/").unwrap_or(file));
    let names = flat_names(&inside.collect::<Vec<_>>());
    let named = spread(files.into_iter().zip(names).collect(), options.limit);
    let (mut seen, mut problems) = (BTreeSet::new(), Vec::new());
    let mut entries = Vec::new();
    for (file, name) in &named {
        if seen.insert(name) {
            entries.push((file, name));
        } else {
            problems.push(Fault::IdTwice(name.clone()).at(root, file));
        }
    }
    let numbered = layout.classes.iter().map(|class| labels.get(class.as_str()).copied());
    let reader = Reader {
        options,
        labels: numbered.collect(),
        numbered: &layout.classes,
        listed: &classes,
    };
    let load = |&(file, name): &(&String, &String)| {
        let loaded = reader.load(file, name);
        done();
        loaded
    };
    let read: Vec<Loaded> = entries.par_iter().map(load).collect();
    ReadDataset::new(classes.clone(), read, problems, options.on_problem)
}

struct Reader<'a> {
    options: &'a YoloOptions,
    /// For each class of the folder its label; none if it is not in the list asked for.
    labels: Vec<Option<u32>>,
    /// The folder's own classes.
    numbered: &'a [String],
    /// The list.
    listed: &'a [String],
}

impl Reader<'_> {
    fn load(&self, file: &str, name: &str) -> Loaded {
        let root = &self.options.root;
        let mut problems: Vec<Problem> = Vec::new();
        let mut image = match image(root.join(file), name, self.options.check_pixels) {
            Ok(found) => Some(found),
            Err(fault) => {
                problems.push(fault.at(root, file));
                None
            }
        };
        let size = image.as_ref().map(|(entry, _)| (entry.image.width, entry.image.height));
        let path = labels_of(file);
        let text = match fs::read(root.join(&path)) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| Fault::Unreadable("not UTF-8".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Fault::Unreadable(error.to_string())),
        };
        let mut annotations = Vec::new();
        match text {
            Err(fault) => problems.push(fault.at(root, &path)),
            Ok(text) => {
                for (number, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
                    if text.trim().is_empty() {
                        continue;
                    }
                    let mut tell = |fault: Fault| problems.push(fault.at(root, &path).position((number, 1)));
                    annotations.extend(self.annotation(text.trim(), size, &mut tell));
                }
            }
        }
        if let Some((image, _)) = &mut image {
            image.annotations = annotations;
        }
        Loaded::new(name, image, problems, self.options.on_problem)
    }

    /// An object, unless something is wrong with it and such are not kept.
    fn annotation(&self, text: &str, size: Option<(u32, u32)>, tell: &mut dyn FnMut(Fault)) -> Option<Annotation> {
        let Some(line) = line::parse(text) else {
            tell(Fault::LabelLine(text.to_owned()));
            return None;
        };
        let class = line.class as usize;
        let Some(label) = self.labels.get(class).copied().flatten() else {
            let name = self
                .numbered
                .get(class)
                .cloned()
                .unwrap_or_else(|| line.class.to_string());
            let listed = self.listed.to_vec();
            tell(Fault::UnknownClass { name, listed });
            return None;
        };
        // Shares mean nothing without an image.
        let (width, height) = size?;
        let sides = [width, height, width, height].map(f64::from);
        let mut edges = line.edges;
        for (edge, side) in edges.iter_mut().zip(sides) {
            *edge *= side;
        }
        let bounds = match place(edges, edges, size) {
            Ok(bounds) => bounds,
            Err(fault) => {
                tell(fault);
                (self.options.on_problem == OnProblem::Keep).then(|| BoundingBox::new(edges))?
            }
        };
        Some(Annotation {
            bounds,
            label,
            difficult: false,
            truncated: false,
            source: Source::Human,
            score: None,
            round: None,
            marks: Marks::default(),
        })
    }
}
