//! Figures against pycocotools, against the devkit's rules written out, and against slow references.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const GOLDEN: [(&str, &str); 3] = [
    ("plain", include_str!("../../../tests/golden/metrics/plain.json")),
    ("ties", include_str!("../../../tests/golden/metrics/ties.json")),
    ("crowded", include_str!("../../../tests/golden/metrics/crowded.json")),
];

fn extent(value: &Value) -> Extent {
    let edges: Vec<f64> = value["bbox"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| edge.as_f64().unwrap())
        .collect();
    crate::detection::BoundingBox::new([edges[0], edges[1], edges[2], edges[3]]).into()
}

fn object(extent: Extent, label: u32) -> Object {
    Object {
        extent,
        label,
        area: extent.area(),
        difficult: false,
        crowd: false,
        ignored_by_voc: false,
    }
}

fn golden(file: &Value) -> Scenes {
    let label = |value: &Value| value["label"].as_u64().unwrap() as u32;
    let images = file["images"].as_array().unwrap().iter().map(|image| Scene {
        objects: (image["ground_truth"].as_array().unwrap().iter())
            .map(|value| Object {
                difficult: value["difficult"].as_bool().unwrap(),
                ..object(extent(value), label(value))
            })
            .collect(),
        detections: (image["detections"].as_array().unwrap().iter())
            .map(|value| ScoredBox {
                extent: extent(value),
                label: label(value),
                score: value["score"].as_f64().unwrap(),
            })
            .collect(),
    });
    Scenes {
        images: images.collect(),
        classes: (0..file["classes"].as_u64().unwrap())
            .map(|class| class.to_string())
            .collect(),
    }
}

/// Golden files write -1 where there is nothing to find.
fn close(ours: Option<f64>, theirs: &Value, what: &str) {
    let theirs = theirs.as_f64().unwrap();
    let difference = ours.unwrap_or(-1.0) - theirs;
    assert!(difference.abs() < 1e-9, "{what}: {ours:?}, not {theirs}");
}

#[test]
fn coco_figures_are_those_of_pycocotools() {
    for (name, text) in GOLDEN {
        let file: Value = serde_json::from_str(text).unwrap();
        let report = score(&golden(&file), Protocol::Coco);
        let names = [
            ("ap", "AP"),
            ("ap50", "AP50"),
            ("ap75", "AP75"),
            ("ap_small", "APs"),
            ("ap_medium", "APm"),
            ("ap_large", "APl"),
            ("ar_1", "AR1"),
            ("ar_10", "AR10"),
            ("ar_100", "AR100"),
            ("ar_small", "ARs"),
            ("ar_medium", "ARm"),
            ("ar_large", "ARl"),
        ];
        assert_eq!(report.figures.len(), 12);
        for (ours, theirs) in names {
            close(
                report.figures[ours],
                &file["coco"]["stats"][theirs],
                &format!("{name}: {ours}"),
            );
        }
        for (at, class) in report.per_class.iter().enumerate() {
            close(
                class.ap,
                &file["coco"]["ap_per_class"][at],
                &format!("{name}: ap of {at}"),
            );
            close(
                class.ap50,
                &file["coco"]["ap50_per_class"][at],
                &format!("{name}: ap50 of {at}"),
            );
        }
    }
}

#[test]
fn voc_figures_are_those_of_the_devkits_rules() {
    for (name, text) in GOLDEN {
        let file: Value = serde_json::from_str(text).unwrap();
        let scenes = golden(&file);
        for (key, plus_one) in [("voc", false), ("voc_plus_one", true)] {
            for (figure, rules) in [("ap_11_point", Rules::voc07()), ("ap_area", Rules::voc10())] {
                let overlap = OverlapRule::Corners { plus_one };
                let (mean, classes) = voc(&scenes, &Rules { overlap, ..rules });
                let what = format!("{name}: {key} {figure}");
                close(mean, &file[key][format!("mean_{figure}")], &what);
                for (at, class) in classes.iter().enumerate() {
                    close(class.ap, &file[key][figure][at], &format!("{what} of {at}"));
                }
            }
        }
    }
}

