use std::time::{Duration, Instant};

use serde_json::json;

use super::super::End;
use super::super::process_mark::ProcessMark;
use super::super::status::{RunState, StageStatus, latest};
use super::super::test_support::{World, failure_of, make, node, plan, told_of, under};
use super::*;
use crate::stage::Via;

fn ends(summary: &Summary) -> Vec<End> {
    summary.nodes.iter().map(|node| node.end).collect()
}

#[test]
fn a_second_run_is_answered_from_the_store() {
    let world = World::new();
    let plan = plan([make("a", &[]), make("b", &[0]), make("c", &[0, 1])]);
    let (first, told) = world.run(&plan);
    assert_eq!(ends(&first), [End::Ran; 3]);
    assert_eq!(world.text(&first, 2), "aabc");
    assert_eq!(told_of(&told, "b"), ["stage-started", "stage-finished"]);
    world.take_calls();
    let (second, told) = world.run(&plan);
    assert_eq!(ends(&second), [End::Cached; 3]);
    assert_eq!(told_of(&told, "b"), ["stage-cached"]);
    assert_eq!(world.take_calls(), [""; 0]);
    assert_eq!(first.nodes[2].record, second.nodes[2].record);
}

#[test]
fn a_changed_param_reruns_only_descendants_and_equal_bytes_end_the_wave() {
    let world = World::new();
    let of = |word: &str, show: &str| {
        let b = node("b", "make", json!({"word": word, "show": show}), &[0]);
        plan([make("a", &[]), b, make("c", &[1]), make("d", &[0])])
    };
    world.run(&of("b", "x"));
    world.take_calls();
    world.run(&of("b", "y"));
    assert_eq!(world.take_calls(), ["b", "c"]);
    let (summary, _) = world.run(&of("other", "y"));
    assert_eq!(world.take_calls(), ["other"], "its output is what it was");
    assert_eq!(ends(&summary), [End::Cached, End::Ran, End::Cached, End::Cached]);
}

#[test]
fn a_guard_that_says_stop_prunes_the_rounds_behind_it_cached_or_not() {
    let world = World::new();
    let guard = |stop: bool, input| node("until", "guard", json!({"stop": stop}), &[input]);
    let mut last = node("last", "make", json!({"word": "last"}), &[0, 2, 4]);
    for input in last.inputs.get_mut("in").unwrap() {
        input.last_of = Some(0);
    }
    let plan = plan([
        make("one", &[]),
        guard(false, 0),
        under(1, make("two", &[])),
        guard(true, 2),
        under(3, make("three", &[])),
        make("all", &[0, 2, 4]),
        last,
    ]);
    for end in [End::Ran, End::Cached] {
        let (summary, told) = world.run(&plan);
        assert_eq!(ends(&summary), [end, end, end, end, End::Pruned, end, end]);
        assert_eq!(told_of(&told, "three"), ["stage-pruned"]);
        assert_eq!(world.text(&summary, 5), "onetwoall");
        assert_eq!(world.text(&summary, 6), "twolast");
    }
}

#[test]
fn equal_stages_run_once_also_when_that_shows_only_on_the_way() {
    let world = World::new();
    let same = |name: &str| node(name, "make", json!({"word": name, "show": "x"}), &[]);
    let after = |name: &str, input| node(name, "make", json!({"word": "w"}), &[input]);
    let mut plan = plan([same("a"), same("b"), after("c", 0), after("d", 1)]);
    for node in [2, 3] {
        plan.nodes[node].inputs.get_mut("in").unwrap()[0].label.clear();
    }
    let (summary, _) = world.run(&plan);
    assert_eq!(world.take_calls(), ["a", "b", "w"]);
    assert_eq!((summary.counts.ran, summary.counts.cached), (3, 1));
}

