//! The store and the stage kinds that a command works with.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::arguments::StoreArguments;
use super::failure::Failure;
use super::terminal;
use crate::artifact::ArtifactExchange;
use crate::run::provider;
use crate::stage::{Registered, Registry, Via};
use crate::stages::built_in;
use crate::store::{Store, StoreError};

/// A store and the kinds.
pub(super) struct Workspace {
    pub(super) store: Store,
    pub(super) registry: Registry,
    /// What was looked for outside of this program; nothing until a kind was asked for that it does not have.
    providers: Arc<OnceLock<Providers>>,
}

/// Where providers were looked for.
struct Providers {
    /// The folders, and the programs in them.
    places: Vec<PathBuf>,
    /// Whether something is wrong with one that should be said each time.
    warned: bool,
}

impl Workspace {
    /// Opens the store, making it if there is none. Providers are asked what they serve when a kind is needed that is not
    /// built in.
    pub(super) fn open(arguments: &StoreArguments) -> Result<Self, Failure> {
        Self::of(Store::open(&arguments.store)?)
    }

    /// The same with a store that is open.
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
        let providers = Arc::<OnceLock<Providers>>::default();
        let (root, found) = (store.root().to_owned(), Arc::clone(&providers));
        let built_in: BTreeSet<String> = registry.names().map(str::to_owned).collect();
        registry.register_later(move || {
            let (kinds, told) = find_providers(&root, built_in.clone());
            let _ = found.set(told);
            kinds
        });
        Ok(Self {
            store,
            registry,
            providers,
        })
    }

    /// What the kinds that are used come from: this program, the folders that were looked in, the providers.
    pub(super) fn sources(&self) -> Vec<PathBuf> {
        let places = self.providers.get().map(|providers| providers.places.clone());
        let executable = env::current_exe().ok();
        executable.into_iter().chain(places.unwrap_or_default()).collect()
    }

    /// Whether something was said of a provider that should be said each time.
    pub(super) fn warned(&self) -> bool {
        self.providers.get().is_some_and(|providers| providers.warned)
    }
}

/// The folders that providers are looked for in.
pub(super) fn provider_folders() -> Vec<PathBuf> {
    let (named, path) = (env::var_os("ASM_PIPE_PROVIDERS"), env::var_os("PATH"));
    let executable = env::current_exe().ok();
    provider::folders(named.as_deref(), executable.as_deref(), path.as_deref())
}

/// The kinds that providers serve, save those whose names are taken. What is wrong is told, and the rest goes on.
fn find_providers(store: &Path, mut taken: BTreeSet<String>) -> (Vec<Registered>, Providers) {
    let mut places = provider_folders();
    let store = Store::open_existing(store).ok().flatten();
    let found = provider::discover(store.as_ref(), &places);
    let mut warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    let mut kinds = Vec::new();
    for provider in found.providers {
        places.push(provider.program.path.clone());
        let via = Via::Provider(provider.program);
        for info in provider.kinds {
            if taken.insert(info.name.clone()) {
                let via = via.clone();
                kinds.push(Registered { info, via });
            } else {
                warnings.push(format!(
                    "the stage kind `{}` of the provider `{via}` is not used: there is one of that name already",
                    info.name
                ));
            }
        }
    }
    warnings.iter().for_each(|warning| terminal::warn(warning));
    let warned = !warnings.is_empty();
    (kinds, Providers { places, warned })
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
