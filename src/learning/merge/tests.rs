use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::learning::DeployScore;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn places(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_u64().unwrap() as usize)
        .collect()
}

fn bounds(value: &Value) -> Vec<BoundingBox> {
    let rows = value.as_array().unwrap().iter().map(floats);
    rows.map(|row| BoundingBox::new([row[0], row[1], row[2], row[3]]))
        .collect()
}

fn object(bounds: BoundingBox, label: u32) -> Annotation {
    Annotation {
        bounds,
        label,
        difficult: false,
        truncated: false,
        source: Source::Human,
        score: None,
        round: None,
        marks: crate::detection::Marks::default(),
    }
}

fn detection(edges: [f64; 4], label: u32, score: f64) -> Detection {
    Detection {
        bounds: BoundingBox::new(edges),
        label,
        score,
    }
}

struct Case {
    ground_truth: Vec<Annotation>,
    detections: Vec<Detection>,
    thresholds: Thresholds,
    expected: Value,
}

fn cases() -> Vec<Case> {
    let files = [
        include_str!("../../../tests/golden/merge/default_thresholds.json"),
        include_str!("../../../tests/golden/merge/loose_thresholds.json"),
    ];
    let mut cases = Vec::new();
    for text in files {
        let file: Value = serde_json::from_str(text).unwrap();
        let of = |name: &str| file["thresholds"][name].as_f64().unwrap();
        let thresholds = Thresholds {
            certain: of("certain"),
            uncertain: of("uncertain"),
            judge_iou: of("judge_iou"),
            ground_truth_iou: of("ground_truth_iou"),
            ..Thresholds::default().with_preset(Preset::AsPublished)
        };
        for case in file["cases"].as_array().unwrap() {
            let (truth, found) = (&case["ground_truth"], &case["detections"]);
            let labels = places(&truth["labels"]);
            let objects = bounds(&truth["boxes"]).into_iter().zip(labels);
            let labels = places(&found["labels"]);
            let scores = floats(&found["scores"]);
            let found = bounds(&found["boxes"]).into_iter().zip(labels).zip(scores);
            cases.push(Case {
                ground_truth: objects.map(|(b, label)| object(b, label as u32)).collect(),
                detections: found
                    .map(|((b, l), score)| detection(b.xyxy(), l as u32, score))
                    .collect(),
                thresholds,
                expected: case["expected"].clone(),
            });
        }
    }
    assert_eq!(cases.len(), 100);
    cases
}

#[test]
fn the_published_choices_give_what_the_first_implementation_gave() {
    for (number, case) in cases().iter().enumerate() {
        let merged = merge(&case.ground_truth, &case.detections, &case.thresholds, 1);
        let expected = &case.expected;
        let lists = [
            ("certain", &merged.certain),
            ("uncertain", &merged.uncertain),
            ("certain_after_rejudge", &merged.certain_after_rejudge),
            ("accepted", &merged.accepted),
            ("model_labelled_ground_truth", &merged.model_labelled_ground_truth),
        ];
        for (name, list) in lists {
            assert_eq!(list, &places(&expected[name]), "case {number}: {name}");
        }
        let boxes: Vec<BoundingBox> = merged.sa_boxes.iter().map(|object| object.bounds).collect();
        assert_eq!(boxes, bounds(&expected["sa_boxes"]), "case {number}");
        let labels: Vec<usize> = merged.sa_boxes.iter().map(|object| object.label as usize).collect();
        assert_eq!(labels, places(&expected["sa_labels"]), "case {number}");
        for (name, value) in [("sl_score", merged.sl_score), ("al_ratio", merged.al_ratio)] {
            assert!(
                (value - expected[name].as_f64().unwrap()).abs() < 1e-6,
                "case {number}: {name} {value}"
            );
        }
    }
}

/// Nineteen certain boxes in ten cases: but for one, each lies on another certain box of another class, which the published check does not look
/// at; that one is saved by an uncertain box of its own class.
#[test]
fn the_sound_choices_differ_from_the_published_ones_on_few_recorded_cases() {
    let (mut rejudged, mut accepted) = (0, 0);
    for case in cases() {
        let seed = merge(&case.ground_truth, &case.detections, &case.thresholds, 1);
        let sound = case.thresholds.with_preset(Preset::Sound);
        let strict = merge(&case.ground_truth, &case.detections, &sound, 1);
        assert_eq!((&seed.certain, &seed.uncertain), (&strict.certain, &strict.uncertain));
        rejudged += usize::from(seed.certain_after_rejudge != strict.certain_after_rejudge);
        accepted += usize::from(seed.accepted != strict.accepted);
    }
    assert_eq!((rejudged, accepted), (10, 8));
}