#[test]
fn a_failure_is_told_with_hints_and_log_and_what_needs_it_is_skipped() {
    let world = World::new();
    let plan = plan([
        node("bad", "fail", json!({}), &[]),
        make("next", &[0]),
        make("free", &[]),
    ]);
    let (summary, told) = world.run(&plan);
    assert_eq!(ends(&summary), [End::Failed, End::Skipped, End::Ran]);
    let (message, hints, log) = failure_of(&told, "bad");
    assert_eq!(message, "it failed");
    assert_eq!(hints, ["do better", "the log ends with:\nit was about to fail"]);
    assert_eq!(fs_err::read_to_string(log.unwrap()).unwrap(), "it was about to fail\n");
    let (again, _) = world.run(&plan);
    assert_eq!(
        ends(&again),
        [End::Failed, End::Skipped, End::Cached],
        "a failure is not remembered"
    );
}

#[test]
fn a_panic_is_a_bug_of_the_kind_and_not_the_end_of_the_run() {
    let world = World::new();
    let (summary, told) = world.run(&plan([node("bad", "panic", json!({}), &[]), make("free", &[])]));
    assert_eq!(ends(&summary), [End::Failed, End::Ran]);
    let (message, ..) = failure_of(&told, "bad");
    assert_eq!(message, "a bug in the kind `panic`: out of cheese");
}

#[test]
fn an_output_that_is_not_there_fails_the_stage() {
    let world = World::new();
    let (_, told) = world.run(&plan([node("bad", "lazy", json!({}), &[])]));
    assert!(failure_of(&told, "bad").0.contains("did not write `out`"));
}

#[test]
fn a_file_outside_counts_by_content_and_a_change_while_it_is_read_is_not_recorded() {
    let world = World::new();
    let path = world.folder.path().join("data");
    fs_err::write(&path, "x").unwrap();
    let read = |spoil: bool| plan([node("read", "read", json!({"path": path, "spoil": spoil}), &[])]);
    assert_eq!(ends(&world.run(&read(false)).0), [End::Ran]);
    fs_err::write(&path, "x").unwrap();
    assert_eq!(ends(&world.run(&read(false)).0), [End::Cached]);
    let (summary, told) = world.run(&read(true));
    assert_eq!(ends(&summary), [End::Failed]);
    assert!(failure_of(&told, "read").0.contains("data` changed during the run"));
    fs_err::write(&path, "x").unwrap();
    assert_eq!(
        ends(&world.run(&read(true)).0),
        [End::Failed],
        "nothing was recorded under the old content"
    );
    fs_err::remove_file(&path).unwrap();
    let (message, ..) = failure_of(&world.run(&read(false)).1, "read");
    assert!(
        message.contains("param `path`") && message.contains("data"),
        "{message}"
    );
}

#[test]
fn a_forced_stage_runs_and_what_it_leaves_unchanged_does_not() {
    let mut world = World::new();
    let plan = plan([make("a", &[]), make("b", &[0])]);
    world.run(&plan);
    world.take_calls();
    world.options.force = vec!["a".to_owned()];
    let (summary, _) = world.run(&plan);
    assert_eq!(world.take_calls(), ["a"]);
    assert_eq!(ends(&summary), [End::Ran, End::Cached]);
}

#[test]
fn two_runs_at_once_compute_nothing_twice_and_both_succeed() {
    let world = World::new();
    let slow = |word: &str| node(word, "slow", json!({"word": word, "ms": 150}), &[]);
    let plan = plan([slow("a"), slow("b"), make("c", &[0, 1])]);
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| world.run(&plan));
        let other = scope.spawn(|| world.run(&plan));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_eq!(world.take_calls(), ["a", "b", "c"]);
    for (summary, _) in [&one, &other] {
        assert_eq!(summary.counts.cached + summary.counts.ran, 3);
    }
    let waited = [&one.1, &other.1].into_iter().flatten();
    assert!(
        waited
            .into_iter()
            .any(|moment| matches!(moment.what, Event::StageWaiting { .. }))
    );
}

