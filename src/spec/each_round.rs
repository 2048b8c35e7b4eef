//! `${round}`, which is known only when a round is planned.
//!
//! Until then the params of a stage of the rounds keep `${round}`, and text that stands for itself stays escaped.

use super::interpolate::{Piece, escape, pieces};
use super::{Node, StageSpec, Value};

/// Every text in the tree changed.
fn map_texts(node: Node, change: &dyn Fn(String) -> Value) -> Node {
    node.map(|value| match value {
        Value::String(text) => change(text),
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(|item| map_texts(item, change)).collect()),
        Value::Mapping(entries) => Value::Mapping(
            entries
                .into_iter()
                .map(|(key, value)| (key, map_texts(value, change)))
                .collect(),
        ),
        other => other,
    })
}

/// Made to be read once more.
pub(super) fn escaped(node: Node) -> Node {
    map_texts(node, &|text| Value::String(escape(&text)))
}

impl StageSpec {
    /// The params of a stage of the rounds in one of them, counted from 1. Stages outside of the rounds have `with`.
    pub fn with_for_round(&self, round: u32) -> Node {
        map_texts(self.with.clone(), &|text| {
            if text == "${round}" {
                return Value::Integer(i64::from(round));
            }
            // What is not well-formed was found when the pipeline was checked.
            let pieces = pieces(&text).unwrap_or_else(|_| vec![Piece::Text(text)]);
            Value::String(pieces.into_iter().map(|piece| in_round(piece, round)).collect())
        })
    }
}

fn in_round(piece: Piece, round: u32) -> String {
    match piece {
        Piece::Text(text) => text,
        Piece::Reference(path) if path == "round" => round.to_string(),
        Piece::Reference(path) => format!("${{{path}}}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::load_text;

    #[test]
    fn a_round_is_filled_in_later_and_escapes_survive_until_then() {
        let text = "name: topk\nparams: {p: \"$${round}\"}\nrounds: {max: 1, stages: {a: {uses: x, with: \
                    {round: \"${round}\", note: \"r${round} of ${name} $${round}\", p: \"${p}\"}}}}\n";
        let (pipeline, _) = load_text(text, &crate::spec::LoadOptions::default()).unwrap();
        assert_eq!(
            pipeline.rounds.unwrap().stages[0].with_for_round(3).to_json(),
            serde_json::json!({"round": 3, "note": "r3 of topk ${round}", "p": "${round}"})
        );
    }
}
