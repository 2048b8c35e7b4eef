//! What so many seeds could have shown: without it `no difference` cannot be told from `too few seeds`.

use super::comparison::{AxisComparison, Duel};
use crate::statistics::{detectable_difference, least_difference, pairs_needed};

/// The share of experiments that are to find a difference that is there.
const POWER: f64 = 0.8;
/// A difference of AP50 that one would like to find.
const WANTED: f64 = 0.02;
/// Below this nothing scatters that could be seen in the figures.
const SEEN: f64 = 0.0005;
/// Fewer seeds than this know their scatter roughly.
const ROUGH: usize = 20;

/// How much the differences of pairs scatter over seeds, of the pairs whose difference is not borne out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scatter {
    seeds: usize,
    /// All pairs, over which p values are corrected.
    pairs: usize,
    /// The median over pairs.
    deviation: f64,
    /// The largest difference.
    largest: f64,
}

impl Scatter {
    /// None if all differences are borne out, or one seed tells no scatter.
    pub(super) fn of(main: &AxisComparison, is_claimed: fn(&Duel) -> bool) -> Option<Self> {
        let open: Vec<&Duel> = main.duels.iter().filter(|duel| !is_claimed(duel)).collect();
        let mut deviations: Vec<f64> = open.iter().filter_map(|duel| duel.difference.deviation).collect();
        deviations.sort_by(f64::total_cmp);
        Some(Self {
            seeds: main.seeds(),
            pairs: main.duels.len(),
            deviation: *deviations.get(deviations.len() / 2)?,
            largest: open.iter().map(|duel| duel.difference.mean).fold(0.0, f64::max),
        })
    }

    /// What can be said of it at a level for all pairs together.
    pub(super) fn sentences(&self, level: f64) -> Vec<String> {
        let each = level / self.pairs as f64;
        let least = least_difference(self.deviation, self.seeds, each).filter(|least| *least >= SEEN);
        let Some(least) = least else { return Vec::new() };
        let measured = std::iter::once(self.measured(least));
        measured.chain(self.true_difference(level, each)).collect()
    }

    /// What had to be measured.
    fn measured(&self, least: f64) -> String {
        let (spread, seen) = match self.pairs {
            1 => ("", "the difference"),
            _ => (" (the median over pairs)", "the largest that is not borne out"),
        };
        let (seeds, beyond, largest) = (self.seeds, beyond(least), self.largest);
        format!(
            "What {seeds} seeds could have shown: as much as they scatter{spread}, a measured difference of {least:.3} AP50 or more{beyond}; {seen} \
             is {largest:.3}."
        )
    }

    /// What had to be true for that to be likely.
    fn true_difference(&self, level: f64, each: f64) -> Option<String> {
        let detectable = detectable_difference(self.deviation, self.seeds, each, POWER)?;
        let needed = match pairs_needed(WANTED, self.deviation, each, POWER) {
            Some(needed) => needed.to_string(),
            None => "more than 1000".to_owned(),
        };
        let corrected = match self.pairs {
            1 => String::new(),
            pairs => format!(" at a level of {level} / {pairs}, where Holm begins"),
        };
        let rough = match self.seeds < ROUGH {
            true => format!(
                " Both are rough: the scatter itself is an estimate from {} seeds.",
                self.seeds
            ),
            false => String::new(),
        };
        let beyond = beyond(detectable);
        Some(format!(
            "A true difference must be {detectable:.3} AP50{beyond} for four of five such experiments to find it (80 % power{corrected}). One of \
             {WANTED} AP50 takes {needed} seeds.{rough}"
        ))
    }
}

fn beyond(difference: f64) -> &'static str {
    if difference >= 1.0 {
        " (more than AP50 can differ by)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scatter(seeds: usize, pairs: usize, deviation: f64) -> Vec<String> {
        let (seeds, largest) = (seeds, 0.01);
        Scatter {
            seeds,
            pairs,
            deviation,
            largest,
        }
        .sentences(0.05)
    }

    /// A detectable difference of 3.264 deviations, and 34 pairs for half a deviation, as in `statistics::power`.
    #[test]
    fn what_a_true_difference_must_be_is_more_than_what_must_be_measured() {
        let found = scatter(3, 1, 0.04);
        assert_eq!(
            found,
            [
                "What 3 seeds could have shown: as much as they scatter, a measured difference of 0.099 AP50 or more; the difference is 0.010.",
                "A true difference must be 0.131 AP50 for four of five such experiments to find it (80 % power). One of 0.02 AP50 takes 34 seeds. \
                 Both are rough: the scatter itself is an estimate from 3 seeds."
            ]
        );
    }

    /// 12.684 deviations, and 94 pairs for 0.4 of one.
    #[test]
    fn among_several_pairs_the_level_is_that_of_the_first_of_them() {
        let found = &scatter(3, 15, 0.05)[1];
        assert!(
            found.starts_with(
                "A true difference must be 0.634 AP50 for four of five such experiments to find it (80 % power at a level of 0.05 / 15, where Holm \
                 begins). One of 0.02 AP50 takes 94 seeds."
            ),
            "{found}"
        );
    }

    #[test]
    fn what_cannot_be_is_said_and_where_nothing_scatters_nothing_is() {
        let found = &scatter(2, 36, 0.5)[1];
        for words in ["AP50 (more than AP50 can differ by) for", "takes more than 1000 seeds."] {
            assert!(found.contains(words), "{found}");
        }
        assert!(!scatter(20, 1, 0.05)[1].contains("rough"));
        assert!(scatter(3, 1, 1e-6).is_empty());
    }
}