#[test]
fn an_interrupt_lets_cheap_work_end_and_takes_no_new() {
    let world = World::new();
    let plan = plan([node("a", "slow", json!({"ms": 100}), &[]), make("b", &[0])]);
    let mut told = Vec::new();
    let summary = world.run_with(&plan, &mut |moment| {
        if matches!(moment.what, Event::StageStarted { .. }) {
            world.interrupt.raise();
        }
        told.push(moment.clone());
    });
    let summary = summary.unwrap();
    assert!(summary.interrupted);
    assert_eq!(ends(&summary), [End::Ran, End::Skipped]);
    assert_eq!(told_of(&told, "b"), ["stage-skipped"]);
}

#[test]
fn a_second_interrupt_ends_everything_at_once() {
    let world = World::new();
    let pids = world.folder.path().join("pids");
    let remote = node("b", "remote", json!({"do": "sleep", "pids": pids}), &[]);
    let plan = plan([node("a", "slow", json!({}), &[]), remote]);
    let begin = Instant::now();
    let interrupt = world.interrupt.clone();
    let summary = thread::scope(|scope| {
        let written = pids.clone();
        scope.spawn(move || {
            while !fs_err::read_to_string(&written).is_ok_and(|text| text.contains(' ')) {
                thread::sleep(Duration::from_millis(5));
            }
            interrupt.raise();
            interrupt.raise();
        });
        world.run(&plan).0
    });
    assert_eq!(ends(&summary), [End::Skipped; 2]);
    assert!(begin.elapsed() < Duration::from_secs(8));
    let text = fs_err::read_to_string(&pids).unwrap();
    for pid in text.split(' ') {
        assert_eq!(
            ProcessMark::of(pid.parse().unwrap()),
            None,
            "what a worker started ends with it"
        );
    }
}

#[test]
fn a_worker_serves_one_job_after_another() {
    let world = World::new();
    let remote = |name: &str, input: &[usize]| node(name, "remote", json!({"do": "pid", "word": name}), input);
    let (summary, told) = world.run(&plan([remote("a", &[]), remote("b", &[0]), remote("c", &[1])]));
    assert_eq!(ends(&summary), [End::Ran; 3], "{told:?}");
    assert_eq!(world.text(&summary, 0), world.text(&summary, 2));
    assert!(world.text(&summary, 0).starts_with("pid 1 "));
    let record = summary.nodes[0].record.as_ref().unwrap();
    assert_eq!(
        record.metrics.clone().into_iter().collect::<Vec<_>>(),
        [("loss".to_owned(), 0.25)]
    );
    assert_eq!(record.notes, ["a note"]);
    let lines: Vec<&str> = told
        .iter()
        .filter_map(|moment| match &moment.what {
            Event::StageLog { stage, line } if stage == "a" => Some(line.as_str()),
            _ => None,
        })
        .collect();
    assert!(lines.contains(&"on stderr") && lines.contains(&"half way"), "{lines:?}");
}

#[test]
fn a_worker_that_dies_fails_its_job_alone_and_another_takes_the_next() {
    let mut world = World::new();
    world.options.jobs = 1;
    let remote = |name: &str| node(name, "remote", json!({"do": name}), &[]);
    let (summary, told) = world.run(&plan([remote("kill"), remote("exit"), remote("fine")]));
    assert_eq!(ends(&summary), [End::Failed, End::Failed, End::Ran]);
    let (message, hints, _) = failure_of(&told, "kill");
    assert!(
        message.ends_with("was killed by SIGKILL (signal 9; often out of memory)"),
        "{message}"
    );
    assert!(hints.last().unwrap().contains("on stderr"), "{hints:?}");
    let (message, ..) = failure_of(&told, "exit");
    assert!(message.ends_with("exit status 3"), "{message}");
}

