//! Whole folders: layouts, and every problem that a folder can have.

use std::path::{Path, PathBuf};

use fs_err as fs;
use image::{ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;

use super::write_annotations_from;
use super::{OnProblem, ReadDataset, ReadError, VocOptions, read, write_annotations};
use crate::detection::{AnnotatedImage, Annotation, BoundingBox, Dataset, Image, Marks, Source};

/// A VOC folder in the making.
struct Folder {
    place: tempfile::TempDir,
    root: PathBuf,
}

fn object(class: &str, corners: [f64; 4]) -> String {
    let [a, b, c, d] = corners;
    format!(
        "<object><name>{class}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox>\
         </object>\n"
    )
}

fn annotation(id: &str, objects: &str) -> String {
    let size = "<size><width>40</width><height>30</height><depth>3</depth></size>";
    format!("<annotation>\n<filename>{id}.jpg</filename>\n{size}\n{objects}</annotation>\n")
}

impl Folder {
    /// `VOC2007` with images `a` and `b` of 40x30, a cat each, in the set `trainval`.
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("VOC2007");
        let folder = Self { place, root };
        for id in ["a", "b"] {
            folder.image(id);
            folder.xml(id, &annotation(id, &object("cat", [1.0, 1.0, 10.0, 20.0])));
        }
        folder.write("ImageSets/Main/trainval.txt", "b\na\n");
        folder
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn xml(&self, id: &str, text: &str) {
        self.write(&format!("Annotations/{id}.xml"), text);
    }

    fn image(&self, id: &str) {
        self.write(&format!("JPEGImages/{id}.jpg"), jpeg());
    }

    fn read(&self, options: &VocOptions) -> Result<ReadDataset, ReadError> {
        read(std::slice::from_ref(&self.root), options, &|| {})
    }

    /// The problems, without the root, as `fail` reports them.
    fn problems(&self) -> Vec<String> {
        let error = self.read(&VocOptions::default()).unwrap_err();
        let root = format!("{}/", self.root.display());
        error
            .problems
            .iter()
            .map(|problem| problem.to_string().replace(&root, ""))
            .collect()
    }

    /// Ids kept, images skipped, boxes skipped.
    fn skipping(&self) -> (Vec<String>, usize, usize) {
        let read = self
            .read(&VocOptions {
                on_problem: OnProblem::Skip,
                ..VocOptions::default()
            })
            .unwrap();
        (ids(&read.dataset), read.skipped_images, read.skipped_boxes)
    }
}

fn jpeg() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8, y as u8, 99]));
    image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

fn ids(dataset: &Dataset) -> Vec<String> {
    dataset.images.iter().map(|entry| entry.image.id.clone()).collect()
}

fn edges(dataset: &Dataset, image: usize) -> Vec<[f64; 4]> {
    dataset.images[image]
        .annotations
        .iter()
        .map(|annotation| annotation.bounds.xyxy())
        .collect()
}

#[test]
fn corners_counted_from_one_become_continuous_edges() {
    let read = Folder::new().read(&VocOptions::default()).unwrap();
    assert_eq!(ids(&read.dataset), ["b", "a"], "the order of the set");
    assert_eq!(edges(&read.dataset, 0), [[0.0, 0.0, 10.0, 20.0]]);
    let image = &read.dataset.images[0].image;
    assert_eq!((image.width, image.height, image.file.as_str()), (40, 30, "b.jpg"));
    assert_eq!(image.digest, blake3::hash(&jpeg()).to_hex().to_string());
}

#[test]
fn corners_counted_from_zero_are_taken_as_they_are() {
    let read = Folder::new()
        .read(&VocOptions {
            origin: 0,
            ..VocOptions::default()
        })
        .unwrap();
    assert_eq!(edges(&read.dataset, 0), [[1.0, 1.0, 10.0, 20.0]]);
}

