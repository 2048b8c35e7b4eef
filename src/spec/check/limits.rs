//! `cpus`, `memory`, `gpus`, `timeout`, `retries` of a stage.

use super::Builder;
use super::expect::{Fields, wrong};
use crate::spec::limits::{Limits, memory_mib, seconds};
use crate::spec::resolve::Reading;
use crate::spec::{Node, Value};

impl Builder<'_> {
    /// What a stage may take; what is wrong is told and left out.
    pub(super) fn limits(&mut self, fields: &Fields<'_>) -> Limits {
        Limits {
            cpus: self.limit(fields, "cpus", "a whole number from 0 up", count),
            memory_mib: self.limit(
                fields,
                "memory",
                "a size such as `2GiB`, or a number of MiB",
                |node| match &node.value {
                    Value::String(text) => memory_mib(text),
                    _ => count(node).map(u64::from),
                },
            ),
            gpus: self.limit(fields, "gpus", "a whole number from 0 up", count),
            timeout: self.limit(
                fields,
                "timeout",
                "a time such as `90min`, or a number of seconds",
                |node| match &node.value {
                    Value::String(text) => seconds(text),
                    Value::Float(value) if *value > 0.0 => Some(*value),
                    _ => count(node).filter(|count| *count > 0).map(f64::from),
                },
            ),
            retries: self.limit(fields, "retries", "a whole number from 0 up", count),
        }
    }

    fn limit<T>(&mut self, fields: &Fields<'_>, key: &str, expected: &str, read: fn(&Node) -> Option<T>) -> Option<T> {
        let node = fields.get(key)?;
        let found = self
            .resolver
            .resolve(node, Reading::Once)
            .filter(|found| !found.is_null())?;
        let value = read(&found);
        if value.is_none() {
            let before = self.diagnostics.len();
            self.diagnostics.push(wrong(key, expected, &found));
            self.say_where_used(before, node, &found);
        }
        value
    }
}

fn count(node: &Node) -> Option<u32> {
    match node.value {
        Value::Integer(value) => u32::try_from(value).ok(),
        _ => None,
    }
}
