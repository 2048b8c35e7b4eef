//! A remote that is a folder: what holds for it holds for all, but for what a network can do.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::store::{KeyMaterial, Lookup, Record, Store};

struct Team {
    folder: tempfile::TempDir,
    here: Store,
    there: Store,
    place: Location,
}

impl Team {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [here, there] = ["here", "there"].map(|name| Store::open(&folder.path().join(name)).unwrap());
        let place: Location = format!("file://{}", folder.path().join("team").display())
            .parse()
            .unwrap();
        Remote::make_folder(&place).unwrap();
        Self {
            folder,
            here,
            there,
            place,
        }
    }

    fn remote(&self) -> Remote {
        Remote::open(&self.place, Mode::ReadWrite).unwrap()
    }

    fn object(&self, text: &[u8]) -> PathBuf {
        self.folder
            .path()
            .join("team")
            .join(object_name(&Digest::of_bytes(text)))
    }

    fn record(&self, record: &Record) -> PathBuf {
        self.folder.path().join("team").join(record_name(&record.key))
    }

    /// How many files the remote has.
    fn count(&self) -> usize {
        let objects = self.remote().objects().unwrap().count;
        objects + self.remote().keys().unwrap().len()
    }
}

/// Makes a stage with a file and a folder as outputs.
fn made(store: &Store, number: u32) -> Record {
    let material = KeyMaterial {
        kind: "train".into(),
        version: 1,
        params: json!({ "number": number }),
        inputs: BTreeMap::new(),
    };
    let mut record = Record {
        key: material.key(),
        material,
        stage: format!("stage-{number}"),
        outputs: BTreeMap::new(),
        metrics: BTreeMap::new(),
        notes: Vec::new(),
        seconds: 1.0,
        finished_at: 1,
        run: "r".into(),
        version: "0".into(),
        cpus: 1,
        maker: None,
    };
    let lock = store.lock(&record.key).unwrap();
    let scratch = store.scratch(&record.key);
    fs_err::create_dir_all(scratch.join("data/deep")).unwrap();
    fs_err::write(scratch.join("model"), format!("weights {number}")).unwrap();
    fs_err::write(scratch.join("data/deep/own"), format!("boxes {number}")).unwrap();
    fs_err::write(scratch.join("data/common"), "common").unwrap();
    for name in ["model", "data"] {
        let output = store.ingest(&scratch.join(name)).unwrap();
        record.outputs.insert(name.into(), output);
    }
    store.commit(&lock, &record).unwrap();
    record
}

fn sent(sending: Result<Sending, RemoteError>) -> usize {
    match sending.unwrap() {
        Sending::Done(sent) => sent.objects.count,
        other => panic!("{other:?}"),
    }
}

fn has(remote: &Remote, key: &Digest) -> Answered {
    remote.ask_all(&[*key]).remove(0).unwrap()
}

fn is_hit(store: &Store, record: &Record) -> bool {
    matches!(store.lookup("x", &record.material).unwrap(), Lookup::Hit(found) if found == *record)
}

fn spoil(path: &std::path::Path, content: &str) {
    let _ = fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644));
    fs_err::write(path, content).unwrap();
}

#[test]
fn what_was_sent_is_a_hit_where_it_is_fetched_and_is_not_sent_or_fetched_twice() {
    let team = Team::new();
    let (one, two) = (made(&team.here, 1), made(&team.here, 2));
    let remote = team.remote();
    assert_eq!(has(&remote, &one.key), Answered::HasNot);
    assert_eq!(sent(remote.send(&team.here, &one)), 4);
    assert_eq!(
        sent(remote.send(&team.here, &two)),
        3,
        "what both have in common is there"
    );
    assert_eq!(remote.send(&team.here, &one).unwrap(), Sending::Present);
    let fresh = team.remote();
    assert_eq!(fresh.send(&team.here, &one).unwrap(), Sending::Present);
    let Answered::Has(record) = has(&fresh, &one.key) else {
        panic!()
    };
    assert_eq!(*record, one);
    let fetched = fresh.fetch(&team.there, &record).unwrap();
    assert_eq!(fetched.objects.count, 4);
    fetched.taken.unwrap();
    assert!(is_hit(&team.there, &one));
    let again = fresh.fetch(&team.there, &record).unwrap();
    assert_eq!(again.objects, Part::default());
    assert_eq!(fresh.fetch(&team.there, &two).unwrap().objects.count, 3);
    team.there.settle().unwrap();
    assert!(team.there.verify().unwrap().is_good());
    assert_eq!(fs_err::read_dir(team.there.root().join("tmp")).unwrap().count(), 0);
    let mut keys = remote.keys().unwrap();
    keys.sort();
    let mut expected = [one.key, two.key];
    expected.sort();
    assert_eq!(keys, expected);
    assert_eq!(remote.objects().unwrap().count, 7);
}

