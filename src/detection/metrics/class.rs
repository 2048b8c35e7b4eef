//! The images of one class, with overlaps computed and detections ranked, ready for the matcher.

use super::matching::{Target, assign};
use super::protocol::{DifficultObjects, OverlapRule, Rules};
use super::{Assignment, Extent, Outcome, Ranking, Scenes, ScoredBox};

/// An object's part in matching.
#[derive(Clone, Copy, Debug)]
struct Flags {
    area: f64,
    ignored: bool,
    crowd: bool,
}

/// The detections and objects of one class in one image.
#[derive(Debug)]
struct ClassImage {
    /// Place of its first detection among those of all images.
    start: usize,
    areas: Vec<f64>,
    objects: Vec<Flags>,
    /// A row a detection, a column an object.
    overlaps: Vec<f64>,
}

/// All images that have detections or objects of one class.
#[derive(Debug)]
pub(super) struct ClassScenes {
    images: Vec<ClassImage>,
    /// Places of detections by descending score; equal scores by image, then as given.
    order: Vec<u32>,
    /// How many detections there are, those over the cap included.
    pub(super) detections: usize,
    /// Detections whose score another one has as well.
    pub(super) tied: usize,
}

/// Objects with an area outside the range are ignored, and so are detections outside it that find nothing. Bounds are inclusive.
pub(super) type AreaRange = (f64, f64);

impl ClassScenes {
    /// Gathers one class. Of the rules, those that do not depend on a threshold are used.
    pub(super) fn new(scenes: &Scenes, label: u32, rules: &Rules) -> Self {
        let (mut images, mut scores, mut all) = (Vec::new(), Vec::new(), 0);
        for scene in &scenes.images {
            let found = scene.detections.iter().filter(|found| found.label == label);
            let mut found: Vec<ScoredBox> = found.copied().collect();
            all += found.len();
            if rules.rounded {
                found.iter_mut().for_each(round);
            }
            found.sort_by(|a, b| descending(a.score, b.score));
            found.truncate(rules.cap.unwrap_or(usize::MAX));
            let dropped = |difficult| difficult && rules.difficult == DifficultObjects::Drop;
            let objects = scene
                .objects
                .iter()
                .filter(|object| object.label == label && !dropped(object.difficult));
            let objects: Vec<_> = objects.collect();
            if found.is_empty() && objects.is_empty() {
                continue;
            }
            let row = |found: &ScoredBox| {
                let found = found.extent;
                objects.iter().map(move |object| {
                    let crowd = object.crowd && rules.assignment == Assignment::BestFree;
                    overlap(&found, &object.extent, rules.overlap, crowd)
                })
            };
            images.push(ClassImage {
                start: scores.len(),
                areas: found.iter().map(|found| found.extent.area()).collect(),
                overlaps: found.iter().flat_map(row).collect(),
                objects: objects
                    .iter()
                    .map(|object| Flags {
                        area: object.area,
                        ignored: object.crowd
                            || rules.difficult == DifficultObjects::Ignore
                                && (object.difficult || object.ignored_by_voc),
                        crowd: object.crowd,
                    })
                    .collect(),
            });
            scores.extend(found.iter().map(|found| found.score));
        }
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_by(|&a, &b| descending(scores[a as usize], scores[b as usize]));
        let same = |a: u32, b: u32| scores[a as usize] == scores[b as usize];
        let tied = (0..order.len()).filter(|&at| {
            at > 0 && same(order[at - 1], order[at]) || order.get(at + 1).is_some_and(|&next| same(next, order[at]))
        });
        Self {
            tied: tied.count(),
            images,
            order,
            detections: all,
        }
    }

    /// Objects that count.
    pub(super) fn objects(&self, range: Option<AreaRange>) -> usize {
        let objects = self.images.iter().flat_map(|image| &image.objects);
        objects
            .filter(|object| !object.ignored && inside(range, object.area))
            .count()
    }

    /// What each detection is, by image and within it by descending score.
    pub(super) fn outcomes(&self, rules: &Rules, range: Option<AreaRange>) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Miss; self.order.len()];
        let (mut targets, mut taken) = (Vec::new(), Vec::new());
        // As pycocotools: a threshold of 1 can be reached.
        let threshold = rules.threshold.min(1.0 - 1e-10);
        let reaches = |overlap: f64| match rules.strictly_above {
            true => overlap > threshold,
            false => overlap >= threshold,
        };
        for image in &self.images {
            let outside = |at: usize| match inside(range, image.areas[at]) {
                true => Outcome::Miss,
                false => Outcome::Ignored,
            };
            let slots = &mut outcomes[image.start..image.start + image.areas.len()];
            if image.objects.is_empty() {
                for (at, slot) in slots.iter_mut().enumerate() {
                    *slot = outside(at);
                }
                continue;
            }
            targets.clear();
            targets.extend(image.objects.iter().enumerate().map(|(place, object)| Target {
                place,
                ignored: object.ignored || !inside(range, object.area),
                crowd: object.crowd,
            }));
            if rules.assignment == Assignment::BestFree {
                targets.sort_by_key(|target| target.ignored);
            }
            let width = image.objects.len();
            assign(
                &image.overlaps,
                width,
                &targets,
                (rules.assignment, reaches),
                &mut taken,
                |at, outcome| slots[at] = outcome.unwrap_or_else(|| outside(at)),
            );
        }
        outcomes
    }

    /// The outcomes by descending score.
    pub(super) fn ranking(&self, outcomes: &[Outcome], objects: usize) -> Ranking {
        let (mut ranks, mut rank) = (Vec::new(), 0);
        for &at in &self.order {
            match outcomes[at as usize] {
                Outcome::Ignored => continue,
                Outcome::Miss => rank += 1,
                Outcome::Hit => {
                    rank += 1;
                    ranks.push(rank);
                }
            }
        }
        Ranking::new(&ranks, objects)
    }

    /// Hits among the first `most` detections of each image.
    pub(super) fn hits_within(&self, outcomes: &[Outcome], most: usize) -> usize {
        let first = |image: &ClassImage| {
            let end = image.start + image.areas.len().min(most);
            outcomes[image.start..end]
                .iter()
                .filter(|&&outcome| outcome == Outcome::Hit)
                .count()
        };
        self.images.iter().map(first).sum()
    }
}

fn inside(range: Option<AreaRange>, area: f64) -> bool {
    range.is_none_or(|(low, high)| (low..=high).contains(&area))
}

fn descending(a: f64, b: f64) -> std::cmp::Ordering {
    // Scores are finite; both zeros are equal, as they are not for `total_cmp`.
    b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal)
}

/// Rounds as a detector's output does that is written with a fixed number of digits.
fn round(found: &mut ScoredBox) {
    let digits = |value: f64, digits: usize| format!("{value:.digits$}").parse().unwrap_or(value);
    found.score = digits(found.score, 3);
    let extent = &mut found.extent;
    for edge in [&mut extent.left, &mut extent.top, &mut extent.right, &mut extent.bottom] {
        *edge = digits(*edge, 1);
    }
    extent.width = extent.right - extent.left;
    extent.height = extent.bottom - extent.top;
}

/// Intersection over union; over the detection's own area for a crowd.
fn overlap(found: &Extent, object: &Extent, rule: OverlapRule, crowd: bool) -> f64 {
    let plus = if rule == (OverlapRule::Corners { plus_one: true }) {
        1.0
    } else {
        0.0
    };
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
