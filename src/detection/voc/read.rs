//! A VOC folder, or several as one dataset, read whole: all images, all problems.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs_err as fs;
use rayon::prelude::*;

use super::document::{self, Written, WrittenObject};
use super::layout::{self, ANNOTATIONS, IMAGES, SETS};
use crate::detection::reading::{
    Fault, ImageSource, Loaded, OnProblem, Problem, ReadDataset, ReadError, image, is_plain_name, place, spread,
};
use crate::detection::{AnnotatedImage, Annotation, BoundingBox, Marks};

/// How a folder is to be read.
#[derive(Clone, Debug)]
pub struct VocOptions {
    /// The image set: `trainval` stands for `ImageSets/Main/trainval.txt`, `all` for every annotation file.
    pub set: String,
    /// The classes, in order; empty: those in the annotation files of all sets, sorted, so that two sets agree on them.
    pub classes: Vec<String>,
    /// What the first pixel is counted as: VOC says 1. From 0, corners are taken as they are.
    pub origin: u8,
    /// What happens to an image with a problem.
    pub on_problem: OnProblem,
    /// Only so many images, evenly spread over the set.
    pub limit: Option<usize>,
    /// Whether every image is decoded, to find those that are damaged.
    pub check_pixels: bool,
}

impl Default for VocOptions {
    fn default() -> Self {
        Self {
            set: "trainval".to_owned(),
            classes: Vec::new(),
            origin: 1,
            on_problem: OnProblem::Fail,
            limit: None,
            check_pixels: true,
        }
    }
}

/// Reads the datasets in these folders as one. An id that several folders have is told apart by its folder's name; then
/// all ids are.
///
/// `done` is called after each image, from several threads.
///
/// # Errors
/// When a folder or set is not there, when there are problems and the options say so, or when no image is left.
pub fn read(roots: &[PathBuf], options: &VocOptions, done: &(dyn Fn() + Sync)) -> Result<ReadDataset, ReadError> {
    let roots = layout::roots(roots).map_err(|problem| ReadError {
        problems: vec![problem],
    })?;
    let (entries, problems) = list(&roots, options)?;
    let entries = spread(entries, options.limit);
    let classes = if options.classes.is_empty() {
        classes(&roots)?
    } else {
        options.classes.clone()
    };
    let reader = Reader {
        options,
        labels: (0..)
            .zip(&classes)
            .map(|(label, name)| (name.as_str(), label))
            .collect(),
        classes: &classes,
    };
    let read: Vec<Loaded> = entries
        .par_iter()
        .map(|entry| {
            let loaded = reader.load(entry);
            done();
            loaded
        })
        .collect();

    let dataset = ReadDataset::new(classes, read, problems, options.on_problem)?;
    Ok(ReadDataset {
        roots: roots.len(),
        ..dataset
    })
}

/// An image that a set lists.
struct Entry<'a> {
    root: &'a Path,
    set: PathBuf,
    line: u32,
    /// The id in its folder.
    id: String,
    /// The id in the dataset.
    name: String,
}

fn list<'a>(roots: &'a [PathBuf], options: &VocOptions) -> Result<(Vec<Entry<'a>>, Vec<Problem>), ReadError> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut problems = Vec::new();
    let mut fatal = Vec::new();
    for root in roots {
        let set = Path::new(SETS).join(format!("{}.txt", options.set));
        let (ids, faulty) = match layout::list(root, &options.set) {
            Ok(listed) => listed,
            Err(problem) => {
                fatal.push(problem);
                continue;
            }
        };
        problems.extend(faulty);
        let mut seen = BTreeSet::new();
        for (id, line) in ids {
            if seen.insert(id.clone()) {
                let (set, name) = (set.clone(), id.clone());
                entries.push(Entry {
                    root,
                    set,
                    line,
                    id,
                    name,
                });
            } else {
                problems.push(Fault::IdTwice(id).at(root, &set).position((line, 1)));
            }
        }
    }
    if !fatal.is_empty() {
        return Err(ReadError { problems: fatal });
    }
    tell_apart(roots, &mut entries);
    Ok((entries, problems))
}

/// Puts the folder's name before each id when one id is in several folders; folders of one name are numbered.
fn tell_apart(roots: &[PathBuf], entries: &mut [Entry<'_>]) {
    let ids: BTreeSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    if ids.len() == entries.len() {
        return;
    }
    let mut taken = BTreeSet::new();
    let mut prefixes = BTreeMap::new();
    for root in roots {
        let name = root
            .file_name()
            .map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned());
        let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        let prefix = candidates
            .find(|prefix| taken.insert(prefix.clone()))
            .unwrap_or(name.clone());
        prefixes.insert(root.as_path(), prefix);
    }
    for entry in entries {
        entry.name = format!("{}_{}", prefixes[entry.root], entry.id);
    }
}

