//! What a training says of itself, epoch by epoch. No times: the same training gives the same table.

use std::path::Path;

use asm_pipe::stage::StageError;
use asm_pipe::table::Table;
use safetensors::Dtype;

use crate::weights::Array;

/// An epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    /// Counted from 1.
    pub epoch: u64,
    /// Optimizer steps until its end, all epochs together.
    pub iteration: u64,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// Mean of the steps' losses, and of their four parts.
    pub loss: f64,
    /// Box head: classes.
    pub loss_classifier: f64,
    /// Box head: offsets.
    pub loss_box_reg: f64,
    /// Proposals: object or not.
    pub loss_objectness: f64,
    /// Proposals: offsets.
    pub loss_rpn_box_reg: f64,
    /// AP50 on the validation images, if it was measured.
    pub ap50: Option<f64>,
    /// AP75 on the validation images, if it was measured.
    pub ap75: Option<f64>,
    /// AP over IoU 0.50 to 0.95 on the validation images, if it was measured.
    pub ap: Option<f64>,
}

/// The epochs so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History(Vec<Row>);

const COLUMNS: usize = 11;

impl Row {
    fn numbers(&self) -> [f64; COLUMNS] {
        let missing = f64::NAN;
        [
            self.epoch as f64,
            self.iteration as f64,
            self.learning_rate,
            self.loss,
            self.loss_classifier,
            self.loss_box_reg,
            self.loss_objectness,
            self.loss_rpn_box_reg,
            self.ap50.unwrap_or(missing),
            self.ap75.unwrap_or(missing),
            self.ap.unwrap_or(missing),
        ]
    }

    fn of_numbers(numbers: [f64; COLUMNS]) -> Self {
        let present = |number: f64| (!number.is_nan()).then_some(number);
        let [
            epoch,
            iteration,
            learning_rate,
            loss,
            classifier,
            box_reg,
            objectness,
            rpn_box_reg,
            ap50,
            ap75,
            ap,
        ] = numbers;
        Self {
            epoch: epoch as u64,
            iteration: iteration as u64,
            learning_rate,
            loss,
            loss_classifier: classifier,
            loss_box_reg: box_reg,
            loss_objectness: objectness,
            loss_rpn_box_reg: rpn_box_reg,
            ap50: present(ap50),
            ap75: present(ap75),
            ap: present(ap),
        }
    }
}

impl History {
    /// Adds an epoch.
    pub fn push(&mut self, row: Row) {
        self.0.push(row);
    }

    /// The epochs.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.0
    }

    /// The measured values of AP50, in order.
    #[must_use]
    pub fn ap50s(&self) -> Vec<f64> {
        self.0.iter().filter_map(|row| row.ap50).collect()
    }

    /// The first epoch with the highest AP. AP50 would not do: where it is near its bound already it hardly moves, and the
    /// epoch it names may place boxes badly.
    #[must_use]
    pub fn best(&self) -> Option<&Row> {
        let better = |best: Option<&'_ Row>, row: &'_ Row| best.is_none_or(|best| row.ap > best.ap);
        let measured = self.0.iter().filter(|row| row.ap.is_some());
        measured.fold(None, |best, row| if better(best, row) { Some(row) } else { best })
    }

    /// The table as numbers, exact to the bit, for a checkpoint.
    #[must_use]
    pub fn to_array(&self) -> Array {
        Array {
            dtype: Dtype::F64,
            shape: vec![self.0.len(), COLUMNS],
            data: self
                .0
                .iter()
                .flat_map(Row::numbers)
                .flat_map(f64::to_le_bytes)
                .collect(),
        }
    }

    /// The inverse of [`History::to_array`].
    #[must_use]
    pub fn of_array(array: &Array) -> Option<Self> {
        if array.dtype != Dtype::F64 || array.shape.get(1) != Some(&COLUMNS) {
            return None;
        }
        let (bytes, _) = array.data.as_chunks::<8>();
        let numbers: Vec<f64> = bytes.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        let (rows, _) = numbers.as_chunks::<COLUMNS>();
        Some(Self(rows.iter().map(|row| Row::of_numbers(*row)).collect()))
    }

    /// Writes the table as CSV.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StageError> {
        let column = |of: fn(&Row) -> f64| self.0.iter().map(of).collect::<Vec<f64>>();
        let table = Table::builder()
            .integers("epoch", self.0.iter().map(|row| row.epoch as i64))
            .integers("iteration", self.0.iter().map(|row| row.iteration as i64))
            .numbers("learning_rate", column(|row| row.learning_rate))
            .numbers("loss", column(|row| row.loss))
            .numbers("loss_classifier", column(|row| row.loss_classifier))
            .numbers("loss_box_reg", column(|row| row.loss_box_reg))
            .numbers("loss_objectness", column(|row| row.loss_objectness))
            .numbers("loss_rpn_box_reg", column(|row| row.loss_rpn_box_reg))
            .optional_numbers("ap50", self.0.iter().map(|row| row.ap50))
            .optional_numbers("ap75", self.0.iter().map(|row| row.ap75))
            .optional_numbers("ap", self.0.iter().map(|row| row.ap));
        let written = table.finish().and_then(|table| table.write_csv(path));
        written.map_err(|e| StageError::new(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::{History, Row};

    fn history(aps: &[Option<f64>]) -> History {
        let row = |(at, &ap): (usize, &Option<f64>)| Row {
            epoch: at as u64 + 1,
            ap50: ap.map(|ap| 1.0 - ap),
            ap,
            ..Row::default()
        };
        History(aps.iter().enumerate().map(row).collect())
    }

    #[test]
    fn the_best_epoch_is_the_first_of_the_highest() {
        assert_eq!(
            history(&[Some(0.1), None, Some(0.6), Some(0.2), Some(0.6)])
                .best()
                .unwrap()
                .epoch,
            3
        );
        assert_eq!(history(&[Some(0.0)]).best().unwrap().epoch, 1);
        assert_eq!(history(&[None]).best(), None);
    }

    #[test]
    fn numbers_survive_a_checkpoint_to_the_bit() {
        let mut history = history(&[None, Some(0.1 + 0.2)]);
        history.0[0].loss = 1.0 / 3.0;
        assert_eq!(History::of_array(&history.to_array()), Some(history));
    }

    #[test]
    fn the_table_leaves_what_was_not_measured_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        history(&[None, Some(0.5)]).write(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("epoch,iteration,learning_rate,loss,") && lines[0].ends_with(",ap50,ap75,ap"));
        assert!(lines[1].ends_with(",,,") && lines[2].ends_with(",0.5,,0.5"), "{text}");
    }
}
