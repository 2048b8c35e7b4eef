use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;
use serde_json::json;

use super::test_support::{LOOP, inputs, members, mistakes, named, names, node, pipeline, planned, registry};
use super::{Plan, add_comparison, plan};

fn pair(label: &str, from: &str) -> (String, String) {
    (label.to_owned(), from.to_owned())
}

#[test]
fn rounds_are_unrolled_in_an_order_in_which_needs_come_first() {
    let plan = planned(&[&named("a")]);
    let before = ["source", "split", "initial"].map(str::to_owned);
    let round = |round: u32| {
        ["batch", "detect", "merge", "select", "retrain", "found", "evaluate"]
            .map(|stage| format!("round-{round}.{stage}"))
    };
    let mut expected = before.to_vec();
    for number in 1..=4 {
        expected.extend(round(number));
        // The window of 2 is full after round 2; after round 4 there is nothing to stop.
        if number == 2 || number == 3 {
            expected.push(format!("round-{number}.until"));
        }
    }
    expected.extend(["tables".to_owned(), "charts".to_owned()]);
    assert_eq!(names(&plan), expected);
    assert_eq!(node(&plan, "round-3.merge").round, Some(3));
    assert_eq!(node(&plan, "round-3.merge").stage, "merge");
    assert_eq!(node(&plan, "tables").round, None);
}

#[test]
fn carries_hold_the_first_value_and_then_that_of_the_round_before() {
    let plan = planned(&[&named("a")]);
    assert_eq!(inputs(&plan, "round-1.detect", "model"), [pair("", "initial.model")]);
    assert_eq!(
        inputs(&plan, "round-2.detect", "model"),
        [pair("", "round-1.retrain.model")]
    );
    assert_eq!(
        inputs(&plan, "round-4.batch", "pool"),
        [pair("", "round-3.select.pool")]
    );
    assert_eq!(
        node(&plan, "round-4.batch").inputs["pool"][0].carried.as_deref(),
        Some("pool")
    );
}

#[test]
fn a_carry_may_hold_what_another_held_the_round_before() {
    let text = named("a").replace(
        "    pool: [split",
        "    older: [initial, carry.model]\n    pool: [split",
    );
    let text = text.replace(
        "in: {dataset: select.train, images: source, model: carry.model}",
        "in: {dataset: select.train, images: source, model: carry.older}",
    );
    let plan = planned(&[&text]);
    assert_eq!(inputs(&plan, "round-1.retrain", "model"), [pair("", "initial.model")]);
    assert_eq!(inputs(&plan, "round-2.retrain", "model"), [pair("", "initial.model")]);
    assert_eq!(
        inputs(&plan, "round-3.retrain", "model"),
        [pair("", "round-1.retrain.model")]
    );
}

#[test]
fn outputs_not_named_are_found_by_port_and_by_artifact() {
    let plan = planned(&[&named("a")]);
    assert_eq!(inputs(&plan, "initial", "images"), [pair("", "source.images")]);
    assert_eq!(
        inputs(&plan, "round-1.merge", "batch"),
        [pair("", "round-1.batch.batch")]
    );
    assert_eq!(
        inputs(&plan, "round-1.select", "annotations"),
        [pair("", "round-1.merge.annotations")]
    );
}

#[test]
fn a_stop_test_reads_its_window_and_guards_the_rounds_after() {
    let plan = planned(&[&named("a")]);
    assert_eq!(
        inputs(&plan, "round-3.until", "metrics"),
        [
            pair("2", "round-2.evaluate.metrics"),
            pair("3", "round-3.evaluate.metrics")
        ]
    );
    assert_eq!(
        node(&plan, "round-3.until").params,
        json!({"metric": "ap50", "shift_below": 0.001, "window": 2})
    );
    let guard = |name: &str| node(&plan, name).guard.map(|guard| plan.nodes[guard.0].name.as_str());
    assert_eq!(guard("round-2.merge"), None);
    assert_eq!(guard("round-3.merge"), Some("round-2.until"));
    assert_eq!(guard("round-3.until"), Some("round-2.until"));
    assert_eq!(guard("round-4.merge"), Some("round-3.until"));
    assert_eq!(guard("tables"), None);
}

#[test]
fn all_rounds_are_labelled_and_the_last_is_marked() {
    let plan = planned(&[&named("a")]);
    let all = (1..=4).map(|round| pair(&round.to_string(), &format!("round-{round}.evaluate.metrics")));
    assert_eq!(inputs(&plan, "tables", "evals"), all.collect::<Vec<_>>());
    let last = &node(&plan, "tables").inputs["final"];
    assert!(
        last.iter()
            .all(|input| input.last_of == Some(0) && input.label.is_empty())
    );
    assert_eq!(last.len(), 4);
    assert!(
        node(&plan, "tables").inputs["evals"]
            .iter()
            .all(|input| input.last_of.is_none())
    );
}

