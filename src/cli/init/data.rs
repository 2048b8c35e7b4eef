//! What is in a VOC folder, as far as a project must know.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::detection::voc::{self, OnProblem, ReadDataset, ReadError, VocOptions};

/// A VOC folder, looked through.
#[derive(Clone, Debug, Serialize)]
pub(super) struct VocData {
    /// Its path as pipelines name it: relative inside of the project, absolute elsewhere.
    pub(super) root: String,
    /// The set to learn from.
    pub(super) train_set: String,
    /// The set to test on.
    pub(super) test_set: String,
    /// Images of the first.
    pub(super) images: usize,
    /// Images of the second.
    pub(super) test_images: usize,
    /// The classes, sorted.
    pub(super) classes: Vec<String>,
    /// Half of the images have a shorter and a longer side of at most this.
    pub(super) sides: (u32, u32),
    /// How much is wrong with either set.
    pub(super) problems: usize,
}

impl VocData {
    /// Reads annotations and sizes, not pixels.
    pub(super) fn look_at(folder: &Path, project: &Path) -> Result<Self, Failure> {
        let wrong = |error: ReadError| Failure::invalid(error.to_string());
        let roots = [folder.to_path_buf()];
        let sets = voc::common_sets(&roots).map_err(wrong)?;
        let [train_set, test_set] = chosen(&sets).ok_or_else(|| no_sets(folder, &sets))?;
        let read = |set: &str| {
            let options = VocOptions {
                set: set.to_owned(),
                on_problem: OnProblem::Skip,
                check_pixels: false,
                ..VocOptions::default()
            };
            voc::read(&roots, &options, &|| {}).map_err(wrong)
        };
        let (train, test) = (read(&train_set)?, read(&test_set)?);
        Ok(Self {
            root: named_from(project, folder)?,
            images: train.dataset.images.len(),
            test_images: test.dataset.images.len(),
            sides: median_sides(&train),
            problems: train.problems.len() + test.problems.len(),
            classes: train.dataset.classes,
            train_set,
            test_set,
        })
    }
}

/// The set to learn from and the set to test on.
fn chosen(sets: &[String]) -> Option<[String; 2]> {
    let first = |names: &[&'static str]| names.iter().find(|name| sets.iter().any(|set| set == *name)).copied();
    let train = first(&["trainval", "train"])?;
    // `val` is part of `trainval`.
    let test = first(if train == "train" { &["test", "val"] } else { &["test"] })?;
    Some([train.to_owned(), test.to_owned()])
}

fn no_sets(folder: &Path, sets: &[String]) -> Failure {
    let there = if sets.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there is {}", sets.join(", "))
    };
    let message = format!(
        "{}: it needs an image set to learn from (`trainval` or `train`) and one to test on (`test`), and {there}",
        folder.display()
    );
    Failure::invalid(message).hint("a set is a text file with an image's name a line: ImageSets/Main/test.txt")
}

/// The path of the data from the project's folder, where commands are run.
fn named_from(project: &Path, data: &Path) -> Result<String, Failure> {
    let data = fs_err::canonicalize(data)?;
    let inside = fs_err::canonicalize(project)
        .ok()
        .and_then(|project| data.strip_prefix(project).ok().map(PathBuf::from));
    let path = inside.filter(|path| !path.as_os_str().is_empty()).unwrap_or(data);
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::invalid(format!("{}: the path is not UTF-8", path.display())))
}

fn median_sides(read: &ReadDataset) -> (u32, u32) {
    let sides = read
        .dataset
        .images
        .iter()
        .map(|entry| (entry.image.width, entry.image.height));
    let (mut shorter, mut longer): (Vec<u32>, Vec<u32>) = sides.map(|(w, h)| (w.min(h), w.max(h))).unzip();
    let median = |sides: &mut Vec<u32>| {
        sides.sort_unstable();
        sides.get(sides.len() / 2).copied().unwrap_or_default()
    };
    (median(&mut shorter), median(&mut longer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(names: &str) -> Option<[String; 2]> {
        chosen(&names.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn no_image_is_learnt_from_and_tested_on() {
        assert_eq!(sets("test train trainval val").unwrap(), ["trainval", "test"]);
        assert_eq!(sets("train val").unwrap(), ["train", "val"]);
        assert_eq!(sets("test train val").unwrap(), ["train", "test"]);
        assert_eq!(sets("trainval val"), None);
        assert_eq!(sets("trainval"), None);
        assert_eq!(sets(""), None);
    }
}