#[test]
fn detectron2_figures_are_those_of_its_rules() {
    let answers: Value =
        serde_json::from_str(include_str!("../../../tests/golden/metrics/detectron2_voc07.json")).unwrap();
    for (name, text) in GOLDEN {
        let file: Value = serde_json::from_str(text).unwrap();
        let report = score(&golden(&file), Protocol::Detectron2Voc07);
        close(report.figures["ap50"], &answers[name]["mean"], name);
        for (at, class) in report.per_class.iter().enumerate() {
            close(class.ap, &answers[name]["ap"][at], &format!("{name}: ap of {at}"));
        }
    }
}

#[test]
fn curves_hold_the_figure_that_coco_makes_of_them() {
    for (_, text) in GOLDEN {
        let scenes = golden(&serde_json::from_str(text).unwrap());
        let report = score(&scenes, Protocol::Coco);
        let all = curves(&scenes, &Rules::coco(0.5));
        let of = |curve: &Curve| mean(curve.points.iter().map(|point| point.precision)).unwrap();
        for class in &report.per_class {
            let curve = all.iter().find(|curve| curve.class == class.class);
            assert_eq!(curve.is_some(), class.ap50.is_some());
            assert!(curve.is_none_or(|curve| (of(curve) - class.ap50.unwrap()).abs() < 1e-12));
        }
        let points = mean_curve(&all).unwrap();
        assert!(
            (mean(points.iter().map(|point| point.precision)).unwrap() - report.figures["ap50"].unwrap()).abs() < 1e-12
        );
        for curve in &all {
            assert!(
                curve
                    .points
                    .windows(2)
                    .all(|pair| pair[0].precision >= pair[1].precision)
            );
            let scores: Vec<f64> = curve.points.iter().filter_map(|point| point.score).collect();
            assert!(
                scores.windows(2).all(|pair| pair[0] >= pair[1]),
                "a lower score for a higher recall"
            );
        }
    }
}

#[test]
fn the_confusion_matrix_pairs_each_object_and_detection_once() {
    let at = |x: f64, label: u32, score: f64| ScoredBox {
        extent: Extent::from_xywh([x, 0.0, 10.0, 10.0]),
        label,
        score,
    };
    let there = |x: f64, label: u32| object(Extent::from_xywh([x, 0.0, 10.0, 10.0]), label);
    let scene = Scene {
        objects: vec![
            there(0.0, 0),
            there(20.0, 0),
            there(40.0, 1),
            Object {
                difficult: true,
                ..there(60.0, 1)
            },
            there(80.0, 1),
        ],
        detections: vec![
            at(0.0, 0, 0.9),
            // A second one on the same object, a wrong class, nothing there, too unsure, and two on a difficult object.
            at(1.0, 0, 0.8),
            at(21.0, 1, 0.7),
            at(120.0, 1, 0.6),
            at(80.0, 1, 0.4),
            at(60.0, 1, 0.9),
            at(61.0, 0, 0.9),
        ],
    };
    let scenes = Scenes {
        classes: vec!["a".to_owned(), "b".to_owned()],
        images: vec![scene.clone(), scene],
    };
    let counted = confusion(&scenes, &Rules::voc07(), 0.5);
    assert_eq!(counted.names, ["a", "b", "background"]);
    assert_eq!(counted.counts, [[2, 2, 0], [0, 0, 4], [2, 2, 0]]);
    let dropped = Rules {
        difficult: DifficultObjects::Drop,
        ..Rules::voc07()
    };
    assert_eq!(confusion(&scenes, &dropped, 0.5).counts[2], [4, 4, 0]);
    let all = confusion(
        &scenes,
        &Rules {
            difficult: DifficultObjects::Count,
            ..Rules::voc07()
        },
        0.0,
    );
    assert_eq!(all.counts, [[2, 2, 0], [0, 4, 2], [4, 2, 0]]);
}

#[test]
fn figures_of_changed_rules_say_which_rules_those_are() {
    let file: Value = serde_json::from_str(GOLDEN[0].1).unwrap();
    let scenes = golden(&file);
    let mut switches = Switches::default();
    switches.set("plus_one", "true").unwrap();
    let report = score_with(&scenes, Protocol::Voc07, &switches);
    assert_eq!(report.rules, "voc07 plus_one=true");
    close(
        report.figures["ap50"],
        &file["voc_plus_one"]["mean_ap_11_point"],
        "voc_plus_one",
    );
    switches.set("interpolation", "area").unwrap();
    let report = score_with(&scenes, Protocol::Voc07, &switches);
    close(
        report.figures["ap50"],
        &file["voc_plus_one"]["mean_ap_area"],
        "voc_plus_one area",
    );
}

