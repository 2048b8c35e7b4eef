//! The schema of params as a person writes them: any value may be something else that is resolved later, and what is
//! missing may come from elsewhere.

use serde_json::{Map, Value, json};

use super::describe::shortest;

/// The schema of params in which each value may also be what `other` accepts, and nothing is required. It is to stand
/// at `place` of a larger schema, such as `#/$defs/train`.
#[must_use]
pub fn relax(schema: &Value, other: &Value, place: &str) -> Value {
    Relaxer { other, place }.inside(schema)
}

struct Relaxer<'a> {
    other: &'a Value,
    place: &'a str,
}

impl Relaxer<'_> {
    /// A value: as the schema says, or something else.
    fn value(&self, schema: &Value) -> Value {
        let accepts = self.inside(schema);
        let Value::Object(mut accepts) = accepts else {
            return accepts;
        };
        let says_type = ["type", "const", "enum", "anyOf", "allOf", "$ref"]
            .iter()
            .any(|key| accepts.contains_key(*key));
        if !says_type || is_text(&accepts) {
            return Value::Object(accepts);
        }
        let mut around = Map::new();
        for note in ["description", "default", "examples"] {
            around.extend(accepts.remove_entry(note));
        }
        let mut ways = match accepts.remove("anyOf") {
            Some(Value::Array(ways)) if accepts.is_empty() => ways,
            Some(ways) => {
                accepts.insert("anyOf".to_owned(), ways);
                vec![Value::Object(accepts)]
            }
            None => vec![Value::Object(accepts)],
        };
        ways.push(self.other.clone());
        around.insert("anyOf".to_owned(), Value::Array(ways));
        Value::Object(around)
    }

    /// What is in a value, relaxed; the value itself is as the schema says.
    fn inside(&self, schema: &Value) -> Value {
        let Value::Object(keys) = schema else {
            return schema.clone();
        };
        let mut relaxed = Map::new();
        for (key, value) in keys {
            let (key, value) = match (key.as_str(), value) {
                // More than one of the alternatives may accept the other.
                ("oneOf" | "anyOf", Value::Array(ways)) => ("anyOf", ways.iter().map(|way| self.inside(way)).collect()),
                ("allOf", Value::Array(all)) => ("allOf", all.iter().map(|one| self.inside(one)).collect()),
                ("properties", Value::Object(all)) => ("properties", each(all, |schema| self.value(schema))),
                ("$defs", Value::Object(all)) => ("$defs", each(all, |schema| self.inside(schema))),
                ("items" | "additionalProperties", schema) => (key.as_str(), self.value(schema)),
                ("prefixItems", Value::Array(items)) => {
                    (key.as_str(), items.iter().map(|item| self.value(item)).collect())
                }
                ("$ref", Value::String(to)) => ("$ref", json!(to.replacen('#', self.place, 1))),
                ("default", value) => ("default", rounded(value)),
                // Types of Rust: `TrainParams`, `uint32`. The range of a number stands beside its format.
                ("required" | "format" | "title", _) => continue,
                (key, value) => (key, value.clone()),
            };
            relaxed.insert(key.to_owned(), value);
        }
        Value::Object(relaxed)
    }
}

fn each(all: &Map<String, Value>, change: impl Fn(&Value) -> Value) -> Value {
    all.iter()
        .map(|(name, schema)| (name.clone(), change(schema)))
        .collect()
}

/// Whether any text does already.
fn is_text(schema: &Map<String, Value>) -> bool {
    let names_text = match schema.get("type") {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => names.iter().any(|name| name == "string"),
        _ => false,
    };
    let narrows = ["const", "enum", "pattern", "minLength", "maxLength"];
    names_text && !narrows.iter().any(|key| schema.contains_key(*key))
}

/// The numbers in a default as a person would write them.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(entries) => each(entries, rounded),
        other => shortest(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relaxed(schema: &Value) -> Value {
        relax(schema, &json!({ "pattern": "x" }), "#/$defs/kind")
    }

    #[test]
    fn a_value_of_any_depth_may_be_something_else_and_keeps_its_doc() {
        let schema = json!({ "type": "object", "required": ["n"], "properties": {
            "n": { "type": "integer", "description": "How many.", "default": 1, "format": "uint" },
            "list": { "type": "array", "items": { "type": "boolean" } },
            "text": { "type": ["string", "null"] },
        } });
        let other = json!({ "pattern": "x" });
        let list = json!({ "type": "array", "items": { "anyOf": [{ "type": "boolean" }, other] } });
        assert_eq!(
            relaxed(&schema),
            json!({ "type": "object", "properties": {
                "n": { "description": "How many.", "default": 1, "anyOf": [{ "type": "integer" }, other] },
                "list": { "anyOf": [list, other] },
                "text": { "type": ["string", "null"] },
            } })
        );
    }

    #[test]
    fn alternatives_need_not_exclude_each_other_and_references_lead_to_the_new_place() {
        let schema = json!({ "properties": {
            "a": { "oneOf": [{ "const": "one" }, { "const": "two" }], "default": f64::from(0.1_f32) },
            "b": { "$ref": "#/$defs/b" },
        } });
        let other = json!({ "pattern": "x" });
        assert_eq!(
            relaxed(&schema)["properties"],
            json!({
                "a": { "anyOf": [{ "const": "one" }, { "const": "two" }, other], "default": 0.1 },
                "b": { "anyOf": [{ "$ref": "#/$defs/kind/$defs/b" }, other] },
            })
        );
    }
}
