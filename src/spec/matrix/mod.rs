//! `matrix:`, values of params in every combination: what each combination sets.
//!
//! Knows neither pipelines nor which params there are. The combinations do not depend on the order in which mappings are written.

mod canonical;
mod labels;
mod read;
#[cfg(test)]
mod tests;

use super::{Located, Node};
use canonical::{canonical, same};
pub(super) use labels::label_combinations;
pub(super) use read::read_matrix;

/// A param's path and its value.
pub type Setting = (Located<String>, Node);

/// What one member of a matrix sets: each param once, sorted by path.
#[derive(Clone, Debug, Default)]
pub struct Combination {
    /// The params and their values.
    pub settings: Vec<Setting>,
}

impl Combination {
    /// The value of a param.
    pub fn get(&self, path: &str) -> Option<&Node> {
        let found = self.settings.iter().find(|(name, _)| name.value == path);
        found.map(|(_, value)| value)
    }

    /// Takes a param out.
    pub(super) fn take(&mut self, path: &str) -> Option<Setting> {
        let at = self.settings.iter().position(|(name, _)| name.value == path)?;
        Some(self.settings.remove(at))
    }

    /// A text that those have in common that set the same params to the same values.
    pub(super) fn key(&self) -> String {
        let settings = self.settings.iter();
        settings
            .map(|(path, value)| format!("{}={};", path.value, canonical(value)))
            .collect()
    }

    /// Whether every value that `part` sets is set here too.
    fn has(&self, part: &[Setting]) -> bool {
        part.iter()
            .all(|(path, value)| self.get(&path.value).is_some_and(|own| same(own, value)))
    }
}
