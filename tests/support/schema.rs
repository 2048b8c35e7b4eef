//! Holds a document against a JSON Schema: the keywords that the shipped schemas use. Any other is a panic, not a pass.
//!
//! Written here because the validators that there are bring features with which the whole of polars is built again.

use regex::Regex;
use serde_json::{Map, Value};

/// What is wrong with a document, and where; nothing when it is right.
pub(crate) fn mistakes(schema: &Value, document: &Value) -> Vec<String> {
    let mut validator = Validator {
        root: schema,
        mistakes: Vec::new(),
    };
    validator.check(schema, document, "");
    validator.mistakes
}

struct Validator<'a> {
    root: &'a Value,
    mistakes: Vec<String>,
}

impl Validator<'_> {
    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        match schema {
            Value::Bool(true) => {}
            Value::Bool(false) => self.mistakes.push(format!("{at}: nothing may be here")),
            Value::Object(keywords) => {
                for (keyword, argument) in keywords {
                    self.keyword(keywords, keyword, argument, value, at);
                }
            }
            other => panic!("no schema: {other}"),
        }
    }

    fn accepts(&self, schema: &Value, value: &Value) -> bool {
        let mut inner = Validator {
            root: self.root,
            mistakes: Vec::new(),
        };
        inner.check(schema, value, "");
        inner.mistakes.is_empty()
    }

    fn keyword(&mut self, all: &Map<String, Value>, keyword: &str, argument: &Value, value: &Value, at: &str) {
        let list = || argument.as_array().unwrap();
        let number = || argument.as_f64().unwrap();
        let count = || usize::try_from(argument.as_u64().unwrap()).unwrap();
        let holds = match (keyword, value) {
            ("$schema" | "$defs" | "title" | "description" | "default" | "then", _) => true,
            ("$ref", _) => {
                let pointer = argument.as_str().unwrap().strip_prefix('#').unwrap();
                let target = self
                    .root
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("{argument} leads nowhere"));
                return self.check(target, value, at);
            }
            ("type", _) => match argument {
                Value::Array(names) => names.iter().any(|name| is_of_type(name, value)),
                name => is_of_type(name, value),
            },
            ("const", _) => argument == value,
            ("enum", _) => list().contains(value),
            ("anyOf", _) => list().iter().any(|way| self.accepts(way, value)),
            ("allOf", _) => return list().iter().for_each(|one| self.check(one, value, at)),
            ("not", _) => !self.accepts(argument, value),
            ("if", _) => {
                if self.accepts(argument, value) {
                    self.check(&all["then"], value, at);
                }
                return;
            }
            ("pattern", Value::String(text)) => Regex::new(argument.as_str().unwrap()).unwrap().is_match(text),
            ("minimum", Value::Number(given)) => given.as_f64().unwrap() >= number(),
            ("maximum", Value::Number(given)) => given.as_f64().unwrap() <= number(),
            ("exclusiveMinimum", Value::Number(given)) => given.as_f64().unwrap() > number(),
            ("minItems", Value::Array(items)) => items.len() >= count(),
            ("maxItems", Value::Array(items)) => items.len() <= count(),
            ("uniqueItems", Value::Array(items)) => (1..items.len()).all(|at| !items[..at].contains(&items[at])),
            ("items", Value::Array(items)) => return items.iter().for_each(|item| self.check(argument, item, at)),
            ("minProperties", Value::Object(entries)) => entries.len() >= count(),
            ("required", Value::Object(entries)) => {
                list().iter().all(|name| entries.contains_key(name.as_str().unwrap()))
            }
            ("propertyNames", Value::Object(entries)) => {
                let names = entries.keys().map(|name| Value::String(name.clone()));
                return names.for_each(|name| self.check(argument, &name, at));
            }
            ("properties", Value::Object(entries)) => {
                let known = argument.as_object().unwrap();
                for (name, schema) in known {
                    if let Some(value) = entries.get(name) {
                        self.check(schema, value, &format!("{at}/{name}"));
                    }
                }
                return;
            }
            ("additionalProperties", Value::Object(entries)) => {
                let known = all.get("properties").and_then(Value::as_object);
                for (name, value) in entries
                    .iter()
                    .filter(|(name, _)| known.is_none_or(|all| !all.contains_key(*name)))
                {
                    self.check(argument, value, &format!("{at}/{name}"));
                }
                return;
            }
            // Keywords for values of another type than this one.
            ("pattern" | "minimum" | "maximum" | "exclusiveMinimum", _) => true,
            ("minItems" | "maxItems" | "uniqueItems" | "items", _) => true,
            ("minProperties" | "required" | "propertyNames" | "properties" | "additionalProperties", _) => true,
            _ => panic!("the keyword `{keyword}` is not known here"),
        };
        if !holds {
            self.mistakes
                .push(format!("{at}: {value} is not what `{keyword}: {argument}` asks"));
        }
    }
}

fn is_of_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|real| real.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type `{other}`"),
    }
}
