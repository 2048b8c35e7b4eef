//! Reads what stands after a port: which output of which stage is meant.

/// A reference, taken apart. The names in it are not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    /// `stage` or `stage.output`.
    Stage(Output<'a>),
    /// `carry.name`.
    Carry(&'a str),
    /// `rounds.all.stage.output`: of every round that happens.
    All(Output<'a>),
    /// `rounds.last.stage.output`: of the last round that happens.
    Last(Output<'a>),
}

/// A stage and, if it is written, the name of its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Output<'a> {
    pub(super) stage: &'a str,
    pub(super) output: Option<&'a str>,
}

/// Takes a reference apart.
///
/// # Errors
/// What is wrong with its form.
pub(super) fn parse(text: &str) -> Result<Reference<'_>, String> {
    let parts: Vec<&str> = text.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(format!("`{text}` is not a reference: write `stage` or `stage.output`"));
    }
    match parts.as_slice() {
        ["carry", name] => Ok(Reference::Carry(name)),
        ["carry", ..] => Err(format!("`{text}` is not a reference: after `carry.` comes one name")),
        ["rounds", "all", rest @ ..] => output(text, rest).map(Reference::All),
        ["rounds", "last", rest @ ..] => output(text, rest).map(Reference::Last),
        ["rounds", ..] => Err(format!(
            "`{text}` is not a reference: after `rounds.` comes `all.` or `last.`"
        )),
        rest => output(text, rest).map(Reference::Stage),
    }
}

fn output<'a>(text: &str, parts: &[&'a str]) -> Result<Output<'a>, String> {
    match *parts {
        [stage] => Ok(Output { stage, output: None }),
        [stage, output] => Ok(Output {
            stage,
            output: Some(output),
        }),
        _ => Err(format!(
            "`{text}` is not a reference: it names a stage and at most one output of it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, Reference, parse};

    #[test]
    fn every_form_is_read() {
        let plain = Output {
            stage: "split",
            output: None,
        };
        let full = Output {
            stage: "split",
            output: Some("pool"),
        };
        assert_eq!(parse("split"), Ok(Reference::Stage(plain)));
        assert_eq!(parse("split.pool"), Ok(Reference::Stage(full)));
        assert_eq!(parse("carry.model"), Ok(Reference::Carry("model")));
        assert_eq!(parse("rounds.all.split.pool"), Ok(Reference::All(full)));
        assert_eq!(parse("rounds.last.split"), Ok(Reference::Last(plain)));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            ".",
            "a.",
            "a.b.c",
            "carry",
            "carry.a.b",
            "rounds",
            "rounds.a",
            "rounds.all",
            "rounds.last.a.b.c",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
