use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::task::{Need, Port};
use super::*;

fn task(sources: &[usize]) -> Task {
    let port = |source: &usize| Port {
        sources: vec![NodeId(*source)],
        need: Need::One,
    };
    Task {
        ports: sources.iter().map(port).collect(),
        guard: None,
        cpus: 1,
        memory_mib: 0,
        gpus: 0,
        away: false,
        seconds: 1.0,
    }
}

fn guarded(sources: &[usize], guard: usize) -> Task {
    Task {
        guard: Some(NodeId(guard)),
        ..task(sources)
    }
}

fn many(sources: &[usize]) -> Task {
    Task {
        ports: vec![Port {
            sources: sources.iter().copied().map(NodeId).collect(),
            need: Need::Some,
        }],
        ..task(&[])
    }
}

const WIDE: Limits = Limits {
    cpus: 8,
    memory_mib: 1000,
    gpus: 0,
    jobs: 8,
    away: 8,
};

fn miss(node: usize) -> Happening {
    resolved(node, &node.to_string(), false)
}

fn hit(node: usize) -> Happening {
    resolved(node, &node.to_string(), true)
}

fn resolved(node: usize, key: &str, hit: bool) -> Happening {
    Happening::Resolved {
        node: NodeId(node),
        key: key.to_owned(),
        hit,
        stop: false,
    }
}

fn finished(node: usize) -> Happening {
    Happening::Finished {
        node: NodeId(node),
        stop: false,
    }
}

fn ends(scheduler: &Scheduler) -> Vec<Option<End>> {
    (0..scheduler.tasks.len()).map(|at| scheduler.end(NodeId(at))).collect()
}

#[test]
fn what_other_machines_do_takes_nothing_of_this_one_and_is_bounded_by_itself() {
    let away = Task {
        away: true,
        cpus: 64,
        ..task(&[])
    };
    let tasks = vec![away.clone(), away.clone(), away, task(&[]), task(&[])];
    let limits = Limits {
        jobs: 1,
        away: 2,
        ..WIDE
    };
    let mut scheduler = Scheduler::new(tasks, limits, false);
    scheduler.handle(Happening::Begin);
    let started: Vec<Action> = (0..5).flat_map(|node| scheduler.handle(miss(node))).collect();
    assert_eq!(started, [0, 1, 3].map(|node| Action::Start(NodeId(node))));
    assert_eq!(scheduler.cpus(NodeId(0)), 64);
    assert_eq!(scheduler.handle(finished(1)), [Action::Start(NodeId(2))]);
    assert_eq!(scheduler.handle(finished(3)), [Action::Start(NodeId(4))]);
}

#[test]
fn a_node_is_looked_up_only_when_its_inputs_are_known() {
    let mut scheduler = Scheduler::new(vec![task(&[]), task(&[0])], WIDE, false);
    assert_eq!(scheduler.handle(Happening::Begin), [Action::Resolve(NodeId(0))]);
    assert_eq!(scheduler.handle(miss(0)), [Action::Start(NodeId(0))]);
    assert_eq!(scheduler.handle(finished(0)), [Action::Resolve(NodeId(1))]);
    assert_eq!(scheduler.handle(hit(1)), []);
    assert_eq!(ends(&scheduler), [Some(End::Ran), Some(End::Cached)]);
}

#[test]
fn the_longest_chain_starts_first() {
    let mut tasks = vec![task(&[]), task(&[]), task(&[]), task(&[2]), task(&[3])];
    tasks[1].seconds = 2.5;
    let mut scheduler = Scheduler::new(tasks, Limits { jobs: 1, ..WIDE }, false);
    scheduler.handle(Happening::Begin);
    scheduler.handle(miss(0));
    scheduler.handle(miss(1));
    scheduler.handle(miss(2));
    assert_eq!(
        scheduler.handle(finished(0)),
        [Action::Start(NodeId(2))],
        "2, 3, 4 take three seconds"
    );
}

#[test]
fn a_stop_prunes_later_rounds_and_a_collector_goes_on_with_what_happened() {
    // 0: round 1; 1: until; 2: round 2; 3: until; 4: round 3; 5: table over the rounds; 6: needs round 3.
    let tasks = vec![
        task(&[]),
        task(&[0]),
        guarded(&[0], 1),
        guarded(&[2], 1),
        guarded(&[2], 3),
        many(&[0, 2, 4]),
        task(&[4]),
    ];
    let mut scheduler = Scheduler::new(tasks, WIDE, false);
    scheduler.handle(Happening::Begin);
    scheduler.handle(miss(0));
    scheduler.handle(finished(0));
    scheduler.handle(miss(1));
    let actions = scheduler.handle(Happening::Finished {
        node: NodeId(1),
        stop: true,
    });
    let pruned = actions.iter().filter_map(|action| match action {
        Action::Prune(node, guard) => Some((node.0, guard.0)),
        _ => None,
    });
    let pruned: BTreeSet<_> = pruned.collect();
    assert_eq!(
        pruned,
        BTreeSet::from([(2, 1), (3, 1), (4, 1), (6, 1)]),
        "each names the guard that said stop"
    );
    assert!(actions.contains(&Action::Resolve(NodeId(5))));
    scheduler.handle(hit(5));
    assert!(scheduler.is_finished());
}

