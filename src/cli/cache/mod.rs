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

/// `1 record`, `2 records`.
fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
