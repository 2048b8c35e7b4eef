//! `stage`, `stage.output`, `carry.name`, `rounds.all.stage.output`: their form. Whether they lead anywhere is `plan`'s.

use super::names::is_name;
use crate::spec::{Diagnostic, Located, suggest};

const FORMS: &str =
    "a reference is `stage`, `stage.output`, `carry.name`, `rounds.all.stage.output` or `rounds.last.stage.output`";

/// Says what is wrong with the form of a reference.
pub(super) fn check_reference(reference: &Located<String>, diagnostics: &mut Vec<Diagnostic>) {
    let parts: Vec<&str> = reference.value.split('.').collect();
    let error = |message: String| Diagnostic::error(reference.span, message).note(FORMS);
    let said = match parts.as_slice() {
        parts if !parts.iter().all(|part| is_name(part)) => error(format!("`{}` is no reference", reference.value)),
        ["carry", _] | ["rounds", "all" | "last", _] | ["rounds", "all" | "last", _, _] => return,
        ["carry", ..] => error("`carry` is followed by one name".into()),
        ["rounds", "all" | "last"] => error(format!("`{}` names no stage", reference.value)),
        ["rounds", which, ..] => {
            error("`rounds` is followed by `all` or `last`".into()).did_you_mean(suggest(which, ["all", "last"]))
        }
        ["rounds"] => error("`rounds` is followed by `all` or `last`".into()),
        [_] | [_, _] => return,
        _ => error(format!("`{}` has too many parts", reference.value)),
    };
    diagnostics.push(said);
}
