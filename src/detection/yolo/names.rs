//! What a `data.yaml` says: the classes, and which folders are sets. Reads as much of YAML as such files use; the rest is passed over.

use std::collections::BTreeMap;

/// What a file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Names {
    /// The classes, in order.
    pub(super) classes: Vec<String>,
    /// The other entries whose value is a text or a list of texts: `train`, `val`, `test`, `path`.
    pub(super) entries: BTreeMap<String, Vec<String>>,
}

/// A line that cannot be understood where it matters.
pub(super) type Faulty = (u32, String);

/// A value as far as it is of use.
enum Value {
    Text(String),
    List(Vec<String>),
    Map(Vec<(String, String)>),
    Other,
}

/// Reads a `data.yaml`.
///
/// # Errors
/// When `names` is not a list or a mapping of numbers to names.
pub(super) fn parse(text: &str) -> Result<Names, Faulty> {
    let mut names = Names::default();
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let (mut at, mut found) = (0, false);
    while at < lines.len() {
        let number = at as u32 + 1;
        let line = without_comment(lines[at]);
        at += 1;
        let Some((key, rest)) = key_and_rest(line).filter(|_| !line.starts_with([' ', '\t', '-'])) else {
            continue;
        };
        let begin = at;
        while at < lines.len() && belongs_to_block(lines[at]) {
            at += 1;
        }
        let value = value(rest, &lines[begin..at]);
        if key == "names" {
            names.classes = classes(value).map_err(|message| (number, message))?;
            found = true;
        } else {
            match value {
                Value::Text(text) => drop(names.entries.insert(key, vec![text])),
                Value::List(list) => drop(names.entries.insert(key, list)),
                Value::Map(_) | Value::Other => {}
            }
        }
    }
    if found {
        Ok(names)
    } else {
        Err((1, "it has no `names`".to_owned()))
    }
}

/// Whether a line goes on the value of the key above it.
fn belongs_to_block(line: &str) -> bool {
    let content = without_comment(line);
    content.trim().is_empty() || content.starts_with([' ', '\t', '-', ']', '}']) && content.trim_end() != "---"
}

fn classes(value: Value) -> Result<Vec<String>, String> {
    let pairs = match value {
        Value::List(list) => return Ok(list),
        Value::Map(pairs) => pairs,
        Value::Text(_) | Value::Other => {
            return Err("`names` is neither a list nor a mapping of numbers to names".to_owned());
        }
    };
    let mut by_number: BTreeMap<usize, String> = BTreeMap::new();
    for (number, name) in pairs {
        let place = number
            .parse()
            .map_err(|_| format!("`{number}` in `names` is not the number of a class"))?;
        if by_number.insert(place, name).is_some() {
            return Err(format!("`names` has the class {place} twice"));
        }
    }
    let gap = (0..by_number.len()).find(|place| !by_number.contains_key(place));
    match gap {
        Some(place) => Err(format!("`names` has no class {place}, but higher ones")),
        None => Ok(by_number.into_values().collect()),
    }
}

/// A value: what stands after the colon, or the lines below it.
fn value(rest: &str, block: &[&str]) -> Value {
    if rest.starts_with(['[', '{']) {
        let lines = block.iter().map(|line| without_comment(line).trim());
        let whole = std::iter::once(rest).chain(lines).collect::<Vec<_>>().join(" ");
        return flow(whole.trim());
    }
    if !rest.is_empty() {
        return match rest.starts_with(['|', '>', '&', '*', '!']) {
            true => Value::Other,
            false => Value::Text(scalar(rest)),
        };
    }
    let lines: Vec<&str> = block
        .iter()
        .map(|line| without_comment(line))
        .filter(|line| !line.trim().is_empty())
        .collect();
    let Some(first) = lines.first() else {
        return Value::Other;
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    if lines.iter().any(|line| indent(line) != indent(first)) {
        return Value::Other;
    }
    if first.trim_start().starts_with('-') {
        let item = |line: &&str| Some(scalar(line.trim_start().strip_prefix('-')?.trim()));
        return lines
            .iter()
            .map(item)
            .collect::<Option<_>>()
            .map_or(Value::Other, Value::List);
    }
    let pair = |line: &&str| {
        let (key, rest) = key_and_rest(line.trim_start())?;
        Some((key, scalar(rest)))
    };
    lines
        .iter()
        .map(pair)
        .collect::<Option<_>>()
        .map_or(Value::Other, Value::Map)
}

/// `[a, b]` or `{0: a, 1: b}`, without others inside.
fn flow(text: &str) -> Value {
    let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let items = |inside| split(inside).into_iter().map(str::trim).filter(|item| !item.is_empty());
    if let Some(inside) = inside('[', ']') {
        return Value::List(items(inside).map(scalar).collect());
    }
    let Some(inside) = inside('{', '}') else {
        return Value::Other;
    };
    let pair = |item: &str| {
        let (key, rest) = key_and_rest(item)?;
        Some((key, scalar(rest)))
    };
    let pairs = items(inside).map(pair).collect::<Option<_>>();
    pairs.map_or(Value::Other, Value::Map)
}

/// Cuts at commas outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut items, mut from, mut quote) = (Vec::new(), 0, None);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, ',') => {
                items.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    items.push(&text[from..]);
    items
}

