//! Datasets out and in again, in every format.

use proptest::prelude::*;

use super::*;
use crate::detection::folder::{self, FolderOptions};
use crate::detection::reading::{OnProblem, digest};
use crate::detection::{AnnotatedImage, Annotation, BoundingBox, Image, Marks, Source};

fn jpeg() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, 99]));
    image.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

fn any_annotation() -> impl Strategy<Value = Annotation> {
    let sides = (0.0..30.0_f64, 0.0..20.0_f64, 1.5..9.0_f64, 1.5..9.0_f64);
    let model = prop::option::of((0.0..1.0_f64, any::<u32>()));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let marks = (
        prop::option::of("(Left|Frontal)"),
        prop::option::of(any::<bool>()),
        prop::option::of(100.0..900.0_f64),
    );
    (sides, 0_u32..2, flags, model, marks).prop_map(
        |((x, y, w, h), label, (difficult, truncated, crowd), model, (pose, occluded, area))| Annotation {
            bounds: BoundingBox::new([x, y, x + w, y + h]),
            label,
            difficult: difficult || crowd,
            truncated,
            source: if model.is_some() { Source::Model } else { Source::Human },
            score: model.map(|(score, _)| score),
            round: model.map(|(_, round)| round),
            marks: Marks {
                pose,
                occluded,
                crowd,
                area,
            },
        },
    )
}

fn dataset(boxes: Vec<Vec<Annotation>>) -> Dataset {
    let entry = |(number, annotations)| AnnotatedImage {
        image: Image {
            id: format!("image_{number}"),
            file: format!("image_{number}.jpg"),
            width: 40,
            height: 30,
            digest: digest(&jpeg()),
        },
        annotations,
    };
    Dataset {
        classes: vec!["R & D: #1 \"b\"".to_owned(), "cat".to_owned()],
        images: boxes.into_iter().enumerate().map(entry).collect(),
    }
}

/// Out and in again.
fn around(dataset: &Dataset, format: Format) -> (Exported, Dataset) {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source.jpg");
    fs::write(&source, jpeg()).unwrap();
    let sources = vec![source; dataset.images.len()];
    let out = place.path().join("out");
    let options = ExportOptions {
        format,
        set: "test".to_owned(),
        origin: 1,
    };
    let exported = export(&out, dataset, &sources, &options, &|| {}).unwrap();
    assert_eq!(folder::recognise(&out).unwrap(), format);
    let options = FolderOptions {
        set: Some("test".to_owned()),
        // VOC has no order of classes.
        classes: dataset.classes.clone(),
        origin: 1,
        on_problem: OnProblem::Fail,
        check_pixels: true,
    };
    (exported, folder::read(&out, format, &options, &|| {}).unwrap().dataset)
}

/// The same but for the last digits of the edges.
fn close(ours: &Dataset, theirs: &Dataset) -> bool {
    let rounded = |dataset: &Dataset| {
        let mut dataset = dataset.clone();
        for annotation in dataset.images.iter_mut().flat_map(|entry| &mut entry.annotations) {
            let edges = annotation.bounds.xyxy().map(|edge| (edge * 1e7).round());
            annotation.bounds = BoundingBox::new(edges);
        }
        dataset
    };
    rounded(ours) == rounded(theirs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn coco_holds_everything(boxes in prop::collection::vec(prop::collection::vec(any_annotation(), 0..4), 1..4)) {
        let dataset = dataset(boxes);
        let (exported, read) = around(&dataset, Format::Coco);
        prop_assert!(close(&read, &dataset), "{:?}\n{:?}", read, dataset);
        prop_assert!(exported.left_out.is_empty());
    }

    #[test]
    fn what_yolo_and_voc_do_not_hold_is_counted(boxes in prop::collection::vec(prop::collection::vec(any_annotation(), 0..4), 1..4)) {
        let dataset = dataset(boxes);
        for format in [Format::Yolo, Format::Voc] {
            let mut expected = dataset.clone();
            let mut counts = LeftOut::new();
            let mut count = |name: &'static str, lost: bool| {
                if lost {
                    *counts.entry(name).or_default() += 1;
                }
            };
            for entry in &mut expected.images {
                if format == Format::Yolo {
                    entry.annotations.retain(|a| {
                        count("crowd region", a.marks.crowd);
                        !a.marks.crowd
                    });
                }
                for a in &mut entry.annotations {
                    count("area of a segmentation", a.marks.area.take().is_some());
                    if format == Format::Voc {
                        count("crowd flag (written as difficult)", std::mem::take(&mut a.marks.crowd));
                    } else {
                        count("difficult flag", std::mem::take(&mut a.difficult));
                        count("truncated flag", std::mem::take(&mut a.truncated));
                        count("occluded flag", a.marks.occluded.take().is_some());
                        count("pose", a.marks.pose.take().is_some());
                        count("source, score or round", a.source == Source::Model);
                        (a.source, a.score, a.round) = (Source::Human, None, None);
                    }
                }
            }
            let (exported, read) = around(&dataset, format);
            prop_assert!(close(&read, &expected), "{format}: {:?}\n{:?}", read, expected);
            prop_assert_eq!(exported.left_out, counts);
        }
    }
}

#[test]
fn a_second_set_is_added_and_nothing_is_written_over() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source.jpg");
    fs::write(&source, jpeg()).unwrap();
    let dataset = dataset(vec![Vec::new()]);
    for format in Format::ALL {
        let out = place.path().join(format.name());
        let write = |set: &str, source: &Path| {
            let options = ExportOptions {
                format,
                set: set.to_owned(),
                origin: 1,
            };
            export(&out, &dataset, &[source.to_path_buf()], &options, &|| {}).map_err(|error| error.to_string())
        };
        write("train", &source).unwrap();
        write("val", &source).unwrap();
        let error = write("val", &source).unwrap_err();
        assert!(error.ends_with("the set `val` is there already"), "{error}");
        for set in ["train", "val"] {
            let options = FolderOptions {
                set: Some(set.to_owned()),
                classes: Vec::new(),
                origin: 1,
                on_problem: OnProblem::Fail,
                check_pixels: false,
            };
            assert_eq!(
                folder::read(&out, format, &options, &|| {})
                    .unwrap()
                    .dataset
                    .images
                    .len(),
                1
            );
        }
    }
    let options = ExportOptions {
        format: Format::Coco,
        set: "test".to_owned(),
        origin: 1,
    };
    let error = export(place.path(), &dataset, &[source], &options, &|| {})
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("it is no coco dataset"), "{error}");
}
