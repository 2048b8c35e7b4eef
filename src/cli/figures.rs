//! Figures, times and sizes as people read them.

/// A figure with as many digits as a person reads.
#[must_use]
pub(super) fn short(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        format!("{value:.0}")
    } else if value.abs() >= 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

/// A time such as `0.4 s`, `12 s` or `3 min 05 s`.
#[must_use]
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// A size such as `12 B` or `1.5 GiB`.
#[must_use]
pub(super) fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_given_in_the_unit_that_fits() {
        let texts = [0.04, 9.96, 61.0, 7265.0].map(duration);
        assert_eq!(texts, ["0.0 s", "10 s", "1 min 01 s", "2 h 01 min"]);
    }

    #[test]
    fn figures_have_the_digits_a_person_reads() {
        assert_eq!([400.0, 0.51234, 1234.56].map(short), ["400", "0.512", "1234.6"]);
    }

    #[test]
    fn sizes_are_given_in_the_unit_that_fits() {
        let texts = [0, 1023, 1024, 3 << 29, 7 << 40].map(size);
        assert_eq!(texts, ["0 B", "1023 B", "1.0 KiB", "1.5 GiB", "7.0 TiB"]);
    }
}
