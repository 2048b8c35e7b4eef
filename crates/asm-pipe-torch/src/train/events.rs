//! What a training says of itself, for TensorBoard. As in the history there are no times: a step counts as a second.

use std::path::Path;

use asm_pipe::report::tensorboard::{EventFile, FILE, Moment};
use asm_pipe::stage::StageError;

use super::curve::Curve;
use super::history::History;

/// Writes the event file into a folder.
pub(super) fn write(folder: &Path, curve: &Curve, history: &History) -> Result<(), StageError> {
    fs_err::write(folder.join(FILE), events(curve, history))?;
    Ok(())
}

fn events(curve: &Curve, history: &History) -> Vec<u8> {
    let at = |iteration: u64| Moment {
        step: iteration,
        second: iteration as f64,
    };
    let mut file = EventFile::default();
    for point in curve.points() {
        let [classifier, box_reg, objectness, rpn_box_reg] = point.parts;
        file.scalars(
            at(point.iteration),
            [
                ("loss/all", Some(point.parts.iter().sum())),
                ("loss/classifier", Some(classifier)),
                ("loss/box_reg", Some(box_reg)),
                ("loss/objectness", Some(objectness)),
                ("loss/rpn_box_reg", Some(rpn_box_reg)),
                ("learning_rate", Some(point.learning_rate)),
            ],
        );
    }
    for row in history.rows() {
        file.scalars(
            at(row.iteration),
            [
                ("epoch", Some(row.epoch as f64)),
                ("validation/AP_50", row.ap50),
                ("validation/AP_75", row.ap75),
                ("validation/AP", row.ap),
            ],
        );
    }
    file.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::events;
    use crate::train::curve::Curve;
    use crate::train::history::{History, Row};

    #[test]
    fn every_point_and_every_epoch_is_an_event() {
        let mut curve = Curve::default();
        for iteration in 0..4 {
            curve.add(iteration, 0.1, [0.5; 4], 4);
        }
        let mut history = History::default();
        history.push(Row {
            epoch: 1,
            iteration: 4,
            ap50: Some(0.5),
            ..Row::default()
        });
        let text = events(&curve, &history);
        let count = |tag: &str| {
            text.windows(tag.len())
                .filter(|window| *window == tag.as_bytes())
                .count()
        };
        let tags = [
            "loss/all",
            "learning_rate",
            "loss/objectness",
            "validation/AP_50",
            "validation/AP_75",
        ];
        assert_eq!(tags.map(count), [4, 4, 4, 1, 0]);
    }
}
