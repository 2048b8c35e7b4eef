//! A VOC folder, or several as one dataset, read whole: all images, all problems.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs_err as fs;
use rayon::prelude::*;

use super::document::{self, Written, WrittenObject};
use super::layout::{self, ANNOTATIONS, IMAGES, SETS, is_plain_name};
use super::problem::{VocError, VocFault, VocProblem};
use super::{digest, image_file};
use crate::detection::{AnnotatedImage, Annotation, BoundingBox, Dataset, Image};

/// What happens to an image with a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnProblem {
    /// Nothing is read; all problems are reported.
    Fail,
    /// The image is left out; of a box without area only the box.
    Skip,
}

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
    /// Only so many images, from the front of the set.
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

/// Where an image of the dataset lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VocSource {
    /// The file to copy.
    pub path: PathBuf,
    /// Its name in the dataset's folder of images.
    pub file: String,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct VocDataset {
    /// The dataset.
    pub dataset: Dataset,
    /// The files of its images, in the same order.
    pub sources: Vec<VocSource>,
    /// Number of folders it was read from.
    pub roots: usize,
    /// Images that the set lists and the dataset has not.
    pub skipped_images: usize,
    /// Boxes left out of images that are in the dataset.
    pub skipped_boxes: usize,
    /// Why, in the order of the set.
    pub problems: Vec<VocProblem>,
}

