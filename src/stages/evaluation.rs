//! The tables and charts of an evaluation. Each table names the rules in its first column.

use std::path::Path;

use fs_err as fs;

use crate::detection::metrics::{ClassReport, Confusion, Curve, Report, mean_curve};
use crate::report::chart::{ChartError, Drawing, MatrixChart, Picture, PrecisionRecallChart, RecallCurve};
use crate::stage::StageError;
use crate::table::{Table, TableError};

/// What an evaluation draws.
pub struct Drawn {
    /// The curves of the classes that have ground truth.
    pub curves: Vec<Curve>,
    /// The confusion matrix.
    pub confusion: Confusion,
    /// The score from which on detections count in it.
    pub least_score: f64,
}

impl Drawn {
    /// The charts by name, with their captions.
    ///
    /// # Errors
    /// When the drawing library does.
    pub fn charts(&self, report: &Report) -> Result<Vec<(&'static str, String, Picture)>, ChartError> {
        let rules = &report.rules;
        let curve = |name: String, points: &[crate::detection::metrics::CurvePoint]| RecallCurve {
            name,
            points: points.iter().map(|point| (point.recall, point.precision)).collect(),
        };
        let named =
            |name: &str, ap50: Option<f64>| ap50.map_or_else(|| name.to_owned(), |ap| format!("{name} {ap:.3}"));
        let ap50 = |class: &str| report.per_class.iter().find(|found| found.class == class)?.ap50;
        let mean = mean_curve(&self.curves);
        let lines = PrecisionRecallChart {
            title: format!("Precision over recall at IoU 0.5 ({rules})"),
            mean: mean.map(|points| curve(named("mean", report.figures["ap50"]), &points)),
            classes: (self.curves.iter())
                .map(|found| curve(named(&found.class, ap50(&found.class)), &found.points))
                .collect(),
        };
        let matrix = MatrixChart {
            title: format!(
                "Confusion matrix at IoU 0.5 and scores from {} ({rules})",
                self.least_score
            ),
            rows: "what is there".to_owned(),
            columns: "what is reported".to_owned(),
            names: self.confusion.names.clone(),
            counts: self.confusion.counts.clone(),
        };
        Ok(vec![
            ("precision_recall", format!("{}.", lines.title), lines.picture()?),
            ("confusion", format!("{}.", matrix.title), matrix.picture()?),
        ])
    }

    /// Writes the charts into a folder, which is made.
    ///
    /// # Errors
    /// When a chart cannot be drawn or the disk says no.
    pub fn write_charts(&self, report: &Report, folder: &Path) -> Result<(), StageError> {
        fs::create_dir_all(folder)?;
        let charts = self
            .charts(report)
            .map_err(|error| StageError::new(error.to_string()))?;
        for (name, caption, picture) in charts {
            fs::write(folder.join(format!("{name}.svg")), picture.svg)?;
            fs::write(folder.join(format!("{name}.png")), picture.png)?;
            fs::write(folder.join(format!("{name}.txt")), caption)?;
        }
        Ok(())
    }
}

/// The figures of each class.
///
/// # Errors
/// When the table cannot be made.
pub fn class_table(report: &Report) -> Result<Table, TableError> {
    let classes = &report.per_class;
    let count = |count: usize| count as u32;
    let figure = |get: fn(&ClassReport) -> Option<f64>| classes.iter().map(get);
    Table::builder()
        .text("protocol", classes.iter().map(|_| &report.rules))
        .text("class", classes.iter().map(|class| &class.class))
        .optional_numbers("ap", figure(|class| class.ap))
        .optional_numbers("ap50", figure(|class| class.ap50))
        .optional_numbers("ap75", figure(|class| class.ap75))
        .optional_numbers("ap_small", figure(|class| class.ap_small))
        .optional_numbers("ap_medium", figure(|class| class.ap_medium))
        .optional_numbers("ap_large", figure(|class| class.ap_large))
        .optional_numbers("recall", figure(|class| class.recall))
        .counts("objects", classes.iter().map(|class| count(class.objects)))
        .counts("detections", classes.iter().map(|class| count(class.detections)))
        .finish()
}

/// The points of the curves.
///
/// # Errors
/// When the table cannot be made.
pub fn curve_table(curves: &[Curve], rules: &str) -> Result<Table, TableError> {
    let rows = || {
        let of_curve = |curve: &'_ Curve| {
            let class = curve.class.clone();
            curve
                .points
                .iter()
                .map(move |point| (class.clone(), *point))
                .collect::<Vec<_>>()
        };
        curves.iter().flat_map(of_curve)
    };
    Table::builder()
        .text("protocol", rows().map(|_| rules))
        .text("class", rows().map(|(class, _)| class))
        .numbers("recall", rows().map(|(_, point)| point.recall))
        .numbers("precision", rows().map(|(_, point)| point.precision))
        .optional_numbers("score", rows().map(|(_, point)| point.score))
        .finish()
}

/// The cells of the confusion matrix.
///
/// # Errors
/// When the table cannot be made.
pub fn confusion_table(confusion: &Confusion, rules: &str) -> Result<Table, TableError> {
    let rows: Vec<(&String, &String, u64)> = (confusion.names.iter().zip(&confusion.counts))
        .flat_map(|(actual, counts)| {
            let cells = confusion.names.iter().zip(counts);
            cells.map(move |(reported, &count)| (actual, reported, count))
        })
        .collect();
    Table::builder()
        .text("protocol", rows.iter().map(|_| rules))
        .text("actual", rows.iter().map(|row| row.0))
        .text("reported", rows.iter().map(|row| row.1))
        .integers("count", rows.iter().map(|row| row.2 as i64))
        .finish()
}
