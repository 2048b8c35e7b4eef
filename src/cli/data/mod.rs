//! `asm-pipe data`: datasets on disk.

pub(super) mod arguments;
mod export;
mod health;
mod shapes;
mod source;
mod view;
mod watch;

use self::arguments::{Data, DataCommand};
use super::failure::Failure;

pub(super) fn data(arguments: &Data) -> Result<std::process::ExitCode, Failure> {
    match &arguments.command {
        DataCommand::Shapes(arguments) => shapes::shapes(arguments)?,
        DataCommand::Export(arguments) => export::export(arguments)?,
        DataCommand::Health(arguments) => return health::health(arguments),
        DataCommand::View(arguments) => view::view(arguments)?,
    }
    Ok(std::process::ExitCode::SUCCESS)
}
