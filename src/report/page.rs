//! The page: everything of a comparison in one HTML file that needs nothing else.

use askama::Template;

use super::{RoundRow, SummaryRow};

/// What the page shows. Text is escaped; the SVG is taken as it is.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "page.html")]
pub struct Page {
    /// The pipeline's or comparison's name.
    pub title: String,
    /// A sentence under it.
    pub lead: String,
    /// The table of strategies.
    pub summary: Grid,
    /// Things a reader must know: skipped images, single seeds.
    pub notes: Vec<String>,
    /// The charts.
    pub charts: Vec<Figure>,
    /// The table of rounds.
    pub rounds: Grid,
    /// The graph of stages as SVG.
    pub graph: String,
    /// Resolved params as YAML, by pipeline.
    pub params: Vec<(String, String)>,
    /// Facts about the run: version, digests.
    pub facts: Vec<(String, String)>,
    /// How long each stage took when it was made.
    pub times: Vec<Bar>,
}

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The head of each column.
    pub heads: Vec<String>,
    /// The cells, row by row.
    pub rows: Vec<Vec<String>>,
}

/// A chart with its caption.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// A sentence.
    pub caption: String,
    /// The SVG element.
    pub svg: String,
}

/// A stage's time.
#[derive(Clone, Debug, Default)]
pub struct Bar {
    /// The stage.
    pub stage: String,
    /// Seconds, as text.
    pub seconds: String,
    /// Share of the longest, 0 to 100.
    pub percent: u32,
}

impl Page {
    /// The HTML.
    ///
    /// # Errors
    /// When the template cannot be filled, which is a fault of the template.
    pub fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

impl Bar {
    /// Bars for stages and their seconds, the longest first; of more than `most` stages the others are one.
    #[must_use]
    pub fn of(stages: &[(String, f64)], most: usize) -> Vec<Self> {
        let mut stages: Vec<&(String, f64)> = stages.iter().collect();
        stages.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let longest = stages.first().map_or(1.0, |(_, seconds)| seconds.max(1e-9));
        let bar = |(stage, seconds): &(String, f64)| Self {
            stage: stage.clone(),
            seconds: format!("{seconds:.1}"),
            percent: (seconds / longest * 100.0).round().min(100.0) as u32,
        };
        let others = stages.get(most..).filter(|others| !others.is_empty());
        let others = others.map(|others| {
            let seconds = others.iter().map(|(_, seconds)| seconds).sum();
            bar(&(format!("{} others, together", others.len()), seconds))
        });
        stages.iter().take(most).map(|stage| bar(stage)).chain(others).collect()
    }
}

impl Grid {
    /// The rounds as people read them.
    #[must_use]
    pub fn of_rounds(rows: &[RoundRow]) -> Self {
        let heads = [
            "strategy",
            "seed",
            "round",
            "AP",
            "AP50",
            "AP75",
            "ap_shift",
            "images opened",
            "human boxes",
            "model accepted",
            "model rejected",
            "SL",
            "AL",
            "labelled",
            "unlabelled",
            "asked again",
            "seconds",
        ];
        let cells = |row: &RoundRow| {
            vec![
                row.strategy.clone(),
                row.seed.to_string(),
                row.round.to_string(),
                figure(row.ap, 3),
                figure(row.ap50, 3),
                figure(row.ap75, 3),
                figure(row.ap_shift, 4),
                row.images_opened.to_string(),
                row.human_boxes.to_string(),
                row.model_boxes_accepted.to_string(),
                row.model_boxes_rejected.to_string(),
                figure(row.sl_ratio, 2),
                figure(row.al_ratio, 2),
                row.labelled.to_string(),
                row.unlabelled.to_string(),
                row.requeued.to_string(),
                figure(row.seconds, 1),
            ]
        };
        Self {
            heads: heads.map(str::to_owned).to_vec(),
            rows: rows.iter().map(cells).collect(),
        }
    }

