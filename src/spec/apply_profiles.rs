//! Profiles chosen by name and laid on the document, each after the one that it extends.

use super::documents::Documents;
use super::{Diagnostic, Located, Node, Span, Value, merge, suggest};

/// The profiles of a pipeline.
pub(super) struct Profiles {
    /// Those that there are, sorted.
    pub(super) available: Vec<String>,
    /// Those that were chosen, in order.
    pub(super) applied: Vec<String>,
}

/// Applies the profiles that the command line names, else those that the experiment does, else the `default_profile`.
pub(super) fn apply(
    document: &mut Node,
    (given, wanted): (&[Located<String>], &[String]),
    documents: &mut Documents<'_>,
) -> Profiles {
    let profiles = document.remove("profiles").unwrap_or(Node {
        value: Value::Null,
        span: document.span,
    });
    let chosen = match (given, wanted) {
        ([_, ..], []) => given.to_vec(),
        _ => chosen(document, wanted, documents),
    };
    for name in &chosen {
        for profile in chain(&profiles, name, &mut documents.diagnostics) {
            if matches!(profile.value, Value::Mapping(_)) {
                merge::apply_profile(document, profile);
            }
        }
    }
    let mut available: Vec<String> = profiles.entries().iter().map(|(key, _)| key.value.clone()).collect();
    available.sort();
    Profiles {
        available,
        applied: chosen.into_iter().map(|name| name.value).collect(),
    }
}

fn chosen(document: &Node, wanted: &[String], documents: &mut Documents<'_>) -> Vec<Located<String>> {
    let mut chosen = Vec::new();
    for name in wanted {
        let file = documents.sources.add("--profile", name.as_str());
        chosen.push(Located {
            value: name.clone(),
            span: Span {
                file,
                start: 0,
                end: name.len(),
            },
        });
    }
    if chosen.is_empty()
        && let Some(default) = document.get("default_profile").filter(|node| !node.is_null())
    {
        chosen.extend(super::check::text(
            "default_profile",
            default,
            &mut documents.diagnostics,
        ));
    }
    chosen
}

/// A profile after those that it extends.
fn chain(profiles: &Node, name: &Located<String>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Node> {
    let mut names = Vec::new();
    let mut chain = Vec::new();
    let mut next = Some(name.clone());
    while let Some(name) = next {
        let Some(profile) = profiles.get(&name.value) else {
            let known = profiles.entries().iter().map(|(key, _)| key.value.as_str());
            diagnostics.push(
                Diagnostic::error(name.span, format!("there is no profile `{}`", name.value))
                    .did_you_mean(suggest(&name.value, known))
                    .note(format!("the profiles are {}", super::paths::names(profiles))),
            );
            break;
        };
        names.push(name.value);
        next = match profile.get("extends").filter(|node| !node.is_null()) {
            Some(extends) => super::check::text("extends", extends, diagnostics),
            None => None,
        };
        if let Some(again) = next.as_ref().filter(|next| names.contains(&next.value)) {
            let message = format!(
                "profiles extend each other in a circle: {} -> {}",
                names.join(" -> "),
                again.value
            );
            diagnostics.push(Diagnostic::error(again.span, message));
            next = None;
        }
        chain.push(profile.clone());
    }
    chain.reverse();
    chain
}
