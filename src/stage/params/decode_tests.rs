use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{PathPart, decode};
use crate::stage::params_schema;

/// How the learning rate moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Schedule {
    /// Stays.
    Constant,
    /// Falls at milestones.
    Step {
        /// The epochs.
        at: Vec<u32>,
        /// The factor.
        #[serde(default = "tenth")]
        factor: f64,
    },
}

fn tenth() -> f64 {
    0.1
}

/// Which detector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Architecture {
    /// The small one.
    Tiny,
    /// The pretrained one.
    EfficientnetLite0,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    Shuffled,
    Listed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Paths {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Augment {
    /// Probability of a flip.
    #[schemars(range(min = 0.0, max = 1.0))]
    flip: f64,
    jitter: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Self { flip: 0.5, jitter: 0.1 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Train {
    /// Which detector.
    architecture: Architecture,
    /// Passes over the images.
    #[schemars(range(min = 1))]
    epochs: u32,
    /// Step size.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    learning_rate: f64,
    clip: Option<f64>,
    limit: Option<u32>,
    order: Option<Order>,
    shape: Option<Architecture>,
    schedule: Schedule,
    warm: Option<Schedule>,
    augment: Augment,
    roots: Paths,
    classes: Vec<String>,
    weights: BTreeMap<String, f64>,
    size: (u32, u32),
    difficult: bool,
    seed: u64,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            architecture: Architecture::Tiny,
            epochs: 12,
            learning_rate: 1.0,
            clip: None,
            limit: None,
            order: None,
            shape: None,
            schedule: Schedule::Constant,
            warm: None,
            augment: Augment::default(),
            roots: Paths::One("data".into()),
            classes: Vec::new(),
            weights: BTreeMap::new(),
            size: (240, 320),
            difficult: false,
            seed: 0,
        }
    }
}

fn good(given: &Value) -> Value {
    decode(&params_schema::<Train>(), given).unwrap_or_else(|problems| panic!("{given}: {problems:?}"))
}

fn bad(given: &Value) -> Vec<String> {
    let problems = decode(&params_schema::<Train>(), given).expect_err("it should not fit");
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_given_is_all_defaults_and_reads_back_as_the_type() {
    let all = good(&json!({}));
    assert_eq!(serde_json::from_value::<Train>(all.clone()).unwrap(), Train::default());
    assert_eq!(good(&Value::Null), all);
    assert_eq!(all["clip"], Value::Null);
    assert_eq!(all["augment"]["flip"], json!(0.5));
}

#[test]
fn spelled_out_defaults_change_nothing() {
    let all = good(&json!({}));
    assert_eq!(good(&all).to_string(), all.to_string());
    for part in [
        json!({"epochs": 12}),
        json!({"learning_rate": 1}),
        json!({"clip": null, "warm": null}),
        json!({"augment": {}}),
        json!({"augment": {"jitter": 0.1}}),
        json!({"augment": {"jitter": 0.10000000149011612}}),
        json!({"schedule": {"kind": "constant"}}),
    ] {
        assert_eq!(good(&part).to_string(), all.to_string(), "{part}");
    }
}

#[test]
fn what_is_given_is_kept_and_completed() {
    let params = good(&json!({
        "architecture": "efficientnet_lite0", "clip": 5, "limit": 3, "order": "listed", "shape": "tiny",
        "schedule": {"kind": "step", "at": [8, 10]}, "warm": {"kind": "constant"}, "roots": ["a", "b"],
        "classes": ["cat"], "weights": {"cat": 2}, "size": [1, 2], "seed": 18446744073709551615u64,
    }));
    assert_eq!(params["clip"].to_string(), "5.0");
    assert_eq!(params["weights"]["cat"].to_string(), "2.0");
    assert_eq!(
        params["schedule"],
        json!({"kind": "step", "at": [8, 10], "factor": 0.1})
    );
    assert_eq!(params["warm"], json!({"kind": "constant"}));
    assert_eq!(params["roots"], json!(["a", "b"]));
    let read: Train = serde_json::from_value(params).unwrap();
    assert_eq!(
        (read.limit, read.order, read.seed),
        (Some(3), Some(Order::Listed), u64::MAX)
    );
}

#[test]
fn every_problem_is_reported_with_its_place() {
    assert_eq!(
        bad(&json!({
            "epochs": "a", "learning_rate": 0, "architecture": "tini", "augment": {"flip": 1.5, "flap": 1},
            "classes": ["a", 2], "difficult": 1, "limit": 1.5, "order": "list", "size": [1], "seed": -1,
            "roots": [1], "schedule": {"kind": "step", "at": [1.5]}, "warm": {"kind": "stop"}, "weights": {"a": "b"},
        })),
        [
            "architecture: expected one of `tiny`, `efficientnet_lite0`, found `\"tini\"`",
            "augment.flap: unknown param `flap`",
            "augment.flip: expected a number >= 0.0 and <= 1.0, found `1.5`",
            "classes[1]: expected text, found `2`",
            "difficult: expected true or false, found `1`",
            "epochs: expected a whole number >= 1, found `\"a\"`",
            "learning_rate: expected a number > 0.0, found `0`",
            "limit: expected a whole number >= 0 or null, found `1.5`",
            "order: expected one of `shuffled`, `listed` or null, found `\"list\"`",
            "roots[0]: expected text, found `1`",
            "schedule.at[0]: expected a whole number >= 0, found `1.5`",
            "seed: expected a whole number >= 0, found `-1`",
            "size: expected at least 2 items, found 1",
            "warm.kind: expected one of `constant`, `step`, found `\"stop\"`",
            "weights.a: expected a number, found `\"b\"`",
        ]
    );
}

#[test]
fn whole_numbers_are_not_written_with_a_fraction_and_fit_their_type() {
    assert_eq!(
        bad(&json!({"epochs": 3.0})),
        ["epochs: expected a whole number >= 1, found `3.0`"]
    );
    assert_eq!(
        bad(&json!({"epochs": 5_000_000_000_u64})),
        ["epochs: expected a whole number from 0 to 4294967295, found `5000000000`"]
    );
}

#[test]
fn unknown_keys_come_with_the_names_that_are_left() {
    let problems = decode(&params_schema::<Augment>(), &json!({"flip": 0.1, "jiter": 1})).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].unknown_key);
    assert_eq!(problems[0].path, [PathPart::Key("jiter".into())]);
    assert_eq!(problems[0].candidates, ["jitter"]);
    let problems = decode(&params_schema::<Train>(), &json!({"architecture": "tini"})).unwrap_err();
    assert!(!problems[0].unknown_key);
    assert_eq!(problems[0].candidates, ["tiny", "efficientnet_lite0"]);
}

