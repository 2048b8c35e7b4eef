//! Names of params: `train.epochs`, `sizes.0`.

use super::{Located, Node, Span, Value, suggest};

/// A part of a path and where it stands.
pub(super) type Part = Located<String>;

/// Cuts `a.b.c` at its dots; `span` is where it stands.
pub(super) fn parts(path: &str, span: Span) -> Vec<Part> {
    let mut start = span.start;
    path.split('.')
        .map(|part| {
            let part = Located {
                value: part.to_owned(),
                span: Span {
                    start,
                    end: start + part.len(),
                    ..span
                },
            };
            start = part.span.end + 1;
            part
        })
        .collect()
}

/// Joins the first `count` parts again.
pub(super) fn join(parts: &[Part], count: usize) -> String {
    let names: Vec<&str> = parts.iter().take(count).map(|part| part.value.as_str()).collect();
    names.join(".")
}

/// Every path of keys in a tree, branches too.
pub(super) fn all(root: &Node) -> Vec<String> {
    let mut paths = Vec::new();
    collect(root, "", &mut paths);
    paths
}

fn collect(node: &Node, prefix: &str, paths: &mut Vec<String>) {
    for (key, value) in node.entries() {
        let path = if prefix.is_empty() {
            key.value.clone()
        } else {
            format!("{prefix}.{}", key.value)
        };
        collect(value, &path, paths);
        paths.push(path);
    }
}

/// The path that was most likely meant: the nearest, or one that ends in the same name.
pub(super) fn suggest_path(given: &str, root: &Node) -> Option<String> {
    let paths = all(root);
    let given = given.strip_prefix("params.").unwrap_or(given);
    if paths.iter().any(|path| path == given) {
        return Some(given.to_owned());
    }
    let last = given.rsplit('.').next().unwrap_or(given);
    let same_ending = || {
        let mut ending = paths.iter().filter(|path| path.rsplit('.').next() == Some(last));
        ending.next().filter(|_| ending.next().is_none()).cloned()
    };
    let same_parent = || {
        let parent = &given[..given.len() - last.len()];
        let siblings: Vec<&str> = paths.iter().filter_map(|path| path.strip_prefix(parent)).collect();
        suggest(last, siblings.iter().filter(|name| !name.contains('.'))).map(|name| format!("{parent}{name}"))
    };
    same_parent().or_else(same_ending).or_else(|| suggest(given, &paths))
}

/// Whether the last names of a path are those of `ending`: `merge.certain` ends with `certain`, not with `tain`.
pub(super) fn ends_with(path: &str, ending: &str) -> bool {
    path.strip_suffix(ending)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether a mapping of params sets the one of this path, or one that it is a part of, whole.
pub(super) fn is_set(params: &Node, path: &str) -> bool {
    let mut node = params;
    for part in path.split('.') {
        if !matches!(node.value, Value::Mapping(_)) {
            return true;
        }
        let Some(below) = node.get(part) else { return false };
        node = below;
    }
    true
}

/// What is there as far as a path leads, for a note.
pub(super) fn known_at(path: &str, root: &Node) -> String {
    let mut node = root;
    let mut known = Vec::new();
    for part in path.split('.') {
        match node.get(part) {
            Some(below) if !below.entries().is_empty() => node = below,
            _ => break,
        }
        known.push(part);
    }
    if known.is_empty() {
        return format!("the params are {}", names(root));
    }
    format!("`{}` has {}", known.join("."), names(node))
}

/// The names of a mapping, for a note.
pub(super) fn names(node: &Node) -> String {
    let names: Vec<String> = node
        .entries()
        .iter()
        .map(|(key, _)| format!("`{}`", key.value))
        .collect();
    match &node.value {
        Value::Mapping(_) if !names.is_empty() => names.join(", "),
        _ => "none".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{FileId, Sources, parse};

    fn suggested(given: &str) -> Option<String> {
        let mut sources = Sources::default();
        let file = sources.add(
            "p.yaml",
            "merge: {certain: 0.5, uncertain: 0.3}\ntrain: {epochs: 1}\nseed: 0\n",
        );
        suggest_path(given, &parse(&sources, file).0.unwrap())
    }

    #[test]
    fn a_wrong_letter_a_missing_parent_and_a_needless_one_are_seen() {
        assert_eq!(suggested("merge.certian").as_deref(), Some("merge.certain"));
        assert_eq!(suggested("epochs").as_deref(), Some("train.epochs"));
        assert_eq!(suggested("params.seed").as_deref(), Some("seed"));
        assert_eq!(suggested("trian.epochs").as_deref(), Some("train.epochs"));
        assert_eq!(suggested("banana"), None);
    }

    #[test]
    fn what_is_set_whole_sets_its_parts() {
        let mut sources = Sources::default();
        let file = sources.add("p.yaml", "merge: {certain: 1}\nselect:\ntake: 3\n");
        let params = parse(&sources, file).0.unwrap();
        for (path, expected) in [
            ("merge.certain", true),
            ("merge", true),
            ("merge.uncertain", false),
            ("select.preset", true),
            ("take", true),
            ("seed", false),
        ] {
            assert_eq!(is_set(&params, path), expected, "{path}");
        }
    }

    #[test]
    fn parts_know_where_they_stand() {
        let span = Span {
            file: FileId(0),
            start: 10,
            end: 14,
        };
        let parts = parts("ab.c", span);
        assert_eq!(
            (parts[1].value.as_str(), parts[1].span.start, parts[1].span.end),
            ("c", 13, 14)
        );
        assert_eq!(join(&parts, 1), "ab");
    }
}
