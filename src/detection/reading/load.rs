//! From images with their annotations and problems to a dataset, or to the list of all that is wrong.

use std::io::ErrorKind;
use std::path::PathBuf;

use fs_err as fs;

use super::{Fault, Problem, ReadError, digest, image_file};
use crate::detection::{AnnotatedImage, BoundingBox, Dataset, Image};

/// What happens to an image with a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnProblem {
    /// Nothing is read; all problems are reported.
    Fail,
    /// The image is left out; of a box without area only the box.
    Skip,
    /// Whatever can be had is kept, boxes outside of their image included: to look at a dataset, not to learn from it.
    Keep,
}

/// Where an image of the dataset lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSource {
    /// The file to copy.
    pub path: PathBuf,
    /// Its name in the dataset's folder of images.
    pub file: String,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct ReadDataset {
    /// The dataset.
    pub dataset: Dataset,
    /// The files of its images, in the same order.
    pub sources: Vec<ImageSource>,
    /// Number of folders it was read from.
    pub roots: usize,
    /// Images that the set lists and the dataset has not.
    pub skipped_images: usize,
    /// Boxes left out of images that are in the dataset.
    pub skipped_boxes: usize,
    /// Why, in the order of the set.
    pub problems: Vec<Problem>,
}

/// What became of an image that is listed.
#[derive(Debug)]
pub(in crate::detection) struct Loaded {
    /// The image, unless a problem was too bad for that.
    pub(in crate::detection) image: Option<(AnnotatedImage, ImageSource)>,
    /// What is wrong with it.
    pub(in crate::detection) problems: Vec<Problem>,
}

impl Loaded {
    /// An image with its problems, which are about it. It is left out if one of them is too bad.
    pub(in crate::detection) fn new(
        id: &str,
        image: Option<(AnnotatedImage, ImageSource)>,
        mut problems: Vec<Problem>,
        on_problem: OnProblem,
    ) -> Self {
        let spared = problems.iter().all(|problem| problem.fault.spares_the_image());
        for problem in &mut problems {
            problem.image = Some(id.to_owned());
        }
        Self {
            image: image.filter(|_| spared || on_problem == OnProblem::Keep),
            problems,
        }
    }
}

impl ReadDataset {
    /// All images as a dataset. `problems` are those of the listing, before those of the images.
    ///
    /// # Errors
    /// When there are problems and `on_problem` says so, or when no image is left.
    pub(in crate::detection) fn new(
        classes: Vec<String>,
        read: Vec<Loaded>,
        mut problems: Vec<Problem>,
        on_problem: OnProblem,
    ) -> Result<Self, ReadError> {
        let listed = read.len();
        let (mut images, mut sources, mut skipped_boxes) = (Vec::new(), Vec::new(), 0);
        for loaded in read {
            if let Some((image, source)) = loaded.image {
                skipped_boxes += loaded.problems.len();
                images.push(image);
                sources.push(source);
            }
            problems.extend(loaded.problems);
        }
        let failed = match on_problem {
            OnProblem::Fail => true,
            OnProblem::Skip => images.is_empty(),
            OnProblem::Keep => false,
        };
        if failed && !problems.is_empty() {
            return Err(ReadError { problems });
        }
        Ok(Self {
            roots: 1,
            skipped_images: listed - images.len(),
            skipped_boxes,
            dataset: Dataset { classes, images },
            sources,
            problems,
        })
    }
}

/// Opens an image file. `id` is its name in the dataset, where its file is called so as well.
///
/// # Errors
/// When it is not there, is neither JPEG nor PNG, or is damaged as far as that is looked at.
pub(in crate::detection) fn image(
    path: PathBuf,
    id: &str,
    check_pixels: bool,
) -> Result<(AnnotatedImage, ImageSource), Fault> {
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Fault::ImageMissing,
        _ => Fault::Unreadable(error.to_string()),
    })?;
    let (width, height) = image_file::size(&name, &bytes)?;
    if check_pixels {
        image_file::check_pixels(&name, &bytes)?;
    }
    let file = format!("{id}{}", super::extension_of(&name));
    let image = Image {
        id: id.to_owned(),
        file: file.clone(),
        width,
        height,
        digest: digest(&bytes),
    };
    let annotations = Vec::new();
    Ok((AnnotatedImage { image, annotations }, ImageSource { path, file }))
}

/// A box inside its image. A pixel over the edge is a matter of how one counts; more is not. `written` is told when it is wrong.
///
/// # Errors
/// When the box has no area or reaches outside.
pub(in crate::detection) fn place(
    edges: [f64; 4],
    written: [f64; 4],
    size: Option<(u32, u32)>,
) -> Result<BoundingBox, Fault> {
    let no_area = |[x_min, y_min, x_max, y_max]: [f64; 4]| x_max <= x_min || y_max <= y_min;
    if no_area(written) || no_area(edges) {
        return Err(Fault::BoxWithoutArea(written));
    }
    let Some((width, height)) = size else {
        return Ok(BoundingBox::new(edges));
    };
    let (right, bottom) = (f64::from(width), f64::from(height));
    if edges[0] < -1.0 || edges[1] < -1.0 || edges[2] > right + 1.0 || edges[3] > bottom + 1.0 {
        let corners = written;
        return Err(Fault::BoxOutside { corners, width, height });
    }
    let clamped = [
        edges[0].max(0.0),
        edges[1].max(0.0),
        edges[2].min(right),
        edges[3].min(bottom),
    ];
    if no_area(clamped) {
        Err(Fault::BoxWithoutArea(written))
    } else {
        Ok(BoundingBox::new(clamped))
    }
}
