//! Instances files with everything that can be wrong with one.

use std::path::PathBuf;

use fs_err as fs;

use super::*;
use crate::detection::BoundingBox;
use crate::detection::reading::{OnProblem, ReadDataset};

struct Folder {
    place: tempfile::TempDir,
}

impl Folder {
    /// `instances.json` with this text, and images `a.jpg` and `sub/b.jpg` of 40x30.
    fn new(text: &str) -> Self {
        let folder = Self {
            place: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(folder.path("images/sub")).unwrap();
        for name in ["images/a.jpg", "images/sub/b.jpg"] {
            image::RgbImage::new(40, 30).save(folder.path(name)).unwrap();
        }
        fs::write(folder.path("instances.json"), text).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn options(&self) -> CocoOptions {
        CocoOptions {
            annotations: self.path("instances.json"),
            images: self.path("images"),
            classes: Vec::new(),
            on_problem: OnProblem::Fail,
            limit: None,
            check_pixels: true,
        }
    }

    fn read(&self) -> ReadDataset {
        read(&self.options(), &|| {}).unwrap()
    }

    fn error(&self) -> String {
        let error = read(&self.options(), &|| {}).unwrap_err().to_string();
        error.replace(&format!("{}/", self.place.path().display()), "")
    }
}

/// A file with these annotations, a line each from line 4 on.
fn file(annotations: &[&str]) -> String {
    format!(
        r#"{{"images": [{{"id": 9, "file_name": "a.jpg", "width": 40, "height": 30}}, {{"id": 2, "file_name": "sub/b.jpg"}}],
"categories": [{{"id": 7, "name": "dog"}}, {{"id": 3, "name": "cat"}}],
"annotations": [
{}]}}"#,
        annotations.join(",\n")
    )
}

#[test]
fn images_and_classes_go_by_ascending_id_and_crowds_are_difficult() {
    let folder = Folder::new(&file(&[
        r#"{"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "area": 7.5, "segmentation": [[1, 2, 4, 2, 4, 6]]}"#,
        r#"{"image_id": 2, "category_id": 3, "bbox": [0, 0, 40, 30.5], "iscrowd": 1, "segmentation": {"counts": [3, 4], "size": [30, 40]}}"#,
    ]));
    let dataset = folder.read().dataset;
    assert_eq!(dataset.classes, ["cat", "dog"]);
    let [first, second] = &dataset.images[..] else {
        panic!("two images")
    };
    assert_eq!((first.image.id.as_str(), first.image.file.as_str()), ("b", "b.jpg"));
    let crowd = &first.annotations[0];
    assert_eq!((crowd.difficult, crowd.marks.crowd, crowd.label), (true, true, 0));
    assert_eq!(
        crowd.bounds,
        BoundingBox::new([0.0, 0.0, 40.0, 30.0]),
        "less than a pixel over the edge is cut"
    );
    let dog = &second.annotations[0];
    assert_eq!(
        (dog.bounds.xyxy(), dog.label, dog.marks.area),
        ([1.0, 2.0, 4.0, 6.0], 1, Some(7.5))
    );
}

#[test]
fn every_fault_is_told_with_its_line() {
    let good = r#"{"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4]}"#;
    let cases = [
        (r#"{"image_id": 9, "category_id": 7}"#, "`annotations[1]` has no `bbox`"),
        (
            r#"{"image_id": 9, "category_id": 7, "bbox": [1, 2, -3, 4]}"#,
            "`annotations[1]` has the `bbox` [1.0, 2.0, -3.0, 4.0], not x, y, width and height",
        ),
        (
            r#"{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}"#,
            "`annotations[1]`: there is no category with the id 1",
        ),
        (
            r#"{"image_id": 8, "category_id": 7, "bbox": [1, 2, 3, 4]}"#,
            "`annotations[1]`: there is no image with the id 8",
        ),
        (
            r#"{"image_id": 9, "category_id": 7, "bbox": [1, 2, 0, 4]}"#,
            "box has no area: (1, 2) to (1, 6)",
        ),
        (
            r#"{"image_id": 2, "category_id": 7, "bbox": [1, 2, 41, 4]}"#,
            "box (1, 2) to (42, 6) reaches outside its image of 40x30",
        ),
    ];
    for (annotation, message) in cases {
        let folder = Folder::new(&file(&[good, annotation]));
        assert_eq!(folder.error(), format!("instances.json:5:1: {message}"));
    }
    let text = file(&[good]);
    assert_eq!(
        Folder::new(&text.replace("\"width\": 40", "\"width\": 41")).error(),
        "instances.json:1:13: the annotation says 41x30, the image is 40x30"
    );
    let outside = Folder::new(&text.replace("a.jpg", "../a.jpg")).error();
    assert!(
        outside.starts_with("instances.json:1:13: `../a.jpg` is not a plain file name"),
        "{outside}"
    );
    assert_eq!(
        Folder::new(&text.replace("a.jpg", "no.jpg")).error(),
        "images/no.jpg: image is missing"
    );
    assert_eq!(
        Folder::new(&text.replace("\"id\": 2", "\"id\": 9")).error(),
        "instances.json:1:73: `images[1]` has the id 9 of another"
    );
    let malformed = Folder::new(&text.replace("9, \"cat", "[], \"cat")).error();
    assert!(malformed.starts_with("instances.json:4:"), "{malformed}");
    assert!(malformed.contains("not the JSON expected: invalid type"), "{malformed}");
}

#[test]
fn skipping_leaves_the_image_out_and_of_a_box_without_area_only_the_box() {
    let folder = Folder::new(&file(&[
        r#"{"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 0]}"#,
        r#"{"image_id": 2, "category_id": 7, "bbox": [1, 2, 99, 4]}"#,
    ]));
    let options = |on_problem| CocoOptions {
        on_problem,
        ..folder.options()
    };
    let skipped = read(&options(OnProblem::Skip), &|| {}).unwrap();
    assert_eq!(
        (
            skipped.dataset.images.len(),
            skipped.skipped_images,
            skipped.skipped_boxes
        ),
        (1, 1, 1)
    );
    let kept = read(&options(OnProblem::Keep), &|| {}).unwrap();
    let boxes: usize = kept.dataset.images.iter().map(|entry| entry.annotations.len()).sum();
    assert_eq!((kept.dataset.images.len(), boxes, kept.problems.len()), (2, 2, 2));
    assert_eq!(kept.problems[0].image.as_deref(), Some("b"));
}

#[test]
fn the_usual_layouts_are_found() {
    let folder = Folder::new(&file(&[]));
    let found = find(folder.place.path());
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].name.as_str(), &found[0].images),
        ("instances", &folder.path("images"))
    );
    fs::create_dir_all(folder.path("annotations")).unwrap();
    fs::rename(
        folder.path("instances.json"),
        folder.path("annotations/instances_val.json"),
    )
    .unwrap();
    fs::rename(folder.path("images"), folder.path("val")).unwrap();
    fs::write(folder.path("other.json"), "{\"images\": 3}").unwrap();
    let found = find(folder.place.path());
    assert_eq!((found.len(), &found[0].images), (1, &folder.path("val")));
}

#[test]
fn a_limit_takes_so_many_of_the_set() {
    let folder = Folder::new(&file(&[r#"{"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4]}"#]));
    let options = CocoOptions {
        limit: Some(1),
        ..folder.options()
    };
    let read = read(&options, &|| {}).unwrap();
    assert_eq!(
        (read.dataset.images.len(), read.dataset.images[0].image.id.as_str()),
        (1, "b")
    );
}
