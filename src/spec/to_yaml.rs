//! The resolved pipeline as a document again: what `extends`, profiles, overrides and `${}` came to.

use super::each_round::escaped;
use super::{Limits, Located, Node, Pipeline, Rounds, Span, StageSpec, Value, emit};

impl Pipeline {
    /// The pipeline as YAML. Reading it gives the same pipeline.
    pub fn to_yaml(&self) -> String {
        emit(&self.to_node())
    }

    /// The resolved params without places.
    pub fn params_json(&self) -> serde_json::Value {
        self.params.to_json()
    }

    fn to_node(&self) -> Node {
        let writer = Writer { span: self.name.span };
        let mut entries = vec![writer.text("name", &self.name.value)];
        entries.extend(self.description.as_ref().map(|text| writer.text("description", text)));
        if !self.params.entries().is_empty() {
            entries.push(writer.entry("params", escaped(self.params.clone()).value));
        }
        let stages = |stages: &[StageSpec], again: bool| -> Value {
            Value::Mapping(
                stages
                    .iter()
                    .map(|stage| (stage.name.clone(), writer.stage(stage, again)))
                    .collect(),
            )
        };
        if !self.stages.is_empty() {
            entries.push(writer.entry("stages", stages(&self.stages, false)));
        }
        if let Some(rounds) = &self.rounds {
            let mut fields = writer.rounds(rounds);
            fields.push(writer.entry("stages", stages(&rounds.stages, true)));
            entries.push(writer.entry("rounds", Value::Mapping(fields)));
        }
        writer.node(Value::Mapping(entries))
    }
}

/// Makes nodes that stand where the pipeline's name does.
struct Writer {
    span: Span,
}

type Entry = (Located<String>, Node);

impl Writer {
    fn node(&self, value: Value) -> Node {
        Node { value, span: self.span }
    }

    fn entry(&self, key: &str, value: Value) -> Entry {
        (
            Located {
                value: key.to_owned(),
                span: self.span,
            },
            self.node(value),
        )
    }

    fn text(&self, key: &str, text: &str) -> Entry {
        self.entry(key, Value::String(text.to_owned()))
    }

    fn references(&self, references: &[Located<String>]) -> Value {
        match references {
            [only] => Value::String(only.value.clone()),
            many => Value::Sequence(
                many.iter()
                    .map(|one| self.node(Value::String(one.value.clone())))
                    .collect(),
            ),
        }
    }

    /// `again`: the params of a stage of the rounds are still to be read, and escaped already.
    fn stage(&self, stage: &StageSpec, again: bool) -> Node {
        let mut fields: Vec<Entry> = stage.doc.iter().map(|doc| self.text("doc", doc)).collect();
        fields.push(self.text("uses", &stage.uses.value));
        if !stage.inputs.is_empty() {
            let inputs = stage.inputs.iter();
            let inputs = inputs.map(|input| self.entry(&input.port.value, self.references(&input.references)));
            fields.push(self.entry("in", Value::Mapping(inputs.collect())));
        }
        if !stage.with.entries().is_empty() {
            let with = if again {
                stage.with.clone()
            } else {
                escaped(stage.with.clone())
            };
            fields.push(self.entry("with", with.value));
        }
        fields.extend(self.limits(&stage.limits));
        self.node(Value::Mapping(fields))
    }

    fn limits(&self, limits: &Limits) -> Vec<Entry> {
        let counts = [
            ("cpus", limits.cpus.map(i64::from)),
            ("memory", limits.memory_mib.and_then(|mib| i64::try_from(mib).ok())),
            ("gpus", limits.gpus.map(i64::from)),
            ("retries", limits.retries.map(i64::from)),
        ];
        let counts = counts
            .into_iter()
            .filter_map(|(key, count)| Some(self.entry(key, Value::Integer(count?))));
        let timeout = limits
            .timeout
            .map(|seconds| self.entry("timeout", Value::Float(seconds)));
        counts.chain(timeout).collect()
    }

    fn rounds(&self, rounds: &Rounds) -> Vec<Entry> {
        let whole = |key: &str, value: u32| self.entry(key, Value::Integer(i64::from(value)));
        let mut fields = vec![whole("max", rounds.max.value)];
        if let Some(until) = &rounds.until {
            fields.push(self.entry(
                "until",
                Value::Mapping(vec![
                    self.text("metric", &until.metric.value),
                    self.entry("shift_below", Value::Float(until.shift_below.value)),
                    whole("window", until.window.value),
                ]),
            ));
        }
        if !rounds.carry.is_empty() {
            let carry = rounds.carry.iter();
            let carry = carry.map(|carry| {
                self.entry(
                    &carry.name.value,
                    self.references(&[carry.first.clone(), carry.next.clone()]),
                )
            });
            fields.push(self.entry("carry", Value::Mapping(carry.collect())));
        }
        fields
    }
}