#[test]
fn a_job_that_fails_leaves_its_worker_and_rubbish_ends_it() {
    let mut world = World::new();
    world.options.jobs = 1;
    let remote = |name: &str| node(name, "remote", json!({"do": name}), &[]);
    let (summary, told) = world.run(&plan([remote("fail"), remote("rubbish"), remote("chat")]));
    assert_eq!(ends(&summary), [End::Failed, End::Failed, End::Ran]);
    let (message, hints, _) = failure_of(&told, "fail");
    assert_eq!((message.as_str(), hints[0].as_str()), ("cannot do that", "try less"));
    let (message, ..) = failure_of(&told, "rubbish");
    assert!(
        message.contains("no message of the protocol") && message.contains("dance"),
        "{message}"
    );
}

#[test]
fn a_worker_that_ended_between_two_jobs_is_replaced() {
    let world = World::new();
    let remote = |name: &str, input: &[usize]| node(name, "remote", json!({"do": name}), input);
    let (summary, told) = world.run(&plan([remote("last", &[]), remote("fine", &[0])]));
    assert_eq!(ends(&summary), [End::Ran; 2], "{told:?}");
}

#[test]
fn what_a_cut_off_job_kept_is_there_for_the_next_attempt_and_gone_after_it() {
    let world = World::new();
    let plan = plan([node("a", "remote", json!({"do": "crash-once"}), &[])]);
    assert_eq!(ends(&world.run(&plan).0), [End::Failed]);
    let (summary, _) = world.run(&plan);
    assert_eq!(ends(&summary), [End::Ran]);
    assert!(
        !world
            .store
            .scratch(&summary.nodes[0].record.as_ref().unwrap().key)
            .exists()
    );
}

#[test]
fn a_program_that_cannot_be_started_fails_its_jobs_alone() {
    let mut world = World::new();
    let mut registry = Registry::new();
    for kind in world.registry.iter() {
        match &kind.via {
            Via::BuiltIn(stage) => registry.register(stage.clone()).unwrap(),
            Via::Command(_) => {}
            Via::Provider(_) => registry
                .register_provider(std::path::PathBuf::from("/no/such/program"), vec![kind.info.clone()])
                .unwrap(),
        }
    }
    world.registry = registry;
    let (summary, told) = world.run(&plan([node("a", "remote", json!({"do": "x"}), &[]), make("b", &[])]));
    assert_eq!(ends(&summary), [End::Failed, End::Ran]);
    assert!(
        failure_of(&told, "a")
            .0
            .contains("cannot start the provider `/no/such/program`")
    );
}

#[test]
fn the_journal_tells_the_end_of_every_stage() {
    let world = World::new();
    let plan = plan([make("a", &[]), node("bad", "fail", json!({}), &[]), make("c", &[1])]);
    let (summary, _) = world.run(&plan);
    let status = latest(&world.store.runs()).unwrap().next().unwrap();
    assert_eq!(status.head.id, summary.run);
    assert!(matches!(status.state, RunState::Finished { counts, .. } if counts == summary.counts));
    assert!(matches!(status.stages["a"], StageStatus::Ran { .. }));
    assert!(matches!(status.stages["bad"], StageStatus::Failed { .. }));
    assert_eq!(
        status.stages["c"],
        StageStatus::Skipped {
            because: "bad".to_owned()
        }
    );
}

#[test]
fn the_plan_of_another_registry_is_refused() {
    let world = World::new();
    let result = world.run_with(&plan([node("a", "nothing", json!({}), &[])]), &mut |_| {});
    assert!(matches!(result, Err(RunError::UnknownKind(_))));
}

#[test]
fn a_mistyped_stage_to_force_is_refused() {
    let mut world = World::new();
    world.options.force = vec!["b".to_owned()];
    let result = world.run_with(&plan([make("a", &[])]), &mut |_| {});
    assert!(matches!(result, Err(RunError::NoSuchStage(name)) if name == "b"));
}

#[test]
fn a_chain_of_a_hundred_is_answered_from_the_store() {
    let world = World::new();
    let words: Vec<String> = (0..100).map(|number| format!("w{number}")).collect();
    let chain = words
        .iter()
        .enumerate()
        .map(|(at, word)| make(word, &if at == 0 { vec![] } else { vec![at - 1] }));
    let plan = plan(chain);
    world.run(&plan);
    let (summary, _) = world.run(&plan);
    assert_eq!(summary.counts.cached, 100);
}

