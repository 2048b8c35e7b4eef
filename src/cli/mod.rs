//! The command line: one file a subcommand. The only module that prints. Knows no algorithm.

mod arguments;
mod failure;
mod progress;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

pub use arguments::Arguments;
pub use failure::{Failure, FailureKind};

/// Reads the arguments, does what they say, prints a failure once, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let format = arguments.command.format();
    let _ = format;
    ExitCode::SUCCESS
}
