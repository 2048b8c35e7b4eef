//! When a checkpoint is due within an epoch. Times decide when one is written, never what is in it.

use std::time::{Duration, Instant};

use asm_pipe::stage::StageError;

/// Seconds between two checkpoints within an epoch; for tests, and for those who lose power often.
const VARIABLE: &str = "ASM_PIPE_CHECKPOINT_SECONDS";
const USUALLY: Duration = Duration::from_secs(60);
/// Writing must not take more than one part of so many of the time.
const SHARE: u32 = 50;

/// The clock of the checkpoints.
pub(super) struct Saving {
    every: Duration,
    /// How long the last one took to write.
    cost: Duration,
    last: Instant,
}

impl Saving {
    /// Begins to count.
    pub(super) fn new() -> Result<Self, StageError> {
        let every = match std::env::var(VARIABLE) {
            Ok(text) => seconds(&text)?,
            Err(_) => USUALLY,
        };
        Ok(Self {
            every,
            cost: Duration::ZERO,
            last: Instant::now(),
        })
    }

    /// Whether the next is due.
    pub(super) fn is_due(&self) -> bool {
        self.last.elapsed() >= wait(self.every, self.cost)
    }

    /// Notes that one was written since then.
    pub(super) fn saved(&mut self, since: Instant) {
        self.cost = since.elapsed();
        self.last = Instant::now();
    }
}

/// The time from one checkpoint to the next; none of it when every step is to have one.
fn wait(every: Duration, cost: Duration) -> Duration {
    if every.is_zero() {
        every
    } else {
        every.max(cost * SHARE)
    }
}

fn seconds(text: &str) -> Result<Duration, StageError> {
    let number = text.trim().parse().ok();
    let time = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    time.ok_or_else(|| {
        StageError::new(format!("`{VARIABLE}` is `{text}`, not a number of seconds"))
            .hint(format!("unset `{VARIABLE}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::{seconds, wait};
    use std::time::Duration;

    #[test]
    fn a_checkpoint_that_takes_long_to_write_is_written_rarely() {
        let of = |every, cost| wait(Duration::from_secs(every), Duration::from_secs(cost));
        assert_eq!(of(60, 1), Duration::from_secs(60));
        assert_eq!(of(60, 3), Duration::from_secs(150));
        assert_eq!(of(0, 3), Duration::ZERO);
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused_by_name() {
        assert_eq!(seconds("0.5").unwrap(), Duration::from_millis(500));
        for text in ["", "-1", "soon", "inf", "NaN"] {
            assert!(
                seconds(text)
                    .unwrap_err()
                    .message
                    .contains("ASM_PIPE_CHECKPOINT_SECONDS")
            );
        }
    }
}
