//! `asm-pipe man`: the help texts as pages for `man`.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use serde_json::json;

use super::arguments::{Arguments, OutputArguments};
use super::failure::Failure;
use super::terminal::{self, Format};

/// `asm-pipe man`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Pages {
    /// Where to write them; made if it is not there. Pages of the same name are replaced.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

const EXAMPLES: &str = "\
Examples:
  asm-pipe man ~/.local/share/man/man1
  asm-pipe man pages && man -l pages/asm-pipe-run.1";

pub(super) fn man(arguments: &Pages) -> Result<(), Failure> {
    let folder = &arguments.folder;
    fs_err::create_dir_all(folder)?;
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    write(&command, folder, &mut pages)?;
    match arguments.output.format {
        Format::Json => terminal::print_json(&json!({ "pages": pages })),
        Format::Human => terminal::print(&format!("{} pages in {}\n", pages.len(), folder.display())),
    }
}

/// One page for a command, and one for each below it.
fn write(command: &Command, folder: &Path, pages: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let path = folder.join(Man::new(command.clone()).get_filename());
    let mut text = Vec::new();
    let page = Man::new(command.clone())
        .source(concat!("asm-pipe ", env!("CARGO_PKG_VERSION")))
        .manual("asm-pipe");
    page.render(&mut text)?;
    fs_err::write(&path, text)?;
    pages.push(path);
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    below.into_iter().try_for_each(|below| write(below, folder, pages))
}
