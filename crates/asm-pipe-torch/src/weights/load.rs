//! Puts arrays into a network's variables by name, and says which names did not meet.

use std::collections::BTreeMap;

use tch::Tensor;
use tch::nn::VarStore;

use super::{Arrays, AsTensor as _, WeightsError, names};

/// Which differences between a file and a network are fine. The counters of live batch norm never count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// None: a model of ours goes back into the network it came from.
    Exact,
    /// A detector, maybe for other classes: only the predictor may differ in shape.
    Detector,
    /// A backbone or a classifier: what the file has must fit where a name exists, and the body must be complete.
    Backbone,
}

/// What a load did not touch; every list is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Variables that were given values.
    pub loaded: usize,
    /// Variables that the file does not have.
    pub missing: Vec<String>,
    /// Arrays that the network has no variable for.
    pub unexpected: Vec<String>,
    /// Names on both sides with different shapes, as `name (file [..], network [..])`.
    pub misshaped: Vec<String>,
}

/// Names that a rule does not allow to differ: all of them, the sorts in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(Vec<(&'static str, Vec<String>)>);

impl Mismatch {
    /// A line for each name.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let sorts = self.0.iter();
        sorts.flat_map(|(what, names)| names.iter().map(move |name| format!("{what}: {name}")))
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the weights do not fit the network")?;
        for (what, names) in &self.0 {
            write!(f, "; {what}: {}", shortened(names))?;
        }
        Ok(())
    }
}

/// Copies arrays into the variables of the same names. Nothing is changed when the rule is broken.
///
/// # Errors
/// When names or shapes differ in a way that the rule does not allow, with all of them.
pub fn load(store: &VarStore, arrays: &Arrays, rule: Rule) -> Result<LoadReport, WeightsError> {
    let variables: BTreeMap<String, Tensor> = store.variables().into_iter().collect();
    let mut report = LoadReport::default();
    let mut pairs = Vec::new();
    for (name, variable) in &variables {
        let Some(array) = arrays.get(name) else {
            report.missing.push(name.clone());
            continue;
        };
        let shape: Vec<usize> = variable.size().iter().map(|&length| length as usize).collect();
        if shape == array.shape {
            pairs.push((variable.shallow_clone(), array));
        } else {
            let line = format!("{name} (file {:?}, network {shape:?})", array.shape);
            report.misshaped.push(line);
        }
    }
    report.unexpected = arrays
        .keys()
        .filter(|name| !variables.contains_key(*name))
        .cloned()
        .collect();
    report.loaded = pairs.len();
    check(&report, rule, names::body(variables.keys()))?;
    for (mut variable, array) in pairs {
        let values = array.tensor()?;
        tch::no_grad(|| variable.f_copy_(&values))?;
    }
    Ok(report)
}

fn check(report: &LoadReport, rule: Rule, body: &str) -> Result<(), WeightsError> {
    let missing = |name: &str| match rule {
        Rule::Exact | Rule::Detector => true,
        Rule::Backbone => name.starts_with(body),
    };
    let unexpected = |name: &str| match rule {
        Rule::Exact => true,
        Rule::Detector => !names::is_of_another_head(name),
        Rule::Backbone => false,
    };
    let misshaped = |name: &str| rule == Rule::Exact || !names::is_predictor(name);
    let wrong = |what: &'static str, list: &[String], counts: &dyn Fn(&str) -> bool| {
        let list: Vec<String> = list
            .iter()
            .filter(|name| counts(name) && !names::is_idle(name))
            .cloned()
            .collect();
        (!list.is_empty()).then_some((what, list))
    };
    let problems: Vec<(&'static str, Vec<String>)> = [
        wrong("missing", &report.missing, &missing),
        wrong("unexpected", &report.unexpected, &unexpected),
        wrong("of another shape", &report.misshaped, &misshaped),
    ]
    .into_iter()
    .flatten()
    .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(WeightsError::Mismatch(Mismatch(problems)))
}

