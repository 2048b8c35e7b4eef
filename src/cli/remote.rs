//! The remote on the command line: which one, what it is used for, and what to do when it cannot be opened.

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::terminal;
use crate::remote::{Location, Mode, Remote, RemoteError};
use crate::run::{Places, RunError};
use crate::store::Store;

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

/// The remote of a command that is about something else.
#[derive(Clone, Debug, Args)]
pub(super) struct RemoteBesides {
    #[command(flatten)]
    pub(super) which: RemoteArguments,
    /// End with an error when the remote cannot be asked, instead of going on without it.
    #[arg(long)]
    pub(super) require_remote: bool,
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

impl RemoteBesides {
    /// Opens the remote, if one is named. One that cannot be opened is told of, and the command goes on without it unless it is required.
    pub(super) fn open(&self) -> Result<Option<Remote>, Failure> {
        let Some((place, mode)) = self.which.place()? else {
            return match self.require_remote {
                true => Err(Failure::usage("a remote is required, and none is named").hint("name one with `--remote`")),
                false => Ok(None),
            };
        };
        match Remote::open(&place, mode) {
            Ok(remote) => Ok(Some(remote)),
            Err(error) => self.without(error).map(|()| None),
        }
    }

    /// Goes on without the remote, unless it is required.
    fn without(&self, error: RemoteError) -> Result<(), Failure> {
        if self.require_remote {
            return Err(error.into());
        }
        terminal::warn(&format!("{error}; it goes on without it"));
        error
            .hints()
            .iter()
            .for_each(|hint| terminal::tell(&format!("hint: {hint}")));
        Ok(())
    }

    /// Finds out what the store and the remote have; if the remote cannot be asked and is not required, what the store has alone.
    pub(super) fn ask<'a, T>(
        &self,
        store: &'a Store,
        remote: Option<&'a Remote>,
        find: impl Fn(Places<'a>) -> Result<T, RunError>,
    ) -> Result<T, Failure> {
        let found = match find(Places { store, remote }) {
            Err(RunError::Remote(error)) => {
                self.without(error)?;
                find(store.into())
            }
            found => found,
        };
        found.map_err(|error| Failure::environment(error.to_string()))
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
