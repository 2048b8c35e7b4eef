//! The small parts on numbers drawn at random: box coder, matcher, suppression, RoIAlign, anchors, focal loss.

use tch::{Device, Kind, Tensor};

use super::{Golden, assert_close, golden};
use crate::anchors::{cell_anchors, level_anchors};
use crate::box_coder::BoxCoder;
use crate::boxes::{self, Row};
use crate::matcher::{Match, Matcher};
use crate::nms::suppress;
use crate::retina_net::focal_loss;
use crate::roi_align::RoiAlign;

fn rows(golden: &Golden, name: &str) -> Vec<Row> {
    boxes::rows(&golden[name]).unwrap()
}

fn assert_rows(what: &str, found: &[Row], expected: &Tensor) {
    assert_close(what, &boxes::tensor(found, Device::Cpu).unwrap(), expected);
}

#[test]
fn boxes_are_encoded_and_decoded_as_torchvision_does() {
    let golden = golden("units");
    let coder = BoxCoder::new([10.0, 10.0, 5.0, 5.0]);
    let reference = rows(&golden, "coder.reference");
    let with = |name: &str, of: &dyn Fn(&Row, &Row) -> Row| -> Vec<Row> {
        let given = rows(&golden, name);
        given
            .iter()
            .zip(&reference)
            .map(|(row, reference)| of(row, reference))
            .collect()
    };
    let encoded = with("coder.wanted", &|wanted, reference| coder.encode(wanted, reference));
    assert_rows("encoded", &encoded, &golden["coder.encoded"]);
    let decoded = with("coder.offsets", &|offsets, reference| coder.decode(offsets, reference));
    assert_rows("decoded", &decoded, &golden["coder.decoded"]);
}

#[test]
fn candidates_are_matched_as_torchvision_does() {
    let golden = golden("units");
    let (objects, candidates) = (rows(&golden, "matcher.objects"), rows(&golden, "matcher.candidates"));
    for (name, foreground, background, keep_best_of_each_object) in [
        ("rpn", 0.7, 0.3, true),
        ("box", 0.5, 0.5, false),
        ("retina", 0.5, 0.4, true),
    ] {
        let matcher = Matcher {
            foreground,
            background,
            keep_best_of_each_object,
        };
        let found: Vec<i64> = matcher
            .run(&objects, &candidates)
            .into_iter()
            .map(|found| match found {
                Match::Object(number) => number as i64,
                Match::Background => -1,
                Match::Between => -2,
            })
            .collect();
        let expected = boxes::integers(&golden[&format!("matcher.{name}")]).unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn boxes_are_suppressed_as_torchvision_does() {
    let golden = golden("units");
    let groups = boxes::integers(&golden["nms.groups"]).unwrap();
    let groups: Vec<usize> = groups.into_iter().map(|group| group as usize).collect();
    let scores = boxes::numbers(&golden["nms.scores"]).unwrap();
    let kept = suppress(&rows(&golden, "nms.boxes"), &scores, &groups, 0.5, usize::MAX);
    let kept: Vec<i64> = kept.into_iter().map(|number| number as i64).collect();
    assert_eq!(kept, boxes::integers(&golden["nms.kept"]).unwrap());
}

#[test]
fn boxes_are_pooled_as_torchvision_does() {
    let golden = golden("units");
    let align = RoiAlign {
        output: 7,
        canonical_scale: 120.0,
    };
    let levels = [0, 1].map(|level| golden[&format!("align.level.{level}")].shallow_clone());
    let boxes = [0, 1].map(|image| rows(&golden, &format!("align.boxes.{image}")));
    let pooled = align.forward(&levels, &boxes, &[(100, 128), (90, 110)]).unwrap();
    assert_close("pooled", &pooled, &golden["align.pooled"]);
}

#[test]
fn anchors_lie_where_torchvisions_do() {
    let golden = golden("units");
    let mut anchors = Vec::new();
    for (sizes, grid) in [([16.0, 24.0], (12, 16)), ([32.0, 48.0], (5, 7))] {
        anchors.extend(level_anchors(&cell_anchors(&sizes, &[0.5, 1.0, 2.0]), grid, (96, 128)));
    }
    assert_eq!(anchors, rows(&golden, "anchors"));
}

#[test]
fn focal_loss_is_torchvisions() {
    let golden = golden("units");
    let targets = boxes::numbers(&golden["focal.targets"]).unwrap();
    let ones: Vec<i64> = (0..)
        .zip(&targets)
        .filter(|(_, target)| **target > 0.5)
        .map(|(at, _)| at)
        .collect();
    let weights = Tensor::ones([30, 1], (Kind::Float, Device::Cpu));
    let loss = focal_loss(&golden["focal.logits"], &ones, &weights).unwrap();
    assert_close("focal loss", &loss.view([1]), &golden["focal.loss"]);
}
