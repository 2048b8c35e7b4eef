//! What a pipeline file may hold, as JSON Schema: the keys that `spec` knows, and for each kind its params and ports.

use serde_json::{Map, Value, json};

use crate::spec::{param_schema, pipeline_schema};
use crate::stage::command::COMMAND;
use crate::stage::params::relax;
use crate::stage::{InputPort, KindInfo, Registry};

/// The schema of pipelines whose stages use these kinds.
#[must_use]
pub fn schema(registry: &Registry) -> Value {
    let mut schema = pipeline_schema();
    let kinds = || registry.iter().map(|kind| &kind.info);
    for kind in kinds() {
        schema["$defs"][place(kind)] = relax(&kind.params, &param_schema(), &pointer(kind));
    }
    let stage = &mut schema["$defs"]["stage"];
    let mut uses: Vec<Value> = kinds()
        .map(|kind| json!({ "const": kind.name, "description": kind.summary }))
        .collect();
    uses.push(json!({ "$ref": "#/$defs/param" }));
    stage["properties"]["uses"] = json!({ "description": stage["properties"]["uses"]["description"], "anyOf": uses });
    stage["allOf"] = kinds().map(of_kind).collect();
    schema
}

/// Where the params of a kind stand among the definitions.
fn place(kind: &KindInfo) -> String {
    format!("with-{}", kind.name)
}

fn pointer(kind: &KindInfo) -> String {
    format!("#/$defs/{}", place(kind))
}

/// What more is asked of a stage that uses the kind.
fn of_kind(kind: &KindInfo) -> Value {
    let mut required = Vec::new();
    let mut with = with(kind);
    if required_params(kind).is_empty() {
        with.push(json!({ "type": "null" }));
    } else {
        required.push("with");
    }
    let ports: Map<String, Value> = kind
        .inputs
        .iter()
        .map(|port| (port.name.clone(), port_schema(port)))
        .collect();
    let needed: Vec<&str> = kind
        .inputs
        .iter()
        .filter(|port| !port.optional)
        .map(|port| port.name.as_str())
        .collect();
    // A command has the inputs that its stage gives it.
    let others = if kind.name == COMMAND {
        json!({ "$ref": "#/$defs/references" })
    } else {
        json!(false)
    };
    let mut inputs = json!({ "properties": ports, "additionalProperties": others });
    if !needed.is_empty() {
        inputs["required"] = json!(needed);
        required.push("in");
    }
    json!({
        "if": { "properties": { "uses": { "const": kind.name } }, "required": ["uses"] },
        "then": {
            "description": kind.summary,
            "properties": { "with": { "anyOf": with }, "in": inputs },
            "required": required,
        },
    })
}

/// The ways to write the params: a mapping of all, a list of mappings that are merged, or a param that holds them.
fn with(kind: &KindInfo) -> Vec<Value> {
    let some = json!({ "$ref": pointer(kind) });
    let param = json!({ "$ref": "#/$defs/param" });
    let all = match required_params(kind).as_slice() {
        [] => some.clone(),
        required => json!({ "allOf": [some], "required": required }),
    };
    vec![
        all,
        json!({ "type": "array", "items": { "anyOf": [some, param] } }),
        param,
    ]
}

/// The params that must be given.
fn required_params(kind: &KindInfo) -> Vec<&str> {
    let names = kind.params.get("required").and_then(Value::as_array);
    let has_default = |name: &&str| kind.params["properties"][*name].get("default").is_some();
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| !has_default(name)).collect()
}

fn port_schema(port: &InputPort) -> Value {
    let (artifact, doc) = (&port.artifact, &port.doc);
    let least = usize::from(!port.optional);
    if port.many {
        let list = json!({ "type": "array", "items": { "$ref": "#/$defs/reference" }, "minItems": least });
        return json!({
            "description": format!("{doc} Takes `{artifact}`, one or a list."),
            "anyOf": [{ "$ref": "#/$defs/reference" }, list],
        });
    }
    let list = json!({ "type": "array", "items": { "$ref": "#/$defs/reference" }, "minItems": least, "maxItems": 1 });
    json!({
        "description": format!("{doc} Takes `{artifact}`."),
        "anyOf": [{ "$ref": "#/$defs/reference" }, list],
    })
}
