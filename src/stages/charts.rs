//! `charts` and `compare`: the charts of one or several tables of rounds, and such tables as one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::{input, many, output};
use crate::report::chart::{ChartError, comparison_charts};
use crate::report::{RoundRow, SummaryRow, Trial, summarise};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};
use crate::table::Table;

/// The kind `charts`.
pub(super) struct Charts;

/// The kind `compare`.
pub(super) struct Compare;

/// Neither kind has params.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

impl Stage for Charts {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "charts".to_owned(),
            version: 8,
            summary: "Charts of a table of rounds, as SVG and PNG".to_owned(),
            params: params_schema::<NoParams>(),
            inputs: vec![input("rounds", "table", "the table of rounds")],
            outputs: vec![output(
                "charts",
                "charts",
                "a folder with `NAME.svg`, `NAME.png` and `NAME.txt`, its caption",
            )],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 64,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let table = Table::read_parquet(job.input("rounds")?)?;
        let (rows, trials) = (RoundRow::from_table(&table)?, Trial::of_table(&table)?);
        let folder = job.output("charts")?;
        fs_err::create_dir_all(folder)?;
        let failed = |e: ChartError| StageError::new(e.to_string());
        for chart in comparison_charts(&rows, &trials).map_err(failed)? {
            fs_err::write(folder.join(format!("{}.svg", chart.name)), chart.picture.svg)?;
            fs_err::write(folder.join(format!("{}.png", chart.name)), chart.picture.png)?;
            fs_err::write(folder.join(format!("{}.txt", chart.name)), chart.caption)?;
        }
        Ok(Outcome::default())
    }
}

impl Stage for Compare {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "compare".to_owned(),
            version: 2,
            summary: "Several tables of rounds as one, with a summary by strategy".to_owned(),
            params: params_schema::<NoParams>(),
            inputs: vec![many("rounds", "table", "tables of rounds, one a pipeline")],
            outputs: vec![
                output("rounds", "table", "all rows, Parquet"),
                output("summary", "table", "a row a strategy, over its seeds, Parquet"),
            ],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 64,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let mut rows = Vec::new();
        for table in job.inputs("rounds") {
            rows.extend(RoundRow::from_table(&Table::read_parquet(&table.path)?)?);
        }
        RoundRow::to_table(&rows)?.write_parquet(job.output("rounds")?)?;
        SummaryRow::to_table(&summarise(&rows))?.write_parquet(job.output("summary")?)?;
        Ok(Outcome::default())
    }
}
