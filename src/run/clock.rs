//! The time of day: the one place where a run asks for it. It reaches events and records, never a key.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 (UTC).
pub(crate) fn now() -> u64 {
    // A clock before 1970 is wrong; zero says so as well as anything.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
