//! What Slurm is like from here: its programs, its controller, its partitions and this user's accounts. Submits nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::client::{Client, Trouble};
use crate::run::maker::maker;

/// The programs that a run calls; without the last it goes on.
const PROGRAMS: [&str; 5] = ["sbatch", "squeue", "scontrol", "scancel", "sacct"];

/// What Slurm is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// Where each of its programs is, if it is on PATH.
    pub programs: BTreeMap<&'static str, Option<PathBuf>>,
    /// Its version. None: it was not asked, and so below.
    pub version: Option<Result<String, String>>,
    /// What its controllers say of themselves.
    pub controllers: Option<Result<Vec<String>, String>>,
    /// The partitions by name.
    pub partitions: Option<Result<BTreeMap<String, Partition>, String>>,
    /// The accounts that this user may name.
    pub accounts: Option<Result<BTreeSet<String>, String>>,
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Whether jobs are started in it.
    pub is_up: bool,
    /// Its nodes, each with how it stands in Slurm's word.
    pub nodes: BTreeMap<String, String>,
    /// The machines that these are on.
    pub hosts: BTreeSet<String>,
}

/// Looks at Slurm. Of its accounting nothing is asked unless `with_accounts`; all together takes no longer than `patience`.
#[must_use]
pub fn examine(path: Option<&OsStr>, with_accounts: bool, patience: Duration) -> Examined {
    let mut found = Examined {
        programs: PROGRAMS.into_iter().map(|name| (name, on(path, name))).collect(),
        ..Examined::default()
    };
    let end = Instant::now() + patience;
    let ask = |program: &str, arguments: &[&str]| {
        let patience = end.saturating_duration_since(Instant::now());
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Client { patience }.call(program, &arguments, "")
    };
    let has = |found: &Examined, name| found.programs.get(name).is_some_and(Option::is_some);
    if has(&found, "sbatch") {
        found.version = Some(said(ask("sbatch", &["--version"])).map(|text| text.trim().to_owned()));
    }
    // One that does not answer that will not answer the rest.
    if found.version.as_ref().is_some_and(Result::is_err) {
        return found;
    }
    if has(&found, "scontrol") {
        found.controllers = Some(said(ask("scontrol", &["ping"])).map(|text| controllers(&text)));
    }
    if !matches!(found.controllers, Some(Ok(_))) {
        return found;
    }
    let nodes = ask("sinfo", &["--noheader", "--Node", "--format=%R|%a|%T|%N|%n"]);
    found.partitions = Some(said(nodes).map(|text| partitions(&text)));
    if with_accounts {
        let user = format!("user={}", maker().user);
        let list = [
            "--noheader",
            "--parsable2",
            "show",
            "associations",
            &user,
            "format=account",
        ];
        found.accounts = Some(said(ask("sacctmgr", &list)).map(|text| accounts(&text)));
    }
    found
}

/// Where a program is on PATH.
fn on(path: Option<&OsStr>, name: &str) -> Option<PathBuf> {
    let mut places = std::env::split_paths(path?).map(|folder| folder.join(name));
    places.find(|place| place.is_file())
}

fn said(answer: Result<String, Trouble>) -> Result<String, String> {
    answer.map_err(|trouble| trouble.to_string())
}

/// `Slurmctld(primary) at node is UP`, a line each.
fn controllers(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim().to_owned());
    lines.filter(|line| line.starts_with("Slurmctld")).collect()
}

/// `cpu|up|idle|node1|machine1`, a line for each node of each partition.
fn partitions(text: &str) -> BTreeMap<String, Partition> {
    let mut found: BTreeMap<String, Partition> = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.trim().split('|');
        let mut field = || fields.next();
        let (Some(name), Some(available), Some(state), Some(node)) = (field(), field(), field(), field()) else {
            continue;
        };
        let host = field().filter(|host| !host.is_empty()).unwrap_or(node);
        let partition = found.entry(name.to_owned()).or_default();
        partition.is_up = available == "up";
        partition.nodes.insert(node.to_owned(), state.to_lowercase());
        partition.hosts.insert(host.to_owned());
    }
    found
}

fn accounts(text: &str) -> BTreeSet<String> {
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

impl Partition {
    /// How many of its nodes may start jobs now or later.
    #[must_use]
    pub fn usable(&self) -> usize {
        let lost = ["down", "drain", "fail", "unk", "powered_down*", "not_responding"];
        // A star stands behind the state of one that does not respond.
        let is_lost = |state: &&String| lost.iter().any(|word| state.starts_with(word)) || state.ends_with('*');
        self.nodes.values().filter(|state| !is_lost(state)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_read_with_their_nodes_and_those_that_are_lost() {
        let found = partitions("cpu|up|idle|node1|a\ncpu|up|down*|node2|a\ngpu|down|drained|node3\nwhat is this\n\n");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["cpu", "gpu"]);
        assert!(found["cpu"].is_up && !found["gpu"].is_up);
        assert_eq!((found["cpu"].nodes.len(), found["cpu"].usable()), (2, 1));
        assert_eq!(found["cpu"].hosts, BTreeSet::from(["a".to_owned()]));
        assert_eq!(found["gpu"].hosts, BTreeSet::from(["node3".to_owned()]));
        assert_eq!(found["gpu"].usable(), 0);
    }

    #[test]
    fn controllers_and_accounts_are_read_a_line_each() {
        let text = "Slurmctld(primary) at a is UP\nSlurmctld(backup) at b is DOWN\n***********\n";
        assert_eq!(controllers(text).len(), 2);
        assert_eq!(
            accounts("vision\nvision\n\nlab\n"),
            BTreeSet::from(["lab", "vision"].map(str::to_owned))
        );
    }

    #[test]
    fn without_programs_nothing_is_asked() {
        let found = examine(Some(OsStr::new("/no/such/folder")), true, Duration::from_secs(1));
        assert!(found.programs.values().all(Option::is_none));
        assert_eq!((found.version, found.controllers, found.partitions), (None, None, None));
    }
}
