//! What people look at: rows of rounds, charts, the HTML page. Knows no scheduler, stage or store.

mod axis;
pub mod chart;
pub mod comparison;
pub mod page;
mod rounds;
mod summary;
mod trials;
mod varied;
mod verdict;

pub use axis::Axis;
pub use rounds::RoundRow;
pub use summary::{SummaryRow, summarise};
pub use trials::{Role, Trial, Turn, strategies};
pub use verdict::Verdict;
