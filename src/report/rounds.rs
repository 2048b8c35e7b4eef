//! The table of rounds: a row for each strategy, seed and round.

use std::collections::BTreeMap;

use super::varied;
use crate::table::{Table, TableError};

/// One round of one strategy and seed. Round 0 is the initial training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoundRow {
    /// The strategy: the pipeline's name, with what a matrix varies and without the seed.
    pub strategy: String,
    /// The seed.
    pub seed: i64,
    /// The params that a matrix varies, by path, as text.
    pub varied: BTreeMap<String, String>,
    /// The round, from 0.
    pub round: u32,
    /// Whose rules the figures follow: `evaluate`'s protocol, and what was changed of it.
    pub protocol: String,
    /// AP averaged over IoU thresholds 0.50 to 0.95, on the test images.
    pub ap: Option<f64>,
    /// AP at IoU 0.5, on the test images.
    pub ap50: Option<f64>,
    /// AP at IoU 0.75, on the test images.
    pub ap75: Option<f64>,
    /// AP at IoU 0.5 on the validation images: what the stop test reads.
    pub validation_ap50: Option<f64>,
    /// Mean absolute deviation of the validation AP50 over the stop test's window.
    pub ap_shift: Option<f64>,
    /// Images that the annotator opened in this round.
    pub images_opened: u32,
    /// Boxes that the annotator drew in this round.
    pub human_boxes: u32,
    /// Boxes of the model that the annotator accepted.
    pub model_boxes_accepted: u32,
    /// Boxes of the model that the annotator rejected.
    pub model_boxes_rejected: u32,
    /// Annotator's time by the cost model.
    pub annotation_seconds: f64,
    /// Of the human boxes, those drawn from nothing.
    pub boxes_drawn: u32,
    /// Of the human boxes, those of the model pulled right.
    pub boxes_corrected: u32,
    /// Boxes of the model that the annotator looked at.
    pub boxes_verified: u32,
    /// Boxes of the model that the annotator deleted.
    pub boxes_deleted: u32,
    /// Images opened up to and with this round.
    pub total_images_opened: u32,
    /// Boxes drawn up to and with this round.
    pub total_human_boxes: u32,
    /// Boxes of the model looked at up to and with this round.
    pub total_boxes_verified: u32,
    /// Annotator's time up to and with this round.
    pub total_annotation_seconds: f64,
    /// The same in hours.
    pub total_annotation_hours: f64,
    /// Share of the round's SA boxes that come from the model (self-learning).
    pub sl_ratio: Option<f64>,
    /// Share of the round's SA boxes that come from the annotator (active learning).
    pub al_ratio: Option<f64>,
    /// The share of the boxes that the model is sure of that are right.
    pub pseudo_label_precision: Option<f64>,
    /// The share of the objects for which the model has such a right box.
    pub pseudo_label_recall: Option<f64>,
    /// How well the deploy score `certain_sum` orders the batch as the oracle's SL score does: Spearman's coefficient.
    pub rank_certain_sum: Option<f64>,
    /// The same for `certain_share`.
    pub rank_certain_share: Option<f64>,
    /// The same for `mean_score`.
    pub rank_mean_score: Option<f64>,
    /// The same for `weakest`.
    pub rank_weakest: Option<f64>,
    /// AP at IoU 0.5 on the evaluation set that grows with what is annotated.
    pub growing_ap50: Option<f64>,
    /// By how much AP50 on the test images lies below the best of the rounds before; below 0 while it still rises.
    pub forgetting: Option<f64>,
    /// Images of the growing evaluation set.
    pub growing_images: u32,
    /// Images that the round trained on.
    pub trained_on: u32,
    /// Of those, unlabelled ones with the model's boxes alone.
    pub pseudo_labelled: u32,
    /// Images in the labelled pool after the round.
    pub labelled: u32,
    /// Images in the unlabelled pool after the round.
    pub unlabelled: u32,
    /// Images that wait to be asked about again.
    pub requeued: u32,
    /// Images of the dataset left out as faulty; counted once, in round 0.
    pub skipped_images: u32,
    /// Boxes of the dataset left out as faulty; counted once, in round 0.
    pub skipped_boxes: u32,
    /// Computing time of the round's stages as they were made; not in cached tables, which must not depend on time.
    pub seconds: Option<f64>,
}