#[test]
fn a_pixel_over_the_edge_is_clamped_and_more_is_a_problem() {
    let folder = Folder::new();
    folder.xml("a", &annotation("a", &object("cat", [0.0, 0.0, 41.0, 31.0])));
    let read = folder.read(&VocOptions::default()).unwrap();
    assert_eq!(edges(&read.dataset, 1), [[0.0, 0.0, 40.0, 30.0]]);
    folder.xml("a", &annotation("a", &object("cat", [1.0, 1.0, 41.5, 30.0])));
    assert_eq!(
        folder.problems(),
        ["Annotations/a.xml:4:25: box (1, 1) to (41.5, 30) reaches outside its image of 40x30"]
    );
    assert_eq!(folder.skipping(), (vec!["b".to_owned()], 1, 0));
}

#[test]
fn a_box_without_area_costs_only_the_box_when_skipping() {
    let folder = Folder::new();
    let objects = object("cat", [5.0, 5.0, 5.0, 5.0]) + &object("cat", [9.0, 5.0, 7.0, 8.0]) + &object("cat", [1.0; 4]);
    let objects = objects + &object("cat", [1.0, 1.0, 2.0, 2.0]);
    folder.xml("a", &annotation("a", &objects));
    assert_eq!(folder.problems().len(), 3);
    assert_eq!(
        folder.problems()[1],
        "Annotations/a.xml:5:25: box has no area: (9, 5) to (7, 8)"
    );
    assert_eq!(folder.skipping(), (vec!["b".to_owned(), "a".to_owned()], 0, 3));
}

#[test]
fn a_class_that_is_not_in_the_list_is_a_problem() {
    let folder = Folder::new();
    folder.xml("a", &annotation("a", &object("cta", [1.0, 1.0, 10.0, 20.0])));
    let options = VocOptions {
        classes: vec!["cat".to_owned(), "dog".to_owned()],
        ..VocOptions::default()
    };
    let error = folder.read(&options).unwrap_err().to_string();
    assert!(
        error.ends_with("a.xml:4:9: class `cta` is not in the list of classes: cat, dog"),
        "{error}"
    );
}

#[test]
fn classes_come_sorted_from_the_files_of_all_sets() {
    let folder = Folder::new();
    folder.xml(
        "of another set",
        &annotation("c", &object("bird", [1.0, 1.0, 10.0, 20.0])),
    );
    folder.xml("damaged", "<annotation><object>");
    let read = folder.read(&VocOptions::default()).unwrap();
    assert_eq!(read.dataset.classes, ["bird", "cat"]);
    assert_eq!(read.dataset.images[0].annotations[0].label, 1);
}

#[test]
fn malformed_xml_is_a_problem_with_its_place() {
    let folder = Folder::new();
    folder.xml("a", "<annotation>\n<object></annotation>");
    let expected = "Annotations/a.xml:2:9: malformed XML: expected 'object' tag, not 'annotation'";
    assert_eq!(folder.problems(), [expected]);
    folder.write("Annotations/a.xml", [b'<', 0xff]);
    assert_eq!(folder.problems(), ["Annotations/a.xml: malformed XML: not UTF-8"]);
}

#[test]
fn file_names_that_lead_elsewhere_are_refused() {
    let folder = Folder::new();
    for name in [
        "../VOC2007/JPEGImages/a.jpg",
        "/etc/passwd",
        "sub/a.jpg",
        "..\\a.jpg",
        "..",
    ] {
        let text = annotation("a", "").replace("a.jpg", name);
        folder.xml("a", &text);
        let expected = format!(
            "Annotations/a.xml:2:1: `{name}` is not a plain file name: folders, `..` and absolute paths are refused"
        );
        assert_eq!(folder.problems(), [expected]);
    }
    folder.image("a");
    folder.write("ImageSets/Main/trainval.txt", "b\n../a\n");
    let problem = &folder.problems()[0];
    assert!(
        problem.starts_with("ImageSets/Main/trainval.txt:2:1: `../a` is not a plain file name"),
        "{problem}"
    );
}