    /// The summary as people read it.
    #[must_use]
    pub fn of_summary(rows: &[SummaryRow]) -> Self {
        let heads = [
            "strategy",
            "seeds",
            "rounds",
            "initial AP50",
            "final AP50",
            "± over seeds",
            "final AP",
            "images opened",
            "human boxes",
            "model accepted",
            "model rejected",
            "annotation hours",
            "skipped images",
            "skipped boxes",
            "computing seconds",
        ];
        let cells = |row: &SummaryRow| {
            vec![
                row.strategy.clone(),
                row.seeds.to_string(),
                figure(Some(row.rounds), 1),
                figure(row.initial_ap50, 3),
                figure(row.final_ap50, 3),
                figure(row.final_ap50_deviation, 3),
                figure(row.final_ap, 3),
                figure(Some(row.images_opened), 0),
                figure(Some(row.human_boxes), 0),
                figure(Some(row.model_boxes_accepted), 0),
                figure(Some(row.model_boxes_rejected), 0),
                figure(Some(row.annotation_hours), 2),
                figure(Some(row.skipped_images), 0),
                figure(Some(row.skipped_boxes), 0),
                figure(row.seconds, 0),
            ]
        };
        Self {
            heads: heads.map(str::to_owned).to_vec(),
            rows: rows.iter().map(cells).collect(),
        }
    }

    /// The table as lines of text with aligned columns.
    #[must_use]
    pub fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .chain(self.heads.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        std::iter::once(&self.heads).chain(&self.rows).map(line).collect()
    }

    /// Only these columns, by their heads, in the order given.
    #[must_use]
    pub fn columns(&self, heads: &[&str]) -> Self {
        let places: Vec<usize> = heads
            .iter()
            .filter_map(|head| self.heads.iter().position(|h| h == head))
            .collect();
        let pick = |row: &Vec<String>| places.iter().map(|&at| row[at].clone()).collect();
        Self {
            heads: pick(&self.heads),
            rows: self.rows.iter().map(pick).collect(),
        }
    }
}

/// A number with so many decimals; nothing for none.
fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_charts_as_they_are_and_escapes_text() {
        let page = Page {
            title: "a <b> c".to_owned(),
            charts: vec![Figure {
                caption: "x & y".to_owned(),
                svg: "<svg id=\"chart\"></svg>".to_owned(),
            }],
            rounds: Grid::of_rounds(&[RoundRow {
                strategy: "v1".to_owned(),
                ap50: Some(0.51234),
                ..RoundRow::default()
            }]),
            ..Page::default()
        };
        let html = page.html().unwrap();
        assert!(html.contains("<svg id=\"chart\">"));
        assert!(!html.contains("a <b> c"), "the title is escaped");
        assert!(html.contains(">0.512<"));
        assert!(
            !html.contains("http://") && !html.contains("https://"),
            "nothing is loaded from elsewhere"
        );
    }

    #[test]
    fn the_time_of_many_stages_is_told_of_the_longest_and_of_the_others_together() {
        let stages = [("a", 1.0), ("b", 8.0), ("c", 3.0), ("d", 2.0)].map(|(name, time)| (name.to_owned(), time));
        let told = |most| {
            let bars = Bar::of(&stages, most).into_iter();
            bars.map(|bar| (bar.stage, bar.seconds, bar.percent))
                .collect::<Vec<_>>()
        };
        let expected = [("b", "8.0", 100), ("2 others, together", "3.0", 38)];
        let found = told(2);
        assert_eq!(found.len(), 3);
        for ((name, seconds, percent), at) in expected.into_iter().zip([0, 2]) {
            assert_eq!(found[at], (name.to_owned(), seconds.to_owned(), percent));
        }
        assert_eq!(told(4).len(), 4);
    }

    #[test]
    fn text_tables_align_their_columns() {
        let grid = Grid {
            heads: vec!["name".to_owned(), "n".to_owned()],
            rows: vec![
                vec!["a".to_owned(), "100".to_owned()],
                vec!["long name".to_owned(), "2".to_owned()],
            ],
        };
        assert_eq!(grid.text(), "name         n\na          100\nlong name    2\n");
        assert_eq!(grid.columns(&["n"]).heads, ["n"]);
    }
}
