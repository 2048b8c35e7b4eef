//! Every two strategies, tested on the seeds that both have.

use std::collections::BTreeMap;

use crate::statistics::{Interval, Mean, bootstrap_interval, holm, mean, paired_t, wilcoxon};

/// Two strategies on the seeds that both have.
#[derive(Clone, Debug, PartialEq)]
pub struct Duel {
    /// The one with the larger mean area.
    pub first: String,
    /// The other.
    pub second: String,
    /// The difference of areas over the seeds of both.
    pub difference: Mean,
    /// The interval of that mean by resampling seeds.
    pub bootstrap: Option<Interval>,
    /// The paired t test's p, and after Holm.
    pub t: Option<[f64; 2]>,
    /// The exact Wilcoxon test's p, and after Holm.
    pub wilcoxon: Option<[f64; 2]>,
}

pub(super) fn duels(strategies: &[(&str, BTreeMap<i64, f64>)]) -> Vec<Duel> {
    let mut found = Vec::new();
    for (at, (first, ours)) in strategies.iter().enumerate() {
        for (second, theirs) in &strategies[at + 1..] {
            let differences = ours.iter().filter_map(|(seed, area)| Some(area - theirs.get(seed)?));
            let mut differences: Vec<f64> = differences.collect();
            let (mut first, mut second) = (*first, *second);
            if mean(&differences).is_some_and(|mean| mean < 0.0) {
                (first, second) = (second, first);
                differences.iter_mut().for_each(|difference| *difference = -*difference);
            }
            let Some(difference) = Mean::of(&differences) else {
                continue;
            };
            found.push(Duel {
                first: first.to_owned(),
                second: second.to_owned(),
                difference,
                bootstrap: bootstrap_interval(&differences),
                t: paired_t(&differences).map(|test| [test.p, test.p]),
                wilcoxon: wilcoxon(&differences)
                    .filter(|_| differences.len() > 1)
                    .map(|test| [test.p, test.p]),
            });
        }
    }
    correct(&mut found, |duel| duel.t.as_mut());
    correct(&mut found, |duel| duel.wilcoxon.as_mut());
    found
}

/// Puts Holm's correction over all tests of one kind beside each p.
fn correct(duels: &mut [Duel], test: fn(&mut Duel) -> Option<&mut [f64; 2]>) {
    let alone: Vec<f64> = duels.iter_mut().filter_map(|duel| Some(test(duel)?[0])).collect();
    let corrected = holm(&alone);
    for (p, corrected) in duels.iter_mut().filter_map(test).zip(corrected) {
        p[1] = corrected;
    }
}
