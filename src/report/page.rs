//! The page: everything of a comparison in one HTML file that needs nothing else.

use askama::Template;
use serde::Serialize;

use super::chart::Diagram;
use super::comparison::{Comparison, HeatMap, Ranks};
use super::evidence::{Boxes, CLASS_AP, CLASS_SHARE, Gallery, ScoreCloud, Span};
pub use super::grid::Grid;
use super::grid::markdown_text;
use super::series::ChartData;
use super::{RoundRow, SummaryRow, Trial, Verdict};

/// What the page shows. Text is escaped; the SVG is taken as it is.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "page.html")]
pub struct Page {
    /// The pipeline's or comparison's name.
    pub title: String,
    /// A sentence under it.
    pub lead: String,
    /// What the data bear out.
    pub verdict: Verdict,
    /// The comparison by each unit of cost, on each dataset.
    pub sections: Vec<Section>,
    /// Mean ranks over datasets, with the diagram as SVG.
    pub ranks: Option<(Grid, String)>,
    /// Costs to reach a target over the values of a param.
    pub heat_maps: Vec<(String, Grid)>,
    /// The table of strategies.
    pub summary: Grid,
    /// Things a reader must know: skipped images, single seeds.
    pub notes: Vec<String>,
    /// How well scores without ground truth order batches.
    pub deploy_scores: Grid,
    /// Whether there are images to draw by their scores.
    pub has_cloud: bool,
    /// AP50 by class after the last round.
    pub class_ap: Grid,
    /// Shares of classes in what the last round asked about.
    pub class_share: Grid,
    /// Which images each strategy chose.
    pub chosen: Grid,
    /// The table of rounds.
    pub rounds: Grid,
    /// The graphs of stages as SVG, by family of pipelines.
    pub graphs: Vec<(String, String)>,
    /// Resolved params as YAML, by pipeline.
    pub params: Vec<(String, String)>,
    /// Facts about the run: version, digests.
    pub facts: Vec<(String, String)>,
    /// Whether there are pictures.
    pub has_gallery: bool,
    /// How many there are of each round, and what was left out.
    pub gallery_about: String,
    /// What the script draws, as JSON that may stand inside a `script` element.
    pub data: String,
}

/// A comparison by one unit of cost.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// The dataset; empty if there is only one.
    pub setting: String,
    /// The unit's key.
    pub axis: &'static str,
    /// What it is.
    pub label: &'static str,
    /// The range that is compared.
    pub range: String,
    /// The strategies.
    pub standings: Grid,
    /// Every two of them.
    pub duels: Grid,
    /// The penalty matrix.
    pub penalties: Grid,
}

/// What lies behind the figures.
#[derive(Clone, Debug, Default)]
pub struct Behind {
    /// Which images each strategy chose.
    pub chosen: Grid,
    /// Pictures with boxes.
    pub gallery: Gallery,
    /// Images by their scores.
    pub cloud: ScoreCloud,
    /// The state of each box of the graphs.
    pub boxes: Boxes,
    /// When stages were made.
    pub spans: Vec<Span>,
}

#[derive(Serialize)]
struct Data<'a> {
    charts: ChartData,
    gallery: &'a Gallery,
    cloud: &'a ScoreCloud,
    boxes: &'a Boxes,
    spans: &'a [Span],
}

impl Page {
    /// The parts that follow from the rounds and from what lies behind them; the others are left empty.
    #[must_use]
    pub fn of(trials: &[Trial], (rows, summary): (&[RoundRow], &[SummaryRow]), behind: Behind) -> Self {
        let comparison = Comparison::of(trials);
        let data = Data {
            charts: ChartData::of(trials),
            gallery: &behind.gallery,
            cloud: &behind.cloud,
            boxes: &behind.boxes,
            spans: &behind.spans,
        };
        Self {
            verdict: Verdict::of(&comparison),
            sections: Section::all(&comparison),
            ranks: comparison.ranks.as_ref().map(ranks_diagram),
            heat_maps: HeatMap::of(trials, &comparison).iter().map(heat_map).collect(),
            summary: Grid::of_summary(summary),
            deploy_scores: Grid::of_deploy_scores(trials),
            has_cloud: !behind.cloud.batches.is_empty(),
            class_ap: Grid::of_last_figures(trials, CLASS_AP),
            class_share: Grid::of_last_figures(trials, CLASS_SHARE),
            rounds: Grid::of_rounds(rows),
            has_gallery: !behind.gallery.shots.is_empty(),
            gallery_about: behind.gallery.about.clone(),
            data: script_json(&data),
            chosen: behind.chosen,
            ..Self::default()
        }
    }

