use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::super::super::test_support::{World, make, node, plan, told_of, under};
use super::super::super::{End, Event, Moment, RunError, Summary};
use crate::remote::{Location, Mode, Remote};

/// A folder that stands for a remote.
fn team() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A store of its own with this remote.
fn member(team: &Path, mode: Mode) -> World {
    let place: Location = format!("file://{}", team.display()).parse().unwrap();
    let mut world = World::new();
    world.options.remote = Some(Arc::new(Remote::open(&place, mode).unwrap()));
    world
}

fn ends(summary: &Summary) -> Vec<End> {
    summary.nodes.iter().map(|node| node.end).collect()
}

fn warnings(told: &[Moment]) -> Vec<String> {
    let warned = told.iter().filter_map(|moment| match &moment.what {
        Event::RemoteWarned { message, .. } => Some(message.clone()),
        _ => None,
    });
    warned.collect()
}

/// The files below a folder of the remote.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn chain() -> crate::plan::Plan {
    plan([make("a", &[]), make("b", &[0]), make("c", &[0, 1])])
}

#[test]
fn what_one_has_made_is_fetched_by_the_other_and_nothing_runs() {
    let team = team();
    let first = member(team.path(), Mode::ReadWrite);
    let (made, told) = first.run(&chain());
    assert_eq!((ends(&made), warnings(&told)), (vec![End::Ran; 3], Vec::new()));
    let second = member(team.path(), Mode::ReadWrite);
    let (fetched, told) = second.run(&chain());
    assert_eq!((ends(&fetched), warnings(&told)), (vec![End::Cached; 3], Vec::new()));
    assert_eq!(second.take_calls(), [""; 0]);
    assert_eq!(told_of(&told, "b"), ["stage-fetched", "stage-cached"]);
    assert_eq!(second.text(&fetched, 2), "aabc");
    for (made, fetched) in made.nodes.iter().zip(&fetched.nodes) {
        assert_eq!(made.record, fetched.record, "also who made it, when and where");
    }
    assert!(second.store.verify().unwrap().is_good());
    // What is at hand is not asked for.
    fs_err::remove_dir_all(team.path()).unwrap();
    let (_, told) = second.run(&chain());
    assert_eq!(
        (told_of(&told, "b"), warnings(&told)),
        (vec!["stage-cached".to_owned()], Vec::new())
    );
}

#[test]
fn who_has_only_a_part_runs_the_rest_and_sends_it() {
    let team = team();
    member(team.path(), Mode::ReadWrite).run(&plan([make("a", &[]), make("b", &[0])]));
    let second = member(team.path(), Mode::ReadWrite);
    let (summary, _) = second.run(&chain());
    assert_eq!(ends(&summary), [End::Cached, End::Cached, End::Ran]);
    assert_eq!(second.take_calls(), ["c"]);
    let (summary, _) = member(team.path(), Mode::ReadOnly).run(&chain());
    assert_eq!(ends(&summary), [End::Cached; 3]);
}

#[test]
fn a_remote_that_is_only_read_stays_as_it_is() {
    let team = team();
    member(team.path(), Mode::ReadOnly).run(&chain());
    assert_eq!(files(team.path()).len(), 0);
}

#[test]
fn rounds_that_a_guard_stops_end_alike_from_a_remote() {
    let team = team();
    let guard = |stop: bool, input| node("until", "guard", json!({"stop": stop}), &[input]);
    let plan = || {
        plan([
            make("one", &[]),
            guard(false, 0),
            under(1, make("two", &[])),
            guard(true, 2),
            under(3, make("three", &[])),
        ])
    };
    for end in [End::Ran, End::Cached] {
        let (summary, _) = member(team.path(), Mode::ReadWrite).run(&plan());
        assert_eq!(ends(&summary), [end, end, end, end, End::Pruned]);
    }
}

#[test]
fn equal_stages_are_fetched_once_and_many_at_once() {
    let team = team();
    let many = || {
        let same = (0..20).map(|at| node(&format!("same-{at}"), "make", json!({"word": "same"}), &[]));
        let other = (0..200).map(|at| make(&format!("w{at}"), &[]));
        plan(same.chain(other))
    };
    member(team.path(), Mode::ReadWrite).run(&many());
    let second = member(team.path(), Mode::ReadWrite);
    let (summary, told) = second.run(&many());
    assert!(ends(&summary).iter().all(|end| *end == End::Cached));
    let fetched = told
        .iter()
        .filter(|moment| matches!(moment.what, Event::StageFetched { .. }));
    assert_eq!(fetched.count(), 201);
    assert_eq!(second.take_calls(), [""; 0]);
}