/// `key: rest`, the key with or without quotes.
fn key_and_rest(line: &str) -> Option<(String, &str)> {
    let line = line.trim_end();
    let end = match line.chars().next()? {
        quote @ ('"' | '\'') => line[1..].find(quote)? + 2,
        _ => line.find(": ").or_else(|| line.strip_suffix(':').map(str::len))?,
    };
    let rest = line.get(end..)?.trim_start().strip_prefix(':')?;
    Some((scalar(&line[..end]), rest.trim()))
}

/// A text without its quotes.
fn scalar(text: &str) -> String {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(inside) = inside('\'') {
        return inside.replace("''", "'");
    }
    match inside('"') {
        Some(inside) => unescaped(inside),
        None => text.to_owned(),
    }
}

/// The escapes of JSON, which double quotes have in common with it; a text with others as it is.
fn unescaped(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}

/// A line up to its comment: a `#` at the start or after a space, outside of quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (Some('"'), '"') if before == '\\' => {}
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',' | ':') => quote = Some(character),
            (None, '#') if before.is_whitespace() => return line[..at].trim_end(),
            _ => {}
        }
        // A backslash behind a backslash escapes nothing.
        before = if before == '\\' && character == '\\' {
            ' '
        } else {
            character
        };
    }
    line.trim_end()
}

/// The text of a `data.yaml` for these classes and entries.
#[must_use]
pub(super) fn to_yaml(classes: &[String], sets: &BTreeMap<String, Vec<String>>) -> String {
    // A text of JSON is one of YAML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = String::from("path: .\n");
    for (name, folders) in sets.iter().filter(|(name, _)| *name != "path") {
        let folders: Vec<String> = folders.iter().map(|folder| quoted(folder)).collect();
        text += &match folders.as_slice() {
            [only] => format!("{name}: {only}\n"),
            several => format!("{name}: [{}]\n", several.join(", ")),
        };
    }
    text += &format!("nc: {}\nnames:\n", classes.len());
    for (number, class) in classes.iter().enumerate() {
        text += &format!("  {number}: {}\n", quoted(class));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn classes_of(text: &str) -> Vec<String> {
        parse(text).unwrap().classes
    }

    #[test]
    fn names_are_a_list_or_a_mapping_in_one_line_or_many() {
        for text in [
            "names: [cat, 'big dog', \"it\\u0027s\"]",
            "names:\n  - cat\n  - big dog   # a comment\n  - \"it's\"\n",
            "names:\n- cat\n- 'big dog'\n\n- 'it''s'\nnc: 3\n",
            "names:\n  0: cat\n  1: big dog\n  2: it's\n",
            "names: {1: big dog, 0: cat, 2: \"it's\"}",
            "nc: 3\nnames: ['cat',\n  'big dog',  # two\n  \"it's\"]\n",
        ] {
            assert_eq!(classes_of(text), ["cat", "big dog", "it's"], "{text}");
        }
    }

    #[test]
    fn what_is_of_no_use_is_passed_over() {
        let text = "# Ultralytics\npath: ../datasets/coco8 # root\ntrain: images/train\nval: [a/images, b/images]\ntest:\n\n\
                    names:\n  0: a#b\n  1: c:d\ndownload: |\n  from x import y\n  names: [no]\nroboflow:\n  workspace: w\n  url: http://x/y\n";
        let names = parse(text).unwrap();
        assert_eq!(names.classes, ["a#b", "c:d"]);
        assert_eq!(names.entries["train"], ["images/train"]);
        assert_eq!(names.entries["val"], ["a/images", "b/images"]);
        assert_eq!(names.entries.keys().collect::<Vec<_>>(), ["path", "train", "val"]);
    }

    #[test]
    fn names_of_another_form_are_told_with_their_line() {
        assert_eq!(parse("nc: 1\nnames: cat").unwrap_err().0, 2);
        assert_eq!(
            parse("names: {0: a, 2: b}").unwrap_err().1,
            "`names` has no class 1, but higher ones"
        );
        assert_eq!(
            parse("names: {x: a}").unwrap_err().1,
            "`x` in `names` is not the number of a class"
        );
        assert_eq!(
            parse("names: {0: a, 0: b}").unwrap_err().1,
            "`names` has the class 0 twice"
        );
        assert_eq!(parse("train: x").unwrap_err().1, "it has no `names`");
    }

    proptest! {
        #[test]
        fn names_written_read_back_the_same(classes in prop::collection::vec(".{0,8}", 0..6)) {
            let sets = BTreeMap::from([("train".to_owned(), vec!["images/train".to_owned()])]);
            let text = to_yaml(&classes, &sets);
            let read = parse(&text);
            if classes.is_empty() {
                prop_assert!(read.is_err());
            } else {
                let read = read.unwrap();
                prop_assert_eq!(read.classes, classes);
                prop_assert_eq!(&read.entries["train"], &sets["train"]);
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[ \\-:#\\[\\]{}'\"nametri,0-9\n\\\\|]{0,60}") {
            let _ = parse(&text);
            let _ = parse(&format!("names:{text}"));
        }
    }
}
