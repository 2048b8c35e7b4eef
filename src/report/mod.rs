//! What people look at: rows of rounds, charts, the HTML page, event files. Knows no scheduler, stage or store.

mod axis;
pub mod chart;
#[cfg(test)]
mod colour_tests;
pub mod comparison;
pub mod evidence;
pub mod gallery;
mod grid;
mod grids;
pub mod page;
mod rounds;
mod scatter;
pub mod series;
mod summary;
pub mod tensorboard;
mod thumbnail;
mod trials;
mod varied;
mod verdict;

pub use axis::Axis;
pub use grid::Grid;
pub use rounds::RoundRow;
pub use summary::{SummaryRow, summarise};
pub use thumbnail::thumbnail;
pub use trials::{Role, Trial, Turn, strategies};
pub use verdict::Verdict;
