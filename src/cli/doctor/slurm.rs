//! Slurm: its programs, its controller, what the configuration asks of it, and whether its machines can see what jobs need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::finding::Finding;
use crate::project;
use crate::run::slurm::{Examined, Partition, examine};
use crate::store::Disk;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Whether runs go there.
    is_wanted: bool,
    settings: project::Slurm,
    examined: Examined,
    /// This machine's name.
    host: String,
    /// What jobs need to see, and where that is.
    needed: Vec<(&'static str, PathBuf, Disk)>,
}

/// Asks Slurm, for so long at most.
pub(super) fn look(is_wanted: bool, settings: project::Slurm, store: &Path, patience: Duration) -> Facts {
    let with_accounts = requests(&settings).any(|(_, request)| request.account.is_some());
    let host = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let store = std::path::absolute(store).unwrap_or_else(|_| store.to_owned());
    let program = std::env::current_exe().unwrap_or_default();
    let needed = [("the store", store), ("this program", program)].map(|(what, path)| {
        let there = path.ancestors().find(|path| path.exists());
        let disk = there.map(Disk::of).unwrap_or_default();
        (what, path, disk)
    });
    Facts {
        is_wanted,
        examined: examine(std::env::var_os("PATH").as_deref(), with_accounts, patience),
        settings,
        host: host.trim().to_owned(),
        needed: needed.into(),
    }
}

/// What is asked for: for all jobs, then by kind.
fn requests(settings: &project::Slurm) -> impl Iterator<Item = (String, project::Request)> {
    let kinds = settings.kinds.keys();
    let kinds: Vec<_> = kinds
        .map(|kind| (format!("jobs of `{kind}`"), settings.request(kind)))
        .collect();
    std::iter::once(("jobs".to_owned(), settings.request.clone())).chain(kinds)
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let is_set = facts.settings != project::Slurm::default();
    let is_there = facts.examined.programs.values().any(Option::is_some);
    if !facts.is_wanted && !is_set && !is_there {
        return vec![Finding::ok(
            "use",
            "runs stay on this machine, and it has no programs of Slurm",
        )];
    }
    let mut findings = vec![Finding::ok(
        "use",
        match facts.is_wanted {
            true => "runs go there",
            false => "runs stay on this machine, unless `--executor slurm` is given",
        },
    )];
    findings.extend(programs(facts));
    findings.extend(controllers(facts));
    match &facts.examined.partitions {
        Some(Ok(partitions)) => findings.extend(of_partitions(facts, partitions)),
        Some(Err(why)) => findings.push(Finding::warning("partitions", why.as_str(), "see what `sinfo` says")),
        None => {}
    }
    findings.extend(
        facts
            .examined
            .accounts
            .as_ref()
            .and_then(|accounts| of_accounts(facts, accounts)),
    );
    findings
}

fn programs(facts: &Facts) -> Vec<Finding> {
    let programs = &facts.examined.programs;
    let lacking = |name: &&&str| programs.get(**name).is_none_or(Option::is_none);
    let needed = ["sbatch", "squeue", "scontrol", "scancel"];
    let lacking: Vec<&str> = needed.iter().filter(lacking).copied().collect();
    if !lacking.is_empty() {
        return vec![Finding::problem_if(
            facts.is_wanted,
            "programs",
            format!("not on PATH: {}", lacking.join(", ")),
            "run on a machine that can submit jobs, load the module that has them, or keep the run here with `--executor local`",
        )];
    }
    let place = programs["sbatch"].as_ref().and_then(|path| path.parent());
    let place = place.map_or_else(String::new, |place| format!("in {}", place.display()));
    match &facts.examined.version {
        Some(Err(why)) => vec![Finding::problem_if(
            facts.is_wanted,
            "programs",
            format!("{place}; {why}"),
            "Slurm is installed here but not set up: is there a slurm.conf, or does SLURM_CONF name it? `sbatch --version` asks it",
        )],
        Some(Ok(version)) => vec![Finding::ok("programs", format!("{version}, {place}"))],
        None => Vec::new(),
    }
}

fn controllers(facts: &Facts) -> Option<Finding> {
    let hint = "is slurmctld up, and does slurm.conf (or SLURM_CONF) name its machine? is munge running here? `scontrol ping` asks it";
    let wrong = |said: String| Finding::problem_if(facts.is_wanted, "controller", said, hint);
    Some(match facts.examined.controllers.as_ref()? {
        Err(why) => wrong(why.clone()),
        Ok(said) if said.iter().any(|line| line.ends_with("UP")) => Finding::ok("controller", said.join("\n")),
        Ok(said) => wrong(match said.as_slice() {
            [] => "it does not say whether it is up".to_owned(),
            said => said.join("\n"),
        }),
    })
}

