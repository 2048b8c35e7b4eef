//! Which rounds of which seeds have pictures on a page: as many as it may hold, evenly from all.

use std::collections::BTreeMap;

/// About so many pictures in a page: small as they are, they make up a few megabytes at most.
const MOST: usize = 320;
/// So many of a round at least, where it is shown at all, and at most.
const LEAST_OF_ROUND: usize = 2;
const MOST_OF_ROUND: usize = 6;

/// What is shown.
#[derive(Debug, PartialEq)]
pub(super) struct Views {
    /// For each trial the places of its views that are shown.
    pub(super) shown: Vec<Vec<usize>>,
    /// So many pictures of each.
    pub(super) of_round: usize,
    /// How many views there are.
    all: usize,
}

impl Views {
    /// Chooses for trials, each with its strategy and how many views it has: its rounds and, last, the test images.
    pub(super) fn of(trials: &[(&str, usize)]) -> Self {
        let all: usize = trials.iter().map(|(_, views)| views).sum();
        let of_round = (MOST / all.max(1)).clamp(LEAST_OF_ROUND, MOST_OF_ROUND);
        let room = MOST / of_round;
        if all <= room {
            let shown = trials.iter().map(|(_, views)| (0..*views).collect()).collect();
            return Self { shown, of_round, all };
        }
        // Rather fewer rounds than fewer seeds, and rather fewer seeds than fewer strategies; of each trial two views or none.
        let mut seeds: BTreeMap<&str, usize> = BTreeMap::new();
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (place, (strategy, _)) in trials.iter().enumerate() {
            let seed = seeds.entry(strategy).or_default();
            order.push((*seed, place));
            *seed += 1;
        }
        order.sort_unstable();
        order.truncate(room / 2);
        let each = room / order.len().max(1);
        let mut shown = vec![Vec::new(); trials.len()];
        for (_, place) in order {
            shown[place] = spread(trials[place].1, each);
        }
        Self { shown, of_round, all }
    }

    /// What a reader must know of it.
    pub(super) fn about(&self) -> String {
        let (shown, of_round) = (self.shown.iter().map(Vec::len).sum::<usize>(), self.of_round);
        if shown == self.all {
            return format!(
                "Here are at most {of_round} of each round, spread over its batch; `asm-pipe serve` shows more."
            );
        }
        format!(
            "To keep the page small, {shown} of {} rounds and tests of all strategies and seeds are here, with at most {of_round} images of \
             each; `asm-pipe serve` shows them all.",
            self.all
        )
    }
}

/// So many places of a list, the first and the last among them.
fn spread(count: usize, most: usize) -> Vec<usize> {
    match most {
        _ if most >= count => (0..count).collect(),
        0 => Vec::new(),
        1 => vec![count - 1],
        _ => (0..most).map(|at| at * (count - 1) / (most - 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(strategies: usize, seeds: usize, views: usize) -> Vec<(&'static str, usize)> {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let of = |strategy: usize| std::iter::repeat_n((NAMES[strategy % 4], views), seeds);
        (0..strategies).flat_map(of).collect()
    }

    #[test]
    fn few_rounds_are_all_shown_with_as_many_pictures_as_there_is_room_for() {
        let few = Views::of(&trials(2, 2, 3));
        assert_eq!((few.shown.clone(), few.of_round), (vec![vec![0, 1, 2]; 4], 6));
        assert_eq!(Views::of(&trials(4, 5, 5)).of_round, 3);
        assert!(few.about().starts_with("Here are at most 6"), "{}", few.about());
        assert_eq!(Views::of(&[]).shown, Vec::<Vec<usize>>::new());
    }

    #[test]
    fn of_many_rounds_every_seed_has_its_first_and_last_and_the_page_says_what_is_missing() {
        let many = Views::of(&trials(4, 5, 21));
        assert_eq!(many.of_round, 2);
        assert!(
            many.shown
                .iter()
                .all(|shown| shown.len() == 8 && shown[0] == 0 && shown[7] == 20)
        );
        assert!(many.about().contains("160 of 420 rounds"), "{}", many.about());
    }

    #[test]
    fn of_very_many_trials_each_strategy_keeps_its_first_seeds_and_the_bound_holds() {
        let huge = Views::of(&trials(4, 100, 11));
        let kept: Vec<usize> = (0..400).filter(|place| !huge.shown[*place].is_empty()).collect();
        assert_eq!(kept.len(), 80);
        assert!(
            kept.iter().all(|place| place % 100 < 20),
            "the first twenty seeds of each strategy"
        );
        let pictures: usize = huge.shown.iter().map(|shown| shown.len() * huge.of_round).sum();
        assert!(pictures <= MOST, "{pictures}");
    }
}
