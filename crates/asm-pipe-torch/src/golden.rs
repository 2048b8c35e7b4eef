//! What torch answered, from `tests/golden/training.json`.

use serde_json::Value;

/// The whole file.
pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("../tests/golden/training.json")).unwrap()
}

/// A list of numbers.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// A list of lists of numbers.
pub(crate) fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}
