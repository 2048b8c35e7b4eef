//! The penalty matrix of Ash et al. (ICLR 2020): how often one strategy beats another, over costs that double.

use super::paired::paired_t;

/// The level below which a strategy counts as beaten.
const LEVEL: f64 = 0.05;

/// Costs that double from the lower end: a sixteenth, an eighth, a quarter, half and the whole of a range.
#[must_use]
pub fn checkpoints((low, high): (f64, f64)) -> Vec<f64> {
    let shares = [1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0, 1.0];
    shares.map(|share| low + share * (high - low)).to_vec()
}

/// What one strategy's values are: by checkpoint, then by seed.
pub(crate) type Values = Vec<Vec<f64>>;

/// At `[winner][loser]`, the share of checkpoints at which the one is above the other by a paired t test over seeds.
///
/// All have the same checkpoints, and at each the same seeds in the same order.
#[must_use]
pub fn penalties(strategies: &[Values]) -> Vec<Vec<f64>> {
    let share = |winner: &Values, loser: &Values| {
        let beaten = winner.iter().zip(loser).filter(|(winner, loser)| beats(winner, loser));
        beaten.count() as f64 / winner.len().max(1) as f64
    };
    let row = |winner: &Values| strategies.iter().map(|loser| share(winner, loser)).collect();
    strategies.iter().map(row).collect()
}

fn beats(winner: &[f64], loser: &[f64]) -> bool {
    let differences: Vec<f64> = winner.iter().zip(loser).map(|(winner, loser)| winner - loser).collect();
    differences.iter().sum::<f64>() > 0.0 && paired_t(&differences).is_some_and(|test| test.p < LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_charged_a_share_for_each_checkpoint_at_which_it_is_clearly_below() {
        // Five seeds; t must be above 2.776. At the second checkpoint b is level with a.
        let a = vec![vec![0.50, 0.52, 0.51, 0.53, 0.52], vec![0.60, 0.61, 0.59, 0.60, 0.62]];
        let b = vec![vec![0.40, 0.41, 0.42, 0.40, 0.43], vec![0.61, 0.60, 0.60, 0.59, 0.62]];
        assert_eq!(penalties(&[a, b]), [[0.0, 0.5], [0.0, 0.0]]);
    }

    #[test]
    fn one_seed_charges_nobody() {
        assert_eq!(penalties(&[vec![vec![0.9]], vec![vec![0.1]]]), [[0.0, 0.0], [0.0, 0.0]]);
    }

    #[test]
    fn the_costs_double_up_to_the_end() {
        assert_eq!(checkpoints((10.0, 26.0)), [11.0, 12.0, 14.0, 18.0, 26.0]);
    }
}