#[test]
fn required_params_are_asked_for_at_the_mapping_that_lacks_them() {
    let schema = json!({"type": "object", "required": ["a", "b"], "additionalProperties": false,
        "properties": {"a": {"type": "integer"}, "b": {"type": "object", "required": ["c"],
            "properties": {"c": {"type": "array", "items": {"type": "number"}}}}}});
    let problems = decode(&schema, &json!({"b": {}})).unwrap_err();
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["b: missing `c`: a list of numbers", "missing `a`: a whole number"]
    );
    assert_eq!(
        bad(&json!({"schedule": {"kind": "step"}})),
        ["schedule: missing `at`: a list of whole numbers >= 0"]
    );
    assert_eq!(
        bad(&json!({"schedule": {}})),
        ["schedule: missing `kind`: one of `constant`, `step`"]
    );
}

#[test]
fn a_scalar_for_a_mapping_and_a_mapping_for_a_scalar_are_problems() {
    assert_eq!(bad(&json!([])), ["expected a mapping, found a list"]);
    assert_eq!(bad(&json!({"augment": 3})), ["augment: expected a mapping, found `3`"]);
    assert_eq!(
        bad(&json!({"epochs": {}})),
        ["epochs: expected a whole number >= 1, found a mapping"]
    );
    assert_eq!(
        bad(&json!({"roots": 3})),
        ["roots: expected text or a list of text, found `3`"]
    );
}

