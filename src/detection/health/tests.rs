//! A dataset with one of everything.

use std::path::Path;

use fs_err as fs;
use image::{Rgb, RgbImage};

use super::*;
use crate::detection::folder::{self, FolderOptions, Format};
use crate::detection::reading::OnProblem;

fn colourful(shade: u8) -> RgbImage {
    RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8, y as u8, shade]))
}

fn look(root: &Path) -> Health {
    let options = FolderOptions {
        set: None,
        classes: Vec::new(),
        origin: 1,
        on_problem: OnProblem::Keep,
        check_pixels: false,
    };
    examine(&folder::read(root, Format::Yolo, &options, &|| {}).unwrap(), &|| {})
}

/// Kind, image and message of each finding.
fn told(health: &Health) -> Vec<String> {
    let line = |finding: &Finding| {
        let image = finding.image.as_deref().unwrap_or("-");
        format!("{} {image}: {}", finding.kind.name(), finding.message)
    };
    health.findings.iter().map(line).collect()
}

fn folder() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for folder in ["images", "labels"] {
        fs::create_dir_all(place.path().join(folder)).unwrap();
    }
    fs::write(place.path().join("classes.txt"), "cat\ndog\nbird\n").unwrap();
    place
}

#[test]
fn one_of_everything_is_found() {
    let place = folder();
    let image = |name: &str| place.path().join("images").join(name);
    let labels = |name: &str, text: &str| fs::write(place.path().join("labels").join(name), text).unwrap();
    colourful(1).save(image("a.png")).unwrap();
    labels(
        "a.txt",
        "0 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.5 0.51\n9 0.5 0.5 0.5 0.5\n",
    );
    fs::copy(image("a.png"), image("b.png")).unwrap();
    labels("b.txt", "1 0.9 0.5 0.5 0.5\n1 0.5 0.5 0 0.5\nnonsense\n");
    let mut bytes = fs::read(image("a.png")).unwrap();
    bytes.extend_from_slice(b"other bytes, the same pixels");
    fs::write(image("c.png"), bytes).unwrap();
    RgbImage::from_pixel(40, 30, Rgb([7; 3])).save(image("d.png")).unwrap();
    let whole = fs::read(image("d.png")).unwrap();
    fs::write(image("e.png"), &whole[..whole.len() - 9]).unwrap();
    let health = look(place.path());
    let expected = [
        "unreadable-file b: `nonsense` is not a class and four numbers, nor a class and a polygon",
        "unreadable-image e: image is truncated",
        "unknown-class a: class `9` is not in the list of classes: cat, dog, bird",
        "box-outside b: box (26, 7.5) to (46, 22.5) reaches outside its image of 40x30",
        "box-without-area b: box has no area: (20, 7.5) to (20, 22.5)",
        "duplicate-box a: two boxes of class `cat` at (10, 7.5) to (30, 22.5)",
        "duplicate-box a: boxes of classes `cat` and `dog` at (10, 7.35) to (30, 22.65)",
        "duplicate-image b: it has the same bytes as `a`",
        "duplicate-pixels c: it has the same pixels as `a`",
        "empty-image c: it has no objects",
        "empty-image d: it has no objects",
        "empty-image e: it has no objects",
        "grey-image d: it has no colour",
        "class-without-boxes -: no box has the class `bird`",
    ];
    assert_eq!(told(&health), expected);
    assert_eq!((health.faults(), health.counts["duplicate-box"]), (9, 2));
    let position = health.findings[0].position;
    assert_eq!(
        (health.findings[0].file.as_deref(), position),
        (Some("labels/b.txt"), Some((3, 1)))
    );
    let dog = &health.classes[1];
    assert_eq!((dog.boxes, dog.images), (3, 2), "boxes that are wrong are counted");
}

#[test]
fn an_image_to_be_turned_is_told_of() {
    let place = folder();
    let mut bytes = std::io::Cursor::new(Vec::new());
    colourful(1).write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    let bytes = bytes.into_inner();
    // An EXIF segment with one entry: orientation 6, which is to be turned by 90 degrees.
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = vec![0xff, 0xd8, 0xff, 0xe1, 0, exif.len() as u8 + 2];
    turned.extend_from_slice(exif);
    turned.extend_from_slice(&bytes[2..]);
    fs::write(place.path().join("images/a.jpg"), turned).unwrap();
    let health = look(place.path());
    assert!(
        told(&health)[0].starts_with("exif-orientation a: its EXIF says that it is to be turned by 90 degrees"),
        "{:?}",
        told(&health)
    );
    assert_eq!(health.faults(), 0, "nothing of this is a fault");
}

#[test]
fn sizes_of_boxes_are_told_by_their_quantiles() {
    let place = folder();
    RgbImage::new(400, 300).save(place.path().join("images/a.png")).unwrap();
    let boxes = [0.05, 0.1, 0.2, 0.5].map(|share| format!("0 0.5 0.5 {share} {share}\n"));
    fs::write(place.path().join("labels/a.txt"), boxes.concat()).unwrap();
    let sizes = look(place.path()).sizes;
    assert_eq!((sizes.small, sizes.medium, sizes.large), (1, 2, 1));
    let share = sizes.share.unwrap();
    assert!((share[0] - 0.0025).abs() < 1e-9 && (share[6] - 0.25).abs() < 1e-9);
    assert!(
        sizes
            .aspect
            .unwrap()
            .iter()
            .all(|aspect| (aspect - 4.0 / 3.0).abs() < 1e-9)
    );
}

#[test]
fn every_kind_is_listed_once_and_by_its_own_name() {
    let names: Vec<String> = FindingKind::ALL
        .iter()
        .map(|kind| serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, FindingKind::ALL.map(FindingKind::name));
    assert!(FindingKind::ALL.is_sorted());
}

#[test]
fn a_thumbnail_is_small_and_keeps_its_sides_ratio() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.png");
    RgbImage::new(400, 300).save(&path).unwrap();
    let small = thumbnail(&path, 100).unwrap();
    assert_eq!((small.width, small.height), (100, 75));
    assert_eq!(image::load_from_memory(&small.jpeg).unwrap().width(), 100);
    assert_eq!(
        thumbnail(&path, 1000).unwrap().width,
        400,
        "a small image is not made larger"
    );
    assert!(thumbnail(&place.path().join("no.png"), 100).is_none());
}
