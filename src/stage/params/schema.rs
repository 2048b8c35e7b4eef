//! Reading a schema: what it refers to, what it accepts, how it is said to a person.

use serde_json::Value;

/// How far `$ref` is followed. More is a circle.
const HOPS: usize = 32;

/// The schema itself, or what it refers to.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut here = schema;
    for _ in 0..HOPS {
        let only = here.get("allOf").and_then(Value::as_array).filter(|all| all.len() == 1);
        let reference = here.get("$ref").and_then(Value::as_str);
        here = match (reference, only) {
            (Some(reference), _) => match reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
                Some(target) => target,
                None => return here,
            },
            (None, Some(all)) => &all[0],
            (None, None) => return here,
        };
    }
    here
}

/// The alternatives of `oneOf` and `anyOf`, flattened when they are nested; `None` when the schema has none.
pub(super) fn alternatives<'a>(root: &'a Value, schema: &'a Value) -> Option<Vec<&'a Value>> {
    direct_alternatives(schema)?;
    let mut found = Vec::new();
    let mut open = vec![(schema, 0)];
    while let Some((schema, depth)) = open.pop() {
        let schema = resolve(root, schema);
        match direct_alternatives(schema) {
            Some(inner) if depth < HOPS => open.extend(inner.iter().rev().map(|schema| (schema, depth + 1))),
            _ => found.push(schema),
        }
    }
    Some(found)
}

fn direct_alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()
}

/// The names of `type`; empty when any type will do.
pub(super) fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The values that `const` or `enum` lists.
pub(super) fn constants(schema: &Value) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(vec![one]),
        (None, Some(Value::Array(many))) => Some(many.iter().collect()),
        _ => None,
    }
}

/// Whether the type of the value is one that the schema names. A whole number is a number.
pub(super) fn accepts_type(schema: &Value, given: &Value) -> bool {
    let name = match given {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = types(schema);
    types.is_empty() || types.contains(&name) || (name == "integer" && types.contains(&"number"))
}

/// Whether `null` fits.
pub(super) fn accepts_null(root: &Value, schema: &Value) -> bool {
    let schema = resolve(root, schema);
    let one = |schema: &Value| types(schema).contains(&"null");
    alternatives(root, schema).map_or_else(|| one(schema), |all| all.into_iter().any(one))
}

/// The property by which tagged alternatives are told apart: a constant in each of those that are mappings.
pub(super) fn tag<'a>(branches: &[&'a Value]) -> Option<&'a str> {
    let mut objects = branches.iter().filter(|branch| branch.get("properties").is_some());
    let first = objects.next()?;
    let has = |branch: &Value, name: &str| branch["properties"][name].get("const").is_some();
    let mut names = first["properties"].as_object()?.keys().filter(|name| has(first, name));
    let rest: Vec<_> = objects.collect();
    names
        .find(|name| rest.iter().all(|branch| has(branch, name)))
        .map(String::as_str)
}

/// The one key of an alternative of the form `{name: value}`.
pub(super) fn external_name(branch: &Value) -> Option<&str> {
    let required = branch.get("required")?.as_array()?;
    let properties = branch.get("properties")?.as_object()?;
    let name = required.first()?.as_str()?;
    (required.len() == 1 && properties.len() == 1 && properties[name].get("const").is_none()).then_some(name)
}

/// What the schema takes, in words: `a whole number >= 1`, ``one of `sgd`, `adam` ``.
pub(super) fn expected(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    let leaves = alternatives(root, schema).unwrap_or_else(|| vec![schema]);
    let mut values = Vec::new();
    let mut phrases: Vec<String> = Vec::new();
    let mut null = false;
    for leaf in leaves {
        if let Some(constants) = constants(leaf) {
            null |= constants.iter().any(|value| value.is_null());
            values.extend(constants.into_iter().filter(|value| !value.is_null()).map(shown));
            continue;
        }
        if types(leaf).is_empty() {
            phrases.push("anything".to_owned());
        }
        for name in types(leaf) {
            match name {
                "null" => null = true,
                name => phrases.push(phrase(root, name, leaf)),
            }
        }
    }
    if !values.is_empty() {
        let one_of = if values.len() > 1 { "one of " } else { "" };
        phrases.insert(0, format!("{one_of}{}", values.join(", ")));
    }
    if null {
        phrases.push("null".to_owned());
    }
    let mut said = Vec::new();
    phrases.retain(|phrase| {
        let new = !said.contains(phrase);
        said.push(phrase.clone());
        new
    });
    phrases.join(" or ")
}

fn phrase(root: &Value, name: &str, schema: &Value) -> String {
    match name {
        "integer" => format!("a whole number{}", bounds(schema)),
        "number" => format!("a number{}", bounds(schema)),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => match schema.get("items") {
            Some(items) if items.is_object() => format!("a list of {}", plural(&expected(root, items))),
            _ => "a list".to_owned(),
        },
        _ => "a mapping".to_owned(),
    }
}

fn plural(phrase: &str) -> String {
    for (one, many) in [
        ("a whole number", "whole numbers"),
        ("a number", "numbers"),
        ("a list", "lists"),
        ("a mapping", "mappings"),
    ] {
        if let Some(rest) = phrase.strip_prefix(one) {
            return format!("{many}{rest}");
        }
    }
    phrase.to_owned()
}

fn bounds(schema: &Value) -> String {
    let bound = |name: &str| schema.get(name).filter(|bound| bound.is_number());
    let low = bound("minimum").map(|b| format!(">= {b}"));
    let low = low.or_else(|| bound("exclusiveMinimum").map(|b| format!("> {b}")));
    let high = bound("maximum").map(|b| format!("<= {b}"));
    let high = high.or_else(|| bound("exclusiveMaximum").map(|b| format!("< {b}")));
    match (low, high) {
        (None, None) => String::new(),
        (Some(one), None) | (None, Some(one)) => format!(" {one}"),
        (Some(low), Some(high)) => format!(" {low} and {high}"),
    }
}

/// A value as it is quoted in a message: strings without quotation marks when nothing is lost by it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() || text.contains('`') => format!("{value}"),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
