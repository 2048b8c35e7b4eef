use std::collections::BTreeMap;

use super::*;
use crate::report::trials::Turn;

/// A trial whose round r has cost `step * (r + 1)` hours.
pub(crate) fn trial(strategy: &str, seed: i64, step: f64, values: &[f64]) -> Trial {
    let turn = |(round, value): (usize, &f64)| Turn {
        round: round as u32,
        figures: BTreeMap::from([
            (MEASURE.to_owned(), *value),
            ("hours".to_owned(), step * (round + 1) as f64),
        ]),
    };
    Trial {
        strategy: strategy.to_owned(),
        family: strategy.to_owned(),
        seed,
        rounds: values.iter().enumerate().map(turn).collect(),
        ..Trial::default()
    }
}

#[test]
fn areas_are_over_the_range_that_all_curves_span_and_rank_the_strategies() {
    let trials = [
        trial("slow", 0, 2.0, &[0.1, 0.2, 0.3]),
        trial("quick", 0, 1.0, &[0.1, 0.4, 0.5]),
    ];
    let comparison = Comparison::of(&trials);
    assert_eq!(
        comparison.settings[0].axes.len(),
        1,
        "nothing is known of boxes and images"
    );
    let main = comparison.main().unwrap();
    assert_eq!(main.range, Some((2.0, 3.0)));
    let areas: Vec<(&str, f64)> = ranked(main)
        .iter()
        .map(|standing| (standing.strategy.as_str(), standing.area.unwrap().mean))
        .collect();
    // quick goes from 0.4 to 0.5; slow from 0.1 to 0.15.
    assert_eq!(areas[0].0, "quick");
    assert!((areas[0].1 - 0.45).abs() < 1e-12 && (areas[1].1 - 0.125).abs() < 1e-12);
    assert_eq!(main.duels[0].first, "quick");
    assert_eq!(main.duels[0].t, None, "one seed tests nothing");
    assert_eq!(main.duels[0].wilcoxon, None);
}

#[test]
fn shares_are_of_full_supervision_of_the_same_seed_and_full_supervision_does_not_compete() {
    let trials = [
        trial("full", 0, 100.0, &[0.5]),
        trial("full", 1, 100.0, &[0.6]),
        trial("a", 0, 1.0, &[0.3, 0.45, 0.5]),
        trial("a", 1, 1.0, &[0.3, 0.45, 0.5]),
    ];
    let comparison = Comparison::of(&trials);
    let main = comparison.main().unwrap();
    let a = main.standing("a").unwrap();
    // Seed 0 wants 0.45, seed 1 wants 0.54, which it never has.
    assert_eq!(a.reach[0].costs, BTreeMap::from([(0, 2.0)]));
    assert_eq!(a.reach[0].mean(), None);
    assert!((main.targets[0] - 0.495).abs() < 1e-12);
    assert!(main.has_full && main.standing("full").unwrap().area.is_none());
    assert_eq!(main.range, Some((1.0, 3.0)));
}

#[test]
fn differences_are_of_the_same_seeds_and_holm_looks_at_all_pairs() {
    let noise = [0.0, 0.01, -0.01, 0.02, 0.005, -0.015];
    let mut trials = Vec::new();
    for (seed, noise) in noise.iter().enumerate() {
        let seed = seed as i64;
        trials.push(trial("a", seed, 1.0, &[0.2 + noise, 0.6 + noise + 0.001 * seed as f64]));
        trials.push(trial("b", seed, 1.0, &[0.2 + noise, 0.5 + noise]));
        trials.push(trial("c", seed, 1.0, &[0.2 + noise, 0.5 - noise]));
    }
    let comparison = Comparison::of(&trials);
    let main = comparison.main().unwrap();
    let duel = |first: &str, second: &str| {
        let mut duels = main.duels.iter();
        duels.find(|duel| duel.first == first && duel.second == second).unwrap()
    };
    // The seeds' noise cancels in pairs: a is ahead of b in every seed.
    let ahead = duel("a", "b");
    assert_eq!(ahead.wilcoxon.unwrap()[0], 0.03125);
    assert_eq!(
        ahead.wilcoxon.unwrap()[1],
        0.09375,
        "three pairs: Holm takes it away again"
    );
    assert!(ahead.t.unwrap()[1] < 1e-4);
    let (names, matrix) = &main.penalties;
    let place = |name: &str| names.iter().position(|own| own == name).unwrap();
    assert_eq!(matrix[place("a")][place("b")], 1.0);
    assert_eq!(matrix[place("b")][place("a")], 0.0);
}

#[test]
fn datasets_are_compared_each_by_itself_and_then_by_ranks() {
    let mut trials = Vec::new();
    for (at, setting) in ["x", "y", "z"].into_iter().enumerate() {
        for (strategy, value) in [("a", 0.6), ("b", 0.5), ("c", 0.4)] {
            let value = value - 0.1 * at as f64;
            trials.push(Trial {
                setting: setting.to_owned(),
                ..trial(strategy, 0, 1.0, &[0.1, value])
            });
        }
    }
    let comparison = Comparison::of(&trials);
    assert_eq!(comparison.settings.len(), 3);
    let ranks = comparison.ranks.unwrap();
    assert_eq!(ranks.strategies, ["a", "b", "c"]);
    assert_eq!(ranks.ranks, [1.0, 2.0, 3.0]);
    assert!((ranks.friedman.chi_squared - 6.0).abs() < 1e-12);
    assert_eq!(Comparison::of(&trials[..3]).ranks, None);
}

#[test]
fn a_heat_map_has_a_cost_only_where_every_seed_reaches_the_target() {
    let varied = |strategy: &str, initial: &str, seed, step, values: &[f64]| Trial {
        strategy: format!("{strategy}-initial={initial}"),
        family: strategy.to_owned(),
        varied: BTreeMap::from([("initial".to_owned(), initial.to_owned())]),
        ..trial(strategy, seed, step, values)
    };
    let trials = [
        varied("a", "100", 0, 1.0, &[0.1, 0.5]),
        varied("a", "100", 1, 1.0, &[0.1, 0.2]),
        varied("a", "20", 0, 2.0, &[0.1, 0.45]),
        varied("a", "20", 1, 2.0, &[0.1, 0.45]),
    ];
    let comparison = Comparison::of(&trials);
    let maps = HeatMap::of(&trials, &comparison);
    assert_eq!(maps.len(), 1);
    assert_eq!(
        (maps[0].param.as_str(), &maps[0].columns[..]),
        ("initial", &["20".to_owned(), "100".to_owned()][..])
    );
    // Without full supervision the target is 90 % of the best mean last value, 0.45.
    assert!((maps[0].target - 0.405).abs() < 1e-12);
    let cells = &maps[0].rows[0].1;
    assert!((cells[0].unwrap() - (2.0 + 2.0 * 0.305 / 0.35)).abs() < 1e-9);
    assert_eq!(cells[1], None);
}
