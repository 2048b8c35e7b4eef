//! The store's place: what is there, whether it can be written, and whether its file system does what a store needs.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::finding::Finding;
use crate::cli::figures;
use crate::store::{Disk, Examined, Inventory, Locks, Place, Store, Trial, examine};

/// So much is soon full: a model of a large detector is 160 MB, and a training keeps some.
const LITTLE: u64 = 5 << 30;
const NEARLY_NONE: u64 = 200 << 20;
const FEW_FILES: u64 = 10_000;

/// Clocks that are further apart than this many seconds.
const APART: f64 = 1.0;

/// What was found.
#[derive(Debug)]
pub(super) struct Facts {
    path: PathBuf,
    examined: Examined,
    size: Option<Inventory>,
}

/// Looks at a place. Its content is counted for so long at most.
pub(super) fn look(path: &Path, patience: Duration) -> Facts {
    let examined = examine(path);
    let size = match examined.place {
        Place::Store => inventory(path.to_owned(), patience),
        Place::Absent | Place::Wrong(_) => None,
    };
    Facts {
        path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        examined,
        size,
    }
}

fn inventory(path: PathBuf, patience: Duration) -> Option<Inventory> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        if let Ok(Some(store)) = Store::open_existing(&path) {
            // Nobody may wait for it any more.
            let _ = sender.send(store.inventory());
        }
    });
    receiver.recv_timeout(patience).ok()
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let examined = &facts.examined;
    let mut findings = vec![place(&facts.path, &examined.place)];
    if matches!(examined.place, Place::Wrong(_)) {
        return findings;
    }
    findings.push(file_system(&examined.disk));
    findings.extend(examined.disk.free.map(|free| space(free, examined.disk.free_files)));
    findings.push(writing(examined));
    if let Ok(trial) = &examined.trial {
        findings.push(locks(trial, &examined.disk));
        findings.push(links(trial));
        findings.push(clock(trial.ahead));
    }
    if matches!(examined.place, Place::Store) {
        findings.extend(content(facts.size.as_ref()));
    }
    findings
}

fn place(path: &Path, place: &Place) -> Finding {
    let path = path.display();
    match place {
        Place::Store => Finding::ok("place", path.to_string()),
        Place::Absent => Finding::ok("place", format!("{path}: there is none yet, the first run makes it")),
        Place::Wrong(error) => Finding::problem(
            "place",
            error.to_string(),
            error
                .hints()
                .pop()
                .unwrap_or_else(|| "choose another place with `--store`".to_owned()),
        ),
    }
}

fn file_system(disk: &Disk) -> Finding {
    let said = match disk.kind.as_str() {
        "" => "the system does not say which".to_owned(),
        kind => format!("{kind}, mounted at {}", disk.mount.display()),
    };
    match disk.is_in_memory() {
        true => Finding::warning(
            "file system",
            format!("{said}: what is in it is lost when the machine is started anew"),
            "put the store on a disk with `--store`, unless that is meant",
        ),
        false => Finding::ok("file system", said),
    }
}

fn space(free: u64, files: Option<u64>) -> Finding {
    let said = format!("{} free", figures::size(free));
    let hint = "free some: `asm-pipe cache gc` removes what no kept run needs; or put the store on another disk with `--store`";
    match (free, files) {
        (_, Some(files)) if files < FEW_FILES => {
            Finding::warning("space", format!("{said}, but for {files} files only"), hint)
        }
        (free, _) if free < NEARLY_NONE => Finding::problem("space", said, hint),
        (free, _) if free < LITTLE => Finding::warning("space", said, hint),
        _ => Finding::ok("space", said),
    }
}

fn writing(examined: &Examined) -> Finding {
    let hint = "check who owns it and how it is mounted, or use another store with `--store`";
    match (&examined.trial, examined.closed.as_slice()) {
        (Err(error), _) => Finding::problem("writing", format!("nothing can be written: {error}"), hint),
        (Ok(_), []) => Finding::ok("writing", "files can be made and removed"),
        (Ok(_), [first, rest @ ..]) => {
            let more = match rest.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            Finding::problem(
                "writing",
                format!("you may not write to `{}`{more}", first.display()),
                "those who share a store need a group and a umask (`umask 002`, `chmod -R g+ws`) by which all may write",
            )
        }
    }
}

fn locks(trial: &Trial, disk: &Disk) -> Finding {
    let hint = "with two runs at once stages could be made twice and records damaged: mount it with locks (NFS 4, Lustre with `-o flock`), \
                or put the store elsewhere with `--store`";
    match (&trial.locks, disk.keeps_locks_to_itself()) {
        (Locks::Work, None) => Finding::ok("locks", "who has a lock keeps others out"),
        (Locks::Work, Some(option)) => Finding::warning(
            "locks",
            format!(
                "who has a lock keeps others out on this machine, but not on other machines (mounted with `{option}`)"
            ),
            hint,
        ),
        (Locks::Shared, _) => Finding::problem("locks", "two have the same lock at once", hint),
        (Locks::Refused(error), _) => Finding::problem("locks", format!("there are none: {error}"), hint),
    }
}

fn links(trial: &Trial) -> Finding {
    let copies = match trial.shares_blocks {
        true => "copies share their blocks",
        false => "copies take room (no reflinks)",
    };
    match &trial.links {
        Ok(()) => Finding::ok("links", format!("hard links can be made; {copies}")),
        Err(error) => Finding::warning(
            "links",
            format!("no hard links can be made ({error}); {copies}"),
            "the store works, but what stages read of it is copied: another file system saves that time and room",
        ),
    }
}

