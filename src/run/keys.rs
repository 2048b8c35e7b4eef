//! A node and the content of its inputs, as the material of a stage key.
//!
//! Plain functions: no store, no file. A path never reaches the key; what lies there comes in as an input of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::plan::{Node, NodeId, NodeInput};
use crate::stage::{KindInfo, StageError};
use crate::store::{InputDigest, KeyMaterial};

/// What the name of a param is put behind where its content stands among the inputs.
pub(crate) const OUTSIDE: &str = "param:";

/// A file or folder outside the store that a param names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The param.
    pub param: String,
    /// Which one, when the param lists several: counted from 1. Otherwise empty.
    pub label: String,
    /// Where it is.
    pub path: PathBuf,
    /// Which files of a folder count; empty: all.
    pub include: Vec<String>,
}

/// The inputs of a port that take part, in order: without pruned nodes, and of each group that stands for the last round
/// only the last that happened.
pub fn taking_part(inputs: &[NodeInput], is_pruned: impl Fn(NodeId) -> bool) -> Vec<&NodeInput> {
    let mut last = BTreeSet::new();
    let there = inputs.iter().rev().filter(|input| !is_pruned(input.node));
    let mut kept: Vec<&NodeInput> = there
        .filter(|input| input.last_of.is_none_or(|group| last.insert(group)))
        .collect();
    kept.reverse();
    kept
}

/// What lies outside the store and belongs to the node's inputs. A list of one is the same as that one.
///
/// # Errors
/// When such a param is neither a path, nor a list of paths, nor null.
pub fn externals(kind: &KindInfo, node: &Node) -> Result<Vec<External>, StageError> {
    let mut found = Vec::new();
    for external in &kind.external {
        let value = node.params.get(&external.param).unwrap_or(&Value::Null);
        let paths = match value {
            Value::Null => Vec::new(),
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            one => vec![one.as_str()],
        };
        let several = paths.len() > 1;
        for (at, path) in paths.into_iter().enumerate() {
            let path = path.ok_or_else(|| {
                StageError::new(format!(
                    "param `{}` is no path and no list of paths: {value}",
                    external.param
                ))
            })?;
            found.push(External {
                param: external.param.clone(),
                label: if several { (at + 1).to_string() } else { String::new() },
                path: PathBuf::from(path),
                include: external.include.clone(),
            });
        }
    }
    Ok(found)
}

/// The material of the key: `inputs` by port, and what lies outside under `param:NAME` in place of the param.
#[must_use]
pub fn material(
    kind: &KindInfo,
    node: &Node,
    mut inputs: BTreeMap<String, Vec<InputDigest>>,
    outside: impl IntoIterator<Item = (String, InputDigest)>,
) -> KeyMaterial {
    for (param, digest) in outside {
        inputs.entry(format!("{OUTSIDE}{param}")).or_default().push(digest);
    }
    let mut params = node.params.clone();
    if let Value::Object(map) = &mut params {
        map.retain(|name, _| kind.external.iter().all(|external| &external.param != name));
    }
    KeyMaterial {
        kind: kind.name.clone(),
        version: kind.version,
        params,
        inputs,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::Digest;

    fn kind() -> KindInfo {
        serde_json::from_value(json!({
            "name": "parse", "version": 3, "summary": "", "params": {}, "inputs": [], "outputs": [],
            "external": [{"param": "roots", "include": ["Annotations/"]}, {"param": "weights"}],
        }))
        .unwrap()
    }

    fn node(params: Value) -> Node {
        Node {
            params,
            ..Node::default()
        }
    }

    fn input(node: usize, last_of: Option<u32>) -> NodeInput {
        NodeInput {
            node: NodeId(node),
            last_of,
            ..NodeInput::default()
        }
    }

    fn digest(text: &str) -> InputDigest {
        InputDigest {
            label: String::new(),
            digest: Digest::of_bytes(text.as_bytes()),
        }
    }

    #[test]
    fn a_path_never_reaches_the_key_but_its_content_does() {
        let key = |path: &str, content: &str| {
            let node = node(json!({"roots": path, "set": "train"}));
            material(&kind(), &node, BTreeMap::new(), [("roots".to_owned(), digest(content))]).key()
        };
        assert_eq!(key("/a", "x"), key("/b/c", "x"));
        assert_ne!(key("/a", "x"), key("/a", "y"));
    }

    #[test]
    fn outside_inputs_are_named_after_their_param() {
        let material = material(
            &kind(),
            &node(json!({"roots": "/a"})),
            BTreeMap::new(),
            [("roots".into(), digest("x"))],
        );
        assert_eq!(material.inputs.keys().collect::<Vec<_>>(), ["param:roots"]);
        assert_eq!(material.params, json!({}));
        assert_eq!((material.kind.as_str(), material.version), ("parse", 3));
    }

    #[test]
    fn a_param_may_be_a_path_a_list_of_paths_or_null() {
        let labels = |value: Value| -> Vec<(String, String)> {
            let found = externals(&kind(), &node(json!({"roots": value}))).unwrap();
            found
                .into_iter()
                .map(|e| (e.label, e.path.display().to_string()))
                .collect()
        };
        let pair = |label: &str, path: &str| (label.to_owned(), path.to_owned());
        assert_eq!(labels(json!("a")), [pair("", "a")]);
        assert_eq!(labels(json!(["a"])), [pair("", "a")]);
        assert_eq!(labels(json!(["a", "b"])), [pair("1", "a"), pair("2", "b")]);
        assert_eq!(labels(Value::Null), []);
        let error = externals(&kind(), &node(json!({"roots": 3}))).unwrap_err();
        assert!(error.message.contains("`roots`"), "{error}");
    }

    #[test]
    fn of_the_rounds_only_the_last_that_happened_takes_part() {
        let inputs = [
            input(1, Some(0)),
            input(9, None),
            input(2, Some(0)),
            input(3, Some(0)),
            input(4, Some(1)),
        ];
        let take = |pruned: &[usize]| -> Vec<usize> {
            let taken = taking_part(&inputs, |node| pruned.contains(&node.0));
            taken.into_iter().map(|input| input.node.0).collect()
        };
        assert_eq!(take(&[]), [9, 3, 4]);
        assert_eq!(take(&[3]), [9, 2, 4]);
        assert_eq!(take(&[2, 3, 9]), [1, 4]);
    }
}
