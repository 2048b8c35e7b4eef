//! What people look at: rows of rounds, charts, the HTML page. Knows no scheduler, stage or store.

pub mod chart;
pub mod gallery;
pub mod page;
mod rounds;
mod summary;
mod varied;

pub use rounds::RoundRow;
pub use summary::{SummaryRow, summarise};
