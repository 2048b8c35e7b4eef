//! Rounds: `{max, until, carry, stages}`.

use super::expect::{Fields, amount, wrong};
use super::stages::RESERVED;
use super::{Builder, check_name, whole};
use crate::spec::resolve::Reading;
use crate::spec::{Carry, Diagnostic, Located, Node, Rounds, Until, Value};

pub(super) const ROUNDS: [&str; 4] = ["max", "until", "carry", "stages"];
pub(super) const UNTIL: [&str; 3] = ["metric", "shift_below", "window"];

impl Builder<'_> {
    /// The rounds; none if something about them is wrong.
    pub(super) fn rounds(&mut self, node: &Node) -> Option<Rounds> {
        let fields = Fields::of(node, "`rounds`", &ROUNDS, self.diagnostics)?;
        let max = fields
            .required("max", self.diagnostics)
            .and_then(|node| self.whole("max", 1, node));
        let until = fields.get("until").map(|node| self.until(node));
        let carry = fields.get("carry").map(|node| self.carry(node)).unwrap_or_default();
        let stages = fields.required("stages", self.diagnostics);
        let stages = stages
            .map(|node| self.stages("stages", node, Reading::EachRound))
            .unwrap_or_default();
        let until = match until {
            Some(until) => Some(until?),
            None => None,
        };
        Some(Rounds {
            max: max?,
            until,
            carry,
            stages,
        })
    }

    fn until(&mut self, node: &Node) -> Option<Until> {
        let fields = Fields::of(node, "`until`", &UNTIL, self.diagnostics)?;
        let metric = fields
            .required("metric", self.diagnostics)
            .and_then(|node| self.text("metric", node));
        let shift_below = fields
            .required("shift_below", self.diagnostics)
            .and_then(|node| self.amount(node));
        let window = fields
            .required("window", self.diagnostics)
            .and_then(|node| self.whole("window", 2, node));
        if let Some(metric) = metric.as_ref().filter(|metric| metric.value.split('.').count() != 2) {
            self.diagnostics.push(
                Diagnostic::error(metric.span, format!("`{}` names no metric of a stage", metric.value))
                    .help("write `stage.metric`, such as `validate.ap50`"),
            );
        }
        Some(Until {
            metric: metric?,
            shift_below: shift_below?,
            window: window?,
        })
    }

    fn whole(&mut self, key: &str, least: u32, node: &Node) -> Option<Located<u32>> {
        let found = self.resolver.resolve(node, Reading::Once)?;
        let before = self.diagnostics.len();
        let value = whole(key, least, &found, self.diagnostics);
        self.say_where_used(before, node, &found);
        value
    }

    fn amount(&mut self, node: &Node) -> Option<Located<f64>> {
        let found = self.resolver.resolve(node, Reading::Once)?;
        let before = self.diagnostics.len();
        let value = amount("shift_below", &found, self.diagnostics);
        self.say_where_used(before, node, &found);
        value
    }

    fn carry(&mut self, node: &Node) -> Vec<Carry> {
        let Value::Mapping(entries) = &node.value else {
            self.diagnostics
                .push(wrong("carry", "a mapping of two references each, by name", node));
            return Vec::new();
        };
        let mut carry = Vec::with_capacity(entries.len());
        for (name, node) in entries {
            check_name("the name of what is carried", name, &RESERVED, self.diagnostics);
            let before = self.diagnostics.len();
            let references = self.references(&name.value, node);
            match <[Located<String>; 2]>::try_from(references) {
                Ok([first, next]) => carry.push(Carry {
                    name: name.clone(),
                    first,
                    next,
                }),
                Err(others) if self.diagnostics.len() == before && self.resolver.diagnostics.is_empty() => {
                    self.diagnostics.push(
                        Diagnostic::error(
                            node.span,
                            format!("`{}` needs two references, found {}", name.value, others.len()),
                        )
                        .note("the first is what round 1 gets, the second what later rounds get of the round before"),
                    );
                }
                Err(_) => {}
            }
        }
        carry
    }
}