impl RoundRow {
    /// The rows as a table, one column a field.
    ///
    /// # Errors
    /// Never for rows: all columns have the same length. The type is that of the table's builder.
    pub fn to_table(rows: &[Self]) -> Result<Table, TableError> {
        let of = |get: fn(&Self) -> Option<f64>| rows.iter().map(get).collect::<Vec<_>>();
        let count = |get: fn(&Self) -> u32| rows.iter().map(get).collect::<Vec<_>>();
        let mut table = Table::builder()
            .text("strategy", rows.iter().map(|row| &row.strategy))
            .integers("seed", rows.iter().map(|row| row.seed));
        table = varied::to_columns(table, &rows.iter().map(|row| &row.varied).collect::<Vec<_>>());
        table = table
            .counts("round", count(|row| row.round))
            .text("protocol", rows.iter().map(|row| &row.protocol));
        for (name, get, _) in MEASURES {
            table = table.optional_numbers(name, of(get));
        }
        for (name, get, _) in COUNTS {
            table = table.counts(name, count(get));
        }
        table
            .numbers("annotation_seconds", rows.iter().map(|row| row.annotation_seconds))
            .numbers(
                "total_annotation_seconds",
                rows.iter().map(|row| row.total_annotation_seconds),
            )
            .numbers(
                "total_annotation_hours",
                rows.iter().map(|row| row.total_annotation_hours),
            )
            .optional_numbers("seconds", of(|row| row.seconds))
            .finish()
    }

    /// The rows of a table made by [`Self::to_table`].
    ///
    /// # Errors
    /// When a column is missing or of another type.
    pub fn from_table(table: &Table) -> Result<Vec<Self>, TableError> {
        let text = table.text("strategy")?;
        let mut varied = varied::from_columns(table)?;
        let (seed, round) = (table.integers("seed")?, table.counts("round")?);
        let protocol = table.text("protocol")?;
        let annotation_seconds = table.numbers("annotation_seconds")?;
        let total_annotation_seconds = table.numbers("total_annotation_seconds")?;
        let total_annotation_hours = table.numbers("total_annotation_hours")?;
        let seconds = table.optional_numbers("seconds")?;
        let mut row = |at: usize| Self {
            strategy: text[at].to_owned(),
            seed: seed[at],
            varied: std::mem::take(&mut varied[at]),
            round: round[at],
            protocol: protocol[at].to_owned(),
            annotation_seconds: annotation_seconds[at],
            total_annotation_seconds: total_annotation_seconds[at],
            total_annotation_hours: total_annotation_hours[at],
            seconds: seconds[at],
            ..Self::default()
        };
        let mut rows: Vec<Self> = (0..table.height()).map(&mut row).collect();
        for (name, _, set) in MEASURES {
            for (row, value) in rows.iter_mut().zip(table.optional_numbers(name)?) {
                set(row, value);
            }
        }
        for (name, _, set) in COUNTS {
            for (row, value) in rows.iter_mut().zip(table.counts(name)?) {
                set(row, value);
            }
        }
        Ok(rows)
    }
}

