//! Why there is no record: the differences to the nearest earlier one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::canonical_json;
use super::{Digest, InputDigest, KeyMaterial};

/// Why a stage's outputs are not at hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// No stage of this name and kind has been made in this store.
    FirstRun,
    /// A param is not what it was.
    ParamChanged {
        /// Names with dots between, such as `merge.certain`.
        path: String,
        /// What it was; none if there was no such param.
        #[serde(default)]
        old: Option<Value>,
        /// What it is; none if there is no such param any more.
        #[serde(default)]
        new: Option<Value>,
    },
    /// An input has other content than it had.
    InputChanged {
        /// The port.
        port: String,
        /// Which of the port's inputs, when it takes many.
        #[serde(default)]
        label: String,
        /// What it was; none if there was no such input.
        #[serde(default)]
        old: Option<Digest>,
        /// What it is; none if there is no such input any more.
        #[serde(default)]
        new: Option<Digest>,
    },
    /// The stage kind has a new version: it gives other outputs for the same inputs.
    KindVersionChanged {
        /// The version it had.
        old: u32,
        /// The version it has.
        new: u32,
    },
    /// There is a record, but an output is gone from the store.
    OutputMissing {
        /// The output.
        output: String,
    },
    /// There is a record, but an output is not what was stored. It has been set aside.
    OutputDamaged {
        /// The output.
        output: String,
    },
    /// The user asked for it.
    Forced,
}

impl Reason {
    /// For an input that lies outside the store: the param that names it.
    #[must_use]
    pub fn outside_param(&self) -> Option<&str> {
        match self {
            Self::InputChanged { port, .. } => port.strip_prefix("param:"),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstRun => write!(f, "first run"),
            Self::ParamChanged { path, old, new } => match (old, new) {
                (Some(old), Some(new)) => {
                    write!(f, "param `{path}` changed from {} to {}", shown(old), shown(new))
                }
                (None, Some(new)) => write!(f, "param `{path}` is new: {}", shown(new)),
                (Some(old), None) => write!(f, "param `{path}` is gone, was {}", shown(old)),
                (None, None) => write!(f, "param `{path}` changed"),
            },
            Self::InputChanged { port, label, old, new } => {
                match self.outside_param() {
                    Some(param) => write!(f, "what param `{param}` names")?,
                    None => write!(f, "input `{port}`")?,
                }
                if !label.is_empty() {
                    write!(f, " ({label})")?;
                }
                f.write_str(match (old, new) {
                    (None, Some(_)) => " is new",
                    (Some(_), None) => " is gone",
                    _ => " changed",
                })
            }
            Self::KindVersionChanged { old, new } => write!(f, "the stage kind changed from version {old} to {new}"),
            Self::OutputMissing { output } => write!(f, "output `{output}` is missing from the store"),
            Self::OutputDamaged { output } => write!(f, "output `{output}` was damaged in the store"),
            Self::Forced => write!(f, "forced"),
        }
    }
}

/// A value as JSON, cut where it gets long.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}

/// The nearest of the earlier materials, which come latest first, by its place, and all differences to it.
///
/// Nearest is the one of the same kind with the fewest differences, and of equals the latest. The inputs of the ports in
/// `unknown` are not compared: what will come in there is not made yet. None if there is nothing of the kind to compare with.
pub(super) fn nearest<'a>(
    wanted: &KeyMaterial,
    unknown: &BTreeSet<String>,
    earlier: impl IntoIterator<Item = &'a KeyMaterial>,
) -> Option<(usize, Vec<Reason>)> {
    // Numbers read from a record may differ in their last digit from those that were written: read the wanted ones
    // the same way.
    let mut wanted = wanted.clone();
    if let Ok(params) = serde_json::from_str(&wanted.params.to_string()) {
        wanted.params = params;
    }
    let same_kind = earlier
        .into_iter()
        .enumerate()
        .filter(|(_, material)| material.kind == wanted.kind);
    let lists = same_kind.map(|(at, material)| (at, differences(material, &wanted, unknown)));
    // Equal in all is the key itself, whose record is lost or damaged: it explains nothing.
    let lists = lists.filter(|(_, list)| !list.is_empty() || !unknown.is_empty());
    lists.min_by_key(|(_, list)| list.len())
}

