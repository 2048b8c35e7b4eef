//! What the page's script draws: for each strategy and round the mean of every figure over seeds, with its 95 % interval.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::trials::{Role, Trial, strategies};
use super::{Axis, evidence};
use crate::statistics::Mean;

/// The charts' data.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChartData {
    /// What can be across.
    pub axes: Vec<Named>,
    /// The charts.
    pub groups: Vec<Group>,
    /// The datasets, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    /// The curves.
    pub strategies: Vec<Series>,
}

/// A key of the data with what people read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The key.
    pub key: String,
    /// The text.
    pub label: String,
    /// Whether values below 0 mean something.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
}

/// A chart with a choice of measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    /// Its name in the page.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// How to read it.
    pub about: &'static str,
    /// What is across at first.
    pub axis: &'static str,
    /// What can be up.
    pub measures: Vec<Named>,
}

/// A strategy's curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// The strategy, with its dataset where there are several.
    pub name: String,
    /// Where it stands among several datasets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// Whether it is full supervision: a line rather than a curve.
    pub full: bool,
    /// Its rounds.
    pub points: Vec<Point>,
}

/// A curve on one of several datasets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Within {
    /// The dataset.
    pub setting: String,
    /// The strategy without it.
    pub strategy: String,
    /// The strategy's place: that of its colour on every dataset.
    pub place: usize,
}

/// A round: means over seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The round.
    pub round: u32,
    /// How many seeds.
    pub n: usize,
    /// By axis: the mean.
    pub x: BTreeMap<String, f64>,
    /// By measure: the mean and, of several seeds, its interval.
    pub y: BTreeMap<String, Vec<f64>>,
}

/// Id, title, how to read it, what is across at first, and columns with their labels.
type Listed = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Charts with the columns that they show, in this order; a column that no table has is left out.
const GROUPS: [Listed; 7] = [
    (
        "ap",
        "Average precision over annotation",
        "On the test images. Mean over seeds; the band is the 95 % interval of the mean by Student's t.",
        "hours",
        &[
            ("ap50", "AP50"),
            ("ap", "AP"),
            ("ap75", "AP75"),
            ("validation_ap50", "AP50 on the validation images"),
        ],
    ),
    (
        "cost",
        "What annotation costs",
        "Added up over the rounds. Each thing is charged once, to the round that asked for it.",
        "round",
        &[
            ("hours", "hours of annotation"),
            ("boxes", "boxes drawn by hand"),
            ("images", "images opened"),
        ],
    ),
    (
        "shares",
        "Who drew the boxes",
        "Shares of the SA boxes of a round: from the model (self-learning) or from the annotator (active learning).",
        "round",
        &[
            ("sl_ratio", "from the model (SL)"),
            ("al_ratio", "from the annotator (AL)"),
        ],
    ),
    (
        "pseudo",
        "The model's boxes as annotations",
        "Precision: accepted of those that the annotator was shown. Recall: objects whose box the model gave.",
        "round",
        &[
            ("pseudo_precision", "precision"),
            ("pseudo_recall", "recall"),
            ("model_boxes_accepted", "accepted boxes"),
            ("model_boxes_rejected", "rejected boxes"),
        ],
    ),
    (
        "deploy",
        "How well scores without ground truth rank the batch",
        "Spearman's rho with the oracle's SL score within each batch: 1 is the same order, 0 none.",
        "round",
        &[
            ("rank_certain_sum", "rho of certain_sum"),
            ("rank_certain_share", "rho of certain_share"),
            ("rank_mean_score", "rho of mean_score"),
            ("rank_weakest", "rho of weakest"),
        ],
    ),
    (
        "pools",
        "Pools after each round",
        "How many images are where.",
        "round",
        &[
            ("labelled", "labelled"),
            ("unlabelled", "unlabelled"),
            ("requeued", "to be asked again"),
            ("trained_on", "trained on in the round"),
        ],
    ),
    (
        "time",
        "Computing time",
        "Seconds of the round's stages, as they were made. Work that strategies share counts for each.",
        "round",
        &[("seconds", "seconds")],
    ),
];

