//! Placeholders in a command: `{in.NAME}`, `{in.NAME:json}`, `{out.NAME}`, `{keep}`, `{cpus}`; `{{` and `}}` are braces.

use std::borrow::Cow;

/// A placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The path of an input, or of its JSON form.
    Input {
        /// The port.
        name: String,
        /// Whether it is wanted as JSON.
        json: bool,
    },
    /// Where an output goes.
    Output(String),
    /// The folder that outlives a cut-off.
    Keep,
    /// The number of cores.
    Cpus,
}

/// Text, or a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Place),
}

/// What stands for the placeholders.
pub trait Filled {
    /// The error when something cannot be had.
    type Error;
    /// The paths of an input: one, or a list.
    ///
    /// # Errors
    /// When it cannot be given as JSON.
    fn input(&self, name: &str, json: bool) -> Result<Vec<String>, Self::Error>;
    /// Where an output goes.
    fn output(&self, name: &str) -> String;
    /// The folder that outlives a cut-off.
    fn keep(&self) -> String;
    /// The number of cores.
    fn cpus(&self) -> String;
}

/// Fills a text. With `quote`, each value is quoted for the shell. An argument that is one placeholder and nothing else becomes
/// as many arguments as the input has paths.
///
/// # Errors
/// When something cannot be had. A text that is not well-formed was refused when the pipeline was checked, and stays as it is.
pub fn fill<F: Filled>(text: &str, quote: bool, values: &F) -> Result<Vec<String>, F::Error> {
    let Ok(pieces) = pieces(text) else {
        return Ok(vec![text.to_owned()]);
    };
    let of = |place: &Place| match place {
        Place::Input { name, json } => values.input(name, *json),
        Place::Output(name) => Ok(vec![values.output(name)]),
        Place::Keep => Ok(vec![values.keep()]),
        Place::Cpus => Ok(vec![values.cpus()]),
    };
    if let ([Piece::Place(place)], false) = (pieces.as_slice(), quote) {
        return of(place);
    }
    let mut filled = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Place(place) => {
                let shown: Vec<String> = of(place)?
                    .iter()
                    .map(|value| {
                        if quote {
                            quoted(value).into_owned()
                        } else {
                            value.clone()
                        }
                    })
                    .collect();
                filled.push_str(&shown.join(" "));
            }
        }
    }
    Ok(vec![filled])
}

/// A word of the shell.
fn quoted(value: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("'{}'", value.replace('\'', "'\\''")))
}

/// The placeholders of a text.
pub(super) fn places(text: &str) -> Result<Vec<Place>, String> {
    let found = pieces(text)?.into_iter();
    Ok(found
        .filter_map(|piece| match piece {
            Piece::Place(place) => Some(place),
            Piece::Text(_) => None,
        })
        .collect())
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            plain.push_str(brace);
            rest = after;
            continue;
        }
        // `${...}` is the shell's.
        if brace == "}" || plain.ends_with('$') {
            plain.push_str(brace);
            continue;
        }
        let end = rest.find('}').ok_or("a `{` without `}`: write `{{` for a brace")?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Place(place(&rest[..end])?));
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn place(inside: &str) -> Result<Place, String> {
    let unknown = || {
        format!(
            "`{{{inside}}}` means nothing: there are `{{in.NAME}}`, `{{in.NAME:json}}`, `{{out.NAME}}`, `{{keep}}`, `{{cpus}}`, and `{{{{` for a brace"
        )
    };
    match inside.split_once('.') {
        None if inside == "keep" => Ok(Place::Keep),
        None if inside == "cpus" => Ok(Place::Cpus),
        Some(("in", name)) => match name.split_once(':') {
            None => Ok(Place::Input {
                name: name.to_owned(),
                json: false,
            }),
            Some((name, "json")) => Ok(Place::Input {
                name: name.to_owned(),
                json: true,
            }),
            Some(_) => Err(unknown()),
        },
        Some(("out", name)) => Ok(Place::Output(name.to_owned())),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Values;

    impl Filled for Values {
        type Error = String;

        fn input(&self, name: &str, json: bool) -> Result<Vec<String>, String> {
            match name {
                "none" => Err("cannot".to_owned()),
                "many" => Ok(vec!["/1".to_owned(), "/2".to_owned()]),
                name => Ok(vec![format!("/in put/{name}{}", if json { ".json" } else { "" })]),
            }
        }

        fn output(&self, name: &str) -> String {
            format!("/out/{name}")
        }

        fn keep(&self) -> String {
            "/keep".to_owned()
        }

        fn cpus(&self) -> String {
            "2".to_owned()
        }
    }

    fn filled(text: &str, quote: bool) -> Vec<String> {
        fill(text, quote, &Values).unwrap()
    }

    #[test]
    fn placeholders_become_paths() {
        assert_eq!(filled("--data={in.a}", false), ["--data=/in put/a"]);
        assert_eq!(filled("{in.a:json}", false), ["/in put/a.json"]);
        assert_eq!(filled("{out.m} {keep} {cpus}", false), ["/out/m /keep 2"]);
        assert_eq!(filled("{in.many}", false), ["/1", "/2"], "one argument each");
        assert_eq!(filled("", false), [""]);
    }

    #[test]
    fn for_the_shell_values_are_quoted() {
        assert_eq!(filled("cat {in.a} > {out.m}", true), ["cat '/in put/a' > /out/m"]);
        assert_eq!(filled("cat {in.many}", true), ["cat /1 /2"]);
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }

    #[test]
    fn braces_are_doubled_and_those_of_the_shell_stay() {
        assert_eq!(
            filled("{{x}} ${HOME} awk '{{print}}'", true),
            ["{x} ${HOME} awk '{print}'"]
        );
    }

    #[test]
    fn what_cannot_be_had_is_an_error() {
        assert_eq!(fill("{in.none}", false, &Values), Err("cannot".to_owned()));
        assert!(places("{in.a").is_err());
        assert!(places("{in.a:xml}").is_err());
    }
}