#[test]
fn one_uncertain_box_of_the_same_class_saves_a_certain_one_in_the_sequential_check_only() {
    let found = [
        detection([0.0, 0.0, 10.0, 10.0], 0, 0.9),
        detection([0.0, 0.0, 10.0, 9.0], 1, 0.5),
        detection([0.0, 0.0, 10.0, 8.0], 0, 0.4),
    ];
    let truth = [object(found[0].bounds, 0)];
    let with = |rejudge| {
        let thresholds = Thresholds {
            rejudge,
            ..Thresholds::default()
        };
        merge(&truth, &found, &thresholds, 1).certain_after_rejudge
    };
    assert_eq!(with(Rejudge::Sequential), [0]);
    assert!(with(Rejudge::OrderFree).is_empty());
}

#[test]
fn two_certain_boxes_of_different_classes_on_one_spot_contest_each_other() {
    let found = [
        detection([0.0, 0.0, 10.0, 10.0], 0, 0.95),
        detection([0.0, 0.0, 10.0, 9.5], 1, 0.9),
    ];
    let merged = merge(&[], &found, &Thresholds::default(), 1);
    assert!(merged.certain_after_rejudge.is_empty());
}

#[test]
fn an_object_is_given_to_one_box_and_a_box_to_its_own_class() {
    let square = BoundingBox::new([0.0, 0.0, 100.0, 100.0]);
    let loose = Thresholds {
        ground_truth_iou: 0.7,
        ..Thresholds::default()
    };
    // The other class's object overlaps more.
    let truth = [object(BoundingBox::new([0.0, 0.0, 100.0, 92.0]), 1), object(square, 0)];
    let found = [
        detection([0.0, 0.0, 100.0, 92.0], 0, 0.95),
        detection([0.0, 0.0, 100.0, 95.0], 0, 0.9),
    ];
    let strict = merge(&truth, &found, &loose, 1);
    assert_eq!(
        (strict.accepted, strict.model_labelled_ground_truth),
        (vec![0], vec![1])
    );
    assert_eq!((strict.rejected, strict.al_ratio), (vec![1], 0.5));
    let matching = Matching::BestOfAnyClass;
    let seed = merge(&truth[1..], &found, &Thresholds { matching, ..loose }, 1);
    assert_eq!((seed.model_labelled_ground_truth, seed.al_ratio), (vec![0, 0], -1.0));
    assert_eq!(seed.sa_boxes[0].bounds, found[1].bounds);
}

#[test]
fn an_image_without_objects_has_defined_scores() {
    for preset in [Preset::AsPublished, Preset::Sound] {
        let thresholds = Thresholds::default().with_preset(preset);
        let quiet = merge(&[], &[detection([0.0, 0.0, 5.0, 5.0], 0, 0.5)], &thresholds, 1);
        assert_eq!((quiet.al_ratio, quiet.sl_score), (0.0, 1.0));
        let loud = merge(&[], &[detection([0.0, 0.0, 5.0, 5.0], 0, 0.9)], &thresholds, 1);
        assert_eq!((loud.al_ratio, loud.sl_score), (1.0, 0.0));
    }
}

#[test]
fn an_image_in_which_nothing_is_right_scores_a_plain_zero() {
    let truth = [object(BoundingBox::new([0.0, 0.0, 10.0, 10.0]), 0)];
    let merged = merge(&truth, &[], &Thresholds::default(), 1);
    assert!(merged.sl_score == 0.0 && merged.sl_score.is_sign_positive());
}

#[test]
fn difficult_objects_stay_but_do_not_count() {
    let mut truth = vec![
        object(BoundingBox::new([0.0, 0.0, 10.0, 10.0]), 0),
        object(BoundingBox::new([50.0, 0.0, 60.0, 10.0]), 0),
    ];
    truth[1].difficult = true;
    let found = [
        detection([0.0, 0.0, 10.0, 10.0], 0, 0.9),
        detection([50.0, 0.0, 60.0, 10.0], 0, 0.85),
    ];
    let merged = merge(&truth, &found, &Thresholds::default(), 1);
    assert_eq!(
        (merged.accepted, merged.ignored, merged.al_ratio),
        (vec![0], vec![1], 0.0)
    );
    assert!((merged.sl_score - 0.9).abs() < 1e-12);
    assert_eq!(merged.sa_boxes.len(), 2);
    assert!(merged.sa_boxes[1].difficult && merged.sa_boxes[1].source == Source::Human);
    let difficult = Difficult::Count;
    let counted = merge(
        &truth,
        &found,
        &Thresholds {
            difficult,
            ..Thresholds::default()
        },
        1,
    );
    assert_eq!(counted.accepted, [0, 1]);
}

