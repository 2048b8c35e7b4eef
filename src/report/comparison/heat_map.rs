//! What it costs to reach a target, over the values of a param.

use std::collections::BTreeMap;

use super::{Comparison, MEASURE};
use crate::report::trials::Trial;
use crate::report::{Axis, varied};
use crate::statistics::mean;

/// The cost to reach a value over a grid of a param: for experiments that vary one, such as the initial size.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// The param's path.
    pub param: String,
    /// The value to reach.
    pub target: f64,
    /// The unit of cost.
    pub axis: Axis,
    /// The param's values, in order.
    pub columns: Vec<String>,
    /// Strategies, with a mean cost for each value: none where not every seed reaches the target.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

impl HeatMap {
    /// A map for each param that takes several values; the target is a share of full supervision, or of the best last value.
    #[must_use]
    pub fn of(trials: &[Trial], comparison: &Comparison) -> Vec<Self> {
        let Some(main) = comparison.main().filter(|_| comparison.settings.len() == 1) else {
            return Vec::new();
        };
        let Some(&target) = main.targets.first().filter(|target| **target > 0.0) else {
            return Vec::new();
        };
        let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (path, value) in trials.iter().flat_map(|trial| &trial.varied) {
            let known = values.entry(path).or_default();
            if !known.contains(&value.as_str()) {
                known.push(value);
            }
        }
        values.retain(|_, values| values.len() > 1);
        let only = values.len() == 1;
        let map = |(path, mut columns): (&str, Vec<&str>)| {
            columns.sort_by(|a, b| varied::order(a, b));
            // With one param that varies, a row is a family; with several, of the others each value has its own.
            let row = |trial: &Trial| {
                let others = trial.varied.iter().filter(|(other, _)| *other != path);
                let others: Vec<String> = others.map(|(path, value)| format!("{path}={value}")).collect();
                if only {
                    trial.family.clone()
                } else {
                    format!("{} {}", trial.family, others.join(" "))
                }
            };
            let mut rows: Vec<(String, Vec<Option<f64>>)> = Vec::new();
            for name in trials.iter().filter(|trial| trial.varied.contains_key(path)).map(row) {
                if rows.iter().any(|(known, _)| *known == name) {
                    continue;
                }
                let cell = |value: &&str| {
                    let own = trials.iter().filter(|trial| row(trial) == name);
                    let own = own.filter(|trial| trial.varied.get(path).is_some_and(|own| own == value));
                    let costs = own.map(|trial| trial.curve(main.axis, MEASURE).cost_to_reach(target));
                    mean(&costs.collect::<Option<Vec<_>>>()?)
                };
                let cells = columns.iter().map(cell).collect();
                rows.push((name, cells));
            }
            Self {
                param: path.to_owned(),
                target,
                axis: main.axis,
                columns: columns.into_iter().map(str::to_owned).collect(),
                rows,
            }
        };
        values.into_iter().map(map).collect()
    }

    /// What it shows, in words.
    #[must_use]
    pub fn title(&self) -> String {
        let (axis, target, param) = (self.axis.label(), self.target, &self.param);
        format!("Mean {axis} to reach AP50 {target:.3}, by {param}")
    }
}
