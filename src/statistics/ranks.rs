//! Several strategies on several datasets, by their ranks (Demšar 2006).

use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor};

use super::studentised::quantile;

/// Friedman's test: do any of the strategies differ?
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Friedman {
    /// How many datasets.
    pub datasets: usize,
    /// Friedman's statistic, corrected for ties.
    pub chi_squared: f64,
    /// Its probability if no strategies differ.
    pub p: f64,
    /// The probability by Iman and Davenport, less timid on few datasets.
    pub p_iman_davenport: f64,
}

/// Ranks in each row, the highest value first and equal values sharing their mean rank; then their mean over rows. `values` is a
/// row a dataset, a column a strategy.
#[must_use]
pub fn mean_ranks(values: &[Vec<f64>]) -> Vec<f64> {
    let Some(first) = values.first() else { return Vec::new() };
    let mut sums = vec![0.0; first.len()];
    for row in values {
        for (sum, rank) in sums.iter_mut().zip(ranks(row)) {
            *sum += rank;
        }
    }
    sums.iter().map(|sum| sum / values.len() as f64).collect()
}

fn ranks(row: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let above = row.iter().filter(|other| *other > value).count();
        let equal = row.iter().filter(|other| *other == value).count();
        above as f64 + (equal as f64 + 1.0) / 2.0
    };
    row.iter().map(rank).collect()
}

/// Friedman's test of a row a dataset, a column a strategy; none of fewer than two of either.
#[must_use]
pub fn friedman(values: &[Vec<f64>]) -> Option<Friedman> {
    let (n, k) = (values.len(), values.first()?.len());
    if n < 2 || k < 2 {
        return None;
    }
    let (rows, columns) = (n as f64, k as f64);
    let middle = (columns + 1.0) / 2.0;
    let between: f64 = mean_ranks(values).iter().map(|rank| (rank - middle).powi(2)).sum();
    let within: f64 = values
        .iter()
        .flat_map(|row| ranks(row))
        .map(|rank| (rank - middle).powi(2))
        .sum();
    if within == 0.0 {
        return Some(Friedman {
            datasets: n,
            chi_squared: 0.0,
            p: 1.0,
            p_iman_davenport: 1.0,
        });
    }
    let chi_squared = rows * rows * (columns - 1.0) * between / within;
    let p = ChiSquared::new(columns - 1.0).ok()?.sf(chi_squared);
    let left = rows * (columns - 1.0) - chi_squared;
    let p_iman_davenport = if left > 1e-9 {
        let f = (rows - 1.0) * chi_squared / left;
        FisherSnedecor::new(columns - 1.0, (columns - 1.0) * (rows - 1.0))
            .ok()?
            .sf(f)
    } else {
        0.0
    };
    Some(Friedman {
        datasets: n,
        chi_squared,
        p,
        p_iman_davenport,
    })
}

/// How far apart the mean ranks of two strategies must be to differ at the level of 0.05 (Nemenyi).
#[must_use]
pub fn critical_difference(strategies: usize, datasets: usize) -> Option<f64> {
    if strategies < 2 || datasets < 2 {
        return None;
    }
    let (k, n) = (strategies as f64, datasets as f64);
    let q = quantile(0.95, strategies) / std::f64::consts::SQRT_2;
    Some(q * (k * (k + 1.0) / (6.0 * n)).sqrt())
}

/// The largest groups of strategies no two of which are a critical difference apart, as places in `ranks`, by rising rank. Groups of
/// one are left out.
#[must_use]
pub fn cliques(ranks: &[f64], difference: f64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_by(|&a, &b| ranks[a].total_cmp(&ranks[b]));
    let mut found: Vec<Vec<usize>> = Vec::new();
    let mut ended = 0;
    for first in 0..order.len() {
        let reach = |&&at: &&usize| ranks[at] - ranks[order[first]] <= difference;
        let end = first + order[first..].iter().take_while(reach).count();
        if end - first > 1 && end > ended {
            found.push(order[first..end].to_vec());
            ended = end;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<Vec<f64>> {
        let rows = [
            [0.7, 0.72, 0.65, 0.6],
            [0.8, 0.81, 0.79, 0.7],
            [0.5, 0.49, 0.52, 0.45],
            [0.66, 0.7, 0.6, 0.61],
            [0.9, 0.93, 0.91, 0.85],
            [0.4, 0.44, 0.41, 0.41],
        ];
        rows.map(|row| row.to_vec()).to_vec()
    }

    #[test]
    fn friedmans_test_is_scipys_with_ties() {
        let found = friedman(&values()).unwrap();
        assert!((found.chi_squared - 9.305_084_745_762_718).abs() < 1e-9, "{found:?}");
        assert!((found.p - 0.025_497_945_613_473_925).abs() < 1e-9, "{found:?}");
        assert!(
            (found.p_iman_davenport - 0.010_464_074_520_177_643).abs() < 1e-9,
            "{found:?}"
        );
        let ranks = mean_ranks(&values());
        for (found, expected) in ranks.iter().zip([2.5, 4.0 / 3.0, 31.0 / 12.0, 43.0 / 12.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn strategies_that_are_the_same_everywhere_do_not_differ() {
        assert_eq!(friedman(&[vec![0.5, 0.5], vec![0.1, 0.1]]).unwrap().p, 1.0);
        assert_eq!(friedman(&[vec![0.5, 0.4]]), None);
    }

    #[test]
    fn the_critical_difference_is_demsars() {
        // Demšar's example: 4 classifiers on 14 datasets, 2.569 * sqrt(4 * 5 / (6 * 14)) = 1.25.
        assert!((critical_difference(4, 14).unwrap() - 1.2536).abs() < 1e-3);
        assert_eq!(critical_difference(4, 1), None);
    }

    #[test]
    fn groups_are_the_longest_runs_within_the_difference() {
        assert_eq!(cliques(&[3.0, 1.0, 1.8, 4.5], 1.3), [vec![1, 2], vec![2, 0]]);
        assert_eq!(cliques(&[1.0, 2.0, 3.0], 5.0), [vec![0, 1, 2]]);
        assert!(cliques(&[1.0, 3.0], 1.0).is_empty());
    }
}