/// All differences: what the user is most likely to have changed comes first.
fn differences(old: &KeyMaterial, new: &KeyMaterial, unknown: &BTreeSet<String>) -> Vec<Reason> {
    let mut found = Vec::new();
    if old.version != new.version {
        found.push(Reason::KindVersionChanged {
            old: old.version,
            new: new.version,
        });
    }
    let changes = param_changes(&old.params, &new.params).into_iter();
    found.extend(changes.map(|ParamChange { path, old, new }| Reason::ParamChanged { path, old, new }));
    let ports: BTreeSet<&String> = old.inputs.keys().chain(new.inputs.keys()).collect();
    for port in ports.into_iter().filter(|port| !unknown.contains(*port)) {
        let of = |material: &KeyMaterial| material.inputs.get(port).cloned().unwrap_or_default();
        inputs(&mut found, port, &of(old), &of(new));
    }
    found
}

/// A param that is not the same in two sets of params.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamChange {
    /// Names with dots between.
    pub path: String,
    /// Its value in the first; none if it is not there.
    pub old: Option<Value>,
    /// Its value in the second; none if it is not there.
    pub new: Option<Value>,
}

/// The params that differ, by path. Numbers are compared as keys compare them: `1.0` is `1`.
#[must_use]
pub fn param_changes(old: &Value, new: &Value) -> Vec<ParamChange> {
    let mut found = Vec::new();
    params(&mut found, "", Some(old), Some(new));
    found
}

fn params(found: &mut Vec<ParamChange>, path: &str, old: Option<&Value>, new: Option<&Value>) {
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (old, new) {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            params(found, &path, old.get(name), new.get(name));
        }
    } else if old.map(canonical_json) != new.map(canonical_json) {
        found.push(ParamChange {
            path: path.to_owned(),
            old: old.cloned(),
            new: new.cloned(),
        });
    }
}

fn inputs(found: &mut Vec<Reason>, port: &str, old: &[InputDigest], new: &[InputDigest]) {
    let by_label = |list: &[InputDigest]| -> BTreeMap<(String, usize), Digest> {
        let mut places = BTreeMap::new();
        for InputDigest { label, digest } in list {
            let repeats = places.keys().filter(|(other, _)| other == label).count();
            places.insert((label.clone(), repeats), *digest);
        }
        places
    };
    let (before, after) = (by_label(old), by_label(new));
    let labels: BTreeSet<&(String, usize)> = before.keys().chain(after.keys()).collect();
    let count = found.len();
    for place in labels {
        let (old, new) = (before.get(place).copied(), after.get(place).copied());
        if old != new {
            found.push(input_changed(port, &place.0, old, new));
        }
    }
    if found.len() == count && old != new {
        // The same inputs in another order.
        let first = old.iter().zip(new).find(|(old, new)| old != new);
        let label = first.map_or("", |(_, new)| new.label.as_str());
        found.push(input_changed(
            port,
            label,
            first.map(|(old, _)| old.digest),
            first.map(|(_, new)| new.digest),
        ));
    }
}