fn clock(ahead: f64) -> Finding {
    if ahead.abs() < APART {
        return Finding::ok("clock", "the file system's and the machine's agree");
    }
    let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
    Finding::warning(
        "clock",
        format!(
            "the file system's is {} {direction} the machine's",
            figures::duration(ahead.abs())
        ),
        "a file that changes within that time of being read could be missed: have both machines set their clocks (chrony, NTP)",
    )
}

fn content(size: Option<&Inventory>) -> Vec<Finding> {
    let Some(size) = size else {
        return vec![Finding::ok(
            "size",
            "too much to be counted here; `asm-pipe cache size` counts it",
        )];
    };
    let (records, objects) = (size.records.count, size.objects.count);
    let said = format!("{}: {records} records, {objects} objects", figures::size(size.bytes()));
    let mut findings = vec![Finding::ok("size", said)];
    if size.damaged.count > 0 {
        findings.push(Finding::warning(
            "damaged",
            format!(
                "{} files were not what their names say, and were set aside",
                size.damaged.count
            ),
            "`asm-pipe cache repair PIPELINE..` makes again what is lost; if it happens again, have the disk checked",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::store::{Part, StoreError};

    fn facts() -> Facts {
        let disk = Disk {
            kind: "ext4".to_owned(),
            free: Some(1 << 40),
            free_files: Some(1 << 20),
            ..Disk::default()
        };
        let trial = Trial {
            locks: Locks::Work,
            links: Ok(()),
            shares_blocks: false,
            ahead: -0.004,
        };
        Facts {
            path: "/s".into(),
            examined: Examined {
                place: Place::Store,
                folder: "/s".into(),
                disk,
                closed: Vec::new(),
                trial: Ok(trial),
            },
            size: Some(Inventory::default()),
        }
    }

    /// What is not as it should be, by name.
    fn wrong(change: impl FnOnce(&mut Facts)) -> Vec<(String, Level)> {
        let mut facts = facts();
        change(&mut facts);
        let found = judge(&facts).into_iter().filter(|finding| finding.level != Level::Ok);
        found.map(|finding| (finding.name, finding.level)).collect()
    }

    fn trial(facts: &mut Facts) -> &mut Trial {
        facts.examined.trial.as_mut().unwrap()
    }

    fn only(name: &str, level: Level) -> Vec<(String, Level)> {
        vec![(name.to_owned(), level)]
    }

    #[test]
    fn a_store_on_a_good_disk_is_fine_and_so_is_none_yet() {
        assert_eq!(wrong(|_| {}), []);
        assert_eq!(wrong(|facts| facts.examined.place = Place::Absent), []);
    }

    #[test]
    fn what_is_no_store_is_a_problem_and_the_rest_is_not_told() {
        let found = wrong(|facts| {
            facts.examined.place = Place::Wrong(StoreError::Newer {
                path: "/s".into(),
                found: 7,
                known: 1,
            });
            facts.examined.disk.free = Some(0);
        });
        assert_eq!(found, only("place", Level::Problem));
    }

    #[test]
    fn locks_that_do_not_keep_others_out_are_a_problem_and_those_of_one_machine_are_doubtful() {
        assert_eq!(
            wrong(|facts| trial(facts).locks = Locks::Shared),
            only("locks", Level::Problem)
        );
        let refused = Locks::Refused("no locks available".to_owned());
        assert_eq!(
            wrong(|facts| trial(facts).locks = refused),
            only("locks", Level::Problem)
        );
        let local = |facts: &mut Facts| {
            facts.examined.disk.kind = "nfs".to_owned();
            facts.examined.disk.options = vec!["nolock".to_owned()];
        };
        assert_eq!(wrong(local), only("locks", Level::Warning));
    }

    #[test]
    fn space_clocks_links_memory_and_damage_are_judged_by_how_much() {
        assert_eq!(
            wrong(|facts| facts.examined.disk.free = Some(1 << 30)),
            only("space", Level::Warning)
        );
        assert_eq!(
            wrong(|facts| facts.examined.disk.free = Some(0)),
            only("space", Level::Problem)
        );
        assert_eq!(
            wrong(|facts| facts.examined.disk.free_files = Some(3)),
            only("space", Level::Warning)
        );
        assert_eq!(wrong(|facts| trial(facts).ahead = -90.0), only("clock", Level::Warning));
        assert_eq!(
            wrong(|facts| trial(facts).links = Err("no".to_owned())),
            only("links", Level::Warning)
        );
        assert_eq!(
            wrong(|facts| facts.examined.disk.kind = "tmpfs".to_owned()),
            only("file system", Level::Warning)
        );
        let damaged = |facts: &mut Facts| facts.size.as_mut().unwrap().damaged = Part { count: 2, bytes: 9 };
        assert_eq!(wrong(damaged), only("damaged", Level::Warning));
    }

    #[test]
    fn a_place_that_is_not_to_be_written_is_a_problem() {
        let closed = |facts: &mut Facts| facts.examined.closed = vec!["/s/objects/ab".into()];
        assert_eq!(wrong(closed), only("writing", Level::Problem));
        let read_only = |facts: &mut Facts| facts.examined.trial = Err("Read-only file system".to_owned());
        assert_eq!(wrong(read_only), only("writing", Level::Problem));
    }
}
