//! Profiles, also those that are not used: their keys and the keys of their stages.

use super::expect::{Fields, wrong};
use super::names::check_name;
use super::rounds::{ROUNDS, UNTIL};
use super::stages::stage_fields;
use crate::spec::{Diagnostic, Node, Value};

pub(super) const PROFILE: [&str; 5] = ["description", "extends", "params", "stages", "rounds"];

/// Says what is wrong with the profiles of a document.
pub(in crate::spec) fn check_profiles(document: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let Some(profiles) = document.get("profiles").filter(|node| !node.is_null()) else {
        return;
    };
    if !matches!(profiles.value, Value::Mapping(_)) {
        diagnostics.push(wrong("profiles", "a mapping of profiles by name", profiles));
    }
    for (name, profile) in profiles.entries() {
        check_name("a profile's name", name, &[], diagnostics);
        if profile.is_null() {
            continue;
        }
        let what = format!("profile `{}`", name.value);
        let Some(fields) = Fields::of(profile, what, name.span, &PROFILE, diagnostics) else {
            continue;
        };
        if let Some(params) = fields
            .get("params")
            .filter(|node| !matches!(node.value, Value::Mapping(_)))
        {
            diagnostics.push(wrong("params", "a mapping", params));
        }
        check_stages(fields.get("stages"), diagnostics);
        if let Some(rounds) = fields.get("rounds")
            && let Some(fields) = Fields::of(rounds, "`rounds`", rounds.span, &ROUNDS, diagnostics)
        {
            check_stages(fields.get("stages"), diagnostics);
            if let Some(until) = fields.get("until") {
                Fields::of(until, "`until`", until.span, &UNTIL, diagnostics);
            }
        }
    }
}

/// An empty stage is fine here: it removes the one of that name.
fn check_stages(stages: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) {
    let entries = stages.map_or(&[][..], Node::entries);
    for (name, node) in entries.iter().filter(|(_, node)| !node.is_null()) {
        if let Some(fields) = stage_fields(name, node, diagnostics) {
            fields.required("uses", diagnostics);
        }
    }
}