#[test]
fn a_class_without_ground_truth_is_listed_and_left_out() {
    let file: Value = serde_json::from_str(GOLDEN[0].1).unwrap();
    let mut scenes = golden(&file);
    let before = score(&scenes, Protocol::Coco);
    scenes.classes.push("extra".to_owned());
    let after = score(&scenes, Protocol::Coco);
    assert_eq!(before.figures, after.figures);
    assert_eq!(after.without_ground_truth.last().unwrap(), "extra");
    assert_eq!(after.per_class.last().unwrap().ap, None);
}

#[test]
fn nothing_to_find_gives_no_figures() {
    let scenes = Scenes {
        classes: vec!["a".to_owned()],
        images: vec![Scene::default()],
    };
    for protocol in Protocol::ALL {
        assert!(score(&scenes, protocol).figures.values().all(Option::is_none));
    }
}

#[test]
fn figures_do_not_depend_on_the_number_of_threads() {
    let file: Value = serde_json::from_str(GOLDEN[2].1).unwrap();
    let scenes = golden(&file);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| score(&scenes, Protocol::Coco))
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn detectron2_wants_more_than_half_where_the_devkit_wants_half() {
    let object = object(Extent::from_xywh([0.0, 0.0, 10.0, 10.0]), 0);
    let found = ScoredBox {
        extent: Extent::from_xywh([0.0, 0.0, 10.0, 5.0]),
        label: 0,
        score: 0.9,
    };
    let scene = Scene {
        objects: vec![object],
        detections: vec![found],
    };
    let scenes = Scenes {
        classes: vec!["a".to_owned()],
        images: vec![scene],
    };
    assert_eq!(score(&scenes, Protocol::Voc07).figures["ap50"], Some(1.0));
    assert_eq!(score(&scenes, Protocol::Detectron2Voc07).figures["ap50"], Some(0.0));
}

/// pycocotools, step by step and without haste: AP of one class, threshold and area range, and recall with at most `most` detections.
fn reference(scenes: &Scenes, label: u32, threshold: f64, range: (f64, f64), most: usize) -> Option<(f64, f64)> {
    let (mut rows, mut positives) = (Vec::new(), 0);
    for scene in &scenes.images {
        let real = scene
            .objects
            .iter()
            .filter(|object| object.label == label && !object.difficult);
        let outside = |area: f64| area < range.0 || area > range.1;
        let mut objects: Vec<(bool, &Object)> = real
            .map(|object| (object.crowd || outside(object.area), object))
            .collect();
        objects.sort_by_key(|&(ignored, _)| ignored);
        positives += objects.iter().filter(|(ignored, _)| !ignored).count();
        let mut found: Vec<&ScoredBox> = scene.detections.iter().filter(|found| found.label == label).collect();
        found.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap());
        found.truncate(100);
        let mut used = vec![false; objects.len()];
        for (rank, found) in found.into_iter().enumerate() {
            let (mut least, mut best) = (threshold.min(1.0 - 1e-10), None);
            for (at, &(ignored, object)) in objects.iter().enumerate() {
                if used[at] && !object.crowd {
                    continue;
                }
                if best.is_some_and(|other: usize| !objects[other].0) && ignored {
                    break;
                }
                let (a, b) = (found.extent, object.extent);
                let width = (a.left + a.width).min(b.left + b.width) - a.left.max(b.left);
                let height = (a.top + a.height).min(b.top + b.height) - a.top.max(b.top);
                let shared = width.max(0.0) * height.max(0.0);
                let union = if object.crowd {
                    a.area()
                } else {
                    a.area() + b.area() - shared
                };
                let iou = if shared > 0.0 { shared / union } else { 0.0 };
                if iou >= least {
                    (least, best) = (iou, Some(at));
                }
            }
            let ignored = match best {
                Some(at) => {
                    used[at] = true;
                    objects[at].0
                }
                None => outside(found.extent.area()),
            };
            if rank < most {
                rows.push((found.score, best.is_some(), ignored));
            }
        }
    }
    if positives == 0 {
        return None;
    }
    rows.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap());
    let (mut hits, mut misses, mut curve) = (0.0, 0.0, Vec::new());
    for (_, hit, ignored) in rows {
        if !ignored {
            hits += f64::from(u8::from(hit));
            misses += f64::from(u8::from(!hit));
        }
        curve.push((hits / positives as f64, hits / (hits + misses + f64::EPSILON)));
    }
    let at = |recall: f64| {
        let reached = curve.iter().filter(|point| point.0 >= recall).map(|point| point.1);
        reached.fold(0.0, f64::max)
    };
    let points = (0..=100).map(|point| if point == 100 { 1.0 } else { f64::from(point) * 0.01 });
    Some((points.map(at).sum::<f64>() / 101.0, hits / positives as f64))
}

