//! `asm-pipe cache`: looking after the store. One file a subcommand.

pub(super) mod arguments;
mod export;
mod gc;
mod import;
mod repair;
mod size;
mod verify;

use std::path::Path;

use super::failure::Failure;
use crate::store::Store;

use arguments::{Cache, CacheCommand};

pub(super) fn cache(arguments: &Cache) -> Result<(), Failure> {
    match &arguments.command {
        CacheCommand::Size(arguments) => size::size(arguments),
        CacheCommand::Verify(arguments) => verify::verify(arguments),
        CacheCommand::Repair(arguments) => repair::repair(arguments),
        CacheCommand::Gc(arguments) => gc::gc(arguments),
        CacheCommand::Export(arguments) => export::export(arguments),
        CacheCommand::Import(arguments) => import::import(arguments),
    }
}

/// The store, which must be there.
pub(super) fn existing(path: &Path) -> Result<Store, Failure> {
    Store::open_existing(path)?.ok_or_else(|| {
        Failure::environment(format!("there is no store at {}", path.display()))
            .hint("a store is made by the first `asm-pipe run`; `--store` names another place")
    })
}

/// Bytes for people.
pub(super) fn bytes(bytes: u64) -> String {
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

/// `1 record`, `2 records`.
fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_given_in_the_unit_that_fits() {
        let texts = [0, 1023, 1024, 3 << 29, 7 << 40].map(bytes);
        assert_eq!(texts, ["0 B", "1023 B", "1.0 KiB", "1.5 GiB", "7.0 TiB"]);
    }
}
