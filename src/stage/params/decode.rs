//! Checks params and completes them.

use std::fmt;

use serde_json::{Map, Number, Value};

use super::schema::{
    accepts_null, accepts_type, alternatives, constants, expected, external_name, resolve, shown, tag, types,
};

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathPart {
    /// Into a mapping.
    Key(String),
    /// Into a list, counted from 0.
    Index(usize),
}

/// One thing that is wrong with params.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamProblem {
    /// Where, from the whole of the params. It ends at an unknown key itself, and at the mapping that lacks one.
    pub path: Vec<PathPart>,
    /// What: lower case, no final period.
    pub message: String,
    /// Whether it is the last key of the path that is wrong, not the value there.
    pub unknown_key: bool,
    /// The names that would do there, for a suggestion.
    pub candidates: Vec<String>,
}

impl fmt::Display for ParamProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.path.iter().enumerate() {
            match part {
                PathPart::Key(key) if place == 0 => write!(f, "{key}")?,
                PathPart::Key(key) => write!(f, ".{key}")?,
                PathPart::Index(index) => write!(f, "[{index}]")?,
            }
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)
    }
}

/// Checks params against the schema of their kind, and returns them with all defaults filled in and numbers in one form.
///
/// # Errors
/// Everything that is wrong, in the order of the keys.
pub fn decode(schema: &Value, given: &Value) -> Result<Value, Vec<ParamProblem>> {
    let mut decoder = Decoder::new(schema);
    let empty = Value::Object(Map::new());
    let takes_mapping = types(resolve(schema, schema)).contains(&"object");
    // `with:` left out, or with nothing after it, is an empty mapping.
    let given = if given.is_null() && takes_mapping {
        &empty
    } else {
        given
    };
    let value = decoder.value(schema, given);
    if decoder.problems.is_empty() {
        Ok(value)
    } else {
        Err(decoder.problems)
    }
}

struct Decoder<'a> {
    root: &'a Value,
    path: Vec<PathPart>,
    problems: Vec<ParamProblem>,
}