type Get<T> = fn(&RoundRow) -> T;
type Set<T> = fn(&mut RoundRow, T);
/// A column: its name, how it is read from a row, how it is set.
type Column<T> = (&'static str, Get<T>, Set<T>);

const MEASURES: [Column<Option<f64>>; 15] = [
    ("ap", |row| row.ap, |row, value| row.ap = value),
    ("ap50", |row| row.ap50, |row, value| row.ap50 = value),
    ("ap75", |row| row.ap75, |row, value| row.ap75 = value),
    (
        "validation_ap50",
        |row| row.validation_ap50,
        |row, value| row.validation_ap50 = value,
    ),
    ("ap_shift", |row| row.ap_shift, |row, value| row.ap_shift = value),
    ("sl_ratio", |row| row.sl_ratio, |row, value| row.sl_ratio = value),
    ("al_ratio", |row| row.al_ratio, |row, value| row.al_ratio = value),
    (
        "pseudo_label_precision",
        |row| row.pseudo_label_precision,
        |row, value| row.pseudo_label_precision = value,
    ),
    (
        "pseudo_label_recall",
        |row| row.pseudo_label_recall,
        |row, value| row.pseudo_label_recall = value,
    ),
    (
        "rank_certain_sum",
        |row| row.rank_certain_sum,
        |row, value| row.rank_certain_sum = value,
    ),
    (
        "rank_certain_share",
        |row| row.rank_certain_share,
        |row, value| row.rank_certain_share = value,
    ),
    (
        "rank_mean_score",
        |row| row.rank_mean_score,
        |row, value| row.rank_mean_score = value,
    ),
    (
        "rank_weakest",
        |row| row.rank_weakest,
        |row, value| row.rank_weakest = value,
    ),
    (
        "growing_ap50",
        |row| row.growing_ap50,
        |row, value| row.growing_ap50 = value,
    ),
    ("forgetting", |row| row.forgetting, |row, value| row.forgetting = value),
];

const COUNTS: [Column<u32>; 19] = [
    (
        "images_opened",
        |row| row.images_opened,
        |row, value| row.images_opened = value,
    ),
    (
        "human_boxes",
        |row| row.human_boxes,
        |row, value| row.human_boxes = value,
    ),
    (
        "model_boxes_accepted",
        |row| row.model_boxes_accepted,
        |row, value| row.model_boxes_accepted = value,
    ),
    (
        "model_boxes_rejected",
        |row| row.model_boxes_rejected,
        |row, value| row.model_boxes_rejected = value,
    ),
    (
        "boxes_drawn",
        |row| row.boxes_drawn,
        |row, value| row.boxes_drawn = value,
    ),
    (
        "boxes_corrected",
        |row| row.boxes_corrected,
        |row, value| row.boxes_corrected = value,
    ),
    (
        "boxes_verified",
        |row| row.boxes_verified,
        |row, value| row.boxes_verified = value,
    ),
    (
        "boxes_deleted",
        |row| row.boxes_deleted,
        |row, value| row.boxes_deleted = value,
    ),
    (
        "total_images_opened",
        |row| row.total_images_opened,
        |row, value| row.total_images_opened = value,
    ),
    (
        "total_human_boxes",
        |row| row.total_human_boxes,
        |row, value| row.total_human_boxes = value,
    ),
    (
        "total_boxes_verified",
        |row| row.total_boxes_verified,
        |row, value| row.total_boxes_verified = value,
    ),
    (
        "growing_images",
        |row| row.growing_images,
        |row, value| row.growing_images = value,
    ),
    ("trained_on", |row| row.trained_on, |row, value| row.trained_on = value),
    (
        "pseudo_labelled",
        |row| row.pseudo_labelled,
        |row, value| row.pseudo_labelled = value,
    ),
    ("labelled", |row| row.labelled, |row, value| row.labelled = value),
    ("unlabelled", |row| row.unlabelled, |row, value| row.unlabelled = value),
    ("requeued", |row| row.requeued, |row, value| row.requeued = value),
    (
        "skipped_images",
        |row| row.skipped_images,
        |row, value| row.skipped_images = value,
    ),
    (
        "skipped_boxes",
        |row| row.skipped_boxes,
        |row, value| row.skipped_boxes = value,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_a_table_as_they_were() {
        let rows: Vec<RoundRow> = (0..3_u32)
            .map(|round| RoundRow {
                strategy: "topk_v3".to_owned(),
                seed: 7,
                varied: BTreeMap::from([
                    ("take".to_owned(), "20".to_owned()),
                    ("merge.mode".to_owned(), "strict".to_owned()),
                ]),
                round,
                protocol: "coco cap=10".to_owned(),
                ap: Some(0.1 * f64::from(round)),
                ap50: Some(0.2),
                ap75: None,
                validation_ap50: Some(0.3),
                ap_shift: (round > 1).then_some(0.01),
                images_opened: 10 + round,
                human_boxes: 20 + round,
                model_boxes_accepted: 30 + round,
                model_boxes_rejected: 40 + round,
                boxes_drawn: 21 + round,
                boxes_corrected: 22 + round,
                boxes_verified: 23 + round,
                boxes_deleted: 24 + round,
                total_images_opened: 25 + round,
                total_boxes_verified: 26 + round,
                growing_images: 27 + round,
                pseudo_labelled: 28 + round,
                pseudo_label_precision: Some(0.8),
                pseudo_label_recall: Some(0.7),
                rank_certain_sum: Some(0.5),
                rank_certain_share: None,
                rank_mean_score: Some(-0.25),
                rank_weakest: Some(1.0),
                growing_ap50: Some(0.6),
                forgetting: Some(-0.1),
                total_annotation_hours: 0.5,
                annotation_seconds: 50.5,
                total_human_boxes: 60 + round,
                total_annotation_seconds: 70.5,
                sl_ratio: Some(0.25),
                al_ratio: Some(0.75),
                trained_on: 80 + round,
                labelled: 90 + round,
                unlabelled: 100 + round,
                requeued: 110 + round,
                skipped_images: 120 + round,
                skipped_boxes: 130 + round,
                seconds: Some(1.5),
            })
            .collect();
        let table = RoundRow::to_table(&rows).unwrap();
        assert_eq!(RoundRow::from_table(&table).unwrap(), rows);
    }
}