fn of_partitions(facts: &Facts, partitions: &BTreeMap<String, Partition>) -> Vec<Finding> {
    let known = || partitions.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for (what, request) in requests(&facts.settings) {
        let Some(names) = request.partition.filter(|names| told.insert(names.clone())) else {
            continue;
        };
        // Slurm takes a list, of which the first that is free is used.
        for name in names.split(',') {
            findings.push(match partitions.get(name) {
                None => Finding::problem_if(
                    facts.is_wanted,
                    "partition",
                    format!("{what} ask for `{name}`, and there is no such partition"),
                    format!(
                        "set `partition` under `[slurm]` in asm-pipe.toml to one of: {}",
                        known()
                    ),
                ),
                Some(partition) => of_partition(name, partition),
            });
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("partitions", known()));
    }
    findings.extend(seen(facts, partitions));
    findings
}

fn of_partition(name: &str, partition: &Partition) -> Finding {
    let (all, usable) = (partition.nodes.len(), partition.usable());
    let said = format!("`{name}`: {usable} of {all} nodes can be used");
    match (partition.is_up, usable) {
        (false, _) => Finding::warning(
            "partition",
            format!("`{name}` is not up: jobs wait until it is"),
            "ask those who run the cluster, or set another `partition` under `[slurm]`",
        ),
        (true, 0) => Finding::warning(
            "partition",
            said,
            "jobs wait until one comes back; `sinfo -R` says why they are out of use",
        ),
        (true, _) => Finding::ok("partition", said),
    }
}

/// Whether the machines of the cluster can be expected to see what jobs need.
fn seen(facts: &Facts, partitions: &BTreeMap<String, Partition>) -> Vec<Finding> {
    let mut hosts = partitions.values().flat_map(|partition| partition.hosts.iter());
    let own = |host: &String| host.split('.').next() == facts.host.split('.').next();
    let is_all_here = hosts.all(own);
    let judged = facts.needed.iter().map(|(what, path, disk)| {
        let place = format!("{what}, {}, is on {}", path.display(), disk.kind);
        if is_all_here || disk.is_shared() || disk.kind.is_empty() {
            return Finding::ok("seen by jobs", place);
        }
        let said = format!("{place}: other machines may not see it");
        let hint = "jobs need it at the same path: put it on a file system that the cluster shares, unless this one is";
        match facts.is_wanted {
            true => Finding::warning("seen by jobs", said, hint),
            false => Finding::ok("seen by jobs", said),
        }
    });
    judged.collect()
}