impl<'a> Decoder<'a> {
    fn new(root: &'a Value) -> Self {
        Self {
            root,
            path: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn value(&mut self, schema: &'a Value, given: &Value) -> Value {
        let schema = resolve(self.root, schema);
        if let Some(branches) = alternatives(self.root, schema) {
            return self.alternative(schema, &branches, given);
        }
        if let Some(constants) = constants(schema) {
            return match constants.iter().find(|constant| same(constant, given)) {
                Some(constant) => (*constant).clone(),
                None => self.unexpected(schema, given),
            };
        }
        if schema == &Value::Bool(false) || !accepts_type(schema, given) {
            return self.unexpected(schema, given);
        }
        match given {
            Value::Number(number) => self.number(schema, number),
            Value::String(text) => self.text(schema, text),
            Value::Array(items) => self.list(schema, items),
            Value::Object(entries) => self.mapping(schema, entries),
            Value::Null | Value::Bool(_) => given.clone(),
        }
    }

    fn number(&mut self, schema: &Value, given: &Number) -> Value {
        let value = Value::Number(given.clone());
        let real = given.as_f64().unwrap_or(f64::NAN);
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let inside = bound("minimum").is_none_or(|low| real >= low)
            && bound("maximum").is_none_or(|high| real <= high)
            && bound("exclusiveMinimum").is_none_or(|low| real > low)
            && bound("exclusiveMaximum").is_none_or(|high| real < high);
        if !inside {
            return self.unexpected(schema, &value);
        }
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        if types(schema).contains(&"number") && (given.is_f64() || !types(schema).contains(&"integer")) {
            // The params type holds an f32: whatever rounds to it means the same. Minus zero means zero.
            let real = if format == "float" {
                f64::from(real as f32)
            } else {
                real
            } + 0.0;
            return Number::from_f64(real).map_or(value, Value::Number);
        }
        let whole = given.as_i128().unwrap_or_default();
        let range = match format {
            "int32" => Some((i128::from(i32::MIN), i128::from(i32::MAX))),
            "uint32" => Some((0, i128::from(u32::MAX))),
            "int64" | "int" => Some((i128::from(i64::MIN), i128::from(i64::MAX))),
            "uint64" | "uint" => Some((0, i128::from(u64::MAX))),
            _ => None,
        };
        if let Some((low, high)) = range
            && !(low..=high).contains(&whole)
        {
            return self.problem(format!("expected a whole number from {low} to {high}, found `{given}`"));
        }
        value
    }

    fn text(&mut self, schema: &Value, given: &str) -> Value {
        let length = given.chars().count() as u64;
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        if let Some(low) = bound("minLength").filter(|&low| length < low) {
            let what = if low == 1 {
                "some text".to_owned()
            } else {
                format!("at least {low} characters")
            };
            return self.problem(format!("expected {what}, found {}", found(&given.into())));
        }
        if let Some(high) = bound("maxLength").filter(|&high| length > high) {
            return self.problem(format!("expected at most {high} characters, found {length}"));
        }
        given.into()
    }

    fn list(&mut self, schema: &'a Value, given: &[Value]) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let length = given.len() as u64;
        if let Some(low) = bound("minItems").filter(|&low| length < low) {
            return self.problem(format!("expected at least {}, found {length}", items(low)));
        }
        if let Some(high) = bound("maxItems").filter(|&high| length > high) {
            return self.problem(format!("expected at most {}, found {length}", items(high)));
        }
        let first: &[Value] = schema
            .get("prefixItems")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice);
        let rest = schema.get("items").unwrap_or(&Value::Bool(true));
        let mut values: Vec<Value> = Vec::with_capacity(given.len());
        for (index, item) in given.iter().enumerate() {
            let value = self.inside(PathPart::Index(index), |decoder| {
                decoder.value(first.get(index).unwrap_or(rest), item)
            });
            values.push(value);
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            for (index, value) in values.iter().enumerate() {
                if values[..index].contains(value) {
                    self.inside(PathPart::Index(index), |decoder| {
                        decoder.problem(format!("{} is listed twice", shown(value)))
                    });
                }
            }
        }
        Value::Array(values)
    }

    fn mapping(&mut self, schema: &'a Value, given: &Map<String, Value>) -> Value {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let more = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
        let mut entries: Vec<(String, Value)> = Vec::new();
        for (key, value) in given {
            let inner = match (properties.and_then(|all| all.get(key)), more) {
                (Some(inner), _) => inner,
                (None, Value::Bool(false)) => {
                    let known = properties
                        .unwrap_or(&none)
                        .keys()
                        .filter(|name| !given.contains_key(*name));
                    self.unknown(key, known.cloned().collect());
                    continue;
                }
                (None, more) => more,
            };
            let value = self.inside(PathPart::Key(key.clone()), |decoder| decoder.value(inner, value));
            entries.push((key.clone(), value));
        }
        let required = schema.get("required").and_then(Value::as_array);
        for (key, inner) in properties
            .into_iter()
            .flatten()
            .filter(|(key, _)| !given.contains_key(*key))
        {
            if let Some(default) = inner.get("default") {
                entries.push((key.clone(), self.default(inner, default)));
            } else if required.is_some_and(|names| names.iter().any(|name| name == key)) {
                let what = expected(self.root, inner);
                self.problem(format!("missing `{key}`: {what}"));
            } else if accepts_null(self.root, inner) {
                entries.push((key.clone(), Value::Null));
            }
        }
        // In order of the keys, also where JSON maps keep the order of insertion.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Value::Object(entries.into_iter().collect())
    }

    /// A default goes the way of a given value, so that what is left out and what is spelled out come to the same.
    fn default(&self, schema: &'a Value, default: &Value) -> Value {
        let mut decoder = Decoder::new(self.root);
        let value = decoder.value(schema, default);
        if decoder.problems.is_empty() {
            value
        } else {
            default.clone()
        }
    }

    fn alternative(&mut self, schema: &Value, branches: &[&'a Value], given: &Value) -> Value {
        if let Value::Object(entries) = given {
            if let Some(tag) = tag(branches) {
                return self.tagged(tag, branches, entries);
            }
            let names: Vec<&str> = branches.iter().filter_map(|branch| external_name(branch)).collect();
            if let (false, Some((key, _))) = (names.is_empty(), entries.iter().next())
                && entries.len() == 1
            {
                return match branches.iter().find(|branch| external_name(branch) == Some(key)) {
                    Some(branch) => self.value(branch, given),
                    None => self.unknown(key, names.into_iter().map(str::to_owned).collect()),
                };
            }
        }
        for branch in branches {
            let mut decoder = Decoder::new(self.root);
            let value = decoder.value(branch, given);
            if decoder.problems.is_empty() {
                return value;
            }
        }
        let is_near = |branch: &&&Value| constants(branch).is_none() && accepts_type(branch, given);
        let near: Vec<_> = branches.iter().filter(is_near).collect();
        match near.as_slice() {
            [branch] if !given.is_string() => self.value(branch, given),
            _ => self.unexpected(schema, given),
        }
    }

    fn tagged(&mut self, tag: &str, branches: &[&'a Value], given: &Map<String, Value>) -> Value {
        let name = |branch: &'a Value| branch.get("properties")?.get(tag)?.get("const");
        let names: Vec<&Value> = branches.iter().copied().filter_map(name).collect();
        let said: Vec<String> = names.iter().map(|name| shown(name)).collect();
        let said = said.join(", ");
        let Some(value) = given.get(tag) else {
            return self.problem(format!("missing `{tag}`: one of {said}"));
        };
        match branches.iter().copied().find(|branch| name(branch) == Some(value)) {
            Some(branch) => self.value(branch, &Value::Object(given.clone())),
            None => self.inside(PathPart::Key(tag.to_owned()), |decoder| {
                decoder.problem(format!("expected one of {said}, found {}", found(value)));
                decoder.candidates(names.into_iter().filter_map(Value::as_str));
                Value::Null
            }),
        }
    }

    fn unexpected(&mut self, schema: &Value, given: &Value) -> Value {
        let schema = resolve(self.root, schema);
        let what = expected(self.root, schema);
        self.problem(format!("expected {what}, found {}", found(given)));
        let leaves = alternatives(self.root, schema).unwrap_or_else(|| vec![schema]);
        let names = leaves
            .into_iter()
            .filter_map(constants)
            .flatten()
            .filter_map(Value::as_str);
        self.candidates(names);
        Value::Null
    }

    fn unknown(&mut self, key: &str, candidates: Vec<String>) -> Value {
        self.inside(PathPart::Key(key.to_owned()), |decoder| {
            decoder.problems.push(ParamProblem {
                path: decoder.path.clone(),
                message: format!("unknown param `{key}`"),
                unknown_key: true,
                candidates,
            });
        });
        Value::Null
    }

    fn problem(&mut self, message: String) -> Value {
        self.problems.push(ParamProblem {
            path: self.path.clone(),
            message,
            unknown_key: false,
            candidates: Vec::new(),
        });
        Value::Null
    }

    fn candidates<'b>(&mut self, names: impl Iterator<Item = &'b str>) {
        if let Some(problem) = self.problems.last_mut() {
            problem.candidates = names.map(str::to_owned).collect();
        }
    }

    fn inside<T>(&mut self, part: PathPart, act: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(part);
        let result = act(self);
        self.path.pop();
        result
    }
}

fn items(count: u64) -> String {
    format!("{count} item{}", if count == 1 { "" } else { "s" })
}

/// `1` and `1.0` are the same number.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a, b), (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64())
}

fn found(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
