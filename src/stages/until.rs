//! `until`: whether the rounds end here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ports::{many, optional, output};
use crate::artifact::{read_json, write_json};
use crate::learning::{Pool, decide};
use crate::stage::{Input, Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct Until;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// The figure of the metrics to look at.
    metric: String,
    /// The rounds end when the figure's mean absolute deviation over the window falls below this; 0 never ends them.
    #[schemars(range(min = 0.0))]
    shift_below: f64,
    /// How many rounds the window holds.
    #[schemars(range(min = 2))]
    window: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            metric: "ap50".to_owned(),
            shift_below: 0.001,
            window: 5,
        }
    }
}

impl Stage for Until {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "until".to_owned(),
            version: 1,
            summary: "ends the rounds when a figure has stopped moving or nothing is left to draw".to_owned(),
            params: params_schema::<Params>(),
            inputs: vec![
                many(
                    "metrics",
                    "metrics",
                    "The metrics of each round so far, labelled with the round.",
                ),
                optional(
                    "pool",
                    "pool",
                    "The pool after the round: an empty one ends the rounds.",
                ),
            ],
            outputs: vec![output(
                "decision",
                "decision",
                "`stop`, the shift, and the values looked at.",
            )],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 16,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        if params.window < 2 {
            return Err(StageError::new(
                "`window` must hold at least 2 rounds: one value has no deviation",
            ));
        }
        let mut inputs: Vec<&Input> = job.inputs("metrics").iter().collect();
        // Labels are rounds as text: "10" comes after "9".
        inputs.sort_by_key(|input| input.label.parse::<u64>().ok());
        let values = inputs
            .into_iter()
            .map(|input| figure(input, &params.metric))
            .collect::<Result<Vec<_>, _>>()?;
        let mut decision = decide(&values, params.window, params.shift_below);
        let mut outcome = Outcome::default();
        if let Some(shift) = decision.shift {
            outcome.metrics.insert("shift".to_owned(), shift);
        }
        if decision.stop {
            let (metric, window) = (&params.metric, params.window);
            outcome
                .notes
                .push(format!("{metric} has stopped moving over {window} rounds"));
        }
        if let Some(path) = job.optional_input("pool") {
            let pool: Pool = read_json(path)?;
            if pool.exhausted() {
                decision.stop = true;
                outcome.notes.push("nothing is left to draw".to_owned());
            }
        }
        outcome
            .metrics
            .insert("stop".to_owned(), f64::from(u8::from(decision.stop)));
        write_json(job.output("decision")?, &decision)?;
        Ok(outcome)
    }
}

fn figure(input: &Input, metric: &str) -> Result<Option<f64>, StageError> {
    let metrics: BTreeMap<String, Value> = read_json(&input.path)?;
    match metrics.get(metric) {
        Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(number.as_f64()),
        _ => {
            let numbers = metrics.iter().filter(|(_, value)| value.is_number() || value.is_null());
            let names: Vec<&str> = numbers.map(|(name, _)| name.as_str()).collect();
            let round = &input.label;
            let error = StageError::new(format!("the metrics of round {round} have no figure `{metric}`"));
            Err(error.hint(format!("there are {}", names.join(", "))))
        }
    }
}
