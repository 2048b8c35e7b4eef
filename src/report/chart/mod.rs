//! Charts as SVG and PNG, and boxes drawn into images. The only folder that knows plotters.
//!
//! Colours are those of Okabe and Ito (2008), which survive colour-blindness, but for their yellow; each series also has its own marker, so that
//! a grey print reads. What is on several datasets has a picture for each. A picture is as high as what it holds. Legends stand beside the plot, never on it. The letters come from a font that is built in: the same
//! picture everywhere, no system library.

mod all;
mod axes;
mod bars;
mod boxes;
mod canvas;
mod columns;
mod compared;
mod diagram;
mod heat;
mod lines;
mod matrix;
mod panels;
mod part;
mod precision_recall;
mod ranks;
mod sheet;
mod strategies;

pub use all::comparison_charts;
pub use bars::{BarSegment, StackedBars};
pub use boxes::{BoxesError, Mark, draw_boxes};
pub use canvas::{ChartError, Drawing, Picture};
pub use diagram::{Diagram, Held, Stroke, Words};
pub use heat::{Cost, HeatChart};
pub use lines::{LineChart, Point, Series};
pub use matrix::MatrixChart;
pub use panels::PanelsChart;
pub use precision_recall::{PrecisionRecallChart, RecallCurve};
pub use ranks::RanksChart;
pub use strategies::Chart;
