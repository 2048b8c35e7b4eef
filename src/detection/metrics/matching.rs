//! The matcher: which detections of one image and class are hits, which are misses, which count for nothing.

/// Which object a detection may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// The free object with the highest overlap, the last of equal ones; an ignored one only if no other will do (COCO).
    BestFree,
    /// Only the object with the highest overlap, the first of equal ones, taken or not (VOC).
    HighestOnly,
}

/// What a detection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A true positive.
    Hit,
    /// A false positive.
    Miss,
    /// Neither.
    Ignored,
}

/// An object as the matcher sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Where it is in the rows of overlaps.
    pub(super) place: usize,
    /// Finding it counts for nothing.
    pub(super) ignored: bool,
    /// Any number of detections may have it.
    pub(super) crowd: bool,
}

/// Assigns the detections of an image, by descending score. Each has a name and a row of overlaps with the objects. With
/// [`Assignment::BestFree`] ignored targets must come last.
pub(super) fn assign<'a>(
    rows: impl Iterator<Item = (usize, &'a [f64])>,
    targets: &[Target],
    (assignment, reaches): (Assignment, impl Fn(f64) -> bool),
    taken: &mut Vec<bool>,
    mut tell: impl FnMut(usize, Option<Outcome>),
) {
    taken.clear();
    taken.resize(targets.len(), false);
    for (detection, row) in rows {
        let found = match assignment {
            Assignment::BestFree => best_free(row, targets, taken, &reaches),
            Assignment::HighestOnly => highest(row, targets).filter(|&at| reaches(row[targets[at].place])),
        };
        let Some(at) = found else {
            tell(detection, None);
            continue;
        };
        let target = &targets[at];
        let outcome = match (target.ignored, taken[at] && !target.crowd) {
            (true, _) => Outcome::Ignored,
            (false, true) => Outcome::Miss,
            (false, false) => Outcome::Hit,
        };
        taken[at] = true;
        tell(detection, Some(outcome));
    }
}

/// pycocotools' walk over the objects.
fn best_free(row: &[f64], targets: &[Target], taken: &[bool], reaches: impl Fn(f64) -> bool) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (at, target) in targets.iter().enumerate() {
        if taken[at] && !target.crowd {
            continue;
        }
        if target.ignored && best.is_some_and(|(_, other)| !targets[other].ignored) {
            break;
        }
        let overlap = row[target.place];
        if best.map_or_else(|| reaches(overlap), |(highest, _)| overlap >= highest) {
            best = Some((overlap, at));
        }
    }
    best.map(|(_, at)| at)
}

fn highest(row: &[f64], targets: &[Target]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (at, target) in targets.iter().enumerate() {
        if best.is_none_or(|other| row[target.place] > row[targets[other].place]) {
            best = Some(at);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(overlaps: &[f64], targets: &[Target], assignment: Assignment) -> Vec<Option<Outcome>> {
        let mut all = Vec::new();
        let reaches = |overlap| overlap >= 0.5;
        let mut taken = Vec::new();
        assign(
            overlaps.chunks_exact(targets.len()).enumerate(),
            targets,
            (assignment, reaches),
            &mut taken,
            |_, outcome| all.push(outcome),
        );
        all
    }

    const fn target(place: usize, ignored: bool, crowd: bool) -> Target {
        Target { place, ignored, crowd }
    }

    #[test]
    fn a_second_best_object_may_be_taken_under_cocos_rule_only() {
        let targets = [target(0, false, false), target(1, false, false)];
        let overlaps = [0.9, 0.6, 0.8, 0.7];
        let hit = Some(Outcome::Hit);
        assert_eq!(outcomes(&overlaps, &targets, Assignment::BestFree), [hit, hit]);
        assert_eq!(
            outcomes(&overlaps, &targets, Assignment::HighestOnly),
            [hit, Some(Outcome::Miss)]
        );
    }

    #[test]
    fn a_real_object_goes_before_an_ignored_one_that_overlaps_more() {
        let targets = [target(0, false, false), target(1, true, false)];
        assert_eq!(
            outcomes(&[0.6, 0.9], &targets, Assignment::BestFree),
            [Some(Outcome::Hit)]
        );
        assert_eq!(
            outcomes(&[0.6, 0.9], &targets, Assignment::HighestOnly),
            [Some(Outcome::Ignored)]
        );
    }

    #[test]
    fn a_crowd_takes_any_number_and_an_ignored_object_one() {
        let ignored = Some(Outcome::Ignored);
        let overlaps = [0.9, 0.9];
        assert_eq!(
            outcomes(&overlaps, &[target(0, true, true)], Assignment::BestFree),
            [ignored, ignored]
        );
        assert_eq!(
            outcomes(&overlaps, &[target(0, true, false)], Assignment::BestFree),
            [ignored, None]
        );
        assert_eq!(
            outcomes(&overlaps, &[target(0, true, false)], Assignment::HighestOnly),
            [ignored, ignored]
        );
    }
}
