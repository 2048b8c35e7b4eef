//! The user's wish to end, shared between the signal handler and the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often the user has asked to end. The first time the run takes no new work: cheap jobs come to their end, costly
/// ones are asked to stop and keep what they have saved. The second time everything is ended at once.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicU32>);

impl Interrupt {
    /// Asks to end; answers how often that has been done now.
    pub fn raise(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// How often it was asked.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}
