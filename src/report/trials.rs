//! The table of rounds by strategy and seed: all its numbers by the names of their columns, and costs added up.
//!
//! Columns are looked for by name. Those that a table does not have are not there; those that are new come along.

use std::collections::{BTreeMap, BTreeSet};

use super::Axis;
use super::varied;
use crate::statistics::Curve;
use crate::table::{Table, TableError};

/// One strategy with one seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// The strategy: the pipeline's name with what a matrix varies, without the dataset if that is what varies.
    pub strategy: String,
    /// The strategy as it stands in the table.
    pub pipeline: String,
    /// The pipeline's name without what a matrix varies.
    pub family: String,
    /// The dataset, where several are compared; else empty.
    pub setting: String,
    /// The params that a matrix varies, by path.
    pub varied: BTreeMap<String, String>,
    /// The seed.
    pub seed: i64,
    /// The rounds, from 0.
    pub rounds: Vec<Turn>,
}

/// One round of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// The round.
    pub round: u32,
    /// The figures by column, and the costs so far by the axis' key.
    pub figures: BTreeMap<String, f64>,
}

/// Columns that say which row it is.
const NAMES: [&str; 3] = ["strategy", "seed", "round"];

impl Trial {
    /// The trials of a table of rounds.
    ///
    /// # Errors
    /// When the table has no strategies, seeds or rounds.
    pub fn of_table(table: &Table) -> Result<Vec<Self>, TableError> {
        let (strategies, seeds, rounds) = (table.text("strategy")?, table.integers("seed")?, table.counts("round")?);
        let varied = varied::from_columns(table)?;
        let figures: Vec<(&str, Vec<Option<f64>>)> = table
            .names()
            .into_iter()
            .filter(|name| !NAMES.contains(name) && !name.starts_with(varied::PREFIX))
            .filter_map(|name| Some((name, table.optional_numbers(name).ok()?)))
            .collect();
        let mut trials: Vec<Self> = Vec::new();
        for row in 0..table.height() {
            let place = trials.iter().position(|trial| {
                trial.pipeline == strategies[row] && trial.seed == seeds[row] && trial.varied == varied[row]
            });
            let place = place.unwrap_or_else(|| {
                trials.push(Self {
                    strategy: strategies[row].to_owned(),
                    pipeline: strategies[row].to_owned(),
                    family: family(strategies[row], &varied[row]).to_owned(),
                    varied: varied[row].clone(),
                    seed: seeds[row],
                    ..Self::default()
                });
                trials.len() - 1
            });
            let of_row = figures
                .iter()
                .filter_map(|(name, values)| Some(((*name).to_owned(), values[row]?)));
            trials[place].rounds.push(Turn {
                round: rounds[row],
                figures: of_row.collect(),
            });
        }
        trials.iter_mut().for_each(Self::add_up);
        name_settings(&mut trials);
        Ok(trials)
    }

    fn add_up(&mut self) {
        self.rounds.sort_by_key(|turn| turn.round);
        for turn in &mut self.rounds {
            turn.judge_pseudo_labels();
        }
        for axis in Axis::ALL {
            let (column, worth) = axis.column();
            let mut sum = 0.0;
            for turn in &mut self.rounds {
                if let Some(cost) = turn.figures.get(column) {
                    sum += cost * worth;
                    turn.figures.insert(axis.key().to_owned(), sum);
                }
            }
        }
    }

    /// A trial of figures by round, whose costs are then added up.
    #[must_use]
    pub fn of_figures(strategy: &str, pipeline: &str, seed: i64, rounds: BTreeMap<u32, BTreeMap<String, f64>>) -> Self {
        let rounds = rounds.into_iter().map(|(round, figures)| Turn { round, figures });
        let mut trial = Self {
            strategy: strategy.to_owned(),
            pipeline: pipeline.to_owned(),
            family: strategy.to_owned(),
            seed,
            rounds: rounds.collect(),
            ..Self::default()
        };
        trial.add_up();
        trial
    }

    /// A measure over cost.
    #[must_use]
    pub fn curve(&self, axis: Axis, measure: &str) -> Curve {
        let point = |turn: &Turn| Some((*turn.figures.get(axis.key())?, *turn.figures.get(measure)?));
        Curve::new(self.rounds.iter().filter_map(point))
    }

    /// A figure after the last round.
    #[must_use]
    pub fn last(&self, figure: &str) -> Option<f64> {
        self.rounds
            .iter()
            .rev()
            .find_map(|turn| turn.figures.get(figure).copied())
    }

    /// What part it plays in a comparison.
    #[must_use]
    pub fn role(&self) -> Role {
        Role::of(&self.family)
    }
}

impl Turn {
    /// Precision and recall of the model's boxes, unless the table has them.
    fn judge_pseudo_labels(&mut self) {
        let get = |name: &str| self.figures.get(name).copied();
        let accepted = get("model_boxes_accepted");
        let shown = accepted
            .zip(get("model_boxes_rejected"))
            .map(|(accepted, rejected)| accepted + rejected);
        let precision = accepted
            .zip(shown)
            .filter(|(_, shown)| *shown > 0.0)
            .map(|(accepted, shown)| accepted / shown);
        let recall = get("sl_ratio");
        for (name, value) in [("pseudo_precision", precision), ("pseudo_recall", recall)] {
            if let Some(value) = value {
                self.figures.entry(name.to_owned()).or_insert(value);
            }
        }
    }
}

