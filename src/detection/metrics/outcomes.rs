//! What each detection of a class is at several overlap thresholds at once, and the rankings that follow.
//!
//! A detection's outcomes are two sets of bits, one bit a threshold. Most detections overlap nothing enough at any threshold and are never
//! looked at again; most images have objects of one size only, and then one matching serves every range of sizes.

use super::class::{AreaRange, ClassImage, ClassScenes, inside};
use super::matching::{Target, assign};
use super::protocol::Rules;
use super::{Assignment, Outcome, Ranking};

/// More thresholds than this have no bits.
pub(super) const MOST_THRESHOLDS: usize = 16;

/// A bit a threshold.
type Bits = u16;

/// What each detection is, by place.
#[derive(Debug)]
pub(super) struct Outcomes {
    hits: Vec<Bits>,
    /// Neither hit nor miss.
    ignored: Vec<Bits>,
    thresholds: usize,
}

/// The matcher of a class under rules, at thresholds that ascend.
#[derive(Debug)]
pub(super) struct Matcher<'a> {
    class: &'a ClassScenes,
    rules: Rules,
    thresholds: &'a [f64],
    /// Of images without ignored objects, whatever the sizes: hits, and detections of an object, taken or not.
    hits: Vec<Bits>,
    matched: Vec<Bits>,
}

impl<'a> Matcher<'a> {
    /// Matches without a range of sizes. At most [`MOST_THRESHOLDS`] are looked at.
    pub(super) fn new(class: &'a ClassScenes, rules: &Rules, thresholds: &'a [f64]) -> Self {
        let mut matcher = Self {
            class,
            rules: *rules,
            thresholds: &thresholds[..thresholds.len().min(MOST_THRESHOLDS)],
            hits: vec![0; class.scores.len()],
            matched: vec![0; class.scores.len()],
        };
        let (mut hits, mut matched) = (vec![0; class.scores.len()], vec![0; class.scores.len()]);
        let mut room = Room::default();
        for image in class.images.iter().filter(|image| matcher.is_plain(image)) {
            matcher.assign(image, None, &mut room, |threshold, at, outcome| {
                let bit = 1 << threshold;
                matched[at] |= bit;
                if outcome == Outcome::Hit {
                    hits[at] |= bit;
                }
            });
        }
        (matcher.hits, matcher.matched) = (hits, matched);
        matcher
    }

    /// Whether no object of the image is ignored for another reason than its size.
    fn is_plain(&self, image: &ClassImage) -> bool {
        self.class.objects[image.objects.clone()]
            .iter()
            .all(|object| !object.ignored)
    }

    /// What each detection is, by image and within it by descending score.
    pub(super) fn outcomes(&self, range: Option<AreaRange>) -> Outcomes {
        let class = self.class;
        let all: Bits = ((1_u32 << self.thresholds.len()) - 1) as Bits;
        // What finds nothing is a miss, or ignored for its size.
        let ignored = class
            .areas
            .iter()
            .map(|&area| if inside(range, area) { 0 } else { all });
        let mut outcomes = Outcomes {
            hits: vec![0; class.scores.len()],
            ignored: ignored.collect(),
            thresholds: self.thresholds.len(),
        };
        let mut room = Room::default();
        for image in &class.images {
            let objects = &class.objects[image.objects.clone()];
            let inside = objects.iter().filter(|object| inside(range, object.area)).count();
            let places = image.detections.clone();
            if self.is_plain(image) && (inside == 0 || inside == objects.len()) {
                for at in places.filter(|&at| self.matched[at] != 0) {
                    if inside == 0 {
                        outcomes.ignored[at] |= self.matched[at];
                    } else {
                        outcomes.hits[at] = self.hits[at];
                        outcomes.ignored[at] &= !self.matched[at];
                    }
                }
                continue;
            }
            let (hits, ignored) = (&mut outcomes.hits, &mut outcomes.ignored);
            self.assign(image, range, &mut room, |threshold, at, outcome| {
                let bit: Bits = 1 << threshold;
                match outcome {
                    Outcome::Hit => (hits[at], ignored[at]) = (hits[at] | bit, ignored[at] & !bit),
                    Outcome::Miss => ignored[at] &= !bit,
                    Outcome::Ignored => ignored[at] |= bit,
                }
            });
        }
        outcomes
    }

