//! One document laid over another: `extends` and profiles.
//!
//! Params and `until` merge deeply. Stages, the rounds' stages and what they carry are replaced entry by entry, each
//! whole, and an entry that is laid over with nothing (`name:`) is removed. Every value keeps its place.

use super::{Located, Node, Value};

/// What happens to an entry that is laid over with nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptied {
    Removed,
    /// What a profile removes must still be known when it is applied.
    Kept,
}

/// Lays `over` on `base`: mappings merge key by key, everything else is replaced.
pub(super) fn merge_deep(base: &mut Node, over: Node) {
    merge_by(base, over, |_, below, above| merge_deep(below, above));
}

/// Lays a document on the one that it extends. Name, description, `extends` and `matrix` of the base are not taken over.
pub(super) fn merge_document(base: &mut Node, over: Node) {
    for own in ["name", "description", "extends", "matrix"] {
        base.remove(own);
    }
    merge_by(base, over, |key, below, above| match key {
        "profiles" => merge_by(below, above, |_, below, above| merge_layer(below, above, Emptied::Kept)),
        _ => merge_part(key, below, above, Emptied::Removed),
    });
}

/// Lays a profile on a document.
pub(super) fn apply_profile(document: &mut Node, mut profile: Node) {
    for own in ["description", "extends"] {
        profile.remove(own);
    }
    merge_layer(document, profile, Emptied::Removed);
}

fn merge_layer(base: &mut Node, over: Node, emptied: Emptied) {
    merge_by(base, over, |key, below, above| merge_part(key, below, above, emptied));
}

fn merge_part(key: &str, base: &mut Node, over: Node, emptied: Emptied) {
    match key {
        "params" => merge_deep(base, over),
        "stages" => replace_entries(base, over, emptied),
        "rounds" => merge_by(base, over, |key, below, above| match key {
            "stages" | "carry" => replace_entries(below, above, emptied),
            "until" => merge_deep(below, above),
            _ => *below = above,
        }),
        _ => *base = over,
    }
}

fn replace_entries(base: &mut Node, mut over: Node, emptied: Emptied) {
    if let (Value::Mapping(below), Value::Mapping(above), Emptied::Removed) =
        (&mut base.value, &mut over.value, emptied)
    {
        above.retain(|(key, value)| {
            let removes = value.is_null() && below.iter().any(|(name, _)| name.value == key.value);
            if removes {
                below.retain(|(name, _)| name.value != key.value);
            }
            !removes
        });
    }
    merge_by(base, over, |_, below, above| *below = above);
}

/// The entries of both: the base's in their order, then what is new. `both` decides about those that are in both.
fn merge_by(base: &mut Node, over: Node, mut both: impl FnMut(&str, &mut Node, Node)) {
    match (&mut base.value, over.value) {
        (Value::Mapping(entries), Value::Mapping(above)) => {
            for (key, value) in above {
                merge_entry(entries, key, value, &mut both);
            }
        }
        (_, value) => *base = Node { value, span: over.span },
    }
}

fn merge_entry(
    entries: &mut Vec<(Located<String>, Node)>,
    key: Located<String>,
    value: Node,
    both: &mut impl FnMut(&str, &mut Node, Node),
) {
    match entries.iter_mut().find(|(name, _)| name.value == key.value) {
        Some((name, below)) => {
            both(&key.value, below, value);
            *name = key;
        }
        None => entries.push((key, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Sources, parse};

    fn tree(text: &str) -> Node {
        let mut sources = Sources::default();
        let file = sources.add("p.yaml", text);
        parse(&sources, file).0.unwrap()
    }

    fn document(base: &str, over: &str) -> serde_json::Value {
        let mut base = tree(base);
        merge_document(&mut base, tree(over));
        base.to_json()
    }

    #[test]
    fn params_merge_deeply_and_stages_are_replaced_whole() {
        let merged = document(
            "params: {train: {epochs: 1, rate: 2}}\nstages: {a: {uses: x, with: {k: 1}}}",
            "params: {train: {rate: 3}}\nstages: {a: {uses: y}}",
        );
        assert_eq!(
            merged,
            tree("params: {train: {epochs: 1, rate: 3}}\nstages: {a: {uses: y}}").to_json()
        );
    }

    #[test]
    fn an_entry_laid_over_with_nothing_is_removed() {
        let merged = document("stages: {a: {uses: x}, b: {uses: x}}", "stages: {a: }");
        assert_eq!(merged, tree("stages: {b: {uses: x}}").to_json());
    }

    #[test]
    fn a_profile_may_remove_a_stage_of_the_document_that_the_base_profile_removed() {
        let mut merged = tree("stages: {a: {uses: x}, b: {uses: x}}\nprofiles: {p: {stages: {a: }}}");
        merge_document(&mut merged, tree("profiles: {p: {params: {k: 1}}}"));
        let profile = merged
            .get("profiles")
            .and_then(|profiles| profiles.get("p"))
            .cloned()
            .unwrap();
        apply_profile(&mut merged, profile);
        assert_eq!(
            merged.get("stages").unwrap().to_json(),
            tree("{b: {uses: x}}").to_json()
        );
        assert_eq!(merged.get("params").unwrap().to_json(), tree("{k: 1}").to_json());
    }

    #[test]
    fn a_name_is_not_inherited() {
        assert_eq!(
            document("name: base\nextends: x\nparams: {}", "params: {}"),
            tree("params: {}").to_json()
        );
    }
}