#[test]
fn a_failure_stops_new_work_and_lets_running_work_end() {
    let mut scheduler = Scheduler::new(vec![task(&[]), task(&[]), task(&[0]), task(&[1])], WIDE, false);
    scheduler.handle(Happening::Begin);
    scheduler.handle(miss(0));
    scheduler.handle(miss(1));
    scheduler.handle(Happening::Failed(NodeId(0)));
    assert!(!scheduler.is_finished());
    assert_eq!(scheduler.handle(finished(1)), []);
    let expected = [End::Failed, End::Ran, End::Skipped, End::Skipped];
    assert_eq!(ends(&scheduler), expected.map(Some));
}

#[test]
fn with_keep_going_a_failure_stops_only_what_needs_it() {
    let mut scheduler = Scheduler::new(
        vec![task(&[]), task(&[]), task(&[0]), task(&[2]), task(&[1])],
        WIDE,
        true,
    );
    scheduler.handle(Happening::Begin);
    scheduler.handle(miss(0));
    let actions = scheduler.handle(Happening::Failed(NodeId(0)));
    let root = Because::Failed(NodeId(0));
    assert_eq!(actions, [Action::Skip(NodeId(2), root), Action::Skip(NodeId(3), root)]);
    scheduler.handle(miss(1));
    assert_eq!(scheduler.handle(finished(1)), [Action::Resolve(NodeId(4))]);
}

#[test]
fn equal_nodes_run_once() {
    let mut scheduler = Scheduler::new(vec![task(&[]), task(&[])], WIDE, false);
    scheduler.handle(Happening::Begin);
    assert_eq!(scheduler.handle(resolved(0, "same", false)), [Action::Start(NodeId(0))]);
    assert_eq!(scheduler.handle(resolved(1, "same", false)), []);
    assert_eq!(scheduler.handle(finished(0)), [Action::Resolve(NodeId(1))]);
    scheduler.handle(resolved(1, "same", true));
    assert_eq!(ends(&scheduler), [Some(End::Ran), Some(End::Cached)]);
}

#[test]
fn a_node_that_another_run_makes_holds_no_resources() {
    let one = Limits { jobs: 1, ..WIDE };
    let mut scheduler = Scheduler::new(vec![task(&[]), task(&[])], one, false);
    scheduler.handle(Happening::Begin);
    scheduler.handle(miss(0));
    assert_eq!(scheduler.handle(miss(1)), []);
    assert_eq!(
        scheduler.handle(Happening::Elsewhere(NodeId(0))),
        [Action::Start(NodeId(1))]
    );
    assert_eq!(
        scheduler.handle(Happening::Released(NodeId(0))),
        [Action::Resolve(NodeId(0))]
    );
    scheduler.handle(hit(0));
    scheduler.handle(finished(1));
    assert_eq!(ends(&scheduler), [Some(End::Cached), Some(End::Ran)]);
}

#[test]
fn an_interrupt_takes_no_new_work_and_a_second_one_stops_at_once() {
    let mut scheduler = Scheduler::new(vec![task(&[]), task(&[]), task(&[0])], WIDE, false);
    scheduler.handle(Happening::Begin);
    scheduler.handle(miss(0));
    let actions = scheduler.handle(Happening::Interrupted);
    let skip = |at| Action::Skip(NodeId(at), Because::Interrupted);
    assert_eq!(actions, [skip(1), skip(2), Action::Stop(Manner::Gently)]);
    assert_eq!(scheduler.handle(miss(1)), [], "too late");
    assert_eq!(scheduler.handle(Happening::Interrupted), [Action::Stop(Manner::AtOnce)]);
    scheduler.handle(Happening::Stopped(NodeId(0)));
    assert_eq!(ends(&scheduler), [Some(End::Skipped); 3]);
}