#[test]
fn a_missing_file_name_means_the_id() {
    let folder = Folder::new();
    folder.xml("a", "<annotation></annotation>");
    folder.xml("b", "<annotation><filename>a</filename></annotation>");
    let read = folder.read(&VocOptions::default()).unwrap();
    let files: Vec<&Path> = read.sources.iter().map(|source| source.path.as_path()).collect();
    let a = folder.root.join("JPEGImages/a.jpg");
    assert_eq!(
        files,
        [a.as_path(), a.as_path()],
        "without extension, and without any name"
    );
    assert_eq!(
        read.sources[0].file, "b.jpg",
        "in the dataset an image is named by its id"
    );
}

#[test]
fn missing_images_and_annotations_are_problems() {
    let folder = Folder::new();
    folder.write("ImageSets/Main/trainval.txt", "a\nb\nc\n");
    fs::remove_file(folder.root.join("JPEGImages/a.jpg")).unwrap();
    assert_eq!(
        folder.problems(),
        [
            "JPEGImages/a.jpg: image is missing",
            "Annotations/c.xml: annotation is missing"
        ]
    );
    assert_eq!(folder.skipping(), (vec!["b".to_owned()], 2, 0));
}

#[test]
fn a_truncated_jpeg_is_a_problem_unless_images_are_not_checked() {
    let folder = Folder::new();
    let bytes = jpeg();
    folder.write("JPEGImages/a.jpg", &bytes[..bytes.len() - 30]);
    assert_eq!(folder.problems(), ["JPEGImages/a.jpg: image is truncated"]);
    assert!(
        folder
            .read(&VocOptions {
                check_pixels: false,
                ..VocOptions::default()
            })
            .is_ok()
    );
}

#[test]
fn an_image_of_another_format_is_a_problem() {
    let folder = Folder::new();
    folder.write("JPEGImages/a.jpg", b"BM not a jpeg at all");
    assert_eq!(
        folder.problems(),
        ["JPEGImages/a.jpg: image is Bmp, neither JPEG nor PNG"]
    );
}

#[test]
fn a_size_other_than_the_images_is_a_problem_and_none_is_not() {
    let folder = Folder::new();
    let text = annotation("a", "");
    folder.xml(
        "a",
        &text
            .replace("<width>40", "<width>30")
            .replace("<height>30", "<height>40"),
    );
    assert_eq!(
        folder.problems(),
        ["Annotations/a.xml:3:1: the annotation says 30x40, the image is 40x30"]
    );
    folder.xml("a", &text.replace("<width>40", "<width>0"));
    assert!(folder.read(&VocOptions::default()).is_ok());
}

#[test]
fn an_id_listed_twice_is_a_problem_and_is_taken_once() {
    let folder = Folder::new();
    folder.write("ImageSets/Main/trainval.txt", "a\nb\n\na\n");
    assert_eq!(
        folder.problems(),
        ["ImageSets/Main/trainval.txt:4:1: image `a` is listed twice"]
    );
    assert_eq!(folder.skipping(), (vec!["a".to_owned(), "b".to_owned()], 0, 0));
}