#[test]
fn the_number_of_the_round_reaches_params() {
    let plan = planned(&[&named("a")]);
    assert_eq!(node(&plan, "round-3.merge").params, json!({"certain": 0.8, "round": 3}));
    assert_eq!(
        node(&plan, "initial").params,
        json!({"epochs": 12, "rate": 0.01, "seed": 0})
    );
}

#[test]
fn what_pipelines_have_in_common_is_there_once() {
    let (a, b) = (named("a"), named("b").replace("mode: hard", "mode: easy"));
    let plan = planned(&[&a, &b]);
    assert_eq!(node(&plan, "a/initial").pipelines, ["a", "b"]);
    assert_eq!(node(&plan, "a/initial").aliases, ["b/initial"]);
    assert_eq!(node(&plan, "a/round-1.merge").pipelines, ["a", "b"]);
    assert_eq!(node(&plan, "a/round-1.select").pipelines, ["a"]);
    assert_eq!(node(&plan, "b/round-1.select").pipelines, ["b"]);
    assert_eq!(node(&plan, "b/round-2.detect").name, "b/round-2.detect");
    assert_eq!(
        inputs(&plan, "b/round-1.select", "annotations"),
        [pair("", "a/round-1.merge.annotations")]
    );
    let alone = planned(&[&a]).nodes.len();
    // Shared: source, split, initial; batch, detect, merge of round 1.
    assert_eq!(plan.nodes.len(), 2 * alone - 6);
}

#[test]
fn equal_pipelines_of_two_names_are_one_but_for_the_names() {
    let plan = planned(&[&named("a"), &named("b")]);
    assert_eq!(plan.nodes.len(), planned(&[&named("a")]).nodes.len());
    assert!(plan.nodes.iter().all(|node| node.pipelines == ["a", "b"]));
}

