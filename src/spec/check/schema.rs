//! What the checks accept, as JSON Schema (draft 2020-12) for editors: made from the same lists of keys and names.
//!
//! Refuses nothing that the checks accept. What `${}` brings, and what only a whole pipeline shows, is left to them.

use serde_json::{Map, Value, json};

use super::DOCUMENT;
use super::names::RESERVED_PARAMS;
use super::profiles::PROFILE;
use super::rounds::{ROUNDS, UNTIL};
use super::stages::{RESERVED, STAGE};
use crate::spec::experiment;

/// A name: what `is_name` says, in the words of a pattern.
const NAME: &str = "[a-z][a-z0-9_-]*";

/// Text in which the params are named.
const WRITTEN: &str = r"\$\{";

/// The schema of pipeline files, whatever their stages use.
#[must_use]
pub fn pipeline_schema() -> Value {
    let mut schema = object(&DOCUMENT, document_key);
    describe(
        &mut schema,
        "A pipeline of asm-pipe",
        "Stages of an experiment, and rounds of them.",
    );
    // What a file lacks may come from the file that it extends or from a profile.
    schema["if"] = json!({ "not": { "anyOf": [{ "required": ["extends"] }, { "required": ["profiles"] }] } });
    schema["then"] = json!({
        "anyOf": [
            { "required": ["stages"], "properties": { "stages": { "minProperties": 1 } } },
            { "required": ["rounds"] },
        ],
        "properties": {
            "stages": { "additionalProperties": { "type": "object" } },
            "rounds": {
                "required": ["max", "stages"],
                "properties": {
                    "until": { "required": UNTIL },
                    "carry": { "additionalProperties": { "type": ["array", "string"] } },
                    "stages": { "additionalProperties": { "type": "object" } },
                },
            },
        },
    });
    schema["$defs"] = definitions();
    schema
}

/// The schema of experiment files.
#[must_use]
pub fn experiment_schema() -> Value {
    let mut schema = object(&experiment::KEYS, experiment_key);
    describe(
        &mut schema,
        "An experiment of asm-pipe",
        "Pipelines that are run and compared as one.",
    );
    schema["required"] = json!(["pipelines"]);
    schema["$defs"] = json!({ "name": name(), "text": text(), "params": params() });
    schema
}

/// The text of a param, which may stand for any value: `"${train.epochs}"`.
#[must_use]
pub fn param_schema() -> Value {
    json!({ "type": "string", "pattern": WRITTEN })
}

fn definitions() -> Value {
    let named = format!("^{NAME}$");
    let mut stage = object(&STAGE, stage_key);
    stage["required"] = json!(["uses"]);
    let entry = json!({ "anyOf": [{ "$ref": "#/$defs/stage" }, { "type": "null" }] });
    json!({
        "name": name(),
        "text": text(),
        "params": params(),
        "param": param_schema(),
        "reference": reference(),
        "references": {
            "anyOf": [{ "$ref": "#/$defs/reference" }, { "type": "array", "items": { "$ref": "#/$defs/reference" } }],
        },
        "stage": stage,
        "stages": {
            "type": "object",
            "propertyNames": { "pattern": named, "not": { "enum": RESERVED } },
            "additionalProperties": entry,
        },
        "carry": {
            "type": "object",
            "propertyNames": { "pattern": named, "not": { "enum": RESERVED } },
            "additionalProperties": { "anyOf": [
                { "type": "array", "items": { "$ref": "#/$defs/reference" }, "minItems": 2, "maxItems": 2 },
                { "$ref": "#/$defs/param" },
                { "type": "null" },
            ] },
        },
        "until": object(&UNTIL, until_key),
        "rounds": object(&ROUNDS, rounds_key),
        "profile": object(&PROFILE, profile_key),
    })
}

