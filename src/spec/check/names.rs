//! What things may be called.

use crate::spec::{Diagnostic, Located};

/// `${name}` is the pipeline's name, `${round}` the number of the round.
pub(super) const RESERVED_PARAMS: [&str; 3] = ["name", "round", "matrix"];

/// Says what is wrong with a name. Names become parts of node names, files and references, so they are plain.
pub(in crate::spec) fn check_name(
    what: &str,
    name: &Located<String>,
    reserved: &[&str],
    diagnostics: &mut Vec<Diagnostic>,
) {
    if reserved.contains(&name.value.as_str()) {
        let message = format!("`{}` is reserved and cannot be {what}", name.value);
        diagnostics.push(Diagnostic::error(name.span, message));
    } else if !is_name(&name.value) {
        let plain = plain(&name.value);
        diagnostics.push(
            Diagnostic::error(name.span, format!("`{}` cannot be {what}", name.value))
                .note("names are small letters, digits, `_` and `-`, and begin with a letter")
                .did_you_mean(Some(plain).filter(|plain| is_name(plain))),
        );
    }
}

/// Says what is wrong with a pipeline's name. That of an experiment's member, as it is printed, is right too:
/// `topk_v3-certain=0.7,take=40-seed-2`.
pub(in crate::spec) fn check_pipeline_name(name: &Located<String>, diagnostics: &mut Vec<Diagnostic>) {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-+,=".contains(letter);
    let is_member = match name.value.split_once('=') {
        Some((before, after)) => {
            before.split('-').next().is_some_and(is_name) && format!("{before}{after}").chars().all(is_plain)
        }
        None => false,
    };
    if !is_member {
        check_name("a pipeline's name", name, &[], diagnostics);
    }
}

/// Small letters, digits, `_` and `-`, beginning with a letter.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_' | '-'))
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace([' ', '.', '/'], "_")
}