#[test]
fn a_job_larger_than_the_limits_runs_alone() {
    let mut tasks = vec![task(&[]), task(&[]), task(&[])];
    tasks[1].memory_mib = 5000;
    tasks[1].seconds = 9.0;
    let mut scheduler = Scheduler::new(tasks, WIDE, false);
    scheduler.handle(Happening::Begin);
    assert_eq!(scheduler.handle(miss(0)), [Action::Start(NodeId(0))]);
    assert_eq!(scheduler.handle(miss(1)), []);
    assert_eq!(scheduler.handle(finished(0)), [Action::Start(NodeId(1))]);
    assert_eq!(scheduler.handle(miss(2)), []);
    assert_eq!(scheduler.handle(finished(1)), [Action::Start(NodeId(2))]);
}

#[test]
fn small_jobs_do_not_overtake_a_large_one_for_ever() {
    let mut tasks: Vec<Task> = (0..20).map(|_| task(&[])).collect();
    tasks[1].cpus = 0;
    tasks[1].seconds = 9.0;
    let two = Limits { cpus: 2, ..WIDE };
    let mut scheduler = Scheduler::new(tasks, two, false);
    scheduler.handle(Happening::Begin);
    let mut started = Vec::new();
    let mut pending: Vec<Happening> = (0..20).map(miss).collect();
    while !pending.is_empty() {
        let happening = pending.remove(0);
        for action in scheduler.handle(happening) {
            if let Action::Start(node) = action {
                started.push(node.0);
                pending.push(finished(node.0));
            }
        }
    }
    let place = started.iter().position(|node| *node == 1).unwrap();
    assert!(place <= 2 + PATIENCE as usize, "{started:?}");
    assert_eq!(started.len(), 20);
}

/// How the world answers about one node.
#[derive(Clone, Debug)]
struct Nature {
    hit: bool,
    fails: bool,
    stops: bool,
    elsewhere: bool,
    /// Nodes with the same number have the same key.
    key: u8,
    /// The order in which jobs end.
    haste: u8,
}

#[derive(Clone, Debug)]
struct World {
    tasks: Vec<Task>,
    natures: Vec<Nature>,
    limits: Limits,
    keep_going: bool,
    interrupt_at: Option<usize>,
}

fn worlds() -> impl Strategy<Value = World> {
    let need = prop_oneof![3 => Just(Need::One), 1 => Just(Need::Some), 1 => Just(Need::Optional)];
    let port = (need, proptest::collection::vec(0_usize..1000, 1..4));
    let one = (
        proptest::collection::vec(port, 0..3),
        proptest::option::weighted(0.3, 0_usize..1000),
        (0_u32..6, 0_u64..120, 0.0..5.0),
    );
    let nature = (
        proptest::bool::weighted(0.3),
        proptest::bool::weighted(0.1),
        proptest::bool::weighted(0.3),
        proptest::bool::weighted(0.1),
        any::<u8>(),
        any::<u8>(),
    );
    let limits = (1_u32..5, 10_u64..100, 1_usize..5);
    let nodes = proptest::collection::vec((one, nature), 1..40);
    let interrupt = proptest::option::weighted(0.2, 0_usize..60);
    (nodes, limits, any::<bool>(), interrupt).prop_map(|(nodes, (cpus, memory_mib, jobs), keep_going, interrupt_at)| {
        let mut tasks = Vec::new();
        let mut natures = Vec::new();
        for (at, ((ports, guard, (cpus, memory_mib, seconds)), (hit, fails, stops, elsewhere, key, haste))) in
            nodes.into_iter().enumerate()
        {
            let earlier = |number: usize| NodeId(number % at.max(1));
            let ports = ports.into_iter().map(|(need, sources)| {
                let take = if need == Need::One { 1 } else { sources.len() };
                Port {
                    sources: sources.into_iter().take(take).map(earlier).collect(),
                    need,
                }
            });
            tasks.push(Task {
                ports: if at == 0 { Vec::new() } else { ports.collect() },
                guard: guard.filter(|_| at > 0).map(earlier),
                cpus,
                memory_mib,
                gpus: 0,
                // Equal work is done at the same place.
                away: key % 3 == 0,
                seconds,
            });
            natures.push(Nature {
                hit,
                fails,
                stops,
                elsewhere,
                key,
                haste,
            });
        }
        let limits = Limits {
            cpus,
            memory_mib,
            gpus: 0,
            jobs,
            away: jobs.div_ceil(2),
        };
        World {
            tasks,
            natures,
            limits,
            keep_going,
            interrupt_at,
        }
    })
}

struct Driven {
    ends: Vec<End>,
    starts: Vec<usize>,
}

