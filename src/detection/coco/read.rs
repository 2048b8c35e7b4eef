//! An instances file read whole: all images, all problems.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rayon::prelude::*;

use super::document::{Written, WrittenAnnotation, WrittenImage, entries};
use crate::detection::reading::{
    Fault, Loaded, OnProblem, Problem, ReadDataset, ReadError, flat_names, image, is_plain_name, place, position_of,
    spread,
};
use crate::detection::{Annotation, BoundingBox, Marks, Source};

/// How a file is to be read.
#[derive(Clone, Debug)]
pub struct CocoOptions {
    /// The instances file.
    pub annotations: PathBuf,
    /// The folder that its `file_name`s are in.
    pub images: PathBuf,
    /// The classes, in order; empty: the categories by ascending id.
    pub classes: Vec<String>,
    /// What happens to an image with a problem.
    pub on_problem: OnProblem,
    /// Only so many images, evenly spread over the set in the order of their ids.
    pub limit: Option<usize>,
    /// Whether every image is decoded, to find those that are damaged.
    pub check_pixels: bool,
}

/// An entry of one of the lists, and what is wrong with it.
struct Faulty {
    list: &'static str,
    at: usize,
    fault: Fault,
}

/// Reads an instances file and its images.
///
/// `done` is called after each image, from several threads.
///
/// # Errors
/// When the file cannot be read, when there are problems and the options say so, or when no image is left.
pub fn read(options: &CocoOptions, done: &(dyn Fn() + Sync)) -> Result<ReadDataset, ReadError> {
    let file = File::new(&options.annotations);
    let text = fs::read(&options.annotations)
        .map_err(|error| Fault::Unreadable(error.to_string()).at(&options.annotations, ""))?;
    let written: Written = serde_json::from_slice(&text).map_err(|error| {
        let position = (error.line() as u32, error.column() as u32);
        let message = error.to_string();
        let end = message.rfind(" at line ").unwrap_or(message.len());
        file.problem(Fault::Json(message[..end].to_owned())).position(position)
    })?;
    let mut faulty = Vec::new();
    let (classes, labels) = categories(&written, options, &file)?;
    let (listed, names) = listed(&written, options, &mut faulty);
    let mut annotations: BTreeMap<i64, Vec<usize>> =
        listed.iter().map(|&at| (written.images[at].id, Vec::new())).collect();
    let known: BTreeSet<i64> = written.images.iter().map(|image| image.id).collect();
    for (at, annotation) in written.annotations.iter().enumerate() {
        let id = annotation.image_id;
        match annotations.get_mut(&id) {
            Some(list) => list.push(at),
            // Of an image that is left out: beyond the limit, or a second one of its id.
            None if known.contains(&id) => {}
            None => faulty.push(Faulty::annotation(at, |entry| Fault::UnknownImage { entry, id })),
        }
    }
    let reader = Reader {
        options,
        written: &written,
        labels,
    };
    let load = |(&at, name): (&usize, &String)| {
        let loaded = reader.load(at, name, &annotations[&written.images[at].id]);
        done();
        loaded
    };
    let read: Vec<Unplaced> = listed.par_iter().zip(&names).map(load).collect();

    let places = match faulty.is_empty() && read.iter().all(|unplaced| unplaced.faulty.is_empty()) {
        true => BTreeMap::new(),
        false => entries(&text),
    };
    let placed = |faulty: Faulty| {
        let offset = places.get(faulty.list).and_then(|list| list.get(faulty.at));
        let position = position_of(&text, offset.copied().unwrap_or(0));
        file.problem(faulty.fault).position(position)
    };
    let problems = faulty.into_iter().map(placed).collect();
    let loaded = read.into_iter().map(|mut unplaced| {
        unplaced.problems.extend(unplaced.faulty.into_iter().map(placed));
        Loaded::new(&unplaced.name, unplaced.image, unplaced.problems, options.on_problem)
    });
    ReadDataset::new(classes, loaded.collect(), problems, options.on_problem)
}

/// The instances file as problems name it.
struct File<'a> {
    folder: &'a Path,
    name: &'a Path,
}