/// Columns that are shown in another form.
const HIDDEN: [&str; 8] = [
    "images_opened",
    "human_boxes",
    "annotation_seconds",
    "total_human_boxes",
    "total_annotation_seconds",
    "total_images_opened",
    "skipped_images",
    "skipped_boxes",
];

impl ChartData {
    /// The data of all charts for which there is any.
    #[must_use]
    pub fn of(trials: &[Trial]) -> Self {
        let all: BTreeSet<&str> = trials
            .iter()
            .flat_map(|trial| &trial.rounds)
            .flat_map(|turn| turn.figures.keys().map(String::as_str))
            .collect();
        let named = |key: &str, label: &str| Named {
            key: key.to_owned(),
            label: label.to_owned(),
            signed: key.starts_with("rank_") || key == "forgetting",
        };
        let costs = Axis::ALL.into_iter().filter(|axis| all.contains(axis.key()));
        let mut axes: Vec<Named> = costs.map(|axis| named(axis.key(), axis.label())).collect();
        axes.push(named("round", "round"));
        let has_axis = |key: &str| axes.iter().any(|axis| axis.key == key);
        let mut shown: BTreeSet<&str> = HIDDEN.into();
        let mut groups = Vec::new();
        for (id, title, about, axis, measures) in GROUPS {
            shown.extend(measures.iter().map(|(key, _)| *key));
            let measures = measures.iter().filter(|(key, _)| all.contains(key));
            let measures: Vec<Named> = measures.map(|(key, label)| named(key, label)).collect();
            let axis = if has_axis(axis) { axis } else { "round" };
            groups.push(Group {
                id,
                title,
                about,
                axis,
                measures,
            });
        }
        for (id, title, about, prefix) in [
            ("class_ap", "AP50 by class", "On the test images.", evidence::CLASS_AP),
            (
                "class_share",
                "Share of each class in what was chosen",
                "Of the objects in the images that a round asked about.",
                evidence::CLASS_SHARE,
            ),
        ] {
            let own = all.iter().filter_map(|key| Some(named(key, key.strip_prefix(prefix)?)));
            groups.push(Group {
                id,
                title,
                about,
                axis: "round",
                measures: own.collect(),
            });
        }
        let others = all
            .iter()
            .filter(|key| !shown.contains(**key) && !key.contains(evidence::OF_CLASS) && !has_axis(key));
        groups.push(Group {
            id: "other",
            title: "Other measures",
            about: "Further columns of the table of rounds.",
            axis: "round",
            measures: others.map(|key| named(key, &key.replace('_', " "))).collect(),
        });
        groups.retain(|group| !group.measures.is_empty());
        let settings = settings(trials);
        Self {
            axes,
            groups,
            strategies: series(trials, &settings),
            settings: match settings.len() {
                0 | 1 => Vec::new(),
                _ => settings.into_iter().map(str::to_owned).collect(),
            },
        }
    }
}

/// The datasets in the order in which they first appear.
fn settings(trials: &[Trial]) -> Vec<&str> {
    let mut settings: Vec<&str> = Vec::new();
    for trial in trials {
        if !settings.contains(&trial.setting.as_str()) {
            settings.push(&trial.setting);
        }
    }
    settings
}

fn series(trials: &[Trial], settings: &[&str]) -> Vec<Series> {
    let mut found = Vec::new();
    for &setting in settings {
        for (place, name) in strategies(trials).into_iter().enumerate() {
            let own: Vec<&Trial> = trials
                .iter()
                .filter(|trial| trial.strategy == name && trial.setting == setting)
                .collect();
            let Some(first) = own.first() else { continue };
            found.push(Series {
                name: match setting {
                    "" => name.to_owned(),
                    setting => format!("{name} ({setting})"),
                },
                within: (settings.len() > 1).then(|| Within {
                    setting: setting.to_owned(),
                    strategy: name.to_owned(),
                    place,
                }),
                full: first.role() == Role::Full,
                points: points(&own),
            });
        }
    }
    found
}

