//! Single rules changed against a preset's, and how a set of rules is called.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Assignment, DifficultObjects, Interpolation, OverlapRule, Protocol, Rules};

/// Rules that are other than the preset's; what is null is as the preset has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// At most so many detections an image and class count; 0: all of them.
    pub cap: Option<usize>,
    /// The overlap must be above the threshold, not only reach it.
    pub strictly_above: Option<bool>,
    /// Widths and heights count the pixel at the right and lower edge, as for corners that name the last pixel inside.
    pub plus_one: Option<bool>,
    /// A detection may have only the object that it overlaps most, taken or not (VOC); else the best that is free (COCO).
    pub highest_only: Option<bool>,
    /// Difficult objects are neither hit nor miss (`ignore`), are objects like others (`count`), or are not there (`drop`).
    pub difficult: Option<DifficultObjects>,
    /// How the curve becomes a number.
    pub interpolation: Option<Interpolation>,
    /// Scores are rounded to 0.001 and boxes to 0.1 first.
    pub rounded: Option<bool>,
}

/// A switch that does not exist or has no such value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// No such switch.
    #[error("unknown rule `{name}`; there are {}", names().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A value that it cannot have.
    #[error("`{name}`: {message}")]
    Value {
        /// The switch.
        name: String,
        /// What is wrong.
        message: String,
    },
}

impl Switches {
    /// The preset's rules with these changes.
    #[must_use]
    pub fn on(&self, protocol: Protocol) -> Rules {
        let mut rules = protocol.rules();
        match self.cap {
            Some(0) => rules.cap = None,
            Some(cap) => rules.cap = Some(cap),
            None => {}
        }
        rules.strictly_above = self.strictly_above.unwrap_or(rules.strictly_above);
        rules.overlap = match (self.plus_one, rules.overlap) {
            (Some(true), _) => OverlapRule::Corners { plus_one: true },
            (Some(false), OverlapRule::Corners { .. }) => OverlapRule::Corners { plus_one: false },
            (_, overlap) => overlap,
        };
        rules.assignment = match self.highest_only {
            Some(true) => Assignment::HighestOnly,
            Some(false) => Assignment::BestFree,
            None => rules.assignment,
        };
        rules.difficult = self.difficult.unwrap_or(rules.difficult);
        rules.interpolation = self.interpolation.unwrap_or(rules.interpolation);
        rules.rounded = self.rounded.unwrap_or(rules.rounded);
        rules
    }

    /// Sets one switch from text: `difficult=count`.
    ///
    /// # Errors
    /// When there is no such switch or it cannot have the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SwitchError> {
        if !names().iter().any(|known| known == name) {
            return Err(SwitchError::Unknown { name: name.to_owned() });
        }
        let mut all = self.values();
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        all.insert(name.to_owned(), value);
        *self = serde_json::from_value(Value::Object(all)).map_err(|error| SwitchError::Value {
            name: name.to_owned(),
            message: error.to_string(),
        })?;
        Ok(())
    }

    /// How these rules are called: the preset's name, and what is other than there.
    #[must_use]
    pub fn name(&self, protocol: Protocol) -> String {
        let mut name = protocol.name().to_owned();
        for (switch, value) in self.values() {
            match value {
                Value::Null => {}
                Value::String(text) => name += &format!(" {switch}={text}"),
                other => name += &format!(" {switch}={other}"),
            }
        }
        name
    }

    fn values(&self) -> serde_json::Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(values)) => values,
            _ => serde_json::Map::new(),
        }
    }
}

/// The switches by name.
fn names() -> Vec<String> {
    Switches::default().values().into_iter().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_called_by_their_preset_and_what_is_other() {
        let mut switches = Switches::default();
        assert_eq!(switches.name(Protocol::Voc07), "voc07");
        assert_eq!(switches.on(Protocol::Voc07), Rules::voc07());
        for (name, value) in [
            ("difficult", "count"),
            ("cap", "100"),
            ("plus_one", "true"),
            ("interpolation", "area"),
        ] {
            switches.set(name, value).unwrap();
        }
        assert_eq!(
            switches.name(Protocol::Voc07),
            "voc07 cap=100 difficult=count interpolation=area plus_one=true"
        );
        let rules = switches.on(Protocol::Voc07);
        assert_eq!((rules.cap, rules.difficult), (Some(100), DifficultObjects::Count));
        assert_eq!(rules.overlap, OverlapRule::Corners { plus_one: true });
        switches.set("cap", "0").unwrap();
        assert_eq!(switches.on(Protocol::Coco).cap, None);
    }

    #[test]
    fn switches_that_are_not_there_are_told_with_those_that_are() {
        let mut switches = Switches::default();
        let error = switches.set("plus", "1").unwrap_err().to_string();
        assert!(
            error.starts_with("unknown rule `plus`; there are cap, difficult, highest_only"),
            "{error}"
        );
        let error = switches.set("difficult", "maybe").unwrap_err().to_string();
        assert!(error.starts_with("`difficult`: unknown variant `maybe`"), "{error}");
        assert_eq!(switches, Switches::default());
    }
}