#[test]
fn the_reason_of_a_stage_names_where_the_change_began() {
    let world = World::new();
    let of = |certain: f64| {
        let merge = node(
            "merge",
            "make",
            json!({"word": "m", "show": certain.to_string(), "certain": certain}),
            &[],
        );
        plan([merge, make("select", &[0]), make("train", &[1])])
    };
    world.run(&of(0.8));
    let (_, told) = world.run(&of(0.7));
    let reasons: Vec<&str> = told
        .iter()
        .filter_map(|moment| match &moment.what {
            Event::StageStarted { reason, .. } => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    assert!(reasons[0].starts_with("param `"), "{reasons:?}");
    assert!(reasons[2].starts_with("input `in`"), "{reasons:?}");
    assert!(reasons[2].contains("(`merge`: param `"), "{reasons:?}");
}

#[test]
fn the_worker_that_a_killed_run_left_is_ended_before_its_folder_is_used() {
    use std::os::unix::process::CommandExt;
    let mut world = World::new();
    let plan = plan([make("a", &[])]);
    let (summary, _) = world.run(&plan);
    let folder = world.store.scratch(&summary.nodes[0].record.as_ref().unwrap().key);
    let mut orphan = std::process::Command::new("sleep")
        .arg("60")
        .process_group(0)
        .spawn()
        .unwrap();
    fs_err::create_dir_all(&folder).unwrap();
    ProcessMark::of(orphan.id()).unwrap().leave(&folder).unwrap();
    world.options.force = vec!["a".to_owned()];
    assert_eq!(ends(&world.run(&plan).0), [End::Ran]);
    assert!(!orphan.wait().unwrap().success());
}

#[test]
fn the_first_interrupt_asks_costly_work_to_end() {
    let world = World::new();
    let pids = world.folder.path().join("pids");
    let plan = plan([node("a", "remote", json!({"do": "sleep", "pids": pids}), &[])]);
    let begin = Instant::now();
    let summary = world.run_with(&plan, &mut |moment| {
        if matches!(moment.what, Event::StageLog { .. }) {
            world.interrupt.raise();
        }
    });
    assert_eq!(ends(&summary.unwrap()), [End::Skipped]);
    assert!(begin.elapsed() < GRACE);
}

#[test]
fn no_worker_outlives_the_run() {
    let world = World::new();
    let (summary, _) = world.run(&plan([node("a", "remote", json!({"do": "pid"}), &[])]));
    let text = world.text(&summary, 0);
    let pid = text.rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(ProcessMark::of(pid), None);
}

/// A plan of `make` nodes from numbers: each takes the outputs of up to two before it.
fn woven(numbers: &[(usize, usize)]) -> Plan {
    plan(numbers.iter().enumerate().map(|(at, (one, other))| {
        let inputs = if at == 0 { vec![] } else { vec![one % at, other % at] };
        make(&format!("w{}", (one * 7 + other) % 5), &inputs)
    }))
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 12, ..Default::default() })]

    #[test]
    fn in_parallel_the_outputs_are_those_of_one_after_another(numbers in proptest::collection::vec((0_usize..99, 0_usize..99), 1..12)) {
        let plan = woven(&numbers);
        let outputs = |jobs: usize| {
            let mut world = World::new();
            world.options.jobs = jobs;
            world.options.cpus = 4;
            let (summary, _) = world.run(&plan);
            let calls = world.take_calls().len();
            proptest::prop_assert_eq!(calls, summary.counts.ran);
            let records = summary.nodes.into_iter().map(|node| node.record.unwrap());
            Ok(records.map(|record| (record.key, record.outputs)).collect::<Vec<_>>())
        };
        proptest::prop_assert_eq!(outputs(1)?, outputs(4)?);
    }
}
