//! What people look at: rows of rounds, charts, the HTML page. Knows no scheduler, stage or store.

mod axis;
pub mod chart;
pub mod comparison;
pub mod evidence;
mod grid;
mod grids;
pub mod page;
mod ranks_picture;
mod rounds;
pub mod series;
mod summary;
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