    /// Tells of every detection that has an object at a threshold what it is there.
    fn assign(
        &self,
        image: &ClassImage,
        range: Option<AreaRange>,
        room: &mut Room,
        mut tell: impl FnMut(usize, usize, Outcome),
    ) {
        let class = self.class;
        let Some(&lowest) = self.thresholds.first() else {
            return;
        };
        let highest = |at: usize| class.highest[at];
        room.live.clear();
        let live = image.detections.clone().filter(|&at| self.reaches(highest(at), lowest));
        room.live.extend(live);
        if room.live.is_empty() {
            return;
        }
        let objects = class.objects[image.objects.clone()].iter().enumerate();
        room.targets.clear();
        room.targets.extend(objects.map(|(place, object)| Target {
            place,
            ignored: object.ignored || !inside(range, object.area),
            crowd: object.crowd,
        }));
        if self.rules.assignment == Assignment::BestFree {
            room.targets.sort_by_key(|target| target.ignored);
        }
        let width = image.objects.len();
        for (number, &threshold) in self.thresholds.iter().enumerate() {
            let reaches = |overlap: f64| self.reaches(overlap, threshold);
            let rows = room.live.iter().filter(|&&at| reaches(highest(at))).map(|&at| {
                let from = image.overlaps + (at - image.detections.start) * width;
                (at, &class.overlaps[from..from + width])
            });
            let assignment = (self.rules.assignment, reaches);
            assign(rows, &room.targets, assignment, &mut room.taken, |at, outcome| {
                if let Some(outcome) = outcome {
                    tell(number, at, outcome);
                }
            });
        }
    }

    fn reaches(&self, overlap: f64, threshold: f64) -> bool {
        // As pycocotools: a threshold of 1 can be reached.
        let threshold = threshold.min(1.0 - 1e-10);
        match self.rules.strictly_above {
            true => overlap > threshold,
            false => overlap >= threshold,
        }
    }
}

/// Lists that are filled anew for each image.
#[derive(Default)]
struct Room {
    live: Vec<usize>,
    targets: Vec<Target>,
    taken: Vec<bool>,
}

impl Outcomes {
    /// Goes through the hits by descending score: the threshold, the rank among the detections that count, and the place.
    pub(super) fn each_hit(&self, class: &ClassScenes, mut tell: impl FnMut(usize, usize, usize)) {
        let all: Bits = ((1_u32 << self.thresholds) - 1) as Bits;
        let (mut seen, mut passed) = (0, [0; MOST_THRESHOLDS]);
        for at in class.order.iter().map(|&at| at as usize) {
            let (mut ignored, mut hits) = (self.ignored[at], self.hits[at]);
            if ignored == all {
                continue;
            }
            seen += 1;
            while ignored != 0 {
                passed[ignored.trailing_zeros() as usize] += 1;
                ignored &= ignored - 1;
            }
            while hits != 0 {
                let threshold = hits.trailing_zeros() as usize;
                tell(threshold, seen - passed[threshold], at);
                hits &= hits - 1;
            }
        }
    }

    /// A ranking for each threshold.
    pub(super) fn rankings(&self, class: &ClassScenes, objects: usize) -> Vec<Ranking> {
        let mut ranks = vec![Vec::new(); self.thresholds];
        self.each_hit(class, |threshold, rank, _| ranks[threshold].push(rank));
        ranks.iter().map(|ranks| Ranking::new(ranks, objects)).collect()
    }

    /// Hits among the first `most` detections of each image, over all thresholds.
    pub(super) fn hits_within(&self, class: &ClassScenes, most: usize) -> usize {
        let first = |image: &ClassImage| {
            let places = image.detections.clone().take(most);
            places.map(|at| self.hits[at].count_ones() as usize).sum::<usize>()
        };
        class.images.iter().map(first).sum()
    }
}