fn of_accounts(facts: &Facts, accounts: &Result<BTreeSet<String>, String>) -> Option<Finding> {
    let wanted: BTreeSet<String> = requests(&facts.settings)
        .filter_map(|(_, request)| request.account)
        .collect();
    let accounts = match accounts {
        Ok(accounts) if !accounts.is_empty() => accounts,
        // Without accounting, or without leave to look at it, any name may do.
        _ => {
            return Some(Finding::ok(
                "account",
                "cannot be checked: accounting does not say which you have",
            ));
        }
    };
    let unknown: Vec<String> = wanted.difference(accounts).map(|name| format!("`{name}`")).collect();
    let known = accounts.iter().cloned().collect::<Vec<_>>().join(", ");
    Some(match unknown.is_empty() {
        true => Finding::ok("account", known),
        false => Finding::problem_if(
            facts.is_wanted,
            "account",
            format!("you have no account {}", unknown.join(", ")),
            format!("set `account` under `[slurm]` in asm-pipe.toml to one of: {known}"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::project::Request;

    fn facts() -> Facts {
        let programs = ["sbatch", "squeue", "scontrol", "scancel", "sacct"];
        let node = |name: &str, state: &str| (name.to_owned(), state.to_owned());
        let partition = Partition {
            is_up: true,
            nodes: [node("n1", "idle"), node("n2", "down*")].into(),
            hosts: ["n1.lab", "n2.lab"].map(str::to_owned).into(),
        };
        Facts {
            is_wanted: true,
            settings: project::Slurm {
                request: Request {
                    partition: Some("cpu".to_owned()),
                    account: Some("vision".to_owned()),
                    ..Request::default()
                },
                ..project::Slurm::default()
            },
            examined: Examined {
                programs: programs
                    .map(|name| (name, Some(PathBuf::from("/usr/bin").join(name))))
                    .into(),
                version: Some(Ok("slurm 23.11.4".to_owned())),
                controllers: Some(Ok(vec!["Slurmctld(primary) at head is UP".to_owned()])),
                partitions: Some(Ok([("cpu".to_owned(), partition)].into())),
                accounts: Some(Ok(["vision".to_owned()].into())),
            },
            host: "head".to_owned(),
            needed: vec![(
                "the store",
                "/shared/s".into(),
                Disk {
                    kind: "nfs4".to_owned(),
                    ..Disk::default()
                },
            )],
        }
    }

    /// What is not as it should be: name, level, and what is said.
    fn wrong(change: impl FnOnce(&mut Facts)) -> Vec<(String, Level, String)> {
        let mut facts = facts();
        change(&mut facts);
        let found = judge(&facts).into_iter().filter(|finding| finding.level != Level::Ok);
        found
            .map(|finding| (finding.name, finding.level, finding.said))
            .collect()
    }

    fn one(found: &[(String, Level, String)], name: &str, level: Level, part: &str) {
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0.as_str(), found[0].1), (name, level), "{found:?}");
        assert!(found[0].2.contains(part), "{found:?}");
    }

    #[test]
    fn a_cluster_that_has_what_is_asked_for_is_fine() {
        assert_eq!(wrong(|_| {}), []);
    }

    #[test]
    fn without_slurm_that_is_fine_as_long_as_nobody_wants_it() {
        let found = judge(&Facts::default());
        assert_eq!((found.len(), found[0].level), (1, Level::Ok));
        let found = wrong(|facts| facts.examined = Examined::default());
        one(&found, "programs", Level::Problem, "not on PATH: sbatch");
        let found = wrong(|facts| {
            facts.examined = Examined::default();
            facts.is_wanted = false;
        });
        one(&found, "programs", Level::Warning, "sbatch");
    }

    #[test]
    fn a_controller_that_is_down_or_silent_is_a_problem() {
        let down = Some(Ok(vec!["Slurmctld(primary) at head is DOWN".to_owned()]));
        one(
            &wrong(|facts| facts.examined.controllers = down),
            "controller",
            Level::Problem,
            "DOWN",
        );
        let silent = Some(Err("`scontrol` did not answer within 5 s".to_owned()));
        one(
            &wrong(|facts| facts.examined.controllers = silent),
            "controller",
            Level::Problem,
            "5 s",
        );
        let unset = Some(Err("`sbatch` said: fatal: no slurm.conf".to_owned()));
        one(
            &wrong(|facts| facts.examined.version = unset),
            "programs",
            Level::Problem,
            "fatal",
        );
    }

    #[test]
    fn what_is_asked_for_and_not_there_is_told_for_each_kind() {
        let request = |name: &str| Request {
            partition: Some(name.to_owned()),
            ..Request::default()
        };
        let found = wrong(|facts| drop(facts.settings.kinds.insert("train".to_owned(), request("gpu"))));
        one(&found, "partition", Level::Problem, "jobs of `train` ask for `gpu`");
        let found = wrong(|facts| facts.settings.request.account = Some("lab".to_owned()));
        one(&found, "account", Level::Problem, "`lab`");
        let found = wrong(|facts| facts.examined.accounts = Some(Err("no accounting".to_owned())));
        assert_eq!(found, []);
    }

    #[test]
    fn a_partition_that_starts_nothing_is_doubtful() {
        let change = |facts: &mut Facts, change: &dyn Fn(&mut Partition)| {
            let partitions = facts.examined.partitions.as_mut().unwrap().as_mut().unwrap();
            change(partitions.get_mut("cpu").unwrap());
        };
        let found = wrong(|facts| change(facts, &|partition| partition.is_up = false));
        one(&found, "partition", Level::Warning, "not up");
        let found = wrong(|facts| change(facts, &|partition| drop(partition.nodes.remove("n1"))));
        one(&found, "partition", Level::Warning, "0 of 1");
    }

    #[test]
    fn a_local_disk_is_doubtful_unless_the_cluster_is_this_machine() {
        let local = |facts: &mut Facts| facts.needed[0].2.kind = "ext4".to_owned();
        one(&wrong(local), "seen by jobs", Level::Warning, "ext4");
        let found = wrong(|facts| {
            local(facts);
            facts.host = "n1.lab".to_owned();
            let partitions = facts.examined.partitions.as_mut().unwrap().as_mut().unwrap();
            partitions.get_mut("cpu").unwrap().hosts.remove("n2.lab");
        });
        assert_eq!(found, []);
    }
}