#[test]
fn definitions_elsewhere_in_the_schema_are_followed() {
    let schema = json!({"$defs": {"Mode": {"enum": ["a", "b"]}, "Tree": {"type": "object", "properties":
        {"mode": {"$ref": "#/$defs/Mode", "default": "a"}, "inner": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]}}}},
        "allOf": [{"$ref": "#/$defs/Tree"}]});
    assert_eq!(
        decode(&schema, &json!({"inner": {"mode": "b"}})).unwrap(),
        json!({"mode": "a", "inner": {"mode": "b", "inner": null}})
    );
    assert!(decode(&schema, &json!({"inner": {"mode": "c"}})).is_err());
    let circle = json!({"$ref": "#"});
    assert!(decode(&circle, &json!(1)).is_ok());
}

#[test]
fn externally_tagged_alternatives_are_told_apart_by_their_key() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Pick {
        All,
        Some { count: u32 },
    }
    let schema = params_schema::<Pick>();
    assert_eq!(decode(&schema, &json!("all")).unwrap(), json!("all"));
    assert_eq!(
        decode(&schema, &json!({"some": {"count": 2}})).unwrap(),
        json!({"some": {"count": 2}})
    );
    let said = |given: Value| decode(&schema, &given).unwrap_err()[0].to_string();
    assert_eq!(
        said(json!({"some": {"count": "x"}})),
        "some.count: expected a whole number >= 0, found `\"x\"`"
    );
    assert_eq!(said(json!({"sume": 1})), "sume: unknown param `sume`");
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let one: Value = serde_json::from_str(r#"{"epochs": 3, "clip": 1.5}"#).unwrap();
    let other: Value = serde_json::from_str(r#"{"clip": 1.50, "epochs": 3}"#).unwrap();
    assert_eq!(good(&one).to_string(), good(&other).to_string());
}

#[test]
fn params_are_described_by_path_with_type_default_and_doc() {
    let docs = crate::stage::params::describe(&params_schema::<Train>());
    let of = |path: &str| {
        docs.iter()
            .find(|doc| doc.path == path)
            .unwrap_or_else(|| panic!("{path} in {docs:#?}"))
    };
    assert_eq!(of("epochs").takes, "a whole number >= 1");
    assert_eq!(of("epochs").default, Some(json!(12)));
    assert_eq!(of("epochs").doc, "Passes over the images.");
    assert_eq!(of("augment.flip").default, Some(json!(0.5)));
    assert_eq!(of("augment.jitter").default, Some(json!(0.1)));
    assert_eq!(of("architecture").takes, "one of `tiny`, `efficientnet_lite0`");
    assert_eq!(of("architecture").choices[0].doc, "The small one.");
    assert_eq!(of("schedule.kind").takes, "one of `constant`, `step`");
    assert_eq!(of("schedule.kind").default, Some(json!("constant")));
    assert_eq!(of("schedule.factor").doc, "With `kind: step`. The factor.");
    assert_eq!(of("warm.kind").takes, "one of `constant`, `step`; `warm` may be null");
    assert_eq!(of("order").takes, "one of `shuffled`, `listed` or null");
    assert!(docs.iter().all(|doc| doc.required == (doc.path.ends_with(".at"))));
    let paths: std::collections::BTreeSet<_> = docs
        .iter()
        .filter(|doc| !doc.doc.starts_with("With"))
        .map(|doc| &doc.path)
        .collect();
    assert_eq!(
        paths.len(),
        docs.iter().filter(|doc| !doc.doc.starts_with("With")).count(),
        "a path is listed twice"
    );
}