#[test]
fn a_near_miss_of_the_right_class_is_corrected_rather_than_deleted() {
    let truth = [object(BoundingBox::new([0.0, 0.0, 10.0, 10.0]), 0)];
    let found = [
        detection([0.0, 0.0, 10.0, 6.0], 0, 0.9),
        detection([40.0, 0.0, 50.0, 6.0], 0, 0.9),
    ];
    let merged = merge(&truth, &found, &Thresholds::default(), 4);
    assert_eq!((merged.corrected, merged.rejected), (vec![(0, 0)], vec![1]));
    assert_eq!(merged.sa_boxes[0].bounds, truth[0].bounds);
    assert_eq!(merged.sa_boxes[0].round, Some(4));
}

#[test]
fn three_human_boxes_of_ten_are_a_ratio_of_three_tenths() {
    let spot = |at: usize| BoundingBox::new([at as f64 * 20.0, 0.0, at as f64 * 20.0 + 10.0, 10.0]);
    let truth: Vec<Annotation> = (0..10).map(|at| object(spot(at), 0)).collect();
    let found: Vec<Detection> = (0..7).map(|at| detection(spot(at).xyxy(), 0, 0.9)).collect();
    let merged = merge(&truth, &found, &Thresholds::default(), 1);
    assert!(merged.al_ratio <= 0.3, "{}", merged.al_ratio);
}

#[test]
fn a_single_precision_score_reaches_the_threshold_it_was_rounded_from() {
    let score = f64::from(0.7_f32);
    let thresholds = Thresholds {
        certain: 0.7,
        ..Thresholds::default()
    };
    assert!(score < 0.7);
    let merged = merge(&[], &[detection([0.0, 0.0, 5.0, 5.0], 0, score)], &thresholds, 1);
    assert_eq!(merged.certain, [0]);
}

#[test]
fn thresholds_outside_their_range_are_named() {
    let thresholds = Thresholds {
        uncertain: 0.9,
        ..Thresholds::default()
    };
    let message = thresholds.check().unwrap_err().to_string();
    assert_eq!(message, "`uncertain` is 0.9, but must be in 0..=certain");
}

prop_compose! {
    fn any_detection()(x in 0..6_u8, y in 0..6_u8, w in 1..5_u8, h in 1..5_u8, label in 0..3_u32, score in 0..=10_u8) -> Detection {
        let [x, y, w, h] = [x, y, w, h].map(|v| f64::from(v) * 10.0);
        detection([x, y, x + w, y + h], label, f64::from(score) / 10.0)
    }
}

proptest! {
    #[test]
    fn the_order_free_check_does_not_depend_on_the_order_of_detections(
        truth in prop::collection::vec(any_detection(), 0..6),
        found in prop::collection::vec(any_detection(), 0..10).prop_shuffle(),
        seed in 0..1000_u64,
    ) {
        let truth: Vec<Annotation> = truth.iter().map(|d| object(d.bounds, d.label)).collect();
        let loose = Thresholds { certain: 0.6, ground_truth_iou: 0.5, judge_iou: 0.4, ..Thresholds::default() };
        let mut shuffled = found.clone();
        crate::random::Stream::new(seed, "test", &[]).shuffle(&mut shuffled);
        let (a, b) = (merge(&truth, &found, &loose, 1), merge(&truth, &shuffled, &loose, 1));
        prop_assert_eq!(a.sa_boxes, b.sa_boxes);
        prop_assert_eq!((a.al_ratio, a.sl_score, a.deploy), (b.al_ratio, b.sl_score, b.deploy));
    }

    #[test]
    fn proposed_boxes_are_each_judged_once_and_objects_keep_number_label_and_flags(
        truth in prop::collection::vec(any_detection(), 0..6),
        found in prop::collection::vec(any_detection(), 0..10),
        strict in any::<bool>(),
    ) {
        let truth: Vec<Annotation> = truth.iter().map(|d| object(d.bounds, d.label)).collect();
        let preset = if strict { Preset::Sound } else { Preset::AsPublished };
        let loose = Thresholds { certain: 0.6, ground_truth_iou: 0.5, ..Thresholds::default() }.with_preset(preset);
        let merged = merge(&truth, &found, &loose, 1);
        let mut judged = merged.accepted.clone();
        judged.extend(&merged.rejected);
        judged.extend(&merged.ignored);
        judged.extend(merged.corrected.iter().map(|pair| pair.0));
        judged.sort_unstable();
        let mut proposed = merged.certain_after_rejudge.clone();
        proposed.sort_unstable();
        prop_assert_eq!(judged, proposed);
        prop_assert_eq!(merged.sa_boxes.len(), truth.len());
        for (after, before) in merged.sa_boxes.iter().zip(&truth) {
            prop_assert_eq!((after.label, after.difficult), (before.label, before.difficult));
        }
        for measure in DeployScore::ALL {
            prop_assert!((0.0..=1.0).contains(&merged.deploy.by(measure)));
        }
        if strict {
            prop_assert!((0.0..=1.0).contains(&merged.sl_score) && (0.0..=1.0).contains(&merged.al_ratio));
        }
    }
}