prop_compose! {
    /// Sides on either side of the bounds between small, medium and large.
    fn any_box()(
        x in 0..12_u8,
        y in 0..12_u8,
        w in prop::sample::select(vec![1_u8, 2, 3, 4, 7, 8, 9]),
        h in prop::sample::select(vec![2_u8, 3, 4, 7, 8, 9]),
        label in 0..3_u32,
        score in 0..=8_u8,
    ) -> (Extent, u32, f64) {
        let [x, y, w, h] = [x, y, w, h].map(|v| f64::from(v) * 12.0);
        (Extent::from_xywh([x, y, w, h]), label, f64::from(score) / 8.0)
    }
}

prop_compose! {
    /// Objects, detections anywhere, and detections near objects: a little larger or smaller than these.
    fn any_scene()(
        objects in prop::collection::vec((any_box(), 0..10_u8), 0..6),
        found in prop::collection::vec(any_box(), 0..8),
        near in prop::collection::vec((0..6_usize, 0..=1_i8, -1..=1_i8, 0..=8_u8), 0..12),
    ) -> Scene {
        let found = found.into_iter().map(|(extent, label, score)| ScoredBox { extent, label, score });
        let near = near.into_iter().filter_map(|(at, shift, growth, score)| {
            let (Extent { left, top, width, height, .. }, label, _) = objects.get(at)?.0;
            let [shift, growth] = [shift, growth].map(|cells| f64::from(cells) * 12.0);
            let size = [width, height].map(|side| (side + growth).max(12.0));
            let extent = Extent::from_xywh([left + shift, top, size[0], size[1]]);
            Some(ScoredBox { extent, label, score: f64::from(score) / 8.0 })
        });
        let detections = found.chain(near).collect();
        let objects = objects.iter().map(|&((extent, label, _), flag)| Object {
            crowd: flag == 0,
            difficult: flag == 1,
            ..object(extent, label)
        });
        Scene { objects: objects.collect(), detections }
    }
}

