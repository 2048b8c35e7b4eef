//! A part of a comparison: the rounds on one dataset, drawn in pictures of their own.

use std::collections::BTreeSet;

use super::sheet::squeezed;
use crate::report::RoundRow;
use crate::report::trials::placed;

/// Letters of a dataset's name that fit before a title, and into a file's name.
const LETTERS: (usize, usize) = (24, 60);

/// The rounds on one dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    /// The dataset; empty if there is only one.
    pub(super) setting: String,
    /// It as a part of files' names.
    file: String,
    /// All strategies of the comparison: those of one name have one colour on all datasets.
    pub(super) strategies: Vec<String>,
    /// The rounds, by strategies without the dataset in their names.
    pub(super) rows: Vec<RoundRow>,
}

impl Part {
    /// The parts of a table of rounds, in the order in which datasets first appear.
    pub(super) fn all(rows: &[RoundRow]) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        let mut strategies: Vec<String> = Vec::new();
        for row in rows {
            let (setting, strategy) = placed(&row.strategy, &row.varied);
            if !strategies.contains(&strategy) {
                strategies.push(strategy.clone());
            }
            let at = parts.iter().position(|part| part.setting == setting);
            let at = at.unwrap_or_else(|| {
                let setting = setting.clone();
                parts.push(Self {
                    setting,
                    ..Self::default()
                });
                parts.len() - 1
            });
            parts[at].rows.push(RoundRow {
                strategy,
                ..row.clone()
            });
        }
        let is_only = parts.len() == 1;
        let mut taken = BTreeSet::new();
        for part in &mut parts {
            part.strategies.clone_from(&strategies);
            // What all have in common needs no name.
            if is_only {
                part.setting.clear();
                continue;
            }
            let stem: String = file_name(&part.setting).chars().take(LETTERS.1).collect();
            let numbered = (2..).map(|number| format!("{stem}_{number}"));
            let free = std::iter::once(stem.clone())
                .chain(numbered)
                .find(|name| !taken.contains(name));
            part.file = free.unwrap_or(stem);
            taken.insert(part.file.clone());
        }
        parts
    }

    /// A chart's file with the dataset.
    pub(super) fn name(&self, name: &str) -> String {
        match self.setting.as_str() {
            "" => name.to_owned(),
            _ => format!("{name}_{}", self.file),
        }
    }

    /// A chart's title with the dataset.
    pub(super) fn title(&self, title: &str) -> String {
        match self.setting.as_str() {
            "" => title.to_owned(),
            setting => format!("{}: {title}", squeezed(setting, LETTERS.0)),
        }
    }

    /// A chart's caption with the dataset.
    pub(super) fn caption(&self, caption: &str) -> String {
        match self.setting.as_str() {
            "" => caption.to_owned(),
            setting => format!("On {setting}: {caption}"),
        }
    }

    /// The strategies that have rounds here.
    pub(super) fn present(&self) -> Vec<&str> {
        let has_rows = |name: &&str| self.rows.iter().any(|row| row.strategy == **name);
        self.strategies.iter().map(String::as_str).filter(has_rows).collect()
    }
}

/// A name as part of a file's name.
pub(super) fn file_name(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(strategy: &str, dataset: &str) -> RoundRow {
        let varied = match dataset {
            "" => Vec::new(),
            _ => vec![("dataset".to_owned(), dataset.to_owned())],
        };
        RoundRow {
            strategy: strategy.to_owned(),
            varied: varied.into_iter().collect(),
            ..RoundRow::default()
        }
    }

    #[test]
    fn each_dataset_is_a_part_and_strategies_keep_their_places_in_all() {
        let parts = Part::all(&[
            row("a-dataset=x", "x"),
            row("b-dataset=y", "y"),
            row("a-dataset=y", "y"),
        ]);
        let found: Vec<(&str, Vec<&str>)> = parts
            .iter()
            .map(|part| (part.setting.as_str(), part.present()))
            .collect();
        assert_eq!(found, [("x", vec!["a"]), ("y", vec!["a", "b"])]);
        assert!(parts.iter().all(|part| part.strategies == ["a", "b"]));
        assert_eq!(parts[1].name("ap50"), "ap50_y");
        assert_eq!(
            (parts[1].title("AP50"), parts[1].caption("AP50.")),
            ("y: AP50".into(), "On y: AP50.".into())
        );
    }

    #[test]
    fn one_dataset_alone_is_not_named() {
        for rows in [[row("a", ""), row("b", "")], [row("a", "x"), row("b", "x")]] {
            let parts = Part::all(&rows);
            assert_eq!(parts.len(), 1);
            assert_eq!(
                (parts[0].name("ap50"), parts[0].title("AP50")),
                ("ap50".into(), "AP50".into())
            );
        }
        assert!(Part::all(&[]).is_empty());
    }

    #[test]
    fn datasets_whose_names_are_alike_as_files_have_files_of_their_own() {
        let long = "d".repeat(300);
        let parts = Part::all(&[row("a", "x/y"), row("a", "x y"), row("a", "x_y"), row("a", &long)]);
        let names: Vec<String> = parts.iter().map(|part| part.name("ap50")).collect();
        assert_eq!(names[..3], ["ap50_x_y", "ap50_x_y_2", "ap50_x_y_3"]);
        assert_eq!(names[3].len(), "ap50_".len() + 60);
    }
}
