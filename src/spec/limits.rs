//! What a stage may take, and how it is written: `memory: 2GiB`, `timeout: 90min`.

/// What a stage may take beside what its kind says. None of it counts into the stage's key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Processor cores; 0 stands for all that the run may use.
    pub cpus: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Graphics processors.
    pub gpus: Option<u32>,
    /// Seconds after which it is ended.
    pub timeout: Option<f64>,
    /// How often it is tried again after it failed.
    pub retries: Option<u32>,
}

/// Units of memory in MiB.
const SIZES: [(&str, f64); 6] = [
    ("KiB", 1.0 / 1024.0),
    ("MiB", 1.0),
    ("GiB", 1024.0),
    ("TiB", 1024.0 * 1024.0),
    ("MB", 1e6 / 1_048_576.0),
    ("GB", 1e9 / 1_048_576.0),
];

/// Units of time in seconds.
const TIMES: [(&str, f64); 5] = [("s", 1.0), ("min", 60.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

/// Reads `2GiB` as MiB.
#[must_use]
pub fn memory_mib(text: &str) -> Option<u64> {
    amount(text, &SIZES).map(|mib| mib.ceil() as u64)
}

/// Reads `90min` as seconds.
#[must_use]
pub fn seconds(text: &str) -> Option<f64> {
    amount(text, &TIMES)
}

fn amount(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = (text[..end].trim(), &text[end..]);
    let number: f64 = number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number > 0.0)?;
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_the_usual_units() {
        assert_eq!(memory_mib("2GiB"), Some(2048));
        assert_eq!(memory_mib("1.5 gib"), Some(1536));
        assert_eq!(memory_mib("1GB"), Some(954));
        for wrong in ["2", "GiB", "-1GiB", "2 apples", "NaNGiB", ""] {
            assert_eq!(memory_mib(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_read_in_the_usual_units() {
        assert_eq!(
            ["90s", "10min", "2h", "1.5d"].map(seconds),
            [Some(90.0), Some(600.0), Some(7200.0), Some(129_600.0)]
        );
        assert_eq!(seconds("0s"), None);
    }
}
