use std::collections::BTreeMap;

use serde_json::json;

use super::super::status::{self, RunState, StageStatus};
use super::super::test_support::{World, make, node, plan, under};
use super::*;
use crate::plan::{Node, Plan};
use crate::run::{Event, Moment};

/// Chains of stages, with a stage at the end that needs all their ends.
fn chains(count: usize, length: usize) -> Plan {
    let mut nodes: Vec<Node> = Vec::new();
    for chain in 0..count {
        for place in 0..length {
            let before = nodes.len().checked_sub(1).filter(|_| place > 0);
            nodes.push(make(&format!("{chain}-{place}"), before.as_slice()));
        }
    }
    let ends: Vec<usize> = (0..count).map(|chain| chain * length + length - 1).collect();
    nodes.push(make("all", &ends));
    plan(nodes)
}

/// Pipelines of rounds: a stage, a guard, the next one under it.
fn rounds(pipelines: usize, count: usize) -> Plan {
    let mut nodes: Vec<Node> = Vec::new();
    for pipeline in 0..pipelines {
        let mut guard = None;
        for round in 0..count {
            let before = guard.map(|guard: usize| guard - 1);
            let stage = make(&format!("{pipeline}-{round}"), before.as_slice());
            nodes.push(match guard {
                Some(guard) => under(guard, stage),
                None => stage,
            });
            let name = format!("{pipeline}-until-{round}");
            let until = node(&name, "guard", json!({"word": name}), &[nodes.len() - 1]);
            nodes.push(match guard {
                Some(guard) => under(guard, until),
                None => until,
            });
            guard = Some(nodes.len() - 1);
        }
    }
    plan(nodes)
}

fn rough() -> Cluster {
    Cluster {
        nodes: 20,
        max_queued: 30,
        fails: 0.2,
        broken: 0.01,
        stops: 0.2,
        retries: 2,
        seed: 7,
        ..Cluster::default()
    }
}

fn run(world: &World, plan: &Plan, cluster: &Cluster) -> (Simulated, Vec<Moment>) {
    let mut told = Vec::new();
    let simulated = simulate(plan, &world.registry, &world.store, cluster, &mut |moment| {
        told.push(moment.clone());
    });
    (simulated.unwrap(), told)
}

/// By stage, when it started and when it had its outputs, in the order of what was told.
fn order(told: &[Moment]) -> (BTreeMap<String, Vec<usize>>, BTreeMap<String, usize>) {
    let (mut started, mut made) = (BTreeMap::<String, Vec<usize>>::new(), BTreeMap::new());
    for (at, moment) in told.iter().enumerate() {
        match &moment.what {
            Event::StageStarted { stage, .. } => started.entry(stage.clone()).or_default().push(at),
            Event::StageFinished { stage, .. } | Event::StageCached { stage, .. } => {
                assert_eq!(made.insert(stage.clone(), at), None, "{stage} ended twice");
            }
            _ => {}
        }
    }
    (started, made)
}

#[test]
fn every_stage_is_started_once_and_none_before_its_inputs() {
    for plan in [chains(40, 25), chains(1000, 1), rounds(40, 12)] {
        let world = World::new();
        let (simulated, told) = run(&world, &plan, &rough());
        let (started, made) = order(&told);
        assert_eq!(simulated.ends.len(), plan.nodes.len());
        for (node, end) in plan.nodes.iter().zip(&simulated.ends) {
            let starts = started.get(&node.name).map_or(0, Vec::len);
            let is_run = matches!(end, End::Ran | End::Failed);
            assert_eq!(starts, usize::from(is_run), "{}: {end:?}", node.name);
            assert_eq!(made.contains_key(&node.name), matches!(end, End::Ran | End::Cached));
            for before in node.needs().filter(|_| is_run) {
                let before = &plan.nodes[before.0].name;
                assert!(made[before] < started[&node.name][0], "{} before {before}", node.name);
            }
        }
        let counts = simulated.counts;
        assert!(counts.ran > 200, "{counts:?}");
        assert!(counts.failed > 0, "{counts:?}");
    }
}

#[test]
fn slurm_never_has_more_jobs_than_it_may_and_all_nodes_are_used() {
    let world = World::new();
    let cluster = Cluster {
        fails: 0.0,
        broken: 0.0,
        ..rough()
    };
    let (simulated, _) = run(&world, &chains(1000, 1), &cluster);
    assert_eq!(simulated.most_queued, 30);
    assert_eq!(simulated.counts.ran, 1001);
    let busy = simulated.worked / simulated.seconds / 20.0;
    assert!((0.8..=1.0).contains(&busy), "{busy}");
}

#[test]
fn a_cluster_with_jobs_ready_all_the_time_is_not_asked_all_the_time() {
    let world = World::new();
    let cluster = Cluster {
        nodes: 1000,
        max_queued: 1200,
        fails: 0.0,
        ..Cluster::default()
    };
    let (simulated, _) = run(&world, &chains(5000, 1), &cluster);
    let minutes = simulated.seconds / 60.0;
    let calls = simulated.calls;
    assert!(calls.sbatch as f64 / minutes < 15.0, "{calls:?} in {minutes} minutes");
    assert!(calls.squeue as f64 / minutes < 7.0, "{calls:?} in {minutes} minutes");
}

#[test]
fn the_journal_read_back_says_how_each_stage_ended() {
    for plan in [chains(40, 25), rounds(40, 12)] {
        let world = World::new();
        let (simulated, _) = run(&world, &plan, &rough());
        let read = status::read(&world.store.runs().join(&simulated.run)).unwrap();
        assert_eq!(read.stages.len(), plan.nodes.len());
        for (node, end) in plan.nodes.iter().zip(&simulated.ends) {
            let told = match &read.stages[&node.name] {
                StageStatus::Cached => End::Cached,
                StageStatus::Ran { place, .. } => {
                    assert!(place.as_ref().unwrap().node.is_some(), "{}", node.name);
                    End::Ran
                }
                StageStatus::Failed { .. } => End::Failed,
                StageStatus::Pruned { .. } => End::Pruned,
                StageStatus::Skipped { .. } => End::Skipped,
                other => panic!("{}: {other:?}", node.name),
            };
            assert_eq!(told, *end, "{}", node.name);
        }
        let RunState::Finished { counts, seconds } = read.state else {
            panic!("{:?}", read.state);
        };
        assert_eq!((counts, seconds), (simulated.counts, simulated.seconds));
    }
}

#[test]
fn a_simulation_said_again_is_the_same() {
    let said = || {
        let world = World::new();
        let (simulated, told) = run(&world, &rounds(20, 10), &rough());
        let keys = told.into_iter().filter_map(|moment| match moment.what {
            Event::StageFinished { stage, key, .. } => Some((moment.at, stage, key)),
            _ => None,
        });
        (simulated.ends, simulated.seconds, keys.collect::<Vec<_>>())
    };
    let (first, second) = (said(), said());
    assert!(first.0.contains(&End::Pruned), "no guard said stop");
    assert_eq!(first, second);
}

#[test]
fn equal_stages_are_made_once() {
    let world = World::new();
    let twins = (0..50).map(|at| node(&format!("twin-{at}"), "make", json!({"word": "same"}), &[]));
    let cluster = Cluster { fails: 0.0, ..rough() };
    let (simulated, _) = run(&world, &plan(twins), &Cluster { broken: 0.0, ..cluster });
    assert_eq!((simulated.counts.ran, simulated.counts.cached), (1, 49));
}