/// Reads the datasets in these folders as one. An id that several folders have is told apart by its folder's name; then
/// all ids are.
///
/// `done` is called after each image, from several threads.
///
/// # Errors
/// When a folder or set is not there, when there are problems and the options say so, or when no image is left.
pub fn read(roots: &[PathBuf], options: &VocOptions, done: &(dyn Fn() + Sync)) -> Result<VocDataset, VocError> {
    let roots = layout::roots(roots).map_err(|problem| VocError {
        problems: vec![problem],
    })?;
    let (mut entries, mut problems) = list(&roots, options)?;
    entries.truncate(options.limit.unwrap_or(usize::MAX));
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

    let listed = read.len();
    let mut images = Vec::new();
    let mut sources = Vec::new();
    let mut skipped_boxes = 0;
    for loaded in read {
        if let Some((image, source)) = loaded.image {
            skipped_boxes += loaded.problems.len();
            images.push(image);
            sources.push(source);
        }
        problems.extend(loaded.problems);
    }
    if !problems.is_empty() && (options.on_problem == OnProblem::Fail || images.is_empty()) {
        return Err(VocError { problems });
    }
    Ok(VocDataset {
        roots: roots.len(),
        skipped_images: listed - images.len(),
        skipped_boxes,
        dataset: Dataset { classes, images },
        sources,
        problems,
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

fn list<'a>(roots: &'a [PathBuf], options: &VocOptions) -> Result<(Vec<Entry<'a>>, Vec<VocProblem>), VocError> {
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
                problems.push(VocFault::IdTwice(id).at(root, &set).position((line, 1)));
            }
        }
    }
    if !fatal.is_empty() {
        return Err(VocError { problems: fatal });
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
fn classes(roots: &[PathBuf]) -> Result<Vec<String>, VocError> {
    let mut classes = BTreeSet::new();
    for root in roots {
        let ids = layout::annotated(root).map_err(|problem| VocError {
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

/// What became of an entry: an image unless a problem was too bad for that.
struct Loaded {
    image: Option<(AnnotatedImage, VocSource)>,
    problems: Vec<VocProblem>,
}

struct Reader<'a> {
    options: &'a VocOptions,
    classes: &'a [String],
    labels: BTreeMap<&'a str, u32>,
}

impl Reader<'_> {
    fn load(&self, entry: &Entry<'_>) -> Loaded {
        let xml = Path::new(ANNOTATIONS).join(format!("{}.xml", entry.id));
        let in_xml = |(position, fault): (document::Position, VocFault)| fault.at(entry.root, &xml).position(position);
        let written = match self.written(entry, &xml) {
            Ok(written) => written,
            Err(problem) => {
                return Loaded {
                    image: None,
                    problems: vec![problem],
                };
            }
        };
        let mut problems: Vec<VocProblem> = Vec::new();
        let image = match self.image(entry, &written, &xml) {
            Ok(found) => Some(found),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        // The size in the XML stands in for that of an image that cannot be read, to find what else is wrong.
        let size = image.as_ref().map(|(image, _)| (image.width, image.height));
        let size = size.or(written.size.map(|(size, _)| size));
        let mut faults = written.faults;
        if let (Some((image, _)), Some((size, position))) = (&image, written.size)
            && size != (image.width, image.height)
        {
            let actual = (image.width, image.height);
            faults.push((position, VocFault::SizeMismatch { written: size, actual }));
        }
        let mut annotations = Vec::new();
        for object in written.objects {
            match self.annotation(&object, size) {
                Ok(annotation) => annotations.push(annotation),
                Err(found) => faults.push(found),
            }
        }
        faults.sort_by_key(|&(position, _)| position);
        problems.extend(faults.into_iter().map(in_xml));
        let spared = problems.iter().all(|problem| problem.fault.spares_the_image());
        let image = image
            .filter(|_| spared)
            .map(|(image, source)| (AnnotatedImage { image, annotations }, source));
        Loaded { image, problems }
    }

    fn written(&self, entry: &Entry<'_>, xml: &Path) -> Result<Written, VocProblem> {
        if !is_plain_name(&entry.id) {
            let fault = VocFault::UnsafeName(entry.id.clone());
            return Err(fault.at(entry.root, &entry.set).position((entry.line, 1)));
        }
        let bytes = fs::read(entry.root.join(xml)).map_err(|error| {
            let missing = error.kind() == ErrorKind::NotFound;
            let fault = if missing {
                VocFault::AnnotationMissing
            } else {
                VocFault::Unreadable(error.to_string())
            };
            fault.at(entry.root, xml)
        })?;
        let text = String::from_utf8(bytes).map_err(|_| VocFault::Xml("not UTF-8".to_owned()).at(entry.root, xml))?;
        document::parse(&text).map_err(|(position, fault)| fault.at(entry.root, xml).position(position))
    }

    fn image(&self, entry: &Entry<'_>, written: &Written, xml: &Path) -> Result<(Image, VocSource), VocProblem> {
        let file = match &written.filename {
            Some((name, position)) if !is_plain_name(name) => {
                return Err(VocFault::UnsafeName(name.clone())
                    .at(entry.root, xml)
                    .position(*position));
            }
            // Some tools leave the extension out.
            Some((name, _)) if Path::new(name).extension().is_none() => format!("{name}.jpg"),
            Some((name, _)) => name.clone(),
            None => format!("{}.jpg", entry.id),
        };
        let inside = Path::new(IMAGES).join(&file);
        let path = entry.root.join(&inside);
        let problem = |fault: VocFault| fault.at(entry.root, &inside);
        let bytes = fs::read(&path).map_err(|error| {
            let missing = error.kind() == ErrorKind::NotFound;
            problem(if missing {
                VocFault::ImageMissing
            } else {
                VocFault::Unreadable(error.to_string())
            })
        })?;
        let (width, height) = image_file::size(&file, &bytes).map_err(problem)?;
        if self.options.check_pixels {
            image_file::check_pixels(&file, &bytes).map_err(problem)?;
        }
        let extension = Path::new(&file)
            .extension()
            .map_or_else(String::new, |e| e.to_string_lossy().into_owned());
        let file = format!("{}.{extension}", entry.name);
        let image = Image {
            id: entry.name.clone(),
            file: file.clone(),
            width,
            height,
            digest: digest(&bytes),
        };
        Ok((image, VocSource { path, file }))
    }

    fn annotation(&self, object: &WrittenObject, size: Option<(u32, u32)>) -> Result<Annotation, document::Found> {
        let Some(&label) = self.labels.get(object.name.as_str()) else {
            let (name, listed) = (object.name.clone(), self.classes.to_vec());
            return Err((object.name_position, VocFault::UnknownClass { name, listed }));
        };
        Ok(Annotation {
            bounds: self
                .bounds(object.corners, size)
                .map_err(|fault| (object.box_position, fault))?,
            label,
            difficult: object.difficult,
            truncated: object.truncated,
            source: object.source,
            score: object.score,
            round: object.round,
        })
    }

    /// Corners as written to a box inside the image. A pixel over the edge is a matter of how one counts; more is not.
    fn bounds(&self, corners: [f64; 4], size: Option<(u32, u32)>) -> Result<BoundingBox, VocFault> {
        let [x_min, y_min, x_max, y_max] = corners;
        let no_area = |[x_min, y_min, x_max, y_max]: [f64; 4]| x_max <= x_min || y_max <= y_min;
        if no_area(corners) {
            return Err(VocFault::BoxWithoutArea(corners));
        }
        let origin = f64::from(self.options.origin);
        let edges = [x_min - origin, y_min - origin, x_max, y_max];
        let Some((width, height)) = size else {
            return Ok(BoundingBox::new(edges));
        };
        let (right, bottom) = (f64::from(width), f64::from(height));
        if edges[0] < -1.0 || edges[1] < -1.0 || edges[2] > right + 1.0 || edges[3] > bottom + 1.0 {
            return Err(VocFault::BoxOutside { corners, width, height });
        }
        let clamped = [
            edges[0].max(0.0),
            edges[1].max(0.0),
            edges[2].min(right),
            edges[3].min(bottom),
        ];
        if no_area(clamped) {
            Err(VocFault::BoxWithoutArea(corners))
        } else {
            Ok(BoundingBox::new(clamped))
        }
    }
}
