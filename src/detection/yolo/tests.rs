//! YOLO folders of the usual layouts, with everything that can be wrong with one.

use std::path::PathBuf;

use fs_err as fs;

use super::*;
use crate::detection::reading::OnProblem;

struct Folder {
    place: tempfile::TempDir,
}

impl Folder {
    /// Images `a` and `b` of 40x30 in the set `train`, `c` in `val`; a box in `a` only.
    fn new() -> Self {
        let folder = Self {
            place: tempfile::tempdir().unwrap(),
        };
        folder.write(
            "data.yaml",
            "path: ../datasets/x\ntrain: images/train\nval: ../images/val\nnames: [cat, dog]\n",
        );
        for name in ["train/a.jpg", "train/b.jpg", "val/c.jpg"] {
            folder.write(&format!("images/{name}"), "");
            image::RgbImage::new(40, 30)
                .save(folder.path(&format!("images/{name}")))
                .unwrap();
        }
        folder.write("labels/train/a.txt", "1 0.5 0.5 0.5 0.2\n\n");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn options(&self, set: &str) -> YoloOptions {
        YoloOptions {
            root: self.place.path().to_path_buf(),
            set: set.to_owned(),
            classes: Vec::new(),
            on_problem: OnProblem::Fail,
            limit: None,
            check_pixels: true,
        }
    }

    fn ids(&self, set: &str) -> Vec<String> {
        let read = read(&self.options(set), &|| {}).unwrap();
        read.dataset.images.into_iter().map(|entry| entry.image.id).collect()
    }

    fn error(&self, set: &str) -> String {
        let error = read(&self.options(set), &|| {}).unwrap_err().to_string();
        error.replace(&format!("{}/", self.place.path().display()), "")
    }
}

#[test]
fn shares_of_the_image_become_pixels_and_no_labels_are_no_objects() {
    let folder = Folder::new();
    let dataset = read(&folder.options("train"), &|| {}).unwrap().dataset;
    assert_eq!(dataset.classes, ["cat", "dog"]);
    let found = &dataset.images[0].annotations;
    assert_eq!(
        (found.len(), found[0].label, found[0].bounds.xyxy()),
        (1, 1, [10.0, 12.0, 30.0, 18.0])
    );
    assert!(dataset.images[1].annotations.is_empty());
}

#[test]
fn sets_are_keys_of_the_file_or_folders_and_all_is_all() {
    let folder = Folder::new();
    assert_eq!(sets(folder.place.path()).unwrap(), ["train", "val"]);
    assert_eq!(folder.ids("train"), ["a", "b"]);
    assert_eq!(folder.ids("all"), ["a", "b", "c"]);
    assert_eq!(
        folder.error("test"),
        "data.yaml: no set `test`; there are train, val; `all` takes every image"
    );
    fs::remove_file(folder.path("data.yaml")).unwrap();
    folder.write("classes.txt", "cat\ndog\n");
    assert_eq!(folder.ids("val"), ["c"]);
    assert_eq!(folder.ids("all"), ["a", "b", "c"]);
    fs::rename(folder.path("images/train/b.jpg"), folder.path("images/val/a.jpg")).unwrap();
    assert_eq!(folder.ids("all"), ["train_a", "val_a", "val_c"]);
}

#[test]
fn a_list_of_images_is_a_set() {
    let folder = Folder::new();
    folder.write("data.yaml", "train: train.txt\nnames: {0: cat, 1: dog}\n");
    folder.write("train.txt", "./images/val/c.jpg\nimages/train/a.jpg\n");
    assert_eq!(folder.ids("train"), ["a", "c"]);
    folder.write("train.txt", "images/val/c.jpg\n/etc/passwd.jpg\n");
    assert_eq!(
        folder.error("train"),
        "train.txt:2:1: `/etc/passwd.jpg` leads out of the dataset's folder"
    );
}

#[test]
fn every_fault_is_told_with_its_line() {
    let folder = Folder::new();
    for (line, message) in [
        (
            "0 0.5 0.5 0.5",
            "`0 0.5 0.5 0.5` is not a class and four numbers, nor a class and a polygon",
        ),
        ("2 0.5 0.5 0.5 0.5", "class `2` is not in the list of classes: cat, dog"),
        ("0 0.5 0.5 0 0.5", "box has no area: (20, 7.5) to (20, 22.5)"),
        (
            "0 0.9 0.5 0.5 0.5",
            "box (26, 7.5) to (46, 22.5) reaches outside its image of 40x30",
        ),
    ] {
        folder.write("labels/train/a.txt", &format!("1 0.5 0.5 0.1 0.1\n{line}\n"));
        assert_eq!(folder.error("train"), format!("labels/train/a.txt:2:1: {message}"));
    }
    folder.write("images/train/a.jpg", "no image");
    assert!(
        folder
            .error("train")
            .contains("images/train/a.jpg: image is neither JPEG nor PNG")
    );
    folder.write("data.yaml", "nc: 1\nnames: 3");
    assert_eq!(
        folder.error("train"),
        "data.yaml:2:1: `names` is neither a list nor a mapping of numbers to names"
    );
    folder.write("data.yaml", "names: [a, a]\ntrain: images/train");
    assert_eq!(folder.error("train"), "data.yaml: class `a` is listed twice");
    fs::remove_file(folder.path("data.yaml")).unwrap();
    assert!(
        folder
            .error("train")
            .ends_with("not a YOLO folder: it has neither `data.yaml` nor `classes.txt`")
    );
}

#[test]
fn a_list_of_classes_chooses_their_order() {
    let folder = Folder::new();
    let options = |classes: [&str; 1]| YoloOptions {
        classes: classes.map(str::to_owned).to_vec(),
        ..folder.options("train")
    };
    let dog = read(&options(["dog"]), &|| {}).unwrap().dataset;
    assert_eq!(dog.images[0].annotations[0].label, 0);
    let error = read(&options(["cat"]), &|| {}).unwrap_err().to_string();
    assert!(
        error.ends_with("class `dog` is not in the list of classes: cat"),
        "{error}"
    );
}
