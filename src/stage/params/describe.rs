//! Says what params a kind has, for people.

use serde::Serialize;
use serde_json::Value;

use super::schema::{alternatives, constants, expected, external_name, resolve, tag, types};

/// One param of a kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParamDoc {
    /// Its place: `augment.flip`.
    pub path: String,
    /// What it takes, in words: `a whole number >= 1`.
    pub takes: String,
    /// What it is when left out.
    pub default: Option<Value>,
    /// Whether it cannot be left out.
    pub required: bool,
    /// What it means.
    pub doc: String,
    /// The values to choose from, where each has its own doc.
    pub choices: Vec<Choice>,
}

/// One of the values that a param can have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// What it means.
    pub doc: String,
}

/// The params of a schema, those inside of others by their whole path, in the order of the schema.
#[must_use]
pub fn describe(schema: &Value) -> Vec<ParamDoc> {
    let mut describer = Describer {
        root: schema,
        docs: Vec::new(),
    };
    describer.properties(resolve(schema, schema), &Place::default());
    describer.docs
}

/// How deep params are listed; below, and in schemas that contain themselves, they are only called a mapping.
const DEPTH: usize = 6;

/// Where a mapping of params stands.
#[derive(Default)]
struct Place<'a> {
    /// Its own path; empty for the whole.
    path: &'a str,
    /// The condition under which it exists, put before the docs in it.
    when: &'a str,
    /// The param in it that is described already.
    skip: &'a str,
    /// Its value when left out.
    default: Option<&'a Value>,
    /// How many mappings it is in.
    depth: usize,
}

struct Describer<'a> {
    root: &'a Value,
    docs: Vec<ParamDoc>,
}

impl<'a> Describer<'a> {
    fn properties(&mut self, schema: &'a Value, place: &Place) {
        let required = schema.get("required").and_then(Value::as_array);
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, inner) in properties.into_iter().flatten().filter(|(name, _)| *name != place.skip) {
            let outer = place.default.and_then(|outer| outer.get(name));
            let default = inner.get("default").or(outer);
            let is_required = required.is_some_and(|names| names.iter().any(|each| each == name));
            let dot = if place.path.is_empty() { "" } else { "." };
            let doc = ParamDoc {
                path: format!("{}{dot}{name}", place.path),
                takes: expected(self.root, inner),
                default: default.map(shortest),
                required: is_required && default.is_none(),
                doc: format!("{}{}", place.when, text_of(self.root, inner)),
                choices: Vec::new(),
            };
            self.param(doc, inner, default, place.depth);
        }
    }

    fn param(&mut self, mut doc: ParamDoc, schema: &'a Value, default: Option<&Value>, depth: usize) {
        let inner = resolve(self.root, schema);
        let leaves = alternatives(self.root, inner).unwrap_or_else(|| vec![inner]);
        let is_mapping = |leaf: &&&Value| leaf.get("properties").is_some();
        let mappings: Vec<&'a Value> = leaves.iter().filter(is_mapping).copied().collect();
        let path = doc.path.clone();
        if leaves
            .iter()
            .any(|leaf| constants(leaf).is_some() && leaf.get("description").is_some())
        {
            doc.choices = leaves
                .iter()
                .copied()
                .flat_map(|leaf| choices(self.root, leaf))
                .collect();
        }
        if mappings.is_empty() || depth >= DEPTH {
            self.docs.push(doc);
            return;
        }
        if let Some(tag) = tag(&mappings) {
            if mappings.len() < leaves.len() {
                doc.takes = format!("; `{path}` may be null");
            } else {
                doc.takes.clear();
            }
            self.tagged(tag, doc, &mappings, default, depth);
            return;
        }
        if leaves.len() > 1 || types(inner).contains(&"null") || !doc.doc.is_empty() {
            // The default of the whole is said by its parts, unless the whole may be absent.
            if types(inner) == ["object"] {
                doc.default = None;
            }
            self.docs.push(doc);
        }
        for mapping in mappings {
            let when = match external_name(mapping) {
                Some(_) if leaves.len() > 1 => text_of(self.root, mapping),
                _ => String::new(),
            };
            let when = if when.is_empty() { when } else { format!("{when}: ") };
            let place = Place {
                path: &path,
                when: &when,
                skip: "",
                default,
                depth: depth + 1,
            };
            self.properties(mapping, &place);
        }
    }

    fn tagged(&mut self, tag: &str, doc: ParamDoc, branches: &[&'a Value], default: Option<&Value>, depth: usize) {
        let name = |branch: &Value| {
            branch["properties"][tag]["const"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let path = doc.path.clone();
        let names: Vec<String> = branches.iter().map(|branch| format!("`{}`", name(branch))).collect();
        self.docs.push(ParamDoc {
            path: format!("{path}.{tag}"),
            takes: format!("one of {}{}", names.join(", "), doc.takes),
            default: default.and_then(|default| default.get(tag)).cloned(),
            choices: branches
                .iter()
                .map(|branch| Choice {
                    value: name(branch),
                    doc: text_of(self.root, branch),
                })
                .collect(),
            ..doc
        });
        for branch in branches {
            let when = format!("With `{tag}: {}`. ", name(branch));
            let chosen = default.filter(|default| default.get(tag) == branch["properties"][tag].get("const"));
            let place = Place {
                path: &path,
                when: &when,
                skip: tag,
                default: chosen,
                depth: depth + 1,
            };
            self.properties(branch, &place);
        }
    }
}

fn choices(root: &Value, leaf: &Value) -> Vec<Choice> {
    let doc = text_of(root, leaf);
    let values = constants(leaf)
        .unwrap_or_default()
        .into_iter()
        .filter(|value| !value.is_null());
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    values
        .map(|each| Choice {
            value: value(each),
            doc: doc.clone(),
        })
        .collect()
}

/// The doc beside the schema, or else of what it refers to, as one line.
fn text_of(root: &Value, schema: &Value) -> String {
    let text = |schema: &Value| schema.get("description").and_then(Value::as_str).map(str::to_owned);
    let found = text(schema).or_else(|| text(resolve(root, schema))).unwrap_or_default();
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A default as a person would write it: an f32 is widened in the schema, and its digits after the seventh are noise.
pub(super) fn shortest(value: &Value) -> Value {
    match value.as_f64().filter(|_| value.is_f64()) {
        Some(real) if f64::from(real as f32) == real => {
            let short: f64 = (real as f32).to_string().parse().unwrap_or(real);
            short.into()
        }
        _ => value.clone(),
    }
}