/// The first names of a list, and how many more there are.
pub(super) fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let first = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rule, load};
    use crate::weights::{Array, Arrays, AsTensor as _};
    use tch::nn::VarStore;
    use tch::{Device, Kind, Tensor};

    fn store() -> VarStore {
        let store = VarStore::new(Device::Cpu);
        let root = store.root();
        let _ = (&root / "backbone" / "body" / "conv").zeros("weight", &[2, 3]);
        let _ = (&root / "backbone" / "body" / "bn").zeros_no_train("running_mean", &[2]);
        let _ = (&root / "roi_heads" / "box_predictor" / "cls_score").zeros("weight", &[4, 2]);
        store
    }

    fn ones(shape: &[i64]) -> Array {
        Array::of(&Tensor::ones(shape, (Kind::Float, Device::Cpu))).unwrap()
    }

    #[test]
    fn a_backbone_goes_under_its_prefix_and_leaves_the_heads_alone() {
        let file = [
            ("conv.weight", &[2, 3][..]),
            ("bn.running_mean", &[2]),
            ("fc.weight", &[10, 2]),
        ];
        let arrays: Arrays = file
            .iter()
            .map(|(name, shape)| (format!("backbone.body.{name}"), ones(shape)))
            .collect();
        let store = store();
        let report = load(&store, &arrays, Rule::Backbone).unwrap();
        assert_eq!(report.loaded, 2);
        assert_eq!(report.missing, ["roi_heads.box_predictor.cls_score.weight"]);
        assert_eq!(report.unexpected, ["backbone.body.fc.weight"]);
        let sum = |name: &str| store.variables()[name].sum(Kind::Float).double_value(&[]);
        assert_eq!(sum("backbone.body.conv.weight"), 6.0);
        assert_eq!(sum("backbone.body.bn.running_mean"), 2.0);
        assert_eq!(sum("roi_heads.box_predictor.cls_score.weight"), 0.0);
    }

    #[test]
    fn only_the_predictor_may_have_another_shape() {
        let mut arrays = Arrays::from([
            ("backbone.body.conv.weight".to_owned(), ones(&[2, 3])),
            ("backbone.body.bn.running_mean".to_owned(), ones(&[2])),
            ("roi_heads.box_predictor.cls_score.weight".to_owned(), ones(&[91, 2])),
        ]);
        let report = load(&store(), &arrays, Rule::Detector).unwrap();
        assert_eq!(report.misshaped.len(), 1);
        arrays.insert("backbone.body.conv.weight".into(), ones(&[3, 2]));
        let text = load(&store(), &arrays, Rule::Detector).unwrap_err().to_string();
        assert!(
            text.contains("backbone.body.conv.weight (file [3, 2], network [2, 3])"),
            "{text}"
        );
    }

    #[test]
    fn a_live_batch_norms_counter_is_no_difference() {
        let store = VarStore::new(Device::Cpu);
        let _ = (&store.root() / "bn").zeros_no_train("num_batches_tracked", &[]);
        let _ = (&store.root() / "bn").zeros_no_train("running_mean", &[2]);
        let mut arrays = Arrays::from([("bn.running_mean".to_owned(), ones(&[2]))]);
        assert_eq!(load(&store, &arrays, Rule::Exact).unwrap().loaded, 1);
        arrays.insert("other.num_batches_tracked".into(), ones(&[]));
        assert_eq!(load(&store, &arrays, Rule::Exact).unwrap().loaded, 1);
    }

    #[test]
    fn an_exact_load_names_everything_that_differs_and_changes_nothing() {
        let arrays = Arrays::from([
            ("backbone.body.conv.weight".to_owned(), ones(&[2, 3])),
            ("extra".to_owned(), ones(&[1])),
        ]);
        let store = store();
        let text = load(&store, &arrays, Rule::Exact).unwrap_err().to_string();
        assert!(text.contains("missing: backbone.body.bn.running_mean"), "{text}");
        assert!(text.contains("unexpected: extra"), "{text}");
        let weight = &store.variables()["backbone.body.conv.weight"];
        assert_eq!(weight.sum(Kind::Float).double_value(&[]), 0.0);
    }
}
