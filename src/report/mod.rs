//! What people look at: rows of rounds, charts, the HTML page, event files. Knows no scheduler, stage or store.

pub mod chart;
pub mod gallery;
pub mod page;
mod rounds;
mod summary;
pub mod tensorboard;
mod varied;

pub use rounds::RoundRow;
pub use summary::{SummaryRow, summarise};