fn document_key(key: &str) -> Value {
    match key {
        "name" => or_nothing(
            "Its name, and that of its results; the file's by default.",
            defined("name"),
        ),
        "description" => or_nothing("What it is for.", defined("text")),
        "extends" => or_nothing(
            "The pipeline that this one is laid on, relative to this file. Params merge; a stage of the same name is replaced \
             whole, and one with nothing after its colon is removed.",
            defined("text"),
        ),
        "default_profile" => or_nothing(
            "The profile that is applied when `--profile` names none.",
            defined("text"),
        ),
        "params" => or_nothing(
            "Values that stages name as `\"${path.to.param}\"`, and that `-S path.to.param=value` sets.",
            defined("params"),
        ),
        "profiles" => or_nothing(
            "Layers to choose from by `--profile`: params, stages and rounds by the profile's name.",
            json!({
                "type": "object",
                "propertyNames": { "pattern": format!("^{NAME}$") },
                "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/profile" }, { "type": "null" }] },
            }),
        ),
        "matrix" => or_nothing(
            "Params with the values that they take: an experiment of this one pipeline.",
            matrix(),
        ),
        "stages" => or_nothing("The stages outside of the rounds, by name.", defined("stages")),
        "rounds" => or_nothing("What is repeated.", defined("rounds")),
        _ => json!({}),
    }
}

fn profile_key(key: &str) -> Value {
    match key {
        "extends" => or_nothing("The profile that is applied before this one.", defined("text")),
        "params" => or_nothing("Params, laid on those of the pipeline.", defined("params")),
        "stages" => or_nothing(
            "Stages in place of those of the same name; one with nothing after its colon is removed.",
            defined("stages"),
        ),
        "rounds" => or_nothing("What is other in the rounds.", defined("rounds")),
        other => document_key(other),
    }
}

fn stage_key(key: &str) -> Value {
    match key {
        "uses" => {
            json!({ "description": "The stage kind. `asm-pipe stages` lists them.", "type": "string", "pattern": r"\S" })
        }
        "in" => or_nothing(
            "What comes into which port: `stage`, `stage.output`, `carry.name`, `rounds.all.stage.output` or a list of them.",
            json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/references" } }),
        ),
        "with" => or_nothing(
            "Params of the kind. A list of mappings is merged from left to right.",
            json!({ "anyOf": [
                { "type": "object" },
                { "type": "array", "items": { "anyOf": [{ "type": "object" }, { "$ref": "#/$defs/param" }] } },
                { "$ref": "#/$defs/param" },
            ] }),
        ),
        "doc" => or_nothing("What the stage is for.", defined("text")),
        "cpus" => or_nothing(
            "Processor cores that it takes; 0 stands for all that the run may use.",
            count(),
        ),
        "gpus" => or_nothing("Graphics processors that it takes.", count()),
        "retries" => or_nothing("How often it is tried again after it failed.", count()),
        "memory" => or_nothing(
            "Memory that it takes: `2GiB`, or a number of MiB.",
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string" }] }),
        ),
        "timeout" => or_nothing(
            "After so long it is ended: `90min`, or a number of seconds.",
            json!({ "anyOf": [{ "type": "number", "exclusiveMinimum": 0 }, { "type": "string" }] }),
        ),
        _ => json!({}),
    }
}

fn rounds_key(key: &str) -> Value {
    match key {
        "max" => or_nothing(
            "At most so many rounds.",
            or_param(json!({ "type": "integer", "minimum": 1 })),
        ),
        "until" => or_nothing("Ends the rounds before that.", defined("until")),
        "carry" => or_nothing(
            "What one round hands to the next, by name: what round 1 gets, then what later rounds get of the round before.",
            defined("carry"),
        ),
        "stages" => or_nothing(
            "The stages of a round, by name. They may name stages outside and `carry.name`.",
            defined("stages"),
        ),
        _ => json!({}),
    }
}

fn until_key(key: &str) -> Value {
    match key {
        "metric" => or_nothing(
            "The metric of a stage of the rounds, such as `validate.ap50`.",
            json!({ "type": "string", "pattern": format!(r"{WRITTEN}|^[^.]+\.[^.]+$") }),
        ),
        "shift_below" => or_nothing(
            "Ends when the mean absolute deviation over the window falls below this.",
            or_param(json!({ "type": "number", "minimum": 0 })),
        ),
        "window" => or_nothing(
            "How many rounds the window holds.",
            or_param(json!({ "type": "integer", "minimum": 2 })),
        ),
        _ => json!({}),
    }
}

