//! From a path inside a tree to the bytes that it was read from: the bridge between a decoder's complaint and a caret.

use super::{Node, Span, Value};

/// A step down a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The key of the last step, if that is a mapping's: what an unknown field is underlined by.
    pub key: Option<Span>,
    /// The value: what any other mistake is underlined by.
    pub value: Span,
    /// How many steps could be made. Fewer than asked for when the rest is not in the text, such as a missing field.
    pub steps: usize,
}

/// Walks as far as the tree goes.
pub fn locate(root: &Node, path: &[Step]) -> Found {
    let mut node = root;
    let mut found = Found {
        key: None,
        value: root.span,
        steps: 0,
    };
    for step in path {
        let (key, next) = match (step, &node.value) {
            (Step::Key(name), Value::Mapping(entries)) => match entries.iter().find(|(key, _)| key.value == *name) {
                Some((key, value)) => (Some(key.span), value),
                None => break,
            },
            (Step::Index(index), Value::Sequence(items)) => match items.get(*index) {
                Some(item) => (None, item),
                None => break,
            },
            _ => break,
        };
        node = next;
        found = Found {
            key,
            value: next.span,
            steps: found.steps + 1,
        };
    }
    found
}

/// Reads `a.b[2].c` and `a.b.2.c` alike, as decoders write paths. `.` and nothing are the root.
pub fn steps(path: &str) -> Vec<Step> {
    path.split(['.', '[', ']'])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().map_or_else(|_| Step::Key(part.to_owned()), Step::Index))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Sources, parse};

    fn located(path: &str) -> (String, String, usize) {
        let mut sources = Sources::default();
        let file = sources.add("p.yaml", "train: {epochs: 12, milestones: [8, -1]}\n");
        let (node, _) = parse(&sources, file);
        let found = locate(&node.unwrap(), &steps(path));
        let key = found.key.map_or("", |span| sources.slice(span)).to_owned();
        (key, sources.slice(found.value).to_owned(), found.steps)
    }

    #[test]
    fn a_path_leads_to_key_and_value() {
        assert_eq!(located("train.epochs"), ("epochs".into(), "12".into(), 2));
        assert_eq!(located("train.milestones[1]"), (String::new(), "-1".into(), 3));
        assert_eq!(located("train.milestones.1"), (String::new(), "-1".into(), 3));
    }

    #[test]
    fn a_path_that_is_not_there_ends_at_what_is() {
        assert_eq!(
            located("train.rate.first"),
            ("train".into(), "{epochs: 12, milestones: [8, -1]}".into(), 1)
        );
        assert_eq!(located("train.milestones[5]").0, "milestones");
    }
}
