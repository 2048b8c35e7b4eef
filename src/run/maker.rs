//! Who runs this, and where: told to people in records, so that a team knows whose machine a result comes from. Nothing else
//! depends on it.

use std::sync::OnceLock;

/// The user's name; their number if they have none.
pub(super) fn user() -> String {
    let names = ["USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let mut names = names.filter(|name| is_plain(name));
    names
        .next()
        .unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}

/// The machine's name; empty if it has none.
pub(super) fn host() -> String {
    static HOST: OnceLock<String> = OnceLock::new();
    let read = || {
        let name = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Some(name.trim().to_owned())
            .filter(|name| is_plain(name))
            .unwrap_or_default()
    };
    HOST.get_or_init(read).clone()
}

/// A name as systems give them. Anything else is not repeated to others.
fn is_plain(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "-_.@$\\".contains(c);
    !name.is_empty() && name.chars().count() <= 64 && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_systems_give_and_nothing_longer_or_odder() {
        for name in ["ada", "ada.lovelace@lab", "LAB\\ada", "1000"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", "a b", "a\nb", "<b>", &"a".repeat(65)] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain(&user()));
    }
}
