//! `asm-pipe completions`: the few lines with which a shell asks `asm-pipe complete`.

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::terminal;

/// `asm-pipe completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

const EXAMPLES: &str = "\
Stages, profiles and params are those of the pipelines on the line.

Examples:
  bash: echo 'source <(asm-pipe completions bash)' >> ~/.bashrc
  zsh:  echo 'source <(asm-pipe completions zsh)' >> ~/.zshrc      (after compinit)
  fish: asm-pipe completions fish > ~/.config/fish/completions/asm-pipe.fish";

/// A shell that can be served.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    /// GNU Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

pub(super) fn completions(arguments: &Completions) -> Result<(), Failure> {
    terminal::print(match arguments.shell {
        Shell::Bash => include_str!("completions/asm-pipe.bash"),
        Shell::Zsh => include_str!("completions/asm-pipe.zsh"),
        Shell::Fish => include_str!("completions/asm-pipe.fish"),
    })
}