fn experiment_key(key: &str) -> Value {
    match key {
        "name" => or_nothing(
            "Its name, and that of its results; the file's by default.",
            defined("name"),
        ),
        "description" => or_nothing("What it asks.", defined("text")),
        "pipelines" => json!({
            "description": "The pipelines' files, relative to this file.",
            "type": "array", "items": { "$ref": "#/$defs/text" }, "minItems": 1, "uniqueItems": true,
        }),
        "seeds" => or_nothing(
            "Each sets the param `seed` of every pipeline.",
            json!({ "type": "array", "items": { "type": "integer" }, "uniqueItems": true }),
        ),
        "params" => or_nothing("Params for every pipeline.", defined("params")),
        "matrix" => or_nothing(
            "Params with the values that they take, each with each of the others.",
            matrix(),
        ),
        "profile" => or_nothing(
            "The profile of every pipeline, or several in order.",
            json!({ "anyOf": [{ "$ref": "#/$defs/text" }, { "type": "array", "items": { "$ref": "#/$defs/text" } }] }),
        ),
        "overrides" => or_nothing(
            "Params for single pipelines, by the pipeline's name.",
            json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/params" } }),
        ),
        _ => json!({}),
    }
}

/// Lists of values by param, and which combinations are left out or added.
fn matrix() -> Value {
    let combinations = json!({ "type": "array", "items": { "type": "object" } });
    json!({
        "type": "object",
        "properties": { "exclude": combinations, "include": combinations },
        "additionalProperties": { "type": "array" },
    })
}

fn count() -> Value {
    or_param(json!({ "type": "integer", "minimum": 0 }))
}

fn name() -> Value {
    json!({ "type": "string", "pattern": format!("^{NAME}$") })
}

fn text() -> Value {
    json!({ "type": "string", "pattern": r"\S" })
}

fn params() -> Value {
    json!({ "type": "object", "propertyNames": { "not": { "enum": RESERVED_PARAMS } } })
}

fn reference() -> Value {
    let stage = format!(r"{NAME}(\.{NAME})?");
    json!({ "type": "string", "anyOf": [
        { "pattern": WRITTEN },
        { "pattern": format!(r"^(carry\.{NAME}|rounds\.(all|last)\.{stage})$") },
        { "pattern": format!("^{stage}$"), "not": { "pattern": r"^(carry|rounds)(\.|$)" } },
    ] })
}

/// A mapping of these keys and no others.
fn object(keys: &[&str], of: impl Fn(&str) -> Value) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), of(key))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn describe(schema: &mut Value, title: &str, description: &str) {
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema["description"] = json!(description);
}

fn defined(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A key that may also have nothing after its colon.
fn or_nothing(doc: &str, accepts: Value) -> Value {
    let ways = Value::Array(vec![accepts, json!({ "type": "null" })]);
    Map::from_iter([("description".to_owned(), doc.into()), ("anyOf".to_owned(), ways)]).into()
}

fn or_param(accepts: Value) -> Value {
    let ways = Value::Array(vec![accepts, defined("param")]);
    Map::from_iter([("anyOf".to_owned(), ways)]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_the_checks_know_says_what_it_is_for() {
        let pipeline = pipeline_schema();
        let experiment = experiment_schema();
        let of = |name: &str| &pipeline["$defs"][name];
        let objects = [
            &pipeline,
            &experiment,
            of("stage"),
            of("rounds"),
            of("until"),
            of("profile"),
        ];
        for object in objects {
            for (key, schema) in object["properties"].as_object().unwrap() {
                assert!(schema["description"].is_string(), "{key}: {schema}");
            }
            assert_eq!(object["additionalProperties"], false);
        }
    }
}