#[test]
fn a_set_that_is_not_there_is_named_with_those_there_are() {
    let folder = Folder::new();
    for set in ["test", "cat_test"] {
        folder.write(&format!("ImageSets/Main/{set}.txt"), "a\n");
    }
    let error = folder
        .read(&VocOptions {
            set: "vla".to_owned(),
            ..VocOptions::default()
        })
        .unwrap_err()
        .to_string();
    let expected =
        "ImageSets/Main: no image set `vla`; there are test, trainval; `all` takes every file in Annotations";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn the_set_all_takes_every_annotation_file() {
    let folder = Folder::new();
    fs::remove_dir_all(folder.root.join("ImageSets")).unwrap();
    let read = folder
        .read(&VocOptions {
            set: "all".to_owned(),
            ..VocOptions::default()
        })
        .unwrap();
    assert_eq!(ids(&read.dataset), ["a", "b"]);
    assert!(
        folder
            .read(&VocOptions::default())
            .unwrap_err()
            .to_string()
            .contains("there are none: `all`")
    );
}

#[test]
fn a_set_of_one_class_lists_the_images_that_have_it() {
    let folder = Folder::new();
    folder.write("ImageSets/Main/cat_train.txt", "a  1\nb -1\n");
    let options = VocOptions {
        set: "cat_train".to_owned(),
        ..VocOptions::default()
    };
    assert_eq!(ids(&folder.read(&options).unwrap().dataset), ["a"]);
    folder.write("ImageSets/Main/cat_train.txt", "a  1\nb  2\n");
    let error = folder.read(&options).unwrap_err().to_string();
    assert!(
        error.ends_with("cat_train.txt:2:1: `b  2` is neither an image id nor an id with -1, 0 or 1"),
        "{error}"
    );
}

#[test]
fn all_problems_are_reported_at_once_the_first_twenty_in_words() {
    let folder = Folder::new();
    let objects: String = (0..25).map(|_| object("cat", [5.0; 4])).collect();
    folder.xml("a", &annotation("a", &objects));
    folder.xml("b", "");
    let text = folder.read(&VocOptions::default()).unwrap_err().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len(), lines[21]), ("26 problems", 22, "  and 6 more"));
    assert!(
        lines[1].contains("b.xml:1:1: malformed XML"),
        "in the order of the set: {}",
        lines[1]
    );
}

#[test]
fn skipping_everything_is_an_error() {
    let folder = Folder::new();
    folder.xml("a", "");
    folder.xml("b", "");
    let skip = VocOptions {
        on_problem: OnProblem::Skip,
        ..VocOptions::default()
    };
    assert_eq!(folder.read(&skip).unwrap_err().problems.len(), 2);
}

#[test]
fn a_limit_takes_images_from_all_over_the_set() {
    let folder = Folder::new();
    for id in ["c", "d"] {
        folder.image(id);
        folder.xml(id, &annotation(id, &object("dog", [1.0, 1.0, 10.0, 20.0])));
    }
    folder.write("ImageSets/Main/trainval.txt", "b\na\nd\nc\n");
    let read = folder
        .read(&VocOptions {
            limit: Some(2),
            ..VocOptions::default()
        })
        .unwrap();
    assert_eq!(ids(&read.dataset), ["b", "d"]);
}

#[test]
fn the_folder_above_reads_as_all_the_folders_in_it() {
    let folder = Folder::new();
    let copy = |name: &str, id: &str| {
        let other = Folder {
            place: tempfile::tempdir().unwrap(),
            root: folder.place.path().join(name),
        };
        other.image(id);
        other.xml(id, &annotation(id, &object("dog", [2.0, 2.0, 4.0, 4.0])));
        other.write("ImageSets/Main/trainval.txt", format!("{id}\n"));
    };
    let above = [folder.place.path().to_path_buf()];
    copy("VOC2012", "c");
    let both = read(&above, &VocOptions::default(), &|| {}).unwrap();
    assert_eq!(ids(&both.dataset), ["b", "a", "c"]);
    assert_eq!(both.dataset.classes, ["cat", "dog"], "classes are united");

    copy("VOC2012", "a");
    let clash = read(&above, &VocOptions::default(), &|| {}).unwrap();
    assert_eq!(ids(&clash.dataset), ["VOC2007_b", "VOC2007_a", "VOC2012_a"]);
    assert_eq!(clash.sources[2].file, "VOC2012_a.jpg");
    assert_eq!(edges(&clash.dataset, 2), [[1.0, 1.0, 4.0, 4.0]]);

    let twice = [folder.root.clone(), folder.place.path().join("VOC2012/../VOC2007")];
    let error = read(&twice, &VocOptions::default(), &|| {}).unwrap_err().to_string();
    assert!(error.ends_with("the folder is given twice"), "{error}");
}