impl<'a> File<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            folder: path.parent().unwrap_or(Path::new("")),
            name: path.file_name().map_or(path, Path::new),
        }
    }

    fn problem(&self, fault: Fault) -> Problem {
        fault.at(self.folder, self.name)
    }
}

impl Faulty {
    fn annotation(at: usize, fault: impl FnOnce(String) -> Fault) -> Self {
        Self {
            list: "annotations",
            at,
            fault: fault(format!("annotations[{at}]")),
        }
    }

    fn image(at: usize, fault: Fault) -> Self {
        Self {
            list: "images",
            at,
            fault,
        }
    }
}

/// The classes, and which of them or which name each category id stands for.
type Categories = (Vec<String>, BTreeMap<i64, Result<u32, Fault>>);

fn categories(written: &Written, options: &CocoOptions, file: &File<'_>) -> Result<Categories, ReadError> {
    let mut names: BTreeMap<i64, &str> = BTreeMap::new();
    for (at, category) in written.categories.iter().enumerate() {
        if names.insert(category.id, &category.name).is_some() {
            let entry = format!("categories[{at}]");
            return Err(file.problem(Fault::IdShared { entry, id: category.id }).into());
        }
    }
    let classes: Vec<String> = match options.classes.is_empty() {
        true => names.values().map(|&name| name.to_owned()).collect(),
        false => options.classes.clone(),
    };
    let mut labels: BTreeMap<&str, u32> = BTreeMap::new();
    for (label, class) in (0..).zip(&classes) {
        if labels.insert(class, label).is_some() {
            return Err(file.problem(Fault::ClassTwice(class.clone())).into());
        }
    }
    let label = |name: &str| {
        let (name, listed) = (name.to_owned(), classes.clone());
        let label = labels.get(name.as_str()).copied();
        label.ok_or(Fault::UnknownClass { name, listed })
    };
    let ids = names.iter().map(|(&id, &name)| (id, label(name))).collect();
    Ok((classes, ids))
}

/// The places of the images to read, by ascending id, and what each is called in the dataset.
fn listed(written: &Written, options: &CocoOptions, faulty: &mut Vec<Faulty>) -> (Vec<usize>, Vec<String>) {
    let mut by_id: BTreeMap<i64, usize> = BTreeMap::new();
    for (at, image) in written.images.iter().enumerate() {
        match by_id.entry(image.id) {
            Entry::Vacant(free) => drop(free.insert(at)),
            Entry::Occupied(_) => {
                let entry = format!("images[{at}]");
                faulty.push(Faulty::image(at, Fault::IdShared { entry, id: image.id }));
            }
        }
    }
    let places: Vec<usize> = by_id.into_values().collect();
    let files: Vec<&str> = places.iter().map(|&at| written.images[at].file_name.as_str()).collect();
    let mut seen = BTreeSet::new();
    let mut kept: Vec<(usize, String)> = Vec::new();
    for (&at, name) in places.iter().zip(flat_names(&files)) {
        if seen.insert(name.clone()) {
            kept.push((at, name));
        } else {
            faulty.push(Faulty::image(at, Fault::IdTwice(name)));
        }
    }
    spread(kept, options.limit).into_iter().unzip()
}

/// An image whose faults have no line yet: that takes another walk through the text.
struct Unplaced {
    name: String,
    image: Option<(crate::detection::AnnotatedImage, crate::detection::reading::ImageSource)>,
    problems: Vec<Problem>,
    faulty: Vec<Faulty>,
}

struct Reader<'a> {
    options: &'a CocoOptions,
    written: &'a Written,
    labels: BTreeMap<i64, Result<u32, Fault>>,
}

