//! The images of one class, with overlaps computed and detections ranked, ready for the matcher.

use std::ops::Range;

use super::index::{Index, by_image};
use super::protocol::{DifficultObjects, OverlapRule, Rules};
use super::{Assignment, Extent, Scenes, ScoredBox};

/// An object's part in matching.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags {
    pub(super) area: f64,
    pub(super) ignored: bool,
    pub(super) crowd: bool,
}

/// The detections and objects of one class in one image, as ranges of the lists below.
#[derive(Debug)]
pub(super) struct ClassImage {
    pub(super) detections: Range<usize>,
    pub(super) objects: Range<usize>,
    /// Where its overlaps begin: a row a detection, a column an object.
    pub(super) overlaps: usize,
}

/// All images that have detections or objects of one class.
#[derive(Debug)]
pub(super) struct ClassScenes {
    pub(super) images: Vec<ClassImage>,
    pub(super) objects: Vec<Flags>,
    pub(super) overlaps: Vec<f64>,
    /// Of each detection: its area.
    pub(super) areas: Vec<f64>,
    /// Of each detection: the highest of its overlaps.
    pub(super) highest: Vec<f64>,
    /// Of each detection: its score.
    pub(super) scores: Vec<f64>,
    /// Places of detections by descending score; equal scores by image, then as given.
    pub(super) order: Vec<u32>,
    /// How many detections there are, those over the cap included.
    pub(super) detections: usize,
    /// Detections whose score another one has as well.
    pub(super) tied: usize,
}

/// The pixel at the right and lower edge counts.
const PLUS_ONE: OverlapRule = OverlapRule::Corners { plus_one: true };

/// Objects with an area outside the range are ignored, and so are detections outside it that find nothing. Bounds are inclusive.
pub(super) type AreaRange = (f64, f64);

impl ClassScenes {
    /// Gathers one class. Of the rules, those that do not depend on a threshold are used.
    pub(super) fn new(scenes: &Scenes, index: &Index, label: usize, rules: &Rules) -> Self {
        let (found, objects) = (&index.detections[label], &index.objects[label]);
        let mut class = Self {
            images: Vec::new(),
            objects: Vec::with_capacity(objects.len()),
            overlaps: Vec::new(),
            areas: Vec::with_capacity(found.len()),
            highest: Vec::with_capacity(found.len()),
            scores: Vec::with_capacity(found.len()),
            order: Vec::new(),
            detections: found.len(),
            tied: 0,
        };
        let shift = f64::from(u8::from(rules.rounded && rules.overlap != PLUS_ONE));
        let rule = if rules.rounded { PLUS_ONE } else { rules.overlap };
        let (mut boxes, mut extents) = (Vec::new(), Vec::new());
        for (image, found, objects) in by_image(found, objects) {
            let scene = &scenes.images[image as usize];
            boxes.clear();
            boxes.extend(found.iter().map(|place| scene.detections[place.1 as usize]));
            if rules.rounded {
                boxes.iter_mut().for_each(|found| round(found, shift));
            }
            boxes.sort_by(|a: &ScoredBox, b| descending(a.score, b.score));
            boxes.truncate(rules.cap.unwrap_or(usize::MAX));
            extents.clear();
            let first = class.objects.len();
            for object in objects.iter().map(|place| &scene.objects[place.1 as usize]) {
                if object.difficult && rules.difficult == DifficultObjects::Drop {
                    continue;
                }
                let by_voc = object.difficult || object.ignored_by_voc;
                class.objects.push(Flags {
                    area: object.area,
                    ignored: object.crowd || rules.difficult == DifficultObjects::Ignore && by_voc,
                    crowd: object.crowd,
                });
                let extent = shifted(object.extent, shift);
                extents.push((extent, object.crowd && rules.assignment == Assignment::BestFree));
            }
            if !boxes.is_empty() || !extents.is_empty() {
                class.add((&boxes, shift), &extents, first, rule);
            }
        }
        class.rank();
        class
    }