/// The class names in all annotation files, sorted. Files that cannot be read are not this function's problem.
fn classes(roots: &[PathBuf]) -> Result<Vec<String>, ReadError> {
    let mut classes = BTreeSet::new();
    for root in roots {
        let ids = layout::annotated(root).map_err(|problem| ReadError {
            problems: vec![problem],
        })?;
        let names = |id: &String| {
            let text = fs::read_to_string(root.join(ANNOTATIONS).join(format!("{id}.xml")));
            text.map(|text| document::class_names(&text)).unwrap_or_default()
        };
        let found: Vec<BTreeSet<String>> = ids.par_iter().map(|id| names(id).into_iter().collect()).collect();
        classes.extend(found.into_iter().flatten());
    }
    Ok(classes.into_iter().collect())
}

struct Reader<'a> {
    options: &'a VocOptions,
    classes: &'a [String],
    labels: BTreeMap<&'a str, u32>,
}

impl Reader<'_> {
    fn load(&self, entry: &Entry<'_>) -> Loaded {
        let xml = Path::new(ANNOTATIONS).join(format!("{}.xml", entry.id));
        let in_xml = |(position, fault): (document::Position, Fault)| fault.at(entry.root, &xml).position(position);
        let written = match self.written(entry, &xml) {
            Ok(written) => written,
            Err(problem) => {
                return Loaded::new(&entry.name, None, vec![problem], self.options.on_problem);
            }
        };
        let mut problems: Vec<Problem> = Vec::new();
        let mut image = match self.image(entry, &written, &xml) {
            Ok(found) => Some(found),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        // The size in the XML stands in for that of an image that cannot be read, to find what else is wrong.
        let size = image.as_ref().map(|(entry, _)| (entry.image.width, entry.image.height));
        let mut faults = written.faults;
        if let (Some(actual), Some((written, position))) = (size, written.size)
            && written != actual
        {
            faults.push((position, Fault::SizeMismatch { written, actual }));
        }
        let size = size.or(written.size.map(|(size, _)| size));
        let mut annotations = Vec::new();
        for object in written.objects {
            let annotation = self.annotation(&object, size, &mut faults);
            annotations.extend(annotation);
        }
        faults.sort_by_key(|&(position, _)| position);
        problems.extend(faults.into_iter().map(in_xml));
        if let Some((image, _)) = &mut image {
            image.annotations = annotations;
        }
        Loaded::new(&entry.name, image, problems, self.options.on_problem)
    }

    fn written(&self, entry: &Entry<'_>, xml: &Path) -> Result<Written, Problem> {
        if !is_plain_name(&entry.id) {
            let fault = Fault::UnsafeName(entry.id.clone());
            return Err(fault.at(entry.root, &entry.set).position((entry.line, 1)));
        }
        let bytes = fs::read(entry.root.join(xml)).map_err(|error| {
            let missing = error.kind() == ErrorKind::NotFound;
            let fault = if missing {
                Fault::AnnotationMissing
            } else {
                Fault::Unreadable(error.to_string())
            };
            fault.at(entry.root, xml)
        })?;
        let text = String::from_utf8(bytes).map_err(|_| Fault::Xml("not UTF-8".to_owned()).at(entry.root, xml))?;
        document::parse(&text).map_err(|(position, fault)| fault.at(entry.root, xml).position(position))
    }

    fn image(
        &self,
        entry: &Entry<'_>,
        written: &Written,
        xml: &Path,
    ) -> Result<(AnnotatedImage, ImageSource), Problem> {
        let file = match &written.filename {
            Some((name, position)) if !is_plain_name(name) => {
                return Err(Fault::UnsafeName(name.clone()).at(entry.root, xml).position(*position));
            }
            // Some tools leave the extension out.
            Some((name, _)) if Path::new(name).extension().is_none() => format!("{name}.jpg"),
            Some((name, _)) => name.clone(),
            None => format!("{}.jpg", entry.id),
        };
        let inside = Path::new(IMAGES).join(&file);
        image(entry.root.join(&inside), &entry.name, self.options.check_pixels)
            .map_err(|fault| fault.at(entry.root, &inside))
    }

    /// An object, unless something is wrong with it and such are not kept.
    fn annotation(
        &self,
        object: &WrittenObject,
        size: Option<(u32, u32)>,
        faults: &mut Vec<document::Found>,
    ) -> Option<Annotation> {
        let Some(&label) = self.labels.get(object.name.as_str()) else {
            let (name, listed) = (object.name.clone(), self.classes.to_vec());
            faults.push((object.name_position, Fault::UnknownClass { name, listed }));
            return None;
        };
        let [x_min, y_min, x_max, y_max] = object.corners;
        let origin = f64::from(self.options.origin);
        let edges = [x_min - origin, y_min - origin, x_max, y_max];
        let bounds = place(edges, object.corners, size).or_else(|fault| {
            faults.push((object.box_position, fault));
            let kept = self.options.on_problem == OnProblem::Keep;
            kept.then(|| BoundingBox::new(edges)).ok_or(())
        });
        Some(Annotation {
            bounds: bounds.ok()?,
            label,
            difficult: object.difficult,
            truncated: object.truncated,
            source: object.source,
            score: object.score,
            round: object.round,
            marks: Marks {
                pose: object.pose.clone(),
                occluded: object.occluded,
                ..Marks::default()
            },
        })
    }
}
