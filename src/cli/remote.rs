//! The remote on the command line: which one, what it is used for, and what to do when it cannot be opened.

use clap::{Args, ValueEnum};

use super::failure::Failure;
use crate::remote::{Location, Mode, Remote, RemoteError};

/// Which remote.
#[derive(Clone, Debug, Args)]
pub(super) struct RemoteArguments {
    /// The store that a team shares: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or `file:///FOLDER`. Credentials
    /// are taken from the environment; `asm-pipe cache status --help` lists the variables.
    #[arg(
        long,
        value_name = "URL",
        env = "ASM_PIPE_REMOTE",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub(super) remote: Option<String>,
    /// What it is used for.
    #[arg(long, value_enum, value_name = "MODE", default_value_t, env = "ASM_PIPE_REMOTE_MODE")]
    pub(super) remote_mode: RemoteMode,
}

/// What a remote is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum RemoteMode {
    /// What it has is taken from it, what is made is sent to it.
    #[default]
    ReadWrite,
    /// What it has is taken from it.
    ReadOnly,
    /// It is left alone.
    Off,
}

impl RemoteArguments {
    /// Where the remote is, and what for; none if there is none or it is switched off.
    pub(super) fn place(&self) -> Result<Option<(Location, Mode)>, Failure> {
        let mode = match self.remote_mode {
            RemoteMode::ReadWrite => Mode::ReadWrite,
            RemoteMode::ReadOnly => Mode::ReadOnly,
            RemoteMode::Off => return Ok(None),
        };
        // A variable that is set to nothing is none.
        let Some(url) = self.remote.as_deref().filter(|url| !url.trim().is_empty()) else {
            return Ok(None);
        };
        // The text is not repeated: it may hold what it should not.
        let place: Location = url.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        Ok(Some((place, mode)))
    }

    /// Opens the remote for a command that is about nothing else. One that is to be written to and is a folder is made.
    pub(super) fn open(&self, is_written: bool) -> Result<Remote, Failure> {
        if self.remote_mode == RemoteMode::Off {
            return Err(Failure::usage("the remote is switched off").hint("leave `--remote-mode off` out"));
        }
        let Some((place, mode)) = self.place()? else {
            return Err(Failure::usage("no remote is named").hint(
                "name one with `--remote s3://BUCKET/PREFIX`, in ASM_PIPE_REMOTE, or as `url` under `[remote]` in asm-pipe.toml",
            ));
        };
        if is_written && mode == Mode::ReadOnly {
            return Err(Failure::usage(format!("the remote `{place}` is only read"))
                .hint("`--remote-mode read-write` sends to it all the same"));
        }
        if is_written {
            Remote::make_folder(&place)?;
        }
        Ok(Remote::open(&place, mode)?)
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let hints = error.hints();
        let mut failure = Self::environment(error.to_string());
        failure.hints = hints;
        failure
    }
}