impl Reader<'_> {
    fn load(&self, at: usize, name: &str, annotations: &[usize]) -> Unplaced {
        let entry = &self.written.images[at];
        let mut unplaced = Unplaced {
            name: name.to_owned(),
            image: None,
            problems: Vec::new(),
            faulty: Vec::new(),
        };
        if !entry.file_name.split('/').all(is_plain_name) {
            let fault = Fault::UnsafeName(entry.file_name.clone());
            unplaced.faulty.push(Faulty::image(at, fault));
            return unplaced;
        }
        let path = self.options.images.join(&entry.file_name);
        match image(path, name, self.options.check_pixels) {
            Ok(found) => unplaced.image = Some(found),
            Err(fault) => unplaced.problems.push(fault.at(&self.options.images, &entry.file_name)),
        }
        let actual = unplaced
            .image
            .as_ref()
            .map(|(entry, _)| (entry.image.width, entry.image.height));
        let written = written_size(entry);
        if let (Some(actual), Some(written)) = (actual, written)
            && actual != written
        {
            let fault = Fault::SizeMismatch { written, actual };
            unplaced.faulty.push(Faulty::image(at, fault));
        }
        let size = actual.or(written);
        let mut found = Vec::new();
        for &at in annotations {
            let annotation = self.annotation(at, size, &mut unplaced.faulty);
            found.extend(annotation);
        }
        if let Some((image, _)) = &mut unplaced.image {
            image.annotations = found;
        }
        unplaced
    }

    /// An object, unless something is wrong with it and such are not kept.
    fn annotation(&self, at: usize, size: Option<(u32, u32)>, faulty: &mut Vec<Faulty>) -> Option<Annotation> {
        let written = &self.written.annotations[at];
        let id = written.category_id;
        let label = match self.labels.get(&id) {
            Some(Ok(label)) => Ok(*label),
            Some(Err(fault)) => Err(Faulty::annotation(at, |_| fault.clone())),
            None => Err(Faulty::annotation(at, |entry| Fault::UnknownCategory { entry, id })),
        };
        let [x, y, width, height] = corner_and_size(written, at).map_err(|fault| faulty.push(fault)).ok()?;
        let label = label.map_err(|fault| faulty.push(fault)).ok()?;
        let edges = [x, y, x + width, y + height];
        let bounds = place(edges, edges, size).or_else(|fault| {
            faulty.push(Faulty::annotation(at, |_| fault));
            let kept = self.options.on_problem == OnProblem::Keep;
            kept.then(|| BoundingBox::new(edges)).ok_or(())
        });
        let bounds = bounds.ok()?;
        let crowd = written.iscrowd == Some(true);
        let model = written.annotator.as_deref() == Some("model");
        let ours = |value: Option<f64>| value.filter(|value| written.annotator.is_some() && value.is_finite());
        Some(Annotation {
            bounds,
            label,
            difficult: crowd || written.difficult == Some(true),
            truncated: written.truncated == Some(true),
            source: if model { Source::Model } else { Source::Human },
            score: ours(written.score),
            round: ours(written.round).map(|round| round as u32),
            marks: Marks {
                pose: written.pose.clone(),
                occluded: written.occluded,
                crowd,
                area: written.area.filter(|area| differs(*area, bounds.area())),
            },
        })
    }
}

/// The size that the file says, unless it is missing or zero.
fn written_size(image: &WrittenImage) -> Option<(u32, u32)> {
    let size = (image.width?, image.height?);
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// `bbox` as four numbers with a size that is not negative.
fn corner_and_size(written: &WrittenAnnotation, at: usize) -> Result<[f64; 4], Faulty> {
    let missing = || Faulty::annotation(at, |entry| Fault::KeyMissing { entry, key: "bbox" });
    let list = written.bbox.as_deref().ok_or_else(missing)?;
    let wanted = "x, y, width and height";
    let value = format!("the `bbox` {list:?}");
    match *list {
        [x, y, width, height] if width >= 0.0 && height >= 0.0 && list.iter().all(|v| v.is_finite()) => {
            Ok([x, y, width, height])
        }
        _ => Err(Faulty::annotation(at, |entry| Fault::KeyValue { entry, value, wanted })),
    }
}

/// Whether an area is another than the box's by more than how numbers are written.
fn differs(area: f64, of_box: f64) -> bool {
    area.is_finite() && (area - of_box).abs() > 1e-9 * of_box.abs().max(1.0)
}