#[test]
fn a_large_object_goes_and_comes_in_parts() {
    let team = Team::new();
    let mut record = made(&team.here, 1);
    let large: Vec<u8> = (0..20_000_000_u32).map(|at| (at / 7 % 251) as u8).collect();
    let path = team.folder.path().join("large");
    fs_err::write(&path, &large).unwrap();
    record.outputs.insert("large".into(), team.here.ingest(&path).unwrap());
    team.here
        .commit(&team.here.lock(&record.key).unwrap(), &record)
        .unwrap();
    let remote = team.remote();
    assert_eq!(sent(remote.send(&team.here, &record)), 5);
    assert_eq!(fs_err::metadata(team.object(&large)).unwrap().len(), 20_000_000);
    let fetched = remote.fetch(&team.there, &record).unwrap();
    assert!(fetched.objects.bytes > 20_000_000);
    fetched.taken.unwrap();
    assert!(is_hit(&team.there, &record));
    // Changed in the middle, and cut.
    let mut other = large.clone();
    other[15_000_000] ^= 1;
    for wrong in [&other[..], &large[..19_000_000]] {
        let elsewhere = Store::open(&team.folder.path().join("elsewhere")).unwrap();
        let path = team.object(&large);
        let _ = fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644));
        fs_err::write(&path, wrong).unwrap();
        let why = remote
            .fetch(&elsewhere, &record)
            .unwrap()
            .taken
            .unwrap_err()
            .to_string();
        assert!(why.contains("output `large`") && why.contains("is damaged"), "{why}");
        assert!(!is_hit(&elsewhere, &record));
    }
}

#[test]
fn what_is_damaged_or_missing_is_refused_and_sent_anew_by_whoever_has_it() {
    for (text, content) in [
        ("weights 1", Some("weights !")),
        ("weights 1", Some("weights 1 and more")),
        ("boxes 1", Some("")),
        ("boxes 1", None),
        ("common", None),
    ] {
        let team = Team::new();
        let record = made(&team.here, 1);
        let remote = team.remote();
        sent(remote.send(&team.here, &record));
        let path = team.object(text.as_bytes());
        match content {
            Some(content) => spoil(&path, content),
            None => fs_err::remove_file(&path).unwrap(),
        }
        let why = remote
            .fetch(&team.there, &record)
            .unwrap()
            .taken
            .unwrap_err()
            .to_string();
        let how = if content.is_some() {
            "is damaged"
        } else {
            "is not there"
        };
        assert!(why.contains(how), "{why}");
        assert!(!is_hit(&team.there, &record));
        assert!(team.there.verify().unwrap().is_good(), "nothing damaged has come in");
        // The stage is made again, and what that gave takes the place of what was damaged.
        let again = made(&team.there, 1);
        assert_eq!(sent(remote.send(&team.there, &again)), 1, "{text}");
        assert_eq!(fs_err::read_to_string(&path).unwrap(), text);
        let third = Store::open(&team.folder.path().join("third")).unwrap();
        team.remote().fetch(&third, &record).unwrap().taken.unwrap();
    }
}

#[test]
fn a_list_of_files_that_is_damaged_or_missing_is_refused_and_sent_anew() {
    for is_missing in [true, false] {
        let team = Team::new();
        let record = made(&team.here, 1);
        let remote = team.remote();
        sent(remote.send(&team.here, &record));
        let name = object_name(&record.outputs["data"].digest);
        let path = team.folder.path().join("team").join(name);
        if is_missing {
            fs_err::remove_file(&path).unwrap();
        } else {
            spoil(&path, "asm-pipe folder 1\n");
        }
        let why = remote
            .fetch(&team.there, &record)
            .unwrap()
            .taken
            .unwrap_err()
            .to_string();
        assert!(why.contains("output `data`"), "{why}");
        assert_eq!(sent(remote.send(&team.here, &record)), 1);
        remote.fetch(&team.there, &record).unwrap().taken.unwrap();
    }
}

