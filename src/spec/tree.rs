//! A YAML tree that knows where each value stands.

/// A source text: a file, or the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of bytes in a source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Which text.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Something and where it stands.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The thing.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A YAML value and where it stands.
pub type Node = Located<Value>;

/// A YAML value.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`, or nothing after the colon.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A map, in the order written.
    Mapping(Vec<(Located<String>, Node)>),
}

impl<T> Located<T> {
    /// A thing at its place.
    pub fn new(value: T, span: Span) -> Located<T> {
        Located { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located {
            value: change(self.value),
            span: self.span,
        }
    }
}

impl Node {
    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[(Located<String>, Node)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(_, value)| value)
    }

    /// Where a key of a mapping stands.
    pub fn key_span(&self, key: &str) -> Option<Span> {
        self.entries()
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(name, _)| name.span)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Mapping(entries) => entries
                .iter_mut()
                .find(|(name, _)| name.value == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Removes an entry of a mapping.
    pub(super) fn remove(&mut self, key: &str) -> Option<Node> {
        let Value::Mapping(entries) = &mut self.value else {
            return None;
        };
        let at = entries.iter().position(|(name, _)| name.value == key)?;
        Some(entries.remove(at).1)
    }

    /// Whether there is nothing after the colon.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value without places. A number that JSON cannot say (there is none in a parsed tree) becomes null.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::from(*value),
            Value::Integer(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::String(value) => Json::from(value.as_str()),
            Value::Sequence(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Mapping(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.value.clone(), value.to_json()))
                    .collect(),
            ),
        }
    }

    /// The value in words, for "expected ..., found ...".
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => format!("the number `{value}`"),
            Value::Float(value) => format!("the number `{value:?}`"),
            Value::String(text) if text.chars().count() <= 40 => format!("the text {text:?}"),
            Value::String(_) => "text".into(),
            Value::Sequence(items) if items.is_empty() => "an empty list".into(),
            Value::Sequence(_) => "a list".into(),
            Value::Mapping(entries) if entries.is_empty() => "an empty mapping".into(),
            Value::Mapping(_) => "a mapping".into(),
        }
    }
}