fn input_changed(port: &str, label: &str, old: Option<Digest>, new: Option<Digest>) -> Reason {
    Reason::InputChanged {
        port: port.to_owned(),
        label: label.to_owned(),
        old,
        new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn material(params: Value, dataset: &str) -> KeyMaterial {
        let input = InputDigest {
            label: String::new(),
            digest: Digest::of_bytes(dataset.as_bytes()),
        };
        KeyMaterial {
            kind: "merge-sa".into(),
            version: 1,
            params,
            inputs: BTreeMap::from([("dataset".into(), vec![input])]),
        }
    }

    fn told(wanted: &KeyMaterial, earlier: &[KeyMaterial]) -> String {
        let found = nearest(wanted, &BTreeSet::new(), earlier);
        let first = found.and_then(|(_, list)| list.into_iter().next());
        first.unwrap_or(Reason::FirstRun).to_string()
    }

    #[test]
    fn all_differences_are_told_and_ports_that_are_not_known_yet_are_left_out() {
        let mut new = material(json!({"a": 1, "b": 2}), "new");
        new.inputs.insert("param:root".into(), new.inputs["dataset"].clone());
        let old = material(json!({"a": 0, "b": 0}), "old");
        let told = |unknown: &[&str]| -> Vec<String> {
            let unknown = unknown.iter().map(ToString::to_string).collect();
            let (_, list) = nearest(&new, &unknown, [&old]).unwrap();
            list.iter().map(ToString::to_string).collect()
        };
        let params = ["param `a` changed from 0 to 1", "param `b` changed from 0 to 2"];
        let outside = "what param `root` names is new";
        assert_eq!(told(&[]), [params[0], params[1], "input `dataset` changed", outside]);
        assert_eq!(told(&["dataset"]), [params[0], params[1], outside]);
        let unknown = BTreeSet::from(["dataset".to_owned()]);
        assert_eq!(nearest(&old, &unknown, [&old]), Some((0, Vec::new())));
        assert_eq!(nearest(&old, &BTreeSet::new(), [&old]), None);
    }

    #[test]
    fn the_param_is_named_with_both_values() {
        let old = material(json!({"certain": 0.8, "deep": {"er": [1, 2]}, "same": 0.1}), "d");
        let mut new = old.clone();
        new.params["certain"] = json!(0.7);
        assert_eq!(
            told(&new, std::slice::from_ref(&old)),
            "param `certain` changed from 0.8 to 0.7"
        );
        let mut new = old.clone();
        new.params["deep"]["er"] = json!([2, 1]);
        assert_eq!(
            told(&new, std::slice::from_ref(&old)),
            "param `deep.er` changed from [1,2] to [2,1]"
        );
        let mut new = old.clone();
        new.params["more"] = json!("x");
        assert_eq!(told(&new, std::slice::from_ref(&old)), "param `more` is new: \"x\"");
        assert_eq!(
            told(&old, std::slice::from_ref(&new)),
            "param `more` is gone, was \"x\""
        );
    }

    #[test]
    fn the_nearest_record_counts_and_of_equals_the_latest() {
        let wanted = material(json!({"a": 1, "b": 1, "c": 1}), "d");
        let far = material(json!({"a": 2, "b": 2, "c": 1}), "d");
        let near = material(json!({"a": 1, "b": 1, "c": 5}), "d");
        let older = material(json!({"a": 1, "b": 7, "c": 1}), "d");
        assert_eq!(told(&wanted, &[far, near, older]), "param `c` changed from 5 to 1");
    }

    #[test]
    fn a_changed_new_or_lost_input_is_named_by_port_and_label() {
        let wanted = material(json!({}), "new");
        assert_eq!(told(&wanted, &[material(json!({}), "old")]), "input `dataset` changed");
        let with = |labels: &[&str]| {
            let mut material = wanted.clone();
            let input = |label: &&str| InputDigest {
                label: (*label).to_owned(),
                digest: Digest::of_bytes(label.as_bytes()),
            };
            material
                .inputs
                .insert("evals".into(), labels.iter().map(input).collect());
            material
        };
        assert_eq!(told(&with(&["1", "2"]), &[with(&["1"])]), "input `evals` (2) is new");
        assert_eq!(told(&with(&["1"]), &[with(&["1", "2"])]), "input `evals` (2) is gone");
        assert_eq!(
            told(&with(&["2", "1"]), &[with(&["1", "2"])]),
            "input `evals` (2) changed"
        );
    }

    #[test]
    fn a_new_version_of_the_kind_comes_before_anything_else() {
        let old = material(json!({"a": 1}), "d");
        let mut new = material(json!({"a": 2}), "e");
        new.version = 4;
        assert_eq!(told(&new, &[old]), "the stage kind changed from version 1 to 4");
    }

    #[test]
    fn a_record_of_another_kind_explains_nothing() {
        let mut other = material(json!({"a": 1}), "d");
        other.kind = "select".into();
        assert_eq!(told(&material(json!({"a": 1}), "d"), &[other]), "first run");
        assert_eq!(told(&material(json!({}), "d"), &[]), "first run");
    }

    #[test]
    fn a_number_that_loses_its_last_digit_in_a_record_is_no_difference() {
        let params = json!({"a": 0.1 + 0.2, "b": 1e-7 / 3.0, "c": 123_456.789_012_345_67, "d": 1});
        let wanted = material(params, "new");
        let text = serde_json::to_string(&material(wanted.params.clone(), "old")).unwrap();
        let read: KeyMaterial = serde_json::from_str(&text).unwrap();
        assert_eq!(told(&wanted, &[read]), "input `dataset` changed");
    }

    #[test]
    fn a_long_value_is_cut() {
        let old = material(json!({"text": "ü".repeat(1000)}), "d");
        let text = told(&material(json!({"text": ""}), "d"), &[old]);
        assert!(text.len() < 200 && text.ends_with(".. to \"\""), "{text}");
    }

    #[test]
    fn a_reason_comes_back_from_json() {
        let reason = Reason::ParamChanged {
            path: "a".into(),
            old: None,
            new: Some(json!(1)),
        };
        let text = serde_json::to_string(&reason).unwrap();
        assert!(text.contains(r#""reason":"param-changed""#), "{text}");
        assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), reason);
    }
}