    /// Adds an image whose objects, from `first` on, are in the list already.
    fn add(
        &mut self,
        (boxes, shift): (&[ScoredBox], f64),
        objects: &[(Extent, bool)],
        first: usize,
        rule: OverlapRule,
    ) {
        let start = self.scores.len();
        self.images.push(ClassImage {
            detections: start..start + boxes.len(),
            objects: first..self.objects.len(),
            overlaps: self.overlaps.len(),
        });
        for found in boxes {
            let mut highest = 0.0_f64;
            for (object, crowd) in objects {
                let overlap = overlap(&found.extent, object, rule, *crowd);
                highest = highest.max(overlap);
                self.overlaps.push(overlap);
            }
            let Extent { width, height, .. } = found.extent;
            self.areas.push((width + shift) * (height + shift));
            self.scores.push(found.score);
            self.highest.push(highest);
        }
    }

    fn rank(&mut self) {
        let mut ranked: Vec<(f64, u32)> = self.scores.iter().copied().zip(0..).collect();
        ranked.sort_unstable_by(|a, b| descending(a.0, b.0).then(a.1.cmp(&b.1)));
        let same = |a: usize, b: usize| ranked.get(b).is_some_and(|b| b.0 == ranked[a].0);
        let tied = (0..ranked.len()).filter(|&at| at > 0 && same(at - 1, at) || same(at, at + 1));
        self.tied = tied.count();
        self.order = ranked.into_iter().map(|(_, place)| place).collect();
    }

    /// Objects that count.
    pub(super) fn counted(&self, range: Option<AreaRange>) -> usize {
        let counts = |object: &&Flags| !object.ignored && inside(range, object.area);
        self.objects.iter().filter(counts).count()
    }
}

pub(super) fn inside(range: Option<AreaRange>, area: f64) -> bool {
    range.is_none_or(|(low, high)| (low..=high).contains(&area))
}

fn descending(a: f64, b: f64) -> std::cmp::Ordering {
    // Scores are finite; both zeros are equal, as they are not for `total_cmp`.
    b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal)
}

/// Moves the upper left corner.
fn shifted(extent: Extent, by: f64) -> Extent {
    if by == 0.0 {
        return extent;
    }
    let (left, top) = (extent.left + by, extent.top + by);
    Extent {
        left,
        top,
        width: extent.right - left,
        height: extent.bottom - top,
        ..extent
    }
}

/// Rounds as Detectron2 does when it writes detections for VOC's evaluation: the upper left corner is moved to VOC's counting first.
fn round(found: &mut ScoredBox, shift: f64) {
    let digits = |value: f64, digits: usize| format!("{value:.digits$}").parse().unwrap_or(value);
    found.score = digits(found.score, 3);
    let Extent {
        left,
        top,
        right,
        bottom,
        ..
    } = found.extent;
    let [left, top, right, bottom] = [left + shift, top + shift, right, bottom].map(|edge| digits(edge, 1));
    found.extent = Extent {
        left,
        top,
        right,
        bottom,
        width: right - left,
        height: bottom - top,
    };
}

/// Intersection over union; over the detection's own area for a crowd.
pub(super) fn overlap(found: &Extent, object: &Extent, rule: OverlapRule, crowd: bool) -> f64 {
    let plus = if rule == PLUS_ONE { 1.0 } else { 0.0 };
    let ends = |e: &Extent| match rule {
        OverlapRule::Sizes => (e.width + e.left, e.height + e.top),
        OverlapRule::Corners { .. } => (e.right, e.bottom),
    };
    let ((right, bottom), (object_right, object_bottom)) = (ends(found), ends(object));
    let width = right.min(object_right) - found.left.max(object.left) + plus;
    let height = bottom.min(object_bottom) - found.top.max(object.top) + plus;
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let shared = width * height;
    let area = |e: &Extent| (e.width + plus) * (e.height + plus);
    let union = if crowd {
        area(found)
    } else {
        area(found) + area(object) - shared
    };
    shared / union
}