/// What part a strategy plays, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All images labelled by hand: the upper line. Its name begins with `full`.
    Full,
    /// The baseline. Its name begins with `random`.
    Random,
    /// Any other.
    Strategy,
}

impl Role {
    /// The role of a strategy or a family of them, by the first word of its name: `full`, `full_long`, `full (bccd)`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name.split(|letter: char| !letter.is_alphanumeric()).next() {
            Some("full" | "supervised") => Self::Full,
            Some("random") => Self::Random,
            _ => Self::Strategy,
        }
    }
}

/// The names of the strategies in the order in which they first appear.
#[must_use]
pub fn strategies(trials: &[Trial]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let names = trials.iter().map(|trial| trial.strategy.as_str());
    names.filter(|name| seen.insert(*name)).collect()
}

/// `topk_v3` of `topk_v3-certain=0.7,take=40`.
fn family<'a>(strategy: &'a str, varied: &BTreeMap<String, String>) -> &'a str {
    let cut = || {
        let (head, _) = strategy.split_once('=')?;
        Some(head.rsplit_once('-')?.0)
    };
    if varied.is_empty() {
        strategy
    } else {
        cut().unwrap_or(strategy)
    }
}

/// Where a matrix varies the dataset, strategies are compared within each.
fn name_settings(trials: &mut [Trial]) {
    for trial in trials {
        (trial.setting, trial.strategy) = placed(&trial.pipeline, &trial.varied);
    }
}

/// The dataset and the strategy without it, of a strategy as it stands in the table and what a matrix varies. The dataset is empty where none
/// varies.
pub(super) fn placed(pipeline: &str, varied: &BTreeMap<String, String>) -> (String, String) {
    let is_dataset = |path: &str| path == "dataset" || path.starts_with("dataset.");
    let (of_dataset, others): (Vec<_>, Vec<_>) = varied.iter().partition(|(path, _)| is_dataset(path));
    if of_dataset.is_empty() {
        return (String::new(), pipeline.to_owned());
    }
    let listed = |pairs: Vec<(&String, &String)>| {
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|(path, value)| format!("{path}={value}"))
            .collect();
        pairs.join(",")
    };
    let setting = match of_dataset[..] {
        [(path, value)] if path == "dataset" => value.clone(),
        _ => listed(of_dataset),
    };
    let family = family(pipeline, varied);
    let strategy = match others.is_empty() {
        true => family.to_owned(),
        false => format!("{family}-{}", listed(others)),
    };
    (setting, strategy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(strategies: [&str; 4], dataset: Option<[&str; 4]>) -> Table {
        let mut table = Table::builder()
            .text("strategy", strategies)
            .integers("seed", [0, 0, 0, 0])
            .counts("round", [0, 1, 0, 1]);
        if let Some(dataset) = dataset {
            table = table.text("params.dataset.root", dataset);
        }
        table
            .optional_numbers("ap50", [Some(0.1), Some(0.2), Some(0.3), None])
            .numbers("annotation_seconds", [3600.0, 1800.0, 0.0, 0.0])
            .numbers("something_new", [1.0, 2.0, 3.0, 4.0])
            .finish()
            .unwrap()
    }

    #[test]
    fn costs_are_added_up_and_unknown_columns_come_along() {
        let trials = Trial::of_table(&table(["a", "a", "random", "random"], None)).unwrap();
        assert_eq!(strategies(&trials), ["a", "random"]);
        assert_eq!(trials[0].rounds[1].figures["hours"], 1.5);
        assert_eq!(trials[0].rounds[1].figures["something_new"], 2.0);
        assert!(!trials[0].rounds[1].figures.contains_key("boxes"));
        assert_eq!(trials[0].curve(Axis::Hours, "ap50").points(), [(1.0, 0.1), (1.5, 0.2)]);
        assert!(trials[0].curve(Axis::Boxes, "ap50").points().is_empty());
        assert_eq!((trials[0].role(), trials[1].role()), (Role::Strategy, Role::Random));
        assert_eq!(trials[1].last("ap50"), Some(0.3));
    }

    #[test]
    fn the_first_word_of_a_name_is_its_role() {
        for name in ["full", "full_long", "full (bccd)", "full initial=60"] {
            assert_eq!(Role::of(name), Role::Full, "{name}");
        }
        assert_eq!(Role::of("random-boxes"), Role::Random);
        assert_eq!(Role::of("fuller"), Role::Strategy);
    }

    #[test]
    fn a_dataset_that_varies_is_a_setting_and_no_part_of_the_strategy() {
        let names = ["a-root=x", "a-root=x", "a-root=y", "a-root=y"];
        let trials = Trial::of_table(&table(names, Some(["x", "x", "y", "y"]))).unwrap();
        assert_eq!(strategies(&trials), ["a"]);
        let settings: Vec<&str> = trials.iter().map(|trial| trial.setting.as_str()).collect();
        assert_eq!(settings, ["dataset.root=x", "dataset.root=y"]);
    }
}
