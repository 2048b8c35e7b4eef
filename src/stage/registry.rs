//! Which stage kinds there are, and who does their work.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::{Exchange, KindInfo, Stage, command};

/// Who does the work of a kind.
#[derive(Clone)]
pub enum Via {
    /// This process.
    BuiltIn(Arc<dyn Stage>),
    /// A program that speaks the provider protocol.
    Provider(Program),
    /// The program that the stage names, which speaks no protocol; what it reads and writes is exchanged by this.
    Command(Arc<dyn Exchange>),
}

/// A program that speaks the provider protocol, and how its workers are started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Environment variables of its workers, save those that the user has set.
    pub environment: BTreeMap<String, String>,
}

impl From<PathBuf> for Program {
    fn from(path: PathBuf) -> Self {
        let environment = BTreeMap::new();
        Self { path, environment }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(_) | Self::Command(_) => f.write_str("built in"),
            Self::Provider(program) => write!(f, "{}", program.path.display()),
        }
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A kind that pipelines can use.
#[derive(Clone, Debug)]
pub struct Registered {
    /// What it is.
    pub info: KindInfo,
    /// Who does its work.
    pub via: Via,
}

/// Two kinds of one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are two stage kinds `{name}`: one is {first}, the other {second}")]
pub struct NameTaken {
    /// The name.
    pub name: String,
    /// Who serves the first.
    pub first: String,
    /// Who serves the second.
    pub second: String,
}

/// The stage kinds by name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    kinds: BTreeMap<String, Registered>,
    later: Option<Arc<Later>>,
}

/// Kinds that cost something to find, and so are looked for when one is asked for that is not known.
struct Later {
    find: Box<Finder>,
    found: OnceLock<BTreeMap<String, Registered>>,
}

/// Finds kinds.
type Finder = dyn Fn() -> Vec<Registered> + Send + Sync;

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.found, f)
    }
}

impl Later {
    fn kinds(&self) -> &BTreeMap<String, Registered> {
        let by_name = |kind: Registered| (kind.info.name.clone(), kind);
        self.found
            .get_or_init(|| (self.find)().into_iter().map(by_name).collect())
    }
}

impl Registry {
    /// A registry without kinds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind that runs in this process.
    ///
    /// # Errors
    /// When there is one of that name.
    pub fn register(&mut self, stage: Arc<dyn Stage>) -> Result<(), NameTaken> {
        let info = stage.info();
        self.add(info, Via::BuiltIn(stage))
    }

    /// Adds the kinds that a program serves.
    ///
    /// # Errors
    /// At the first name that is taken; the kinds before it are added.
    pub fn register_provider(&mut self, program: impl Into<Program>, kinds: Vec<KindInfo>) -> Result<(), NameTaken> {
        let via = Via::Provider(program.into());
        kinds.into_iter().try_for_each(|info| self.add(info, via.clone()))
    }

    /// Adds the kind `command`.
    ///
    /// # Errors
    /// When there is one of that name.
    pub fn register_command(&mut self, exchange: Arc<dyn Exchange>) -> Result<(), NameTaken> {
        self.add(command::info(), Via::Command(exchange))
    }

    /// Has further kinds looked for when one is asked for that is not known, and then once. Of two with one name the one that
    /// is known already is taken.
    pub fn register_later(&mut self, find: impl Fn() -> Vec<Registered> + Send + Sync + 'static) {
        self.later = Some(Arc::new(Later {
            find: Box::new(find),
            found: OnceLock::new(),
        }));
    }

    /// The kind of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Registered> {
        let later = || self.later.as_ref()?.kinds().get(name);
        self.kinds.get(name).or_else(later)
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|kind| kind.info.name.as_str())
    }

    /// The kinds, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Registered> {
        let later = self.later.iter().flat_map(|later| later.kinds());
        let all: BTreeMap<&String, &Registered> = later.chain(&self.kinds).collect();
        all.into_values()
    }

    fn add(&mut self, info: KindInfo, via: Via) -> Result<(), NameTaken> {
        if let Some(first) = self.kinds.get(&info.name) {
            return Err(NameTaken {
                name: info.name,
                first: first.via.to_string(),
                second: via.to_string(),
            });
        }
        self.kinds.insert(info.name.clone(), Registered { info, via });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::{Registered, Registry, Via};
    use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError};

    struct Copy;

    fn info(name: &str) -> KindInfo {
        let text = json!({"name": name, "version": 1, "summary": "", "params": {}, "inputs": [], "outputs": []});
        serde_json::from_value(text).unwrap()
    }

    impl Stage for Copy {
        fn info(&self) -> KindInfo {
            info("copy")
        }

        fn run(&self, _: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
            Ok(Outcome::default())
        }
    }

    #[test]
    fn kinds_are_found_by_name_with_who_serves_them() {
        let mut registry = Registry::new();
        registry.register(Arc::new(Copy)).unwrap();
        registry
            .register_provider(PathBuf::from("bin/asm-pipe-x"), vec![info("train"), info("adapt")])
            .unwrap();
        assert_eq!(registry.names().collect::<Vec<_>>(), ["adapt", "copy", "train"]);
        assert!(matches!(registry.get("copy").unwrap().via, Via::BuiltIn(_)));
        assert!(matches!(&registry.get("train").unwrap().via, Via::Provider(p) if p.path.ends_with("asm-pipe-x")));
        assert!(registry.get("none").is_none());
    }

    #[test]
    fn a_name_can_be_taken_once_and_the_error_names_both_sides() {
        let mut registry = Registry::new();
        registry.register(Arc::new(Copy)).unwrap();
        let error = registry
            .register_provider(PathBuf::from("bin/asm-pipe-x"), vec![info("copy")])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "there are two stage kinds `copy`: one is built in, the other bin/asm-pipe-x"
        );
        assert!(matches!(registry.get("copy").unwrap().via, Via::BuiltIn(_)));
    }

    #[test]
    fn what_costs_something_to_find_is_looked_for_once_and_only_when_it_is_needed() {
        let mut registry = Registry::new();
        registry.register(Arc::new(Copy)).unwrap();
        let looked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&looked);
        registry.register_later(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let via = Via::Provider(PathBuf::from("asm-pipe-x").into());
            let found = ["adapt", "copy"].map(|name| Registered {
                info: info(name),
                via: via.clone(),
            });
            found.to_vec()
        });
        assert!(matches!(registry.get("copy").unwrap().via, Via::BuiltIn(_)));
        assert_eq!(looked.load(Ordering::SeqCst), 0);
        assert!(registry.get("adapt").is_some() && registry.get("none").is_none());
        assert_eq!(registry.names().collect::<Vec<_>>(), ["adapt", "copy"]);
        assert!(matches!(registry.get("copy").unwrap().via, Via::BuiltIn(_)));
        assert_eq!(looked.load(Ordering::SeqCst), 1);
    }
}
