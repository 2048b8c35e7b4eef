//! Who runs this, and where: told to people in records, so that a team knows whose machine a result comes from. Nothing else
//! depends on it.

use std::sync::OnceLock;

use crate::store::Maker;

/// This user on this machine.
pub(super) fn maker() -> Maker {
    static MAKER: OnceLock<Maker> = OnceLock::new();
    let find = || Maker {
        user: user(),
        host: host(),
    };
    MAKER.get_or_init(find).clone()
}

/// The user's name; their number if they have none.
fn user() -> String {
    let number = rustix::process::getuid().as_raw().to_string();
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let listed = || named_in(&fs_err::read_to_string("/etc/passwd").unwrap_or_default(), &number);
    let name = named.filter(|name| is_plain(name)).or_else(listed);
    name.filter(|name| is_plain(name)).unwrap_or(number)
}

/// The name that a list of users has for a number.
fn named_in(list: &str, number: &str) -> Option<String> {
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    })
}

/// The machine's name; empty if it has none.
fn host() -> String {
    let name = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().to_owned();
    Some(name).filter(|name| is_plain(name)).unwrap_or_default()
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
    fn a_number_is_looked_for_in_the_list_of_users() {
        let list = "root:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(named_in(list, "1000").as_deref(), Some("ada"));
        assert_eq!(named_in(list, "1001"), None);
    }

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