#[test]
fn a_damaged_record_is_none_and_is_written_anew() {
    let team = Team::new();
    let record = made(&team.here, 1);
    let remote = team.remote();
    sent(remote.send(&team.here, &record));
    spoil(&team.record(&record), "{}");
    assert_eq!(has(&remote, &record.key), Answered::Damaged);
    remote.doubt(&record.key);
    assert_eq!(sent(remote.send(&team.here, &record)), 0);
    assert!(matches!(has(&remote, &record.key), Answered::Has(_)));
}

#[test]
fn a_record_is_sent_after_everything_that_it_needs() {
    let team = Team::new();
    let record = made(&team.here, 1);
    // In the way of one of the objects: that one cannot be sent.
    let blocked = team.object(b"boxes 1");
    fs_err::create_dir_all(blocked.join("in the way")).unwrap();
    let remote = team.remote();
    assert!(remote.send(&team.here, &record).is_err());
    assert_eq!(has(&remote, &record.key), Answered::HasNot);
    assert!(
        !team
            .folder
            .path()
            .join("team")
            .join(object_name(&record.outputs["data"].digest))
            .exists()
    );
    let before = team.count();
    fs_err::remove_dir_all(&blocked).unwrap();
    let news = sent(team.remote().send(&team.here, &record));
    assert_eq!(news, 4 - before, "what had been sent is not sent again");
}

#[test]
fn what_is_not_whole_here_is_not_sent() {
    let team = Team::new();
    let record = made(&team.here, 1);
    fs_err::remove_file(team.here.object_file(&Digest::of_bytes(b"boxes 1"))).unwrap();
    let sending = team.remote().send(&team.here, &record).unwrap();
    assert!(matches!(sending, Sending::LeftOut(_)), "{sending:?}");
    assert_eq!(team.count(), 0);
}

#[test]
fn many_are_sent_and_fetched_by_two_at_once_and_nothing_is_lost() {
    let team = Team::new();
    let records: Vec<Record> = (0..40).map(|number| made(&team.here, number)).collect();
    for record in &records[20..] {
        made(&team.there, record.material.params["number"].as_u64().unwrap() as u32);
    }
    std::thread::scope(|scope| {
        for (store, part) in [(&team.here, &records[..]), (&team.there, &records[20..])] {
            let remote = team.remote();
            scope.spawn(move || {
                remote.send_all(store, part, &|record, done| {
                    assert!(done.is_ok(), "{}: {done:?}", record.stage);
                });
            });
        }
    });
    let third = Store::open(&team.folder.path().join("third")).unwrap();
    team.remote()
        .fetch_all(&third, &records, &|_, fetched| drop(fetched.unwrap().taken.unwrap()));
    assert!(records.iter().all(|record| third.holds_whole(&record.key).unwrap()));
    assert!(third.verify().unwrap().is_good());
}

#[test]
fn a_folder_that_is_not_there_and_a_later_format_are_told_as_what_they_are() {
    let team = Team::new();
    let absent: Location = "file:///no/such/folder".parse().unwrap();
    let error = Remote::open(&absent, Mode::ReadOnly).unwrap_err();
    assert!(matches!(error, RemoteError::Absent { .. }), "{error}");
    fs_err::write(team.folder.path().join("team/asm-pipe-remote"), "2\n").unwrap();
    let record = made(&team.here, 1);
    for error in [
        team.remote().check().unwrap_err(),
        team.remote().ask_all(&[record.key]).remove(0).unwrap_err(),
        team.remote().send(&team.here, &record).unwrap_err(),
    ] {
        assert!(error.to_string().contains("has format `2`"), "{error}");
    }
}

#[test]
fn after_a_cancel_nothing_is_asked() {
    let team = Team::new();
    let record = made(&team.here, 1);
    let remote = team.remote();
    remote.cancel();
    assert!(matches!(remote.send(&team.here, &record), Err(RemoteError::Cancelled)));
    assert_eq!(team.count(), 0);
}
