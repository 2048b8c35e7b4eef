//! A table of the file while it is read: each key is taken once, and what nobody took is a mistake.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::spec::{Diagnostic, FileId, Span, suggest};

/// A value and its place.
pub(super) type Placed<'a> = &'a Spanned<DeValue<'a>>;

/// A table, which keys of it are known, and all that is wrong so far.
pub(super) struct Section<'a, 'm> {
    table: &'a DeTable<'a>,
    file: FileId,
    /// What the table is called: empty, `slurm`, `slurm.kinds.train`.
    name: String,
    known: BTreeSet<&'static str>,
    mistakes: &'m mut Vec<Diagnostic>,
}

impl<'a, 'm> Section<'a, 'm> {
    pub(super) fn new(table: &'a DeTable<'a>, file: FileId, name: &str, mistakes: &'m mut Vec<Diagnostic>) -> Self {
        Self {
            table,
            file,
            name: name.to_owned(),
            known: BTreeSet::new(),
            mistakes,
        }
    }

    /// A table in this one.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a, '_>> {
        let table = self.take(key, "a table", |value| value.as_table())?;
        let name = self.full(key);
        Some(Section::new(table, self.file, &name, self.mistakes))
    }

    /// The tables in this one whose names are free.
    pub(super) fn each(mut self, mut read: impl FnMut(&str, Section<'a, '_>)) {
        let table = self.table;
        for (key, value) in table {
            let name = self.full(key.get_ref());
            match value.get_ref().as_table() {
                Some(table) => read(key.get_ref(), Section::new(table, self.file, &name, self.mistakes)),
                None => self.wrong(value.span(), format!("`{name}` must be a table")),
            }
        }
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let text = self.take(key, "a text", |value| value.as_str())?;
        Some(text.to_owned())
    }

    /// A text, or a list of them.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.take(key, "a list of texts", |value| match value {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(list) => {
                let texts = list.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
                texts.collect()
            }
            _ => None,
        })
    }

    /// A whole number, not below `least`.
    pub(super) fn whole(&mut self, key: &'static str, least: u32) -> Option<u32> {
        let what = if least == 0 {
            "a whole number from 0".to_owned()
        } else {
            format!("a whole number from {least}")
        };
        self.take(key, &what, |value| {
            let number = u32::try_from(number(value)? as i64).ok()?;
            (value.is_integer() && number >= least).then_some(number)
        })
    }

    /// A number for which `holds` is true.
    pub(super) fn number(&mut self, key: &'static str, what: &str, holds: impl Fn(f64) -> bool) -> Option<f64> {
        self.take(key, what, |value| number(value).filter(|number| holds(*number)))
    }

    /// What a text with a unit stands for, such as `2GiB`.
    pub(super) fn amount<T>(&mut self, key: &'static str, what: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.take(key, what, |value| read(value.as_str()?))
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.value(key)?;
        let given = value.get_ref().as_str().unwrap_or_default();
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == given) {
            return Some(*choice);
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        let near = suggest(given, choices.iter().map(|(word, _)| word));
        let message = format!("`{}` must be {}", self.full(key), words.join(" or "));
        let mistake = Diagnostic::error(self.span(value.span()), message).did_you_mean(near);
        self.mistakes.push(mistake);
        None
    }

    /// Says which keys are not known.
    pub(super) fn end(self) {
        for key in self.table.keys() {
            let given: &str = key.get_ref();
            if !self.known.contains(given) {
                let place = match self.name.as_str() {
                    "" => String::new(),
                    name => format!(" in `[{name}]`"),
                };
                let message = format!("unknown key `{given}`{place}");
                let known: Vec<&str> = self.known.iter().copied().collect();
                let near = suggest(given, &known);
                let help = match near {
                    Some(_) => None,
                    None => Some(format!("there may be: {}", known.join(", "))),
                };
                let mistake = Diagnostic::error(self.span(key.span()), message).did_you_mean(near);
                self.mistakes.push(help.into_iter().fold(mistake, Diagnostic::help));
            }
        }
    }

    /// Says what is wrong at a place of the text.
    pub(super) fn wrong(&mut self, at: Range<usize>, message: String) {
        let span = self.span(at);
        self.mistakes.push(Diagnostic::error(span, message));
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Says that a key which must be there is not.
    pub(super) fn missing(&mut self, key: &str, what: &str) {
        let message = format!("`{}` is missing: {what}", self.full(key));
        // An empty table has no place of its own.
        let first = self.table.keys().next().map(|key| self.span(key.span()));
        self.mistakes.push(Diagnostic::error(first, message));
    }

    fn take<T>(&mut self, key: &'static str, what: &str, read: impl Fn(&'a DeValue<'a>) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let taken = read(value.get_ref());
        if taken.is_none() {
            let message = format!("`{}` must be {what}", self.full(key));
            self.wrong(value.span(), message);
        }
        taken
    }

    fn value(&mut self, key: &'static str) -> Option<Placed<'a>> {
        self.known.insert(key);
        self.table.get(key)
    }

    fn full(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }

    fn span(&self, at: Range<usize>) -> Span {
        Span {
            file: self.file,
            start: at.start,
            end: at.end,
        }
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number as f64),
        DeValue::Float(number) => number.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}
