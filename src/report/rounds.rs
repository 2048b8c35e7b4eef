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
    /// Boxes drawn up to and with this round.
    pub total_human_boxes: u32,
    /// Annotator's time up to and with this round.
    pub total_annotation_seconds: f64,
    /// Share of the round's SA boxes that come from the model (self-learning).
    pub sl_ratio: Option<f64>,
    /// Share of the round's SA boxes that come from the annotator (active learning).
    pub al_ratio: Option<f64>,
    /// Images that the round trained on.
    pub trained_on: u32,
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
        for (name, get) in MEASURES {
            table = table.optional_numbers(name, of(get));
        }
        for (name, get) in COUNTS {
            table = table.counts(name, count(get));
        }
        table
            .numbers("annotation_seconds", rows.iter().map(|row| row.annotation_seconds))
            .numbers(
                "total_annotation_seconds",
                rows.iter().map(|row| row.total_annotation_seconds),
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
        let measures = MEASURES.map(|(name, _)| table.optional_numbers(name));
        let [ap, ap50, ap75, validation_ap50, ap_shift, sl_ratio, al_ratio] = measures;
        let (ap, ap50, ap75, validation_ap50) = (ap?, ap50?, ap75?, validation_ap50?);
        let (ap_shift, sl_ratio, al_ratio) = (ap_shift?, sl_ratio?, al_ratio?);
        let mut counts = Vec::with_capacity(COUNTS.len());
        for (name, _) in COUNTS {
            counts.push(table.counts(name)?);
        }
        let annotation_seconds = table.numbers("annotation_seconds")?;
        let total_annotation_seconds = table.numbers("total_annotation_seconds")?;
        let seconds = table.optional_numbers("seconds")?;
        let mut row = |at: usize| Self {
            strategy: text[at].to_owned(),
            seed: seed[at],
            varied: std::mem::take(&mut varied[at]),
            round: round[at],
            protocol: protocol[at].to_owned(),
            ap: ap[at],
            ap50: ap50[at],
            ap75: ap75[at],
            validation_ap50: validation_ap50[at],
            ap_shift: ap_shift[at],
            sl_ratio: sl_ratio[at],
            al_ratio: al_ratio[at],
            images_opened: counts[0][at],
            human_boxes: counts[1][at],
            model_boxes_accepted: counts[2][at],
            model_boxes_rejected: counts[3][at],
            total_human_boxes: counts[4][at],
            trained_on: counts[5][at],
            labelled: counts[6][at],
            unlabelled: counts[7][at],
            requeued: counts[8][at],
            skipped_images: counts[9][at],
            skipped_boxes: counts[10][at],
            annotation_seconds: annotation_seconds[at],
            total_annotation_seconds: total_annotation_seconds[at],
            seconds: seconds[at],
        };
        Ok((0..table.height()).map(&mut row).collect())
    }
}

type Get<T> = fn(&RoundRow) -> T;

const MEASURES: [(&str, Get<Option<f64>>); 7] = [
    ("ap", |row| row.ap),
    ("ap50", |row| row.ap50),
    ("ap75", |row| row.ap75),
    ("validation_ap50", |row| row.validation_ap50),
    ("ap_shift", |row| row.ap_shift),
    ("sl_ratio", |row| row.sl_ratio),
    ("al_ratio", |row| row.al_ratio),
];

const COUNTS: [(&str, Get<u32>); 11] = [
    ("images_opened", |row| row.images_opened),
    ("human_boxes", |row| row.human_boxes),
    ("model_boxes_accepted", |row| row.model_boxes_accepted),
    ("model_boxes_rejected", |row| row.model_boxes_rejected),
    ("total_human_boxes", |row| row.total_human_boxes),
    ("trained_on", |row| row.trained_on),
    ("labelled", |row| row.labelled),
    ("unlabelled", |row| row.unlabelled),
    ("requeued", |row| row.requeued),
    ("skipped_images", |row| row.skipped_images),
    ("skipped_boxes", |row| row.skipped_boxes),
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
