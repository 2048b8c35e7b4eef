//! `asm-pipe cache`: looking after the store. One file a subcommand.

pub(super) mod arguments;
mod export;
mod gc;
mod import;
mod pull;
mod push;
mod repair;
mod size;
mod status;
mod verify;

use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::Failure;
use super::terminal::{self, Format};
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
        CacheCommand::Push(arguments) => push::push(arguments),
        CacheCommand::Pull(arguments) => pull::pull(arguments),
        CacheCommand::Status(arguments) => status::status(arguments),
    }
}

/// The store, which must be there.
pub(super) fn existing(path: &Path) -> Result<Store, Failure> {
    Store::open_existing(path)?.ok_or_else(|| {
        Failure::environment(format!("there is no store at {}", path.display()))
            .hint("a store is made by the first `asm-pipe run`; `--store` names another place")
    })
}

/// A bar for records that are sent or fetched, where a person watches.
fn bar(format: Format) -> ProgressBar {
    let bar = if format == Format::Human && terminal::stderr_is_terminal() {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8))
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} records  {msg}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// `1 record`, `2 records`.
fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