#[test]
fn a_damaged_object_is_refused_and_told_and_the_stage_runs_and_heals_it() {
    let team = team();
    let (made, _) = member(team.path(), Mode::ReadWrite).run(&chain());
    let digest = made.nodes[1].record.as_ref().unwrap().outputs["out"].digest.to_string();
    let path = team.path().join("objects").join(&digest[..2]).join(&digest[2..]);
    fs_err::write(&path, "xx").unwrap();
    let second = member(team.path(), Mode::ReadWrite);
    let (summary, told) = second.run(&chain());
    assert_eq!(ends(&summary), [End::Cached, End::Ran, End::Cached]);
    let warned = warnings(&told);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(
        warned[0].contains("`b` of the remote `file://") && warned[0].contains("is damaged"),
        "{warned:?}"
    );
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "ab");
    assert!(second.store.verify().unwrap().is_good());
}

#[test]
fn a_damaged_record_is_refused_and_told_and_written_anew() {
    let team = team();
    member(team.path(), Mode::ReadWrite).run(&chain());
    for path in files(&team.path().join("records")) {
        fs_err::write(path, "{}").unwrap();
    }
    let (summary, told) = member(team.path(), Mode::ReadWrite).run(&chain());
    assert_eq!(ends(&summary), [End::Ran; 3]);
    assert_eq!(warnings(&told).len(), 3);
    let (summary, told) = member(team.path(), Mode::ReadWrite).run(&chain());
    assert_eq!((ends(&summary), warnings(&told)), (vec![End::Cached; 3], Vec::new()));
}

#[test]
fn a_remote_that_cannot_be_asked_is_told_of_once_and_the_run_goes_on_unless_asked_otherwise() {
    let team = team();
    fs_err::write(team.path().join("asm-pipe-remote"), "99\n").unwrap();
    let many = || plan((0..30).map(|at| make(&format!("w{at}"), &[])));
    let (summary, told) = member(team.path(), Mode::ReadOnly).run(&many());
    assert!(ends(&summary).iter().all(|end| *end == End::Ran));
    let warned = warnings(&told);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("has format `99`"), "{warned:?}");
    let mut strict = member(team.path(), Mode::ReadOnly);
    strict.options.remote_required = true;
    let error = strict.run_with(&many(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, RunError::Remote(_)), "{error}");
}

#[test]
fn what_cannot_be_sent_is_told_at_the_end_and_fails_nothing() {
    let team = team();
    // In the way of every record.
    fs_err::write(team.path().join("records"), "").unwrap();
    let world = member(team.path(), Mode::ReadWrite);
    let (summary, told) = world.run(&plan([make("a", &[])]));
    assert_eq!((ends(&summary), summary.counts.failed), (vec![End::Ran], 0));
    let last = &told[told.len() - 2].what;
    let Event::RemoteWarned { message, hints } = last else {
        panic!("{last:?}")
    };
    assert!(message.contains("`a` was not sent"), "{message}");
    assert!(hints.iter().any(|hint| hint.contains("cache push")), "{hints:?}");
}

#[test]
fn what_is_forced_is_made_and_what_failed_is_not_sent() {
    let team = team();
    member(team.path(), Mode::ReadWrite).run(&chain());
    let mut world = member(team.path(), Mode::ReadWrite);
    world.options.force = vec!["b".to_owned()];
    let (summary, _) = world.run(&chain());
    assert_eq!(ends(&summary), [End::Cached, End::Ran, End::Cached]);
    let before = files(team.path()).len();
    let failing = plan([make("a", &[]), node("f", "fail", json!({}), &[0])]);
    member(team.path(), Mode::ReadWrite).run(&failing);
    assert_eq!(files(team.path()).len(), before);
}

#[test]
fn an_interrupted_run_waits_for_no_remote() {
    let team = team();
    let world = member(team.path(), Mode::ReadWrite);
    world.interrupt.raise();
    let (summary, _) = world.run(&chain());
    assert!(summary.interrupted);
    assert!(ends(&summary).iter().all(|end| *end == End::Skipped));
}