/// The devkit step by step, over objects of a size: objects outside of it count for nothing, nor do detections outside of it that find nothing.
fn devkit_reference(scenes: &Scenes, label: u32, range: (f64, f64)) -> Option<f64> {
    let outside = |area: f64| area < range.0 || area > range.1;
    let (mut rows, mut positives) = (Vec::new(), 0);
    for (image, scene) in scenes.images.iter().enumerate() {
        let objects: Vec<&Object> = scene.objects.iter().filter(|object| object.label == label).collect();
        let ignored = |object: &Object| object.difficult || object.crowd || outside(object.area);
        positives += objects.iter().filter(|object| !ignored(object)).count();
        for found in scene.detections.iter().filter(|found| found.label == label) {
            let mut best: Option<(f64, usize)> = None;
            for (at, object) in objects.iter().enumerate() {
                let (a, b) = (found.extent, object.extent);
                let width = (a.right.min(b.right) - a.left.max(b.left)).max(0.0);
                let height = (a.bottom.min(b.bottom) - a.top.max(b.top)).max(0.0);
                let shared = width * height;
                let overlap = shared / (a.area() + b.area() - shared);
                if best.is_none_or(|(highest, _)| overlap > highest) {
                    best = Some((overlap, at));
                }
            }
            let object = best.filter(|(overlap, _)| *overlap >= 0.5).map(|(_, at)| at);
            let counts_not = object.map_or(outside(found.extent.area()), |at| ignored(objects[at]));
            rows.push((found.score, image, object, counts_not));
        }
    }
    rows.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap());
    let (mut taken, mut ranks, mut rank) = (std::collections::BTreeSet::new(), Vec::new(), 0);
    for (_, image, object, counts_not) in rows {
        if counts_not {
            continue;
        }
        rank += 1;
        if object.is_some_and(|at| taken.insert((image, at))) {
            ranks.push(rank);
        }
    }
    Ranking::new(&ranks, positives).average_precision(Interpolation::Area)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn coco_equals_the_slow_reference(images in prop::collection::vec(any_scene(), 0..6)) {
        let scenes = Scenes { classes: ["a", "b", "c"].map(str::to_owned).to_vec(), images };
        let (means, classes) = coco(&scenes, &Rules::coco(0.5));
        let thresholds: Vec<f64> = (0..10).map(|step| if step == 9 { 0.95 } else { 0.5 + f64::from(step) * ((0.95 - 0.5) / 9.0) }).collect();
        let figures = |label: u32, range, most| -> Vec<(f64, f64)> {
            thresholds.iter().filter_map(|&threshold| reference(&scenes, label, threshold, range, most)).collect()
        };
        let same = |ours: Option<f64>, theirs: Option<f64>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours - theirs).abs() < 1e-9,
            (ours, theirs) => ours == theirs,
        };
        for (area, &range) in AREAS.iter().enumerate() {
            let all: Vec<Vec<(f64, f64)>> = (0..3).map(|label| figures(label, range, 100)).collect();
            for (class, all) in classes.iter().zip(&all) {
                prop_assert!(same(class.ap[area], mean(all.iter().map(|figure| figure.0))));
            }
            prop_assert!(same(means.ap[area], mean(all.iter().flatten().map(|figure| figure.0))));
            let recall = mean(all.iter().flatten().map(|figure| figure.1));
            let ours = if area == 0 { means.recall[2] } else { means.recall_by_area[area - 1] };
            prop_assert!(same(ours, recall));
        }
        for (place, most) in [1, 10].into_iter().enumerate() {
            let all = (0..3).flat_map(|label| figures(label, AREAS[0], most)).map(|figure| figure.1);
            prop_assert!(same(means.recall[place], mean(all)));
        }
    }

    #[test]
    fn voc_by_size_equals_the_slow_reference(images in prop::collection::vec(any_scene(), 0..6)) {
        let scenes = Scenes { classes: ["a", "b", "c"].map(str::to_owned).to_vec(), images };
        let (_, classes) = voc(&scenes, &Rules::voc10());
        for (label, class) in classes.iter().enumerate() {
            let ours = [class.ap, class.ap_by_area[0], class.ap_by_area[1], class.ap_by_area[2]];
            for (ours, range) in ours.into_iter().zip(AREAS) {
                prop_assert_eq!(ours, devkit_reference(&scenes, label as u32, range));
            }
        }
    }

    #[test]
    fn the_confusion_matrix_counts_every_sure_detection_and_every_object_once(images in prop::collection::vec(any_scene(), 0..6)) {
        let scenes = Scenes { classes: ["a", "b", "c"].map(str::to_owned).to_vec(), images };
        let rules = Rules { difficult: DifficultObjects::Count, ..Rules::coco(0.5) };
        let counts = confusion(&scenes, &rules, 0.25).counts;
        for label in 0..3_u32 {
            let objects = scenes.images.iter().flat_map(|scene| &scene.objects);
            let expected = objects.filter(|object| object.label == label && !object.crowd).count() as u64;
            prop_assert_eq!(counts[label as usize].iter().sum::<u64>(), expected);
        }
        let found = scenes.images.iter().flat_map(|scene| &scene.detections);
        let expected = found.filter(|found| found.score >= 0.25).count() as u64;
        let reported: u64 = counts.iter().map(|row| row[..3].iter().sum::<u64>()).sum();
        let crowded = scenes.images.iter().any(|scene| scene.objects.iter().any(|object| object.crowd));
        prop_assert!(reported == expected || crowded && reported < expected);
    }

    #[test]
    fn figures_lie_between_zero_and_one(images in prop::collection::vec(any_scene(), 0..6)) {
        let scenes = Scenes { classes: ["a", "b", "c"].map(str::to_owned).to_vec(), images };
        for protocol in Protocol::ALL {
            for figure in score(&scenes, protocol).figures.values().flatten() {
                prop_assert!((0.0..=1.0 + 1e-12).contains(figure));
            }
        }
    }
}