fn points(trials: &[&Trial]) -> Vec<Point> {
    let mut rounds: BTreeMap<u32, (usize, BTreeMap<&str, Vec<f64>>)> = BTreeMap::new();
    for turn in trials.iter().flat_map(|trial| &trial.rounds) {
        let (n, figures) = rounds.entry(turn.round).or_default();
        *n += 1;
        for (key, value) in &turn.figures {
            figures.entry(key).or_default().push(*value);
        }
    }
    let point = |(round, (n, figures)): (u32, (usize, BTreeMap<&str, Vec<f64>>))| {
        let mut point = Point {
            round,
            n,
            x: BTreeMap::new(),
            y: BTreeMap::new(),
        };
        for (key, values) in figures {
            let Some(mean) = Mean::of(&values) else { continue };
            let interval = mean
                .interval
                .map_or_else(Vec::new, |interval| vec![interval.low, interval.high]);
            let numbers = std::iter::once(mean.mean).chain(interval).map(rounded).collect();
            point.y.insert(key.to_owned(), numbers);
            if Axis::ALL.iter().any(|axis| axis.key() == key) {
                point.x.insert(key.to_owned(), rounded(mean.mean));
            }
        }
        point
    };
    rounds.into_iter().map(point).collect()
}

/// Six digits: what a chart can show, and what keeps the page small.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::Turn;
    use super::*;

    fn trial(seed: i64, ap50: f64) -> Trial {
        let figures = [
            ("ap50", ap50),
            ("hours", 1.0),
            ("spearman", 0.5),
            ("skipped_boxes", 0.0),
        ];
        Trial {
            strategy: "a".to_owned(),
            family: "a".to_owned(),
            seed,
            rounds: vec![Turn {
                round: 0,
                figures: figures.map(|(key, value)| (key.to_owned(), value)).into(),
            }],
            ..Trial::default()
        }
    }

    #[test]
    fn points_are_means_over_seeds_with_their_interval() {
        let data = ChartData::of(&[trial(0, 0.4), trial(1, 0.6)]);
        let point = &data.strategies[0].points[0];
        assert_eq!((point.n, point.x["hours"]), (2, 1.0));
        // t of one degree of freedom: 12.7062 * 0.1.
        assert_eq!(point.y["ap50"], [0.5, -0.770_62, 1.770_62]);
        assert_eq!(ChartData::of(&[trial(0, 0.4)]).strategies[0].points[0].y["ap50"], [0.4]);
    }

    #[test]
    fn a_strategy_has_one_place_on_all_datasets_and_no_other_word_on_one() {
        let on = |strategy: &str, setting: &str| Trial {
            strategy: strategy.to_owned(),
            setting: setting.to_owned(),
            ..trial(0, 0.4)
        };
        let data = ChartData::of(&[on("a", "x"), on("b", "x"), on("b", "y")]);
        assert_eq!(data.settings, ["x", "y"]);
        let last = data.strategies[2].within.as_ref().unwrap();
        assert_eq!(
            (last.setting.as_str(), last.strategy.as_str(), last.place),
            ("y", "b", 1)
        );
        let one = ChartData::of(&[on("a", ""), on("b", "")]);
        assert!(one.settings.is_empty() && one.strategies.iter().all(|series| series.within.is_none()));
    }

    #[test]
    fn a_chart_without_data_is_left_out_and_a_new_column_has_one() {
        let data = ChartData::of(&[trial(0, 0.4)]);
        let ids: Vec<&str> = data.groups.iter().map(|group| group.id).collect();
        assert_eq!(ids, ["ap", "cost", "other"]);
        assert_eq!(data.groups[2].measures[0].key, "spearman");
        assert_eq!(data.groups[2].measures.len(), 1);
    }

    #[test]
    fn only_what_may_be_below_nothing_is_drawn_there() {
        let mut trial = trial(0, 0.4);
        trial.rounds[0].figures.insert("rank_weakest".to_owned(), -0.5);
        let data = ChartData::of(&[trial]);
        let signed = |group: usize| data.groups[group].measures.iter().any(|measure| measure.signed);
        assert_eq!((data.groups[2].id, signed(2)), ("deploy", true));
        assert!(!signed(0));
    }
}