    /// A text as parts, every other one of which is a name between backticks.
    fn parts(&self, text: &str) -> Vec<(bool, String)> {
        let parts = text.split('`').enumerate();
        parts.map(|(at, part)| (at % 2 == 1, part.to_owned())).collect()
    }

    /// The page's style.
    fn style(&self) -> &'static str {
        include_str!("../../assets/page.css")
    }

    /// The page's script.
    fn script(&self) -> &'static str {
        concat!(
            include_str!("../../assets/charts.js"),
            include_str!("../../assets/pictures.js"),
            include_str!("../../assets/scores.js"),
            include_str!("../../assets/page.js"),
        )
    }

    /// The HTML.
    ///
    /// # Errors
    /// When the template cannot be filled, which is a fault of the template.
    pub fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }

    /// The verdict and the tables in Markdown, with the charts of the folder `charts` by name.
    #[must_use]
    pub fn markdown(&self, charts: &[(String, String)]) -> String {
        let list = |texts: &[String]| {
            texts
                .iter()
                .map(|text| format!("- {}\n", markdown_text(text)))
                .collect::<String>()
        };
        let plain = markdown_text;
        let mut text = format!(
            "# {}\n\n{}\n\n{}",
            plain(&self.title),
            plain(&self.lead),
            list(&self.verdict.findings)
        );
        if !self.verdict.cautions.is_empty() {
            text += &format!("\nTo read this rightly:\n\n{}", list(&self.verdict.cautions));
        }
        for section in &self.sections {
            let on = if section.setting.is_empty() {
                String::new()
            } else {
                format!(" on {}", plain(&section.setting))
            };
            text += &format!(
                "\n## By {}{on}\n\n{}\n\n{}",
                section.label,
                section.range,
                section.standings.markdown()
            );
            if !section.duels.rows.is_empty() {
                text += &format!("\n{}", section.duels.markdown());
            }
        }
        if let Some((grid, _)) = &self.ranks {
            text += &format!("\n## Over datasets\n\n{}", grid.markdown());
        }
        for (title, grid) in &self.heat_maps {
            text += &format!("\n## {}\n\n{}", plain(title), grid.markdown());
        }
        text += "\n## Charts\n";
        for (name, caption) in charts {
            text += &format!(
                "\n![{caption}](charts/{name}.svg)\n\n{caption}\n",
                caption = plain(caption)
            );
        }
        text += &format!("\n## Summary\n\n{}", self.summary.markdown());
        if !self.deploy_scores.rows.is_empty() {
            text += &format!(
                "\n## Scores without ground truth\n\nMean over batches of Spearman's rho with the oracle's SL score.\n\n{}",
                self.deploy_scores.markdown()
            );
        }
        if !self.class_ap.rows.is_empty() {
            text += &format!("\n## AP50 by class\n\n{}", self.class_ap.markdown());
        }
        text += "\n## Origin\n\n";
        for (name, value) in &self.facts {
            text += &format!("- {}: {}\n", plain(name), plain(value));
        }
        if !self.notes.is_empty() {
            text += &format!("\n## To know\n\n{}", list(&self.notes));
        }
        text
    }
}

impl Section {
    fn all(comparison: &Comparison) -> Vec<Self> {
        let mut sections = Vec::new();
        for setting in &comparison.settings {
            for axis in setting.axes.iter().filter(|axis| axis.standings.len() > 1) {
                let range = match axis.range {
                    Some((low, high)) => format!(
                        "Areas are over {} to {} {}, which all curves span.",
                        axis.axis.figure(low),
                        axis.axis.figure(high),
                        axis.axis.label()
                    ),
                    None => format!("The curves share no range of {}.", axis.axis.label()),
                };
                sections.push(Self {
                    setting: setting.name.clone(),
                    axis: axis.axis.key(),
                    label: axis.axis.label(),
                    range,
                    standings: Grid::of_standings(axis),
                    duels: Grid::of_duels(axis),
                    penalties: Grid::of_penalties(&axis.penalties),
                });
            }
        }
        sections
    }
}

fn ranks_diagram(ranks: &Ranks) -> (Grid, String) {
    let diagram = Diagram::of(&ranks.named(), ranks.critical_difference);
    (Grid::of_ranks(ranks), diagram.svg())
}