/// Drives the scheduler through a world, checking the invariants at every step.
fn drive(world: &World) -> Driven {
    let mut scheduler = Scheduler::new(world.tasks.clone(), world.limits, world.keep_going);
    let mut made: BTreeSet<u8> = BTreeSet::new();
    let mut waited: BTreeSet<usize> = BTreeSet::new();
    let mut running: BTreeMap<usize, u8> = BTreeMap::new();
    let mut ended: BTreeMap<usize, End> = BTreeMap::new();
    let mut starts = Vec::new();
    let mut told: Vec<Happening> = vec![Happening::Begin];
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps < 2000, "does not terminate");
        if world.interrupt_at == Some(steps) {
            told.push(Happening::Interrupted);
        }
        let happening = match told.pop() {
            Some(happening) => happening,
            None => {
                let Some((&node, _)) = running.iter().min_by_key(|(node, haste)| (**haste, **node)) else {
                    break;
                };
                running.remove(&node);
                let nature = &world.natures[node];
                if nature.elsewhere && waited.insert(node) {
                    made.insert(nature.key);
                    told.push(Happening::Released(NodeId(node)));
                    Happening::Elsewhere(NodeId(node))
                } else if nature.fails {
                    assert!(ended.insert(node, End::Failed).is_none());
                    Happening::Failed(NodeId(node))
                } else {
                    assert!(ended.insert(node, End::Ran).is_none());
                    assert!(made.insert(nature.key), "the same work was done twice");
                    Happening::Finished {
                        node: NodeId(node),
                        stop: nature.stops,
                    }
                }
            }
        };
        for action in scheduler.handle(happening) {
            match action {
                Action::Resolve(NodeId(node)) => {
                    let nature = &world.natures[node];
                    let hit = made.contains(&nature.key) || (nature.hit && !scheduler.is_interrupted());
                    told.insert(
                        0,
                        Happening::Resolved {
                            node: NodeId(node),
                            key: nature.key.to_string(),
                            hit,
                            stop: nature.stops,
                        },
                    );
                }
                Action::Start(NodeId(node)) => {
                    for before in world.tasks[node].dependencies() {
                        let end = scheduler.end(before).expect("started before its inputs");
                        assert!(matches!(end, End::Cached | End::Ran | End::Pruned), "{end:?}");
                    }
                    assert!(running.insert(node, world.natures[node].haste).is_none());
                    starts.push(node);
                    check_resources(world, &running);
                }
                Action::Prune(NodeId(node), _) => assert!(ended.insert(node, End::Pruned).is_none()),
                Action::Skip(NodeId(node), _) => assert!(ended.insert(node, End::Skipped).is_none()),
                Action::Stop(_) => {}
            }
        }
    }
    assert!(scheduler.is_finished());
    let ends = (0..world.tasks.len()).map(|node| {
        let end = scheduler.end(NodeId(node)).expect("every node ends");
        assert_eq!(ended.get(&node).copied().unwrap_or(End::Cached), end);
        end
    });
    Driven {
        ends: ends.collect(),
        starts,
    }
}

fn check_resources(world: &World, running: &BTreeMap<usize, u8>) {
    let limits = world.limits;
    let (away, running): (Vec<usize>, Vec<usize>) = running.keys().partition(|node| world.tasks[**node].away);
    assert!(away.len() <= limits.away);
    assert!(running.len() <= limits.jobs);
    if running.len() <= 1 {
        return;
    }
    let cpus = |node: &usize| match world.tasks[*node].cpus {
        0 => limits.cpus,
        cpus => cpus,
    };
    assert!(running.iter().map(cpus).sum::<u32>() <= limits.cpus);
    assert!(running.iter().map(|node| world.tasks[*node].memory_mib).sum::<u64>() <= limits.memory_mib);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_node_ends_once_and_none_starts_before_its_inputs(world in worlds()) {
        let driven = drive(&world);
        prop_assert_eq!(driven.ends.len(), world.tasks.len());
        let again = drive(&world);
        prop_assert_eq!(driven.starts, again.starts, "the same happenings give the same order");
    }

    #[test]
    fn how_nodes_end_does_not_depend_on_the_limits(mut world in worlds()) {
        world.interrupt_at = None;
        world.keep_going = true;
        for (at, nature) in world.natures.iter_mut().enumerate() {
            nature.key = at as u8;
            nature.elsewhere = false;
        }
        let parallel = drive(&world);
        world.limits = Limits { cpus: 1, memory_mib: 1, gpus: 0, jobs: 1, away: 1 };
        prop_assert_eq!(parallel.ends, drive(&world).ends);
    }

    #[test]
    fn without_failures_everything_that_no_guard_leaves_out_is_there(mut world in worlds()) {
        world.interrupt_at = None;
        for nature in &mut world.natures {
            nature.fails = false;
            nature.stops = false;
        }
        let driven = drive(&world);
        prop_assert!(driven.ends.iter().all(|end| matches!(end, End::Cached | End::Ran)));
    }
}
