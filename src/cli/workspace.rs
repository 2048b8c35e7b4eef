//! The store and the stage kinds that a command works with.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::StoreArguments;
use super::failure::Failure;
use super::terminal;
use crate::artifact::ArtifactExchange;
use crate::run::provider;
use crate::stage::Registry;
use crate::stages::built_in;
use crate::store::{Store, StoreError};

/// A store and the kinds.
pub(super) struct Workspace {
    pub(super) store: Store,
    pub(super) registry: Registry,
    /// Where the kinds come from: this program, the folders that were looked in, the providers.
    pub(super) sources: Vec<PathBuf>,
    /// Whether something is wrong with a provider that should be said each time.
    pub(super) warned: bool,
}

impl Workspace {
    /// Opens the store, making it if there is none, and asks the providers what they serve.
    pub(super) fn open(arguments: &StoreArguments) -> Result<Self, Failure> {
        Self::of(Store::open(&arguments.store)?)
    }

    /// Asks the providers what they serve.
    pub(super) fn of(store: Store) -> Result<Self, Failure> {
        let mut registry = Registry::new();
        for stage in built_in() {
            registry
                .register(stage)
                .map_err(|e| Failure::environment(e.to_string()))?;
        }
        registry
            .register_command(Arc::new(ArtifactExchange))
            .map_err(|e| Failure::environment(e.to_string()))?;
        let (named, path) = (env::var_os("ASM_PIPE_PROVIDERS"), env::var_os("PATH"));
        let executable = env::current_exe().ok();
        let folders = provider::folders(named.as_deref(), executable.as_deref(), path.as_deref());
        let found = provider::discover(&store, &folders);
        let warned = !found.warnings.is_empty();
        let mut sources: Vec<PathBuf> = executable.into_iter().chain(folders).collect();
        for warning in found.warnings {
            terminal::warn(&warning.to_string());
        }
        for provider in found.providers {
            sources.push(provider.program.path.clone());
            registry
                .register_provider(provider.program, provider.kinds)
                .map_err(|e| Failure::environment(e.to_string()))?;
        }
        Ok(Self {
            store,
            registry,
            sources,
            warned,
        })
    }
}

/// A workspace for a command that must leave no trace: without a store, an empty one stands in and is removed again.
pub(super) struct Untouched {
    pub(super) workspace: Workspace,
    stand_in: Option<PathBuf>,
}

impl Untouched {
    pub(super) fn open(arguments: &StoreArguments) -> Result<Self, Failure> {
        if let Some(store) = Store::open_existing(&arguments.store)? {
            return Ok(Self {
                workspace: Workspace::of(store)?,
                stand_in: None,
            });
        }
        let folder = env::temp_dir().join(format!("asm-pipe-empty-store-{}", std::process::id()));
        let workspace = Workspace::of(Store::open(&folder)?)?;
        Ok(Self {
            workspace,
            stand_in: Some(folder),
        })
    }
}

impl Drop for Untouched {
    fn drop(&mut self) {
        if let Some(folder) = &self.stand_in {
            // What is left in the folder for temporary files is the system's to sweep.
            let _ = fs_err::remove_dir_all(folder);
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let hints = error.hints();
        let mut failure = Self::environment(error.to_string());
        failure.hints = hints;
        failure
    }
}