#[test]
fn the_same_work_in_one_pipeline_is_there_once() {
    let plan = planned(&["stages:
  one: {uses: step, with: {seed: 1}}
  two: {uses: step, with: {seed: 1}}
  three: {uses: step, with: {seed: 2}}
  all: {uses: join, in: {items: [one, two, three]}}
"]);
    assert_eq!(names(&plan), ["one", "three", "all"]);
    assert_eq!(
        inputs(&plan, "all", "items"),
        [
            pair("one", "one.item"),
            pair("two", "one.item"),
            pair("three", "three.item")
        ]
    );
}

#[test]
fn spelled_out_defaults_are_the_same_work() {
    let plan = planned(&["stages:
  one: {uses: train, in: {dataset: s, images: s}}
  two: {uses: train, in: {images: s.images, dataset: s.dataset}, with: {rate: 1.0e-2, epochs: 12}}
  s: {uses: shapes}
"]);
    assert_eq!(names(&plan), ["s", "one"]);
}

#[test]
fn wrong_kinds_ports_and_params_are_all_reported_at_their_places() {
    let found = mistakes(
        r#"
stages:
  source: {uses: shape}
  other: {uses: shapes, with: {sead: 1}}
  split: {uses: split-pools, in: {dataset: [other, other]}, with: {seed: x}}
  first: {uses: train, in: {data: other}}
  choice: {uses: select, in: {annotations: other, labelled: other, pool: split.pool}, with: {mode: hart}}
"#,
    );
    assert_eq!(
        found,
        [
            "3 `shape`: no stage kind is called `shape` (did you mean `shapes`?)",
            "4 `sead`: the kind `shapes` has no param `sead` (did you mean `seed`?)",
            "5 `other`: the port `dataset` takes one, and this is a list of 2",
            "5 `x`: seed: expected a whole number >= 0, found `\"x\"`",
            "6 `first`: stage `first` needs the input `dataset` (add `dataset: ...` under its `in:`)",
            "6 `first`: stage `first` needs the input `images` (add `images: ...` under its `in:`)",
            "6 `data`: the kind `train` has no input `data` (did you mean `dataset`?)",
            "7 `hart`: mode: expected one of `hard`, `easy`, found `\"hart\"` (did you mean `hard`?)",
        ]
    );
}

#[test]
fn wrong_references_are_all_reported_with_what_was_meant() {
    let text = LOOP
        .replace("NAME", "a")
        .replace("dataset: source}, with", "dataset: sorce}, with")
        .replace(
            "dataset: split.labelled, images: source, v",
            "dataset: split.labeled, images: split.pool, v",
        )
        .replace("in: {rounds: tables.rounds}", "in: {rounds: merge}")
        .replace("final: rounds.last.retrain", "final: rounds.all.retrain")
        .replace("pool: carry.pool, dataset", "pool: carry.pol, dataset")
        .replace("dataset: batch.batch, images", "dataset: rounds.last.batch, images")
        .replace("batch: batch}", "batch: carry.pool}")
        .replace("model: [initial, retrain]", "model: [found, retrain]")
        .replace("{detections: found", "{detections: split");
    let found = mistakes(&text);
    let expected = [
        "6 `sorce`: no stage is called `sorce` (did you mean `source`?)",
        "7 `split.labeled`: `split` has no output `labeled` (did you mean `split.labelled`?)",
        "7 `split.pool`: the port `images` takes `images`, and `split.pool` is a `pool`",
        "8 `rounds.all.retrain`: the port `final` takes one, and `rounds.all.retrain` is a list (write `rounds.last.retrain` for the last round)",
        "9 `merge`: `merge` is a stage of the rounds: there is one of it in each (write `rounds.last.merge` for the last, `rounds.all.merge` for all)",
        "14 `found`: `found` is a stage of the rounds: before the first round there is none (name a stage outside of the rounds)",
        "18 `carry.pol`: nothing is carried by the name `pol` (did you mean `carry.pool`?)",
        "19 `rounds.last.batch`: `rounds.last.batch` can only be used outside of the rounds (in the rounds, name a stage of the same round, or `carry.name` for what the round before hands over)",
        "20 `carry.pool`: the port `batch` takes a `dataset`, and `split.pool` is a `pool` (`split.labelled` or `split.validation` would fit)",
        "24 `split`: `split` makes nothing for the port `detections`, which takes `detections`",
    ];
    for line in expected {
        assert!(found.iter().any(|found| found == line), "missing {line}\nin {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn an_output_that_could_be_two_is_asked_for() {
    let text = "stages:
  s: {uses: shapes}
  p: {uses: split-pools, in: {dataset: s}}
  t: {uses: train, in: {dataset: p, images: s}}
";
    assert_eq!(
        mistakes(text),
        ["4 `p`: which output of `p` goes to the port `dataset`? (write `p.labelled` or `p.validation`)"]
    );
}

#[test]
fn rounds_and_carries_are_unknown_where_there_are_none() {
    let text = "stages:
  s: {uses: shapes}
  t: {uses: tables, in: {evals: rounds.all.s.metrics, final: carry.model}}
";
    assert_eq!(
        mistakes(text),
        [
            "3 `rounds.all.s.metrics`: this pipeline has no rounds",
            "3 `carry.model`: `carry.model` can only be used in the rounds",
        ]
    );
}

#[test]
fn a_stop_test_needs_a_stage_with_metrics() {
    let with = |metric: &str, rest: &str| {
        let until = format!("until: {{metric: {metric}, {rest}}}");
        mistakes(&named("a").replace("until: {metric: evaluate.ap50, shift_below: 0.001, window: 2}", &until))
    };
    assert_eq!(
        with("found.ap50", "shift_below: 0.001, window: 2"),
        [
            "12 `found.ap50`: `found` has no output `metrics` that the stop test could read (stages of the rounds that have metrics: `merge`, `select`, `evaluate`)"
        ]
    );
    assert_eq!(
        with("evalute.ap50", "shift_below: 0.001, window: 2"),
        ["12 `evalute.ap50`: no stage of the rounds is called `evalute` (did you mean `evaluate.ap50`?)"]
    );
}

#[test]
fn stages_that_need_each_other_are_named_in_a_circle() {
    let found = mistakes(
        "stages:
  a: {uses: step, in: {item: c}}
  b: {uses: step, in: {item: a}}
  c: {uses: step, in: {item: b}}
  d: {uses: step, in: {item: d}}
",
    );
    assert_eq!(
        found,
        [
            "2 `c`: stages need each other: `a` -> `c` -> `b` -> `a`",
            "5 `d`: stage `d` needs itself"
        ]
    );
}

#[test]
fn what_needs_all_rounds_cannot_be_needed_by_a_round() {
    let found = mistakes(
        "stages:
  sum: {uses: join, in: {items: rounds.all.x}}
rounds:
  max: 2
  stages:
    x: {uses: step}
    y: {uses: step, in: {item: sum}}
",
    );
    assert_eq!(
        found,
        ["2 `rounds.all.x`: stages need each other: `sum` -> `rounds` -> `y` -> `sum`"]
    );
}

#[test]
fn a_problem_of_params_in_one_round_is_reported_once() {
    let found = mistakes(
        "rounds:
  max: 3
  stages:
    x: {uses: step, with: {seed: \"r${round}\"}}
",
    );
    assert_eq!(
        found,
        ["4 `\"r${round}\"`: seed: expected a whole number >= 0, found `\"r1\"`"]
    );
}

#[test]
fn two_pipelines_of_one_name_are_refused() {
    let found = plan(&[pipeline(&named("a")), pipeline(&named("a"))], &registry()).unwrap_err();
    assert_eq!(found[0].message, "two of the pipelines are called `a`");
}

#[test]
fn a_target_brings_what_it_needs_and_nothing_else() {
    let whole = planned(&[&named("a")]);
    let part = whole.only(&["round-2.detect".to_owned()]).unwrap();
    assert_eq!(
        names(&part),
        [
            "source",
            "split",
            "initial",
            "round-1.batch",
            "round-1.detect",
            "round-1.merge",
            "round-1.select",
            "round-1.retrain",
            "round-2.batch",
            "round-2.detect"
        ]
    );
    assert_eq!(
        inputs(&part, "round-2.detect", "model"),
        [pair("", "round-1.retrain.model")]
    );
    let guarded = whole.only(&["round-3.batch".to_owned()]).unwrap();
    assert!(names(&guarded).contains(&"round-2.until"));
    assert_ordered(&guarded);
}

#[test]
fn a_stage_name_means_all_its_rounds_and_a_shared_one_goes_by_either_name() {
    let plan = planned(&[&named("a"), &named("b").replace("mode: hard", "mode: easy")]);
    assert_eq!(plan.find("select").unwrap().len(), 8);
    assert_eq!(plan.find("b/select").unwrap().len(), 4);
    assert_eq!(plan.find("b/initial"), plan.find("a/initial"));
    assert_eq!(plan.find("b/merge").unwrap().len(), 4, "round 1 is shared with a");
}

#[test]
fn a_stage_of_a_strategy_is_that_of_all_its_seeds_and_of_a_family_that_of_all_members() {
    let plan = members();
    let found = |name: &str| {
        let found = plan.find(name).unwrap();
        found
            .into_iter()
            .map(|id| plan.nodes[id.0].name.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found("a/split"),
        ["a-mode=hard-seed-0/split", "a-mode=hard-seed-1/split"]
    );
    assert_eq!(
        found("a-mode=easy/split"),
        found("a/split"),
        "shared with the other mode"
    );
    assert_eq!(found("a/tables").len(), 4);
    assert_eq!(found("a-mode=easy/round-2.select").len(), 2);
    assert_eq!(found("round-2.select").len(), 4);
    assert_eq!(found("a-mode=easy-seed-1/round-2.select").len(), 1);
    let unknown = |name: &str| plan.find(name).unwrap_err().suggestion.unwrap();
    assert_eq!(unknown("a/tabels"), "a/tables");
}

#[test]
fn unknown_targets_are_all_named_with_what_was_meant() {
    let plan = planned(&[&named("a")]);
    let errors = plan
        .only(&["merg".to_owned(), "round-2.mrege".to_owned(), "tables".to_owned()])
        .unwrap_err();
    let said: Vec<_> = errors
        .iter()
        .map(|error| (error.name.as_str(), error.suggestion.as_deref()))
        .collect();
    assert_eq!(
        said,
        [("merg", Some("merge")), ("round-2.mrege", Some("round-2.merge"))]
    );
}

#[test]
fn a_comparison_reads_the_tables_of_each_pipeline() {
    let mut plan = planned(&[&named("a"), &named("b").replace("mode: hard", "mode: easy")]);
    assert_eq!(add_comparison(&mut plan, &registry()).unwrap(), Vec::<String>::new());
    assert_eq!(
        inputs(&plan, "comparison.tables", "rounds"),
        [pair("a", "a/tables.rounds"), pair("b", "b/tables.rounds")]
    );
    assert_eq!(
        inputs(&plan, "comparison.charts", "rounds"),
        [pair("", "comparison.tables.rounds")]
    );
    assert_ordered(&plan);
}

#[test]
fn what_has_no_tables_is_left_out_of_the_comparison_and_one_alone_is_not_compared() {
    let mut plan = planned(&[&named("a"), "stages: {s: {uses: shapes}}"]);
    let before = plan.clone();
    assert_eq!(add_comparison(&mut plan, &registry()).unwrap(), ["pipeline"]);
    assert_eq!(plan, before);
}

#[test]
fn ten_thousand_nodes_are_planned_in_order() {
    let text = named("a").replace("max: 4", "max: 1250");
    let pipelines = [pipeline(&text)];
    let registry = registry();
    let plan = plan(&pipelines, &registry).unwrap();
    assert!(plan.nodes.len() > 9_990, "{}", plan.nodes.len());
    assert_ordered(&plan);
}

fn assert_ordered(plan: &Plan) {
    for (id, node) in plan.iter() {
        assert!(
            node.needs().all(|need| need < id),
            "{} comes before what it needs",
            node.name
        );
    }
    let unique: BTreeSet<&str> = names(plan).into_iter().collect();
    assert_eq!(unique.len(), plan.nodes.len(), "names are not unique");
}

/// A pipeline of `step` and `join` stages; each takes from some before it, and stands at a random place in the text.
fn random_pipeline(name: &str) -> impl Strategy<Value = String> {
    let stage = (
        any::<prop::sample::Index>(),
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        0..3_u32,
    );
    let outside = prop::collection::vec(stage.clone(), 1..8);
    let inside = prop::collection::vec(stage, 0..6);
    let name = name.to_owned();
    (outside, inside, 1..5_u32, any::<prop::sample::Index>()).prop_map(move |(outside, inside, max, end)| {
        let line = |names: &[String], own: &str, picks: &[prop::sample::Index], seed: &str| {
            let picked: Vec<&str> = picks
                .iter()
                .filter(|_| !names.is_empty())
                .map(|pick| names[pick.index(names.len())].as_str())
                .collect();
            let picked = picked.join(", ");
            format!("{own}: {{uses: join, in: {{items: [{picked}]}}, with: {{seed: {seed}}}}}")
        };
        let mut known: Vec<String> = Vec::new();
        let mut lines: Vec<(usize, String)> = Vec::new();
        for (at, (place, picks, seed)) in outside.iter().enumerate() {
            let own = format!("o{at}");
            lines.push((place.index(100), line(&known, &own, picks, &seed.to_string())));
            known.push(own);
        }
        let first = known[end.index(known.len())].clone();
        lines.sort();
        let mut text = format!("name: {name}\nstages:\n");
        lines.iter().for_each(|(_, line)| writeln!(text, "  {line}").unwrap());
        if inside.is_empty() {
            return text;
        }
        writeln!(
            text,
            "  end: {{uses: join, in: {{items: [rounds.all.r0, rounds.last.r0]}}}}"
        )
        .unwrap();
        let mut lines: Vec<(usize, String)> = Vec::new();
        known.push("carry.c".to_owned());
        for (at, (place, picks, seed)) in inside.iter().enumerate() {
            let own = format!("r{at}");
            let seed = if *seed == 0 {
                "\"${round}\"".to_owned()
            } else {
                seed.to_string()
            };
            lines.push((place.index(100), line(&known, &own, picks, &seed)));
            known.push(own);
        }
        let next = format!("r{}", end.index(inside.len()));
        lines.sort();
        writeln!(
            text,
            "rounds:\n  max: {max}\n  carry: {{c: [{first}, {next}]}}\n  stages:"
        )
        .unwrap();
        lines.iter().for_each(|(_, line)| writeln!(text, "    {line}").unwrap());
        text
    })
}

fn work_of(plan: &Plan, pipeline: &str) -> BTreeSet<(String, String)> {
    let own = plan
        .nodes
        .iter()
        .filter(|node| node.pipelines.iter().any(|name| name == pipeline));
    own.map(|node| (node.kind.clone(), node.params.to_string())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sharing_keeps_order_and_the_work_of_each_pipeline(a in random_pipeline("a"), b in random_pipeline("b")) {
        let together = planned(&[&a, &b]);
        assert_ordered(&together);
        for (name, text) in [("a", &a), ("b", &b)] {
            let alone = planned(&[text]);
            assert_ordered(&alone);
            prop_assert_eq!(work_of(&together, name), work_of(&alone, name));
            let wanted = together.nodes.iter().filter(|node| node.pipelines.iter().any(|own| own == name)).count();
            prop_assert_eq!(wanted, alone.nodes.len());
        }
    }

    #[test]
    fn a_part_of_a_plan_is_a_plan(text in random_pipeline("a"), pick in any::<prop::sample::Index>()) {
        let whole = planned(&[&text]);
        let target = whole.nodes[pick.index(whole.nodes.len())].name.clone();
        let part = whole.only(std::slice::from_ref(&target)).unwrap();
        assert_ordered(&part);
        prop_assert_eq!(&part.nodes.last().unwrap().name, &target);
    }
}