#[test]
fn a_folder_without_annotations_is_no_voc_folder() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(&[folder.path().to_path_buf()], &VocOptions::default(), &|| {})
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("not a VOC folder: neither it nor a folder in it has `Annotations`"),
        "{error}"
    );
    let error = read(&[folder.path().join("no")], &VocOptions::default(), &|| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

fn pixel_annotation() -> impl Strategy<Value = Annotation> {
    let sides = (0_u8..30, 0_u8..20, 1.5..9.0_f64, 1.5..9.0_f64);
    let model = prop::option::of((0.0..1.0_f64, any::<u32>()));
    let marks = (
        prop::option::of("(Left|Right|Frontal|R & D <x>)"),
        prop::option::of(any::<bool>()),
    );
    (sides, 0_u32..2, any::<bool>(), any::<bool>(), model, marks).prop_map(
        |((x, y, w, h), label, difficult, truncated, model, (pose, occluded))| {
            let (x, y) = (f64::from(x), f64::from(y));
            Annotation {
                bounds: BoundingBox::new([x, y, x + w, y + h]),
                label,
                difficult,
                truncated,
                source: if model.is_some() { Source::Model } else { Source::Human },
                score: model.map(|(score, _)| score),
                round: model.map(|(_, round)| round),
                marks: Marks {
                    pose,
                    occluded,
                    ..Marks::default()
                },
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_dataset_written_as_voc_reads_back_the_same_and_writes_the_same_bytes(
        boxes in prop::collection::vec(prop::collection::vec(pixel_annotation(), 0..4), 1..5),
        origin in 0_u8..2,
    ) {
        let place = tempfile::tempdir().unwrap();
        let entry = |(number, annotations): (usize, Vec<Annotation>)| AnnotatedImage {
            image: Image {
                id: format!("image_{number}"),
                file: format!("image_{number}.jpg"),
                width: 40,
                height: 30,
                digest: super::digest(&jpeg()),
            },
            annotations,
        };
        let images: Vec<AnnotatedImage> = boxes.into_iter().enumerate().map(entry).collect();
        let dataset = Dataset { classes: vec!["R & D <b>".to_owned(), "cat".to_owned()], images };
        let (first, second) = (place.path().join("1/VOC"), place.path().join("2/VOC"));
        write_annotations_from(&first, "test", &dataset, origin).unwrap();
        for entry in &dataset.images {
            fs::write(first.join("JPEGImages").join(&entry.image.file), jpeg()).unwrap();
        }
        let (set, classes) = ("test".to_owned(), dataset.classes.clone());
        let options = VocOptions { set, classes, origin, ..VocOptions::default() };
        let read = read(std::slice::from_ref(&first), &options, &|| {}).unwrap();
        prop_assert_eq!(&read.dataset, &dataset);
        write_annotations_from(&second, "test", &read.dataset, origin).unwrap();
        for entry in &dataset.images {
            let file = format!("Annotations/{}.xml", entry.image.id);
            prop_assert_eq!(fs::read(first.join(&file)).unwrap(), fs::read(second.join(&file)).unwrap());
        }
    }
}

#[test]
fn a_box_too_thin_for_inclusive_corners_is_not_written() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::new();
    let mut dataset = folder.read(&VocOptions::default()).unwrap().dataset;
    dataset.images[1].annotations[0].bounds = BoundingBox::new([1.0, 1.0, 1.5, 9.0]);
    let error = write_annotations(place.path(), "test", &dataset)
        .unwrap_err()
        .to_string();
    assert_eq!(error, "image `a` has a box 0.5x8, too thin for VOC's inclusive corners");
}