fn heat_map(map: &HeatMap) -> (String, Grid) {
    (map.title(), Grid::of_heat_map(map))
}

/// JSON in which nothing can end the `script` element that it stands in.
#[must_use]
pub fn script_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::super::comparison::tests::trial;
    use super::super::evidence::Shot;
    use super::*;

    fn page(name: &str) -> String {
        let row = |seed, round, ap50| RoundRow {
            strategy: name.to_owned(),
            seed,
            round,
            ap50: Some(ap50),
            annotation_seconds: 60.0,
            ..RoundRow::default()
        };
        let mut rows = vec![row(0, 0, 0.1), row(0, 1, 0.512_34)];
        rows.extend(rows.clone().into_iter().map(|row| RoundRow {
            strategy: "other".to_owned(),
            ..row
        }));
        let table = RoundRow::to_table(&rows).unwrap();
        let trials = Trial::of_table(&table).unwrap();
        let page = Page {
            title: name.to_owned(),
            ..Page::of(&trials, (&rows, &super::super::summarise(&rows)), Behind::default())
        };
        page.html().unwrap()
    }

    /// A page on which everything that comes from data is this name.
    fn named(name: &str) -> Page {
        let grid = || Grid {
            heads: vec![name.to_owned(); 2],
            rows: vec![vec![name.to_owned(); 2]],
        };
        let pair = || vec![(name.to_owned(), name.to_owned())];
        let shot = Shot {
            strategy: name.to_owned(),
            seed: 0,
            round: None,
            picture: name.to_owned(),
            about: name.to_owned(),
            marks: Vec::new(),
        };
        let behind = Behind {
            chosen: grid(),
            gallery: Gallery {
                shots: vec![shot],
                about: name.to_owned(),
                ..Gallery::default()
            },
            ..Behind::default()
        };
        let mut trials = Vec::new();
        for (setting, seed) in [("x", 0), ("y", 0), ("x", 1)] {
            let setting = format!("{setting}{name}");
            for value in [0.2, 0.4, 0.6] {
                let trial = trial(&format!("{value}{name}"), seed, 1.0, &[0.1, value]);
                trials.push(Trial {
                    setting: setting.clone(),
                    ..trial
                });
            }
        }
        Page {
            title: name.to_owned(),
            lead: name.to_owned(),
            heat_maps: vec![(name.to_owned(), grid())],
            class_ap: grid(),
            class_share: grid(),
            deploy_scores: grid(),
            notes: vec![name.to_owned()],
            params: pair(),
            facts: pair(),
            graphs: vec![(name.to_owned(), "<svg></svg>".to_owned())],
            ..Page::of(&trials, (&[], &[]), behind)
        }
    }

    #[test]
    fn names_from_the_data_are_text_wherever_they_stand() {
        let names = [
            "<script>alert(1)</script>",
            "</script><img src=x onerror=alert(1)>\"'&",
            "--><b>`<b>",
        ];
        for name in names {
            let page = named(name);
            assert!(page.ranks.is_some(), "the diagram of ranks has the names too");
            let html = page.html().unwrap();
            for harm in ["<script>alert", "<img", "<b>"] {
                assert!(!html.contains(harm), "{name} became {harm}");
            }
            assert_eq!(html.matches("</script>").count(), html.matches("<script").count());
            let text = page.markdown(&[("chart".to_owned(), name.to_owned())]);
            for harm in ["<script>alert", "<img"] {
                let between = text.split('`').step_by(2).any(|part| part.contains(harm));
                assert!(!between, "{name} became {harm} in Markdown");
            }
        }
        assert!(page("v1").contains(">0.512<"), "the figures are there");
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        let html = page("v1");
        for outside in [
            "src=\"http",
            "href=\"http",
            "@import",
            "url(http",
            "fetch(",
            "<link",
            "XMLHttpRequest",
        ] {
            assert!(!html.contains(outside), "the page needs `{outside}`");
        }
    }

    #[test]
    fn sections_without_data_are_left_out() {
        let html = page("v1");
        assert!(html.contains("id=\"verdict\"") && html.contains("id=\"charts\""));
        for id in [
            "id=\"gallery\"",
            "id=\"scores\"",
            "id=\"classes\"",
            "id=\"ranks\"",
            "id=\"chosen\"",
        ] {
            assert!(!html.contains(id), "{id}");
        }
    }
}
